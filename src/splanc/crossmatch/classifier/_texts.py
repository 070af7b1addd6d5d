"""What is said of a match in words."""

from __future__ import annotations

import html

import pyarrow as pa
import pyarrow.compute as pc

from ._columns import DIRECT, SPECTROSCOPIC
from ._words import joined, joined_if, numbers, texts_of

_LEADS = ("", "Synonymous with ", "Possibly associated with ", "No known source is its own; the nearest of note is ")
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

_NEAR_MPC = 0.1
"""What is nearer, stars and the Galaxy's companions, has its distance in parsecs."""

ORPHAN_SUMMARY = "No known source is near."
"""Of an object without a match."""


def describe(columns: dict[str, pa.Array]) -> dict[str, pa.Array]:
    """Return what is known of each match in a few sentences: `summary`, plain text, and `description`, HTML.

    Parameters
    ----------
    columns : of `match_columns`.
    """
    name, band, catalogues = columns["catalogue_object_id"], columns["MagFilter"], columns["catalogue_table_name"]
    lead = texts_of(columns["classificationReliability"].to_numpy(), _LEADS)
    noun = pc.take(pa.array(_NOUNS.values()), pc.index_in(columns["association_type"], pa.array(_NOUNS)))
    rest = joined(". ", _place(columns), _distance(columns))
    magnitude = numbers(columns["Mag"], 2)
    plain = (name, ", ", noun, _magnitude(band, magnitude), " in ", catalogues)
    marked = ("<em>", escaped(name), "</em>, ", noun, _magnitude(escaped(band), magnitude), " in ", escaped(catalogues))
    return {"summary": joined(lead, *plain, rest), "description": joined(lead, *marked, rest)}


def escaped(texts: pa.Array) -> pa.Array:
    """Return texts with what a browser would take for markup escaped."""
    for mark in "&<>\"'":  # the ampersand first: it is in the others' names
        texts = pc.replace_substring(texts, mark, html.escape(mark))
    return texts


def _magnitude(band: pa.Array, magnitude: pa.Array) -> pa.Array:
    """Return the magnitude that is known of each source, or nothing."""
    return joined_if(" of ", pc.coalesce(joined(band, " = "), "magnitude "), magnitude)


def _place(columns: dict[str, pa.Array]) -> pa.Array:
    """Return where each object is, seen from the source."""
    kpc = joined_if(" (", numbers(columns["physical_separation_kpc"], 2), " kpc)")
    towards = (_towards(columns["northSeparationArcsec"], "N", "S"), ", ", _towards(columns["eastSeparationArcsec"], "E", "W"))
    return joined("It is ", numbers(columns["separationArcsec"], 2), "″", kpc, " from it: ", *towards, ".")


def _towards(offset: pa.Array, positive: str, negative: str) -> pa.Array:
    return joined(numbers(pc.abs(offset), 2), pc.if_else(pc.greater_equal(offset, 0.0), f"″ {positive}", f"″ {negative}"))


def _distance(columns: dict[str, pa.Array]) -> pa.Array:
    """Return how far away each source is, and how that is known; empty where it is not."""
    flag, distance = columns["best_distance_flag"], columns["best_distance"]
    by_redshift = joined(" The source's redshift is ", numbers(columns["z"], 5), ", its distance ")
    by_colour = joined(" The source's photometric redshift is ", numbers(columns["photoZ"], 3), ", its distance about ")
    how = pc.if_else(pc.equal(flag, DIRECT), " The source's distance is measured: ", pc.if_else(pc.equal(flag, SPECTROSCOPIC), by_redshift, by_colour))
    modulus = pc.add(pc.multiply(pc.log10(distance), 5.0), 25.0)
    in_parsecs = joined(numbers(pc.multiply(distance, 1e6), 1), " pc")
    far = pc.if_else(pc.less(distance, _NEAR_MPC), in_parsecs, joined(numbers(distance, 3), " Mpc"))
    return joined_if(how, far, ", a distance modulus of ", numbers(modulus, 2), " mag.")
