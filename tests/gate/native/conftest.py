"""What the tests of compiled configurations share."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that every user may read, as servers change theirs; pytest's own is closed."""
    with tempfile.TemporaryDirectory(prefix="shiomi-") as made:
        Path(made).chmod(0o755)
        yield Path(made)
