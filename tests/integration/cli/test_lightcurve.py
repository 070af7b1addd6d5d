from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import matplotlib.figure  # noqa: F401 -- looks for fonts when it is first imported, which takes seconds that are no test's
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from typer.testing import CliRunner

from splanc import archive, head
from splanc.cli import app
from splanc.cli._lightcurve import lightcurve_lines
from splanc.config import Settings

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


POINTS = pa.Table.from_pylist(
    [
        {"diaObjectId": 2**60 + 1, "isForced": False, "sourceId": 3, "midpointMjdTai": 61_000.25, "band": "r", "psfFlux": 500.1, "psfFluxErr": 1e-30},
        {"diaObjectId": 2**60 + 1, "isForced": True, "sourceId": 4, "midpointMjdTai": None, "band": None, "psfFlux": None, "psfFluxErr": None},
    ],
    archive.LIGHTCURVE,
)


class Lightcurves:
    """A store with one light curve."""

    def __init__(self, dsn: str) -> None:
        assert dsn == "postgresql://nowhere"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        pass

    def get(self, dia_object_ids: list[int], since: float | None) -> pa.Table:
        return POINTS if dia_object_ids == [2**60 + 1] and since in (None, 60_000.0) else POINTS.slice(0, 0)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Any]:
    def ready(settings: Settings, _say: object, **_options: object) -> Settings:
        return settings.model_copy(update={"archive": settings.archive.model_copy(update={"dsn": SecretStr("postgresql://nowhere")})})

    monkeypatch.setattr(head, "start_services", ready)
    monkeypatch.setattr(archive, "PostgresLightcurves", Lightcurves)
    return lambda *options: CliRunner().invoke(app, ["lightcurve", *options, "--data-dir", str(tmp_path)])


def test_a_light_curve_is_printed_as_a_query_is(asked: Callable[..., Any]) -> None:
    result = asked(str(2**60 + 1), "--format", "json", "--since", "60000")
    assert (result.exit_code, result.stderr) == (0, "")
    rows = json.loads(result.stdout)
    assert [(row["sourceId"], row["isForced"], row["midpointMjdTai"], row["psfFlux"]) for row in rows] == [(3, False, 61_000.25, 500.1), (4, True, None, None)]
    assert asked(str(2**60 + 1), "--format", "csv").stdout.splitlines()[0] == ",".join(archive.LIGHTCURVE.names)
    assert {"61000.25", "500.1", "1e-30", "psfFluxErr"} <= set(asked(str(2**60 + 1)).stdout.split())


def test_an_object_of_ztf_is_asked_for_by_its_name(asked: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = []
    monkeypatch.setattr(Lightcurves, "get", lambda _self, ids, _since: wanted.append(ids) or POINTS)
    assert asked("ZTF18abcdefg").exit_code == 0
    assert wanted == [[4_611_686_163_012_821_968]]
    for wrong in ("ZTF18", "18abcdefg", "0"):
        result = asked(wrong)
        assert (result.exit_code, result.stdout) == (2, "")
        assert "a name like ZTF18abcdefg" in " ".join(result.stderr.split())


def test_a_plot_is_a_file_and_says_what_it_leaves_out(asked: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "out.png"
    result = asked(str(2**60 + 1), "--plot", str(path))
    assert (result.exit_code, result.stdout.strip()) == (0, str(path))
    assert result.stderr == "splanc: 1 of 2 points are not drawn: they have no time, or no flux, or are upper limits above all fluxes\n"
    assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("options", [["7"], [str(2**60 + 1), "--since", "70000"]])
def test_an_unknown_object_is_exit_code_2(asked: Callable[..., Any], options: list[str]) -> None:
    result = asked(*options)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"splanc: the archive has no light curve of diaObject {options[0]}")
    assert ("since MJD 70000" in result.stderr) == (len(options) > 1)


def test_an_unknown_object_of_ztf_is_called_by_its_name(asked: Callable[..., Any]) -> None:
    assert asked("ZTF18abcdefg").stderr.startswith("splanc: the archive has no light curve of ZTF18abcdefg;")


def test_an_id_of_more_than_64_bits_is_no_id(asked: Callable[..., Any]) -> None:
    assert asked(str(2**63)).exit_code == 2
