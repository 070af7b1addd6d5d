"""Alerts planted for the recipes of the cookbook: real packets with a light curve, a place and an orbit of our own.

Each recipe has an example that it must find and a decoy that differs from that in one thing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import numpy as np

from splanc.features._blackbody import EXTINCTION
from splanc.features._lightcurves import BANDS
from tests.support.packets import real_records
from tests.support.transients import model

MJD = 61_040.25
"""When all planted alerts come, MJD (TAI)."""

VISIT = 2025123000900

ERROR_NJY = 200.0
"""Error of every flux: 5 sigma are magnitude 23.9."""

HIGH, PLANE = (150.0, 2.0), (150.0, -55.0)
"""Places far from the Milky Way's plane and in it; ra and dec, degrees."""

EBV_MAG = 0.05
"""Reddening of every place, mag."""

PAIR_DAYS = 0.01
"""Time between two bands of one visit to the field, days."""

Point = tuple[float, str, float]
"""Days since the alert, band, and flux in nJy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """An object whose alert is planted.

    Parameters
    ----------
    sources : diaSources in the order of time; the last is what the alert is about.
    forced : forced photometry.
    place : ra and dec, degrees.
    alert : other columns of the alert's diaSource.
    solar : columns of `ssSource`; None: it is no moving object.
    orbit : columns of `mpc_orbits`.
    hits : rows of tables that nothing fills yet, by the batch's name of the table.
    """

    sources: Sequence[Point]
    forced: Sequence[Point] = ()
    place: tuple[float, float] = HIGH
    alert: Mapping[str, Any] = field(default_factory=dict)
    solar: Mapping[str, Any] | None = None
    orbit: Mapping[str, Any] = field(default_factory=dict)
    hits: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def record_of(planted: Planted, number: int) -> dict[str, Any]:
    """Return a packet's record: a real one of schema 10.0, changed; its ids are made from the number."""
    solar = planted.solar is not None
    record = deepcopy(_prototype(solar))
    identity = {"diaObjectId": 0 if solar else object_id(number), "ssObjectId": object_id(number) if solar else 0}
    ra, dec = planted.place
    told = {**identity, "ra": ra, "dec": dec, "visit": VISIT, "reliability": 0.95}
    sources = [record["diaSource"] | told | _measured(point) | {"diaSourceId": source_id(number, place)} for place, point in enumerate(planted.sources)]
    trigger = sources.pop() | {"diaSourceId": source_id(number), **planted.alert}
    record |= {"diaSourceId": trigger["diaSourceId"], "diaSource": trigger, "prvDiaSources": sources}
    record["prvDiaForcedSources"] = [_forced(planted, number, place) for place in range(len(planted.forced))]
    if planted.solar is None:
        record["diaObject"] |= {"diaObjectId": object_id(number), "ra": ra, "dec": dec} | _survey_says(planted)
    else:
        designation = {"designation": f"2026 XY{number}"}
        record["ssSource"] |= {"ssObjectId": object_id(number), "diaSourceId": trigger["diaSourceId"], **designation, **planted.solar}
        record["mpc_orbits"] |= {**designation, **planted.orbit}
    return record


def object_id(number: int) -> int:
    """Return the id of a planted object."""
    return 900_000_000_000 + number


def source_id(number: int, place: int = 999) -> int:
    """Return the id of a diaSource of a planted object; without a place, of what its alert is about."""
    return 1_000 * object_id(number) + place


@cache
def _prototype(solar: bool) -> dict[str, Any]:
    """Return the first real alert of its kind with little in the template and a good measurement."""
    return next(
        record
        for record in real_records()
        if bool(record["ssSource"]) == solar and abs(record["diaSource"]["templateFlux"]) < 1000 and record["diaSource"]["trailLength"]
    )


def _measured(point: Point) -> dict[str, Any]:
    days, band, flux = point
    return {"midpointMjdTai": MJD + days, "band": band, "psfFlux": flux, "psfFluxErr": ERROR_NJY, "snr": abs(flux) / ERROR_NJY, "isNegative": flux < 0}


