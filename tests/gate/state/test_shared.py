"""The state that workers share when nobody named one."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from shiomi.gate.errors import StateError
from shiomi.gate.state import State
from shiomi.gate.state.file import FileState
from shiomi.gate.state.memory import MemoryState
from shiomi.gate.state.shared import shared_state


def opened(environment: dict[str, str], policy: str | None = None) -> State:
    return shared_state(policy, environment)


def test_workers_of_one_site_have_one_secret(tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path)}
    one, other = opened(home), opened(home)
    assert isinstance(one, FileState)
    assert one.secret == other.secret
    assert list(tmp_path.glob(".local/state/shiomi-gate/site-*.state"))
    one.close()
    other.close()


def test_sites_with_other_policies_have_other_secrets(tmp_path: Path) -> None:
    one, other = opened({"HOME": str(tmp_path)}), opened({"HOME": str(tmp_path)}, "gate.toml")
    assert one.secret != other.secret
    one.close()
    other.close()


def test_a_user_without_a_home_gets_a_folder_among_the_temporary_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "file").touch()
    state = opened({"HOME": str(tmp_path / "file")})
    assert isinstance(state, FileState)
    folder = tmp_path / f"shiomi-gate-{os.getuid()}"
    assert folder.stat().st_mode & 0o777 == 0o700
    state.close()


def test_a_temporary_folder_that_others_may_use_is_not_trusted_and_that_is_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = tmp_path / f"shiomi-gate-{os.getuid()}"
    folder.mkdir()
    folder.chmod(0o777)
    with caplog.at_level(logging.WARNING):
        assert isinstance(opened({}), MemoryState)
    assert "share no state" in caplog.text
    assert "SHIOMI_GATE_STATE" in caplog.text


def test_the_environment_names_another_state(tmp_path: Path) -> None:
    assert isinstance(opened({"SHIOMI_GATE_STATE": "memory"}), MemoryState)
    with pytest.raises(StateError, match="absent"):
        opened({"SHIOMI_GATE_STATE": str(tmp_path / "absent" / "file")})
