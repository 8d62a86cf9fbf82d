"""Read a model's layers from the header of its GGUF file.

The names of a layer's tensors show the kind of its cache (`ssm_*`: a state; `attn_kv_a_mqa`: a
latent vector). The metadata gives the size of the cache. llama.cpp has the same rules:
src/llama-hparams.cpp and src/models/*.cpp.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from shiomi.rig.errors import ModelFileError
from shiomi.rig.model.architectures import is_known
from shiomi.rig.model.assumption import from_header
from shiomi.rig.model.gguf_header import GgufHeader, Tensor, read_gguf_header
from shiomi.rig.model.model import Layer, LayerKind, Model
from shiomi.rig.model.sliding import sliding_layers, sliding_pattern

__all__ = ["read_gguf"]

MAX_LAYERS = 1024  # llama.cpp: 512
MAX_SIZE = 2**24  # of a width, a rank, a number of heads or experts
MAX_CONTEXT = 2**31
MAX_SPLITS = 1000
SPLIT_NAME = re.compile(r"^(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf$")
BLOCK = re.compile(r"^blk\.(\d+)\.(.+)$")
EXPERTS = re.compile(r"^ffn_(gate|up|down|gate_up)_(exps|chexps)\.")
FILE_TYPES = {  # llama.cpp, enum llama_ftype
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K",
    11: "Q3_K_S", 12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S",
    17: "Q5_K_M", 18: "Q6_K", 19: "IQ2_XXS", 20: "IQ2_XS", 21: "Q2_K_S", 22: "IQ3_XS",
    23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S", 29: "IQ2_M",
    30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0", 37: "TQ2_0", 38: "MXFP4_MOE", 39: "NVFP4",
}  # fmt: skip


def read_gguf(path: Path | str) -> Model:
    """Return the model in a GGUF file, or in all parts of a split file. Only headers are read.

    Raises ModelFileError if a file is broken or hostile, if a part of a split file is missing, or
    if it is not a language model.
    """
    headers = _all_parts(read_gguf_header(path))
    tensors = [tensor for header in headers for tensor in header.tensors]
    return _model(_Metadata(headers[0]), tensors)


def _all_parts(first: GgufHeader) -> list[GgufHeader]:
    """Return the headers of all parts of a split file."""
    count = first.metadata.get("split.count", 1)
    if not isinstance(count, int) or not 0 <= count <= MAX_SPLITS:
        raise ModelFileError(f"{first.path} claims to be split into {count!r} files")
    if count < 2:
        return [first]
    name = SPLIT_NAME.match(first.path.name)
    if name is None or int(name["count"]) != count:
        raise ModelFileError(
            f"{first.path} is one of {count} files: their names must end in -00001-of-{count:05}"
            ".gguf and so on"
        )
    paths = [
        first.path.with_name(f"{name['stem']}-{number:05}-of-{count:05}.gguf")
        for number in range(1, count + 1)
    ]
    if missing := [path.name for path in paths if not path.is_file()]:
        raise ModelFileError(f"{first.path} is one of {count} files; not found: {missing[0]}")
    return [read_gguf_header(path) for path in paths]


@dataclass(frozen=True, slots=True)
class _Metadata:
    """The metadata of one architecture. Every number is checked against its bounds."""

    header: GgufHeader

    @property
    def architecture(self) -> str:
        value = self.header.metadata.get("general.architecture")
        if not isinstance(value, str) or not value:
            raise self.error("names no general.architecture")
        return value

    def error(self, text: str) -> ModelFileError:
        return ModelFileError(f"{self.header.path} {text}")

    def get(self, key: str) -> object:
        return self.header.metadata.get(f"{self.architecture}.{key}")

    def integer(self, key: str, default: int | None = None, most: int = MAX_SIZE) -> int:
        """Return a number in 0..most. Raises ModelFileError if it is missing and has no default."""
        value = self.get(key)
        if isinstance(value, tuple) and value:
            value = max(value)
        if value is None:
            if default is None:
                raise self.error(f"has no {self.architecture}.{key}")
            return default
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
            raise self.error(f"gives {self.architecture}.{key} = {value!r}; it must be 0 to {most}")
        return value

    def per_layer(self, key: str, layers: int, default: int) -> list[int]:
        """Return one number per layer, from an array or from one number for all layers."""
        value = self.get(key)
        if not isinstance(value, tuple):
            return [self.integer(key, default)] * layers
        if len(value) < layers:
            raise self.error(
                f"gives {len(value)} values of {self.architecture}.{key} for {layers} layers"
            )
        if any(not isinstance(v, int) or not 0 <= v <= MAX_SIZE for v in value):
            raise self.error(f"gives {self.architecture}.{key} an impossible value")
        return [int(v) for v in value[:layers]]


def _model(metadata: _Metadata, tensors: Sequence[Tensor]) -> Model:
    count = metadata.integer("block_count", most=MAX_LAYERS)
    count -= metadata.integer("nextn_predict_layers", 0)  # not loaded unless asked for
    if count < 1:
        raise metadata.error("has no layers, so it is not a language model")
    blocks: dict[int, dict[str, Tensor]] = defaultdict(dict)
    outer: dict[str, Tensor] = {}
    for tensor in tensors:
        if match := BLOCK.match(tensor.name):
            blocks[int(match[1])][match[2]] = tensor
        else:
            outer[tensor.name] = tensor
    if "token_embd.weight" not in outer:
        raise metadata.error("has no token_embd.weight, so it is not a whole language model")
    if missing := [i for i in range(count) if i not in blocks]:
        raise metadata.error(f"claims {count} layers and has no tensors of layer {missing[0]}")
    loaded = [*outer.values(), *(t for i in range(count) for t in blocks[i].values())]
    tables = [t for name, t in outer.items() if name in EMBEDDINGS]
    experts = [t for i in range(count) for n, t in blocks[i].items() if EXPERTS.match(n)]
    name = metadata.header.metadata.get("general.name")
    file_type = metadata.header.metadata.get("general.file_type")
    embedding = outer["token_embd.weight"]
    return Model(
        name=name if isinstance(name, str) and name else metadata.header.path.stem,
        architecture=metadata.architecture,
        layers=tuple(_layers(metadata, [blocks[i] for i in range(count)])),
        hidden_size=metadata.integer("embedding_length"),
        vocabulary=embedding.shape[-1] if len(embedding.shape) > 1 else 0,
        embedding_parameters=sum(t.values for t in tables),
        output_parameters=sum(t.values for n, t in outer.items() if n.startswith("output.")),
        context_length=metadata.integer("context_length", 0, MAX_CONTEXT) or None,
        file_bytes=sum(t.size for t in loaded),
        quantisation=FILE_TYPES.get(file_type) if isinstance(file_type, int) else None,
        source=str(metadata.header.path),
        embedding_bytes=sum(t.size for t in tables),
        expert_bytes=sum(t.size for t in experts),
        assumed=None
        if is_known(metadata.architecture, "gguf")
        else from_header(metadata.architecture),
    )


EMBEDDINGS = frozenset(("token_embd.weight", "per_layer_token_embd.weight", "position_embd.weight"))


def _layers(metadata: _Metadata, blocks: Sequence[dict[str, Tensor]]) -> list[Layer]:
    count = len(blocks)
    heads = metadata.per_layer("attention.head_count", count, 0)
    kv_heads = metadata.per_layer("attention.head_count_kv", count, max(heads, default=0))
    feed_forward = metadata.per_layer("feed_forward_length", count, 0)
    sliding = _sliding(metadata, count)
    keeps = count - metadata.integer("attention.shared_kv_layers", _shared(metadata, count))
    if metadata.get("attention.causal") is False:
        keeps = 0  # an encoder has no cache
    experts = metadata.integer("expert_count", 0)
    layers = []
    for index, block in enumerate(blocks):
        kind = _kind(metadata, block, sliding[index])
        routed = sum(t.values for n, t in block.items() if EXPERTS.match(n))
        if routed and not experts:
            raise metadata.error(f"has expert tensors in layer {index} and no expert_count")
        key, value = _head_sizes(metadata, max(heads, default=0), kind)
        attends = kind in (LayerKind.FULL, LayerKind.SLIDING) and index < keeps
        has_state = any(n.startswith(("ssm_", "time_mix_", "shortconv.")) for n in block)
        layers.append(
            Layer(
                kind=kind,
                kv_heads=kv_heads[index] if attends else 0,
                key_dim=key if attends else 0,
                value_dim=value if attends else 0,
                window=_window(metadata) if kind is LayerKind.SLIDING else None,
                state_values=_state(metadata, block) if has_state else 0,
                latent_dim=metadata.integer("attention.kv_lora_rank")
                + metadata.integer("rope.dimension_count")
                if kind is LayerKind.LATENT
                else 0,
                dense_parameters=sum(t.values for t in block.values()) - routed,
                expert_parameters=routed // experts if routed else 0,
                experts=experts if routed else 0,
                chosen=min(experts, metadata.integer("expert_used_count", 0)) if routed else 0,
                heads=heads[index],
                feed_forward=feed_forward[index],
            )
        )
    return layers


def _kind(metadata: _Metadata, block: dict[str, Tensor], slides: bool) -> LayerKind:
    names = {name.split(".")[0] for name in block}
    state = any(name.startswith(("ssm_", "time_mix_", "shortconv")) for name in names)
    if "attn_kv_a_mqa" in names:
        # For files from before the split of attn_kv_b, llama.cpp decompresses the latent vector and
        # caches it as full attention.
        decompressed = metadata.get("attention.key_length_mla") is None
        return LayerKind.FULL if decompressed else LayerKind.LATENT
    if "attn_k" in names or ("attn_qkv" in names and not state):
        return LayerKind.SLIDING if slides else LayerKind.FULL
    if "attn_q" in names and not state:  # it uses the keys and values of another layer
        return LayerKind.SLIDING if slides else LayerKind.FULL
    return LayerKind.LINEAR if state else LayerKind.NONE


def _sliding(metadata: _Metadata, count: int) -> list[bool]:
    pattern = metadata.get("attention.sliding_window_pattern")
    if isinstance(pattern, tuple):
        if len(pattern) < count:
            raise metadata.error(
                f"states the sliding attention of {len(pattern)} layers, but has {count}"
            )
        return [bool(slides) for slides in pattern[:count]]
    known = sliding_pattern(metadata.architecture)
    if known is None or not known.llama_cpp_caps or not _window(metadata):
        return [False] * count
    if isinstance(pattern, int) and not isinstance(pattern, bool) and 0 < pattern <= MAX_LAYERS:
        full = 0 if known.dense_first else pattern - 1
        return [layer % pattern != full for layer in range(count)]
    return sliding_layers(known, count)


def _window(metadata: _Metadata) -> int:
    known = sliding_pattern(metadata.architecture)
    fixed = known.window if known is not None else None
    return metadata.integer("attention.sliding_window", fixed or 0, MAX_CONTEXT)


def _shared(metadata: _Metadata, count: int) -> int:
    """Return how many of the last layers reuse keys and values of earlier layers, for files
    without a key for it.
    """
    return max(0, count - 20) if metadata.architecture == "gemma3n" else 0  # src/models/gemma3n.cpp


def _head_sizes(metadata: _Metadata, heads: int, kind: LayerKind) -> tuple[int, int]:
    usual = metadata.integer("embedding_length") // heads if heads else 0
    key = metadata.integer("attention.key_length", usual)
    value = metadata.integer("attention.value_length", usual)
    if kind is LayerKind.SLIDING:
        key = metadata.integer("attention.key_length_swa", key)
        value = metadata.integer("attention.value_length_swa", value)
    return key, value


def _state(metadata: _Metadata, block: dict[str, Tensor]) -> int:
    """Return the values of a layer's state, per sequence (llama.cpp's n_embd_r + n_embd_s)."""
    width = metadata.integer("embedding_length")
    if any(name.startswith("shortconv") for name in block):
        return width * max(0, metadata.integer("shortconv.l_cache") - 1)
    if any(name.startswith("time_mix_") for name in block):
        shifts = metadata.integer("token_shift_count", 2)
        return width * (shifts + metadata.integer("wkv.head_size"))
    kernel = metadata.integer("ssm.conv_kernel")
    if "ssm_conv1d_q.weight" in block:  # Kimi Delta Attention
        size = metadata.integer("kda.head_dim")
        return metadata.integer("attention.head_count") * size * (3 * max(0, kernel - 1) + size)
    inner, state = metadata.integer("ssm.inner_size"), metadata.integer("ssm.state_size")
    groups = metadata.integer("ssm.group_count", 0)
    return max(0, kernel - 1) * (inner + 2 * groups * state) + inner * state
