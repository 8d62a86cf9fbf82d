"""Models from config.json: parameters by the shape, kinds by the names, broken ones refused."""

from __future__ import annotations

import json
import tracemalloc
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shiomi.rig.errors import ModelFileError
from shiomi.rig.model.hf_config import check_parameters, read_config
from shiomi.rig.model.model import LayerKind

CONFIGS: dict[str, dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "data" / "rig" / "configs.json").read_text("utf-8")
)
LLAMA = CONFIGS["Llama-3-8B"]


def test_every_recorded_config_is_read() -> None:
    for name, config in CONFIGS.items():
        assert read_config(config, name=name).parameters > 10**8


# Counted by instantiating transformers 5.23's own classes on the meta device with these shapes.
@pytest.mark.parametrize(
    ("name", "counted"),
    [
        ("Llama-3-8B", 8_030_261_248),
        ("Llama-3-70B", 70_553_706_496),
        ("Qwen3-0.6B", 596_049_920),
        ("Qwen3-30B-A3B", 30_532_122_624),
        ("Qwen3.5 27B", 26_895_998_464),
        ("Gemma-3 27B", 27_009_346_304),
        ("DeepSeek-V3.1", 671_026_404_352),
        ("gpt-oss-120b", 116_829_156_672),
        ("GLM-5", 743_911_199_232),
    ],
)
def test_parameters_are_those_of_the_modelling_code(name: str, counted: int) -> None:
    assert read_config(CONFIGS[name], name=name).parameters == pytest.approx(counted, rel=5e-4)


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("Llama-3-8B", {LayerKind.FULL: 32}),
        ("Gemma-3 27B", {LayerKind.SLIDING: 52, LayerKind.FULL: 10}),
        ("Qwen3.5 27B", {LayerKind.LINEAR: 48, LayerKind.FULL: 16}),
        ("DeepSeek-V3.1", {LayerKind.LATENT: 61}),
        ("gpt-oss-20b", {LayerKind.SLIDING: 12, LayerKind.FULL: 12}),
        ("gemma-4-12b", {LayerKind.SLIDING: 40, LayerKind.FULL: 8}),
    ],
)
def test_each_layer_has_its_kind(name: str, kinds: dict[LayerKind, int]) -> None:
    assert Counter(x.kind for x in read_config(CONFIGS[name], name=name).layers) == kinds


def test_full_and_sliding_layers_may_have_heads_of_their_own() -> None:
    layers = read_config(CONFIGS["gemma-4-12b"], name="gemma-4-12b").layers
    assert (layers[0].kv_heads, layers[0].key_dim, layers[0].window) == (8, 256, 1024)
    assert (layers[5].kv_heads, layers[5].key_dim, layers[5].window) == (1, 512, None)


def test_only_the_first_layers_of_deepseek_are_dense() -> None:
    layers = read_config(CONFIGS["DeepSeek-V3.1"], name="x").layers
    assert [x.experts for x in layers[:4]] == [0, 0, 0, 256]
    assert (layers[3].chosen, layers[3].expert_parameters) == (8, 3 * 7168 * 2048)


def test_a_path_the_text_and_the_object_say_the_same(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(LLAMA), "utf-8")
    read = {read_config(x, name="m") for x in (LLAMA, json.dumps(LLAMA), path, str(path))}
    assert len(read) == 1


