"""Measure a run's speed and memory, and write measurements to a CSV file and to TensorBoard."""

from __future__ import annotations

import csv
import io
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from shiomi.lejepa.atomic import write_atomically
from shiomi.lejepa.errors import RunError

__all__ = ["Logger", "MetricsFile", "Pace", "peak_memory_mib", "read_metrics", "summary_writer"]


class MetricsFile:
    """A CSV file with one row per measured step.

    Rows after `step` come from a process that was killed after its last checkpoint. They are
    removed, because these steps run again.
    """

    def __init__(self, path: Path, *, step: int) -> None:
        self._path = path
        self._columns: list[str] = []
        if path.exists():
            kept = [row for row in read_metrics(path) if (row["step"] or 0) <= step]
            if kept:
                self._columns = list(kept[0])
                write_atomically(path, _as_csv(self._columns, kept, header=True).encode())
            else:
                path.unlink()

    def add(self, step: int, values: Mapping[str, float | None]) -> None:
        """Append a row. Raises RunError if it cannot be written."""
        row = {"step": step, **values}
        header = not self._columns
        self._columns = self._columns or list(row)
        try:
            with self._path.open("a", encoding="utf-8", newline="") as file:
                file.write(_as_csv(self._columns, [row], header=header))
        except OSError as error:
            raise RunError(
                f"{self._path} cannot be written: {error.strerror or error}; free some"
                " space and run the same command to continue"
            ) from None


class Logger(Protocol):
    """A receiver of scalars: a SummaryWriter of TensorBoard, or any object with this method."""

    def add_scalar(self, tag: str, value: float, step: int) -> object:
        """Record `value` under `tag`, such as "train/loss", at a step."""


def summary_writer(folder: Path, *, step: int) -> Any:
    """Return a SummaryWriter that continues after `step`, or None if tensorboard is not
    installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    try:
        return SummaryWriter(str(folder), purge_step=step + 1)
    except OSError as error:
        raise RunError(f"{folder} cannot be written: {error.strerror or error}") from None


class Pace:
    """The speed and the remaining time, computed from the last steps of this process."""

    def __init__(self, step: int, steps: int, batch_size: int) -> None:
        self._steps, self._batch_size = steps, batch_size
        self._marks = [(step, time.monotonic())]

    def tick(self, step: int) -> None:
        self._marks.append((step, time.monotonic()))
        del self._marks[:-100]

    @property
    def _per_step(self) -> float:
        (first, began), (last, now) = self._marks[0], self._marks[-1]
        return (now - began) / max(1, last - first)

    @property
    def samples_per_second(self) -> float:
        return self._batch_size / self._per_step if self._per_step else 0.0

    @property
    def seconds_left(self) -> float:
        return (self._steps - self._marks[-1][0]) * self._per_step


def read_metrics(path: Path) -> list[dict[str, float | None]]:
    """Return the rows of a metrics file. An empty cell is None; an incomplete last row is left
    out."""
    rows: list[dict[str, Any]] = []
    text = path.read_text("utf-8")
    whole = text[: text.rfind("\n") + 1]
    for row in csv.DictReader(io.StringIO(whole)):
        try:
            rows.append({name: float(cell) if cell else None for name, cell in row.items()})
        except (TypeError, ValueError):
            continue
    return [row for row in rows if row.get("step") is not None]


def peak_memory_mib(device: Any) -> float:
    """Return the peak memory in MiB so far: of the GPU on CUDA, else of this process."""
    if device.type == "cuda":
        import torch

        return torch.cuda.max_memory_allocated(device) / 2**20
    try:
        import resource
    except ImportError:  # Windows
        return float("nan")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def _as_csv(columns: list[str], rows: list[dict[str, Any]], *, header: bool) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, extrasaction="ignore", restval="", lineterminator="\n")
    if header:
        writer.writeheader()
    for row in rows:
        writer.writerow({name: _cell(value) for name, value in row.items()})
    return text.getvalue()


def _cell(value: float | None) -> str:
    if value is None:
        return ""
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else f"{value:.6g}"
