"""The rules: which catalogues are searched, for what, how far, and what follows. One TOML file, `rules.toml` unless an operator has another."""

from __future__ import annotations

import difflib
import hashlib
import re
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from ...errors import UserError

Label = Literal["AGN", "CV", "NT", "SN", "HPMS", "VS", "BS", "UNCLEAR"]
"""A class that a search can find."""

LABELS: tuple[str, ...] = get_args(Label)
"""In this order they win where accuracies are equal."""

Kind = Literal["star", "galaxy", "agn", "cv", "variable", "unknown"]
"""What a profile makes of a catalogue's type."""

MOST_SEARCHES = 64
"""Searches over one catalogue: each is a bit of a number."""

SYNONYM_MOST_ARCSEC = 10.0
"""A synonym is the same thing, so it is near."""


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Search(_Table):
    """One search over one catalogue."""

    name: str = Field(min_length=1, description="What explanations call it.")
    catalogue: str = Field(description="Catalogue's name on the shelf: that of its profile, unless you gave another.")
    kinds: tuple[Kind, ...] = Field((), description="Kinds of sources: star, galaxy, agn, cv, variable, unknown. None: all, also those without.")
    types: tuple[str, ...] = Field((), description="Types of sources, as the catalogue says them; `*` stands for anything. None: all.")
    mag_min: float | None = Field(None, description="Brightest magnitude.")
    mag_max: float | None = Field(None, description="Faintest magnitude.")
    semi_major_min_arcsec: float | None = Field(None, description="Least semi-major axis, arcsec.")
    semi_major_max_arcsec: float | None = Field(None, description="Greatest semi-major axis, arcsec.")
    pm_min_mas_yr: float | None = Field(None, description="Least proper motion, mas/yr.")
    has_distance: bool | None = Field(None, description="Whether the source has a measured distance, or a spectroscopic redshift of 0.001 or more.")
    synonym: Label | None = Field(None, description="Class of an object that is the source.")
    synonym_arcsec: float | None = Field(
        None, gt=0, le=SYNONYM_MOST_ARCSEC, description="An object is the source within this, arcsec. Unset: `synonym_arcsec` at the top of the file."
    )
    association: Label | None = Field(None, description="Class of an object that belongs to the source.")
    association_arcsec: float | None = Field(None, gt=0, le=36_000, description="An object belongs to the source within this, arcsec.")
    annotation_arcsec: float | None = Field(None, gt=0, le=36_000, description="A source within this is noted only, arcsec; such a search has no classes.")
    physical_kpc: float | None = Field(
        None, gt=0, description="The object must also be within this of the source, kpc at the source's distance, or within its extent."
    )
    within_extent: bool = Field(
        False, description="Whether the object must also be within the source's extent; where that is not known, the angle alone counts."
    )
    accuracy: int = Field(3, ge=1, le=9, description="How well the catalogue knows what its sources are, 1 is best.")

    @property
    def outer_arcsec(self) -> float | None:
        """Radius of the association, or of the annotation."""
        return self.association_arcsec or self.annotation_arcsec

    @model_validator(mode="after")
    def _does_one_thing(self) -> Self:
        if (self.association is None) != (self.association_arcsec is None):
            raise ValueError("`association` and `association_arcsec` stand together")
        if self.synonym_arcsec is not None and self.synonym is None:
            raise ValueError("`synonym_arcsec` needs the class `synonym`")
        if self.annotation_arcsec is not None and (self.synonym or self.association):
            raise ValueError("a search with `annotation_arcsec` has no classes: leave out `synonym` and `association`")
        if self.synonym is None and self.outer_arcsec is None:
            raise ValueError("it finds nothing: give `synonym`, `association` or `annotation_arcsec`")
        if self.physical_kpc is not None and self.outer_arcsec is None:
            raise ValueError("`physical_kpc` needs `association` or `annotation_arcsec`")
        if self.within_extent and (self.outer_arcsec is None or self.physical_kpc is not None):
            raise ValueError("`within_extent` needs `association` or `annotation_arcsec`, and stands for `physical_kpc` where there is no distance: give one")
        return self


class Merging(_Table):
    """How the sources of several catalogues become one."""

    radius_arcsec: float = Field(1.0, ge=0, le=10, description="Sources within this of the nearest one are the same, arcsec.")
    names: tuple[str, ...] = Field((), description="Catalogues that name it, the first that has it; others follow in the order of their first searches.")