def _forced(planted: Planted, number: int, place: int) -> dict[str, Any]:
    days, band, flux = planted.forced[place]
    ra, dec = planted.place
    fluxes = {"psfFlux": flux, "psfFluxErr": ERROR_NJY, "scienceFlux": flux, "scienceFluxErr": ERROR_NJY}
    times = {"midpointMjdTai": MJD + days, "timeProcessedMjdTai": MJD + days, "timeWithdrawnMjdTai": None}
    return {
        "diaForcedSourceId": source_id(number, place),
        "diaObjectId": object_id(number),
        "ra": ra,
        "dec": dec,
        "visit": VISIT,
        "detector": 1,
        "band": band,
        **fluxes,
        **times,
    }


def _survey_says(planted: Planted) -> dict[str, Any]:
    """Return the columns that the survey computes of an object."""
    days = [point[0] for point in planted.sources]
    told: dict[str, Any] = {"nDiaSources": len(days), "firstDiaSourceMjdTai": MJD + min(days), "lastDiaSourceMjdTai": MJD + max(days)}
    for band in BANDS:
        fluxes, forced = (np.array([flux for _, one, flux in points if one == band]) for points in (planted.sources, planted.forced))
        told[f"{band}_psfFluxNdata"] = len(fluxes)
        told |= _mean(f"{band}_psfFlux", fluxes) | _mean(f"{band}_fpFlux", forced)
        told[f"{band}_psfFluxMin"], told[f"{band}_psfFluxMax"] = (float(fluxes.min()), float(fluxes.max())) if len(fluxes) else (None, None)
    return told


def _mean(name: str, fluxes: Any) -> dict[str, Any]:
    if not len(fluxes):
        return {f"{name}Mean": None, f"{name}MeanErr": None}
    return {f"{name}Mean": float(fluxes.mean()), f"{name}MeanErr": ERROR_NJY / math.sqrt(len(fluxes))}


def _pair(days: float, kilokelvin: float, r_flux: float) -> list[Point]:
    """Return a black body behind the dust, in g and r within one visit to the field."""
    bands = np.array([1, 2], np.int8)
    body = model(np.array([1.0, kilokelvin, 0.0]), np.zeros(2), bands) * 10 ** (-0.4 * EBV_MAG * EXTINCTION[bands])
    g_flux, unscaled = body.tolist()
    return [(days - PAIR_DAYS, "g", r_flux * g_flux / unscaled), (days, "r", r_flux)]


def _pairs(days: Iterable[float], kilokelvin: float, r_flux: Callable[[float], float]) -> list[Point]:
    return [point for day in days for point in _pair(day, kilokelvin, r_flux(day))]


def _supernova(day: float) -> float:
    """Return the flux in r of a supernova that was found 18 days ago, nJy."""
    since = day + 8.0
    return 40_000 * math.exp(-since / 30) / (1 + math.exp(-since / 4))


def _scattered(days: Iterable[float], band: str, flux: float, scatter: float) -> list[Point]:
    """Return fluxes that alternate about a mean."""
    return [(day, band, flux + scatter * (-1) ** place * (1 + 0.1 * place)) for place, day in enumerate(days)]


def _outburst(*bands: str) -> Planted:
    """Return what varied by a tenth for two months in g and r, and has burst out in some bands."""
    before = sorted(_scattered(range(-65, -14, 7), "g", 3000, 150) + _scattered(range(-65, -14, 7), "r", 3000, 150))
    g_flux, r_flux = (20_000.0 if band in bands else 3100.0 for band in "gr")
    return Planted(sources=[*before, (-PAIR_DAYS, "g", g_flux), (0.0, "r", r_flux)])


