"""The jars of the embedded broker: pinned by version and checksum, fetched once, shared by all data directories."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import platformdirs
import structlog

from ..errors import UpstreamError

_THREADS = 8
"""Jars fetched or checked at once: 46 jars take about a second; more gain nothing."""

_PAUSES_SECONDS = (0.5, 1.0)
"""Pauses before a jar's second and third try; there is no fourth."""

_TIMEOUT_SECONDS = 60.0
"""Longest silence of the server in the middle of a jar."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Jar:
    """One pinned jar, by its Maven coordinates.

    Parameters
    ----------
    size : bytes.
    """

    group: str
    artifact: str
    version: str
    sha256: str
    size: int

    @property
    def name(self) -> str:
        """File name, in the cache as in the repository."""
        return f"{self.artifact}-{self.version}.jar"

    @property
    def path(self) -> str:
        """Path below a repository's base address."""
        return f"{self.group.replace('.', '/')}/{self.artifact}/{self.version}/{self.name}"


def locked_jars() -> list[Jar]:
    """Return the jars that this version of splanc runs its broker with."""
    text = resources.files(__package__).joinpath("jars.lock.json").read_text()
    return [Jar(**entry) for entry in json.loads(text)]


def jar_folder() -> Path:
    """Return the folder of fetched jars: `SPLANC_JARS`, or `splanc/jars` in the user's cache."""
    given = os.environ.get("SPLANC_JARS")
    return Path(given) if given else Path(platformdirs.user_cache_dir("splanc")) / "jars"


def fetch_jars() -> list[Path]:
    """Return the paths of all jars, fetching those that are missing or damaged.

    Raises
    ------
    UpstreamError
        If a jar cannot be had, or is not the one that was pinned.
    """
    jars, folder = locked_jars(), jar_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(_THREADS) as pool:
        intact = pool.map(lambda jar: _is_intact(folder / jar.name, jar), jars)
        missing = [jar for jar, good in zip(jars, intact, strict=True) if not good]
        if missing:
            base = _repository()
            _log.info("fetching Kafka's jars", jars=len(missing), size_bytes=sum(jar.size for jar in missing), folder=str(folder))
            try:
                list(pool.map(lambda jar: _fetch(base, jar, folder), missing))
            except UpstreamError:
                pool.shutdown(cancel_futures=True)
                raise
    return [folder / jar.name for jar in jars]


def _repository() -> str:
    """Return the base address of the Maven repository: `SPLANC_MAVEN_URL`, or the public one."""
    given = os.environ.get("SPLANC_MAVEN_URL")
    if given:
        return given.rstrip("/")
    from jgo.constants import MAVEN_CENTRAL_URL  # noqa: PLC0415 (takes 0.5 s, and only a first start needs it)

    return str(MAVEN_CENTRAL_URL)


def _fetch(base: str, jar: Jar, folder: Path) -> None:
    url = f"{base}/{jar.path}"
    for pause_seconds in _PAUSES_SECONDS:
        with suppress(OSError, UpstreamError):
            return _download(url, jar, folder)
        time.sleep(pause_seconds)
    try:
        return _download(url, jar, folder)
    except OSError as error:
        raise UpstreamError(
            f"cannot fetch {jar.name} from {base}: {error}. The embedded Kafka needs its jars once: connect to the network, "
            f"or name a mirror in SPLANC_MAVEN_URL, or copy them to {folder}; or use your own Kafka by kafka.bootstrap_servers"
        ) from error


def _download(url: str, jar: Jar, folder: Path) -> None:
    part = folder / f"{jar.name}.{os.getpid()}.part"
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as answer, part.open("wb") as file:  # noqa: S310 (a mirror may be a folder)
            shutil.copyfileobj(answer, file)
        if not _is_intact(part, jar):
            raise UpstreamError(
                f"{url} is not the {jar.name} that splanc was tested with: its sha256 should be {jar.sha256}. "
                "A proxy or the mirror in SPLANC_MAVEN_URL may have changed it; try another"
            )
        part.replace(folder / jar.name)
    finally:
        part.unlink(missing_ok=True)


def _is_intact(path: Path, jar: Jar) -> bool:
    if not path.is_file() or path.stat().st_size != jar.size:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == jar.sha256
