"""Positions in a file of CSV, for `splanc classify --file`."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from .. import sky
from ..crossmatch import service
from ..errors import UserError

_BATCH = 10_000
"""Positions that are classified at once."""

_COLUMNS = ("name", "ra", "dec")


@dataclass(frozen=True, slots=True, kw_only=True)
class Positions:
    """What a file holds.

    Parameters
    ----------
    names, ra_deg, dec_deg : of the positions, ICRS, degrees, in the order of the file.
    errors : what is wrong with the lines that are no positions.
    """

    names: list[str] = field(default_factory=list)
    ra_deg: list[float] = field(default_factory=list)
    dec_deg: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def read_positions(path: Path) -> Positions:
    """Return the positions in a file.

    Raises
    ------
    UserError
        If it cannot be read, or lacks one of the columns name, ra, dec.
    """
    positions = Positions()
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, skipinitialspace=True)
            missing = [name for name in _COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise UserError(f"{path} has no column {' or '.join(missing)}; its first line must name the columns name, ra, dec")
            for row in reader:
                _take(positions, row, f"{path}, line {reader.line_num}")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"cannot read the positions in {path}: {error}") from error
    return positions


def _take(positions: Positions, row: dict[str, str | None], place: str) -> None:
    """Add a line, or what is wrong with it."""
    try:
        ra_deg, dec_deg = sky.parse_ra(row["ra"] or ""), sky.parse_dec(row["dec"] or "")
    except UserError as error:
        positions.errors.append(f"{place}: {error}")
        return
    positions.names.append(row["name"] or "")
    positions.ra_deg.append(ra_deg)
    positions.dec_deg.append(dec_deg)


def classify_file(classifier: service.Classifies, positions: Positions, mjd: float) -> pa.Table:
    """Return what is near the positions, `CLASSIFICATION_COLUMNS`, in their order; those that are near each other are classified together."""
    ra_deg, dec_deg = np.array(positions.ra_deg, np.float64), np.array(positions.dec_deg, np.float64)
    order: npt.NDArray[np.intp] = np.argsort(sky.cells_of(ra_deg, dec_deg).to_numpy(), kind="stable")
    said = []
    for begin in range(0, max(len(order), 1), _BATCH):
        rows = order[begin : begin + _BATCH]
        said.append(classifier.classify(ra_deg[rows], dec_deg[rows], np.full(len(rows), mjd)).classifications)
    return pa.concat_tables(said).take(pa.array(np.argsort(order)))
