"""Light curves as figures: difference flux upwards, time to the right, one colour and one sign a band."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..errors import UserError
from ..features import DETECTION_SIGMA
from ..night import MJD_1900, MJD_1970, MJD_2100
from ..packet import AB_ZERO_POINT, floats_of

BAND_STYLES = MappingProxyType(
    {"u": ("#1600EA", "o"), "g": ("#31DE1F", "^"), "r": ("#B52626", "v"), "i": ("#370201", "s"), "z": ("#BA52FF", "*"), "y": ("#61A2B3", "p")}
)
"""Colour and sign of each band: those of Rubin's technical note RTN-045 for a white background, which colour-blind people can tell apart."""

_OTHER_STYLE = ("#808080", "D")
"""Of a band that is none of these."""

_DATE = "%Y-%m-%d"
_DATE_FORMATS = [_DATE, _DATE, _DATE, "%H:%M", "%H:%M", "%H:%M:%S"]
"""Of ticks at whole years, months, days, hours, minutes, seconds."""

_MARGIN = 0.05
"""Room on each side of the points, of their span."""

_LEAST_SPAN_DAYS = 1.0
_LEAST_TICK_GAP = 0.055
"""Between two magnitudes, of the axis: where labels do not touch."""

_STEPS_MAG = (1.0, 0.5, 0.1, 0.05, 0.01, 0.001)
"""Magnitudes that are tried for labels, round ones first, mag."""

_ENOUGH_TICKS = 4
_ARROW = 0.03
"""Length of the arrow below an upper limit, of the axis."""

_FAINTEST = 0.02
"""Least flux that gets a magnitude, of the axis: those of fluxes nearer to zero crowd without end."""

Floats = npt.NDArray[np.float64]


def write_figure(points: pa.Table, path: Path, title: str) -> int:
    """Draw a light curve into a file, and return how many points are drawn.

    Filled signs are diaSources, open ones diaForcedSources, arrows upper limits. The axis on the right has the AB magnitudes of
    positive fluxes. What is not drawn has no time, no flux, or is an upper limit above all fluxes, which says nothing.

    Parameters
    ----------
    points : of schema `LIGHTCURVE`.
    path : its suffix says which kind of file: `.png`, `.pdf`, `.svg`, ….

    Raises
    ------
    UserError
        If nothing can be drawn, or the file cannot be written.
    """
    measured, limits = to_draw(points)
    if not measured.num_rows + limits.num_rows:
        raise UserError("no point of this light curve has both a time and a flux, so there is nothing to draw")
    figure = draw(measured, limits, title)
    suffix = path.suffix.removeprefix(".").lower()
    if suffix not in figure.canvas.get_supported_filetypes():
        raise UserError(f"cannot write {path}: give it a name that ends in .png, .pdf or .svg")
    try:
        figure.savefig(path, format=suffix)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error
    return int(measured.num_rows + limits.num_rows)