def _lens(change_mag: float) -> Planted:
    """Return a lensed star on the way to its maximum, whose last g flux is changed."""
    days = np.arange(-56.0, 1.0, 4.0)
    u = np.hypot(0.15, days / 30)
    flux = 20_000 * ((u**2 + 2) / (u * np.sqrt(u**2 + 4)) - 1)
    points = _pairs(days.tolist(), 5.0, dict(zip(days.tolist(), flux.tolist(), strict=True)).__getitem__)
    points[-2] = (*points[-2][:2], points[-2][2] * 10 ** (-0.4 * change_mag))
    return Planted(sources=points, place=PLANE, alert={"templateFlux": 20_000.0, "templateFluxErr": 20.0})


def _quiet(*days: float, band: str = "r") -> list[Point]:
    """Return forced photometry that finds nothing."""
    return [(day, band, 50.0) for day in days]


def _shuffled(planted: Planted) -> Planted:
    """Return the same fluxes at the same times, in another order."""
    fluxes = [flux for _, _, flux in planted.sources]
    return replace(planted, sources=[(day, band, fluxes[7 * place % len(fluxes)]) for place, (day, band, _) in enumerate(planted.sources)])


def _with(planted: Planted, **hits: Mapping[str, Any]) -> Planted:
    return replace(planted, hits=hits)


def _said(probability: float) -> dict[str, Any]:
    """Return what an annotator says."""
    return {"topic": "fast_classifier", "classification": "SNIa", "classdict": f'{{"probabilities": {{"SNIa": {probability}}}}}'}


_NUCLEUS = {"classification": "NT", "separationArcsec": 0.2}
_HIT = {"wl_id": 7, "cone_id": 1, "arcsec": 0.4, "name": "BL Lac"}

_SUPERNOVA = Planted(sources=_pairs((-18, -14, -11, -7, -4, 0), 9.0, _supernova))
_YOUNG = Planted(sources=[(-0.1, "r", 4000.0), (0.0, "r", 4300.0)], forced=_quiet(-9, -5, -2))
_RISER = Planted(sources=[*_pair(-2, 9.0, 4000), *_pair(0, 9.0, 9000)], forced=_quiet(-9, -5, -4, band="g"))
_FADER = Planted(sources=[*_pair(-4, 6.0, 20_000), *_pair(-2, 6.0, 9000), *_pair(0, 6.0, 4000)])
_BRIGHT = Planted(sources=[(-1.0, "i", 120_000.0), (0.0, "i", 144_500.0)], alert={"templateFlux": 1000.0})
_PRECURSOR = Planted(
    sources=[(-1.0, "g", 5000.0), (0.0, "r", 20_000.0)],
    forced=[*_quiet(*range(-70, -44, 5)), *((float(day), "r", 800.0) for day in range(-40, -1, 3))],
)
_DWARF_NOVA = Planted(sources=_pair(0, 20.0, 30_000), place=PLANE, alert={"templateFlux": 3000.0, "templateFluxErr": 20.0, "scienceFlux": 33_000.0})
_DIPPER = Planted(sources=[(-4.0, "r", -9000.0), (-2.0, "r", -11_000.0), (0.0, "r", -12_000.0)], alert={"templateFlux": 20_000.0, "templateFluxErr": 20.0})
_MIRA = Planted(sources=[(float(day), "r", 40_000 * math.sin(2 * math.pi * day / 300) + 3000) for day in range(-300, 1, 12)])
_PULSATOR = Planted(sources=[(3.13 * day, "r", 25_000 * math.sin(2 * math.pi * (3.13 * day / 0.5427 + 0.1))) for day in range(-40, 1)])
_EARTH_CROSSER = Planted(sources=[(0.0, "r", 40_000.0)], solar={}, orbit={"q": 0.8, "earth_moid": 0.02})
_TRAIL = Planted(sources=[(0.0, "r", 40_000.0)], alert={"trailLength": 5.0, "trailFlux": 40_000.0, "trailFluxErr": 300.0, "glint_trail": False})
_COMET = Planted(sources=[(0.0, "r", 40_000.0)], alert={"extendedness": 0.98}, solar={"ephVmag": 21.0}, orbit={"q": 2.9})
_DISRUPTION = _with(
    Planted(sources=_pairs((-35, -28, -20, -12, -6, 0), 25.0, lambda day: 12_000 * math.exp(-abs(day + 20) / 40))),
    sherlock_classifications=_NUCLEUS,
)
_IN_GALAXY = Planted(sources=[*_pair(-3, 9.0, 45_000), *_pair(0, 9.0, 60_000)])
_CLASSIFIED = Planted(sources=[*_pair(-9, 7.0, 6000), *_pair(0, 7.0, 6500)])

