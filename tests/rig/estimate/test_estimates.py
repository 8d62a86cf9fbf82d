"""Every term of one model on one machine is an estimate, or is missing with a reason."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shiomi.rig.errors import RigError
from shiomi.rig.estimate.estimates import estimates, kv_by_kind
from shiomi.rig.estimate.setting import Place, Setting
from shiomi.rig.machine.simulate import simulated
from shiomi.rig.model.known_models import find_model, known_models
from shiomi.rig.report.estimates_report import estimates_json, estimates_text
from shiomi.rig.report.wording import LANGUAGES, texts_of

MODELS = known_models()
GEMMA = find_model("gemma3:27b", MODELS).model
MOE = find_model("qwen3:30b-a3b-instruct-2507", MODELS).model
PC = replace(simulated("RTX 3090, 64 GB, 50 GB/s"), disk_read_gb_s=2.0)
USUAL = Setting(quantisation="Q4_K_M")
TERMS = {"decode", "prefill", "first_token", "watts", "yen", "load"}


def test_all_terms_are_known_where_everything_is() -> None:
    found = estimates(GEMMA, PC, USUAL)
    assert set(found.known) == TERMS
    assert found.missing == {}
    units = {name: x.unit for name, x in found.known.items()}
    assert units == {
        "decode": "tok/s",
        "prefill": "tok/s",
        "first_token": "s",
        "watts": "W",
        "yen": "JPY/Mtok",
        "load": "s",
    }
    for x in found.known.values():
        assert x.low < x.value < x.high
        assert x.basis
        assert x.sources or x.unit == "W"


def test_loading_takes_the_weights_over_the_speed_of_the_disk() -> None:
    load = estimates(GEMMA, PC, USUAL).known["load"]
    assert load.value == pytest.approx(8.8, abs=0.1)  # 17.7 GB at 2 GB/s


def test_caches_by_kind_add_up_to_the_whole() -> None:
    found = estimates(GEMMA, PC, replace(USUAL, context=32_768, users=3))
    assert set(found.kv_by_kind) == {"full", "sliding"}
    assert sum(x.value for x in found.kv_by_kind.values()) == pytest.approx(found.memory.kv.value)
    assert kv_by_kind(GEMMA, replace(USUAL, engine="vllm")) == {}


@pytest.mark.parametrize(
    ("machine", "setting", "missing"),
    [
        ("RTX 3090, 64 GB", USUAL, {"load"}),
        ("RTX 3090, 64 GB", replace(USUAL, engine="vllm"), TERMS - {"watts"}),
        ("M4 Max 40-core, 64 GB", USUAL, {"watts", "yen", "load"}),
        ("64 GB", USUAL, TERMS),
        ("64 GB, 90 GB/s", USUAL, {"watts", "yen", "load"}),
    ],
)
def test_what_is_not_known_is_missing_with_a_reason(
    machine: str, setting: Setting, missing: set[str]
) -> None:
    found = estimates(GEMMA, simulated(machine), setting)
    assert set(found.missing) == missing
    assert all(found.missing.values())


def test_experts_in_ram_leave_the_gpu_and_are_read_from_ram() -> None:
    on_gpu = estimates(MOE, PC, USUAL)
    in_ram = estimates(MOE, PC, replace(USUAL, place=Place.EXPERTS_IN_RAM))
    assert in_ram.memory.total.value < 0.2 * on_gpu.memory.total.value
    assert in_ram.known["decode"].value < on_gpu.known["decode"].value
    assert not in_ram.missing


def test_a_setting_that_means_nothing_is_refused() -> None:
    for wrong in (
        {"context": 0},
        {"quantisation": "Q4_X"},
        {"kv_dtype": "f8"},
        {"engine": "abacus"},
        {"quantisation": None},
        {"gpus": 2},
        {"gpus": 0},
        {"gpus": -1},
        {"place": Place.EXPERTS_IN_RAM},
        {"prompt": 0},
        {"prompt": 10**12},
    ):
        with pytest.raises(RigError):
            estimates(GEMMA, PC, replace(USUAL, **wrong))
    for yen in (float("nan"), -1.0):
        with pytest.raises(RigError):
            estimates(GEMMA, PC, USUAL, yen_per_kwh=yen)


def test_smaller_caches_raise_what_physics_allows() -> None:
    long = replace(USUAL, context=131_072)
    wide = estimates(MOE, PC, long).known["decode"]
    narrow = estimates(MOE, PC, replace(long, kv_dtype="q4_0")).known["decode"]
    assert narrow.high / narrow.value == pytest.approx(wide.high / wide.value, rel=0.25)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_context_beyond_the_trained_one_is_said_to_be_so(language: str) -> None:
    for context, said in ((8192, False), (1_000_000, True)):
        setting = replace(USUAL, context=context)
        text = estimates_text(MOE, PC, setting, estimates(MOE, PC, setting), language)
        assert (f"{MOE.context_length:,}" in text) is said


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_text_has_bounds_basis_sources_and_what_is_missing(language: str) -> None:
    machine = simulated("RTX 3090, 64 GB")
    found = estimates(GEMMA, machine, USUAL)
    text = estimates_text(GEMMA, machine, USUAL, found, language)
    for x in found.known.values():
        assert texts_of(x.basis, language) in text
    assert "--time-file" in text
    assert GEMMA.source in text
    said = estimates_json(GEMMA, machine, USUAL, found)
    assert said["decode"]["basis"]
    assert said["missing"]["load"]
    assert said["fits"] is True


@pytest.mark.parametrize(
    ("machine", "said"),
    [
        ("RTX 3090, 64 GB", "It fits."),
        ("RTX 3060 12 GB, 64 GB", "It does not fit."),
        ("64 GB", "No GPU"),
    ],
)
def test_whether_it_fits_is_said(machine: str, said: str) -> None:
    pc = simulated(machine)
    assert said in estimates_text(GEMMA, pc, USUAL, estimates(GEMMA, pc, USUAL), "en")


def test_that_it_is_close_is_said() -> None:
    room = estimates(GEMMA, PC, USUAL)
    assert room.fit is not None
    for fits, said in ((True, "seems to fit"), (False, "seems not to fit")):
        close = replace(room, fit=replace(room.fit, fits=fits, sure=False))
        assert said in estimates_text(GEMMA, PC, USUAL, close, "en")
