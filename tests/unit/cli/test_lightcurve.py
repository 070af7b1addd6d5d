from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from splanc.cli._lightcurve import lightcurve_lines

ROWS, COLUMNS, MARGIN = 14, 66, 12


def source(mjd: float, flux: float, band: str = "r") -> dict[str, Any]:
    return {"midpointMjdTai": mjd, "psfFlux": flux, "band": band}


def plot(sources: list[dict[str, Any]]) -> list[str]:
    return [line.plain[MARGIN:] for line in lightcurve_lines(sources)[:ROWS]]


def test_flux_goes_upwards_and_time_to_the_right() -> None:
    rows = plot([source(61000.0, 1000.0, "g"), source(61010.0, 3000.0, "r"), source(61005.0, 2000.0, "i")])
    assert (rows[-1][0], rows[0][-1]) == ("g", "r")
    (middle,) = [(row, line.index("i")) for row, line in enumerate(rows) if "i" in line]
    assert middle in {(6, 32), (6, 33), (7, 32), (7, 33)}


def test_axes_tell_microjansky_and_days() -> None:
    lines = [line.plain for line in lightcurve_lines([source(61000.0, -500.0), source(61010.25, 1500.0)])]
    assert len(lines) == ROWS + 2
    assert {len(line) for line in lines} == {MARGIN + COLUMNS}
    assert lines[0].startswith("      1.50 │")
    assert lines[ROWS - 1].startswith("     -0.50 │")
    assert lines[1].startswith(" " * 10 + " │")
    assert lines[-2].strip() == "└" + "─" * COLUMNS
    assert lines[-1].split("  ")[-1] == "MJD (TAI) 61010.25"
    assert lines[-1].strip().startswith("61000.00")


def test_one_source_and_sources_alike_are_a_point() -> None:
    rows = plot([source(61000.0, 7.0), source(61000.0, 7.0)])
    assert [(row, line.index("r")) for row, line in enumerate(rows) if line.strip()] == [(0, 0)]


def test_bands_have_colours() -> None:
    line = lightcurve_lines([source(61000.0, 7.0, "g"), source(61001.0, 7.0, "z")])[0]
    assert {str(span.style) for span in line.spans} >= {"blue", "red"}


def test_nothing_is_no_picture() -> None:
    assert lightcurve_lines([]) == []


@settings(max_examples=30)
@given(points=st.lists(st.tuples(st.floats(50_000, 70_000), st.floats(-1e8, 1e8), st.sampled_from("ugrizy")), min_size=1, max_size=20))
def test_every_picture_has_its_size_and_its_extremes(points: list[tuple[float, float, str]]) -> None:
    rows = plot([source(*point) for point in points])
    assert {len(row) for row in rows} == {COLUMNS}
    assert rows[0].strip()
    assert any(row[0] != " " for row in rows)
    assert 1 <= sum(len(row) - row.count(" ") for row in rows) <= len(points)
    if len({flux for _, flux, _ in points}) > 1:
        assert rows[-1].strip()