def test_infinity_where_it_does_not_matter_is_no_fault() -> None:
    text = json.dumps({**LLAMA, "time_step_limit": [0.0, float("inf")]})
    assert read_config(text, name="m") == read_config(LLAMA, name="m")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"num_hidden_layers": 10**9}, "num_hidden_layers = 1000000000; it must be 0 to 1024"),
        ({"num_hidden_layers": 0}, "has no layers"),
        ({"num_hidden_layers": -1}, "num_hidden_layers = -1"),
        ({"num_hidden_layers": None}, "has no num_hidden_layers"),
        ({"num_hidden_layers": True}, "num_hidden_layers = True"),
        ({"num_hidden_layers": "32"}, "num_hidden_layers = '32'"),
        ({"hidden_size": float("nan")}, "hidden_size = nan"),
        ({"hidden_size": float("inf")}, "hidden_size = inf"),
        ({"hidden_size": 1e30}, "hidden_size = 1"),
        ({"hidden_size": 0}, "width of 0"),
        ({"hidden_size": [[[]]]}, r"hidden_size = \[\[\[\]\]\]"),
        ({"vocab_size": 10**12}, "vocab_size = 1000000000000"),
        ({"num_attention_heads": 0}, "no attention heads"),
        ({"num_key_value_heads": 64}, "64 key heads for 32 query heads"),
        ({"model_type": None}, "has no model_type"),
        ({"model_type": 7}, "model_type = 7"),
        ({"model_type": "minimax"}, "not supported"),
        ({"layer_types": ["full_attention"]}, "names the kind of 1 layers and has 32"),
        ({"layer_types": ["telepathy"] * 32}, "unknown kind 'telepathy'"),
        ({"layer_types": "full_attention"}, "it must be a list of strings"),
        ({"layer_types": ["x"] * 10**5}, "it must be a list of strings"),
        ({"tie_word_embeddings": "yes"}, "it must be true or false"),
        ({"num_experts": 8}, "has no num_experts_per_tok"),
        ({"num_experts": 8, "num_experts_per_tok": 9}, "chooses 9 of 8 experts"),
        ({"mixture_of_experts": 8}, "has unknown fields about experts"),
        ({"mamba_d_state": 16}, "does not state in which layers"),
        ({"quantization_config": "fp8"}, "it must be an object"),
    ],
    ids=str,
)
def test_a_config_that_cannot_be_is_refused_by_name(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(ModelFileError, match=rf"^The config of org/model .*{reason}"):
        read_config({**LLAMA, **changes}, name="org/model")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "is not JSON"),
        ('{"a": ' + "[" * 200_000 + "}", "is not JSON"),
        ('{"hidden_size": ' + "9" * 5000 + "}", "is not JSON"),
        ('{"a": "' + "x" * (5 * 2**20) + '"}', "more than 4194304 bytes"),
        ("{}", "has no model_type"),
    ],
    ids=["cut", "deep", "long number", "long text", "empty"],
)
def test_text_that_is_no_config_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ModelFileError, match=reason):
        read_config(text, name="m")


def test_a_config_of_a_gigabyte_is_not_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    with path.open("wb") as file:
        file.write(b'{"a": "')
        file.truncate(2**30)  # sparse
    tracemalloc.start()
    try:
        with pytest.raises(ModelFileError, match="more than"):
            read_config(path, name="m")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 * 2**20


@pytest.mark.parametrize("text", ["[]", "3", "null", '"x"'])
def test_json_that_is_no_object_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(ModelFileError, match="not an object"):
        read_config(path, name="m")


def test_key_and_value_heads_that_do_not_divide_the_heads_are_refused() -> None:
    with pytest.raises(ModelFileError, match="7 key heads for 32 query heads"):
        read_config({**LLAMA, "num_key_value_heads": 7}, name="m")


def test_a_key_that_stands_twice_with_two_values_is_refused() -> None:
    text = json.dumps(LLAMA)[:-1]
    with pytest.raises(ModelFileError, match="'hidden_size' twice: 4096 and 1"):
        read_config(text + ', "hidden_size": 1}', name="m")
    assert read_config(text + ', "hidden_size": 4096}', name="m").hidden_size == 4096


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)


@given(
    name=st.sampled_from(sorted(CONFIGS)),
    changes=st.dictionaries(
        st.sampled_from(sorted({k for c in CONFIGS.values() for k in (c.get("text_config") or c)})),
        ANYTHING,
        max_size=3,
    ),
)
def test_any_value_in_any_field_is_read_or_refused(name: str, changes: dict[str, Any]) -> None:
    config = CONFIGS[name].get("text_config", CONFIGS[name])
    try:
        model = read_config({**config, **changes}, name=name)
    except ModelFileError:
        return
    assert 0 < model.parameters < 2**80


