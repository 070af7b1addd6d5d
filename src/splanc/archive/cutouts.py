"""Cutouts of one alert: found by the index, checked, written as FITS files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import structlog

from ..errors import UserError
from .blobs import BlobStore
from .checksums import checksum_ranges
from .footers import KINDS, PackDamaged
from .packs import Pack

_log = structlog.get_logger()


def read_cutouts(index_row: Mapping[str, Any], blobs: BlobStore, remake: Callable[[str], Pack] | None = None) -> dict[str, bytes]:
    """Return the cutouts of an alert by kind, byte for byte as they were in its packet; kinds it lacks are left out.

    Parameters
    ----------
    index_row : the alert's row of the cutout index, with the names of `packs.INDEX`.
    blobs : the store that has the packs.
    remake : makes the pack of a name again (`packs.remake_pack`); asked when the pack is damaged. None: do not.

    Raises
    ------
    PackDamaged
        If the pack is torn, changed or missing and was not made again.
    UpstreamError
        If the store fails, or what `remake` needs.
    """
    there = [kind for kind in KINDS if index_row[f"{kind}Length"] is not None]
    if index_row["pack"] is None or not there:
        return {}
    try:
        return _read(index_row, there, blobs)
    except PackDamaged as damage:
        if remake is None:
            raise PackDamaged(damage.name, f"{damage.why}; `splanc cutout` makes it again while Kafka keeps its messages") from damage
        _log.warning("pack damaged, making it again", pack=damage.name, why=damage.why)
    pack = remake(index_row["pack"])
    blobs.put_pack(pack.path, pack.name)
    return _read(index_row, there, blobs)


def write_fits(cutouts: Mapping[str, bytes], out: Path) -> list[Path]:
    """Write cutouts as files and return their paths: science to `out`, the others beside it (`out.template.fits`, …).

    Parameters
    ----------
    cutouts : by kind, as from `read_cutouts`.
    out : for example `out.fits`, or `out.fits.gz` for those that came compressed; then the others are `out.template.fits` and
        `out.difference.fits`, or these with `.gz`.

    Raises
    ------
    UserError
        If a file cannot be written.
    """
    written = []
    ending = f"{Path(out.stem).suffix}{out.suffix}" if out.suffix == ".gz" else out.suffix
    for kind, data in cutouts.items():
        path = out if kind == "science" else out.with_name(f"{out.name.removesuffix(ending)}.{kind}{ending or '.fits'}")
        try:
            path.write_bytes(data)
        except OSError as error:
            raise UserError(f"cannot write {path}: {error.strerror}") from error
        written.append(path)
    return written


def _read(index_row: Mapping[str, Any], there: Sequence[str], blobs: BlobStore) -> dict[str, bytes]:
    starts = np.array([index_row[f"{kind}Start"] for kind in there], np.int64)
    lengths = np.array([index_row[f"{kind}Length"] for kind in there], np.int64)
    # An alert's cutouts stand end to end, so that one request gets them all.
    data = blobs.get_range(index_row["pack"], int(starts[0]), int(lengths.sum()))
    starts -= starts[0]
    if checksum_ranges(data, starts, lengths) != index_row["checksum"]:
        raise PackDamaged(index_row["pack"], f"bytes of it have changed in the blob store {blobs.place}")
    return {kind: data[start : start + length] for kind, start, length in zip(there, starts, lengths, strict=True)}
