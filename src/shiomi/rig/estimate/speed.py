"""Tokens per second of a language model on a machine, from what a step reads and computes.

Decoding one token takes

    a W/BW + b KV/BW + c layers + d (GPUs - 1) + e 2 P users/FLOPS

seconds: W the weights read, KV the caches (with a b each for grouped, ungrouped and latent ones),
BW the memory's bandwidth, the last term the unpacking of quantised weights. A prompt of n tokens
takes

    (p 2 P n/FLOPS + q attention/FLOPS + w W/BW per micro-batch) x pipeline

seconds, where several GPUs work on micro-batches one behind the other. The letters are fitted per
architecture (`coefficients`); bytes and operations are counted (`traffic`).
"""

from __future__ import annotations

import math

from shiomi.rig.errors import MachineError, RigError
from shiomi.rig.estimate.coefficients import Calibration, Coefficients, choose
from shiomi.rig.estimate.quantity import Estimate
from shiomi.rig.estimate.traffic import attention_flops, cache_reads, product_flops, weight_reads
from shiomi.rig.machine.machine import Gpu, Machine
from shiomi.rig.model.assumption import assuming_of_speed
from shiomi.rig.model.model import Model
from shiomi.rig.report.wording import reason

__all__ = [
    "DECODE_TERMS",
    "PREFILL_TERMS",
    "decode_speed",
    "decode_terms",
    "pipeline_share",
    "prefill_speed",
    "prefill_terms",
    "time_to_first_token",
]

DECODE_TERMS = ("weights", "cache", "ungrouped", "latent", "layers", "hops", "unpacking")
PREFILL_TERMS = ("products_f16", "products_quantised", "attention", "weights")
_MICRO_BATCH = 512  # tokens, llama.cpp's default
_UNQUANTISED = {"F16", "BF16", "F32"}
# Where the peak is unknown: FLOP per byte of bandwidth of a GPU with, and without, matrix units.
_FLOP_PER_BYTE = 150.0


def decode_speed(
    model: Model,
    machine: Machine,
    *,
    quantisation: str,
    depth: int = 0,
    users: int = 1,
    gpus: int | None = None,
    experts_in_ram: bool = False,
    engine: str = "llama.cpp",
    kv_dtype: str = "f16",
    calibration: Calibration | None = None,
) -> Estimate:
    """Return the tokens per second that all users together are written.

    Assume that the model and its caches fit; `shiomi.rig.estimate.memory` checks that.

    Parameters
    ----------
    depth
        Tokens in each user's context.
    gpus
        How many of the machine's GPUs, the first ones; None: all. Layers are split by memory.
    experts_in_ram
        The routed experts are read by the CPU from the system's memory (`--cpu-moe`).
    engine
        "llama.cpp", "ollama", or with a version as in data/coefficients.json, "llama.cpp@2024-05".
    calibration
        What a measurement on this very machine said (`shiomi.rig.estimate.measure`).

    Raises
    ------
    RigError
        The machine, the model or a number cannot be meant, or the engine is not known.
    """
    _check(model, depth=depth, users=users)
    used = _used(machine, gpus)
    total = sum(gpu.memory_gib for gpu in used)
    chosen = [choose(engine, "decode", gpu) for gpu in used]
    seconds = 0.0
    for gpu, coefficients in zip(used, chosen, strict=True):
        terms = decode_terms(
            model,
            gpu,
            quantisation=quantisation,
            depth=depth,
            users=users,
            gpus=len(used),
            kv_dtype=kv_dtype,
            experts=not experts_in_ram,
        )
        seconds += gpu.memory_gib / total * coefficients.factor * _dot(coefficients, terms)
    low, high = _bounds(chosen)
    if calibration is not None:
        seconds *= calibration.decode
        low, high = calibration.low, calibration.high
    extra = _expert_seconds(model, machine, quantisation, users) if experts_in_ram else (0.0,) * 3
    basis = _basis(chosen, calibration)
    if experts_in_ram:
        basis += "; experts read from RAM at an assumed 40 to 90 % of its bandwidth"
    found = Estimate(
        users / (seconds + extra[1]),
        users / (seconds * high + extra[2]),
        users / (seconds * low + extra[0]),
        "tok/s",
        basis,
        chosen[0].sources,
    )
    if model.assumed is None:  # nearly always, and what is read need not be counted again
        return found
    weights = weight_reads(model, quantisation, users)
    caches = sum(cache_reads(model, depth, users, kv_dtype=kv_dtype))
    return assuming_of_speed(found, model.assumed, weights, caches)


