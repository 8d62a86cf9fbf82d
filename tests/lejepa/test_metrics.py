from __future__ import annotations

from pathlib import Path

import pytest

from shiomi.lejepa.errors import RunError
from shiomi.lejepa.metrics import MetricsFile, read_metrics
from tests.lejepa.full_disk import no_more_than


def test_rows_are_read_as_they_were_added(tmp_path: Path) -> None:
    rows = MetricsFile(tmp_path / "m.csv", step=0)
    rows.add(1, {"loss": 0.123456789, "criterion": None})
    rows.add(2, {"loss": 3.0, "criterion": 1e-9})
    assert read_metrics(tmp_path / "m.csv") == [
        {"step": 1, "loss": 0.123457, "criterion": None},
        {"step": 2, "loss": 3.0, "criterion": 1e-9},
    ]


@pytest.mark.parametrize("tail", ["", "4,0.", "\0\0\0\n", "five,1\n", "4,1,2,3\n"])
def test_after_a_kill_rows_beyond_the_checkpoint_are_done_again(tmp_path: Path, tail: str) -> None:
    path = tmp_path / "m.csv"
    rows = MetricsFile(path, step=0)
    for step in (1, 2, 3):
        rows.add(step, {"loss": step / 7})
    path.write_text(path.read_text() + tail)
    again = MetricsFile(path, step=2)
    assert [row["step"] for row in read_metrics(path)] == [1, 2]
    again.add(3, {"loss": 0.5})
    assert path.read_text() == "step,loss\n1,0.142857\n2,0.285714\n3,0.5\n"


def test_where_nothing_was_kept_the_file_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    MetricsFile(path, step=0).add(5, {"loss": 1.0})
    MetricsFile(path, step=4).add(1, {"other": 2.0})
    assert path.read_text() == "step,other\n1,2\n"


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    rows = MetricsFile(tmp_path / "m.csv", step=0)
    with (
        no_more_than(10),
        pytest.raises(RunError, match=r"m.csv cannot be written: File too large"),
    ):
        rows.add(1, {"loss": 1 / 3})
