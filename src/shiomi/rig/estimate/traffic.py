"""Count the bytes that a step of a language model reads, and its operations.

The figures do not depend on the machine. A decoding step reads each user's cache and, once, every
weight that is needed for any token of the step. Only one row per token is read from the embedding
table. In a mixture of E experts where each user's token chooses k, a step reads the union of the
chosen experts, which is E (1 - (1 - k/E)^users) on average.
"""

from __future__ import annotations

from typing import NamedTuple

from shiomi.rig.errors import SettingError
from shiomi.rig.estimate.kv_cache import MICRO_BATCH, TYPES
from shiomi.rig.model.model import Layer, LayerKind, Model
from shiomi.rig.model.quantisation import Quantisation, find_quantisation

__all__ = [
    "CacheReads",
    "attention_flops",
    "cache_reads",
    "chosen_experts",
    "product_flops",
    "weight_reads",
]


class CacheReads(NamedTuple):
    """The cache bytes that a step reads, in GB (10^9 bytes)."""

    values: float  # caches of grouped-query attention, and recurrent states
    ungrouped: float  # keys and values of multi-head attention, each for one query head
    latent: float  # compressed vectors of latent attention, which take longer per byte


def weight_reads(
    model: Model, quantisation: str, tokens: int = 1, *, experts: float = 1.0
) -> float:
    """Return the weights that one step over `tokens` tokens reads, in GB (10^9 bytes).

    `experts` is the share of the routed experts that is counted.
    """
    bits = find_quantisation(quantisation)
    read = (model.output_parameters or model.embedding_parameters) * bits.output_bits
    for layer in model.layers:
        read += layer.dense_parameters * bits.dense_bits
        chosen = experts * chosen_experts(layer, tokens)
        read += chosen * layer.expert_parameters * bits.expert_bits
    return read / 8e9 * _file_ratio(model, quantisation, bits)


def chosen_experts(layer: Layer, tokens: int) -> float:
    """Return the mean number of different experts of a layer that `tokens` tokens choose."""
    if not layer.experts:
        return 0.0
    unchosen = 1.0 - layer.chosen / layer.experts
    return float(layer.experts * (1.0 - unchosen**tokens))


def cache_reads(model: Model, depth: float, users: int = 1, *, kv_dtype: str = "f16") -> CacheReads:
    """Return the cache bytes that one step reads with `depth` tokens in each user's context."""
    width = TYPES["llama.cpp"].get(kv_dtype.lower())
    if width is None:
        raise SettingError(
            f"llama.cpp has no cache of type {kv_dtype[:40]!r}; it has "
            f"{', '.join(TYPES['llama.cpp'])}"
        )
    values = ungrouped = latent = 0.0
    for layer in model.layers:
        per_token = layer.kv_heads * (layer.key_dim + layer.value_dim) * width
        cells = depth
        if layer.kind is LayerKind.SLIDING and layer.window is not None:
            cells = min(depth, layer.window + MICRO_BATCH)  # masked cells are read too
        if layer.kind in (LayerKind.FULL, LayerKind.SLIDING):
            # Without groups, a kernel uses each key only once and takes twice the time per byte.
            if layer.kv_heads * layer.key_dim >= model.hidden_size:
                ungrouped += per_token * cells
            else:
                values += per_token * cells
        elif layer.kind is LayerKind.LATENT:
            latent += layer.latent_dim * width * depth
        values += 2 * layer.state_values * 4.0  # read and written, as f32
    return CacheReads(values * users / 1e9, ungrouped * users / 1e9, latent * users / 1e9)


def product_flops(model: Model, tokens: int, *, experts: float = 1.0) -> float:
    """Return the floating-point operations of all matrix products over `tokens` tokens.

    The output projection is not counted, as it is computed only for the last token of a prompt.
    """
    return (
        2.0
        * tokens
        * sum(
            layer.dense_parameters + layer.chosen * layer.expert_parameters * experts
            for layer in model.layers
        )
    )


def attention_flops(model: Model, tokens: int, depth: int = 0) -> float:
    """Return the operations of attention for `tokens` new tokens after `depth` earlier ones.

    This counts 4 operations per hidden unit and pair of tokens: two for queries and keys, two for
    weights and values. It is exact if all heads together are as wide as the model.
    """
    pairs = 0.0
    for layer in model.layers:
        if layer.kind in (LayerKind.FULL, LayerKind.LATENT):
            pairs += tokens * (depth + tokens / 2)
        elif layer.kind is LayerKind.SLIDING:
            pairs += tokens * min(depth + tokens / 2, layer.window or depth + tokens / 2)
    return 4.0 * model.hidden_size * pairs


def _file_ratio(model: Model, quantisation: str, bits: Quantisation) -> float:
    """Return file size / (parameters x usual bits of the format); 1 if unknown."""
    if not model.file_bytes or model.quantisation not in (None, quantisation):
        return 1.0
    dense = sum(layer.dense_parameters for layer in model.layers)
    experts = sum(layer.experts * layer.expert_parameters for layer in model.layers)
    usual = (
        model.embedding_parameters * bits.embedding_bits
        + model.output_parameters * bits.output_bits
        + dense * bits.dense_bits
        + experts * bits.expert_bits
    ) / 8
    return model.file_bytes / usual if usual else 1.0