@pytest.mark.parametrize("claimed", [528_384, 4_500_000_000])
def test_parameters_that_contradict_the_shape_are_refused_with_both_figures(claimed: int) -> None:
    model = read_config(LLAMA, name="8B")
    check_parameters(model, 8_030_261_248)
    with pytest.raises(ModelFileError, match=r"8B is listed with .* has 8\.03e\+09"):
        check_parameters(model, claimed)


def test_kimi_linear_counts_its_delta_layers_latent_layers_and_experts() -> None:
    delta = {
        "full_attn_layers": [4, 8, 12, 16, 20, 24, 27],
        "head_dim": 128,
        "num_heads": 32,
        "short_conv_kernel_size": 4,
    }
    model = read_config(
        {
            "model_type": "kimi_linear", "num_hidden_layers": 27, "hidden_size": 2304,
            "intermediate_size": 9216, "moe_intermediate_size": 1024, "num_experts": 256,
            "num_experts_per_token": 8, "num_shared_experts": 1, "first_k_dense_replace": 1,
            "num_attention_heads": 32, "kv_lora_rank": 512, "qk_nope_head_dim": 128,
            "qk_rope_head_dim": 64, "v_head_dim": 128, "vocab_size": 163840,
            "linear_attn_config": delta,
        },
        name="Kimi-Linear-48B-A3B",
    )  # fmt: skip
    assert model.parameters == pytest.approx(48e9, rel=0.03)  # as it is called
    assert model.active_parameters == pytest.approx(3e9, rel=0.05)
    kinds = [x.kind for x in model.layers]
    assert kinds.count(LayerKind.LATENT) == 7
    assert kinds[3] is kinds[26] is LayerKind.LATENT
    assert model.assumed is None


def test_rwkv_7_has_a_state_in_every_layer_and_no_cache() -> None:
    config = {
        "model_type": "rwkv7", "num_hidden_layers": 32, "hidden_size": 2560,
        "intermediate_size": 10240, "head_dim": 64, "vocab_size": 65536,
        "decay_low_rank_dim": 96, "gate_low_rank_dim": 320, "a_low_rank_dim": 96,
        "v_low_rank_dim": 64,
    }  # fmt: skip
    model = read_config(config, name="RWKV7-2.9B")
    assert model.parameters == pytest.approx(2.9e9, rel=0.02)
    assert all(x.state_values == 2560 * 64 + 2 * 2560 for x in model.layers)


def test_falcon_h1_has_attention_and_a_state_in_the_same_layer() -> None:
    config = {
        "model_type": "falcon_h1", "num_hidden_layers": 4, "hidden_size": 2048,
        "intermediate_size": 4096, "num_attention_heads": 8, "num_key_value_heads": 2,
        "head_dim": 128, "vocab_size": 65537, "mamba_d_ssm": 3072, "mamba_d_state": 256,
        "mamba_n_heads": 48, "mamba_d_head": 64, "mamba_n_groups": 1, "mamba_d_conv": 4,
    }  # fmt: skip
    layer = read_config(config, name="Falcon-H1").layers[0]
    assert layer.kv_heads == 2
    assert layer.state_values == 3072 * 256 + 3 * (3072 + 2 * 256)
    attention, mixed = 2048 * 128 * (2 * 8 + 2 * 2), 3072 + 2 * 256
    state_space = 2048 * (3072 + mixed + 48) + mixed * 4 + 3072 * 2048
    assert layer.dense_parameters == attention + state_space + 3 * 2048 * 4096 + 2 * 2048


def test_a_refusal_says_which_layers_are_missing() -> None:
    with pytest.raises(ModelFileError, match=r"compress_ratios compress .* are not supported"):
        read_config({"model_type": "deepseek_v4"}, name="DeepSeek-V4-Flash")
