"""Which models run where, in what format, how fast and with how much context."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from benchmarks.rig.fit import FIT_MACHINES, beaten
from hypothesis import given
from hypothesis import strategies as st

from shiomi.rig.errors import MachineError, SettingError
from shiomi.rig.estimate.fit import (
    LADDER,
    Floor,
    fit_model,
    fit_models,
    longest_context,
    usable_ram_gib,
)
from shiomi.rig.estimate.memory import fits, memory
from shiomi.rig.estimate.setting import Place, Setting
from shiomi.rig.estimate.speed import decode_speed
from shiomi.rig.estimate.use import USES, best_per_use, close_fits, in_order, worth
from shiomi.rig.machine.machine import Machine
from shiomi.rig.machine.simulate import simulated
from shiomi.rig.model.known_models import find_model, known_models
from shiomi.rig.model.quality import quality_table
from shiomi.rig.model.quantisation import find_quantisation
from shiomi.rig.report.fit_report import fit_json, fit_text, machine_text, range_text
from shiomi.rig.report.table import text_width
from shiomi.rig.report.wording import LANGUAGES, text_of, texts_of

MODELS = known_models()
QWEN_8B = find_model("qwen3:8b", MODELS)
LLAMA_70B = find_model("llama3.3:70b", MODELS)
GPT_OSS = find_model("gpt-oss-120b", MODELS)
MOE = find_model("qwen3.6:35b-a3b", MODELS)
CHAT = USES["chat"]


def test_a_small_model_gets_the_most_exact_format_on_the_fewest_gpus() -> None:
    runs = fit_model(QWEN_8B, simulated("RTX 3090 x2, 64 GB"))
    assert runs is not None
    assert (runs.place, runs.gpus, runs.quantisation) == (Place.GPU, 1, "Q8_0")
    assert runs.sure
    assert runs.decode is not None
    assert runs.decode.low < runs.decode.value < runs.decode.high


def test_a_large_model_takes_as_many_gpus_as_hold_it() -> None:
    machine = simulated("RTX 3090 x3, 64 GB")
    runs = fit_model(LLAMA_70B, machine, Setting(quantisation="Q4_K_M"))
    assert runs is not None
    assert (runs.place, runs.gpus) == (Place.GPU, 2)
    assert fit_model(LLAMA_70B, simulated("RTX 3090"), Setting(quantisation="Q4_K_M")) is None


def test_experts_go_to_ram_where_they_do_not_fit_and_are_fast_enough_there() -> None:
    runs = fit_model(MOE, simulated("RTX 4060 laptop, 64 GB DDR5-5600 2ch"))
    assert runs is not None
    assert runs.place is Place.EXPERTS_IN_RAM
    assert runs.memory.host.value > runs.memory.total.value
    slow = fit_model(MOE, simulated("RTX 4060 laptop, 64 GB, 5 GB/s"))
    assert slow is not None
    assert slow.decode is not None
    assert slow.decode.value < 10


def test_a_near_miss_fits_with_the_experts_of_a_few_layers_in_ram() -> None:
    known = find_model("gpt-oss-20b", MODELS)
    close = fit_model(known, simulated("RTX 3060 12 GB"))
    assert close is not None
    assert not close.sure
    runs = fit_model(known, simulated("RTX 3060 12 GB, 32 GB DDR4-3200 2ch"))
    assert runs is not None
    assert runs.sure
    assert runs.place is Place.EXPERTS_IN_RAM
    assert 0 < runs.ram_layers < 6


def test_what_only_just_fits_is_named_with_a_context_that_surely_fits() -> None:
    machine = simulated("RTX 3060 12 GB")
    ordered = in_order(fit_models(MODELS, machine, floor=Floor(write=10)))
    near = close_fits(ordered, machine, Setting())
    assert near
    for runs, context in near:
        assert not runs.sure
        if context:
            setting = Setting(quantisation=runs.quantisation, context=context)
            assert fits(memory(runs.model, setting).total, machine.gpus).sure
    text = fit_text(machine, ordered, {}, CHAT, near=near, of=len(MODELS))
    assert near[0][0].known.name in text.partition("Only just fits")[2]


def test_without_a_gpu_a_model_runs_from_ram_at_an_assumed_share_of_its_bandwidth() -> None:
    runs = fit_model(QWEN_8B, simulated("32 GB DDR5-6000 2ch"))
    assert runs is not None
    assert runs.place is Place.RAM
    assert runs.decode is not None
    assert "assumed" in texts_of(runs.decode.basis)
    assert runs.decode.high / runs.decode.low == pytest.approx(0.9 / 0.4)


def test_a_speed_that_is_not_known_is_none_with_the_reason() -> None:
    runs = fit_model(QWEN_8B, simulated("32 GB"))
    assert runs is not None
    assert runs.decode is None
    assert "bandwidth is not known" in text_of(runs.note)
    with pytest.raises(MachineError, match="bandwidth"):
        decode_speed(
            QWEN_8B.model,
            simulated("32 GB"),
            Setting(quantisation="Q4_K_M", place=Place.RAM),
        )


def test_a_chip_that_shares_memory_leaves_some_to_the_system() -> None:
    machine = simulated("Strix Halo, 128 GB")
    runs = fit_model(find_model("qwen3:235b-a22b-instruct-2507", MODELS), machine)
    assert runs is not None
    assert runs.memory.total.high < usable_ram_gib(machine) < 116


def test_a_model_for_shorter_contexts_is_left_out() -> None:
    machine = simulated("RTX 3090 x2, 64 GB")
    assert fit_model(QWEN_8B, machine, Setting(context=40_960)) is not None
    assert fit_model(QWEN_8B, machine, Setting(context=40_961)) is None


def test_a_model_with_one_format_is_tried_in_no_other() -> None:
    runs = fit_model(GPT_OSS, simulated("RTX 3090 x4, 64 GB"))
    assert runs is not None
    assert runs.quantisation == "MXFP4_MOE"


def test_the_longest_context_fits_and_one_step_more_does_not() -> None:
    machine = simulated("RTX 3060 12 GB, 32 GB")
    for known in MODELS:
        runs = fit_model(known, machine)
        if runs is None or runs.place is not Place.GPU:
            continue
        trained = known.model.context_length

        def needed(context: int) -> bool:
            found = memory(runs.model, Setting(quantisation=runs.quantisation, context=context))  # noqa: B023
            return fits(found.total, machine.gpus).fits

        assert needed(runs.context), known.name
        assert runs.context == trained or not needed(runs.context + 256), known.name


@given(st.integers(0, 10_000), st.integers(1, 2_000_000))
def test_the_longest_context_is_found_by_halving(limit: int, most: int) -> None:
    found = longest_context(lambda context: context <= limit, most)
    if most <= limit:
        assert found == most
    elif most <= 256:
        assert found == 0
    else:
        assert found == limit // 256 * 256


@pytest.mark.slow
def test_more_users_or_context_never_run_more_models() -> None:
    machine = simulated("RTX 4070, 32 GB")
    names = [
        {x.known.name for x in fit_models(MODELS, machine, need) if x.place is Place.GPU}
        for need in (Setting(), Setting(users=8), Setting(users=8, context=32_768))
    ]
    assert names[0] >= names[1] >= names[2]
    assert names[0] > names[2]


@pytest.mark.parametrize("text", ["RTX 3090 x2, 64 GB", "M4 Max 40-core, 64 GB", "RTX 4060, 16 GB"])
def test_what_is_said_to_fit_fits_and_is_within_its_bounds(text: str) -> None:
    machine = simulated(text)
    runs = fit_models(MODELS, machine)
    assert runs
    for x in runs:
        room = x.usable.value
        needed = x.memory.total.value
        if x.place is Place.RAM:
            needed += x.memory.host.value
        assert needed <= room
        assert x.context >= 8192
        assert x.quantisation in (*LADDER, "MXFP4_MOE")


def test_a_format_below_four_bits_is_taken_only_where_no_other_fits() -> None:
    for x in fit_models(MODELS, simulated("RTX 3090 x2, 64 GB")):
        if x.place is Place.GPU and find_quantisation(x.quantisation).dense_bits < 4:
            exact = memory(x.model, Setting(quantisation="IQ4_XS", context=8192, gpus=2))
            assert not fits(exact.total, simulated("RTX 3090 x2").gpus).fits, x.known.name


@pytest.mark.parametrize(
    "setting",
    [{"context": -1}, {"users": 0}, {"users": 10**9}, {"micro_batch": 1}, {"prompt": 0}],
)
def test_a_need_that_means_nothing_is_refused(setting: dict[str, float]) -> None:
    with pytest.raises(SettingError):
        Setting(**setting)  # type: ignore[arg-type]


def test_a_machine_of_nothing_runs_nothing() -> None:
    machine = Machine("nothing")
    assert fit_models(MODELS, machine) == []
    text = fit_text(machine, [], {}, CHAT, of=len(MODELS))
    assert f"0 of {len(MODELS)} models run" in text


def test_the_best_serves_its_purpose_surely_fits_and_is_fast_enough() -> None:
    uses = {x: replace(USES[x], floor=Floor(write=20)) for x in ("chat", "code", "long")}
    uses["ja"] = replace(uses["chat"], language="ja")
    best = best_per_use(MODELS, simulated("RTX 3090 x2, 64 GB"), uses)
    assert set(best) == {"chat", "code", "long", "ja"}
    assert "ja" in best["ja"].known.languages
    for x in best.values():
        assert x.sure
        assert x.decode is not None
        assert x.decode.low >= 20


def test_usable_models_come_first_and_the_worst_format_is_worth_less() -> None:
    runs = in_order(fit_models(MODELS, simulated("RTX 3090, 64 GB DDR4-3200 2ch")))
    flags = [x.usable_here for x in runs]
    assert flags == sorted(flags, reverse=True)
    best = runs[0]
    chat = USES["chat"]
    coarse = replace(best, quantisation="Q2_K")
    assert worth(coarse, chat, quality_table()).worth < worth(best, chat, quality_table()).worth


@pytest.mark.parametrize(
    "parts",
    [*FIT_MACHINES[:3], *(pytest.param(x, marks=pytest.mark.slow) for x in FIT_MACHINES[3:])],
)
def test_no_first_row_is_slow_and_no_best_is_older_slower_and_smaller(parts: str) -> None:
    assert beaten(parts) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_table_has_every_row_bounds_and_what_it_rests_on(language: str) -> None:
    machine = simulated("RTX 4060 laptop, 32 GB DDR5-5600 2ch")
    need = Setting()
    runs = fit_models(MODELS, machine, need)
    best = best_per_use(MODELS, machine, USES)
    text = fit_text(machine, runs, best, CHAT, of=len(MODELS), language=language)
    for x in runs:
        assert x.known.name in text
    bases = [x.decode.basis for x in runs if x.decode is not None and x.place is Place.GPU]
    assert bases
    assert all(texts_of(x, language) in text for x in bases)
    short = fit_text(machine, runs, best, CHAT, of=len(MODELS), most=3, language=language)
    assert f"{len(runs) - 3}" in short
    assert machine.gpus[0].name in machine_text(machine, language)
    assert machine_text(Machine("x", unknown=("a thing",)), language).count("a thing") == 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_table_fits_a_terminal_of_80_columns_and_leaves_nothing_out(language: str) -> None:
    machine = simulated("RTX 3090, 64 GB DDR5-5600 2ch")
    need = Setting()
    runs = fit_models(MODELS, machine, need)
    best = best_per_use(MODELS, machine, USES)
    wide, narrow = (
        fit_text(machine, runs, best, CHAT, of=50, language=language, columns=columns)
        for columns in (None, 80)
    )
    assert max(map(text_width, narrow.splitlines())) <= 80 < max(map(text_width, wide.splitlines()))
    for x in runs:
        assert all(piece in narrow for piece in re.findall("[^-]+", x.known.name))
        assert x.decode is None or range_text(x.decode).partition(" ")[2] in narrow


def test_the_json_has_every_estimate_with_bounds_basis_and_sources() -> None:
    machine = simulated("RTX 3090, 64 GB")
    need = Setting()
    runs = fit_models(MODELS, machine, need)
    said = fit_json(machine, runs, {}, CHAT)
    assert len(said["models"]) == len(runs)
    for row in said["models"]:
        assert set(row["memory"]) == {"value", "low", "high", "unit", "basis", "sources"}
        assert row["source"]
        assert row["decode"] or row["note"]
        assert 0 <= row["score"] <= 100
