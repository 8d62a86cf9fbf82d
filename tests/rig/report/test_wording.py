"""Everything that the rig prints for a reader of Japanese is Japanese; sources keep their names."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from string import Formatter

import pytest

from shiomi.rig.errors import RigError
from shiomi.rig.estimate.coefficients import Calibration
from shiomi.rig.estimate.estimates import estimates
from shiomi.rig.estimate.fit import fit_models
from shiomi.rig.estimate.setting import Place, Setting
from shiomi.rig.estimate.use import USES, best_per_use
from shiomi.rig.estimate.writer import pick_writer
from shiomi.rig.machine.detect import machine_of
from shiomi.rig.machine.detect.dump import parse_dump
from shiomi.rig.machine.simulate import simulated
from shiomi.rig.message import Message, category, reason
from shiomi.rig.model.known_models import find_model, known_models
from shiomi.rig.report.estimates_report import estimates_text
from shiomi.rig.report.fit_report import fit_text, machine_text
from shiomi.rig.report.training_report import training_rows, training_text
from shiomi.rig.report.wording import text_of, texts_of, wording
from shiomi.rig.report.writer_report import writers_text
from tests.rig.planning import shipped

DUMPS = sorted((Path(__file__).parents[2] / "data" / "rig" / "machines").glob("*.json"))
ENGLISH = re.compile(r"(?<![\w/.\-`])[a-z]{2,}(?:[ ,:;]+[a-z]{2,}){2,}(?![\w/])")
MACHINES = (
    "RTX 3090 x2, 64 GB",
    "RTX 3060 12 GB, 64 GB DDR4-3200 2ch",
    "64 GB DDR5-5600 2ch",
    "16 GB",
    "M4 Max 40-core, 64 GB",
    "Strix Halo, 128 GB",
    "Arc B580, 32 GB",
    "GTX 1080 Ti",
)


def assert_japanese(text: str) -> None:
    prose, _, _ = text.partition("出典:")
    left = [found[0] for found in ENGLISH.finditer(prose)]
    assert left == [], text


@pytest.mark.parametrize("table", list(wording("en")))
def test_both_languages_have_the_same_phrases_with_the_same_slots(table: str) -> None:
    def slots(phrase: str) -> set[str | None]:
        return {name for _, name, _, _ in Formatter().parse(phrase) if name}

    english, japanese = wording("en")[table], wording("ja")[table]
    assert set(english) == set(japanese)
    for key, phrase in english.items():
        assert slots(japanese[key]) <= slots(phrase), key


def test_a_message_within_a_message_and_kinds_of_parts_are_worded_too() -> None:
    inner = reason("no_tdp", gpu="Card")
    assert text_of(reason("no_writing_speed", of=inner), "ja").endswith(
        "CardのTDPが不明。tdp_wで指定できる"
    )
    kinds = Message("list", "comma", (("0", category("psu")), ("1", category("case"))))
    assert "電源, ケース" in text_of(reason("nothing_meets", categories=kinds), "ja")


def test_a_machine_without_a_name_is_this_one_in_japanese_too() -> None:
    nameless = replace(simulated("16 GB"), name=reason("this_machine"))
    assert machine_text(nameless, "ja").startswith("このマシン\n")
    missing = estimates(
        find_model("Qwen3-8B", known_models()).model, nameless, Setting(quantisation="Q4_K_M")
    ).missing["decode"]
    assert text_of(missing, "ja").startswith("このマシン: メモリの帯域が不明")


def test_a_plain_sentence_stays_as_it_is() -> None:
    for text in ("", "my own note; no phrase", "説明", "{of}", "\x1b[31m"):
        assert text_of(text, "ja") == text


@pytest.mark.slow
@pytest.mark.parametrize(
    "machine", ["RTX 3090", "RTX 3060 12 GB, 64 GB, 50 GB/s", "Arc B580", "RX 9070 XT", "GB10"]
)
def test_the_basis_of_a_speed_on_a_gpu_is_all_japanese(machine: str) -> None:
    for runs in fit_models(known_models(), simulated(machine)):
        if runs.decode is not None:
            assert " rows" not in texts_of(runs.decode.basis, "ja")


@pytest.mark.slow
@pytest.mark.parametrize("parts", MACHINES)
def test_what_runs_on_a_machine_is_told_in_japanese_alone(parts: str) -> None:
    machine, need = simulated(parts), Setting()
    runs = fit_models(known_models(), machine, need)
    best = best_per_use(known_models(), machine, USES)
    assert_japanese(machine_text(machine, "ja"))
    assert_japanese(fit_text(machine, runs, best, USES["chat"], of=50, language="ja"))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Qwen3-8B", "gpt-oss-20b", "DeepSeek-V3.1"])
@pytest.mark.parametrize("parts", MACHINES)
def test_one_model_on_one_machine_is_told_in_japanese_alone(parts: str, name: str) -> None:
    model, machine = find_model(name, known_models()).model, simulated(parts)
    measured = Calibration(1.1, 1.0, "plain", 50.0, "x Q4_K_M")
    settings = [Setting(quantisation="Q4_K_M"), Setting(quantisation="Q4_K_M", engine="vllm")]
    if machine.gpus and any(layer.experts for layer in model.layers):
        settings.append(Setting(quantisation="Q4_K_M", place=Place.EXPERTS_IN_RAM))
    for setting in settings:
        for calibration in (None, measured) if machine.gpus else (None,):
            found = estimates(model, machine, setting, calibration=calibration)
            assert_japanese(estimates_text(model, machine, setting, found, "ja"))


@pytest.mark.parametrize("path", DUMPS, ids=lambda path: path.stem)
def test_what_cannot_be_found_out_of_a_machine_is_told_in_japanese(path: Path) -> None:
    machine = machine_of(parse_dump(json.loads(path.read_text("utf-8"))))
    assert_japanese(machine_text(machine, "ja"))


@pytest.mark.slow
def test_what_trains_and_who_writes_is_told_in_japanese() -> None:
    machine = simulated("RTX 3090, 64 GB")
    gpu, rows = training_rows(machine, images=1000, epochs=10)
    assert_japanese(training_text(gpu, 1, rows, 1000, 10, "ja"))
    assert_japanese(writers_text(pick_writer(machine, "ja", 3600), "ja"))
    for deadline, parts in ((1, "RTX 3090"), (600, "16 GB"), (600, "1 GB"), (600, "GB10")):
        try:
            pick_writer(simulated(parts), "ja", deadline)
        except RigError as error:
            assert_japanese(text_of(error.message, "ja"))


def test_what_the_catalogue_doubts_is_told_in_japanese() -> None:
    doubts = [text_of(doubt, "ja") for x in shipped().parts.values() for doubt in x.doubts]
    assert len(doubts) > 100
    for doubt in doubts:
        assert re.search("[ぁ-ん]", doubt), doubt
