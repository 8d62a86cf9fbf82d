"""What a step reads is counted from the model's shape alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shiomi.rig.errors import SettingError
from shiomi.rig.estimate.traffic import (
    attention_flops,
    cache_reads,
    chosen_experts,
    product_flops,
    weight_reads,
)
from tests.rig.models import DENSE, LATENT, LINEAR, MIXTURE, SLIDING


def test_the_embedding_table_is_not_read() -> None:
    read = weight_reads(DENSE, "F16")
    assert read == pytest.approx(DENSE.active_parameters * 2 / 1e9, rel=1e-3)
    assert read < DENSE.parameters * 2 / 1e9 - 1


def test_a_tied_embedding_is_read_as_the_output() -> None:
    tied = replace(DENSE, output_parameters=0)
    assert weight_reads(tied, "F16") == pytest.approx(weight_reads(DENSE, "F16"))


def test_a_file_larger_than_usual_is_read_in_proportion() -> None:
    usual = DENSE.parameters * 2
    larger = replace(DENSE, file_bytes=int(usual * 1.1), quantisation="F16")
    assert weight_reads(larger, "F16") == pytest.approx(weight_reads(DENSE, "F16") * 1.1, rel=1e-3)
    assert weight_reads(larger, "Q8_0") == weight_reads(DENSE, "Q8_0")  # another file


@given(st.integers(1, 400))
def test_several_tokens_read_the_union_of_their_experts(tokens: int) -> None:
    layer = MIXTURE.layers[0]
    union = chosen_experts(layer, tokens)
    assert layer.chosen <= union + 1e-9 <= min(layer.experts, layer.chosen * tokens) + 1e-6


def test_one_token_reads_the_experts_it_chose() -> None:
    assert chosen_experts(MIXTURE.layers[0], 1) == pytest.approx(8)
    assert chosen_experts(DENSE.layers[0], 5) == 0


def test_without_its_experts_a_mixture_reads_the_rest() -> None:
    rest = weight_reads(MIXTURE, "F16", experts=False)
    experts = 32 * 8 * 5_000_000 * 2 / 1e9
    assert weight_reads(MIXTURE, "F16") - rest == pytest.approx(experts, rel=1e-3)


def test_full_attention_reads_every_token_and_a_window_no_more_than_itself() -> None:
    token = 32 * 8 * 256 * 2 / 1e9
    assert cache_reads(DENSE, 10_000).values == pytest.approx(10_000 * token)
    assert cache_reads(SLIDING, 500).values == pytest.approx(500 * token)
    assert cache_reads(SLIDING, 10_000).values == pytest.approx((1024 + 512) * token)
    assert cache_reads(DENSE, 10_000, 3).values == pytest.approx(30_000 * token)


def test_a_state_is_the_same_at_any_depth() -> None:
    assert cache_reads(LINEAR, 0) == cache_reads(LINEAR, 100_000)


def test_without_groups_a_cache_is_counted_apart() -> None:
    layer = replace(DENSE.layers[0], kv_heads=32)
    read = cache_reads(replace(DENSE, layers=(layer,) * 32), 1000)
    assert read.values == 0
    assert read.ungrouped == pytest.approx(4 * cache_reads(DENSE, 1000).values)


def test_a_latent_cache_is_one_vector_per_token() -> None:
    read = cache_reads(LATENT, 1000)
    assert read.values == 0
    assert read.latent == pytest.approx(32 * 576 * 2 * 1000 / 1e9)


def test_a_quantised_cache_is_read_faster_and_an_unknown_one_refused() -> None:
    assert cache_reads(DENSE, 1000, kv_dtype="q8_0").values < cache_reads(DENSE, 1000).values
    with pytest.raises(SettingError, match="q3_0"):
        cache_reads(DENSE, 1000, kv_dtype="q3_0")


def test_products_are_two_operations_per_parameter_of_the_layers() -> None:
    layers = 32 * 218_103_808
    assert product_flops(DENSE, 10) == pytest.approx(20 * layers)


@given(st.integers(1, 5000), st.integers(0, 5000))
def test_attention_counts_the_pairs_of_tokens(tokens: int, depth: int) -> None:
    pairs = sum(depth + i + 0.5 for i in range(tokens))
    assert attention_flops(DENSE, tokens, depth) == pytest.approx(4 * 4096 * 32 * pairs)
    assert attention_flops(SLIDING, tokens, depth) <= attention_flops(DENSE, tokens, depth)
    assert attention_flops(LINEAR, tokens, depth) == 0
