"""A site for each test of commands."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.acceptance.commands import Site, site


@pytest.fixture(scope="module")
def shared_site() -> Iterator[Site]:
    """A site whose tests only add to it."""
    with site() as own:
        yield own


@pytest.fixture
def own_site() -> Iterator[Site]:
    """A site of this test alone."""
    with site() as own:
        yield own
