from __future__ import annotations

import importlib
import pkgutil

import pytest

import splanc
from splanc import packet
from splanc.errors import UserError

PACKAGES = [importlib.import_module(f"splanc.{module.name}") for module in pkgutil.iter_modules(splanc.__path__) if module.ispkg]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_every_public_name_is_found_and_hidden_by_no_module(package) -> None:
    modules = {module.name for module in pkgutil.iter_modules(package.__path__)}
    assert modules & set(package.__all__) == set()
    assert [name for name in package.__all__ if not hasattr(package, name)] == []


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"module 'splanc\.packet' has no attribute 'Decoderr'"):
        _ = packet.Decoderr
    with pytest.raises(ImportError):
        importlib.import_module("splanc.packet.Decoder")
    assert not hasattr(packet, UserError.__name__)
