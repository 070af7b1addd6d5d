"""The benchmark of the classifier, on a small sky: it runs, and what it plants is found to be what it is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.classify.against import RULES
from benchmarks.classify.planted import planted, real_shelf
from benchmarks.classify.sky import CATALOGUES, ROWS_DEG2, Sky, alerts, places
from splanc.crossmatch.catalogues import Shelf
from splanc.crossmatch.classifier import Classifier, load_rules

ROOT = Path(__file__).resolve().parents[3]

FIGURES = {"cold", "warm", "answers kept", "memory, 256 MB", "memory, 1024 MB"}


def test_the_benchmark_runs(tmp_path: Path) -> None:
    options = ["--rows", str(ROWS_DEG2), "--alerts", "300", "--rounds", "1", "--servers", "1", "--folder", str(tmp_path), "--json"]
    done = subprocess.run([sys.executable, "-m", "benchmarks.classify", *options], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert set(found) == {f"{ROWS_DEG2}: {name}" for name in FIGURES} | {"1 server"}
    assert all(value > 0 for figures in found.values() for value in figures.values())


def test_the_made_sky_is_as_dense_as_it_says(tmp_path: Path) -> None:
    sky = Sky(n_block=1)
    sky.write(tmp_path)
    catalogues = Shelf(tmp_path).open_all()
    assert sum(catalogues[name].n_rows for name in CATALOGUES) == ROWS_DEG2
    (west, east), (south, north) = places(0, sky.across, np.array([[0.0, 1.0], [0.0, 1.0]]))
    assert (east - west) * np.degrees(np.sin(np.radians(north)) - np.sin(np.radians(south))) == pytest.approx(1.0)
    classes = Classifier(load_rules(None), catalogues, memory_bytes=1 << 30).classify(*alerts(sky, [0], 1000, 0)).classifications["classification"]
    assert 480 <= sum(one in ("VS", "HPMS") for one in classes.to_pylist()) <= 600


def test_positions_of_known_truth_are_what_they_are(tmp_path: Path) -> None:
    positions = planted(real_shelf(tmp_path), 2000)
    classifier = Classifier(load_rules(RULES), Shelf(tmp_path).open_all(), memory_bytes=1 << 30)
    said = classifier.classify(positions["ra"].to_numpy(), positions["dec"].to_numpy()).classifications["classification"].to_numpy(zero_copy_only=False)
    right = said == positions["truth"].to_numpy()
    share = {what: float(np.mean(right[(positions["what"] == what).to_numpy()])) for what in positions["what"].unique()}
    assert len(share) == 9
    assert min(share.values()) > 0.9, share
