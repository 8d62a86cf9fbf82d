"""The examples, run in a smaller size than they have for a reader."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("text.py", ["--steps", "4"]),
        ("time_series.py", ["--steps", "6", "--count", "300"]),
        ("tables.py", ["--steps", "6", "--count", "300"]),
    ],
)
def test_an_example_prints_figures_before_and_after(name: str, options: list[str]) -> None:
    command = [sys.executable, "-W", "error", str(EXAMPLES / name), *options]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}  # threads wait for each other on a busy machine
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=env)
    assert done.stderr == ""
    before, after = (
        re.findall(r"\d+\.\d%", line)
        for line in done.stdout.splitlines()
        if line.startswith(("encoder, untrained", "encoder, LeJEPA"))
    )
    assert len(before) == len(after) >= 1
    assert before != after