def to_draw(points: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Return the points with a time and a flux, and the upper limits, with what would have been a detection as their `psfFlux`, and no error.

    An upper limit is forced photometry with an error and no flux; those above all fluxes are left out.
    """
    timed = points.filter(pc.is_finite(points["midpointMjdTai"]))
    measured = timed.filter(pc.is_finite(timed["psfFlux"]))
    lacking = timed.filter(pc.and_(timed["isForced"], pc.is_null(timed["psfFlux"])))
    limit = DETECTION_SIGMA * _floats(lacking, "psfFluxErr")
    highest = (_floats(measured, "psfFlux") + _bars(measured)).max(initial=0.0) if measured.num_rows else np.inf
    columns = {name: lacking[name] for name in points.column_names} | {"psfFlux": limit, "psfFluxErr": np.full(len(limit), np.nan)}
    return measured, pa.table(columns, points.schema).filter(pa.array((limit > 0) & (limit <= highest)))


def draw(measured: pa.Table, limits: pa.Table, title: str) -> Figure:
    """Return the figure of what `to_draw` gives; at least one point of either kind."""
    figure = Figure(figsize=(9, 5.5), dpi=150, layout="constrained")
    axes = figure.add_subplot()
    points = pa.concat_tables([measured, limits])
    bands = sorted(set(points["band"].to_pylist()), key=_place_of_band)
    axes.axhline(0.0, color="#808080", linewidth=0.8, linestyle="--", zorder=0)
    _set_limits(axes, points)
    for band in bands:
        for is_forced in (True, False):
            _draw_points(axes, _of_band(measured.filter(pc.equal(measured["isForced"], is_forced)), band), band, is_forced=is_forced)
        _draw_limits(axes, _of_band(limits, band), band)
    axes.set_xlabel("MJD (TAI)")
    axes.set_ylabel("difference flux, nJy")
    axes.ticklabel_format(axis="x", useOffset=False, style="plain")
    axes.set_title(title)
    _add_dates(axes)
    if pc.max(points["psfFlux"]).as_py() > 0:
        _add_magnitudes(axes)
    legend = _legend(bands, set(measured["isForced"].to_pylist()), has_limits=limits.num_rows > 0)
    figure.legend(handles=list(legend), loc="outside lower center", ncols=10, frameon=False)
    return figure


def _place_of_band(band: str | None) -> tuple[int, str]:
    """Return where a band stands in the legend: blue to red, unknown ones last."""
    names = list(BAND_STYLES)
    return (names.index(band), "") if band in names else (len(names), band or "")


def _of_band(points: pa.Table, band: str | None) -> pa.Table:
    return points.filter(pc.is_null(points["band"]) if band is None else pc.equal(points["band"], band))


def _draw_points(axes: Axes, points: pa.Table, band: str | None, *, is_forced: bool) -> None:
    if not points.num_rows:
        return
    colour, sign = BAND_STYLES.get(band or "", _OTHER_STYLE)
    axes.errorbar(
        _floats(points, "midpointMjdTai"),
        _floats(points, "psfFlux"),
        yerr=np.abs(_floats(points, "psfFluxErr")),  # A missing error is no bar; matplotlib takes no negative one.
        fmt=sign,
        color=colour,
        markerfacecolor="none" if is_forced else colour,
        markersize=5,
        linewidth=0.8,
        alpha=0.6 if is_forced else 1.0,
        zorder=2 if is_forced else 3,
    )


def _draw_limits(axes: Axes, limits: pa.Table, band: str | None) -> None:
    """Draw each upper limit as a bar with an arrow down."""
    if not limits.num_rows:
        return
    colour, _ = BAND_STYLES.get(band or "", _OTHER_STYLE)
    low, high = axes.get_ylim()
    mjd_tai, flux = _floats(limits, "midpointMjdTai"), _floats(limits, "psfFlux")
    axes.errorbar(mjd_tai, flux, yerr=_ARROW * (high - low), uplims=True, fmt="_", color=colour, markersize=6, capsize=2, linewidth=0.8, alpha=0.6, zorder=1)


def _floats(points: pa.Table, name: str) -> Floats:
    """Return a column of numbers, NaN for NULL and for what is not finite."""
    values = floats_of(points[name])
    return np.where(np.isfinite(values), values, np.nan)


def _bars(points: pa.Table) -> Floats:
    """Return how far the bar of each point reaches to either side, nJy."""
    return np.asarray(np.abs(np.nan_to_num(_floats(points, "psfFluxErr"))))


def _set_limits(axes: Axes, points: pa.Table) -> None:
    """Give the points some room (a single one would otherwise get years of it), and show no difference, which is zero."""
    mjd_tai, flux, bars = _floats(points, "midpointMjdTai"), _floats(points, "psfFlux"), _bars(points)
    _set_span(axes.set_xlim, float(mjd_tai.min()), float(mjd_tai.max()), _LEAST_SPAN_DAYS)
    low, high = min(0.0, float((flux - bars).min())), max(0.0, float((flux + bars).max()))
    _set_span(axes.set_ylim, low, high, max(abs(low), abs(high), 1.0) * _MARGIN)


def _set_span(set_limits: Callable[[float, float], object], low: float, high: float, least: float) -> None:
    room = max(_MARGIN * (high - low), (least - (high - low)) / 2)
    set_limits(low - room, high + room)


def _add_dates(axes: Axes) -> None:
    """Add an axis above with the dates of the times; TAI and UTC differ by less than its lines are wide."""
    first, last = axes.get_xlim()
    if first < MJD_1900 or last > MJD_2100:
        return
    dates = axes.secondary_xaxis("top", functions=(lambda mjd: np.asarray(mjd, float) - MJD_1970, lambda days: np.asarray(days, float) + MJD_1970))
    locator = AutoDateLocator(minticks=3, maxticks=7)
    dates.xaxis.set_major_locator(locator)
    dates.xaxis.set_major_formatter(ConciseDateFormatter(locator, formats=_DATE_FORMATS, zero_formats=[_DATE, *_DATE_FORMATS[:-1]], show_offset=False))


def _add_magnitudes(axes: Axes) -> None:
    """Add an axis on the right with the AB magnitudes of positive fluxes."""
    low, high = axes.get_ylim()
    ticks = magnitude_ticks(low, high)
    magnitudes = axes.twinx()
    magnitudes.set_ylim(low, high)
    magnitudes.set_yticks([flux_njy(magnitude) for magnitude in ticks], [f"{magnitude:g}" for magnitude in ticks])
    magnitudes.set_ylabel("AB magnitude of positive flux")


def magnitude_ticks(low_njy: float, high_njy: float) -> list[float]:
    """Return the AB magnitudes to label on an axis of fluxes that ends above zero, brightest first.

    >>> magnitude_ticks(-500.0, 1500.0)
    [23.5, 23.6, 23.7, 24.0, 24.2, 24.5, 25.0, 26.0]
    """
    span = high_njy - low_njy
    faintest = magnitude(max(low_njy, _FAINTEST * span))
    ticks: list[float] = []
    for number, step in enumerate(_STEPS_MAG):
        if number > 2 and len(ticks) >= _ENOUGH_TICKS:
            break
        first = np.ceil(magnitude(high_njy) / step)
        # Rounded, as multiples of a tenth are not quite what they look like.
        for candidate in np.round(np.arange(first, np.floor(faintest / step) + 1) * step, 3).tolist():
            if all(abs(flux_njy(candidate) - flux_njy(tick)) >= _LEAST_TICK_GAP * span for tick in ticks):
                ticks.append(candidate)
    return sorted(ticks)


def magnitude(flux: float) -> float:
    """Return the AB magnitude of a positive flux, nJy.

    >>> magnitude(1000.0)
    23.9
    """
    return float(AB_ZERO_POINT - 2.5 * np.log10(flux))


def flux_njy(magnitude: float) -> float:
    """Return the flux of an AB magnitude, nJy."""
    return float(10 ** ((AB_ZERO_POINT - magnitude) / 2.5))


def _legend(bands: list[str | None], kinds: set[bool], *, has_limits: bool) -> Iterator[Line2D]:
    """Yield what the legend explains: the bands that are there, filled and open signs, and arrows."""
    for band in bands:
        colour, sign = BAND_STYLES.get(band or "", _OTHER_STYLE)
        yield Line2D([], [], color=colour, marker=sign, linestyle="none", label="no band" if band is None else band)
    if False in kinds:
        yield Line2D([], [], color="black", marker="o", linestyle="none", label="diaSource")
    if True in kinds:
        yield Line2D([], [], color="black", marker="o", markerfacecolor="none", linestyle="none", label="forced photometry")
    if has_limits:
        label = f"upper limit, {DETECTION_SIGMA:g} sigma"
        yield Line2D([], [], color="black", marker=r"$\downarrow$", linestyle="none", label=label)
