"""Bounds that hold for people's own machines are wider than those of one careful table."""

from __future__ import annotations

import pytest

from shiomi.rig.estimate.fit import fit_model
from shiomi.rig.estimate.people import as_people_measure, fastest, is_plain
from shiomi.rig.estimate.plausible import Benchmark, doubts
from shiomi.rig.estimate.quantity import Estimate
from shiomi.rig.estimate.setting import Setting
from shiomi.rig.estimate.speed import decode_speed
from shiomi.rig.machine.simulate import simulated
from shiomi.rig.model.known_models import find_model, known_models
from shiomi.rig.report.wording import texts_of

MODELS = known_models()
LLAMA = find_model("llama3.1:8b", MODELS).model
GEMMA = find_model("gemma3:27b", MODELS).model
MOE = find_model("qwen3:30b-a3b-instruct-2507", MODELS).model
PC = simulated("RTX 3090, 64 GB")


def test_plain_models_are_those_of_the_fitted_tables() -> None:
    assert [is_plain(x) for x in (LLAMA, GEMMA, MOE)] == [True, False, False]


@pytest.mark.parametrize("model", [LLAMA, GEMMA, MOE], ids=["plain", "sliding", "experts"])
def test_the_value_stays_and_the_bounds_get_no_narrower_than_physics_allows(model: object) -> None:
    speed = decode_speed(model, PC, Setting(quantisation="Q4_K_M"))  # type: ignore[arg-type]
    most = fastest(model, PC.gpus, Setting(quantisation="Q4_K_M", context=0))  # type: ignore[arg-type]
    people = as_people_measure(speed, model, "decode", most=most)  # type: ignore[arg-type]
    assert people.value == speed.value
    assert people.low <= speed.low
    assert people.value <= people.high <= max(most, people.value)
    assert "people's own machines" in texts_of(people.basis)
    assert set(speed.sources) < set(people.sources)


def test_seconds_are_bounded_the_other_way_round() -> None:
    speed = Estimate(10, 9, 11, "tok/s", ("x",))
    seconds = Estimate(0.1, 0.09, 0.11, "s", ("x",))
    fast, slow = (as_people_measure(x, LLAMA, "prefill") for x in (speed, seconds))
    assert slow.low == pytest.approx(1 / fast.high)
    assert slow.high == pytest.approx(1 / fast.low)


def test_no_bound_is_a_speed_that_would_be_called_impossible() -> None:
    for known in MODELS:
        runs = fit_model(known, PC, Setting(context=2048))
        if runs is None or runs.decode is None or runs.place != "gpu":
            continue
        row = Benchmark(
            PC.gpus, known.model, runs.quantisation, decode=runs.decode.high * 0.96, depth=2048
        )
        assert not [x for x in doubts(row) if "bandwidth" in x.reason], known.name
