"""Imports stars and kills itself, as kill -9 does, after a number of steps: `python -m tests.integration.catalogues.killed SHELF FILE STEPS`."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from splanc.crossmatch.catalogues import Division, Sizes, import_catalogue, load_profile

SIZES = Sizes(chunk_rows=1000, run_rows=3000, division=Division(partition_rows=2000, tile_rows=500))


def main(shelf: Path, file: Path, steps: int) -> None:
    """Import as far as it goes."""
    left = steps

    def step(what: str, done: int, total: int | None) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    import_catalogue(shelf, "stars", [file], load_profile("gaia_dr3"), sizes=SIZES, on_progress=step)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
