"""GGUF files for tests, written with the gguf package: real headers, no weights worth the name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import gguf
import numpy as np

Keys = Mapping[str, int | bool | Sequence[int] | Sequence[bool]]

BLOCKS: Keys = {  # of llama()
    "block_count": 2,
    "context_length": 4096,
    "embedding_length": 64,
    "feed_forward_length": 128,
    "attention.head_count": 4,
    "attention.head_count_kv": 2,
}


def write_gguf(
    path: Path,
    architecture: str,
    keys: Keys,
    tensors: Mapping[str, tuple[int, ...]],
    *,
    file_type: int = 1,
    tokens: int = 0,
) -> Path:
    """Write a file; `keys` are of the architecture, shapes as in torch (slowest first), in F16."""
    writer = gguf.GGUFWriter(str(path), architecture)
    writer.add_file_type(file_type)
    for key, value in keys.items():
        name = f"{architecture}.{key}"
        if isinstance(value, bool):
            writer.add_bool(name, value)
        elif isinstance(value, int):
            writer.add_uint32(name, value)
        else:
            writer.add_array(name, list(value))
    if tokens:
        writer.add_token_list([f"token{number}" for number in range(tokens)])
        writer.add_token_scores([0.0] * tokens)
        writer.add_chat_template("{{ x }}" * 10_000)
    for name, shape in tensors.items():
        writer.add_tensor(name, np.zeros(shape, np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def outer(width: int, words: int, *, tied: bool = False) -> dict[str, tuple[int, ...]]:
    """The tensors around the layers."""
    tensors: dict[str, tuple[int, ...]] = {
        "token_embd.weight": (words, width),
        "output_norm.weight": (width,),
    }
    return tensors if tied else {**tensors, "output.weight": (words, width)}


def attention(
    layer: int, width: int, kv: int, value: int | None = None
) -> dict[str, tuple[int, ...]]:
    """One layer of attention; `kv` = key heads times their size."""
    return {
        f"blk.{layer}.attn_q.weight": (width, width),
        f"blk.{layer}.attn_k.weight": (kv, width),
        f"blk.{layer}.attn_v.weight": (value or kv, width),
        f"blk.{layer}.attn_output.weight": (width, width),
    }


def feed_forward(layer: int, width: int, inner: int) -> dict[str, tuple[int, ...]]:
    """One dense feed-forward part."""
    return {
        f"blk.{layer}.ffn_gate.weight": (inner, width),
        f"blk.{layer}.ffn_up.weight": (inner, width),
        f"blk.{layer}.ffn_down.weight": (width, inner),
    }


def experts(layer: int, width: int, inner: int, count: int) -> dict[str, tuple[int, ...]]:
    """One mixture of experts with its router."""
    return {
        f"blk.{layer}.ffn_gate_inp.weight": (count, width),
        f"blk.{layer}.ffn_gate_exps.weight": (count, inner, width),
        f"blk.{layer}.ffn_up_exps.weight": (count, inner, width),
        f"blk.{layer}.ffn_down_exps.weight": (count, width, inner),
    }


def llama(path: Path, *, layers: int = 2, tokens: int = 0) -> Path:
    """A small llama: width 64, 4 heads, 2 of keys, inner width 128, 100 words."""
    tensors = outer(64, 100)
    for layer in range(layers):
        tensors |= attention(layer, 64, 32) | feed_forward(layer, 64, 128)
    return write_gguf(path, "llama", {**BLOCKS, "block_count": layers}, tensors, tokens=tokens)
