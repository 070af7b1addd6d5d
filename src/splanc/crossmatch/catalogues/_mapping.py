"""From published columns to the common record, by a profile, and which rows cannot be used, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import astropy.units as u
import polars as pl
import pyarrow as pa

from ...errors import UserError
from ._columns import SOURCE_COLUMNS
from ._profile import PLACE, Input, Profile
from ._rows import complete

ROW = "_row"
"""Column that readers add: number of the row in its file, from 1; of a file of text, of the line."""

UNIT = b"unit"
"""Key of a field's metadata, of the unit that a file states."""

_NULL_WORDS = ("", "null", "NULL", "nan", "NaN", "NAN", "\\N", "N/A", "n/a", "--", "---")
"""Texts that mean that there is no value."""

_SEXAGESIMAL = {"h:m:s": 15.0, "d:m:s": 1.0}
_PARTS = r"^([+-]?)\s*(\d{1,3})[: ]\s*(\d{1,2})(?:[: ]\s*(\d{1,2}(?:\.\d*)?))?$"

BAD = {"row": pl.Int64, "reason": pl.String, "content": pl.String}
"""Columns of rows that cannot be used: number, why, and what they say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """Rows in the common record, and those that cannot be used (`BAD`)."""

    rows: pa.Table
    bad: pl.DataFrame


def columns_for(profile: Profile, names: Iterable[str]) -> dict[str, str]:
    """Return which of a file's columns each input is, by input; inputs that the file does not have are left out."""
    given = [(name.strip(), name) for name in names]
    there = {**{short.lower(): name for short, name in reversed(given)}, **dict(reversed(given))}
    found = {}
    for one in profile.inputs.values():
        match = next((there[name] for spelt in one.names for name in (spelt, spelt.lower()) if name in there), None)
        if match is not None:
            found[one.name] = match
    return found


def lacking(profile: Profile, found: Mapping[str, str]) -> list[str]:
    """Return what of name and position cannot be made from these inputs; positions may come from another file, where the profile says so."""
    columns = PLACE[:1] if profile.positions else PLACE
    return [column for column in columns if not any(one.name in found for one in profile.needs(column))]


def without(profile: Profile, missing: Sequence[str]) -> str:
    """Return what a file is without, each with the columns that it could be made from, and how to say what they are called."""
    made_of = (f"{column} (from {' or '.join(dict.fromkeys(name for one in profile.needs(column) for name in one.names))})" for column in missing)
    example = min(profile.needs(missing[0]), key=lambda one: not one.name.startswith(missing[0])).name
    return f"no columns for {', '.join(made_of)}; say what they are called with --column, as in --column {example}=NAME"


def map_rows(raw: pa.Table, profile: Profile) -> Mapped:
    """Return rows of a published catalogue in the common record.

    Parameters
    ----------
    raw : the columns of a file, whole or only those that the profile names, with `ROW`.

    Raises
    ------
    UserError
        If the columns do not tell name and position, or an expression of the profile cannot be evaluated.
    """
    found = columns_for(profile, raw.column_names)
    missing = lacking(profile, found)
    if missing:
        raise UserError(f"{without(profile, missing)}; it has {', '.join(name for name in raw.column_names if name != ROW)}")
    units = {name: (raw.schema.field(column).metadata or {}).get(UNIT, b"").decode() for name, column in found.items()}
    frame = pl.DataFrame({ROW: pl.from_arrow(raw[ROW]), **{name: pl.from_arrow(raw[column]) for name, column in found.items()}})
    read = frame.with_columns(_value(one, frame.schema.get(one.name), units.get(one.name, "")).alias(one.name) for one in profile.inputs.values())
    try:
        if profile.keep:
            kept = read.select(pl.sql_expr(profile.keep).fill_null(value=False)).to_series()
            frame, read = frame.filter(kept), read.filter(kept)
        made = read.select(ROW, *_made(profile))
    except pl.exceptions.PolarsError as error:
        raise UserError(f"the profile {profile.name}: {str(error).partition(chr(10))[0]}") from error
    reasons = _reasons(profile, frame, read, made)
    good = made.filter(reasons.is_null()).drop(ROW).to_arrow()
    content = pl.concat_str([pl.format("{}={}", pl.lit(name), pl.col(name).cast(pl.String).fill_null("")) for name in found], separator="; ")
    bad = frame.with_columns(reason=reasons, content=content).filter(pl.col("reason").is_not_null()).select(pl.col(ROW).alias("row"), "reason", "content")
    return Mapped(rows=complete(good.cast(_schema_of(good))), bad=bad.cast(BAD))  # type: ignore[arg-type]


def _schema_of(rows: pa.Table) -> pa.Schema:
    return pa.schema([SOURCE_COLUMNS.field(name) for name in rows.column_names])


