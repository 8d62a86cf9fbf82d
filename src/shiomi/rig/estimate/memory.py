"""Estimate how much memory a model takes, by part and engine, and whether it fits.

All figures are GiB (2^30 bytes). A GB, the unit in which disks are sold, is 10^9 bytes, which is 7
% less.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shiomi.rig.errors import SettingError
from shiomi.rig.estimate.assumed import assuming
from shiomi.rig.estimate.kv_cache import GIB, check_setting, kv_cache_gib
from shiomi.rig.estimate.quantity import Estimate
from shiomi.rig.estimate.setting import Setting
from shiomi.rig.machine.machine import Gpu, Vendor
from shiomi.rig.message import Text, basis
from shiomi.rig.model.assumption import Assumption
from shiomi.rig.model.model import Model
from shiomi.rig.model.quantisation import find_quantisation

__all__ = ["Fit", "Memory", "fits", "memory", "usable_gib", "weights_gib"]

VISIBLE = 0.981  # share of memory that CUDA reports: 23.64 of 24, 47.46 of 48, 9.78 of 10 GiB
CONTEXT_GIB = 0.3  # GiB of CUDA itself, per GPU and process
APPLE_SHARES = ((36.0, 2 / 3), (float("inf"), 3 / 4))  # recommendedMaxWorkingSetSize, by memory
# Share of shared memory that counts as the GPU's. AMD: the most that Windows can reserve, and the
# value that guides recommend on Linux, where the driver gives the GPU half by default. Intel: the
# share that the driver gives. GB10: CUDA may take all memory, but the system needs a part.
SHARED = {Vendor.AMD: 0.75, Vendor.INTEL: 0.5, Vendor.NVIDIA: 0.9}
_PAGES_PER_GIB = 2**18
VLLM_BATCH = 8192  # tokens profiled at start
VLLM_GRAPHS_GIB = 0.7


@dataclass(frozen=True, slots=True)
class Memory:
    """The memory of a model: on all GPUs together, and in RAM."""

    weights: Estimate  # on the GPUs
    kv: Estimate  # caches and states
    buffers: Estimate  # GiB of the engine's compute buffers
    total: Estimate  # on the GPUs
    host: Estimate  # in the system's memory: embedding table and experts


@dataclass(frozen=True, slots=True)
class Fit:
    """Whether a model fits, and how sure that is."""

    fits: bool
    sure: bool  # true if the intervals of need and usable memory do not overlap
    needed: Estimate
    usable: Estimate


@dataclass(frozen=True, slots=True)
class _Parts:
    """Bytes of a model's weights."""

    layers: float  # without routed experts
    experts: float
    embedding: float
    output: float  # 0 if it is tied to the embedding
    spread: float  # relative error of the sum
    basis: Text
    source: str
    assumed: Assumption | None  # parameters of the shape; None: sizes are from a file

    @property
    def total(self) -> float:
        return self.layers + self.experts + self.embedding + self.output

    def estimate(self, of: float) -> Estimate:
        """Return the GiB of `of` bytes, with the error of the sum."""
        low, high = 1 - self.spread, 1 + self.spread
        found = Estimate.scaled(of / GIB, low, high, "GiB", (self.basis,), (self.source,))
        bounds = (1.0, 1.0) if self.assumed is None else self.assumed.weights
        return assuming(found, self.assumed, bounds)


def weights_gib(model: Model, quantisation: str | None = None) -> Estimate:
    """Return the GiB of all weights as in the file; exact if the model was read from a file.

    If `quantisation` is None, the format of the file is used. Raises SettingError if it is unknown.
    """
    parts = _parts(model, quantisation)
    return parts.estimate(parts.total)


def memory(model: Model, setting: Setting, *, flash_attention: bool = True) -> Memory:
    """Return the memory of the model with all layers on `setting.gpus` GPUs (None: one).

    llama.cpp keeps the embedding table in the system's memory. With experts in RAM it also keeps
    there all routed experts (--cpu-moe) or a share of them (--n-cpu-moe). Raises SettingError if
    the setting is invalid.
    """
    context, users, engine = setting.context, setting.users, setting.engine_name
    check_setting(context=context, users=users, engine=engine)
    gpus = 1 if setting.gpus is None else setting.gpus
    if isinstance(gpus, bool) or not isinstance(gpus, int) or not 0 < gpus <= 1024:
        raise SettingError(f"gpus must be 1 to 1024, got {gpus!r}")
    parts = _parts(model, setting.quantisation)
    kv = kv_cache_gib(model, context, users=users, kv_dtype=setting.kv_dtype, engine=engine)
    beside = parts.experts * (1 - setting.experts_on_gpu)
    on_gpus = parts.total - beside
    if engine == "llama.cpp":
        table = model.vocabulary * model.hidden_size / max(1, model.embedding_parameters)
        kept = parts.embedding * min(1.0, table) if not model.output_parameters else 0.0
        on_gpus += kept - parts.embedding  # a tied table is needed in both memories
        beside += parts.embedding
        buffers = _llama_cpp_buffers(model, setting, flash_attention, gpus)
    else:
        buffers = _vllm_buffers(model, gpus)
    weights = parts.estimate(on_gpus)
    total = _sum((weights, kv, buffers), basis("memory_total", engine=engine))
    return Memory(
        weights=weights,
        kv=kv,
        buffers=buffers,
        total=assuming(total, model.assumed),
        host=parts.estimate(beside),
    )


def usable_gib(gpu: Gpu) -> Estimate:
    """Return the memory that an engine can allocate on an otherwise idle GPU."""
    if gpu.unified:
        return _shared_gib(gpu)
    value = max(0.0, gpu.memory_gib * VISIBLE - CONTEXT_GIB)
    return Estimate(
        value,
        max(0.0, value - 0.3),
        min(gpu.memory_gib, value + 0.25),
        "GiB",
        (basis("cuda_visible"),),
        ("totals in PyTorch's out-of-memory messages for RTX 3080, 4090, Quadro RTX 8000",),
    )


