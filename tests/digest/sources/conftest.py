"""Fixtures of the sources' tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .community import Community, running


@pytest.fixture
def community() -> Iterator[Community]:
    """A community's server on loopback, without any answer yet."""
    with running(Community()) as server:
        yield server
