"""Models of known shape for the tests."""

from __future__ import annotations

from shiomi.rig.model.model import Layer, LayerKind, Model

__all__ = ["DENSE", "LATENT", "LINEAR", "MIXTURE", "SLIDING"]


def _model(name: str, layer: Layer, count: int = 32, width: int = 4096) -> Model:
    table = 128_256 * width
    return Model(name, "llama", (layer,) * count, width, 128_256, table, table)


_HEADS = {"kv_heads": 8, "key_dim": 128, "value_dim": 128}
DENSE = _model("8B", Layer(LayerKind.FULL, **_HEADS, dense_parameters=218_103_808))
SLIDING = _model(
    "8B sliding", Layer(LayerKind.SLIDING, **_HEADS, window=1024, dense_parameters=218_103_808)
)
LINEAR = _model(
    "8B linear", Layer(LayerKind.LINEAR, state_values=524_288, dense_parameters=218_103_808)
)
LATENT = _model("8B latent", Layer(LayerKind.LATENT, latent_dim=576, dense_parameters=218_103_808))
MIXTURE = _model(
    "MoE",
    Layer(
        LayerKind.FULL,
        **_HEADS,
        dense_parameters=40_000_000,
        expert_parameters=5_000_000,
        experts=128,
        chosen=8,
    ),
)
