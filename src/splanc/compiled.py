"""Where compiled code is kept: in a folder for exactly these sources.

numba would keep a function's machine code beside the function's file, and look at no other file to tell whether it still
holds. Yet what the function calls in other files is part of that machine code: after an update the old would silently go on.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import platformdirs

_VARIABLE = "NUMBA_CACHE_DIR"
_OLD_SECONDS = 14 * 86_400
"""Folders of other sources are deleted once they are older than this, seconds: nobody goes back to them."""


def keep_compiled_code(sources: Path = Path(__file__).parent, root: Path | None = None) -> None:
    """Have numba keep machine code in a folder of its own for the sources as they are now; what the user has set stays.

    Parameters
    ----------
    sources : folder of the package.
    root : where the folders are; None: in the user's cache.
    """
    if _VARIABLE in os.environ:
        return
    root = root or Path(platformdirs.user_cache_dir("splanc")) / "compiled"
    folder = root / _stamp(sources)
    if not folder.exists():
        _delete_old(root)
    os.environ[_VARIABLE] = str(folder)


@contextmanager
def compiling(what: str, say: Callable[[], None], sources: Path = Path(__file__).parent) -> Iterator[None]:
    """Call `say` before what is done inside, unless it was done before with these sources: then its code is loaded, and not compiled for a minute.

    Parameters
    ----------
    what : names it.
    sources : folder of the package.
    """
    mark = Path(os.environ[_VARIABLE]) / f"{what}-{_stamp(sources)}"
    if not mark.exists():
        say()
    yield
    with suppress(OSError):  # then it is said again
        mark.touch()


def _stamp(sources: Path) -> str:
    """Return a text that changes with any file that has to do with numba."""
    texts = ((path, path.read_bytes()) for path in sorted(sources.rglob("*.py")))
    digest = hashlib.sha256()
    for path, text in texts:
        if b"numba" in text:
            digest.update(f"{path} {len(text)} ".encode() + text)
    return digest.hexdigest()[:16]


def _delete_old(root: Path) -> None:
    for folder in root.glob("*"):
        if folder.stat().st_mtime < time.time() - _OLD_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)
