"""Run the trials of a study one after the other, and keep each result as one line of JSON.

If it is started again, a study continues with the first trial that has no result.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch

__all__ = ["results", "study"]

Trial = TypeVar("Trial")  # a frozen dataclass: the settings of one training


def results(raw: Path, kind: type[Trial]) -> dict[Trial, dict[str, Any]]:
    """Return the results in `raw` by their trial. An incomplete last line is left out."""
    found = {}
    names = [field.name for field in dataclasses.fields(kind)]  # type: ignore[arg-type]
    for line in raw.read_text().splitlines() if raw.exists() else ():
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            continue
        found[kind(**{name: row[name] for name in names if name in row})] = row
    return found


def study(
    doc: str,
    raw: Path,
    trials: Callable[[], Sequence[Trial]],
    run: Callable[[Trial], dict[str, Any]],
    report: Callable[[], None],
) -> None:
    """Run the trials that have no result, append each new result to `raw`, and then report.

    The options come from the command line.

    `trials` is called again after each training, because it may depend on results.
    """
    parser = argparse.ArgumentParser(description=doc.split("\n", 1)[0])
    parser.add_argument("--report", action="store_true", help="only print the results so far")
    parser.add_argument("--minutes", type=float, default=60.0, help="stop after this time")
    given = parser.parse_args()
    torch.set_num_threads(1)
    until = time.monotonic() + 60 * given.minutes
    while not given.report and time.monotonic() < until:
        every = trials()
        done = results(raw, type(every[0]))
        trial = next((one for one in every if one not in done), None)
        if trial is None:
            break
        row = dataclasses.asdict(trial) | run(trial)  # type: ignore[call-overload]
        rounded = {k: float(f"{v:.5g}") if isinstance(v, float) else v for k, v in row.items()}
        with raw.open("a") as file:
            file.write(json.dumps(rounded) + "\n")
    report()
