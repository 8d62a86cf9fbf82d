"""What an estimate rests on is said in the reader's language, phrase by phrase."""

from __future__ import annotations

from string import Formatter

import pytest

from shiomi.rig.estimate.fit import Need, fit_models
from shiomi.rig.machine.simulate import simulated
from shiomi.rig.model.known_models import known_models
from shiomi.rig.report.basis import basis_text
from shiomi.rig.report.wording import wording


def test_a_phrase_that_is_not_known_stays_as_it_is() -> None:
    assert basis_text("measured on the moon; 3 yen", "ja") == "measured on the moon; 3 yen"


def test_every_phrase_is_said_with_its_figures() -> None:
    said = basis_text("fitted on llama.cpp 2024-05, ampere, 88 rows, corrected for the X 1", "ja")
    assert said == "llama.cpp 2024-05, ampereの実測88行に当てはめ、X 1向けに補正"
    assert basis_text("watts: 31 yen per kWh", "ja") == "消費電力: 1 kWhあたり31円"
    for key, phrase in wording("en")["basis"].items():
        slots = {x: f"<{x}>" for _, x, _, _ in Formatter().parse(phrase) if x}
        english = phrase.format_map(slots)
        assert basis_text(english, "ja") == wording("ja")["basis"][key].format_map(slots)


@pytest.mark.parametrize(
    "machine", ["RTX 3090", "RTX 3060 12 GB, 64 GB, 50 GB/s", "Arc B580", "RX 9070 XT", "GB10"]
)
def test_the_basis_of_a_speed_on_a_gpu_is_all_japanese(machine: str) -> None:
    for runs in fit_models(known_models(), simulated(machine), Need()):
        if runs.decode is not None and "RAM of" not in runs.decode.basis:
            assert " rows" not in basis_text(runs.decode.basis, "ja")
            assert "people" not in basis_text(runs.decode.basis, "ja")
