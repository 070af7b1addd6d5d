"""The compiled loop that makes of each position's hits one physical source or several, and ranks them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from ._rules import LABELS

CLASSES = (*LABELS, "ORPHAN", "UNCLASSIFIED")
"""All classes; a class is its place in here. Those of searches stand in the order in which they win."""

AGN, CV, NT, SN, HPMS, VS, BS, UNCLEAR, ORPHAN, UNCLASSIFIED = range(len(CLASSES))

STARS = (CV, HPMS, VS, BS)
"""Classes of stars: a redshift is not their distance, and what is known of a galaxy beside them is not theirs."""

SYNONYM, ASSOCIATION, ANNOTATION = 1, 2, 3
"""The phases, which are the reliabilities of what they find."""

FACTS = np.dtype([("number", np.int32), ("synonym", np.int8), ("outer", np.int8), ("accuracy", np.int8)])
"""A search: its place among all, the classes that it gives (-1: none; `ORPHAN`: it annotates), its accuracy."""

MATCH = np.dtype(
    [
        ("position", np.int32),
        ("rank", np.int32),
        ("phase", np.int8),
        ("classification", np.int8),
        ("search", np.int32),
        ("begin", np.int32),
        ("end", np.int32),
        ("decider", np.int32),
        ("magnitude", np.int32),
        ("direct", np.int32),
        ("spectroscopic", np.int32),
        ("photometric", np.int32),
        ("size", np.int32),
        ("catalogues", np.uint64),
        ("physical_kpc", np.float64),
        ("score", np.float64),
    ],
    align=True,
)
"""A physical source near a position: its hits, `members[begin:end]`, the one that names it first, and those that are stars (or not) as it is before
others, which say nothing else of it; which hits give its class and place (`decider`),
magnitude, distances and size, -1 where none does; the search that gives its class, of those over its catalogue; a bit for each catalogue that has it."""


@njit(cache=True, nogil=True)
def resolve(hits: Any, sources: Any, facts: Any, merge_radians: Any, nearest_synonym: Any) -> Any:
    """Return the matches of all positions, by position and rank; their members; and the match of each hit.

    Parameters
    ----------
    hits, sources : of `HIT` and `SOURCE`, by position, catalogue and place in the catalogue, shape (n_hit,). Catalogues are numbered in the
        order in which they name a source.
    facts : of `FACTS`, shape (n_catalogue, n_search).
    merge_radians : hits within this of the nearest one are the same source.
    nearest_synonym : whether synonyms are ranked by separation, whatever their class.

    Returns
    -------
    matches : of `MATCH`, shape (n_match,).
    members : hits, match by match, shape (n_member,).
    match_of : match of each hit, -1 where it is in none, shape (n_hit,).
    """
    n = len(hits)
    matches, members, match_of = np.zeros(n, MATCH), np.empty(n, np.int32), np.full(n, -1, np.int32)
    labels, found, order = np.empty((n, 4), np.int32), np.empty(n, np.int32), np.empty(n, np.int32)
    n_match, n_member, begin = 0, 0, 0
    while begin < n:
        end = begin + 1
        while end < n and hits[end].position == hits[begin].position:
            end += 1
        phase = _phase_of(hits, facts, begin, end)
        n_found = _take_hits(hits, facts, begin, end, phase, labels, found)
        first = n_match
        for k in range(n_found):
            if match_of[found[k]] < 0:
                match = matches[n_match]
                match.position, match.phase, match.begin = hits[begin].position, phase, n_member
                n_member = _gather(hits, found, k, n_found, merge_radians, n_match, match_of, members, n_member)
                match.end = n_member
                _describe(match, hits, sources, members, labels, nearest_synonym)
                n_match += 1
        _rank(matches, first, n_match, order)
        for m in range(first, n_match):
            for k in range(matches[m].begin, matches[m].end):
                match_of[members[k]] = m
        begin = end
    return matches[:n_match], members[:n_member], match_of


@njit(cache=True, nogil=True)
def _phase_of(hits: Any, facts: Any, begin: Any, end: Any) -> Any:
    phase = 9
    for h in range(begin, end):
        if hits[h].synonym:
            return SYNONYM
        for number in range(facts.shape[1]):
            if hits[h].outer >> np.uint64(number) & np.uint64(1):
                phase = min(phase, ANNOTATION if facts[hits[h].catalogue, number].outer == ORPHAN else ASSOCIATION)
    return phase


@njit(cache=True, nogil=True)
def _take_hits(hits: Any, facts: Any, begin: Any, end: Any, phase: Any, labels: Any, found: Any) -> Any:
    """Put the hits of a phase into `found`, nearest first, and return their number; set the best label of each.

    A label is an accuracy, a class, and the place of the search among all and among those over its catalogue.
    """
    n_found = 0
    for h in range(begin, end):
        if _label(hits[h], facts[hits[h].catalogue], phase, labels[h]):
            k = n_found
            while k > 0 and hits[found[k - 1]].separation > hits[h].separation:
                found[k] = found[k - 1]
                k -= 1
            found[k] = h
            n_found += 1
    return n_found


@njit(cache=True, nogil=True)
def _label(hit: Any, facts: Any, phase: Any, label: Any) -> Any:
    """Set the best label that a hit has in a phase; return whether it has any."""
    bits = hit.synonym if phase == SYNONYM else hit.outer
    has_one = False
    for number in range(facts.size):
        fact = facts[number]
        given = fact.synonym if phase == SYNONYM else fact.outer
        in_phase = phase == SYNONYM or (given == ORPHAN) == (phase == ANNOTATION)
        if bits >> np.uint64(number) & np.uint64(1) and in_phase:
            if not has_one or fact.accuracy < label[0] or (fact.accuracy == label[0] and given < label[1]):
                label[0], label[1], label[2], label[3] = fact.accuracy, given, fact.number, number
            has_one = True
    return has_one


@njit(cache=True, nogil=True)
def _gather(hits: Any, found: Any, k: Any, n_found: Any, radians: Any, number: Any, match_of: Any, members: Any, n_member: Any) -> Any:
    """Add to the members hit k of those found and all hits near it that are in no match yet, in the order of their catalogues; return their number."""
    seed, begin, most = hits[found[k]], n_member, 4.0 * np.sin(radians / 2) ** 2
    for other in range(k, n_found):
        h = found[other]
        dx, dy, dz = hits[h].x - seed.x, hits[h].y - seed.y, hits[h].z - seed.z
        if match_of[h] < 0 and (other == k or dx * dx + dy * dy + dz * dz <= most):
            match_of[h] = number
            place = n_member
            while place > begin and hits[members[place - 1]].catalogue > hits[h].catalogue:
                members[place] = members[place - 1]
                place -= 1
            members[place] = h
            n_member += 1
    return n_member


@njit(cache=True, nogil=True)
def _describe(match: Any, hits: Any, sources: Any, members: Any, labels: Any, nearest_synonym: Any) -> None:
    """Set what is known of a match from its members."""
    decider = members[match.begin]
    for k in range(match.begin, match.end):
        h = members[k]
        match.catalogues |= np.uint64(1) << np.uint64(hits[h].catalogue)
        if _wins(labels[h], hits[h].separation, labels[decider], hits[decider].separation):
            decider = h
    match.decider, match.classification, match.search = decider, labels[decider, 1], labels[decider, 3]
    is_star = match.classification in STARS
    n_like = _put_like_first(members[match.begin : match.end], labels, is_star)
    _pick(match, sources, members[match.begin : match.begin + n_like])
    if match.classification == BS and not np.isnan(sources[decider].mag):
        match.magnitude = decider  # its brightness is why it counts
    of_distance = match.direct if match.direct >= 0 else match.spectroscopic
    match.physical_kpc = np.nan if is_star or of_distance < 0 else hits[decider].separation * sources[of_distance].kpc_per_arcsec
    match.score = _score(match, hits[decider].separation, nearest_synonym)


@njit(cache=True, nogil=True)
def _put_like_first(members: Any, labels: Any, is_star: Any) -> Any:
    """Put the members that are stars, if the match is one, or those that are none, before the others; return their number."""
    n_like = 0
    for k in range(members.size):
        if (labels[members[k], 1] in STARS) == is_star:
            h = members[k]
            for place in range(k, n_like, -1):
                members[place] = members[place - 1]
            members[n_like] = h
            n_like += 1
    return n_like


@njit(cache=True, nogil=True)
def _wins(label: Any, separation: Any, other: Any, other_separation: Any) -> Any:
    """Return whether a label goes before another one: by accuracy, class, search, then separation."""
    for part in range(3):
        if label[part] != other[part]:
            return label[part] < other[part]
    return separation < other_separation


@njit(cache=True, nogil=True)
def _pick(match: Any, sources: Any, members: Any) -> None:
    """Set which of some members give magnitude and photometric redshift, by least error, and distance, redshift and size, by order; -1: none."""
    match.magnitude = match.direct = match.spectroscopic = match.photometric = match.size = -1
    least_mag, least_photo = np.inf, np.inf
    for h in members:
        source = sources[h]
        if match.direct < 0 and source.distance_mpc > 0:
            match.direct = h
        if match.size < 0 and source.semi_major_arcsec > 0:
            match.size = h
        if not np.isnan(source.redshift) and (match.spectroscopic < 0 or (source.redshift > 0 and not sources[match.spectroscopic].redshift > 0)):
            match.spectroscopic = h
        mag_err = np.inf if np.isnan(source.mag_err) else np.float64(source.mag_err)
        if not np.isnan(source.mag) and (match.magnitude < 0 or mag_err < least_mag):
            match.magnitude, least_mag = h, mag_err
        photo_err = np.inf if np.isnan(source.photo_z_err) else np.float64(source.photo_z_err)
        if not np.isnan(source.photo_z) and (match.photometric < 0 or photo_err < least_photo):
            match.photometric, least_photo = h, photo_err


@njit(cache=True, nogil=True)
def _score(match: Any, separation: Any, nearest_synonym: Any) -> Any:
    """Return the score of a match; the lowest wins."""
    kind, minutes = match.classification, separation / 60
    term = 10 + minutes
    if kind == BS:
        term = separation
    elif kind in STARS:
        term = 2 + separation
    elif kind in (AGN, NT, SN):
        term = 2 + minutes
        if nearest_synonym and match.phase == SYNONYM:
            term = 2 + separation
        elif not np.isnan(match.physical_kpc):
            term = 2 - (50 - match.physical_kpc) + min(minutes, 100.0)
    return match.phase * 1000 + term


@njit(cache=True, nogil=True)
def _rank(matches: Any, begin: Any, end: Any, order: Any) -> None:
    """Put the matches of a position in the order of their scores; of equal ones by class, then by the catalogue that decided."""
    if end - begin == 1:
        matches[begin].rank = 1
        return
    for m in range(begin, end):
        place = m
        while place > begin and _precedes(matches[m], matches[order[place - 1]]):
            order[place] = order[place - 1]
            place -= 1
        order[place] = m
    ranked = matches[order[begin:end]].copy()
    for k in range(end - begin):
        matches[begin + k] = ranked[k]
        matches[begin + k].rank = k + 1


@njit(cache=True, nogil=True)
def _precedes(match: Any, other: Any) -> Any:
    if match.score != other.score:
        return match.score < other.score
    if match.classification != other.classification:
        return match.classification < other.classification
    return match.decider < other.decider


@njit(cache=True, nogil=True)
def arrange(hits: Any, n_position: Any) -> Any:
    """Return the order of hits by position, catalogue and place in the catalogue, shape (n_hit,)."""
    n = len(hits)
    starts = np.zeros(n_position + 1, np.int64)
    for h in range(n):
        starts[hits[h].position + 1] += 1
    starts = np.cumsum(starts)
    begins, order = starts.copy(), np.empty(n, np.int64)
    for h in range(n):
        position = hits[h].position
        place = starts[position]
        while place > begins[position] and _follows(hits[order[place - 1]], hits[h]):
            order[place] = order[place - 1]
            place -= 1
        order[place] = h
        starts[position] += 1
    return order


@njit(cache=True, nogil=True)
def _follows(hit: Any, other: Any) -> Any:
    if hit.catalogue != other.catalogue:
        return hit.catalogue > other.catalogue
    if hit.tile != other.tile:
        return hit.tile > other.tile
    return hit.row > other.row


@njit(cache=True, nogil=True)
def unite(hits: Any) -> Any:
    """Put together what several passes found of one source, in arranged hits; return which hits remain, shape (n_hit,)."""
    remains = np.ones(len(hits), np.bool_)
    last = 0
    for h in range(1, len(hits)):
        one, other = hits[last], hits[h]
        if one.position == other.position and one.catalogue == other.catalogue and one.tile == other.tile and one.row == other.row:
            one.synonym |= other.synonym
            one.outer |= other.outer
            one.missed |= other.missed
            remains[h] = False
        else:
            last = h
    return remains
