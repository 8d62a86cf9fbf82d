"""Read the layers of a model from the config.json of its repository on Hugging Face.

The number of parameters is computed from the shape, as no config states it. An unknown kind of
layer is an error that names it. If the architecture is unknown, or the config does not state the
kinds of layers, the usual layers are assumed. Every estimate then names the assumption
(assumption.py).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from shiomi.rig.errors import ModelFileError
from shiomi.rig.model.architectures import is_known, kinds_must_be_said
from shiomi.rig.model.assumption import from_config
from shiomi.rig.model.hf_blocks import attention, feed_forward, linear, mamba
from shiomi.rig.model.hf_fields import Fields
from shiomi.rig.model.model import Layer, LayerKind, Model
from shiomi.rig.model.sliding import sliding_layers, sliding_pattern

__all__ = ["check_parameters", "read_config"]

MAX_CONFIG = 4 * 2**20  # bytes
MAX_LAYERS = 1024
MAX_CONTEXT = 2**31
TOLERANCE = 0.2  # share of parameters for biases, norms and details of an architecture
REFUSED = {  # architectures, each with the part that is not supported
    "deepseek_v4": "the caches that compress_ratios compress and its grouped output projection",
    "minimax": "its lightning attention",
    "minimax_m1": "its lightning attention",
    "recurrent_gemma": "its recurrent blocks",
    "rwkv": "the layers of RWKV before version 7",
    "rwkv6": "the layers of RWKV before version 7",
    "zamba": "the blocks that its layers share",
    "zamba2": "the blocks that its layers share",
}
# Kinds of layers, by their names in layer_types, layers_block_type and hybrid_override_pattern.
# "indexed_attention" is DeepSeek's sparse attention.
KINDS = {
    **dict.fromkeys(("full_attention", "attention", "full", "indexed_attention", "*"), "attention"),
    **dict.fromkeys(("sliding_attention", "chunked_attention"), "sliding"),
    **dict.fromkeys(("mamba", "mamba2", "M"), "mamba"),
    **dict.fromkeys(("mlp", "moe", "-", "E"), "mlp"),
    "linear_attention": "linear",
    "conv": "conv",
}
WHOLLY = {  # the kind of all layers of an architecture
    **dict.fromkeys(("mamba", "mamba2", "falcon_mamba"), "mamba"),
    "falcon_h1": "both",
    "rwkv7": "rwkv",
}


def read_config(config: str | Path | Mapping[str, object], *, name: str) -> Model:
    """Return the model a config.json describes.

    `config` is a path, the JSON text, or the decoded object. Raises ModelFileError if it is broken,
    hostile, or describes layers that are not known here.
    """
    fields = Fields(_load(config, name), name).language_model()
    architecture = fields.text("model_type")
    if architecture in REFUSED:
        fields.refuse(f"is for {architecture}; {REFUSED[architecture]} are not supported")
    count = fields.integer("num_hidden_layers", "n_layer", "n_layers", most=MAX_LAYERS)
    if count < 1:
        fields.refuse("has no layers")
    known = is_known(architecture, "config")
    stated = _stated_kinds(fields, count)
    kinds = stated or _usual_kinds(fields, count)
    hidden = fields.integer("hidden_size", "n_embd", "d_model")
    vocabulary = fields.integer("vocab_size")
    if not hidden or not vocabulary:
        fields.refuse(f"has a width of {hidden} and a vocabulary of {vocabulary}")
    per_layer = fields.integer("hidden_size_per_layer_input", default=0)  # Gemma 3n and 4
    own_vocabulary = fields.integer("vocab_size_per_layer_input", default=vocabulary)
    return Model(
        name=name,
        architecture=architecture,
        layers=tuple(_layer(fields, index, kind) for index, kind in enumerate(kinds)),
        hidden_size=hidden,
        vocabulary=vocabulary,
        embedding_parameters=vocabulary * hidden + own_vocabulary * per_layer * count,
        output_parameters=0 if _tied(fields) else vocabulary * hidden,
        context_length=fields.integer(
            "max_position_embeddings", "n_positions", default=0, most=MAX_CONTEXT
        )
        or None,
        quantisation=_quantisation(fields),
        source=f"config.json of {name}",
        assumed=from_config(
            architecture,
            known=known,
            kinds_said=stated is not None or (known and not kinds_must_be_said(architecture)),
        ),
    )


def check_parameters(model: Model, claimed: int) -> None:
    """Raise ModelFileError with both figures if the stated number of parameters contradicts the
    shape.

    The number may count a tied or an untied output, so both are accepted.
    """
    tied = model.parameters - model.output_parameters
    untied = tied + (model.output_parameters or model.embedding_parameters)
    if not tied * (1 - TOLERANCE) <= claimed <= untied * (1 + TOLERANCE):
        raise ModelFileError(
            f"{model.name} is listed with {claimed:.4g} parameters, but its shape"
            f" ({len(model.layers)} layers of width {model.hidden_size}) has"
            f" {model.parameters:.4g}: one of the two is wrong or incomplete"
        )


def _load(config: str | Path | Mapping[str, object], name: str) -> Mapping[str, object]:
    if isinstance(config, Mapping):
        return config
    try:
        if isinstance(config, Path) or not config.lstrip().startswith("{"):
            with Path(config).open("rb") as file:
                data = file.read(MAX_CONFIG + 1)
        else:
            data = config[: MAX_CONFIG + 1].encode("utf-8", "surrogatepass")
        if len(data) > MAX_CONFIG:
            raise ModelFileError(f"The config of {name} has more than {MAX_CONFIG} bytes")
        value = json.loads(data, object_pairs_hook=_each_key_once)
    except OSError as error:
        raise ModelFileError(f"The config of {name} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"The config of {name} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise ModelFileError(f"The config of {name} is a {type(value).__name__}, not an object")
    return value


def _each_key_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Refuse equal keys. The JSON parser would keep the last one, but either could be right."""
    said: dict[str, object] = {}
    for key, value in pairs:
        if said.setdefault(key, value) != value:
            raise ValueError(f"it has {key[:40]!r} twice: {said[key]!r:.40} and {value!r:.40}")
    return said


