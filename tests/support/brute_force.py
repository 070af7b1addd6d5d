"""What the classifier should say, found the slow way: every search over every source for one position, in plain Python.

It is written from the documentation of the rules, and shares nothing with the classifier but the rules and the luminosity distance.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from splanc.crossmatch.classifier import Rules, Search
from splanc.features import luminosity_distance_mpc

Source = dict[str, Any]

WINS = ["AGN", "CV", "NT", "SN", "HPMS", "VS", "BS", "UNCLEAR", "ORPHAN"]
STARS = {"CV", "HPMS", "VS", "BS"}
ARCSEC = math.pi / 648_000


class BruteForce:
    """The slow classifier.

    Parameters
    ----------
    catalogues : sources of each, as dictionaries, in the order of the catalogue.
    """

    def __init__(self, rules: Rules, catalogues: Mapping[str, Sequence[Source]]) -> None:
        self.rules = rules
        names = list(dict.fromkeys([*rules.merging.names, *(search.catalogue for search in rules.search)]))
        self.names = [name for name in names if name in catalogues]
        self.catalogues = {name: [source | {"kpc_arcsec": kpc_per_arcsec(source)} for source in catalogues[name]] for name in self.names}
        self.directions = {name: np.array([vector(one["ra"], one["dec"]) for one in sources]).reshape(-1, 3) for name, sources in self.catalogues.items()}

    def classify(self, ra: float, dec: float, year: float) -> tuple[str, list[dict[str, Any]]]:
        """Return the class of a position, and its matches by rank."""
        found = [hit for name in self.names for hit in self._hits(name, ra, dec, year)]
        for phase, key in enumerate(("synonym", "association", "annotation"), start=1):
            hits = [hit | {"label": min(hit[key])} for hit in found if hit[key]]
            if hits:
                matches = sorted((self._describe(members, phase) for members in self._merged(hits)), key=lambda match: match["order"])
                return matches[0]["class"], matches
        return "ORPHAN", []

    def _hits(self, name: str, ra: float, dec: float, year: float) -> list[dict[str, Any]]:
        """The sources of a catalogue that are near, each with the labels that the searches give it in each phase."""
        hits = []
        cosines = self.directions[name] @ np.array(vector(ra, dec))
        for row in np.flatnonzero(cosines > math.cos(math.radians(11))).tolist():
            source = self.catalogues[name][row]
            place = moved(source, year)
            separation, angle = separation_and_angle(place, (ra, dec))
            hit: dict[str, Any] = {"source": source, "place": place, "separation": separation, "angle": angle, "catalogue": name, "row": row}
            hit |= {"synonym": [], "association": [], "annotation": []}
            for number, search in enumerate(self.rules.search):
                if search.catalogue == name and takes(search, source):
                    self._try(number, search, hit)
            if hit["synonym"] or hit["association"] or hit["annotation"]:
                hits.append(hit)
        return hits

    def _try(self, number: int, search: Search, hit: dict[str, Any]) -> None:
        separation = hit["separation"]
        if search.synonym and separation <= (search.synonym_arcsec or self.rules.synonym_arcsec):
            hit["synonym"].append((search.accuracy, WINS.index(search.synonym), number))
        if search.within_extent and (hit["source"]["semi_major_arcsec"] or 0) > 0:
            near_enough = is_inside(hit)
        else:
            near_enough = search.physical_kpc is None or separation * hit["source"]["kpc_arcsec"] <= search.physical_kpc or is_inside(hit)
        if search.association and separation <= search.association_arcsec and near_enough:
            hit["association"].append((search.accuracy, WINS.index(search.association), number))
        if search.annotation_arcsec and separation <= search.annotation_arcsec and near_enough:
            hit["annotation"].append((search.accuracy, WINS.index("ORPHAN"), number))

    def _merged(self, hits: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
        """The nearest hit takes all that are near it, then the nearest of the rest, and so on."""
        left = sorted(hits, key=lambda hit: (hit["separation"], self.names.index(hit["catalogue"]), hit["row"]))
        groups = []
        while left:
            near = [hit for hit in left if hit is left[0] or separation_and_angle(left[0]["place"], hit["place"])[0] <= self.rules.merging.radius_arcsec]
            left = [hit for hit in left if not any(hit is one for one in near)]
            groups.append(sorted(near, key=lambda hit: self.names.index(hit["catalogue"])))
        return groups

    def _describe(self, members: list[dict[str, Any]], phase: int) -> dict[str, Any]:
        decider = min(members, key=lambda hit: (hit["label"], hit["separation"]))
        label = WINS[decider["label"][1]]
        own = [hit for hit in members if (WINS[hit["label"][1]] in STARS) == (label in STARS)]
        sources = [hit["source"] for hit in own]
        match: dict[str, Any] = {"class": label, "phase": phase, "separation": decider["separation"], "id": sources[0]["id"], "type": sources[0]["type"]}
        match["place"], match["angle"] = decider["place"], decider["angle"]
        match["catalogues"] = "/".join(dict.fromkeys([own[0]["catalogue"], *(hit["catalogue"] for hit in members)]))
        bright = label == "BS" and decider["source"]["mag"] is not None
        match["mag"] = decider["source"]["mag"] if bright else by_least_error(sources, "mag", "mag_err")
        match["photo_z"] = by_least_error(sources, "photo_z", "photo_z_err")
        match["axis"] = next((one["semi_major_arcsec"] for one in sources if (one["semi_major_arcsec"] or 0) > 0), None)
        direct = next((one for one in sources if (one["distance_mpc"] or 0) > 0), None)
        redshifts = [one for one in sources if one["z"] is not None]
        spectroscopic = next((one for one in redshifts if one["z"] > 0), next(iter(redshifts), None))
        match["direct"], match["z"] = direct and direct["distance_mpc"], spectroscopic and spectroscopic["z"]
        measured = direct or spectroscopic
        kpc = decider["separation"] * measured["kpc_arcsec"] if measured and label not in STARS else math.nan
        match["kpc"] = None if math.isnan(kpc) else kpc
        match["distance"], match["flag"] = best_distance(match)
        score = self._score(match)
        return match | {"score": score, "order": (score, WINS.index(label), self.names.index(decider["catalogue"]), decider["row"])}

    def _score(self, match: dict[str, Any]) -> float:
        separation, kpc = match["separation"], match["kpc"]
        if match["class"] == "BS":
            term = separation
        elif match["class"] in STARS:
            term = separation + 2
        elif match["class"] not in {"SN", "NT", "AGN"}:
            term = 10 + separation / 60
        elif match["phase"] == 1 and self.rules.ranking.nearest_synonym:
            term = 2 + separation
        elif kpc is not None:
            term = 2 - (50 - kpc) + min(separation / 60, 100)
        else:
            term = 2 + separation / 60
        return match["phase"] * 1000 + term


def takes(search: Search, source: Source) -> bool:
    """Whether a search takes a source; what is not known passes no limit."""
    limits = [
        (source["mag"], search.mag_min, search.mag_max),
        (source["semi_major_arcsec"], search.semi_major_min_arcsec, search.semi_major_max_arcsec),
        (math.hypot(*motion(source)), search.pm_min_mas_yr, None),
    ]
    return (
        all(least is None or (value is not None and value >= least) for value, least, _ in limits)
        and all(most is None or (value is not None and value <= most) for value, _, most in limits)
        and (not search.kinds or source["kind"] in search.kinds)
        and (not search.types or any(source["type"] is not None and fnmatchcase(source["type"], pattern) for pattern in search.types))
        and search.has_distance in (None, not math.isnan(source["kpc_arcsec"]))
    )


def motion(source: Source) -> tuple[float, float]:
    """Proper motion east and north, mas/yr; none where it is not known, or not believed."""
    east, north, epoch = source["pmra"], source["pmdec"], source["epoch"]
    return (0.0, 0.0) if None in (east, north, epoch) or math.hypot(east, north) > 11_000 else (east, north)


def moved(source: Source, year: float) -> tuple[float, float]:
    """Where a source is in a year, degrees."""
    east, north = motion(source)
    if (east, north) == (0.0, 0.0) or math.isnan(year):
        return source["ra"], source["dec"]
    ra, dec, years = math.radians(source["ra"]), math.radians(source["dec"]), (year - source["epoch"]) * ARCSEC / 1000
    towards_east = np.array([-math.sin(ra), math.cos(ra), 0.0])
    towards_north = np.array([-math.sin(dec) * math.cos(ra), -math.sin(dec) * math.sin(ra), math.cos(dec)])
    x, y, z = np.array(vector(source["ra"], source["dec"])) + years * (east * towards_east + north * towards_north)
    return math.degrees(math.atan2(y, x)) % 360, math.degrees(math.atan2(z, math.hypot(x, y)))


def vector(ra: float, dec: float) -> tuple[float, float, float]:
    """The unit vector of a position."""
    a, d = math.radians(ra), math.radians(dec)
    return math.cos(d) * math.cos(a), math.cos(d) * math.sin(a), math.sin(d)


def separation_and_angle(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    """How far a position is from one, arcsec, and in which direction, radians north through east (Vincenty's formula)."""
    turn, d, e = math.radians(other[0] - one[0]), math.radians(one[1]), math.radians(other[1])
    across = math.cos(e) * math.sin(turn)
    # The same as cos(d) sin(e) - sin(d) cos(e) cos(turn), without losing the digits of what is near.
    along = math.sin(e - d) + 2 * math.sin(d) * math.cos(e) * math.sin(turn / 2) ** 2
    cosine = math.sin(d) * math.sin(e) + math.cos(d) * math.cos(e) * math.cos(turn)
    return math.atan2(math.hypot(across, along), cosine) / ARCSEC, math.atan2(across, along)


def kpc_per_arcsec(source: Source) -> float:
    """How long an arcsecond is at a source; NaN where its distance is not known."""
    z, distance = source["z"], source["distance_mpc"]
    if distance is not None and distance > 0:
        luminosity, stretch = distance, 1 + (z if z is not None and z > 0 else redshift_of(distance))
    elif z is not None and z >= 0.001:
        luminosity, stretch = luminosity_distance(z), 1 + z
    else:
        return math.nan
    return luminosity / stretch**2 * 1000 * ARCSEC


def luminosity_distance(z: float) -> float:
    """The luminosity distance of a redshift, Mpc."""
    return float(luminosity_distance_mpc(np.array([z]))[0])


def redshift_of(distance_mpc: float) -> float:
    """The redshift of a luminosity distance, by halving."""
    low, high = 0.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if luminosity_distance(middle) < distance_mpc else (low, middle)
    return low


def is_inside(hit: dict[str, Any]) -> bool:
    """Whether a position is within the extent of a galaxy."""
    source = hit["source"]
    axis, ratio, angle = source["semi_major_arcsec"] or 0, source["axis_ratio"], source["position_angle_deg"]
    extent = 2.5 * axis * (0.5 if axis > 6000 else 0.7 if axis > 600 else 1.0)
    if not axis > 0:
        return False
    if ratio is None or angle is None or not 0 < ratio < 1:
        return hit["separation"] <= extent
    off_axis = hit["angle"] - math.radians(angle)
    along, across = hit["separation"] * math.cos(off_axis), hit["separation"] * math.sin(off_axis)
    return math.hypot(along / extent, across / (extent * ratio)) <= 1


def by_least_error(sources: list[Source], name: str, error: str) -> Any:
    """The value with the least error of those that there are; the first of equal ones; one without error is last."""
    known = [one for one in sources if one[name] is not None]
    return min(known, key=lambda one: math.inf if one[error] is None else one[error])[name] if known else None


def best_distance(match: dict[str, Any]) -> tuple[float | None, str | None]:
    """Measured directly, else by spectroscopic redshift, else by photometric; a star has no redshift that tells its distance."""
    if match["direct"] is not None:
        return match["direct"], "dd"
    for name, flag in (("z", "sz"), ("photo_z", "pz")):
        if match["class"] not in STARS and match[name] is not None and match[name] > 0:
            return luminosity_distance(match[name]), flag
    return None, None
