"""Every feature again, slowly: plain Python over lists, one object after the other, written from the definitions."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from scipy.optimize import brentq

from tests.support.lightcurves import Made

BANDS = "ugrizy"
COEFFICIENTS = {"u": 4.145, "g": 3.237, "r": 2.273, "i": 1.684, "z": 1.323, "y": 1.088}
MICRONS = {"u": 0.380, "g": 0.500, "r": 0.620, "i": 0.740, "z": 0.880, "y": 1.000}

Source = tuple[float, float, str, float, float | None]


def usable(sources: Sequence[tuple[Any, ...]]) -> list[Source]:
    """Return sources with time, flux and band, in time; the error and reliability are the maker's where not given."""
    full = [(*source, *(1.0, 0.9)[len(source) - 3 :]) for source in sources]
    good = [s for s in full if s[0] is not None and s[1] is not None and math.isfinite(s[0]) and math.isfinite(s[1]) and s[2] in tuple(BANDS)]
    return sorted(good, key=lambda s: s[0])


def features(made: Made, ebv: float, context: Mapping[str, Any]) -> dict[str, Any]:
    """Return all features of one object but the fits, and the HTM triangle, which has an oracle of its own."""
    sources = usable(made.sources)
    found = {**latest(sources), **counts(sources, made.columns), **jumps(sources), **pairs(sources, ebv), **absolute(sources, ebv, context)}
    return found | {"ebv": ebv, "glat": galactic_latitude(made.columns["ra"], made.columns["decl"])}


def latest(sources: list[Source]) -> dict[str, Any]:
    found: dict[str, Any] = {"latest_psfFlux": sources[-1][1] if sources else None}
    for band in BANDS:
        those = [s for s in sources if s[2] == band]
        found[f"{band}_psfFlux"] = those[-1][1] if those else None
        found[f"{band}_latestMJD"] = those[-1][0] if those else None
    return found


def counts(sources: list[Source], columns: Mapping[str, Any]) -> dict[str, Any]:
    reliabilities = [s[4] for s in sources if s[4] is not None]
    positive = [s for s in sources if s[1] > 0]
    firsts = [t for t in (columns.get("firstDiaSourceMjdTai"), sources[0][0] if sources else None) if t is not None]
    return {
        "firstDiaSourceMjdTai": min(firsts, default=None),
        "lastDiaSourceMjdTai": sources[-1][0] if sources else columns.get("lastDiaSourceMjdTai"),
        "medianR": statistics.median(reliabilities) if reliabilities else None,
        "latestR": sources[-1][4] if sources else None,
        "nPosDiaSources": len(positive),
        "nPosDiaSourcesNights": len({math.floor(s[0] + 0.5) for s in positive}),
        "nSourcesGood": sum(r > 0.5 for r in reliabilities),
        **{f"n{band}Sources": sum(s[2] == band for s in sources) for band in BANDS},
    }


def jumps(sources: list[Source]) -> dict[str, Any]:
    largest = []
    for band in BANDS:
        before = [s[1] for s in sources if s[2] == band and 10 < sources[-1][0] - s[0] < 70]
        recent = [s[1] for s in sources if s[2] == band and sources[-1][0] - s[0] < 10]
        usual = len(before) >= 5 and len(set(before)) > 1
        largest.append(max((abs(flux - statistics.fmean(before)) / statistics.stdev(before) for flux in recent), default=0.0) if usual else 0.0)
    largest.sort()
    return {"jump1": largest[-1], "jump2": largest[-2]}


def pairs(sources: list[Source], ebv: float) -> dict[str, Any]:
    found = [(a, b) for a, b in zip(sources[-2::-1], sources[::-1], strict=False) if a[2] != b[2] and b[0] - a[0] < 40 / 1440][:2]
    out: dict[str, Any] = {}
    for number, which in enumerate(("latest", "penultimate")):
        values: tuple[Any, ...] = (None, None, None, None)
        if number < len(found):
            a, b = sorted(found[number], key=lambda s: BANDS.index(s[2]))
            mag, kilokelvin = colour(a, b, ebv)
            values = (found[number][1][0], mag, f"{a[2]}-{b[2]}", kilokelvin)
        out |= dict(zip((f"{which}Pair{part}" for part in ("MJD", "ColourMag", "ColourBands", "ColourTemp")), values, strict=True))
    return out


def colour(bluer: Source, redder: Source, ebv: float) -> tuple[float | None, float | None]:
    blue, red = (s[1] * 10 ** (ebv * COEFFICIENTS[s[2]] / 2.5) for s in (bluer, redder))
    if not (blue > 0 and red > 0):
        return None, None
    lam = MICRONS[bluer[2]], MICRONS[redder[2]]

    def excess(inverse: float) -> float:
        a, b = (14.387 * inverse / x for x in lam)
        return (b + math.log(-math.expm1(-b))) - (a + math.log(-math.expm1(-a))) + 3 * math.log(lam[1] / lam[0]) - math.log(blue / red)

    hot = excess(1e-7)
    return -2.5 * math.log10(blue / red), None if hot < 0 else 1 / brentq(excess, 1e-7, 1e4, xtol=1e-16, rtol=1e-14)


def absolute(sources: list[Source], ebv: float, context: Mapping[str, Any]) -> dict[str, Any]:
    positive = [(s[1] * 10 ** (ebv * COEFFICIENTS[s[2]] / 2.5), -s[0]) for s in sources if s[1] > 0]
    if context["classification"] not in {"SN", "NT", "ORPHAN"} or not positive:
        return {"absMag": None, "absMagMJD": None}
    flux, minus_mjd = max(positive)
    if math.isfinite(context["distance_mpc"]):
        modulus = 5 * math.log10(context["distance_mpc"] * 1e6) - 5
    else:
        modulus = 5 * math.log10(luminosity_distance_mpc(context["z"]) * 1e6) - 5 - 2.5 * math.log10(1 + context["z"])
    return {"absMag": 31.4 - 2.5 * math.log10(flux) - modulus, "absMagMJD": -minus_mjd}


def luminosity_distance_mpc(z: float, steps: int = 1000) -> float:
    """Return c / H0 · (1 + z) times the integral of da / (a² E(a)), by the midpoint rule."""
    radiation = 4.165e-5 / 0.7**2
    begin = 1 / (1 + z)
    total = 0.0
    for k in range(steps):
        a = begin + (1 - begin) * (k + 0.5) / steps
        total += 1 / (a**2 * math.sqrt((1 - 0.3 - 0.7 - radiation) / a**2 + 0.3 / a**3 + radiation / a**4 + 0.7))
    return 299_792.458 / 70 * (1 + z) * (1 - begin) * total / steps


def galactic_latitude(ra_deg: float, decl_deg: float) -> float:
    ra, decl, pole = math.radians(ra_deg - 192.85948), math.radians(decl_deg), math.radians(27.12825)
    return math.degrees(math.asin(math.sin(pole) * math.sin(decl) + math.cos(pole) * math.cos(decl) * math.cos(ra)))
