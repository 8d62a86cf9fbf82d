from __future__ import annotations

import errno
from pathlib import Path

import pytest
import torch

from shiomi.lejepa.atomic import atomic_file
from shiomi.lejepa.checkpoint import load_checkpoint, save_checkpoint
from shiomi.lejepa.errors import RunError
from tests.lejepa.full_disk import no_more_than


def test_what_is_saved_is_loaded_to_the_bit(tmp_path: Path) -> None:
    path = tmp_path / "new" / "last.pt"
    assert load_checkpoint(path) is None
    state = {"step": 7, "network": {"w": torch.randn(5, 3), "n": torch.tensor(4)}}
    save_checkpoint(path, state)
    loaded = load_checkpoint(path)
    assert loaded is not None
    assert loaded["step"] == 7
    assert torch.equal(loaded["network"]["w"], state["network"]["w"])  # type: ignore[index]
    assert [one.name for one in path.parent.iterdir()] == ["last.pt"]


def test_on_a_full_disk_the_old_one_stays_and_the_remedy_is_told(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    save_checkpoint(path, {"step": 1})
    with no_more_than(20_000), pytest.raises(RunError, match=r"last.pt cannot be written: .*MiB"):
        save_checkpoint(path, {"step": 2, "big": torch.zeros(100_000)})
    assert load_checkpoint(path) == {"step": 1}
    assert [one.name for one in tmp_path.iterdir()] == ["last.pt"]


def test_an_error_of_the_system_is_told_in_its_words(tmp_path: Path) -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    with (
        pytest.raises(RunError, match=r"No space left on device; .* free there.*same command"),
        atomic_file(tmp_path / "a"),
    ):
        raise full
    assert not list(tmp_path.iterdir())


def test_where_nothing_may_be_written_that_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(RunError, match=r"cannot be written: (Not a directory|File exists)"):
        save_checkpoint(tmp_path / "file" / "last.pt", {"step": 1})


@pytest.mark.parametrize("data", [b"", b"nothing of the kind", None])
def test_a_damaged_one_is_told(tmp_path: Path, data: bytes | None) -> None:
    path = tmp_path / "last.pt"
    save_checkpoint(path, {"step": 1, "w": torch.zeros(5000)})
    path.write_bytes(path.read_bytes()[:9000] if data is None else data)
    with pytest.raises(RunError, match=r"last.pt is damaged .*delete it to start again"):
        load_checkpoint(path)


def test_code_in_a_checkpoint_is_not_run(tmp_path: Path) -> None:
    class Harm:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (Path(tmp_path / "harm"),)  # type: ignore[return-value]

    torch.save({"step": Harm()}, tmp_path / "last.pt")
    with pytest.raises(RunError, match="is damaged"):
        load_checkpoint(tmp_path / "last.pt")
    assert not (tmp_path / "harm").exists()