class Ranking(_Table):
    """Which of several sources decides."""

    nearest_synonym: bool = Field(
        True,
        description="Of sources that the object may be, galaxies are ranked by separation as stars are; false: by the physical separation, as Sherlock does.",
    )


class Rules(_Table):
    """All rules."""

    synonym_arcsec: float = Field(1.5, gt=0, le=SYNONYM_MOST_ARCSEC, description="An object is the source within this, arcsec, unless a search says otherwise.")
    merging: Merging = Field(default_factory=Merging)
    ranking: Ranking = Field(default_factory=Ranking)
    search: tuple[Search, ...] = Field(min_length=1, description="The searches, in order.")
    source: str = Field("the rules", exclude=True, description="File that they are from.")

    @property
    def version(self) -> str:
        """A short text that changes with any rule."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:8]

    @property
    def catalogues(self) -> list[str]:
        """Names of the catalogues, in the order of their first searches."""
        return list(dict.fromkeys(search.catalogue for search in self.search))

    def of(self, catalogue: str) -> list[tuple[int, Search]]:
        """Return the searches over a catalogue, each with its place among all."""
        return [(number, search) for number, search in enumerate(self.search) if search.catalogue == catalogue]

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        names = [search.name for search in self.search]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two searches are called {twice[0]!r}")
        for name in self.catalogues:
            if len(self.of(name)) > MOST_SEARCHES:
                raise ValueError(f"more than {MOST_SEARCHES} searches over {name}")
        for name in self.merging.names:
            if name not in self.catalogues:
                raise ValueError(f"`merging.names` has the catalogue {name!r}, which no search is over{nearest(name, self.catalogues)}")
        return self


_KEYS = {"": list(Rules.model_fields), "search": list(Search.model_fields), "merging": list(Merging.model_fields), "ranking": list(Ranking.model_fields)}
"""The keys of each table of the file."""


def load_rules(path: Path | None) -> Rules:
    """Return the rules of a file; those that come with splanc if there is none.

    Raises
    ------
    UserError
        If it cannot be read, or a rule is not allowed: the message names the file, the search and the key, and the nearest that is allowed.
    """
    place = path or files(__package__) / "rules.toml"
    try:
        given = tomllib.loads(place.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UserError(f"the classifier's rules {place} cannot be read: {error}") from error
    try:
        return Rules.model_validate({**given, "source": str(place)})
    except ValidationError as error:
        lines = [f"  {_place_of(detail, given)}{_why(detail)}" for detail in error.errors()]
        raise UserError("\n".join([f"the classifier's rules {place} are not valid:", *lines])) from error


def nearest(name: str, names: Any) -> str:
    """Return a question for the nearest name, to stand behind a sentence; empty if none is near.

    >>> nearest("gaia_dr2", ["ned", "gaia_dr3"])
    '; did you mean `gaia_dr3`?'
    """
    near = difflib.get_close_matches(name, list(names), 1)
    return f"; did you mean `{near[0]}`?" if near else ""


def _place_of(detail: ErrorDetails, given: dict[str, Any]) -> str:
    loc = detail["loc"]
    if len(loc) > 1 and loc[0] == "search" and isinstance(loc[1], int):
        name = given["search"][loc[1]].get("name") if isinstance(given["search"][loc[1]], dict) else None
        return f"search {loc[1] + 1}{f' ({name})' if name else ''}{_key(loc[2:])}: "
    return f"{'.'.join(map(str, loc))}: " if loc else ""


def _key(loc: tuple[int | str, ...]) -> str:
    return f", {'.'.join(map(str, loc))}" if loc else ""


def _why(detail: ErrorDetails) -> str:
    """Return what is wrong with a value."""
    if detail["type"] == "extra_forbidden":
        *tables, key = (part for part in detail["loc"] if isinstance(part, str))
        return f"there is no such key{nearest(key, _KEYS[tables[0] if tables else ''])}"
    if detail["type"] == "literal_error":
        allowed = re.findall(r"'([^']+)'", detail["ctx"]["expected"])
        return f"{detail['input']!r} is none of {', '.join(allowed)}{nearest(str(detail['input']), allowed)}"
    said = detail["msg"].removeprefix("Value error, ")
    return said if detail["type"] in ("missing", "value_error") else f"{said} (given: {detail['input']!r})"