def _tied(fields: Fields) -> bool:
    usual = fields.text("model_type").startswith(("gemma", "cohere", "gpt2", "lfm2"))
    return fields.flag("tie_word_embeddings", default=usual)


def _quantisation(fields: Fields) -> str | None:
    """Return the weights' format as in data/bits_per_weight.csv; None if missing or unknown."""
    said = fields.mapping("quantization_config")
    if said is None:
        kind = fields.optional_text("torch_dtype") or fields.optional_text("dtype")
        return {"bfloat16": "BF16", "float16": "F16", "float32": "F32"}.get(kind or "")
    method = said.get("quant_method")
    bits = said.get("bits")
    if method in ("awq", "gptq") and bits in (4, 8):
        return {"awq": "AWQ-4bit", "gptq": f"GPTQ-Int{bits}"}[str(method)]
    if method == "bitsandbytes" and said.get("load_in_4bit") is True:
        return "BNB-NF4"
    return {"fp8": "FP8", "mxfp4": "MXFP4"}.get(str(method))


def _stated_kinds(fields: Fields, count: int) -> list[str] | None:
    """Return the token mixer of each layer: attention, sliding, linear, conv, mamba or mlp.

    None if no field says it.
    """
    named = fields.texts("layer_types") or fields.texts("layers_block_type")
    if pattern := fields.optional_text("hybrid_override_pattern"):
        named = list(pattern)
    if named:
        if len(named) < count:
            fields.refuse(f"names the kind of {len(named)} layers and has {count}")
        if unknown := sorted({kind for kind in named if kind not in KINDS}):
            fields.refuse(f"has layers of the unknown kind {unknown[0]!r}")
        states = "mamba" if _has_mamba(fields) else "linear"  # both are called linear_attention
        return [states if KINDS[k] == "linear" else KINDS[k] for k in named[:count]]
    if attending := fields.integers("full_attn_idxs"):  # LFM2
        return ["attention" if i in attending else "conv" for i in range(count)]
    if attending := fields.integers("attn_layer_indices"):  # Bamba
        return ["attention" if i in attending else "mamba" for i in range(count)]
    if interval := fields.integer("full_attention_interval", default=0):
        return ["linear" if (i + 1) % interval else "attention" for i in range(count)]
    if period := fields.integer("attn_layer_period", default=0):  # Jamba
        offset = fields.integer("attn_layer_offset", default=0)
        return ["attention" if i % period == offset else "mamba" for i in range(count)]
    model = fields.text("model_type")
    if model in WHOLLY:
        return [WHOLLY[model]] * count
    if model == "kimi_linear":
        said = fields.mapping("linear_attn_config") or {}
        attending = Fields(said, fields.name).integers("full_attn_layers")  # counted from 1
        return ["attention" if i + 1 in attending else "kda" for i in range(count)]
    if _has_mamba(fields):
        fields.refuse("has a state space and does not state in which layers")
    return None


