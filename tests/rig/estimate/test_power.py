"""Watts and yen follow from the GPUs' TDP and the speed."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from shiomi.rig.errors import MachineError, RigError
from shiomi.rig.estimate.power import wall_watts, yen_per_million_tokens
from shiomi.rig.estimate.quantity import Estimate
from shiomi.rig.machine.gpus import find_gpu
from shiomi.rig.machine.machine import Machine
from shiomi.rig.report.wording import texts_of

DESKTOP = Machine("desktop", (find_gpu("RTX 4090"), find_gpu("RTX 4090")))
WATTS = Estimate(360, 300, 420, "W", ("meter",))
SPEED = Estimate(100, 90, 110, "tok/s", ("clock",))


def test_a_desktop_draws_what_desktops_with_such_a_gpu_were_measured_to_draw() -> None:
    watts = wall_watts(DESKTOP, gpus=1)
    assert watts.unit == "W"
    assert watts.low < 464 < watts.high  # a measured 14B model on the 4090
    assert watts.sources


def test_a_second_gpu_waits_for_its_layers_and_draws_little_more() -> None:
    one, two = wall_watts(DESKTOP, gpus=1), wall_watts(DESKTOP)
    assert one.value < two.value < one.value + 100
    assert "waiting" in texts_of(two.basis)


def test_a_chip_with_shared_memory_includes_its_host() -> None:
    assert wall_watts(Machine("spark", (find_gpu("GB10"),))).value == 140


def test_an_unknown_tdp_is_an_error_and_not_nothing() -> None:
    gpu = replace(find_gpu("RTX 4090"), tdp_w=None)
    with pytest.raises(MachineError, match="no tdp"):
        wall_watts(Machine("m", (gpu,)))


@pytest.mark.parametrize("gpus", [3, 0])
def test_more_gpus_than_there_are_is_an_error(gpus: int) -> None:
    with pytest.raises(MachineError, match="count=2"):
        wall_watts(DESKTOP, gpus=gpus)


def test_a_million_tokens_cost_their_kilowatt_hours() -> None:
    yen = yen_per_million_tokens(WATTS, SPEED, yen_per_kwh=31)
    assert yen.value == pytest.approx(31.0)  # 360 W at 100 tok/s are 1 kWh per million
    assert yen.low < yen.value < yen.high
    assert yen.unit == "JPY/Mtok"


@pytest.mark.parametrize("price", [-1.0, math.nan, math.inf])
def test_a_price_that_cannot_be_meant_is_refused(price: float) -> None:
    with pytest.raises(RigError, match="yen per kWh"):
        yen_per_million_tokens(WATTS, SPEED, yen_per_kwh=price)


def test_units_are_not_mixed_up() -> None:
    with pytest.raises(RigError, match="tokens per second"):
        yen_per_million_tokens(SPEED, WATTS, yen_per_kwh=31)