def _shared_gib(gpu: Gpu) -> Estimate:
    """Return the GPU's part of shared memory. The basis names the setting that it needs."""
    if gpu.vendor is Vendor.APPLE:
        share = next(share for most, share in APPLE_SHARES if gpu.memory_gib <= most)
        source = "llama.cpp issues 434, 1870, 3213: logs of recommendedMaxWorkingSetSize"
    else:
        share, source = SHARED[gpu.vendor], "docs/rig/memory.md"
    given = gpu.memory_gib * share if gpu.lent_gib is None else gpu.lent_gib
    said = basis(
        f"shared_{gpu.vendor}" if gpu.lent_gib is None else "shared_lent",
        given=f"{given:.3g}",
        of=f"{gpu.memory_gib:.3g}",
        pages=round(given * _PAGES_PER_GIB),
    )
    value = given if gpu.vendor is Vendor.APPLE else max(0.0, given - CONTEXT_GIB)
    return Estimate.scaled(value, 0.97, 1.03, "GiB", (said,), (source,))


def fits(needed: Estimate, gpus: Sequence[Gpu]) -> Fit:
    """Return whether `needed` GiB fit into the summed memory of the GPUs."""
    usable = _sum([usable_gib(gpu) for gpu in gpus], basis("all_gpus"))
    return Fit(
        fits=needed.value <= usable.value,
        sure=needed.high <= usable.low or needed.low > usable.high,
        needed=needed,
        usable=usable,
    )


def _parts(model: Model, quantisation: str | None) -> _Parts:
    if model.file_bytes is not None and quantisation in (None, model.quantisation):
        embedding, experts = model.embedding_bytes or 0, model.expert_bytes or 0
        share = model.output_parameters / max(1, model.parameters - model.embedding_parameters)
        rest = model.file_bytes - embedding - experts
        output = min(rest, share * model.file_bytes)
        return _Parts(
            rest - output, experts, embedding, output, 0.0, basis("file"), model.source, None
        )
    wanted = model.quantisation if quantisation is None else quantisation
    if wanted is None:
        raise SettingError(f"{model.name} has no stated quantisation; give one, such as Q4_K_M")
    bits = find_quantisation(wanted)
    experts = sum(x.experts * x.expert_parameters for x in model.layers)
    dense = sum(x.dense_parameters for x in model.layers)
    tied = model.output_parameters == 0
    return _Parts(
        layers=dense * bits.dense_bits / 8,
        experts=experts * bits.expert_bits / 8,
        embedding=model.embedding_parameters
        * (bits.output_bits if tied else bits.embedding_bits)
        / 8,
        output=model.output_parameters * bits.output_bits / 8,
        spread=0.005 if bits.name in ("F16", "BF16", "F32") else 0.025,
        basis=basis(
            "bits_with_experts" if experts else "bits",
            format=bits.name,
            dense=f"{bits.dense_bits:g}",
            experts=f"{bits.expert_bits:g}",
            embedding=f"{bits.embedding_bits:g}",
            output=f"{bits.output_bits:g}",
        ),
        source=bits.source,
        assumed=model.assumed if model.file_bytes is None else None,  # a file has the exact sizes
    )


def _llama_cpp_buffers(
    model: Model, setting: Setting, flash_attention: bool, gpus: int
) -> Estimate:
    """Estimate the compute buffer of each GPU: the largest need of one micro-batch's graph.

    Checked against llama.cpp's log for Llama 3 8B: 258.5 MiB at 512 tokens, 296 at 4,096 and 560 at
    8,192 without flash attention.
    """
    tokens = setting.context * setting.users
    batch = min(setting.micro_batch, tokens)
    stream = batch * model.hidden_size * 4
    heads = max((layer.heads for layer in model.layers), default=0)
    inner = max((layer.feed_forward for layer in model.layers), default=0)
    mask = batch * tokens * (2 if flash_attention else 4)
    scores = 0 if flash_attention else heads * batch * tokens * 4
    largest = max(
        batch * model.vocabulary * 4 + stream,
        scores + mask + 4 * stream,
        2 * batch * inner * 4 + mask + 2 * stream,
    )
    rests = (basis("micro_batch", tokens=batch),)
    sources = ("llama.cpp's logged compute buffers for Llama 3 8B",)
    return Estimate.scaled(gpus * largest / GIB, 0.7, 1.5, "GiB", rests, sources)


def _vllm_buffers(model: Model, gpus: int) -> Estimate:
    """Estimate the memory of vLLM's activations in its profile run, and of its CUDA graphs."""
    inner = max((layer.feed_forward for layer in model.layers), default=0)
    activations = VLLM_BATCH * (4 * model.hidden_size + 3 * inner) * 2 / GIB
    rests = (basis("vllm_profile", tokens=VLLM_BATCH),)
    sources = ("vLLM's default max_num_batched_tokens",)
    return Estimate.scaled(activations + gpus * VLLM_GRAPHS_GIB, 0.4, 2.5, "GiB", rests, sources)


def _sum(parts: Sequence[Estimate], rests: Text) -> Estimate:
    """Return the sum. The errors of the parts are assumed to be independent."""
    value = sum(part.value for part in parts)
    below = sum((part.value - part.low) ** 2 for part in parts) ** 0.5
    above = sum((part.high - part.value) ** 2 for part in parts) ** 0.5
    sources = tuple(dict.fromkeys(source for part in parts for source in part.sources))
    return Estimate(value, value - below, value + above, "GiB", (rests,), sources)
