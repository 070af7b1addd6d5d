"""What is said of a match in words."""

from __future__ import annotations

import html
from functools import cache

import polars as pl

from ._columns import DIRECT, PHOTOMETRIC, SPECTROSCOPIC

_LEADS = {1: "Synonymous with ", 2: "Possibly associated with ", 3: "No known source is its own; the nearest of note is "}
"""How a sentence begins, by reliability."""

_NOUNS = {
    "VS": "a star",
    "BS": "a bright star",
    "HPMS": "a star of high proper motion",
    "CV": "a cataclysmic variable",
    "AGN": "an active galactic nucleus",
    "NT": "a galaxy",
    "SN": "a galaxy",
    "UNCLEAR": "a source of unknown kind",
    "ORPHAN": "a source",
}
"""What the source of a match is, by class. An SN may lie near an active nucleus, which then is its galaxy."""

ORPHAN_SUMMARY = "No known source is near."
"""Of an object without a match."""


def describe(columns: pl.DataFrame) -> pl.DataFrame:
    """Return what is known of each match in a few sentences: `summary`, plain text, and `description`, HTML.

    Parameters
    ----------
    columns : of `match_columns`.
    """
    return columns.select(*_sentences()).select(summary=pl.col("plain") + pl.col("rest"), description=pl.col("marked") + pl.col("rest"))


@cache
def _sentences() -> tuple[pl.Expr, ...]:
    """Return the parts of the texts: what the source is, plain and marked, and the rest."""
    return _source(as_html=False).alias("plain"), _source(as_html=True).alias("marked"), pl.concat_str(_place(), _distance()).alias("rest")


def _source(*, as_html: bool) -> pl.Expr:
    """Return what the source is: name, kind, magnitude, catalogues."""
    name = _escaped(pl.col("catalogue_object_id")) if as_html else pl.col("catalogue_object_id")
    noun = pl.col("association_type").replace_strict(_NOUNS, return_dtype=pl.String)
    band = pl.col("MagFilter")
    band = pl.coalesce(pl.format("{} = ", _escaped(band) if as_html else band), pl.lit("magnitude "))
    magnitude = pl.coalesce(pl.format(" of {}{}", band, _rounded("Mag", 2)), pl.lit(""))
    lead = pl.col("classificationReliability").replace_strict(_LEADS, return_dtype=pl.String)
    tag, end = ("<em>", "</em>") if as_html else ("", "")
    catalogues = _escaped(pl.col("catalogue_table_name")) if as_html else pl.col("catalogue_table_name")
    return pl.format("{}{}{}{}, {}{} in {}. ", lead, pl.lit(tag), name, pl.lit(end), noun, magnitude, catalogues)


def _escaped(text: pl.Expr) -> pl.Expr:
    """Return a text with what a browser would take for markup escaped."""
    marks = {mark: html.escape(mark) for mark in "&<>\"'"}
    return text.str.replace_many(list(marks), list(marks.values()))


def _place() -> pl.Expr:
    """Return where the object is, seen from the source."""
    kpc = pl.coalesce(pl.format(" ({} kpc)", _rounded("physical_separation_kpc", 2)), pl.lit(""))
    return pl.format("It is {}″{} from it: {}, {}.", _rounded("separationArcsec", 2), kpc, _towards("north", "N", "S"), _towards("east", "E", "W"))


def _towards(axis: str, positive: str, negative: str) -> pl.Expr:
    offset = pl.col(f"{axis}SeparationArcsec")
    side = pl.when(offset >= 0).then(pl.lit(positive)).otherwise(pl.lit(negative))
    return pl.format("{}″ {}", offset.abs().round(2), side)


def _distance() -> pl.Expr:
    """Return how far away the source is, and how that is known; empty where it is not."""
    flag, distance = pl.col("best_distance_flag"), pl.col("best_distance")
    known = pl.format("{} Mpc, a distance modulus of {} mag.", distance.round(3), (5 * distance.log10() + 25).round(2))
    return (
        pl.when(flag == DIRECT)
        .then(pl.format(" The source's distance is measured: {}", known))
        .when(flag == SPECTROSCOPIC)
        .then(pl.format(" The source's redshift is {}, its distance {}", _rounded("z", 5), known))
        .when(flag == PHOTOMETRIC)
        .then(pl.format(" The source's photometric redshift is {}, its distance about {}", _rounded("photoZ", 3), known))
        .otherwise(pl.lit(""))
    )


def _rounded(name: str, decimals: int) -> pl.Expr:
    return pl.col(name).round(decimals)
