"""A measured speed is believed unless physics or everybody else contradicts it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shiomi.rig.errors import SettingError
from shiomi.rig.estimate.plausible import Benchmark, doubts
from shiomi.rig.machine.gpus import find_gpu
from shiomi.rig.model.known_models import find_model, known_models
from tests.rig.models import DENSE

RTX_3090 = find_gpu("RTX 3090")
GOOD = Benchmark((RTX_3090,), DENSE, "Q4_K_M", decode=111.7, prefill=3865.0, prompt=1024)
LLAMA_70B = find_model("llama3.3:70b", known_models()).model


@pytest.mark.parametrize(
    "row", [GOOD, replace(GOOD, prefill=None), Benchmark((RTX_3090,), LLAMA_70B, "Q4_K_M", 2.5)]
)
def test_a_measured_row_is_believed_also_with_weights_in_ram(row: Benchmark) -> None:
    assert doubts(row) == []


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (replace(GOOD, decode=400.0), "bandwidth"),
        (replace(GOOD, prefill=38_650.0), "peak FLOP/s"),
        (replace(GOOD, decode=100.0, prefill=90.0), "swapped"),
        (replace(GOOD, quantisation="F16"), "bandwidth"),  # 112 tok/s of 16 GB at 936 GB/s
        (replace(GOOD, gpus=(find_gpu("RTX 4060"),)), "bandwidth"),
        (Benchmark((RTX_3090,), LLAMA_70B, "Q4_K_M", 18.0), "do not fit"),
        (replace(GOOD, decode=3.0), "expected"),
    ],
)
def test_a_row_that_cannot_be_true_is_named_with_the_reason(wrong: Benchmark, reason: str) -> None:
    assert reason in doubts(wrong)[0]


def test_an_unknown_format_is_an_error() -> None:
    with pytest.raises(SettingError, match="Q99"):
        doubts(replace(GOOD, quantisation="Q99"))