def _usual_kinds(fields: Fields, count: int) -> list[str]:
    """Return the attention of each layer; it is sliding if the architecture is known to do so."""
    return ["sliding" if slides else "attention" for slides in _sliding(fields, count)]


def _has_mamba(fields: Fields) -> bool:
    return fields.value("mamba_d_state", "ssm_state_size") is not None


def _sliding(fields: Fields, count: int) -> list[bool]:
    known = sliding_pattern(fields.text("model_type"))
    window = fields.integer("sliding_window", default=(known and known.window) or 0)
    if not fields.flag("use_sliding_window", default=True) or not window or known is None:
        return [False] * count
    if first := fields.integer("max_window_layers", default=0):  # Qwen 2: full below, sliding above
        return [layer >= first for layer in range(count)]
    period = fields.value("sliding_window_pattern")
    if isinstance(period, int) and not isinstance(period, bool) and period > 1:
        return [(layer + 1) % period != 0 for layer in range(count)]
    return sliding_layers(known, count)


def _mixer(fields: Fields, index: int, kind: str) -> Layer:
    """Return a layer with only its token mixer."""
    if kind == "mlp":
        return Layer(LayerKind.NONE)
    if kind in ("linear", "conv", "mamba", "kda", "rwkv"):
        parameters, state = mamba(fields) if kind == "mamba" else linear(fields, kind)
        return Layer(LayerKind.LINEAR, dense_parameters=parameters, state_values=state)
    shape = attention(fields, index, slides=kind == "sliding")
    if shape.latent_dim:
        parameters = shape.parameters
        return Layer(LayerKind.LATENT, dense_parameters=parameters, latent_dim=shape.latent_dim)
    window = None
    if kind == "sliding":
        known = sliding_pattern(fields.text("model_type"))
        fixed = known.window if known is not None else None
        window = fields.integer(
            "sliding_window", "attention_chunk_size", "window_size", default=fixed, most=MAX_CONTEXT
        )
    count = fields.integer("num_hidden_layers", "n_layer", "n_layers", most=MAX_LAYERS)
    shared = fields.integer("num_kv_shared_layers", default=0)
    beside, state = mamba(fields) if kind == "both" else (0, 0)  # Falcon-H1: next to attention
    return Layer(
        LayerKind.SLIDING if kind == "sliding" else LayerKind.FULL,
        dense_parameters=shape.parameters + beside,
        kv_heads=shape.kv_heads if index < count - shared else 0,
        key_dim=shape.key_dim,
        value_dim=shape.value_dim,
        window=window,
        state_values=state,
    )


def _layer(fields: Fields, index: int, kind: str) -> Layer:
    mixer = _mixer(fields, index, kind)
    block = feed_forward(fields, index, only=kind == "mlp")
    norms = fields.integer("hidden_size", "n_embd", "d_model") * 2
    return replace(
        mixer,
        dense_parameters=mixer.dense_parameters + block.dense + norms,
        expert_parameters=block.expert,
        experts=block.experts,
        chosen=block.chosen,
        heads=fields.integer("num_attention_heads", "n_head", "num_heads", default=0),
        feed_forward=block.width,
    )
