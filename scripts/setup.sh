#!/bin/sh
# Makes .venv from the lock, installs splanc into it as it stands here, and fetches Kafka's jars. Safe to repeat.
# Needs Python 3.11 or newer; uses uv when it is there, else venv and pip.
set -eu
cd "$(dirname "$0")/.."

NEWEST_FIRST="python3.14 python3.13 python3.12 python3.11 python3"
READY=.venv/.ready

say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

fits() { # PYTHON: does it run, and do all locked packages have wheels for it?
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null
}

find_python() {
    for name in ${PYTHON:-$NEWEST_FIRST}; do
        if fits "$name"; then command -v "$name"; return; fi
    done
    die "no Python 3.11 to 3.14 found (tried: ${PYTHON:-$NEWEST_FIRST}); install one, or name it: make setup PYTHON=/path/to/python3"
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo >/dev/null; then sudo "$@"
    else return 1
    fi
}

need_venv() { # PYTHON: Debian and Ubuntu keep Python's venv module in a package of its own
    "$1" -c 'import ensurepip, venv' 2>/dev/null && return
    package=$("$1" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    command -v apt-get >/dev/null || die "$1 has no venv module; install it, or uv"
    say "$1 has no venv module; installing the system's package $package"
    as_root apt-get update -qq && as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package" >/dev/null ||
        die "could not install it; as root: apt-get install $package"
}

install_with_uv() {
    if ! fits .venv/bin/python; then
        python=$(find_python)
        uv venv --quiet --clear --python "$python" .venv
    fi
    uv pip sync --quiet --compile-bytecode --python .venv/bin/python --require-hashes requirements/dev.txt
    uv pip install --quiet --compile-bytecode --python .venv/bin/python --no-deps --no-build-isolation --editable .
}

install_with_pip() {
    if ! fits .venv/bin/python; then
        python=$(find_python)
        need_venv "$python"
        "$python" -m venv --clear .venv
    fi
    .venv/bin/python -m pip --version >/dev/null 2>&1 || .venv/bin/python -m ensurepip >/dev/null
    pip="env PIP_DISABLE_PIP_VERSION_CHECK=1 .venv/bin/python -m pip install --quiet --root-user-action=ignore"
    # The lock has all that is needed, and leaves out what is not: qub-sherlock is there for its sample rows alone.
    $pip --no-deps --require-hashes --requirement requirements/dev.txt
    $pip --no-deps --no-build-isolation --editable .
}

rm -f "$READY"
say "installing the locked packages into .venv"
if command -v uv >/dev/null; then install_with_uv; else install_with_pip; fi
say "fetching Apache Kafka"
.venv/bin/splanc fetch
touch "$READY"
say "done"