PLANTED: Mapping[str, tuple[Planted, Planted]] = {
    "Supernova candidates": (_SUPERNOVA, replace(_SUPERNOVA, place=PLANE)),
    "Infant supernovae": (_YOUNG, replace(_YOUNG, forced=_quiet(-9, -5))),
    "Fast risers": (_RISER, replace(_RISER, forced=_quiet(-9, band="g"))),
    "Fast faders": (_FADER, replace(_FADER, sources=[*_FADER.sources[:2], *_pair(-2, 6.0, 16_000), *_pair(0, 6.0, 13_000)])),
    "Bright transients for small telescopes": (_BRIGHT, replace(_BRIGHT, sources=[(-1.0, "i", 60_000.0), (0.0, "i", 75_900.0)])),
    "Precursors in forced photometry": (_PRECURSOR, replace(_PRECURSOR, forced=[*_PRECURSOR.forced, *_quiet(-1.5)])),
    "Outbursts of variable stars": (_outburst("g", "r"), _outburst("r")),
    "Dwarf novae": (_DWARF_NOVA, replace(_DWARF_NOVA, alert={**_DWARF_NOVA.alert, "templateFlux": 8000.0, "scienceFlux": 38_000.0})),
    "Stars that fade": (_DIPPER, replace(_DIPPER, sources=[*_DIPPER.sources[:2], (0.0, "r", -8000.0)])),
    "Long-period variables": (_MIRA, _shuffled(_MIRA)),
    "Short-period variables": (_PULSATOR, replace(_PULSATOR, sources=[*_scattered([3.13 * day for day in range(-40, 0)], "r", 0, 1100), (0.0, "r", 60_000.0)])),
    "Microlensing on the rise": (_lens(0.0), _lens(-0.3)),
    "Near-Earth movers": (_EARTH_CROSSER, replace(_EARTH_CROSSER, orbit={"q": 1.5, "earth_moid": 0.02})),
    "Fast movers that nobody knows": (_TRAIL, replace(_TRAIL, alert={**_TRAIL.alert, "glint_trail": True})),
    "Comets and active asteroids": (_COMET, replace(_COMET, alert={"extendedness": 0.1})),
    "Tidal disruption events": (_DISRUPTION, replace(_DISRUPTION, sources=[*_DISRUPTION.sources[:-2], *_pair(0, 6.0, 7300)])),
    "Flares of galactic nuclei": (
        _with(_outburst("r"), sherlock_classifications=_NUCLEUS),
        _with(_outburst("r"), sherlock_classifications={**_NUCLEUS, "classification": "VS"}),
    ),
    "Supernovae near the survey's galaxies": (
        _with(_IN_GALAXY, sherlock_classifications={"classification": "SN", "z": 0.06}),
        _with(_IN_GALAXY, sherlock_classifications={"classification": "SN", "z": 0.02}),
    ),
    "Activity on my list": (_with(_outburst("r"), watchlist_hits=_HIT), _with(_outburst("r"), watchlist_hits={**_HIT, "wl_id": 8})),
    "What a classifier is sure of": (_with(_CLASSIFIED, annotations=_said(0.93)), _with(_CLASSIFIED, annotations=_said(0.6))),
}
"""An example and a decoy of each recipe, by its heading."""
