"""A benchmark's row is believed unless physics, itself or everybody else contradicts it."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shiomi.rig.errors import RigError
from shiomi.rig.estimate.plausible import Benchmark, Verdict, doubts, sized_model
from shiomi.rig.machine.gpus import find_gpu
from tests.rig.models import DENSE, MIXTURE

RTX_3090 = find_gpu("RTX 3090")
GOOD = Benchmark((RTX_3090,), DENSE, "Q4_K_M", decode=111.7, prefill=3865.0, prompt=1024)


def _verdicts(row: Benchmark) -> set[Verdict]:
    return {doubt.verdict for doubt in doubts(row)}


def test_a_measured_row_is_believed() -> None:
    assert doubts(GOOD) == []


@pytest.mark.parametrize(
    "wrong",
    [
        replace(GOOD, decode=400.0),
        replace(GOOD, decode=1117.0),
        replace(GOOD, prefill=38_650.0),
        replace(GOOD, decode=3865.0, prefill=111.7),
        replace(GOOD, decode=100.0, prefill=90.0),
        replace(GOOD, decode=-1.0),
        replace(GOOD, decode=0.0),
        replace(GOOD, prefill=math.nan),
        replace(GOOD, decode=math.inf),
        replace(GOOD, users=0),
        replace(GOOD, quantisation="F16"),  # 112 tok/s of 16 GB at 936 GB/s
        replace(GOOD, gpus=(find_gpu("RTX 4060"),)),
        replace(GOOD, model=replace(DENSE, name="Olmo-3-70B")),
        replace(GOOD, model=sized_model("Qwen3-30B-A3B", 30.5e9)),  # recorded as dense
        replace(GOOD, model=sized_model("Olmo-3-7B", 528e3)),
        Benchmark((RTX_3090,), sized_model("Llama-70B", 70.6e9), "Q4_K_M", decode=18.0),
        Benchmark((RTX_3090,), sized_model("Llama-70B", 70.6e9), "Q4_K_M", offloaded=False),
    ],
)
def test_what_cannot_be_is_said_to_be_impossible_first(wrong: Benchmark) -> None:
    found = doubts(wrong)
    assert found
    assert found[0].verdict is Verdict.IMPOSSIBLE
    assert found[0].reason


def test_far_slower_than_others_is_doubtful() -> None:
    assert _verdicts(replace(GOOD, decode=3.0)) == {Verdict.DOUBTFUL}


def test_a_model_that_spills_into_the_system_memory_is_slow_and_believed() -> None:
    row = Benchmark((RTX_3090,), sized_model("Llama-70B", 70.6e9), "Q4_K_M", decode=2.5)
    assert doubts(row) == []


def test_speculation_writes_faster_than_the_weights_can_be_read() -> None:
    assert doubts(replace(GOOD, decode=250.0))
    assert doubts(replace(GOOD, decode=250.0, speculative=True)) == []


def test_gpus_that_read_at_once_are_bound_together() -> None:
    two = replace(GOOD, gpus=(RTX_3090,) * 2, decode=250.0, prefill=None)
    assert Verdict.IMPOSSIBLE in _verdicts(two)
    assert Verdict.IMPOSSIBLE not in _verdicts(replace(two, tensor_parallel=True))


def test_users_together_are_bound_by_their_steps() -> None:
    assert doubts(Benchmark((RTX_3090,), MIXTURE, "Q4_K_M", decode=400.0, users=8)) == []
    assert doubts(Benchmark((RTX_3090,), DENSE, "Q4_K_M", decode=8 * 300.0, users=8))


@given(st.floats(1e3, 1e13, allow_nan=False), st.floats(1e-3, 1.0, allow_nan=False))
def test_a_model_of_known_size_keeps_and_reads_that_size(total: float, share: float) -> None:
    read = max(1e3, total * share)
    model = sized_model("m", max(total, read), read)
    assert model.parameters == pytest.approx(max(total, read), rel=0.02)
    # A whole number of experts: exact only where the model is a multiple of what is read.
    assert read * 0.6 <= model.active_parameters <= read * 1.51


@pytest.mark.parametrize(("total", "active"), [(0, None), (1e9, 2e9), (math.nan, None), (1e20, 1)])
def test_sizes_that_are_no_counts_are_refused(total: float, active: float | None) -> None:
    with pytest.raises(RigError, match="cannot be meant"):
        sized_model("m", total, active)


def test_a_row_without_a_gpu_or_with_an_unknown_format_cannot_be_judged() -> None:
    with pytest.raises(RigError, match="gpus"):
        doubts(replace(GOOD, gpus=()))
    with pytest.raises(RigError, match="Q99"):
        doubts(replace(GOOD, quantisation="Q99"))


def test_an_engine_nobody_measured_is_judged_by_physics_alone() -> None:
    assert doubts(replace(GOOD, engine="vllm", decode=190.0)) == []
    assert doubts(replace(GOOD, engine="vllm", decode=300.0))
