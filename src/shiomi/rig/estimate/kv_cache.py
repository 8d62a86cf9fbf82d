"""Compute the size of a model's caches from the kind of each layer and the engine.

Per layer and user, for a context of n tokens:
- full and grouped attention: n · heads · (key + value) values;
- sliding: in llama.cpp, n is the window plus one batch, rounded up to 256 tokens; in vLLM up to
  0.20, n is the whole context, and each page is as wide as the pages of the widest layer;
- latent: n · (rank + rotary), stored once for all heads;
- linear and state space: a state of fixed size.
llama.cpp: src/llama-kv-cache-iswa.cpp. vLLM: v1/core/kv_cache_utils.py.
"""

from __future__ import annotations

from shiomi.rig.errors import SettingError
from shiomi.rig.estimate.assumed import assuming
from shiomi.rig.estimate.quantity import Estimate
from shiomi.rig.message import basis
from shiomi.rig.model.model import Layer, LayerKind, Model
from shiomi.rig.model.sliding import capped_by_llama_cpp

__all__ = ["ENGINES", "check_setting", "kv_bytes", "kv_cache_gib"]

ENGINES = ("llama.cpp", "vllm")
GIB = 2**30
MICRO_BATCH = 512  # tokens; llama.cpp -ub
CELLS = 256  # llama.cpp allocates caches in steps of this many tokens
PAGE = 16  # tokens of a page in vLLM
STATE_BYTES = {"llama.cpp": 4.0, "vllm": 4.0}  # recurrent states stay in 32 bits
TYPES = {  # bytes per value of the cache
    "llama.cpp": {
        "f32": 4.0, "f16": 2.0, "bf16": 2.0, "q8_0": 34 / 32, "q5_1": 24 / 32, "q5_0": 22 / 32,
        "q4_1": 20 / 32, "q4_0": 18 / 32, "iq4_nl": 18 / 32,
    },
    "vllm": {"f32": 4.0, "f16": 2.0, "bf16": 2.0, "fp8": 1.0, "fp8_e4m3": 1.0, "fp8_e5m2": 1.0},
}  # fmt: skip


def kv_cache_gib(
    model: Model,
    context: int,
    *,
    users: int = 1,
    kv_dtype: str = "f16",
    engine: str = "llama.cpp",
) -> Estimate:
    """Return the GiB of all caches and states for `users` users with `context` tokens each.

    Raises SettingError if the engine does not know a setting.
    """
    value = kv_bytes(model, context, users=users, kv_dtype=kv_dtype, engine=engine) / GIB
    low, rule, source = value, "llama_cpp_rule", "llama.cpp src/llama-kv-cache-iswa.cpp"
    if engine == "vllm":
        rule, source = "vllm_rule", "vLLM v1/core/kv_cache_utils.py"
        if any(layer.kind is LayerKind.SLIDING for layer in model.layers):
            rule = "vllm_sliding_rule"
            capped = kv_bytes(model, context, users=users, kv_dtype=kv_dtype, engine="capped")
            low = min(value, capped / GIB)
    rests = (basis(rule), kv_dtype)
    found = Estimate(value, low * 0.97, value * 1.04, "GiB", rests, (source, model.source))
    return found if model.assumed is None else assuming(found, model.assumed, model.assumed.caches)


def kv_bytes(model: Model, context: int, *, users: int, kv_dtype: str, engine: str) -> float:
    """Return the bytes by the rule of an engine. The engine "capped" means vLLM's pages,
    in which sliding layers keep only their window.
    """
    rules = "vllm" if engine == "capped" else engine
    check_setting(context=context, users=users, engine=rules)
    width = TYPES[rules].get(kv_dtype.lower())
    if width is None:
        raise SettingError(
            f"{rules} has no cache of type {kv_dtype[:40]!r}; it has {', '.join(TYPES[rules])}"
        )
    layers = [layer for layer in model.layers if _values(layer)]
    states = sum(layer.state_values for layer in model.layers) * STATE_BYTES[rules]
    if engine == "vllm":
        tokens = -(-context // PAGE) * PAGE if context > 1 else 1
        widest = max((_values(layer) for layer in layers), default=0)
        return users * (len(layers) * widest * tokens * width + states)
    caps = engine == "capped" or capped_by_llama_cpp(model.architecture)
    total = sum(_values(x) * _cells(x, context, caps) for x in layers) * width
    return users * (total + states)


def check_setting(*, context: int, users: int, engine: str) -> None:
    """Raise SettingError if one of the arguments is invalid."""
    if engine not in ENGINES:
        raise SettingError(f"the engine must be {' or '.join(ENGINES)}, got {engine[:40]!r}")
    for what, number, most in (("context", context, 10**9), ("users", users, 10**6)):
        if isinstance(number, bool) or not isinstance(number, int) or not 0 < number <= most:
            raise SettingError(f"{what} must be 1 to {most:,}, got {number!r}")


def _values(layer: Layer) -> int:
    """Return the values that a layer keeps per token."""
    if layer.kind is LayerKind.LATENT:
        return layer.latent_dim
    if layer.kind in (LayerKind.FULL, LayerKind.SLIDING):
        return layer.kv_heads * (layer.key_dim + layer.value_dim)
    return 0


def _cells(layer: Layer, context: int, caps: bool) -> int:
    """Return the number of tokens that a layer keeps."""
    padded = -(-context // CELLS) * CELLS
    if layer.kind is not LayerKind.SLIDING or layer.window is None or not caps:
        return padded
    return min(padded, -(-(layer.window + MICRO_BATCH) // CELLS) * CELLS)
