"""Check whether a measured speed can be true: by physics, then by other measurements.

A speed is impossible if the weights and caches would have to be read faster than the memory allows,
or if the matrix products would have to be computed faster than the GPU can. A speed is doubtful if
it is far above other measurements of such a GPU, or less than a twentieth of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from shiomi.rig.errors import RigError
from shiomi.rig.estimate.memory import weights_gib
from shiomi.rig.estimate.setting import Setting
from shiomi.rig.estimate.speed import decode_speed, decode_terms, prefill_speed, prefill_terms
from shiomi.rig.estimate.traffic import weight_reads
from shiomi.rig.machine.machine import Gpu, Machine
from shiomi.rig.model.model import Model

__all__ = ["Benchmark", "doubts"]

# The largest measured shares: 0.89 of the bandwidth (L40S, 8B F16), 0.75 of the peak (M2 Ultra).
_MOST_OF_BANDWIDTH = 0.97
_MOST_OF_PEAK = 0.95
_MOST_OF_MEMORY = 1.03  # llama.cpp leaves the embedding table in the system's memory
_FASTEST_SYSTEM_MEMORY = 150.0  # GB/s, more than two channels of the fastest DDR5
# 306 rows were estimated with their GPU type left out of the fit. In one of them, the speed of
# writing was more than 1.4 times the estimate. The speed of reading was up to 2.3 times the
# estimate.
_FASTER_WRITING = 1.6
_FASTER_READING = 3.5
_SLOWER = 20.0
_LONG_PROMPT = 512  # tokens; longer prompts are read faster than answers are written


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A measurement as reported, of one user. Speeds are tokens per second."""

    gpus: tuple[Gpu, ...]
    model: Model
    quantisation: str
    decode: float
    prefill: float | None = None  # None: not reported
    prompt: int = 512
    depth: int = 0  # tokens in the context while writing


def doubts(row: Benchmark) -> list[str]:
    """Return the reasons not to believe a measurement, the surest first; empty if it may be true.

    Raises SettingError if the quantisation is unknown.
    """
    setting = Setting(quantisation=row.quantisation, context=row.depth, prompt=row.prompt)
    return [*_of_memory(row), *_of_physics(row, setting), *_of_others(row, setting)]


def _of_memory(row: Benchmark) -> Iterator[str]:
    needed = weights_gib(row.model, row.quantisation).value
    memory = sum(gpu.memory_gib for gpu in row.gpus)
    if needed <= _MOST_OF_MEMORY * memory:
        return
    outside = weight_reads(row.model, row.quantisation) * row.decode * (1 - memory / needed)
    if outside > _FASTEST_SYSTEM_MEMORY:
        yield (
            f"{needed:.1f} GiB of weights do not fit into {memory:g} GiB, and no system's memory"
            f" reads {outside:.0f} GB/s"
        )


def _of_physics(row: Benchmark, setting: Setting) -> Iterator[str]:
    # GPUs that work one after another also read their shares one after another. So the bandwidth of
    # the fastest GPU is an upper bound.
    seconds = min(sum(decode_terms(row.model, gpu, setting)[:4]) for gpu in row.gpus)
    share = seconds * row.decode
    if share > _MOST_OF_BANDWIDTH:
        yield f"{row.decode:g} tok/s would need {share:.2g} times the memory's bandwidth"
    if row.prefill is None:
        return
    seconds = min(sum(prefill_terms(row.model, gpu, setting)[:2]) for gpu in row.gpus)
    share = seconds * row.prefill / row.prompt / len(row.gpus)
    if share > _MOST_OF_PEAK and all(gpu.fp16_tflops for gpu in row.gpus):
        yield f"{row.prefill:g} tok/s would need {share:.2g} times the peak FLOP/s"
    if row.prompt >= _LONG_PROMPT and row.decode > row.prefill:
        yield f"writing at {row.decode:g} and reading at {row.prefill:g} tok/s: swapped?"


def _of_others(row: Benchmark, setting: Setting) -> Iterator[str]:
    machine = Machine("reported", row.gpus)
    try:
        writing = decode_speed(row.model, machine, setting).value
        reading = prefill_speed(row.model, machine, setting).value
    except RigError:
        return  # no speed of such a model is known
    for what, value, usual, most in (
        ("writing", row.decode, writing, _FASTER_WRITING),
        ("reading", row.prefill, reading, _FASTER_READING),
    ):
        if value is not None and not usual / _SLOWER <= value <= most * usual:
            yield f"{what} at {value:g} tok/s, expected {usual:.3g}"
