"""A tile of a catalogue that is damaged during a night: what it held is not known, and said; everything else goes on, and the backfill mends it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pydantic import SecretStr

from splanc.archive import Archive, Which, query
from splanc.config import ArchiveSettings, Settings
from splanc.crossmatch import CLASSIFICATIONS, UNCLASSIFIED, Classify, open_classifier
from splanc.head import Reclassified, classify_again
from splanc.packet import Batch
from tests.support.catalogues import on_shelf
from tests.support.lightcurves import Made, batch_of
from tests.unit.archive.packets import Packet, load_of

N_STARS = 3_000
TILE_ROWS = 500
ON_STARS = 200
"""Every so-manieth star has an object on it."""


@pytest.fixture
def settings(archive_dsn: str, tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, archive=ArchiveSettings(dsn=SecretStr(archive_dsn)))


@pytest.fixture
def stars(settings: Settings) -> pa.Table:
    """Bright stars in one octant of the sky, which are all that the shelf has."""
    random = np.random.default_rng(4)
    ra, dec = random.uniform(10, 80, N_STARS), random.uniform(-60, -10, N_STARS)
    kinds = {"kind": ["star"] * N_STARS, "mag": np.full(N_STARS, 9.0, np.float32)}
    rows = pa.table({"id": [str(number) for number in range(N_STARS)], "ra": ra, "dec": dec, **kinds})
    on_shelf(settings.catalogues_folder, "gaia_dr3", rows, tile_rows=TILE_ROWS)
    return rows


def night(stars: pa.Table) -> Batch:
    """An alert on every so-manieth star."""
    places = stars.select(["ra", "dec"]).take(pa.array(range(0, N_STARS, N_STARS // ON_STARS))).to_pylist()
    return batch_of(
        [Made(sources=[(61_000.0, 100.0, "r")], columns={"ra": one["ra"], "decl": one["dec"], "diaObjectId": 1 + number}) for number, one in enumerate(places)]
    )


def damage(settings: Settings) -> tuple[Path, bytes]:
    """Change bytes in the middle of a file of the catalogue, and return what it was."""
    file = min((settings.catalogues_folder / "gaia_dr3").rglob("Npix=*.parquet"))
    whole = file.read_bytes()
    middle = len(whole) // 3
    file.write_bytes(whole[:middle] + bytes(byte ^ 0xFF for byte in whole[middle : middle + 64]) + whole[middle + 64 :])
    return file, whole


def classified(settings: Settings, batch: Batch) -> Batch:
    classifier = open_classifier(settings)
    assert classifier is not None
    try:
        return Classify(classifier).classify(batch)
    finally:
        classifier.close()


def archived(settings: Settings, batch: Batch) -> dict[int, str]:
    rows = query(settings.archive_dsn, "SELECT diaObjectId, classification FROM sherlock_classifications", seconds=10, rows=1000).rows
    return dict(rows)


def test_the_stream_goes_on_and_the_backfill_mends(settings: Settings, stars: pa.Table) -> None:
    file, whole = damage(settings)
    batch = classified(settings, night(stars))
    said = batch.tables[CLASSIFICATIONS]
    assert said.num_rows == len(batch) == ON_STARS
    classes = said["classification"].to_pylist()
    assert set(classes) == {"VS", UNCLASSIFIED}
    lost = [explanation for name, explanation in zip(classes, said["explanation"].to_pylist(), strict=True) if name == UNCLASSIFIED]
    assert 0 < len(lost) < ON_STARS / 2
    for explanation in lost:
        (damaged,) = json.loads(explanation)["damaged"]
        assert damaged["catalogue"] == "gaia_dr3"
    with Archive(settings.archive_dsn) as archive:
        plain = load_of([Packet(trigger=(100 + number, 61_000.0), diaObject=1 + number) for number in range(ON_STARS)])
        tables = {**plain.tables, "diaObject": batch.tables["diaObject"], CLASSIFICATIONS: said}
        archive.load(replace(plain, tables=tables))
    file.write_bytes(whole)
    classifier = open_classifier(settings)
    assert classifier is not None
    *_, last = classify_again(settings, classifier, Which.stale)
    classifier.close()
    assert last == Reclassified(total=len(lost), done=len(lost), changed=len(lost))
    assert archived(settings, batch) == dict.fromkeys(range(1, ON_STARS + 1), "VS")
