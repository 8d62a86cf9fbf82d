"""Speeds that other people measured: one JSON object per line, checked before use.

A row states the GPU and the number of GPUs, the model, the format, the engine and the two speeds.
It contains no name, address, path or time of day. `believable` removes rows that contradict physics
or are far from the estimate (`plausible`). From the other rows, a factor for each GPU type is
computed and shrunk towards the factor of the table.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from shiomi.rig.errors import RigError, UpdateError
from shiomi.rig.estimate.plausible import Benchmark, doubts
from shiomi.rig.estimate.setting import Setting
from shiomi.rig.estimate.speed import decode_speed
from shiomi.rig.machine.detect.dump import number
from shiomi.rig.machine.gpus import find_gpu
from shiomi.rig.machine.machine import Machine
from shiomi.rig.model.known_models import KnownModel, find_model, known_models

__all__ = ["SharedRow", "activate_rows", "believable", "factor_of_rows", "parse_rows"]

_MOST_ROWS = 100_000
_PRIOR_ROWS = 2.0
_paths: list[Path] = []
_factors: dict[str, tuple[float, int]] = {}


@dataclass(frozen=True, slots=True)
class SharedRow:
    """One measured speed."""

    gpu: str
    gpus: int
    model: str
    quantisation: str
    engine: str
    day: str  # ISO date
    prompt_tokens: int
    written_tokens: int
    decode: float  # tokens per second
    prefill: float | None = None

    @property
    def line(self) -> str:
        """Return the row as a line of the file."""
        return json.dumps(asdict(self), ensure_ascii=False)


def parse_rows(data: bytes) -> list[SharedRow]:
    """Return the rows of a file. Raise UpdateError with the line number if a line is not a row."""
    rows = []
    for count, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
        if count > _MOST_ROWS:
            raise UpdateError(f"a file of rows must have at most {_MOST_ROWS:,} lines")
        if line.strip():
            rows.append(_row(line, count))
    return rows


def _row(line: str, count: int) -> SharedRow:
    try:
        said: dict[str, Any] = json.loads(line)
        row = SharedRow(**said)
    except (ValueError, TypeError, RecursionError) as error:
        raise UpdateError(f"line {count} is not a row of measured speeds: {error}") from error
    texts = (row.gpu, row.model, row.quantisation, row.engine, row.day)
    speeds = (row.decode, *(() if row.prefill is None else (row.prefill,)))
    counts = (row.gpus, row.prompt_tokens, row.written_tokens)
    if not (
        all(isinstance(x, str) and len(x) <= 200 for x in texts)
        and all(number(x, 1e-3, 1e7) is not None for x in speeds)
        and all(isinstance(x, int) and 0 <= x <= 10**7 for x in counts)
        and 1 <= row.gpus <= 64
    ):
        raise UpdateError(f"line {count} has a value that is out of range")
    return row


def believable(rows: Iterable[SharedRow]) -> tuple[list[SharedRow], list[str]]:
    """Return the plausible rows, and the reason for each rejected row."""
    models = known_models()
    kept, refused = [], []
    for row in rows:
        try:
            gpu, known = find_gpu(row.gpu), find_model(row.model, models)
            gpus = (gpu,) * row.gpus
            found = doubts(Benchmark(gpus, known.model, row.quantisation, row.decode, row.prefill))
        except RigError as error:
            refused.append(f"{row.model} on {row.gpu}: {error}")
            continue
        if found:
            refused.append(f"{row.model} at {row.decode:g} tok/s on {row.gpu}: {found[0]}")
        else:
            kept.append(row)
    return kept, refused


def activate_rows(file: Path | None) -> None:
    """Use the imported rows of a file; without a file, use none."""
    _factors.clear()
    _paths[:] = [file] if file is not None and file.exists() else []


def factor_of_rows(gpu: str) -> tuple[float, int]:
    """Return the measured / estimated speed of a GPU type in the imported rows, and their number.

    The factor is shrunk towards 1 with the weight of two rows.
    """
    for file in _paths[:1]:
        if not _factors:
            _read(parse_rows(file.read_bytes()))
    return _factors.get(gpu, (1.0, 0))


def _read(rows: Sequence[SharedRow]) -> None:
    models = known_models()
    shares: dict[str, list[float]] = {"": []}
    for row in rows:
        if row.gpus == 1 and (share := _share(row, models)) is not None:
            shares.setdefault(find_gpu(row.gpu).name, []).append(math.log(share))
    _factors.update(
        {gpu: (math.exp(sum(x) / (len(x) + _PRIOR_ROWS)), len(x)) for gpu, x in shares.items()}
    )


def _share(row: SharedRow, models: Sequence[KnownModel]) -> float | None:
    try:
        gpu = find_gpu(row.gpu)
        depth = row.prompt_tokens + row.written_tokens // 2
        estimate = decode_speed(
            find_model(row.model, models).model,
            Machine("theirs", (gpu,)),
            Setting(quantisation=row.quantisation, context=depth),
        )
    except RigError:
        return None
    return row.decode / estimate.value
