"""The shapes of the measured models, as their makers' config.json files give them."""

from __future__ import annotations

from dataclasses import replace

from shiomi.rig.model.model import Layer, LayerKind, Model

__all__ = ["MEASURED"]


def _dense(
    width: int, inner: int, queries: int, kv: int, key: int, value: int | None = None
) -> int:
    """Parameters of attention and a gated feed-forward network."""
    value = key if value is None else value
    return (
        width * (queries * key + kv * (key + value)) + queries * value * width + 3 * width * inner
    )


def _model(
    name: str,
    architecture: str,
    layers: tuple[Layer, ...],
    width: int,
    vocabulary: int,
    *,
    tied: bool = False,
) -> Model:
    table = vocabulary * width
    return Model(name, architecture, layers, width, vocabulary, table, 0 if tied else table)


def _llama(
    name: str,
    count: int,
    width: int,
    inner: int,
    heads: int,
    kv: int,
    dim: int,
    vocabulary: int,
    *,
    tied: bool = False,
) -> Model:
    layer = Layer(
        LayerKind.FULL,
        kv_heads=kv,
        key_dim=dim,
        value_dim=dim,
        dense_parameters=_dense(width, inner, heads, kv, dim),
    )
    return _model(name, "llama", (layer,) * count, width, vocabulary, tied=tied)


