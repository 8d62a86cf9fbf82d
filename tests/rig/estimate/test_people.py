"""Bounds that hold for people's own machines are wider than those of one careful table."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shiomi.rig.estimate.coefficients import Calibration
from shiomi.rig.estimate.fit import fit_model
from shiomi.rig.estimate.people import as_people_measure, correction, fastest, kind_of
from shiomi.rig.estimate.plausible import Benchmark, doubts
from shiomi.rig.estimate.quantity import Estimate
from shiomi.rig.estimate.setting import Setting
from shiomi.rig.estimate.speed import decode_speed
from shiomi.rig.machine.gpus import find_gpu
from shiomi.rig.machine.simulate import simulated
from shiomi.rig.model.known_models import find_model, known_models
from shiomi.rig.model.model import Model
from shiomi.rig.report.wording import texts_of

MODELS = known_models()
LLAMA = find_model("llama3.1:8b", MODELS).model
GEMMA = find_model("gemma3:27b", MODELS).model
MOE = find_model("qwen3:30b-a3b-instruct-2507", MODELS).model
PC = simulated("RTX 3090, 64 GB")


def test_models_are_of_three_kinds() -> None:
    assert [kind_of(x) for x in (LLAMA, GEMMA, MOE)] == ["plain", "mixed", "experts"]


@pytest.mark.parametrize("model", [LLAMA, GEMMA, MOE], ids=["plain", "mixed", "experts"])
def test_a_corrected_speed_has_bounds_on_both_sides_within_physics(model: Model) -> None:
    setting = Setting(quantisation="Q4_K_M", gpus=1)
    speed = decode_speed(model, PC, setting)
    most = fastest(model, PC.gpus, replace(setting, context=0))
    people = as_people_measure(speed, model, PC.gpus[0], "decode", most=most)
    assert people.low < people.value < people.high <= most
    assert people.high / people.low < 2.7
    assert "people's own machines" in texts_of(people.basis)
    assert set(speed.sources) < set(people.sources)


def test_bounds_of_a_measured_gpu_type_are_at_most_1_7_wide_for_plain_models() -> None:
    for gpu in ("GeForce RTX 3090", "GeForce RTX 4090", "GB10"):
        _, low, high = correction(LLAMA, find_gpu(gpu), "decode")
        assert high / low <= 1.7
        assert low < 1 < high


def test_seconds_are_bounded_the_other_way_round() -> None:
    speed = Estimate(10, 9, 11, "tok/s", ("x",))
    seconds = Estimate(0.1, 0.09, 0.11, "s", ("x",))
    gpu = PC.gpus[0]
    fast, slow = (as_people_measure(x, LLAMA, gpu, "prefill") for x in (speed, seconds))
    assert slow.low == pytest.approx(1 / fast.high)
    assert slow.high == pytest.approx(1 / fast.low)


def test_a_measurement_moves_models_of_its_kind_more_than_others() -> None:
    faster = Calibration(1.5, 1.5, "plain", 100.0, "x Q4_K_M")
    usual = Calibration(1.0, 1.0, "plain", 100.0, "x Q4_K_M")
    moved = []
    for model in (LLAMA, MOE):
        speed = decode_speed(model, PC, Setting(quantisation="Q4_K_M"))
        first, second = (
            as_people_measure(speed, model, PC.gpus[0], "decode", calibration=x).value
            for x in (usual, faster)
        )
        moved.append(second / first)
    assert 1.5 > moved[0] > moved[1] >= 1.0


@pytest.mark.slow
def test_no_bound_is_a_speed_that_would_be_called_impossible() -> None:
    for known in MODELS:
        runs = fit_model(known, PC, Setting(context=2048))
        if runs is None or runs.decode is None or runs.place != "gpu":
            continue
        row = Benchmark(
            PC.gpus, known.model, runs.quantisation, decode=runs.decode.high * 0.96, depth=2048
        )
        assert not [x for x in doubts(row) if "bandwidth" in x], known.name
