"""Compute the parameters and the cache of a transformer block from the shape in its config.

The shapes are those in the modelling files of Hugging Face transformers. Biases and norms are
ignored if they are less than a thousandth of a block.
"""

from __future__ import annotations

from dataclasses import dataclass

from shiomi.rig.model.hf_fields import Fields

__all__ = ["Attention", "FeedForward", "attention", "feed_forward", "linear", "mamba"]

TWO_MATRICES = {  # no gate next to the up projection
    "apertus", "falcon", "gpt2", "gpt_bigcode", "gpt_neox", "gptj", "mpt", "nemotron", "nemotron_h",
    "opt", "rwkv7", "phi", "phi-msft", "stablelm_epoch", "starcoder2",
}  # fmt: skip
EXPERTS = ("num_experts", "n_routed_experts", "num_local_experts", "moe_num_experts")
WIDENED_ATTENTION = frozenset(("qwen3_next", "qwen3_5_text", "qwen3_5", "qwen3_5_moe_text"))


@dataclass(frozen=True, slots=True)
class Attention:
    """One layer's attention."""

    parameters: int
    kv_heads: int
    key_dim: int
    value_dim: int
    latent_dim: int = 0


@dataclass(frozen=True, slots=True)
class FeedForward:
    """One layer's feed-forward part."""

    dense: int  # parameters read for every token: dense part, shared experts, router
    width: int  # width of the widest part that processes a token
    expert: int = 0  # parameters of one routed expert
    experts: int = 0
    chosen: int = 0


