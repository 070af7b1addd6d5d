"""The blob store: packs by name, in a folder or in any object store that `obstore` reaches (S3, GCS, Azure)."""

from __future__ import annotations

import errno
import filecmp
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore

from ..errors import UpstreamError, UserError, first_line
from ..object_stores import store_at
from ._upload import upload
from .footers import PackDamaged

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")
"""What a name may be: path segments that no store has to escape and that cannot climb out of a folder."""

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """A pack in the blob store: its name, its size in bytes, and when it was put there (UTC)."""

    name: str
    size_bytes: int
    modified: datetime


class BlobStore:
    """Packs by name.

    Parameters
    ----------
    place : a folder (made when it is not there), or a URL: `file:///folder`, `s3://bucket/prefix`, `gs://…`, `az://…`,
        `memory:///`. Credentials and endpoints come from each provider's environment variables.
    s3 : what is given here instead, for S3 only: `endpoint`, `region`, `access_key_id`, `secret_access_key`.

    Raises
    ------
    UserError
        If the place is no folder and no URL of a store, or lacks what the store needs.
    """

    def __init__(self, place: str | Path, s3: Mapping[str, str] | None = None) -> None:
        self.place = str(place)
        self._folder = _folder_of(self.place)
        if s3 and not self.place.startswith(("s3://", "s3a://")):
            raise UserError(f"blobs.url: {self.place!r} is not on S3, so that {', '.join(sorted(s3))} of [blobs] mean nothing; leave them out")
        try:
            if self._folder is not None:
                self._folder.mkdir(parents=True, exist_ok=True)
                self._store: ObjectStore = LocalStore(self._folder)
            else:
                self._store = store_at(self.place, s3)
        except OSError as error:
            raise UserError(f"blobs.url: cannot use the folder {self._folder} for packs: {error.strerror}") from error
        except (BaseError, ValueError) as error:
            raise UserError(f"blobs.url: {self.place!r} is no folder and no URL of an object store that can be used: {first_line(error)}") from error

    def renames_from(self, folder: Path) -> bool:
        """Whether packs in a folder are moved here by a mere rename: this is a folder too, and on the same disk.

        Tried rather than looked up, since a disk may be mounted in two places.

        Raises
        ------
        UpstreamError
            If a folder cannot be written.
        """
        if self._folder is None:
            return False
        probe = folder / f".probe-{os.getpid()}"
        moved = self._folder / probe.name
        try:
            probe.touch()
            return _renamed(probe, moved)
        except OSError as error:
            raise UpstreamError(f"cannot move files from {folder} to {self._folder}: {error.strerror}; check both folders") from error
        finally:
            probe.unlink(missing_ok=True)
            moved.unlink(missing_ok=True)

    def put_pack(self, local: Path, name: str) -> None:
        """Move a local pack into the store, at once and whole; it is safe to do so again.

        Raises
        ------
        PackDamaged
            If the local file is gone and the store does not have it either.
        UpstreamError
            If the store fails; the local file is still there then.
        """
        if not local.exists():
            self.head(name)
        elif not self._into_folder(name, lambda target: _renamed(local, target)):
            self.upload(local, name)
            local.unlink()

    def upload(self, local: Path, name: str) -> None:
        """Copy a local pack into the store, and compare what the store has then; the local file stays.

        Raises
        ------
        PackDamaged
            If the store has something else afterwards.
        UpstreamError
            If the store fails.
        """
        if not self._into_folder(name, lambda target: _copied(local, target)):
            self._ask(name, lambda: upload(self._store, name, local))

    def get_range(self, name: str, start: int, length: int) -> bytes:
        """Return `length` bytes of a pack from `start` on.

        Raises
        ------
        PackDamaged
            If there is no such pack, or it ends before.
        UpstreamError
            If the store fails.
        """
        if not length:
            return b""
        try:
            got = self._ask(name, lambda: bytes(obstore.get_range(self._store, name, start=start, length=length)))
        except PackDamaged:
            raise
        except UpstreamError:
            # A range beyond the end is told apart from an outage by the size.
            self._check_size(name, start + length)
            raise
        if len(got) < length:
            self._check_size(name, start + length)
        return got

    def list(self, prefix: str = "") -> Iterator[Blob]:
        """Yield the packs below a prefix of whole path segments, in the store's order.

        Raises
        ------
        UpstreamError
            If the store fails.
        """
        chunks = obstore.list(self._store, prefix or None, chunk_size=1000)
        while chunk := self._ask(prefix, lambda: next(chunks, None)):
            yield from (_blob(meta) for meta in chunk if meta["path"].endswith(".pack"))

    def get(self, name: str) -> bytes:
        """Return all bytes of a pack.

        Raises
        ------
        PackDamaged
            If there is no such pack.
        UpstreamError
            If the store fails.
        """
        return self._ask(name, lambda: bytes(obstore.get(self._store, name).bytes()))

    def nights(self) -> tuple[int, ...]:
        """Return the nights that packs here are named after, ascending.

        Raises
        ------
        UpstreamError
            If the store fails.
        """
        folders = self._ask("", lambda: obstore.list_with_delimiter(self._store)["common_prefixes"])
        return tuple(sorted(int(folder) for folder in folders if folder.isdecimal()))

    def head(self, name: str) -> Blob:
        """Return what the store knows of a pack.

        Raises
        ------
        PackDamaged
            If there is no such pack.
        UpstreamError
            If the store fails.
        """
        return _blob(self._ask(name, lambda: obstore.head(self._store, name)))

    def delete(self, name: str) -> None:
        """Delete a pack; one that is not there is no error.

        Raises
        ------
        UpstreamError
            If the store fails.
        """
        try:
            self._ask(name, lambda: obstore.delete(self._store, name))
        except PackDamaged:
            return

    def _ask(self, name: str, request: Callable[[], _Answer]) -> _Answer:
        _checked(name)
        try:
            return request()
        except FileNotFoundError as error:
            raise PackDamaged(name, f"not in the blob store {self.place}") from error
        except (BaseError, OSError) as error:
            raise UpstreamError(f"blob store {self.place}, {name}: {first_line(error)}; check that it is up and that its credentials are set") from error

    def _check_size(self, name: str, least_bytes: int) -> None:
        size_bytes = self.head(name).size_bytes
        if size_bytes < least_bytes:
            raise PackDamaged(name, f"torn: it has {size_bytes} bytes in {self.place}, but {least_bytes} were put there")

    def _into_folder(self, name: str, put: Callable[[Path], bool]) -> bool:
        """Return what `put` says of the place of a pack in this folder; False if this is none."""
        _checked(name)
        if self._folder is None:
            return False
        target = self._folder / name
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            return put(target)
        except OSError as error:
            raise UpstreamError(f"cannot put the pack {target} where it belongs: {error.strerror}; check the folder and the room on its disk") from error


def _blob(meta: obstore.ObjectMeta) -> Blob:
    return Blob(name=meta["path"], size_bytes=meta["size"], modified=meta["last_modified"])


def _folder_of(place: str) -> Path | None:
    url = urlsplit(place)
    if url.scheme == "file":
        return Path(unquote(url.path))
    return None if "://" in place else Path(place).absolute()


def _renamed(local: Path, target: Path) -> bool:
    """Whether a rename moved a file; False if it is on another disk."""
    try:
        local.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        return False
    return True


def _copied(local: Path, target: Path) -> bool:
    """Copy a file so that the target is there whole or not at all, and return True.

    Raises
    ------
    PackDamaged
        If the copy has other bytes.
    """
    partial = target.with_name(f"{target.name}.part")
    with local.open("rb") as source, partial.open("wb") as copy:
        shutil.copyfileobj(source, copy, 1 << 20)
        copy.flush()
        os.fsync(copy.fileno())
    if not filecmp.cmp(local, partial, shallow=False):
        raise PackDamaged(target.name, f"the copy {partial} has other bytes than {local}")
    partial.replace(target)
    return True


def _checked(name: str) -> str:
    if name and not _NAME.fullmatch(name):
        raise UserError(f"{name!r} is not the name of a pack")
    return name
