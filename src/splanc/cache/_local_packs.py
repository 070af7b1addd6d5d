"""Packs on a node's disk that are archived, or about to be, and wait for the blob store. They outlive the node.

A file of the name `<night>/<node>-<time>-<counter>.pack` is whole and on the disk for certain. Each node has a folder of
its own; what a node leaves for good, any other of the same data directory takes over.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from ..archive import Pack, PackDamaged
from ..disk import put_whole, to_disk
from ..errors import UpstreamError
from ..locks import file_lock

_LOCK = "lock"
"""File in a node's folder that is locked while the node lives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalPack:
    """A pack that waits here: its name in the blob store, its file, and its size in bytes."""

    name: str
    path: Path
    size_bytes: int


class LocalPacks:
    """The packs of one node that wait for the blob store, bounded by bytes.

    Parameters
    ----------
    folder : of this node alone, below one folder for all nodes of the data directory; made when it is not there.
    max_bytes : bound of all that waits here. One pack is always taken, however large.

    Raises
    ------
    UpstreamError
        If the folder cannot be used.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self.folder = folder
        """The node's folder."""
        self._max_bytes = max_bytes
        self._guard = Lock()
        self._lock = ExitStack()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # Waits only for a node that is just taking over a pack; two nodes of one name are told apart by the spool.
            self._lock.enter_context(file_lock(folder / _LOCK))
            self._sizes = {pack.name: pack.size_bytes for pack in _packs_in(folder)}
        except OSError as error:
            raise UpstreamError(f"cannot use the folder {folder} for packs of cutouts: {error.strerror}; set another data_dir") from error

    def has_room(self, size_bytes: int) -> bool:
        """Whether a pack may be taken."""
        with self._guard:
            return not self._sizes or sum(self._sizes.values()) + size_bytes <= self._max_bytes

    def take(self, pack: Pack) -> None:
        """Move a pack here, where it survives the node and a loss of power; it is safe to do so again.

        Raises
        ------
        PackDamaged
            If there is no such file, neither here nor where it was written.
        UpstreamError
            If the disk does not take it.
        """
        target = self.folder / pack.name
        try:
            if pack.path.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                put_whole(pack.path, target)
                to_disk(self.folder)
            elif not target.exists():
                raise PackDamaged(pack.name, f"the local file {pack.path} is gone")
        except OSError as error:
            raise UpstreamError(f"cannot keep the pack of cutouts {target}: {error.strerror}; make room there, or set another data_dir") from error
        with self._guard:
            self._sizes[pack.name] = pack.size_bytes

    def oldest_first(self) -> list[LocalPack]:
        """Return what waits, in the order of night and time."""
        with self._guard:
            return [LocalPack(name=name, path=self.folder / name, size_bytes=self._sizes[name]) for name in sorted(self._sizes)]

    def drop(self, name: str) -> None:
        """Delete a pack; one that is not there is no error."""
        (self.folder / name).unlink(missing_ok=True)
        self._forget(name)

    def set_aside(self, name: str) -> Path:
        """Keep a pack that is damaged out of the way, and return its new path."""
        aside = self.folder / f"{name}.damaged"
        (self.folder / name).replace(aside)
        self._forget(name)
        return aside

    def adopt(self) -> LocalPack | None:
        """Take over a pack of a node of this data directory that is not running; None if there is none."""
        for folder in sorted(self.folder.parent.iterdir()):
            if folder == self.folder or not folder.is_dir():
                continue
            with file_lock(folder / _LOCK, wait=False) as is_free:
                pack = next(iter(_packs_in(folder)), None) if is_free else None
                if pack is not None:
                    return self._adopted(pack)
        return None

    def state(self) -> tuple[int, int]:
        """Return how many packs wait, and their bytes."""
        with self._guard:
            return len(self._sizes), sum(self._sizes.values())

    def close(self) -> None:
        """Leave what waits where it is, for the next life of this node or for another one."""
        self._lock.close()

    def _adopted(self, pack: LocalPack) -> LocalPack:
        target = self.folder / pack.name
        target.parent.mkdir(parents=True, exist_ok=True)
        pack.path.replace(target)
        with self._guard:
            self._sizes[pack.name] = pack.size_bytes
        return LocalPack(name=pack.name, path=target, size_bytes=pack.size_bytes)

    def _forget(self, name: str) -> None:
        with self._guard:
            self._sizes.pop(name, None)
        with suppress(OSError):  # other packs of the night are still there
            (self.folder / name).parent.rmdir()


def local_pack(packs_folder: Path, name: str) -> Path | None:
    """Return the file of a pack that waits on this machine, with whichever node; None if it does not.

    Parameters
    ----------
    packs_folder : the folder of all nodes of a data directory.
    name : of the pack.
    """
    return next((path for path in packs_folder.glob(f"*/{name}")), None)


def _packs_in(folder: Path) -> Iterator[LocalPack]:
    for path in sorted(folder.glob("*/*.pack")):
        yield LocalPack(name=f"{path.parent.name}/{path.name}", path=path, size_bytes=path.stat().st_size)