def attention(fields: Fields, index: int, *, slides: bool) -> Attention:
    """Return the full, grouped, sliding or latent attention of layer `index`."""
    hidden = fields.integer("hidden_size", "n_embd", "d_model")
    heads = fields.integer("num_attention_heads", "n_head", "n_heads")
    if not heads:
        fields.refuse("has no attention heads")
    if fields.value("kv_lora_rank") is not None:
        return _latent(fields, hidden, heads)
    size = fields.integer("head_dim", "attention_head_dim", default=hidden // heads)
    kv_heads = _kv_heads(fields, index, heads)
    if not slides:  # Gemma 4 has wider heads, and fewer of them, in its full layers
        size = fields.integer("global_head_dim", default=size)
        kv_heads = fields.integer("num_global_key_value_heads", default=kv_heads)
    if kv_heads > heads:
        fields.refuse(f"has {kv_heads} key heads for {heads} query heads")
    if kv_heads and heads % kv_heads:
        fields.refuse(f"has {kv_heads} key heads for {heads} query heads, which is not a divisor")
    gates = 2 if fields.flag("attn_output_gate", default=_gated(fields)) else 1
    shared = fields.flag("attention_k_eq_v", default=False) and not slides
    parameters = hidden * size * (heads * (1 + gates) + kv_heads * (1 if shared else 2))
    return Attention(parameters, kv_heads, size, size)


def _gated(fields: Fields) -> bool:
    return fields.text("model_type") in WIDENED_ATTENTION


def _kv_heads(fields: Fields, index: int, heads: int) -> int:
    value = fields.value("num_key_value_heads", "num_kv_heads", "n_head_kv")
    if isinstance(value, list):
        listed = fields.integers("num_key_value_heads")
        if index >= len(listed):
            fields.refuse(f"gives num_key_value_heads for {len(listed)} layers only")
        return listed[index]
    usual = 1 if fields.flag("multi_query", default=False) else heads
    return fields.integer("num_key_value_heads", "num_kv_heads", "n_head_kv", default=usual)


def _latent(fields: Fields, hidden: int, heads: int) -> Attention:
    rank = fields.integer("kv_lora_rank")
    rotary = fields.integer("qk_rope_head_dim")
    plain = fields.integer("qk_nope_head_dim")
    value = fields.integer("v_head_dim")
    query = fields.integer("q_lora_rank", default=0)
    asked = heads * (plain + rotary)
    parameters = (hidden * query + query * asked) if query else hidden * asked
    parameters += hidden * (rank + rotary) + rank * heads * (plain + value) + heads * value * hidden
    indexers = fields.integer("index_n_heads", default=0)  # DeepSeek sparse attention
    if indexers:
        size = fields.integer("index_head_dim")
        parameters += query * indexers * size + hidden * (size + indexers)
    return Attention(parameters, 0, 0, 0, latent_dim=rank + rotary)


def linear(fields: Fields, kind: str) -> tuple[int, int]:
    """Count parameters and state values of a gated delta net, Kimi's, RWKV's or a convolution."""
    hidden = fields.integer("hidden_size")
    if kind == "rwkv":
        return _rwkv7(fields, hidden)
    if kind == "kda":
        return _kimi_delta(fields, hidden)
    if kind == "conv":  # LFM2
        length = fields.integer("conv_L_cache")
        return hidden * (4 * hidden + length), hidden * max(0, length - 1)
    keys = fields.integer("linear_num_key_heads") * fields.integer("linear_key_head_dim")
    heads, size = fields.integer("linear_num_value_heads"), fields.integer("linear_value_head_dim")
    values, kernel = heads * size, fields.integer("linear_conv_kernel_dim")
    mixed = 2 * keys + values
    parameters = hidden * (mixed + values + 2 * heads) + mixed * kernel + values * hidden
    state = heads * fields.integer("linear_key_head_dim") * size
    return parameters, state + max(0, kernel - 1) * mixed


def _kimi_delta(fields: Fields, hidden: int) -> tuple[int, int]:
    """Count a delta net of Kimi Linear. Its gates have low rank: the width of a head."""
    said = Fields(fields.mapping("linear_attn_config") or {}, fields.name)
    heads, size = said.integer("num_heads"), said.integer("head_dim")
    kernel, inner = said.integer("short_conv_kernel_size"), heads * size
    gates = 2 * size * (hidden + inner)
    parameters = 4 * hidden * inner + gates + hidden * heads + 3 * inner * kernel
    return parameters, heads * size * size + max(0, kernel - 1) * 3 * inner


def _rwkv7(fields: Fields, hidden: int) -> tuple[int, int]:
    """Count RWKV-7: four square matrices, low-rank matrices (decay, gate, rate, value), states."""
    ranks = sum(
        fields.integer(f"{x}_low_rank_dim", default=64) for x in ("decay", "gate", "a", "v")
    )
    size = fields.integer("head_dim", default=64)
    return hidden * (4 * hidden + 2 * ranks), hidden * size + 2 * hidden


def mamba(fields: Fields) -> tuple[int, int]:
    """Count parameters and state values of Mamba (1 and 2)."""
    hidden = fields.integer("hidden_size", "d_model")
    kernel = fields.integer("mamba_d_conv", "conv_kernel", default=4)
    state = fields.integer("mamba_d_state", "ssm_state_size", "state_size")
    heads = fields.integer("mamba_n_heads", "mamba_num_heads", default=0)
    if not heads:  # Mamba 1
        inner = fields.integer("intermediate_size", default=0)
        if fields.value("mamba_expand") is not None or not inner:
            inner = hidden * fields.integer("mamba_expand", "expand", default=2)
        rank = fields.integer("mamba_dt_rank", "time_step_rank", default=-(-hidden // 16))
        parameters = inner * (3 * hidden + kernel + 2 * rank + 3 * state)
        return parameters, inner * (state + max(0, kernel - 1))
    size = fields.integer("mamba_d_head", "mamba_head_dim", "head_dim")
    inner = fields.integer("mamba_d_ssm", default=heads * size)
    groups = fields.integer("mamba_n_groups", "n_groups", default=1)
    mixed = inner + 2 * groups * state
    parameters = hidden * (inner + mixed + heads) + mixed * kernel + inner * hidden
    return parameters, inner * state + max(0, kernel - 1) * mixed


def feed_forward(fields: Fields, index: int, *, only: bool) -> FeedForward:
    """Return the feed-forward part of layer `index`. `only`: the layer has no other part."""
    hidden = fields.integer("hidden_size", "n_embd", "d_model")
    model = fields.text("model_type")
    alone = model == "nemotron_h" or model in ("mamba", "mamba2", "falcon_mamba")
    if alone and not only:  # mixing and feed-forward are separate layers
        return FeedForward(0, 0)
    matrices = 2 if model in TWO_MATRICES else 3
    width = _width(fields, index, hidden)
    experts = fields.integer(*EXPERTS, default=0)
    if not experts and any("expert" in key and fields.said[key] for key in fields.said):
        fields.refuse("has unknown fields about experts")
    if not experts or not _is_mixture(fields, index):
        width = fields.integer("intermediate_size_mlp", default=width)  # Llama 4's dense layers
        return FeedForward(matrices * hidden * width, width)
    inner = fields.integer("moe_intermediate_size", "expert_ffn_hidden_size", default=width)
    chosen = fields.integer(
        "num_experts_per_tok",
        "num_experts_per_token",
        "experts_per_token",
        "top_k_experts",
        "moe_k",
    )
    if not 0 < chosen <= experts:
        fields.refuse(f"chooses {chosen} of {experts} experts")
    shared = fields.integer(
        "shared_expert_intermediate_size", "shared_intermediate_size", default=0
    )
    if not shared:
        number = 1 if model in ("llama4_text", "llama4") else 0
        shared = inner * fields.integer(
            "n_shared_experts", "num_shared_experts", "moe_num_shared_experts", default=number
        )
    if fields.flag("enable_moe_block", default=False):  # Gemma 4 has both in parallel
        shared = width
    return FeedForward(
        dense=hidden * (matrices * shared + experts),
        width=max(shared, inner * chosen),
        expert=matrices * hidden * inner,
        experts=experts,
        chosen=chosen,
    )


def _width(fields: Fields, index: int, hidden: int) -> int:
    if isinstance(fields.value("intermediate_size"), list):  # Gemma 3n
        listed = fields.integers("intermediate_size")
        return listed[min(index, len(listed) - 1)] if listed else 4 * hidden
    width = fields.integer(
        "intermediate_size", "n_inner", "ffn_hidden_size", "block_ff_dim", default=4 * hidden
    )
    if fields.flag("block_auto_adjust_ff_dim", default=False):  # LFM2
        step = max(1, fields.integer("block_multiple_of", default=256))
        width = -(-(2 * width // 3) // step) * step
    return width


def _is_mixture(fields: Fields, index: int) -> bool:
    if index < fields.integer(
        "first_k_dense_replace", "num_dense_layers", "moe_layer_start_index", default=0
    ):
        return False
    if index in fields.integers("mlp_only_layers"):
        return False
    if listed := fields.integers("moe_layers"):
        return index in listed
    if step := fields.integer("interleave_moe_layer_step", "decoder_sparse_step", default=0):
        return (index + 1) % step == 0
    if period := fields.integer("expert_layer_period", default=0):
        return index % period == fields.integer("expert_layer_offset", default=0)
    return True
