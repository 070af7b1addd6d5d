"""Answers in one folder, written, merged and deleted by several processes at once, some of which are killed."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import structlog

from splanc.crossmatch.service._answers import Answers, Holds
from splanc.crossmatch.service._asked import asked
from splanc.crossmatch.service._object_index import warm
from tests.support.classifier_servers import wait_until
from tests.support.whole_degrees import Whole

ROOT = Path(__file__).resolve().parents[3]
HOLDS = Holds(arcsec=0.05, days=30.0)
BOUND = 24_000_000
"""Bytes: enough for files of eight written together, and little enough that the oldest go within a second."""

EACH = 1_000_000
"""Objects of each writer: more than it can write before it is killed, however slow the reader is."""

WRITER = """
import sys
from pathlib import Path
import numpy as np
from tests.integration.crossmatch.test_shared_answers import BOUND, EACH, HOLDS, objects, said
from splanc.crossmatch.service._answers import Answers

first, folder = int(sys.argv[1]), Path(sys.argv[2])
answers = Answers(folder, "1", HOLDS, BOUND)
print("ready", flush=True)
for begin in range(first, first + EACH, 100):
    some = objects(np.arange(begin, begin + 100))
    answers.add(some, said(some))
    answers.write()
"""


FIRSTS = (EACH, 2 * EACH, 3 * EACH)


def objects(ids):
    return asked(ids, ids * 0.37 % 360.0, ids * 0.11 % 170.0 - 85.0, np.full(len(ids), 61000.0))


def said(some) -> pa.Table:
    return Whole().classify(some.ra_deg, some.dec_deg).classifications


def start(first: int, folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", WRITER, str(first), str(folder)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def size(folder: Path) -> int:
    total = 0
    for path in folder.glob("*/*.arrow"):
        try:
            total += path.stat().st_size
        except FileNotFoundError:
            continue
    return total


def test_writers_are_killed_and_nothing_false_is_ever_read(tmp_path) -> None:
    warm()  # a reader that compiles while it looks finds that the files it saw are gone
    writers = [start(first, tmp_path) for first in FIRSTS]
    try:
        for writer in writers:
            assert writer.stdout.readline() == b"ready\n"
        with structlog.testing.capture_logs() as logs:
            reader = Answers(tmp_path, "1", HOLDS, BOUND)
            wait_until(lambda: size(tmp_path) > BOUND / 2, "the folder fills", 60)
            for victim in writers[:2]:
                time.sleep(0.5)
                victim.send_signal(signal.SIGKILL)
                check(reader)
                assert size(tmp_path) < 1.5 * BOUND  # what each writes, and what one merges, comes on top for a moment
            assert writers[2].poll() is None
        assert logs == []
    finally:
        for writer in writers:
            writer.kill()
            writer.communicate()
    reader.write()
    assert size(tmp_path) <= BOUND
    n_files = len(list(tmp_path.glob("*/*.arrow")))
    assert n_files < BOUND / 50_000 / 2, "files of 50 kB are merged"
    check(reader)
    check(Answers(tmp_path, "1", HOLDS, BOUND))


def check(reader: Answers) -> None:
    """All that is found is right, and much is found."""
    reader.look()
    n_found = 0
    for first in FIRSTS:
        some = objects(np.arange(first, first + EACH))
        rows, table = reader.find(some)
        assert table.equals(said(some.take(rows)))
        n_found += len(rows)
    assert n_found > 1000
