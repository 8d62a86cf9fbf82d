"""Estimate the tokens per second of a language model from the bytes and operations of a step.

Decoding one token takes

    a W/BW + b KV/BW + c layers + d (GPUs - 1) + e 2 P users/FLOPS

seconds. W are the bytes of weights read, KV the bytes of caches read, and BW is the memory's
bandwidth. Grouped, ungrouped and latent caches each have their own b. The last term is the
unpacking of quantised weights. A prompt of n tokens takes

    (p 2 P n/FLOPS + q attention/FLOPS + w W/BW per micro-batch) x pipeline

seconds. The factor `pipeline` is for several GPUs that work on consecutive micro-batches. The
coefficients, in small letters, are fitted per architecture (`coefficients`). Bytes and operations
are computed from the model (`traffic`). The module `ram_speed` covers weights in the system's
memory.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from shiomi.rig.errors import MachineError, RigError
from shiomi.rig.estimate.assumed import assuming_of_speed
from shiomi.rig.estimate.coefficients import Coefficients, choose
from shiomi.rig.estimate.newer import newer_seconds
from shiomi.rig.estimate.quantity import Estimate
from shiomi.rig.estimate.ram_speed import (
    expert_read_seconds,
    expert_seconds,
    read_on_cpu,
    write_on_cpu,
)
from shiomi.rig.estimate.setting import Place, Setting, quantisation_of
from shiomi.rig.estimate.traffic import attention_flops, cache_reads, product_flops, weight_reads
from shiomi.rig.machine.machine import Gpu, Machine
from shiomi.rig.message import Text, basis, reason
from shiomi.rig.model.model import Model

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
_UNQUANTISED = {"F16", "BF16", "F32"}
# FLOP per byte of bandwidth, to estimate the peak of a GPU if it is not listed.
_FLOP_PER_BYTE = 150.0
# Seconds per layer for the two exchanges between the GPUs with -sm tensor. With it, the speed of
# two RTX 5060 Ti rose from 22.1 to 37.1 tok/s (docs/rig/results.md).
_EXCHANGE = 80e-6
# Gain of speculative decoding: p10, median and p90 of 53 pairs of rows in one public table.
_SPECULATION = (1.4, 1.77, 2.2)


def decode_speed(model: Model, machine: Machine, setting: Setting) -> Estimate:
    """Return the tokens per second that are written, summed over all users.

    The model and its caches are assumed to fit; `memory` checks this. `people` corrects the result
    and sets its bounds by measurements of other people.

    Raises RigError if the machine has no such GPUs, the engine is unknown, or a number is out of
    range.
    """
    _check(model, setting.context)
    if setting.place is Place.RAM:
        return _speculated(write_on_cpu(model, machine, setting), setting)
    quantisation = quantisation_of(model, setting)
    used = _used(machine, setting.gpus)
    chosen = [choose(setting.engine, "decode", gpu) for gpu in used]
    experts = setting.experts_on_gpu
    seconds = 0.0
    for share, gpu, coefficients in zip(_shares(used), used, chosen, strict=True):
        terms = decode_terms(model, gpu, setting, gpus=len(used), experts=experts)
        named = dict(zip(DECODE_TERMS, terms, strict=True))
        seconds += share * (
            coefficients.factor * _dot(coefficients, terms)
            + newer_seconds(model, gpu, coefficients, named, setting.engine)
        )
    if setting.tensor_split and len(used) > 1:
        seconds = _split_seconds(seconds, model, chosen, len(used))
    low, high = _bounds(chosen)
    least, likely, most = (
        expert_seconds(model, machine, setting) if setting.experts_in_ram else (0.0, 0.0, 0.0)
    )
    rests = _rests(chosen)
    if setting.experts_in_ram:
        rests += (basis("experts"),)
    users = setting.users
    found = Estimate(
        users / (seconds + likely),
        users / (seconds * high + most),
        users / (seconds * low + least),
        "tok/s",
        rests,
        chosen[0].sources,
    )
    if model.assumed is not None:
        weights = weight_reads(model, quantisation, users)
        caches = sum(cache_reads(model, setting.context, users, kv_dtype=setting.kv_dtype))
        found = assuming_of_speed(found, model.assumed, weights, caches)
    return _speculated(found, setting)


def prefill_speed(model: Model, machine: Machine, setting: Setting) -> Estimate:
    """Return the tokens per second at which a prompt of `setting.prompt` tokens is read.

    The context is empty before. Raises as `decode_speed` does.
    """
    _check(model, 0)
    if setting.place is Place.RAM:
        return read_on_cpu(model, machine, setting)
    prompt = setting.prompt
    used = _used(machine, setting.gpus)
    chosen = [choose(setting.engine, "prefill", gpu) for gpu in used]
    experts = setting.experts_on_gpu
    seconds = 0.0
    for share, gpu, coefficients in zip(_shares(used), used, chosen, strict=True):
        terms = prefill_terms(model, gpu, setting, experts=experts)
        serial = coefficients.terms["serial"]
        seconds += (share * coefficients.factor * _dot(coefficients, terms)) * pipeline_share(
            prompt, len(used), serial, setting.micro_batch
        )
    low, high = _bounds(chosen)
    least = likely = most = 0.0
    rests = _rests(chosen)
    if setting.experts_in_ram:
        least, likely, most = expert_read_seconds(model, machine, setting)
        rests += (basis("experts_copied"),)
    found = Estimate(
        prompt / (seconds + likely),
        prompt / (seconds * high + most),
        prompt / (seconds * low + least),
        "tok/s",
        rests,
        chosen[0].sources,
    )
    if model.assumed is None:
        return found
    products, attention = product_flops(model, prompt), attention_flops(model, prompt)
    return assuming_of_speed(found, model.assumed, products, attention)


def time_to_first_token(model: Model, machine: Machine, setting: Setting) -> Estimate:
    """Return the seconds from a prompt of `setting.prompt` tokens to the answer's first token."""
    prompt = setting.prompt
    read = prefill_speed(model, machine, setting)
    written = replace(setting, context=prompt, users=1)
    write = decode_speed(model, machine, written)
    return Estimate(
        prompt / read.value + 1 / write.value,
        prompt / read.high + 1 / write.high,
        prompt / read.low + 1 / write.low,
        "s",
        (
            *(basis("prompt", of=x) for x in read.basis),
            *(basis("first_token", of=x) for x in write.basis),
        ),
        tuple(dict.fromkeys(read.sources + write.sources)),
    )