def _value(one: Input, dtype: pl.DataType | None, unit: str) -> pl.Expr:
    """Return an input as text or number, NULL where the file has none."""
    if dtype is None:
        return pl.lit(None, pl.Float64 if one.is_number else pl.String)
    there = pl.col(one.name)
    if dtype == pl.String:
        there = there.str.strip_chars()
        there = pl.when(~there.is_in(_NULL_WORDS)).then(there)
        there = there.str.extract(one.pattern) if one.pattern else there
    if not one.is_number:
        return (there.cast(pl.Int64, strict=False) if dtype.is_float() else there).cast(pl.String)
    number = there.cast(pl.Float64, strict=False)
    if one.unit in _SEXAGESIMAL:
        return pl.coalesce(number, _degrees(there.cast(pl.String), _SEXAGESIMAL[one.unit]))
    number = pl.when(number.is_finite() & ~number.is_in(list(one.nulls))).then(number)
    return number * _factor(one, unit)


def _degrees(text: pl.Expr, factor: float) -> pl.Expr:
    """Return sexagesimal texts in degrees; NULL where they are none."""
    sign, whole, minutes, seconds = (text.str.extract(_PARTS, part) for part in range(1, 5))
    size = whole.cast(pl.Float64) + minutes.cast(pl.Float64) / 60 + seconds.cast(pl.Float64).fill_null(0.0) / 3600
    return pl.when(sign == "-").then(-size).otherwise(size) * factor


def _factor(one: Input, unit: str) -> float:
    """Return what turns a file's unit into the profile's."""
    if not unit or not one.unit:
        return 1.0
    try:
        return float(u.Unit(unit).to(u.Unit(one.unit)))
    except u.UnitConversionError as error:
        raise UserError(f"{one.names[0]} is in {unit} in the file, which is no {one.unit}") from error
    except ValueError:  # a unit that astropy does not know, as older files write them: the profile's holds
        return 1.0


def _made(profile: Profile) -> list[pl.Expr]:
    """Return what makes the columns of the common record from the inputs."""
    made = {name: pl.sql_expr(expression) for name, expression in profile.expressions.items()}
    if profile.magnitudes:
        made |= _magnitude(profile)
    if profile.epoch is not None and "pmra" in made and "epoch" not in made:
        made["epoch"] = pl.when(made["pmra"].is_not_null()).then(pl.lit(profile.epoch))
    finite = []
    for name, expression in made.items():
        is_number = pa.types.is_floating(SOURCE_COLUMNS.field(name).type)
        typed = expression.cast(pl.Float64 if is_number else pl.String)
        finite.append((pl.when(typed.is_finite()).then(typed) if is_number else typed).alias(name))
    return finite


def _magnitude(profile: Profile) -> dict[str, pl.Expr]:
    """Return magnitude, error and filter: of the first that a row has."""
    chosen = {"mag": pl.lit(None, pl.Float64), "mag_err": pl.lit(None, pl.Float64), "mag_filter": pl.lit(None, pl.String)}
    for one in reversed(profile.magnitudes):
        mag, err = pl.sql_expr(one["mag"]), pl.sql_expr(one["err"]) if "err" in one else pl.lit(None, pl.Float64)
        values = {"mag": mag, "mag_err": err, "mag_filter": pl.lit(one["filter"])}
        chosen = {name: pl.when(mag.is_not_null()).then(values[name]).otherwise(other) for name, other in chosen.items()}
    return chosen


def _reasons(profile: Profile, frame: pl.DataFrame, read: pl.DataFrame, made: pl.DataFrame) -> pl.Series:
    """Return why each row cannot be used; NULL where it can."""
    unread = [
        pl.when(_is_no_number(frame, one.name) & read[one.name].is_null()).then(pl.format("{} is no number: {}", pl.lit(one.names[0]), frame[one.name]))
        for one in profile.inputs.values()
        if one.is_number and not one.pattern and frame.schema.get(one.name) == pl.String
    ]
    on_sky = made["ra"].is_between(0.0, 360.0) & made["dec"].is_between(-90.0, 90.0)
    nameless = made["id"].is_null() | (made["id"] == "")
    placeless = pl.when(made["ra"].is_null() | made["dec"].is_null()).then(pl.lit("it has no position"))
    off_sky = pl.when(~on_sky).then(pl.lit("its position is not on the sky"))
    return pl.select(pl.coalesce(*unread, pl.when(nameless).then(pl.lit("it has no name")), placeless, off_sky)).to_series()


def _is_no_number(frame: pl.DataFrame, name: str) -> pl.Series:
    text = frame[name].str.strip_chars()
    return text.is_not_null() & ~text.is_in(_NULL_WORDS) & text.cast(pl.Float64, strict=False).is_null()
