"""scripts/setup.sh on machines of all kinds, each made of stand-ins for the programs that it finds in the PATH."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

LOG = 'echo "$(basename "$0") $*" >> "$CALLS"\n'

PYTHON = LOG + 'case "$*" in *"3, 15"*) exit {fits};; *ensurepip,*) exit {has_venv};; *print*) echo python3.11-venv;; *"-m venv"*) make_venv;; esac\n'

MAKE_VENV = 'make_venv() { mkdir -p .venv/bin; for p in python splanc; do printf "#!/bin/sh\\n%s" "$TOOL" > .venv/bin/$p; chmod +x .venv/bin/$p; done; }\n'

UV = LOG + MAKE_VENV + 'case "$*" in venv*) make_venv;; esac\n'


@dataclass
class Machine:
    root: Path
    calls: Path

    def has(self, name: str, script: str) -> None:
        path = self.root.parent / "bin" / name
        path.write_text(f"#!/bin/sh\n{script}")
        path.chmod(0o755)

    def has_python(self, name: str, *, fits: bool = True, has_venv: bool = True) -> None:
        self.has(name, MAKE_VENV + PYTHON.format(fits=int(not fits), has_venv=int(not has_venv)))

    def setup(self, **environment: str) -> tuple[int, str, list[str]]:
        """Exit code, messages, and the programs called with their arguments; those that only look are left out."""
        self.calls.write_text("")
        variables = {"PATH": str(self.root.parent / "bin"), "CALLS": str(self.calls), "TOOL": LOG, **environment}
        shell = shutil.which("sh") or "sh"
        result = subprocess.run([shell, "scripts/setup.sh"], cwd=self.root, env=variables, capture_output=True, text=True, check=False)
        return result.returncode, result.stderr, [line for line in self.calls.read_text().splitlines() if " -c " not in line]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine with a checkout and the programs that every one has, but no Python."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "repository" / "scripts").mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "setup.sh", tmp_path / "repository" / "scripts")
    for name in ("sh", "basename", "chmod", "dirname", "env", "mkdir", "rm", "touch"):
        (tmp_path / "bin" / name).symlink_to(shutil.which(name) or name)
    made = Machine(tmp_path / "repository", tmp_path / "calls")
    made.has("id", "echo 1000\n")
    return made


PIP_CALLS = [
    "python -m pip --version",
    "python -m pip install --quiet --root-user-action=ignore --no-deps --require-hashes --requirement requirements/dev.txt",
    "python -m pip install --quiet --root-user-action=ignore --no-deps --no-build-isolation --editable .",
    "splanc fetch",
]


def test_pip_where_there_is_no_uv(machine: Machine) -> None:
    machine.has_python("python3")
    code, said, calls = machine.setup()
    assert (code, calls) == (0, ["python3 -m venv --clear .venv", *PIP_CALLS])
    assert said.splitlines() == ["setup: installing the locked packages into .venv", "setup: fetching Apache Kafka", "setup: done"]
    assert (machine.root / ".venv" / ".ready").exists()


def test_uv_where_there_is_one(machine: Machine) -> None:
    machine.has_python("python3.12")
    machine.has("uv", UV)
    code, _, calls = machine.setup()
    assert code == 0
    assert calls == [
        f"uv venv --quiet --clear --python {machine.root.parent}/bin/python3.12 .venv",
        "uv pip sync --quiet --compile-bytecode --python .venv/bin/python --require-hashes requirements/dev.txt",
        "uv pip install --quiet --compile-bytecode --python .venv/bin/python --no-deps --no-build-isolation --editable .",
        "splanc fetch",
    ]


def test_a_second_time_keeps_the_environment(machine: Machine) -> None:
    machine.has_python("python3")
    machine.setup()
    assert machine.setup()[::2] == (0, PIP_CALLS)


def test_the_newest_python_that_fits_is_taken(machine: Machine) -> None:
    for name, fits in {"python3.14": False, "python3.13": True, "python3.11": True, "python3": True}.items():
        machine.has_python(name, fits=fits)
    assert machine.setup()[2][0] == "python3.13 -m venv --clear .venv"
    shutil.rmtree(machine.root / ".venv")
    assert machine.setup(PYTHON="python3.11")[2][0] == "python3.11 -m venv --clear .venv"


def test_no_python_that_fits(machine: Machine) -> None:
    machine.has_python("python3", fits=False)
    code, said, calls = machine.setup()
    assert (code, calls) == (1, [])
    assert "no Python 3.11 to 3.14 found" in said
    assert "make setup PYTHON=" in said
    machine.has("uv", UV)
    assert machine.setup()[::2] == (1, [])


def test_python_without_venv_as_root(machine: Machine) -> None:
    machine.has_python("python3", has_venv=False)
    machine.has("apt-get", LOG)
    machine.has("id", "echo 0\n")
    code, said, calls = machine.setup()
    assert calls[:3] == ["apt-get update -qq", "apt-get install -y -qq --no-install-recommends python3.11-venv", "python3 -m venv --clear .venv"]
    assert code == 0
    assert "installing the system's package python3.11-venv" in said


def test_python_without_venv_with_sudo(machine: Machine) -> None:
    machine.has_python("python3", has_venv=False)
    machine.has("apt-get", LOG)
    machine.has("sudo", LOG + '"$@"\n')
    code, _, calls = machine.setup()
    assert code == 0
    assert calls[0] == "sudo apt-get update -qq"


@pytest.mark.parametrize(
    ("apt", "said_last"),
    [
        (LOG, "setup: could not install it; as root: apt-get install python3.11-venv"),
        (None, "has no venv module; install it, or uv"),
    ],
)
def test_python_without_venv_and_nobody_to_ask(machine: Machine, apt: str | None, said_last: str) -> None:
    machine.has_python("python3", has_venv=False)
    if apt:
        machine.has("apt-get", apt)
    code, said, calls = machine.setup()
    assert (code, calls) == (1, [])
    assert said.splitlines()[-1].endswith(said_last)
    assert not (machine.root / ".venv" / ".ready").exists()


@pytest.mark.parametrize("broken", ["*--require-hashes*", "*--editable*", "fetch"])
def test_what_fails_is_not_ready(machine: Machine, broken: str) -> None:
    machine.has_python("python3")
    code, _, _ = machine.setup(TOOL=LOG + f'case "$*" in {broken}) exit 7;; esac\n')
    assert code == 7
    assert not (machine.root / ".venv" / ".ready").exists()
