"""How commands start quickly: a package loads a module when one of the names in it is first asked for.

`splanc --help` must not wait for numba, polars and SQLAlchemy, nor `splanc ledger` for the decoder. So a package whose parts
are heavy states its public names in imports that only type checkers run, and its `__getattr__` runs each when its name is used:

    if TYPE_CHECKING:
        from ._decoder import Decoder
    else:
        __getattr__ = load_on_use(__name__)

Nothing else is special. Modules import names at their top, as anywhere, and so load all that they need before they do
anything: a node is never late for an import. The commands in `cli` alone write `from .. import head` and `head.read_ledger(…)`,
so that a command loads what it uses when it runs. (Python 3.15 has `lazy from … import …` for the same.)
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any


def load_on_use(package: str) -> Callable[[str], Any]:
    """Return the `__getattr__` of a package: it imports a name from the module that the package's own source imports it from.

    No name may be that of a module of the package, since importing that module would hide it.
    """
    owner = sys.modules[package]
    assert owner.__file__ is not None
    imports = [node for node in ast.walk(ast.parse(Path(owner.__file__).read_text("utf-8"))) if isinstance(node, ast.ImportFrom) and node.level == 1]
    homes = {alias.name: node.module for node in imports for alias in node.names}

    def load(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(f"{package}.{homes[name]}"), name)
        setattr(owner, name, value)
        return value

    return load
