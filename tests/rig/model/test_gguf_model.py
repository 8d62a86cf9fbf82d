"""Models from GGUF headers: every kind of layer, in real files."""

from __future__ import annotations

import math
from pathlib import Path

import gguf
import numpy as np
import pytest

from shiomi.rig.errors import ModelFileError
from shiomi.rig.estimate.kv_cache import kv_bytes
from shiomi.rig.estimate.memory import memory, weights_gib
from shiomi.rig.estimate.setting import Place, Setting
from shiomi.rig.model.gguf_header import ggml_types, read_gguf_header
from shiomi.rig.model.gguf_model import read_gguf
from shiomi.rig.model.model import LayerKind
from tests.rig.gguf_files import Keys, attention, experts, feed_forward, llama, outer, write_gguf

BASE = {"context_length": 4096, "embedding_length": 64, "feed_forward_length": 128}


def test_a_dense_model_has_the_layers_and_parameters_of_its_file(tmp_path: Path) -> None:
    model = read_gguf(llama(tmp_path / "a.gguf", tokens=5000))
    layer = model.layers[0]
    assert (model.architecture, len(model.layers), model.hidden_size) == ("llama", 2, 64)
    assert (layer.kind, layer.kv_heads, layer.key_dim) == (LayerKind.FULL, 2, 16)
    assert model.vocabulary == 100
    assert model.parameters == 2 * 100 * 64 + 2 * (2 * 64 * 64 + 2 * 32 * 64 + 3 * 64 * 128)
    assert (model.context_length, model.quantisation) == (4096, "F16")


def test_the_bytes_of_a_file_are_exact(tmp_path: Path) -> None:
    model = read_gguf(llama(tmp_path / "a.gguf"))
    assert model.file_bytes == 2 * (model.parameters + 64)  # the last norm is no layer's
    size = weights_gib(model)
    assert size.value * 2**30 == model.file_bytes
    assert size.low == size.value == size.high


def test_it_agrees_with_the_gguf_package(tmp_path: Path) -> None:
    path = llama(tmp_path / "a.gguf", layers=3, tokens=300)
    ours, theirs = read_gguf_header(path), gguf.GGUFReader(str(path))
    assert [(t.name, t.shape, t.size) for t in ours.tensors] == [
        (t.name, tuple(int(n) for n in t.shape), int(t.n_bytes)) for t in theirs.tensors
    ]
    assert ours.lengths["tokenizer.ggml.tokens"] == 300


def test_the_table_of_types_is_that_of_the_gguf_package() -> None:
    theirs = {
        kind.name: (kind.value, *sizes) for kind, sizes in gguf.constants.GGML_QUANT_SIZES.items()
    }
    assert ggml_types() == theirs


def test_sliding_layers_follow_the_architecture_where_the_file_does_not_say(
    tmp_path: Path,
) -> None:
    tensors = outer(64, 100, tied=True)
    for layer in range(12):
        tensors |= attention(layer, 64, 32) | feed_forward(layer, 64, 128)
    keys = {**BASE, "block_count": 12, "attention.head_count": 4, "attention.head_count_kv": 2}
    keys["attention.sliding_window"] = 1024
    model = read_gguf(write_gguf(tmp_path / "g.gguf", "gemma3", keys, tensors))
    kinds = [layer.kind for layer in model.layers]
    assert kinds == ([LayerKind.SLIDING] * 5 + [LayerKind.FULL]) * 2
    assert model.layers[0].window == 1024
    assert model.output_parameters == 0


def test_a_pattern_per_layer_in_the_file_comes_first(tmp_path: Path) -> None:
    tensors = outer(64, 100, tied=True)
    for layer in range(3):
        tensors |= attention(layer, 64, 32) | feed_forward(layer, 64, 128)
    keys: Keys = {
        **BASE,
        "block_count": 3,
        "attention.head_count": 4,
        "attention.head_count_kv": [2, 2, 1],
        "attention.key_length": 32,
        "attention.value_length": 32,
        "attention.key_length_swa": 16,
        "attention.value_length_swa": 16,
        "attention.sliding_window": 512,
        "attention.sliding_window_pattern": [True, True, False],
    }
    model = read_gguf(write_gguf(tmp_path / "g.gguf", "gemma4", keys, tensors))
    shapes = [(x.kind, x.kv_heads, x.key_dim) for x in model.layers]
    slides = (LayerKind.SLIDING, 2, 16)
    assert shapes == [slides, slides, (LayerKind.FULL, 1, 32)]


def test_a_latent_cache_is_one_vector_per_token(tmp_path: Path) -> None:
    tensors = outer(64, 100)
    for layer in range(2):
        tensors[f"blk.{layer}.attn_kv_a_mqa.weight"] = (40, 64)
        tensors[f"blk.{layer}.attn_q.weight"] = (64, 64)
    keys = {**BASE, "block_count": 2, "attention.head_count": 4, "attention.kv_lora_rank": 32}
    keys |= {"rope.dimension_count": 8, "attention.key_length": 40, "attention.value_length": 32}
    new = {**keys, "attention.key_length_mla": 24, "attention.value_length_mla": 16}
    model = read_gguf(write_gguf(tmp_path / "new.gguf", "deepseek2", new, tensors))
    assert {x.kind for x in model.layers} == {LayerKind.LATENT}
    assert kv_bytes(model, 256, users=1, kv_dtype="f16", engine="llama.cpp") == 2 * 40 * 256 * 2
    old = read_gguf(write_gguf(tmp_path / "old.gguf", "deepseek2", keys, tensors))
    assert {x.kind for x in old.layers} == {LayerKind.FULL}  # such files are decompressed


