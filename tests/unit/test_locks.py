from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Event, Thread

import pytest

from splanc.locks import file_lock

HOLD = """
import sys
from pathlib import Path
from splanc.locks import file_lock
with file_lock(Path(sys.argv[1]), shared=sys.argv[2] == "shared"):
    print("mine", flush=True)
    sys.stdin.read()
"""
"""Has a lock until it is told to end, by the end of its input."""

Holder = Callable[[str], subprocess.Popen[str]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lock"


@pytest.fixture
def holder(path: Path) -> Iterator[Holder]:
    """Starts another process, and returns it when it has the lock."""
    with ExitStack() as processes:

        def start(how: str) -> subprocess.Popen[str]:
            process = subprocess.Popen([sys.executable, "-c", HOLD, str(path), how], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            processes.enter_context(process)
            processes.callback(process.kill)
            assert process.stdout is not None
            assert process.stdout.readline() == "mine\n"
            return process

        yield start


def is_free(path: Path, *, shared: bool = False) -> bool:
    with file_lock(path, shared=shared, wait=False) as is_mine:
        return is_mine


def test_a_lock_is_had_by_one_process_until_it_gives_it_back(path: Path, holder: Holder) -> None:
    other = holder("alone")
    assert (is_free(path), is_free(path, shared=True)) == (False, False)
    other.communicate()
    assert (is_free(path), is_free(path)) == (True, True)


def test_those_that_share_a_lock_have_it_together(path: Path, holder: Holder) -> None:
    holder("shared")
    assert (is_free(path, shared=True), is_free(path)) == (True, False)


def test_a_killed_process_frees_its_lock(path: Path, holder: Holder) -> None:
    other = holder("alone")
    other.kill()
    other.wait()
    assert path.exists()
    assert is_free(path)


def test_who_waits_has_the_lock_after_the_other(path: Path, holder: Holder) -> None:
    other, waits, has = holder("alone"), Event(), Event()

    def wait() -> None:
        waits.set()
        with file_lock(path) as is_mine:
            assert is_mine
            has.set()

    waiting = Thread(target=wait)
    waiting.start()
    assert waits.wait(4.0)
    assert not has.wait(0.1)
    other.communicate()
    waiting.join(4.0)
    assert has.is_set()


def test_what_fails_under_a_lock_fails_as_itself_and_frees_it(path: Path) -> None:
    with pytest.raises(BlockingIOError, match="of the work"), file_lock(path):
        raise BlockingIOError("of the work")
    assert is_free(path)


def test_a_lock_needs_a_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), file_lock(tmp_path / "none" / "lock"):
        pass


def test_the_file_is_left_as_it_was(path: Path) -> None:
    path.write_text("what somebody wrote")
    assert is_free(path)
    assert path.read_text() == "what somebody wrote"
