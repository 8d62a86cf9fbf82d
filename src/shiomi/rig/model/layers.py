"""Read models layer by layer from GGUF headers, config.json files or catalogue rows."""

from __future__ import annotations

from collections.abc import Mapping

from shiomi.rig.errors import ModelFileError
from shiomi.rig.model.gguf_model import read_gguf
from shiomi.rig.model.hf_config import read_config
from shiomi.rig.model.model import Model

__all__ = ["check_parameters", "read_catalogue_row", "read_config", "read_gguf"]

TOLERANCE = 0.2  # share of parameters for biases, norms and details of an architecture
WHOLE = frozenset(  # architectures whose whole shape is in a catalogue's columns
    (
        "cohere",
        "cohere2",
        "exaone4",
        "gemma",
        "gemma2",
        "gemma3_text",
        "glm4",
        "glm4_moe",
        "gpt_oss",
        "granite",
        "llama",
        "mistral",
        "mixtral",
        "olmo2",
        "olmo3",
        "phi",
        "phi3",
        "qwen2",
        "qwen2_moe",
        "qwen3",
        "qwen3_moe",
        "smollm3",
        "starcoder2",
    )
)
COLUMNS = {  # column of a catalogue -> field of a config.json
    "architecture": "model_type",
    "context_length": "max_position_embeddings",
    "num_hidden_layers": "num_hidden_layers",
    "hidden_size": "hidden_size",
    "num_attention_heads": "num_attention_heads",
    "num_key_value_heads": "num_key_value_heads",
    "head_dim": "head_dim",
    "vocab_size": "vocab_size",
    "num_experts": "num_experts",
    "active_experts": "num_experts_per_tok",
    "shared_expert_intermediate_size": "shared_expert_intermediate_size",
}


def check_parameters(model: Model, claimed: int) -> None:
    """Raise ModelFileError with both figures if the stated number of parameters contradicts the
    shape.

    Both a tied and an untied output are accepted, because catalogues do not state it.
    """
    tied = model.parameters - model.output_parameters
    untied = tied + (model.output_parameters or model.embedding_parameters)
    if tied * (1 - TOLERANCE) <= claimed <= untied * (1 + TOLERANCE):
        return
    figures = (
        f"{model.name} is listed with {_count(claimed)} parameters, and its shape "
        f"({len(model.layers)} layers of width {model.hidden_size}) has {_count(model.parameters)}"
    )
    if model.architecture in WHOLE:
        raise ModelFileError(f"{figures}: one of the two is wrong; give its config.json or file")
    raise ModelFileError(
        f"{figures}: what is listed does not tell the whole shape of a {model.architecture}, "
        "or is wrong; give its config.json or file"
    )


def read_catalogue_row(row: Mapping[str, str]) -> Model:
    """Return the model of a catalogue row with the columns of COLUMNS, name and parameters_raw.

    Such rows do not state the window, the latent rank or the kinds of layers. So the caches are
    computed for full attention. Raises ModelFileError if a field is missing or the parameters
    contradict the shape.
    """
    name = row.get("name") or "a row without a name"
    config: dict[str, object] = {
        theirs: _number(name, ours, row[ours]) if ours != "architecture" else row[ours]
        for ours, theirs in COLUMNS.items()
        if row.get(ours)
    }
    if inner := row.get("moe_intermediate_size"):  # also holds the width of dense layers
        key = "moe_intermediate_size" if row.get("num_experts") else "intermediate_size"
        config[key] = _number(name, "moe_intermediate_size", inner)
    else:
        raise ModelFileError(f"{name} has no feed-forward width: its shape cannot be checked")
    model = read_config(config, name=name)
    claimed = _number(name, "parameters_raw", row.get("parameters_raw", ""))
    check_parameters(model, claimed)
    return model


def _number(name: str, column: str, text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise ModelFileError(f"{name} gives {column} = {text[:40]!r}; a whole number can be")
    return int(text)


def _count(number: int) -> str:
    for size, unit in ((10**12, "T"), (10**9, "B"), (10**6, "M"), (10**3, "K")):
        if number >= size:
            return f"{number / size:.4g} {unit}"
    return str(number)