def _gpt_oss(name: str, count: int, experts: int) -> Model:
    full = Layer(
        LayerKind.FULL,
        kv_heads=8,
        key_dim=64,
        value_dim=64,
        dense_parameters=_dense(2880, 0, 64, 8, 64),
        expert_parameters=3 * 2880 * 2880,
        experts=experts,
        chosen=4,
    )
    sliding = replace(full, kind=LayerKind.SLIDING, window=128)
    return _model(name, "gpt-oss", (sliding, full) * (count // 2), 2880, 201_088)


def _gemma(
    name: str,
    groups: int,
    sliding: Layer,
    full: Layer,
    width: int,
) -> Model:
    return _model(name, "gemma", ((sliding,) * 5 + (full,)) * groups, width, 262_144, tied=True)


def _qwen35(name: str, groups: int, linear: Layer, full: Layer, width: int) -> Model:
    return _model(name, "qwen35", ((linear,) * 3 + (full,)) * groups, width, 248_320)


def _qwen3_moe() -> Model:
    layer = Layer(
        LayerKind.FULL,
        kv_heads=4,
        key_dim=128,
        value_dim=128,
        dense_parameters=_dense(2048, 0, 32, 4, 128),
        expert_parameters=3 * 2048 * 768,
        experts=128,
        chosen=8,
    )
    return _model("Qwen3-30B-A3B", "qwen3moe", (layer,) * 48, 2048, 151_936)


def _gemma3_4b() -> Model:
    full = Layer(
        LayerKind.FULL,
        kv_heads=4,
        key_dim=256,
        value_dim=256,
        dense_parameters=_dense(2560, 10_240, 8, 4, 256),
    )
    sliding = replace(full, kind=LayerKind.SLIDING, window=1024)
    layers = ((sliding,) * 5 + (full,)) * 5 + (sliding,) * 4
    return _model("gemma-3-4b", "gemma3", layers, 2560, 262_208, tied=True)


def _gemma4_moe() -> Model:
    sliding = Layer(
        LayerKind.SLIDING,
        kv_heads=8,
        key_dim=256,
        value_dim=256,
        window=1024,
        dense_parameters=_dense(2816, 2112, 16, 8, 256),
        expert_parameters=3 * 2816 * 704,
        experts=128,
        chosen=8,
    )
    full = replace(
        sliding,
        kind=LayerKind.FULL,
        kv_heads=2,
        key_dim=512,
        value_dim=512,
        window=None,
        dense_parameters=_dense(2816, 2112, 16, 2, 512, 512) - 2816 * 2 * 512,  # keys are values
    )
    return _gemma("gemma-4-26B-A4B-it", 5, sliding, full, 2816)


def _gemma4_dense() -> Model:
    sliding = Layer(
        LayerKind.SLIDING,
        kv_heads=16,
        key_dim=256,
        value_dim=256,
        window=1024,
        dense_parameters=_dense(5376, 21_504, 32, 16, 256),
    )
    full = replace(
        sliding,
        kind=LayerKind.FULL,
        kv_heads=4,
        key_dim=512,
        value_dim=512,
        window=None,
        dense_parameters=_dense(5376, 21_504, 32, 4, 512) - 5376 * 4 * 512,
    )
    return _gemma("gemma-4-31B-it", 10, sliding, full, 5376)


def _qwen36_moe(name: str, groups: int, width: int, experts: int, inner: int, heads: int) -> Model:
    expert = 3 * width * inner
    state = 64 * 128 * 128 if heads == 32 else 32 * 128 * 128
    linear = Layer(
        LayerKind.LINEAR,
        state_values=state,
        dense_parameters=width * (2 * 2048 + 2 * state // 128) + state // 128 * width + expert,
        expert_parameters=expert,
        experts=experts,
        chosen=8,
    )
    full = replace(
        linear,
        kind=LayerKind.FULL,
        kv_heads=2,
        key_dim=256,
        value_dim=256,
        state_values=0,
        dense_parameters=_dense(width, inner, heads, 2, 256) + width * heads * 256,
    )
    return _qwen35(name, groups, linear, full, width)


def _qwen36_dense() -> Model:
    linear = Layer(
        LayerKind.LINEAR,
        state_values=48 * 128 * 128,
        dense_parameters=5120 * (2 * 2048 + 2 * 6144) + 6144 * 5120 + 3 * 5120 * 17_408,
    )
    full = Layer(
        LayerKind.FULL,
        kv_heads=4,
        key_dim=256,
        value_dim=256,
        dense_parameters=_dense(5120, 17_408, 24, 4, 256) + 5120 * 24 * 256,
    )
    return _qwen35("Qwen3.6-27B", 16, linear, full, 5120)


def _glm_flash() -> Model:
    """Latent attention of rank 512 + 64; one dense layer, then 64 experts of which 4 chosen."""
    attention = 2048 * 768 + 768 * 20 * 256 + 2048 * 576 + 512 * 20 * (192 + 256) + 20 * 256 * 2048
    dense = Layer(LayerKind.LATENT, latent_dim=576, dense_parameters=attention + 3 * 2048 * 10_240)
    sparse = Layer(
        LayerKind.LATENT,
        latent_dim=576,
        dense_parameters=attention + 3 * 2048 * 1536,
        expert_parameters=3 * 2048 * 1536,
        experts=64,
        chosen=4,
    )
    return _model("GLM-4.7-Flash", "deepseek2", (dense, *(sparse,) * 46), 2048, 154_880)


MEASURED: dict[str, Model] = {
    model.name: model
    for model in (
        _llama("Llama-3-8B", 32, 4096, 14_336, 32, 8, 128, 128_256),
        _llama("Llama-3-70B", 80, 8192, 28_672, 64, 8, 128, 128_256),
        _llama("llama-2-7b", 32, 4096, 11_008, 32, 32, 128, 32_000),
        _llama("Qwen2.5-7B", 28, 3584, 18_944, 28, 4, 128, 152_064),
        _llama("Ministral-3-14B", 40, 5120, 16_384, 32, 8, 128, 131_072),
        _llama("Llama-3.2-1B", 16, 2048, 8192, 32, 8, 64, 128_256, tied=True),
        _llama("Llama-3.2-3B", 28, 3072, 8192, 24, 8, 128, 128_256, tied=True),
        _llama("Qwen2.5-14B", 48, 5120, 13_824, 40, 8, 128, 152_064),
        _llama("Qwen3-1.7B", 28, 2048, 6144, 16, 8, 128, 151_936, tied=True),
        _llama("Qwen3-4B", 36, 2560, 9728, 32, 8, 128, 151_936, tied=True),
        _llama("Qwen3-8B", 36, 4096, 12_288, 32, 8, 128, 151_936),
        _llama("Qwen3-14B", 40, 5120, 17_408, 40, 8, 128, 151_936),
        _gpt_oss("gpt-oss-20b", 24, 32),
        _gpt_oss("gpt-oss-120b", 36, 128),
        _qwen3_moe(),
        _gemma3_4b(),
        _gemma4_moe(),
        _gemma4_dense(),
        _qwen36_dense(),
        _qwen36_moe("Qwen3.6-35B-A3B", 10, 2048, 256, 512, 16),
        _qwen36_moe("Qwen3.5-122B-A10B", 12, 3072, 256, 1024, 32),
        _glm_flash(),
    )
}
