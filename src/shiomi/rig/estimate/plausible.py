"""Check whether a benchmark's row can be true: first by physics, then by other measurements.

A row is impossible in four cases: the weights and caches would be read faster than the memory
allows; the products would be computed faster than the GPU can; the model is larger than the stated
memory; or the figures contradict each other. A row is doubtful if its speed is far above other
measurements of such a GPU, or more than twenty times below them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from shiomi.rig.errors import RigError
from shiomi.rig.estimate.memory import weights_gib
from shiomi.rig.estimate.setting import Setting
from shiomi.rig.estimate.speed import decode_speed, decode_terms, prefill_speed, prefill_terms
from shiomi.rig.estimate.traffic import weight_reads
from shiomi.rig.machine.machine import Gpu, Machine
from shiomi.rig.model.model import Layer, LayerKind, Model

__all__ = ["Benchmark", "Doubt", "Verdict", "doubts", "sized_model"]

# The largest measured shares: 0.89 of the bandwidth (L40S, 8B F16), 0.75 of the peak (M2 Ultra).
_MOST_OF_BANDWIDTH = 0.97
_MOST_OF_PEAK = 0.95
_MOST_OF_MEMORY = 1.03  # llama.cpp leaves the embedding table in the system's memory
# In 306 rows whose GPU type was left out of the fit, the speed of writing was once more than 1.4
# times the estimate. The speed of reading was up to 2.3 times the estimate.
_FASTEST_SYSTEM_MEMORY = 150.0  # GB/s, more than two channels of the fastest DDR5
_FASTER_WRITING = 1.6
_FASTER_READING = 3.5
_SLOWER = 20.0
_CONTEXT_OF_SIZES = 512  # prompts longer than this are read faster than answers are written
_SIZE = re.compile(r"(?<![a-z\d.])(?<!\d_)(\d{1,4}(?:\.\d{1,3})?)\s?b(?![a-z])", re.IGNORECASE)
_ACTIVE = re.compile(r"(?<![a-z\d])a(\d{1,3}(?:\.\d{1,3})?)b(?![a-z])", re.IGNORECASE)


class Verdict(StrEnum):
    """How certain a doubt is."""

    IMPOSSIBLE = "impossible"
    DOUBTFUL = "doubtful"


@dataclass(frozen=True, slots=True)
class Doubt:
    """One reason not to believe a row."""

    verdict: Verdict
    reason: str


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A row of a benchmark as reported. Speeds are tokens per second; None is not reported."""

    gpus: tuple[Gpu, ...]
    model: Model
    quantisation: str
    decode: float | None = None  # of all users together
    prefill: float | None = None
    prompt: int = 512
    depth: int = 0  # tokens in the context while writing
    users: int = 1
    engine: str = "llama.cpp"
    speculative: bool = False  # several tokens per step: reading the weights sets no limit
    offloaded: bool | None = None  # a part is in the system's memory; None: not reported
    tensor_parallel: bool = False  # all GPUs read at once, as vLLM's do

    @property
    def setting(self) -> Setting:
        """How the model was run."""
        return Setting(
            quantisation=self.quantisation,
            context=self.depth,
            users=self.users,
            prompt=self.prompt,
            engine=self.engine,
        )


def doubts(row: Benchmark) -> list[Doubt]:
    """Return the reasons not to believe a row, the surest first; empty if it may be true.

    Raises
    ------
    RigError
        The row has no GPU, or its quantisation is unknown.
    """
    if not row.gpus:
        raise RigError("a benchmark without a GPU cannot be judged; give its gpus")
    found = [*_of_numbers(row), *_of_names(row.model)]
    if not found:
        found = [*_of_memory(row), *_of_physics(row), *_of_order(row), *_of_others(row)]
    return sorted(found, key=lambda doubt: doubt.verdict is Verdict.DOUBTFUL)


