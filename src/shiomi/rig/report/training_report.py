"""Report on training vision transformers with LeJEPA: images per step, memory, days."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from shiomi.rig.errors import MachineError
from shiomi.rig.estimate.memory import usable_gib
from shiomi.rig.estimate.quantity import Estimate
from shiomi.rig.estimate.training import (
    VITS,
    Views,
    Vit,
    images_per_step,
    training_days,
    training_memory,
    vit,
)
from shiomi.rig.machine.machine import Gpu, Machine
from shiomi.rig.message import reason
from shiomi.rig.report.fit_report import estimate_json, range_text
from shiomi.rig.report.table import text_table
from shiomi.rig.report.wording import phrases, text_of, texts_of

_MOST_IMAGES = 1024  # per step

__all__ = ["TrainingRow", "training_json", "training_rows", "training_text"]


@dataclass(frozen=True, slots=True)
class TrainingRow:
    """One encoder on one GPU, with or without checkpoints."""

    shape: Vit
    checkpointing: bool
    images: int  # largest number of images per step; 0: not even one fits
    memory: Estimate | None  # GiB of such a step
    days: Estimate | None  # None: the peak of the GPU is not known, or it does not fit


def training_rows(
    machine: Machine,
    *,
    images: int,
    epochs: int,
    views: Views | None = None,
    encoders: Sequence[str] = tuple(VITS),
    mixed_precision: bool = True,
) -> tuple[Gpu, list[TrainingRow]]:
    """Return the smallest GPU, and two rows for each encoder: without and with checkpoints.

    If there are several GPUs, each has a copy of the model and works on its own images. So the
    smallest GPU limits the images per step, and the days are divided by the number of GPUs. Raises
    MachineError if there is no GPU.
    """
    if not machine.gpus:
        raise MachineError(reason("no_gpu_to_train", machine=machine.name))
    gpu = min(machine.gpus, key=lambda x: x.memory_gib)
    room = usable_gib(gpu).low
    rows = []
    for shape, checkpointing in itertools.product(map(vit, encoders), (False, True)):
        how: dict[str, Any] = {
            "views": views,
            "mixed_precision": mixed_precision,
            "checkpointing": checkpointing,
        }
        step = min(_MOST_IMAGES, images_per_step(shape, room, **how))
        memory = training_memory(shape, step, **how) if step else None
        days = _days(machine, shape, images, epochs, views, checkpointing) if step else None
        rows.append(TrainingRow(shape, checkpointing, step, memory, days))
    return gpu, rows


def _days(
    machine: Machine, shape: Vit, images: int, epochs: int, views: Views | None, checkpointing: bool
) -> Estimate | None:
    """Return the days with all GPUs working together; None if the peak of one is not known."""
    peaks = [gpu.fp16_tflops for gpu in machine.gpus]
    if None in peaks:
        return None
    slowest = min(x for x in peaks if x is not None)
    rate = slowest * len(peaks)
    return training_days(
        shape, images, epochs=epochs, tflops=rate, views=views, checkpointing=checkpointing
    )


def training_text(
    gpu: Gpu, number: int, rows: Sequence[TrainingRow], images: int, epochs: int, language: str
) -> str:
    """Return the rows as a table, with their basis."""
    phrase = phrases(language, "training")

    heads = [phrase(x) for x in ("encoder", "checkpoints", "images", "gib", "days")]
    table = [
        [
            row.shape.name,
            phrase("with" if row.checkpointing else "without"),
            str(row.images) if row.images else phrase("none"),
            range_text(row.memory, "-"),
            range_text(row.days, "-" if not row.images else "?"),
        ]
        for row in rows
    ]
    title = phrase("title", gpu=gpu.name, number=number, images=f"{images:,}", epochs=f"{epochs:,}")
    lines = [title, "", *text_table([heads, *table], right=(2, 3, 4)), ""]
    first = next((row for row in rows if row.memory), None)
    if first is not None and first.memory is not None:
        lines.append(f"{phrase('gib')}: {text_of(first.memory.basis[-1], language)}")
    timed = next((row.days for row in rows if row.days), None)
    lines.append(
        f"{phrase('days')}: {texts_of(timed.basis, language) if timed else phrase('no_peak')}"
    )
    return "\n".join(lines) + "\n"


def training_json(gpu: Gpu, rows: Sequence[TrainingRow]) -> dict[str, Any]:
    """Return the same as an object for json.dumps."""
    return {
        "gpu": gpu.name,
        "encoders": [
            {
                "encoder": row.shape.name,
                "parameters": row.shape.parameters,
                "checkpointing": row.checkpointing,
                "images_per_step": row.images,
                "memory": estimate_json(row.memory),
                "days": estimate_json(row.days),
            }
            for row in rows
        ],
    }
