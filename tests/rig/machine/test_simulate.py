"""A machine told in one line is that machine, or the question back which one is meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shiomi.rig.errors import AmbiguousPartError, MachineError, RigError, UnknownPartError
from shiomi.rig.machine.simulate import simulated


@pytest.mark.parametrize(
    ("text", "gpu", "memory"),
    [
        ("RTX 3090 64GB RAM", "GeForce RTX 3090", 64),
        ("RTX 3060 12GB 32GB RAM", "GeForce RTX 3060 12 GB", 32),
        ("2x RTX 3090 with 64 GB DDR4-3200 2ch", "GeForce RTX 3090", 64),
        ("RTX 3060 12GB 64GBメモリ", "GeForce RTX 3060 12 GB", 64),
        ("Mac mini M4 16GB", "M4 10-core GPU 16 GB", 16),
        ("Mac mini M4, 24 GB", "M4 10-core GPU 24 GB", 24),
    ],
)
def test_memory_needs_no_comma_and_a_product_says_its_chip(
    text: str, gpu: str, memory: float
) -> None:
    machine = simulated(text)
    assert (machine.gpus[0].name, machine.memory_gib) == (gpu, memory)


def test_memory_that_no_such_card_has_is_explained() -> None:
    with pytest.raises(UnknownPartError, match="64 GB RAM"):
        simulated("RTX 3090 64GB")


@pytest.mark.parametrize(
    ("text", "gpus", "memory", "bandwidth"),
    [
        ("RTX 3090 x2, 64 GB", ["GeForce RTX 3090"] * 2, 64, None),
        ("2x RTX 3090, 64GB DDR4-3200 2ch", ["GeForce RTX 3090"] * 2, 64, 51.2),
        ("2 × RTX 3090", ["GeForce RTX 3090"] * 2, None, None),
        ("RTX 4090 laptop + 32 GB of RAM", ["GeForce RTX 4090 Laptop GPU"], 32, None),
        ("RTX 3060 12 GB, 32 GB, 80 GB/s", ["GeForce RTX 3060 12 GB"], 32, 80),
        ("M4 Max 40-core, 64 GB", ["M4 Max 40-core GPU 64 GB"], 64, 546),
        ("Strix Halo、128 GB", ["Radeon 8060S 128 GB"], 128, 256),
        ("GB10, 128 GB", ["GB10"], 128, 273),
        ("64 GB DDR5-6000 2 channels", [], 64, 96),
        ("RTX 5090x2, 2x32 GB", ["GeForce RTX 5090"] * 2, 64, None),
        ("2x RTX 4070 Ti, 2x16GB DDR5-5600 2ch", ["GeForce RTX 4070 Ti"] * 2, 32, 89.6),
        ("Ryzen AI Max+ 395, 128 GB", ["Radeon 8060S 128 GB"], 128, 256),
        ("RTX 3090+64 GB", ["GeForce RTX 3090"], 64, None),
        ("CPU only, 32 GB DDR5-5600 2ch", [], 32, 89.6),
        ("RTX 5090 and RTX 3090", ["GeForce RTX 5090", "GeForce RTX 3090"], None, None),
    ],
)
def test_parts_are_read(
    text: str, gpus: list[str], memory: float | None, bandwidth: float | None
) -> None:
    machine = simulated(text)
    assert [gpu.name for gpu in machine.gpus] == gpus
    assert machine.memory_gib == memory
    assert machine.memory_bandwidth_gb_s == bandwidth
    assert bool(machine.unknown) == (bandwidth is None)


@pytest.mark.parametrize("text", ["RTX 3060", "M4 Max", "RTX 3060, 64 GB", "Strix Halo, 100 GB"])
def test_a_name_that_may_be_several_is_asked_back(text: str) -> None:
    with pytest.raises(AmbiguousPartError, match="could be any of"):
        simulated(text)


def test_variants_that_differ_in_cores_only_are_taken_as_the_one_with_the_fewest() -> None:
    for text, name in (
        ("M4, 16GB", "M4 8-core GPU 16 GB"),
        ("M4 Pro, 48 GB", "M4 Pro 16-core GPU 48 GB"),
        ("Mac Studio M3 Ultra 256GB", "M3 Ultra 60-core GPU 256 GB"),
        ("MacBook Pro M3 Pro 18GB", "M3 Pro 14-core GPU 18 GB"),
        ("H200", "H200 SXM"),
        ("RTX PRO 6000", "RTX PRO 6000 Blackwell Workstation Edition"),
    ):
        assert simulated(text).gpus[0].name == name


def test_two_machines_of_one_kind_have_the_memory_of_both() -> None:
    machine = simulated("DGX Spark x2")
    assert len(machine.gpus) == 2
    assert machine.memory_gib == 2 * machine.gpus[0].memory_gib


@pytest.mark.parametrize(
    ("text", "nearest"),
    [("RTX 4909", "GeForce RTX 4090"), ("super M3 Pro 18GB", "M3 Pro 14-core GPU")],
)
def test_a_misspelt_or_padded_name_is_offered_what_is_near(text: str, nearest: str) -> None:
    with pytest.raises(UnknownPartError, match=f"nearest known: .*{nearest}"):
        simulated(text)


def test_a_processor_is_said_to_be_one() -> None:
    with pytest.raises(MachineError, match=r"is a processor.*leave it out"):
        simulated("RTX 3090, Ryzen 9 5950X, 64 GB")


def test_a_name_that_is_none_gives_the_nearest() -> None:
    with pytest.raises(UnknownPartError, match="nearest known"):
        simulated("RTX 3091, 64 GB")


@pytest.mark.parametrize(
    "text",
    [
        "",
        " , ",
        "RTX 3090 x0",
        "RTX 3090 x65",
        "RTX 3090 x40, RTX 4090 x40",
        "0 GB",
        "99999 GB",
        "64x2048 GB",
        "CPU only",
        "64 GB, 32 GB",
        "64 GB DDR5-100 2ch",
        "64 GB DDR5-6000 99ch",
        "M4 Max 32-core, RTX 3090",
        "x" * 501,
    ],
)
def test_what_no_machine_can_be_is_refused(text: str) -> None:
    with pytest.raises(MachineError):
        simulated(text)


@given(st.text(max_size=60))
def test_any_line_is_a_machine_or_an_error_for_people(text: str) -> None:
    try:
        machine = simulated(text)
    except RigError:
        return
    assert machine.gpus or machine.memory_gib