def prefill_speed(
    model: Model,
    machine: Machine,
    *,
    quantisation: str,
    prompt: int = 512,
    depth: int = 0,
    gpus: int | None = None,
    engine: str = "llama.cpp",
    calibration: Calibration | None = None,
) -> Estimate:
    """Return the tokens per second at which a prompt of `prompt` tokens is read.

    `depth` tokens are in the context before it. Parameters and errors as of `decode_speed`.
    """
    _check(model, depth=depth, users=1)
    if prompt < 1:
        raise RigError(f"a prompt of {prompt} tokens cannot be read; give 1 or more")
    used = _used(machine, gpus)
    total = sum(gpu.memory_gib for gpu in used)
    chosen = [choose(engine, "prefill", gpu) for gpu in used]
    seconds = 0.0
    for gpu, coefficients in zip(used, chosen, strict=True):
        terms = prefill_terms(model, gpu, quantisation=quantisation, prompt=prompt, depth=depth)
        serial = coefficients.terms["serial"]
        seconds += (
            gpu.memory_gib / total * coefficients.factor * _dot(coefficients, terms)
        ) * pipeline_share(prompt, len(used), serial)
    if calibration is not None and calibration.prefill is None:
        calibration = None  # the measurement says nothing of reading
    low, high = _bounds(chosen)
    if calibration is not None and calibration.prefill is not None:
        seconds *= calibration.prefill
        low, high = calibration.prefill_low, calibration.prefill_high
    found = Estimate(
        prompt / seconds,
        prompt / (seconds * high),
        prompt / (seconds * low),
        "tok/s",
        _basis(chosen, calibration),
        chosen[0].sources,
    )
    if model.assumed is None:
        return found
    products, attention = product_flops(model, prompt), attention_flops(model, prompt, depth)
    return assuming_of_speed(found, model.assumed, products, attention)


def time_to_first_token(
    model: Model,
    machine: Machine,
    *,
    quantisation: str,
    prompt: int,
    depth: int = 0,
    gpus: int | None = None,
    engine: str = "llama.cpp",
    calibration: Calibration | None = None,
) -> Estimate:
    """Return the seconds from a prompt of `prompt` tokens to the answer's first token."""
    read = prefill_speed(
        model,
        machine,
        quantisation=quantisation,
        prompt=prompt,
        depth=depth,
        gpus=gpus,
        engine=engine,
        calibration=calibration,
    )
    write = decode_speed(
        model,
        machine,
        quantisation=quantisation,
        depth=depth + prompt,
        gpus=gpus,
        engine=engine,
        calibration=calibration,
    )
    return Estimate(
        prompt / read.value + 1 / write.value,
        prompt / read.high + 1 / write.high,
        prompt / read.low + 1 / write.low,
        "s",
        f"prompt: {read.basis}; first token: {write.basis}",
        tuple(dict.fromkeys(read.sources + write.sources)),
    )


def decode_terms(
    model: Model,
    gpu: Gpu,
    *,
    quantisation: str,
    depth: float,
    users: int = 1,
    gpus: int = 1,
    kv_dtype: str = "f16",
    experts: bool = True,
) -> tuple[float, ...]:
    """Return the terms of one decoding step, as DECODE_TERMS names them.

    `experts` False leaves the routed experts out. Units: seconds at the full bandwidth or peak,
    10 us per layer, 100 us per further GPU.
    """
    weights = weight_reads(model, quantisation, users, experts=experts)
    cache = cache_reads(model, depth, users, kv_dtype=kv_dtype)
    unpacked = users * product_flops(model, 1, experts=experts)
    return (
        weights / gpu.bandwidth_gb_s,
        cache.values / gpu.bandwidth_gb_s,
        cache.ungrouped / gpu.bandwidth_gb_s,
        cache.latent / gpu.bandwidth_gb_s,
        len(model.layers) * 1e-5,
        (gpus - 1) * 1e-4,
        0.0 if quantisation in _UNQUANTISED else unpacked / _peak(gpu),
    )


