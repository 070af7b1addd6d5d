"""Run by Sherlock's own Python, never by splanc's: it asks Sherlock about positions and says what that cost.

Its one argument is a file with its work as JSON: `htm`, positions whose HTM cells are to be said, or `settings`, `positions` and `batch`.
What it finds is a line of JSON, the last one.
"""

import json
import logging
import os
import resource
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

LEVELS = (7, 10, 13, 16)


def htm(ra: list[float], dec: list[float]) -> dict[str, list[int]]:
    """Return the HTM cells of positions, by level."""
    cells = import_module("HMpTy").HTM
    numbers = import_module("numpy")
    return {str(level): cells(depth=level).lookup_id(numbers.array(ra), numbers.array(dec)).tolist() for level in LEVELS}


def cpu_seconds(server: int) -> float:
    """Return the CPU that this process, those it has started and ended, and the database's server have used."""
    fields = Path(f"/proc/{server}/stat").read_text().rpartition(")")[2].split()
    own = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in own) + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def classify(work: dict[str, Any]) -> dict[str, Any]:
    """Return the class of each position, and the CPU and the time that all batches have taken, seconds."""
    log = logging.getLogger("sherlock")
    log.setLevel(logging.ERROR)
    classifier = import_module("sherlock.transient_classifier")
    found: dict[str, str] = {}
    began, cpu = time.perf_counter(), cpu_seconds(work["server"])
    for begin in range(0, len(work["positions"]), work["batch"]):
        ra, dec = zip(*work["positions"][begin : begin + work["batch"]], strict=True)
        names = [str(begin + number) for number in range(len(ra))]
        asked = {"ra": list(ra), "dec": list(dec), "name": names, "verbose": 0, "updateNed": False, "lite": True}
        said, _ = classifier.transient_classifier(log=log, settings=work["settings"], **asked).classify()
        found |= {name: one[0] for name, one in said.items()}
    cpu, wall = cpu_seconds(work["server"]) - cpu, time.perf_counter() - began
    return {"classes": [found[str(number)] for number in range(len(work["positions"]))], "cpu": cpu, "wall": wall}


if __name__ == "__main__":
    given = json.loads(Path(sys.argv[1]).read_text())
    print(json.dumps(htm(**given["htm"]) if "htm" in given else classify(given)))