def test_a_hybrid_keeps_a_state_of_fixed_size(tmp_path: Path) -> None:
    tensors = outer(64, 100)
    for layer in range(4):
        if layer == 3:
            tensors |= attention(layer, 64, 32)
        else:
            tensors[f"blk.{layer}.attn_qkv.weight"] = (128, 64)
            tensors[f"blk.{layer}.ssm_out.weight"] = (64, 64)
        tensors |= feed_forward(layer, 64, 128)
    keys = {**BASE, "block_count": 4, "attention.head_count": 4, "attention.head_count_kv": 2}
    keys |= {"ssm.conv_kernel": 4, "ssm.state_size": 16, "ssm.group_count": 2}
    keys |= {"ssm.inner_size": 64, "ssm.time_step_rank": 4}
    model = read_gguf(write_gguf(tmp_path / "q.gguf", "qwen35", keys, tensors))
    assert [x.kind for x in model.layers] == [LayerKind.LINEAR] * 3 + [LayerKind.FULL]
    assert model.layers[0].state_values == 3 * (64 + 2 * 2 * 16) + 64 * 16
    growth = [kv_bytes(model, n, users=1, kv_dtype="f16", engine="llama.cpp") for n in (1024, 2048)]
    assert growth[1] - growth[0] == 1024 * 2 * 2 * 16 * 2  # of the one full layer


def test_experts_are_told_from_what_every_token_reads(tmp_path: Path) -> None:
    tensors = outer(64, 100)
    for layer in range(2):
        tensors |= attention(layer, 64, 32) | experts(layer, 64, 32, 8)
    keys = {**BASE, "block_count": 2, "attention.head_count": 4, "attention.head_count_kv": 2}
    keys |= {"expert_count": 8, "expert_used_count": 2}
    model = read_gguf(write_gguf(tmp_path / "m.gguf", "qwen3moe", keys, tensors))
    first = model.layers[0]
    assert (first.experts, first.chosen, first.expert_parameters) == (8, 2, 3 * 64 * 32)
    assert model.active_parameters < model.parameters
    inside = memory(model, Setting(context=256))
    beside = memory(model, Setting(context=256, place=Place.EXPERTS_IN_RAM))
    moved = inside.weights.value - beside.weights.value
    assert moved * 2**30 == pytest.approx(2 * 2 * 8 * 3 * 64 * 32)
    assert beside.host.value - inside.host.value == pytest.approx(moved)


def test_an_encoder_keeps_no_cache(tmp_path: Path) -> None:
    tensors = outer(64, 100, tied=True) | attention(0, 64, 64) | feed_forward(0, 64, 128)
    keys = {**BASE, "block_count": 1, "attention.head_count": 4, "attention.causal": False}
    model = read_gguf(write_gguf(tmp_path / "b.gguf", "bert", keys, tensors))
    assert kv_bytes(model, 8192, users=1, kv_dtype="f16", engine="llama.cpp") == 0


def test_layers_for_several_tokens_at_once_are_left_out(tmp_path: Path) -> None:
    tensors = outer(64, 100)
    for layer in range(3):
        tensors |= attention(layer, 64, 32) | feed_forward(layer, 64, 128)
    keys = {**BASE, "block_count": 3, "attention.head_count": 4, "attention.head_count_kv": 2}
    keys["nextn_predict_layers"] = 1
    model = read_gguf(write_gguf(tmp_path / "n.gguf", "glm4moe", keys, tensors))
    assert len(model.layers) == 2
    assert model.file_bytes == 2 * (model.parameters + 64)


def test_a_split_file_is_read_from_all_its_parts(tmp_path: Path) -> None:
    whole = read_gguf(llama(tmp_path / "whole.gguf"))
    first = outer(64, 100) | attention(0, 64, 32) | feed_forward(0, 64, 128)
    second = attention(1, 64, 32) | feed_forward(1, 64, 128)
    keys = {**BASE, "block_count": 2, "attention.head_count": 4, "attention.head_count_kv": 2}
    paths = [tmp_path / f"m-{n:05}-of-00002.gguf" for n in (1, 2)]
    for path, tensors in zip(paths, (first, second), strict=True):
        write_split(path, keys, tensors)
    assert read_gguf(paths[0]).layers == whole.layers
    assert read_gguf(paths[0]).file_bytes == whole.file_bytes
    paths[1].unlink()
    with pytest.raises(ModelFileError, match=r"not found: m-00002-of-00002\.gguf"):
        read_gguf(paths[0])


def write_split(path: Path, keys: dict[str, int], tensors: dict[str, tuple[int, ...]]) -> None:
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_uint16("split.count", 2)
    for key, value in keys.items():
        writer.add_uint32(f"llama.{key}", value)
    for name, shape in tensors.items():
        writer.add_tensor_info(name, shape, np.dtype(np.float16), 2 * math.prod(shape))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()
    with path.open("ab") as file:
        file.truncate(path.stat().st_size + 2**20)
