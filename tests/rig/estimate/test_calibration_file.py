"""What a measurement said is kept and read again; anything else is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shiomi.rig.errors import MeasureError
from shiomi.rig.estimate.calibration_file import calibration_json, read_calibration
from shiomi.rig.estimate.coefficients import Calibration

ONE = Calibration(1.1, 1.0, "plain", 50.0, "x Q4_K_M")


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "mine.calibration"
    for calibration in (ONE, Calibration(0.5, None, "experts", 5.0, "x")):
        file.write_text(json.dumps(calibration_json(calibration)))
        assert read_calibration(file) == calibration


@pytest.mark.parametrize(
    "wrong",
    [
        {"format": "another"},
        {"decode": 0},
        {"decode": "much"},
        {"decode": float("nan")},
        {"kind": "odd"},
        {"speed": None},
        {"model": 3},
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, wrong: dict[str, Any]) -> None:
    file = tmp_path / "mine.calibration"
    file.write_text(json.dumps(calibration_json(ONE) | wrong))
    with pytest.raises(MeasureError, match=r"mine\.calibration"):
        read_calibration(file)


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"\xff", b"[" * 70_000])
def test_a_broken_or_absent_file_is_named(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "mine.calibration"
    file.write_bytes(data)
    with pytest.raises(MeasureError):
        read_calibration(file)
    with pytest.raises(MeasureError, match="cannot be read"):
        read_calibration(tmp_path / "absent")
