from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from splanc.archive import LIGHTCURVE, write_figure
from splanc.archive.figures import BAND_STYLES, draw, flux_njy, magnitude, magnitude_ticks, to_draw
from splanc.errors import UserError

MJD = 61_041.0


def points(*rows: dict[str, Any]) -> pa.Table:
    usual = {"diaObjectId": 1, "isForced": False, "sourceId": 1, "midpointMjdTai": MJD, "band": "r", "psfFlux": 500.0, "psfFluxErr": 50.0}
    return pa.Table.from_pylist([usual | row for row in rows], LIGHTCURVE)


def figure_of(points: pa.Table) -> Figure:
    return draw(*to_draw(points), "x")


def drawn(axes: Axes) -> list[tuple[str, bool, float]]:
    """Colour, whether it is open, and flux of each point."""
    found = []
    for container in axes.containers:
        line = container[0]
        is_open = line.get_markerfacecolor() == "none"
        found += [(to_hex(line.get_color()).upper(), is_open, float(flux)) for flux in line.get_ydata()]
    return sorted(found)


def right_axis(figure: Figure) -> Axes | None:
    return next((axes for axes in figure.axes if "magnitude" in axes.get_ylabel()), None)


def test_bands_have_colours_and_forced_photometry_is_open() -> None:
    figure = figure_of(points({"band": "g"}, {"band": "g", "isForced": True, "psfFlux": -20.0}, {"band": "y", "psfFlux": 7.0}, {"band": None, "psfFlux": 1.0}))
    assert drawn(figure.axes[0]) == sorted(
        [(BAND_STYLES["g"][0], False, 500.0), (BAND_STYLES["g"][0], True, -20.0), (BAND_STYLES["y"][0], False, 7.0), ("#808080", False, 1.0)]
    )
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["g", "y", "no band", "diaSource", "forced photometry"]


def test_errors_are_bars_and_a_missing_one_is_none() -> None:
    axes = figure_of(points({"psfFluxErr": 50.0}, {"psfFluxErr": None, "sourceId": 2, "psfFlux": 300.0})).axes[0]
    (container,) = axes.containers
    assert [segment[:, 1].tolist() for segment in container[2][0].get_segments() if len(segment)] == [[450.0, 550.0]]
    assert len(container[0].get_ydata()) == 2


def test_the_right_axis_has_the_magnitudes_of_positive_fluxes() -> None:
    figure = figure_of(points({"psfFlux": 1000.0}, {"psfFlux": -1000.0, "sourceId": 2}))
    right = right_axis(figure)
    assert right is not None
    assert right.get_ylim() == figure.axes[0].get_ylim()
    labels = {text.get_text(): place for text, place in zip(right.get_yticklabels(), right.get_yticks(), strict=True)}
    assert labels["24"] == pytest.approx(912.0, abs=0.1)
    assert min(labels.values()) > 0


def test_without_positive_flux_there_are_no_magnitudes_but_zero_is_shown() -> None:
    figure = figure_of(points({"psfFlux": -1000.0}, {"psfFlux": -900.0, "sourceId": 2}))
    assert right_axis(figure) is None
    low, high = figure.axes[0].get_ylim()
    assert low < -1050.0 < 0.0 < high


def test_dates_stand_above_the_times(tmp_path: Path) -> None:
    figure = figure_of(points({"midpointMjdTai": 61_000.0}, {"midpointMjdTai": 61_100.0}))
    figure.savefig(tmp_path / "x.png")
    (dates,) = figure.axes[0].child_axes
    labels = [text.get_text() for text in dates.get_xticklabels()]
    assert "2026-01-01" in labels
    place = dates.get_xticks()[labels.index("2026-01-01")]
    assert place + 40_587 == 61_041.0  # the first of January 2026


def test_times_outside_all_calendars_have_no_dates(tmp_path: Path) -> None:
    wild = points({"midpointMjdTai": -1e9, "psfFlux": 1e30}, {"midpointMjdTai": 61_100.0, "psfFlux": -1e30, "psfFluxErr": -1e30})
    assert write_figure(wild, tmp_path / "x.png", "x") == 2
    assert figure_of(wild).axes[0].child_axes == []


def test_points_without_time_or_flux_are_left_out_and_counted(tmp_path: Path) -> None:
    some = points({}, {"midpointMjdTai": None}, {"psfFlux": None}, {"psfFlux": math.inf})
    path = tmp_path / "x.svg"
    assert write_figure(some, path, "diaObject 7") == 1
    assert path.read_text().startswith("<?xml")
    with pytest.raises(UserError, match="nothing to draw"):
        write_figure(some.slice(1), path, "x")


LIMIT = {"isForced": True, "psfFlux": None, "psfFluxErr": 100.0}


def test_an_error_without_a_flux_is_an_upper_limit_with_an_arrow_down(tmp_path: Path) -> None:
    others: tuple[dict[str, Any], ...] = ({"psfFluxErr": None}, {"psfFluxErr": 0.0}, {"psfFluxErr": -1.0}, {"isForced": False}, {"midpointMjdTai": None})
    some = points({}, LIMIT | {"band": "g"}, *(LIMIT | other for other in others))
    assert write_figure(some, tmp_path / "x.png", "x") == 2
    figure = figure_of(some)
    colour = BAND_STYLES["g"][0]
    assert drawn(figure.axes[0]) == [(colour, False, 300.0), (BAND_STYLES["r"][0], False, 500.0)]
    (arrow,) = (container for container in figure.axes[0].containers if to_hex(container[0].get_color()).upper() == colour)
    ((_, end), (_, begin)) = arrow[2][0].get_segments()[0].tolist()
    assert end < begin == 300.0
    assert figure.legends[0].get_texts()[-1].get_text() == "upper limit, 3 sigma"


def test_upper_limits_above_all_fluxes_are_left_out(tmp_path: Path) -> None:
    below, above = LIMIT | {"psfFluxErr": 183.0}, LIMIT | {"psfFluxErr": 184.0}
    assert write_figure(points({}, below, above), tmp_path / "x.png", "x") == 2
    assert write_figure(points(below, above), tmp_path / "x.png", "x") == 2


@pytest.mark.parametrize(("name", "why"), [("x.jpx", "ends in .png"), ("x", "ends in .png"), ("no/x.png", "No such file")])
def test_a_file_that_cannot_be_written_is_told(tmp_path: Path, name: str, why: str) -> None:
    with pytest.raises(UserError, match=why):
        write_figure(points({}), tmp_path / name, "x")


@settings(max_examples=100)
@given(high=st.floats(1e-3, 1e10), below=st.floats(-3.0, 0.99))
def test_magnitudes_stand_apart_and_inside(high: float, below: float) -> None:
    low = below * high
    ticks = magnitude_ticks(low, high)
    fluxes = np.array([flux_njy(tick) for tick in ticks])
    assert ticks
    assert (fluxes <= high * 1.0001).all()
    assert (fluxes >= low - 1e-4 * high).all()
    assert (np.diff(fluxes) <= -0.05 * (high - low)).all()
    assert all(magnitude(flux) == pytest.approx(tick) for flux, tick in zip(fluxes, ticks, strict=True))