def decode_terms(
    model: Model, gpu: Gpu, setting: Setting, *, gpus: int = 1, experts: float = 1.0
) -> tuple[float, ...]:
    """Return the terms of one decoding step, in the order of DECODE_TERMS.

    `experts` is the share of the routed experts that is on the GPUs. The units of the terms are
    seconds at full bandwidth or peak, 10 us per layer, and 100 us per further GPU.
    """
    quantisation, users = quantisation_of(model, setting), setting.users
    weights = weight_reads(model, quantisation, users, experts=experts)
    cache = cache_reads(model, setting.context, users, kv_dtype=setting.kv_dtype)
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
    model: Model, gpu: Gpu, setting: Setting, *, depth: int = 0, experts: float = 1.0
) -> tuple[float, ...]:
    """Return the terms for reading a prompt on one GPU, in seconds, in the order of PREFILL_TERMS.

    `experts` is the share of the routed experts in the GPU's memory. The GPU computes all experts,
    also those in RAM.
    """
    quantisation, prompt = quantisation_of(model, setting), setting.prompt
    products = product_flops(model, prompt) / _peak(gpu)
    batches = math.ceil(prompt / setting.micro_batch)
    weights = weight_reads(model, quantisation, min(prompt, setting.micro_batch), experts=experts)
    plain = quantisation in _UNQUANTISED
    return (
        products if plain else 0.0,
        0.0 if plain else products,
        attention_flops(model, prompt, depth) / _peak(gpu),
        batches * weights / gpu.bandwidth_gb_s,
    )


def pipeline_share(prompt: int, gpus: int, serial: float, micro_batch: int = 512) -> float:
    """Return the time that several GPUs need for consecutive micro-batches, relative to one GPU.

    `serial` (0 to 1) is the share of the work that cannot be spread over the GPUs.
    """
    batches = max(1, prompt // micro_batch)
    return serial + (1 - serial) * (batches + gpus - 1) / (batches * gpus)


def _split_seconds(
    seconds: float, model: Model, chosen: Sequence[Coefficients], gpus: int
) -> float:
    """Return the seconds of a step whose layers are shared by all GPUs."""
    layers = len(model.layers)
    overhead = layers * 1e-5 * max(c.factor * c.terms["layers"] for c in chosen)
    return max(0.0, seconds - overhead) / gpus + overhead + layers * _EXCHANGE


def _speculated(found: Estimate, setting: Setting) -> Estimate:
    """Return the speed with speculative decoding. The gain is smaller with several users; this
    is ignored.
    """
    if not setting.speculation:
        return found
    least, likely, most = _SPECULATION
    return replace(
        found,
        value=found.value * likely,
        low=found.low * least,
        high=found.high * most,
        basis=(*found.basis, basis("speculation", low=least, usual=likely, high=most)),
    )


def _shares(gpus: Sequence[Gpu]) -> list[float]:
    """Return each GPU's share of the layers, in proportion to its memory."""
    total = sum(gpu.memory_gib for gpu in gpus)
    return [gpu.memory_gib / total for gpu in gpus]


def _peak(gpu: Gpu) -> float:
    """Return the FLOP/s of dense FP16 products, estimated from the bandwidth if not listed."""
    if gpu.fp16_tflops is not None:
        return gpu.fp16_tflops * 1e12
    return gpu.bandwidth_gb_s * 1e9 * _FLOP_PER_BYTE


def _dot(coefficients: Coefficients, terms: tuple[float, ...]) -> float:
    names = DECODE_TERMS if len(terms) == len(DECODE_TERMS) else PREFILL_TERMS
    return sum(coefficients.terms[name] * term for name, term in zip(names, terms, strict=True))


def _bounds(chosen: list[Coefficients]) -> tuple[float, float]:
    """Return the interval as factors on the seconds: for several GPUs, their widest interval."""
    return (
        min(1.0, *(c.interval.low for c in chosen)),
        max(1.0, *(c.interval.high for c in chosen)),
    )


def _rests(chosen: list[Coefficients]) -> tuple[Text, ...]:
    return tuple(dict.fromkeys(x for c in chosen for x in c.basis))


def _used(machine: Machine, gpus: int | None) -> tuple[Gpu, ...]:
    count = len(machine.gpus) if gpus is None else gpus
    if not machine.gpus:
        raise MachineError(reason("no_gpu_speed", machine=machine.name))
    if not 1 <= count <= len(machine.gpus):
        raise MachineError(f"gpus must be 1 to {len(machine.gpus)} on {machine.name}, got {gpus}")
    return machine.gpus[:count]


def _check(model: Model, depth: int) -> None:
    if not model.layers or not model.active_parameters:
        raise RigError(f"{model.name} has no layers or no parameters, so it has no speed")
    if model.context_length and depth > 16 * model.context_length:
        raise RigError(
            f"{model.name} was trained for {model.context_length} tokens of context, got {depth}"
        )