def prefill_terms(
    model: Model, gpu: Gpu, *, quantisation: str, prompt: int, depth: int = 0
) -> tuple[float, ...]:
    """Return the terms of reading a prompt on one GPU, in seconds, as PREFILL_TERMS names them."""
    products = product_flops(model, prompt) / _peak(gpu)
    batches = math.ceil(prompt / _MICRO_BATCH)
    weights = weight_reads(model, quantisation, min(prompt, _MICRO_BATCH))
    plain = quantisation in _UNQUANTISED
    return (
        products if plain else 0.0,
        0.0 if plain else products,
        attention_flops(model, prompt, depth) / _peak(gpu),
        batches * weights / gpu.bandwidth_gb_s,
    )


def pipeline_share(prompt: int, gpus: int, serial: float) -> float:
    """Return what share of one GPU's time several take, working on micro-batches in a pipeline.

    `serial` is the share of the work that the pipeline does not spread, from 0 to 1.
    """
    batches = max(1, prompt // _MICRO_BATCH)
    return serial + (1 - serial) * (batches + gpus - 1) / (batches * gpus)


def _peak(gpu: Gpu) -> float:
    """Return the FLOP/s of dense FP16 products, guessed from the bandwidth where not listed."""
    if gpu.fp16_tflops is not None:
        return gpu.fp16_tflops * 1e12
    return gpu.bandwidth_gb_s * 1e9 * _FLOP_PER_BYTE


def _dot(coefficients: Coefficients, terms: tuple[float, ...]) -> float:
    names = DECODE_TERMS if len(terms) == len(DECODE_TERMS) else PREFILL_TERMS
    return sum(coefficients.terms[name] * term for name, term in zip(names, terms, strict=True))


def _bounds(chosen: list[Coefficients]) -> tuple[float, float]:
    """Return the interval's factors on the seconds; of several GPUs, the widest."""
    return (
        min(1.0, *(c.interval.low for c in chosen)),
        max(1.0, *(c.interval.high for c in chosen)),
    )


def _basis(chosen: list[Coefficients], calibration: Calibration | None) -> str:
    bases = "; ".join(dict.fromkeys(c.basis for c in chosen))
    return f"{bases}; narrowed by {calibration.basis}" if calibration else bases


def _expert_seconds(
    model: Model, machine: Machine, quantisation: str, users: int
) -> tuple[float, float, float]:
    """Return the seconds of reading a step's experts from RAM: least, likely, most."""
    if not any(layer.experts for layer in model.layers):
        raise RigError(f"{model.name} has no experts that could stay in RAM")
    bandwidth = machine.memory_bandwidth_gb_s
    if not bandwidth:
        raise MachineError(reason("no_bandwidth", machine=machine.name))
    everything = weight_reads(model, quantisation, users)
    experts = everything - weight_reads(model, quantisation, users, experts=False)
    return tuple(experts / bandwidth / share for share in (0.9, 0.65, 0.4))  # type: ignore[return-value]


def _used(machine: Machine, gpus: int | None) -> tuple[Gpu, ...]:
    count = len(machine.gpus) if gpus is None else gpus
    if not machine.gpus:
        raise MachineError(reason("no_gpu_speed", machine=machine.name))
    if not 1 <= count <= len(machine.gpus):
        raise MachineError(f"{machine.name} has {len(machine.gpus)} GPUs, not {gpus}")
    return machine.gpus[:count]


def _check(model: Model, *, depth: int, users: int) -> None:
    if depth < 0 or users < 1:
        raise RigError(f"{users} users at a depth of {depth} tokens cannot be meant")
    if not model.layers or not model.active_parameters:
        raise RigError(f"{model.name}: a model without layers or parameters has no speed")
    if model.context_length and depth > 16 * model.context_length:
        raise RigError(
            f"{model.name} was trained for {model.context_length} tokens of context, not {depth}"
        )
