"""Profiles: what a catalogue is, and how its published columns become the common record. One TOML file each, in `profiles/`."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

from ...errors import UserError
from ._columns import SOURCE_COLUMNS

_FOLDER = files(__package__) / "profiles"

ROLES = ("stars", "bright stars", "variables", "cv", "galaxies", "agn", "mixed")
"""What the sources of a catalogue may be, mainly."""

_NEEDED = {"title", "role", "citation", "reference", "texts", "numbers", "columns"}
_KNOWN = _NEEDED | {"name", "licence", "epoch", "keep", "magnitudes", "layout", "one_row_for_each", "positions"}

PLACE = ("id", "ra", "dec")
"""What every row must have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """A column of the published catalogue that is read.

    Parameters
    ----------
    name : in the profile's expressions.
    names : what the column is called where it is published, the first that a file has is taken; capitals do not matter.
    is_number : or text.
    unit : of numbers, as astropy writes units; a file that states another is converted. `h:m:s` and `d:m:s` are sexagesimal, read as degrees.
    nulls : numbers that mean that there is none.
    pattern : regular expression whose first group is the value, of columns that hold several; empty: all of it.
    """

    name: str
    names: tuple[str, ...]
    is_number: bool
    unit: str = ""
    nulls: tuple[float, ...] = ()
    pattern: str = ""


@dataclass(frozen=True)
class Profile:
    """What a catalogue is, and how it is read.

    Parameters
    ----------
    name : of the profile; rules of the classifier name catalogues by it.
    document : the TOML file's content.
    """

    name: str
    document: Mapping[str, Any]

    @property
    def title(self) -> str:
        """The catalogue's name, for people."""
        return str(self.document["title"])

    @property
    def role(self) -> str:
        """What its sources are, mainly: one of `ROLES`."""
        return str(self.document["role"])

    @property
    def citation(self) -> str:
        """The publication to cite."""
        return str(self.document["citation"])

    @property
    def reference(self) -> str:
        """Where it is published, as archives name it."""
        return str(self.document["reference"])

    @property
    def licence(self) -> str:
        """On what terms; empty where none are stated."""
        return str(self.document.get("licence", ""))

    @property
    def epoch(self) -> float | None:
        """Julian year of the positions of rows with a motion; None where rows differ, or no motion is known."""
        return self.document.get("epoch")

    @cached_property
    def inputs(self) -> Mapping[str, Input]:
        """The columns that are read, by their name in expressions."""
        return {**_inputs(self.document["texts"], is_number=False), **_inputs(self.document["numbers"], is_number=True)}

    @cached_property
    def expressions(self) -> Mapping[str, str]:
        """What makes each column of the common record, in SQL over the inputs; an input of the same name stands for itself."""
        return {**{name: name for name in self.inputs if name in SOURCE_COLUMNS.names}, **self.document["columns"]}

    @property
    def keep(self) -> str:
        """Which rows are sources at all, in SQL over the inputs; empty for all."""
        return str(self.document.get("keep", ""))

    @property
    def positions(self) -> str:
        """Column of names by which positions are looked up in another file, where the catalogue has none of its own; empty otherwise."""
        return str(self.document.get("positions", ""))

    @property
    def one_row_for_each(self) -> bool:
        """Whether rows of the same name become one, with the median of their distances; such a catalogue is sorted in memory."""
        return bool(self.document.get("one_row_for_each", False))

    @property
    def magnitudes(self) -> list[Mapping[str, str]]:
        """Magnitudes in the order of preference: `filter`, and `mag` and `err` in SQL over the inputs."""
        return list(self.document.get("magnitudes", []))

    def with_columns(self, given: Mapping[str, str]) -> Profile:
        """Return the profile with inputs that are read from other columns than it says.

        Parameters
        ----------
        given : what the columns are called in the file, by input.

        Raises
        ------
        UserError
            If the profile has no such input.
        """
        strangers = [name for name in given if name not in self.inputs]
        if strangers:
            raise UserError(f"the profile {self.name} reads nothing called {', '.join(strangers)}; it reads {', '.join(self.inputs)}")
        sections = {key: {name: _named(said, given.get(name)) for name, said in self.document[key].items()} for key in ("texts", "numbers")}
        return Profile(self.name, {**self.document, **sections})

    def gives(self, column: str) -> bool:
        """Return whether rows may have a value in a column of the common record."""
        return column in self.expressions

    def needs(self, column: str) -> tuple[Input, ...]:
        """Return the inputs that a column is made from."""
        words = set(re.findall(r"\w+", re.sub(r"'[^']*'", "", self.expressions[column])))
        return tuple(one for name, one in self.inputs.items() if name in words)


def profile_names() -> list[str]:
    """Return the names of the profiles that come with splanc, sorted."""
    return sorted(path.name.removesuffix(".toml") for path in _FOLDER.iterdir() if path.name.endswith(".toml"))


def load_profile(name: str) -> Profile:
    """Return a profile: one that comes with splanc, by name, or a TOML file of one's own, by its path.

    Raises
    ------
    UserError
        If there is none, or it cannot be read.
    """
    own = Path(name)
    if own.suffix == ".toml":
        return _read(own.stem, own)
    if name not in profile_names():
        near = difflib.get_close_matches(name, profile_names(), 1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(profile_names())}."
        raise UserError(f"no profile {name!r}; {hint} A profile of your own is a TOML file: give its path")
    return _read(name, _FOLDER / f"{name}.toml")


def _read(name: str, path: Any) -> Profile:
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UserError(f"the profile {path} cannot be read: {error}") from error
    profile = Profile(name, {"name": name, **document})
    wrong = _wrong_in(profile)
    if wrong:
        raise UserError(f"the profile {path}: {wrong}")
    return profile


def _wrong_in(profile: Profile) -> str:
    """Return what is wrong with a profile, or nothing."""
    said = set(profile.document)
    if _NEEDED - said:
        return f"it lacks {', '.join(sorted(_NEEDED - said))}"
    if said - _KNOWN:
        return f"nothing is known of {', '.join(sorted(said - _KNOWN))}; there are {', '.join(sorted(_KNOWN))}"
    if profile.role not in ROLES:
        return f"role {profile.role!r} is none of {', '.join(ROLES)}"
    strangers = set(profile.expressions) - set(SOURCE_COLUMNS.names[1:])
    if strangers:
        return f"{', '.join(sorted(strangers))} are no columns of sources; there are {', '.join(SOURCE_COLUMNS.names[1:])}"
    missing = [name for name in (*PLACE, "kind") if name not in profile.expressions]
    return f"it does not say what makes {', '.join(missing)}" if missing else ""


def _named(said: Any, column: str | None) -> Any:
    """Return what a profile says of an input, read from this column only; as it is, if none is given."""
    return said if column is None else {**_told(said), "names": [column]}


def _told(said: Any) -> dict[str, Any]:
    return said if isinstance(said, dict) else {"names": said}


def _inputs(section: Mapping[str, Any], *, is_number: bool) -> dict[str, Input]:
    inputs = {}
    for name, said in section.items():
        told = _told(said)
        nulls = tuple(float(value) for value in told.get("nulls", ()))
        texts = {key: str(told.get(key, "")) for key in ("unit", "pattern")}
        inputs[name] = Input(name=name, names=tuple(told["names"]), is_number=is_number, nulls=nulls, **texts)
    return inputs
