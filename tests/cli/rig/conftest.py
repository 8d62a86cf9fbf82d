"""Commands of the rig run as in a fresh account: nothing is installed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shiomi.rig.estimate.shared_rows import activate_rows
from shiomi.rig.tables import activate


@pytest.fixture(autouse=True)
def fresh_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    home = tmp_path / "data-home"
    monkeypatch.setenv("XDG_DATA_HOME", str(home))
    yield home / "shiomi" / "rig"
    activate(None)
    activate_rows(None)
