"""A language model of half a megabyte with random weights: it writes noise, through the real thing.

Two layers of the llama architecture and a vocabulary of bytes.
"""

from __future__ import annotations

import random
from pathlib import Path

import gguf
import numpy as np

LAYERS, WIDTH, HEADS, INNER = 2, 64, 4, 128
SPECIAL = ("<unk>", "<s>", "</s>")
TEMPLATE = (
    "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}"
    "assistant: "
)


def write_tiny_gguf(path: Path, *, context: int, seed: int = 0) -> Path:
    """Write the model; its weights are the same for the same seed."""
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_block_count(LAYERS)
    writer.add_context_length(context)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    _add_vocabulary(writer)
    _add_weights(writer, seed)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add_vocabulary(writer: gguf.GGUFWriter) -> None:
    tokens = [*SPECIAL, *(f"<0x{byte:02X}>" for byte in range(256))]
    kinds = [gguf.TokenType.UNKNOWN, gguf.TokenType.CONTROL, gguf.TokenType.CONTROL]
    kinds += [gguf.TokenType.BYTE] * 256
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(TEMPLATE)


def _add_weights(writer: gguf.GGUFWriter, seed: int) -> None:
    draw = np.random.default_rng(random.Random(seed).randrange(2**32))
    size = len(SPECIAL) + 256

    def weights(*shape: int) -> np.ndarray:
        return draw.normal(0.0, 0.3, shape).astype(np.float32)

    writer.add_tensor("token_embd.weight", weights(size, WIDTH))
    writer.add_tensor("output_norm.weight", np.ones(WIDTH, np.float32))
    writer.add_tensor("output.weight", weights(size, WIDTH))
    for layer in range(LAYERS):
        name = f"blk.{layer}"
        writer.add_tensor(f"{name}.attn_norm.weight", np.ones(WIDTH, np.float32))
        writer.add_tensor(f"{name}.ffn_norm.weight", np.ones(WIDTH, np.float32))
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            writer.add_tensor(f"{name}.{part}.weight", weights(WIDTH, WIDTH))
        writer.add_tensor(f"{name}.ffn_gate.weight", weights(INNER, WIDTH))
        writer.add_tensor(f"{name}.ffn_up.weight", weights(INNER, WIDTH))
        writer.add_tensor(f"{name}.ffn_down.weight", weights(WIDTH, INNER))
