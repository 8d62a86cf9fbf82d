"""The examples, run in a smaller size than they have for a reader."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("text.py", ["--steps", "4"]),
        ("time_series.py", ["--steps", "6", "--count", "300"]),
        ("tables.py", ["--steps", "6", "--count", "300"]),
    ],
)
def test_an_example_prints_figures_before_and_after(
    name: str,
    options: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", [name, *options])
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    printed, errors = capsys.readouterr()
    assert errors == ""
    before, after = (
        re.findall(r"\d+\.\d%", line)
        for line in printed.splitlines()
        if line.startswith(("encoder, untrained", "encoder, LeJEPA"))
    )
    assert len(before) == len(after) >= 1
    assert before != after
