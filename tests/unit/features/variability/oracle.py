"""Every feature of the variability set again, slowly: plain Python over lists, one series after the other, written from the definitions."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import Any, NamedTuple

from tests.support.lightcurves import Made

BANDS = "ugrizy"


class Point(NamedTuple):
    """A point; the error is None where no weight can be made of it."""

    mjd: float
    flux: float
    band: str
    error: float | None


def usable(rows: Sequence[tuple[Any, ...]]) -> list[Point]:
    """Return the points with time, flux and band, in time."""
    full = [(*row, 1.0)[:4] if len(row) < 4 else row[:4] for row in rows]
    good = [r for r in full if r[0] is not None and r[1] is not None and math.isfinite(r[0]) and math.isfinite(r[1]) and r[2] in tuple(BANDS)]
    points = [Point(m, f, b, e if e is not None and math.isfinite(e) and e > 0 else None) for m, f, b, e in good]
    return sorted(points, key=lambda p: p.mjd)


def variability(made: Made) -> dict[str, float | None]:
    """Return the whole set of one object; the alert is at its first row."""
    sources, forced = usable(made.sources), usable(made.forced)
    now = made.sources[0][0] if made.sources else None
    found: dict[str, float | None] = {}
    for series in (*BANDS, "all"):
        points = [p for p in sources if series in (p.band, "all")]
        of_series = fluxes(points) | residuals(points) | times(points, now) | risen(series, points, sources, forced)
        found |= {f"{series}_{name}": value for name, value in of_series.items()}
    return found


def mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def weighted(points: Sequence[Point]) -> float | None:
    if not points or any(p.error is None for p in points):
        return None
    weights = [1 / p.error**2 for p in points]
    return math.fsum(w * p.flux for w, p in zip(weights, points, strict=True)) / math.fsum(weights)


def bands_of(points: list[Point]) -> dict[str, list[Point]]:
    by_band = defaultdict(list)
    for p in points:
        by_band[p.band].append(p)
    return by_band


def fluxes(points: list[Point]) -> dict[str, float | None]:
    by_band = bands_of(points)
    slopes = [abs(b.flux - a.flux) / (b.mjd - a.mjd) for those in by_band.values() for a, b in pairwise(those) if b.mjd > a.mjd]
    return {"weightedMean": weighted(points), "maxSlope": max(slopes, default=None)}


def residuals(points: list[Point]) -> dict[str, float | None]:
    by_band = bands_of(points)
    kept = [p for p in points if len(by_band[p.band]) > 1]
    bands = {p.band for p in kept}
    n, free = len(kept), len(kept) - len(bands)
    means = {band: mean([p.flux for p in by_band[band]]) for band in bands}
    middles = {band: mean([p.mjd for p in by_band[band]]) for band in bands}
    r = [p.flux - means[p.band] for p in kept]
    d = [p.mjd - middles[p.band] for p in kept]
    names = ["standardDeviation", "reducedChi2", "vonNeumannEta", "stetsonK", "amplitude", "skew", "medianAbsDev"]
    names += ["linearTrend", "linearTrendErr", "excessVariance", *(f"percentileRatio{m}" for m in (20, 50, 80))]
    found: dict[str, float | None] = dict.fromkeys(names)
    if free < 1:
        return found
    s, middle = math.sqrt(math.fsum(x * x for x in r) / free), median(r)
    found |= {"standardDeviation": s, "amplitude": (max(r) - min(r)) / 2, "medianAbsDev": median(abs(x - middle) for x in r)}
    if all(p.error is not None for p in kept):
        centres = {band: weighted(by_band[band]) for band in bands}
        pulls = [(p.flux - centres[p.band]) / p.error for p in kept]
        chi2 = math.fsum(x * x for x in pulls)
        found["reducedChi2"] = chi2 / free
        found["stetsonK"] = math.fsum(map(abs, pulls)) / math.sqrt(n * chi2) if chi2 > 0 else None
        if all(means[p.band] != 0 for p in kept):
            relative = [x / means[p.band] for x, p in zip(r, kept, strict=True)]
            errors = [p.error / means[p.band] for p in kept]
            found["excessVariance"] = math.fsum(x * x for x in relative) / free - math.fsum(x * x for x in errors) / n
    if n >= 5:
        ordered = sorted(r)
        ranges = {m: percentile(ordered, 50 + m / 2) - percentile(ordered, 50 - m / 2) for m in (20, 50, 80, 90)}
        found |= {f"percentileRatio{m}": ranges[m] / ranges[90] if ranges[90] > 0 else None for m in (20, 50, 80)}
    if free >= 2:
        found |= shape(r, d, s, free)
    return found


def shape(r: list[float], d: list[float], s: float, free: int) -> dict[str, float | None]:
    n = len(r)
    found: dict[str, float | None] = {}
    if s > 0:
        second, third = (math.fsum(x**j for x in r) / n for j in (2, 3))
        found["vonNeumannEta"] = math.fsum((b - a) ** 2 for a, b in pairwise(r)) / (n - 1) / s**2
        found["skew"] = math.sqrt(n * (n - 1)) / (n - 2) * third / second**1.5
    square = math.fsum(x * x for x in d)
    if square > 0:
        slope = math.fsum(x * y for x, y in zip(r, d, strict=True)) / square
        rest = math.fsum((x - slope * y) ** 2 for x, y in zip(r, d, strict=True))
        found |= {"linearTrend": slope, "linearTrendErr": math.sqrt(rest / (free - 1) / square)}
    return found


def percentile(ordered: Sequence[float], percent: float) -> float:
    place = percent / 100 * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] * (1 - (place - below)) + ordered[above] * (place - below)


def times(points: list[Point], now: float | None) -> dict[str, float | None]:
    gaps = [b.mjd - a.mjd for a, b in pairwise(points)]
    found: dict[str, float | None] = {"cadence": median(gaps) if gaps else None}
    found |= dict.fromkeys(("timeSinceFirst", "timeSinceLast", "timeSincePeak"))
    if points and now is not None and math.isfinite(now):
        peak = max(points, key=lambda p: (p.flux, -p.mjd))
        found |= {"timeSinceFirst": now - points[0].mjd, "timeSinceLast": now - points[-1].mjd, "timeSincePeak": now - peak.mjd}
    return found


def risen(series: str, points: list[Point], sources: list[Point], forced: list[Point]) -> dict[str, float | None]:
    names = ("lastNonDetectionMJD", "lastNonDetectionLimit", "riseFlux", "riseMag")
    found: dict[str, float | None] = dict.fromkeys(names)
    if not points:
        return found
    missed = [p for p in forced if p.error is not None and p.flux < 3 * p.error]
    before = [p for p in missed if p.mjd < points[0].mjd and series in (p.band, "all")]
    if before:
        found |= {"lastNonDetectionMJD": before[-1].mjd, "lastNonDetectionLimit": 3 * before[-1].error}
    seen = next(p for p in sources if p.band == points[0].band)
    limits = [p for p in missed if p.mjd < seen.mjd and p.band == seen.band]
    if limits:
        days, limit = seen.mjd - limits[-1].mjd, 3 * limits[-1].error
        found["riseFlux"] = (seen.flux - limit) / days
        found["riseMag"] = 2.5 * math.log10(seen.flux / limit) / days if seen.flux > 0 else None
    return found
