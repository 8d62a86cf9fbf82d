"""The writer knows the language, is done in time by the upper bound, and says what it costs."""

from __future__ import annotations

import pytest

from shiomi.rig.errors import RigError, SettingError
from shiomi.rig.estimate.coefficients import Calibration
from shiomi.rig.estimate.writer import Work, pick_writer
from shiomi.rig.machine.simulate import simulated
from shiomi.rig.model.known_models import known_models
from shiomi.rig.model.quality import quality_table
from shiomi.rig.report.wording import LANGUAGES, texts_of
from shiomi.rig.report.writer_report import writers_json, writers_text

MODELS = known_models()
PC = simulated("RTX 3060 12 GB, 32 GB")


@pytest.mark.parametrize("deadline", [300, 1800, 86_400])
def test_every_writer_is_in_time_and_knows_the_language(deadline: float) -> None:
    found = pick_writer(PC, "ja", deadline, models=MODELS)
    for x in found:
        assert x.seconds.high <= deadline
        assert "ja" in x.runs.known.languages
        assert x.yen is not None
        assert x.yen.low < x.yen.value < x.yen.high


def test_more_time_gives_a_model_of_no_lower_rank() -> None:
    hurried = pick_writer(PC, "ja", 120, models=MODELS)[0]
    at_leisure = pick_writer(PC, "ja", 7200, models=MODELS)[0]
    scores = [quality_table().score(x.runs.known, "chat")[0] for x in (hurried, at_leisure)]
    assert scores[0] <= scores[1]


def test_time_and_yen_grow_with_the_work() -> None:
    one, two = (
        {x.name: x for x in pick_writer(PC, "ja", 1e6, models=MODELS, work=Work(requests=n))}
        for n in (1, 2)
    )
    for name in set(one) & set(two):
        if one[name].runs.quantisation == two[name].runs.quantisation:
            assert two[name].seconds.value == pytest.approx(2 * one[name].seconds.value)
            first, second = one[name].yen, two[name].yen
            assert first is not None
            assert second is not None
            assert second.value == pytest.approx(2 * first.value)


def test_a_cpu_is_reckoned_with_bounds_as_wide_as_what_is_not_known() -> None:
    found = pick_writer(simulated("32 GB DDR5-5600 2ch"), "ja", 7200, models=MODELS)
    assert "assumed" in texts_of(found[0].seconds.basis)
    assert found[0].seconds.high > 4 * found[0].seconds.low
    assert found[0].yen is None


def test_a_measurement_on_this_machine_moves_the_time() -> None:
    times = []
    for factor in (1.0, 1.5):
        calibration = Calibration(factor, factor, "plain", 50.0, "x Q4_K_M")
        writers = pick_writer(PC, "ja", 1e6, models=MODELS, calibration=calibration)
        times.append(next(x for x in writers if x.name == "Qwen3-8B").seconds)
        assert "measured here" in texts_of(times[-1].basis)
    assert times[1].value < times[0].value


@pytest.mark.parametrize(
    ("machine", "language", "deadline", "reason"),
    [
        ("RTX 3060 12 GB, 32 GB", "tlh", 1800, "no writer of .*tlh"),
        ("RTX 3060 12 GB, 32 GB", "ja", 2, "no writer in time"),
        ("32 GB", "ja", 1800, "no cpu bandwidth"),
        ("1 GB", "ja", 1800, "no writer fits"),
    ],
)
def test_where_none_can_the_reason_is_said(
    machine: str, language: str, deadline: float, reason: str
) -> None:
    with pytest.raises(RigError, match=reason):
        pick_writer(simulated(machine), language, deadline, models=MODELS)


def test_what_means_nothing_is_refused() -> None:
    for deadline in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(SettingError):
            pick_writer(PC, "ja", deadline, models=MODELS)
    with pytest.raises(SettingError):
        Work(requests=0)
    with pytest.raises(SettingError):
        Work(answer_tokens=10**9)


@pytest.mark.parametrize("language", LANGUAGES)
def test_writers_are_said_as_text_and_json(language: str) -> None:
    found = pick_writer(PC, "ja", 1800, models=MODELS)
    text = writers_text(found, language)
    assert found[0].name in text
    assert texts_of(found[0].seconds.basis, language) in text
    said = writers_json(found)
    assert [x["model"] for x in said] == [x.name for x in found]
    assert said[0]["seconds"]["unit"] == "s"
