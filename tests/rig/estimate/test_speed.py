"""Speeds follow from what a step reads, and say how sure they are."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shiomi.rig.errors import MachineError, RigError
from shiomi.rig.estimate.coefficients import choose
from shiomi.rig.estimate.newer import newer_seconds
from shiomi.rig.estimate.setting import Place, Setting
from shiomi.rig.estimate.speed import (
    DECODE_TERMS,
    decode_speed,
    decode_terms,
    pipeline_share,
    prefill_speed,
    time_to_first_token,
)
from shiomi.rig.machine.gpus import find_gpu, known_gpus
from shiomi.rig.machine.machine import Gpu, Machine
from shiomi.rig.report.wording import texts_of
from tests.rig.models import DENSE, LATENT, LINEAR, MIXTURE, SLIDING

PC = Machine("PC", (find_gpu("RTX 3090"),) * 4, memory_gib=64, memory_bandwidth_gb_s=80)


def test_a_measured_gpu_is_near_its_measurement() -> None:
    then = Setting(quantisation="Q4_K_M", context=256, gpus=1, engine="llama.cpp@2024-05")
    speed = decode_speed(DENSE, PC, then)
    assert speed.value == pytest.approx(115.4, rel=0.1)  # XiongjieDai's table, tg 512
    assert speed.low < 115.4 < speed.high
    assert speed.unit == "tok/s"
    assert "3090" in texts_of(speed.basis)
    prompt = prefill_speed(DENSE, PC, Setting(quantisation="Q4_K_M", prompt=512, gpus=1))
    assert prompt.low < 4030 < prompt.high


@given(st.sampled_from(known_gpus()), st.sampled_from((DENSE, SLIDING, LINEAR, LATENT, MIXTURE)))
def test_every_gpu_has_a_speed_with_an_interval_and_a_basis(gpu: Gpu, model: object) -> None:
    assert isinstance(model, type(DENSE))
    machine = Machine("m", (gpu,))
    for speed in (
        decode_speed(model, machine, Setting(quantisation="Q4_K_M")),
        prefill_speed(model, machine, Setting(quantisation="Q4_K_M")),
    ):
        assert 0 < speed.low < speed.value < speed.high
        assert "fitted on" in texts_of(speed.basis)
        assert speed.sources


def test_no_gpu_is_faster_than_its_memory() -> None:
    for gpu in known_gpus():
        speed = decode_speed(DENSE, Machine("m", (gpu,)), Setting(quantisation="F16"))
        assert speed.value < gpu.bandwidth_gb_s / (DENSE.active_parameters * 2 / 1e9)


def test_an_architecture_nobody_measured_has_a_wider_interval() -> None:
    def width(name: str) -> float:
        machine = Machine("m", (find_gpu(name),))
        speed = decode_speed(DENSE, machine, Setting(quantisation="Q4_K_M"))
        return speed.high / speed.low

    assert width("RTX 3090") < width("RTX 3080 12 GB") < width("RTX 2080 Ti")
    assert width("Arc B580") == pytest.approx(width("RTX 2080 Ti"))


@given(st.integers(0, 60_000), st.integers(1, 60_000))
def test_a_deeper_context_is_never_faster(depth: int, more: int) -> None:
    for model in (DENSE, SLIDING, LATENT):
        near = decode_speed(model, PC, Setting(quantisation="Q4_K_M", context=depth))
        far = decode_speed(model, PC, Setting(quantisation="Q4_K_M", context=depth + more))
        assert far.value <= near.value


def test_depth_costs_a_sliding_model_nothing_beyond_its_window() -> None:
    def at(depth: int) -> float:
        return decode_speed(SLIDING, PC, Setting(quantisation="Q4_K_M", context=depth)).value

    assert at(2048) == at(65_536)


@given(st.integers(1, 64))
def test_users_together_are_faster_and_each_alone_slower(users: int) -> None:
    for model in (DENSE, MIXTURE):
        alone = decode_speed(model, PC, Setting(quantisation="Q8_0", context=1000)).value
        together = decode_speed(
            model, PC, Setting(quantisation="Q8_0", context=1000, users=users)
        ).value
        assert alone <= together * 1.000001
        assert together / users <= alone * 1.000001


def test_more_gpus_do_not_write_faster_but_read_a_long_prompt_faster() -> None:
    one, four = (
        decode_speed(DENSE, PC, Setting(quantisation="Q4_K_M", gpus=gpus)).value for gpus in (1, 4)
    )
    assert one * 0.8 < four < one
    reads = [
        prefill_speed(DENSE, PC, Setting(quantisation="Q4_K_M", prompt=4096, gpus=gpus)).value
        for gpus in (1, 4)
    ]
    assert reads[1] > 1.5 * reads[0]


@given(st.integers(1, 100_000), st.integers(1, 16), st.floats(0, 1))
def test_a_pipeline_never_takes_longer_than_one_gpu(prompt: int, gpus: int, serial: float) -> None:
    share = pipeline_share(prompt, gpus, serial)
    assert 1 / gpus - 1e-9 <= share <= 1 + 1e-9
    assert pipeline_share(prompt, 1, serial) == pytest.approx(1)


def test_experts_in_ram_cost_the_time_to_read_them_there() -> None:
    inside = decode_speed(MIXTURE, PC, Setting(quantisation="Q4_K_M", gpus=1))
    outside = decode_speed(
        MIXTURE, PC, Setting(quantisation="Q4_K_M", gpus=1, place=Place.EXPERTS_IN_RAM)
    )
    assert outside.value < inside.value
    assert outside.high / outside.low > inside.high / inside.low
    assert "assumed" in texts_of(outside.basis)


def test_experts_in_ram_need_experts_and_a_known_memory() -> None:
    with pytest.raises(RigError, match="no experts"):
        decode_speed(DENSE, PC, Setting(quantisation="Q4_K_M", place=Place.EXPERTS_IN_RAM))
    unknown = replace(PC, memory_bandwidth_gb_s=None)
    with pytest.raises(MachineError, match="no bandwidth"):
        decode_speed(MIXTURE, unknown, Setting(quantisation="Q4_K_M", place=Place.EXPERTS_IN_RAM))


def test_the_first_token_takes_the_prompt_and_one_step() -> None:
    prompt = prefill_speed(DENSE, PC, Setting(quantisation="Q4_K_M", prompt=4096))
    step = decode_speed(DENSE, PC, Setting(quantisation="Q4_K_M", context=4096))
    first = time_to_first_token(DENSE, PC, Setting(quantisation="Q4_K_M", prompt=4096))
    assert first.value == pytest.approx(4096 / prompt.value + 1 / step.value)
    assert first.unit == "s"
    assert first.low < first.value < first.high


@pytest.mark.parametrize(
    "wrong",
    [{"context": -1}, {"users": 0}, {"gpus": 0}, {"gpus": 5}, {"engine": "vllm"}, {"engine": ""},
     {"quantisation": "Q9"}, {"kv_dtype": "f3"}, {"context": 10**9}],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(wrong: dict[str, object]) -> None:
    model = replace(DENSE, context_length=8192)
    settings: dict[str, object] = {"quantisation": "Q4_K_M", **wrong}
    with pytest.raises(RigError):
        decode_speed(model, PC, Setting(**settings))  # type: ignore[arg-type]


def test_a_machine_without_a_gpu_and_a_model_without_layers_are_refused() -> None:
    with pytest.raises(MachineError, match="no gpu speed"):
        decode_speed(DENSE, Machine("laptop"), Setting(quantisation="Q4_K_M"))
    with pytest.raises(RigError, match="no layers"):
        decode_speed(replace(DENSE, layers=()), PC, Setting(quantisation="Q4_K_M"))
    with pytest.raises(RigError, match="prompt"):
        prefill_speed(DENSE, PC, Setting(quantisation="Q4_K_M", prompt=0))


def test_an_engine_may_be_named_with_its_version() -> None:
    then, now, other = (
        decode_speed(DENSE, PC, Setting(quantisation="Q4_K_M", engine=x)).value
        for x in ("llama.cpp@2024-05", "llama.cpp", "ollama")
    )
    assert then < now == other
    with pytest.raises(RigError, match="2024-05"):
        decode_speed(DENSE, PC, Setting(quantisation="Q4_K_M", engine="llama.cpp@1999"))


def test_layers_with_experts_or_states_take_longer_where_no_row_had_them() -> None:
    for model in (MIXTURE, LINEAR):
        for name, longer in (("RTX 5090", True), ("GB10", False)):
            gpu = find_gpu(name)
            terms = dict(
                zip(DECODE_TERMS, decode_terms(model, gpu, Setting("Q4_K_M")), strict=True)
            )
            chosen = choose("llama.cpp", "decode", gpu)
            added = newer_seconds(model, gpu, chosen, terms, "llama.cpp")
            assert (added > 0) is longer
            assert newer_seconds(model, gpu, chosen, terms, "llama.cpp@2024-05") == 0