def sized_model(name: str, parameters: float, active: float | None = None) -> Model:
    """Return a model with only a size, for rows that state nothing else about the model.

    Its caches and layers cost nothing, so only bounds that hold for every model are checked.

    Raises
    ------
    RigError
        The sizes are not counts of parameters.
    """
    active = parameters if active is None else active
    if not (math.isfinite(parameters) and 1e3 <= active <= parameters < 1e14):
        raise RigError(f"{name}: {active} of {parameters} parameters cannot be meant")
    total, read = int(parameters), int(active)
    # Two experts, one of which is chosen, so that a step reads `read` of `total` parameters.
    layer = Layer(
        LayerKind.NONE,
        dense_parameters=max(0, 2 * read - total),
        expert_parameters=total - read,
        experts=2,
        chosen=1,
    )
    if total >= 2 * read:
        count = max(2, total // read)
        layer = Layer(LayerKind.NONE, expert_parameters=total // count, experts=count, chosen=1)
    return Model(name, "unknown", (layer,), 1, 0, 0, 0, source="its size alone")


def _of_numbers(row: Benchmark) -> Iterator[Doubt]:
    for what, value in (("decode", row.decode), ("prefill", row.prefill)):
        if value is not None and not (math.isfinite(value) and value > 0):
            yield _impossible(f"a {what} speed of {value} tok/s is no speed")
    if row.users < 1 or row.prompt < 1 or row.depth < 0:
        yield _impossible(
            f"{row.users} users, a prompt of {row.prompt} and a depth of {row.depth} tokens"
        )


def _of_names(model: Model) -> Iterator[Doubt]:
    """Check the size in the name: "7B" means about seven billion parameters."""
    sizes = [float(size) for size in _SIZE.findall(model.name)]
    said = max(sizes, default=0.0)
    if said and not 0.6 < model.parameters / 1e9 / said < 1.7:
        yield _impossible(f"{model.name} is said to have {model.parameters:.3g} parameters")
    active = _ACTIVE.search(model.name)
    if active and not 0.4 < model.active_parameters / 1e9 / float(active[1]) < 2.5:
        yield _impossible(
            f"{model.name} is said to read {model.active_parameters:.3g} parameters per token"
        )


def _of_memory(row: Benchmark) -> Iterator[Doubt]:
    needed = weights_gib(row.model, row.quantisation).value
    memory = sum(gpu.memory_gib for gpu in row.gpus)
    if row.offloaded or needed <= _MOST_OF_MEMORY * memory:
        return
    text = f"{needed:.1f} GiB of weights do not fit into {memory:g} GiB"
    if row.offloaded is False:
        yield _impossible(text)
    elif row.decode is not None and not row.speculative:
        read = weight_reads(row.model, row.quantisation, row.users) * row.decode / row.users
        outside = read * (1 - memory / needed)
        if outside > _FASTEST_SYSTEM_MEMORY:
            yield _impossible(f"{text}, and {outside:.0f} GB/s are more than a system's memory has")


def _of_physics(row: Benchmark) -> Iterator[Doubt]:
    gpus = len(row.gpus)
    if row.decode is not None and not row.speculative:
        # GPUs that take turns read their shares one after another; the fastest GPU gives the bound.
        terms = [
            decode_terms(row.model, gpu, row.setting, experts=not row.offloaded) for gpu in row.gpus
        ]
        seconds = min(sum(term[:4]) for term in terms) / (gpus if row.tensor_parallel else 1)
        share = seconds * row.decode / row.users
        if share > _MOST_OF_BANDWIDTH:
            yield _impossible(
                f"{row.decode:g} tok/s would read {share:.2g} times the memory's bandwidth"
            )
    if row.prefill is not None and not row.offloaded:
        seconds = min(sum(prefill_terms(row.model, gpu, row.setting)[:2]) for gpu in row.gpus)
        share = seconds * row.prefill / row.prompt / gpus
        if share > _MOST_OF_PEAK and all(gpu.fp16_tflops for gpu in row.gpus):
            yield _impossible(f"{row.prefill:g} tok/s would take {share:.2g} times the peak FLOP/s")


def _of_order(row: Benchmark) -> Iterator[Doubt]:
    """Detect swapped columns: one user's answer written faster than a long prompt is read."""
    if row.decode is None or row.prefill is None or row.users > 1 or row.speculative:
        return
    if row.prompt >= _CONTEXT_OF_SIZES and row.decode > row.prefill and not row.offloaded:
        yield Doubt(
            Verdict.IMPOSSIBLE,
            f"writing at {row.decode:g} and reading at {row.prefill:g} tok/s: swapped?",
        )


def _of_others(row: Benchmark) -> Iterator[Doubt]:
    if row.offloaded or row.speculative or row.tensor_parallel:
        return
    machine = Machine("reported", row.gpus)
    known = row.model.source != "its size alone"
    try:
        writing = decode_speed(
            row.model,
            machine,
            row.setting,
        ).value
        reading = prefill_speed(
            row.model,
            machine,
            row.setting,
        ).value
    except RigError:
        return  # an engine without measurements
    for what, value, usual, most in (
        ("writing", row.decode, writing, _FASTER_WRITING),
        ("reading", row.prefill, reading, _FASTER_READING),
    ):
        if value is None:
            continue
        if value > most * usual:
            yield _doubtful(f"{what} at {value:g} tok/s where {usual:.3g} are expected")
        elif known and value * _SLOWER < usual:
            yield _doubtful(f"{what} at only {value:g} tok/s where {usual:.3g} are expected")


def _impossible(reason: str) -> Doubt:
    return Doubt(Verdict.IMPOSSIBLE, reason)


def _doubtful(reason: str) -> Doubt:
    return Doubt(Verdict.DOUBTFUL, reason)
