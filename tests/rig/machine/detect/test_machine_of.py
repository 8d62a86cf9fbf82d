"""Dumps of many kinds of machines are read as those machines, and what is unknown is said so.

Where the dumps are from: tests/data/rig/machines/ORIGIN.md.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shiomi.rig.machine.detect import Dump, machine_of, parse_dump
from shiomi.rig.machine.detect.dump import NvidiaFacts
from shiomi.rig.machine.machine import Machine
from shiomi.rig.report.wording import text_of, texts_of

FOLDER = Path(__file__).parents[3] / "data" / "rig" / "machines"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))

# name of the dump: GPUs (name, GiB), GB/s of the system's memory
READ_AS: dict[str, tuple[list[tuple[str, float]], float | None]] = {
    "two-rtx-3090": ([("GeForce RTX 3090", 24)] * 2, 51.2),
    "rtx-4090-laptop": ([("GeForce RTX 4090 Laptop GPU", 16)], 89.6),
    "strix-halo-96-set-aside": ([("Radeon 8060S 96 GB", 96)], 256),
    "strix-halo-lent": ([("Radeon 8060S 96 GB", 110)], 256),
    "9800x3d-and-7900-xtx": ([("Radeon RX 7900 XTX", 24)], 96),
    "rtx-a4000": ([("RTX A4000", 16)], None),
    "radeon-ai-pro-r9700": ([("Radeon AI PRO R9700", 32)], 307.2),
    "m4-pro": ([("M4 Pro 20-core GPU 48 GB", 48)], 273),
    "m4-max": ([("M4 Max 40-core GPU 128 GB", 128)], 546),
    "m4-max-without-profiler": ([("M4 Max 40-core GPU 64 GB", 64)], 546),
    "m2-ultra": ([("M2 Ultra 76-core GPU 192 GB", 192)], 800),
    "m5": ([("M5 10-core GPU 32 GB", 32)], 153),
    "intel-mac": ([], None),
    "headless-cpu": ([], 460.8),
    "virtual-machine": ([], None),
    "intel-arc-a770": ([("Arc A770 16 GB", 16)], 96),
    "intel-arc-a770-small-aperture": ([], None),
    "intel-arc-b580": ([("Arc B580", 12)], None),
    "wsl": ([("GeForce RTX 4070", 12)], None),
    "wsl-without-nvidia": ([], None),
    "rtx-3060-12": ([("GeForce RTX 3060 12 GB", 12)], None),
    "rtx-3060-8": ([("GeForce RTX 3060 8 GB", 8)], None),
    "rtx-a1000-laptop": ([("NVIDIA RTX A1000 Laptop GPU", 4)], None),
    "unlisted-and-silent": ([], None),
    "dgx-spark": ([("GB10", 119.2)], 273),
    "h100-mig": ([("H100 SXM5", 80)], None),
    "nvidia-without-driver": ([], None),
    "nvidia-smi-only": ([("GeForce RTX 3060 12 GB", 12)], None),
    "container-with-limit": ([("A100 SXM4 80 GB", 80)], None),
    "vgpu-slice": ([("A40", 11.5)], None),
    "windows": ([("GeForce RTX 4080 Super", 16)], None),
}


def dump(name: str) -> Dump:
    return parse_dump(json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8")))


def machine(name: str) -> Machine:
    return machine_of(dump(name))


def test_every_dump_has_its_expected_reading() -> None:
    assert set(NAMES) == set(READ_AS)


@pytest.mark.parametrize("name", NAMES)
def test_a_dump_is_read_as_its_machine(name: str) -> None:
    gpus, bandwidth = READ_AS[name]
    found = machine(name)
    assert [(gpu.name, gpu.memory_gib) for gpu in found.gpus] == gpus
    assert found.memory_bandwidth_gb_s == (None if bandwidth is None else pytest.approx(bandwidth))
    if bandwidth is None:
        assert any("bandwidth" in text_of(x) for x in found.unknown)
    if not gpus:
        assert any("GPU" in text_of(x) for x in found.unknown)


@pytest.mark.parametrize("name", NAMES)
def test_a_dump_survives_being_written_and_read(name: str) -> None:
    assert parse_dump(json.loads(json.dumps(dump(name).json()))) == dump(name)


def test_memory_set_aside_for_a_unified_gpu_is_not_lost() -> None:
    found = machine("strix-halo-96-set-aside")
    assert found.gpus[0].unified
    assert found.memory_gib == pytest.approx(126.9, abs=0.1)  # the system shows 31
    assert any("96.0 GiB are set aside" in text_of(x) for x in found.unknown)
    lent = machine("strix-halo-lent")
    assert lent.memory_gib == pytest.approx(124.5, abs=0.1)


def test_graphics_inside_a_processor_are_no_second_card() -> None:
    found = machine("9800x3d-and-7900-xtx")
    assert len(found.gpus) == 1
    assert any("Granite Ridge" in text_of(x) and "not counted" in text_of(x) for x in found.unknown)
    assert len(machine("rtx-4090-laptop").gpus) == 1


def test_unknown_graphics_with_lent_memory_are_no_card_either() -> None:
    known = dump("9800x3d-and-7900-xtx")
    files = dict(known.files)
    files["/sys/class/drm/card1/device/device"] = "0xffff\n"
    found = machine_of(replace(known, files=files))
    assert len(found.gpus) == 1
    assert any("ffff" in text_of(x) for x in found.unknown)


def test_two_equal_gpus_are_two_with_their_own_memory_and_neither_sum_nor_largest() -> None:
    assert [gpu.memory_gib for gpu in machine("two-rtx-3090").gpus] == [24, 24]


def test_a_near_name_is_not_taken() -> None:
    gpu = machine("rtx-a1000-laptop").gpus[0]
    assert gpu.bandwidth_gb_s == pytest.approx(176, abs=1)  # an A100 has 1,555
    assert gpu.architecture == "ampere"
    assert gpu.fp16_tflops is None
    assert any("not in the table" in text_of(x) for x in machine("rtx-a1000-laptop").unknown)


def test_a_slice_of_a_card_has_the_memory_of_the_slice() -> None:
    assert any("48 are listed" in text_of(x) for x in machine("vgpu-slice").unknown)


def test_a_card_divided_by_mig_is_said_and_not_counted() -> None:
    assert len(machine("h100-mig").gpus) == 1
    assert any("MIG" in text_of(x) for x in machine("h100-mig").unknown)


def test_a_silent_driver_is_named_with_the_remedy() -> None:
    text = texts_of(machine("nvidia-without-driver").unknown)
    assert "NVML Shared Library Not Found" in text
    assert "docs/install.md" in text
    assert not any("did not answer" in text_of(x) for x in machine("nvidia-smi-only").unknown)


def test_a_limit_below_the_memory_is_the_memory() -> None:
    assert machine("container-with-limit").memory_gib == 32
    assert any("32.0 of" in text_of(x) for x in machine("container-with-limit").unknown)


def test_the_power_limit_that_is_set_is_taken_unless_it_cannot_be_meant() -> None:
    assert machine("rtx-4090-laptop").gpus[0].tdp_w == 175
    known = dump("rtx-4090-laptop")
    assert known.nvidia
    odd = replace(known, nvidia=(replace(known.nvidia[0], power_limit_w=4999.0),))
    assert machine_of(odd).gpus[0].tdp_w == 150  # as listed


def test_cores_are_physical_ones_and_the_processor_is_named() -> None:
    found = machine("two-rtx-3090")
    assert (found.cores, found.cpu) == (16, "AMD Ryzen 9 5950X 16-Core Processor")
    assert machine("dgx-spark").cpu is None
    assert any("processor" in text_of(x) for x in machine("dgx-spark").unknown)


@pytest.mark.parametrize("system", ["Linux", "Darwin", "Windows", "Plan9"])
def test_a_dump_of_nothing_is_a_machine_of_which_nothing_is_known(system: str) -> None:
    found = machine_of(Dump(system=system))
    assert found.gpus == ()
    assert (found.memory_gib, found.memory_bandwidth_gb_s, found.cpu) == (None, None, None)
    assert len(found.unknown) >= 4


@given(st.sampled_from(NAMES), st.floats(0, 1))
def test_a_truncated_text_is_read_as_far_as_it_goes(name: str, share: float) -> None:
    whole = dump(name)
    cut = replace(
        whole,
        files={path: text[: int(len(text) * share)] for path, text in whole.files.items()},
        commands={path: text[: int(len(text) * share)] for path, text in whole.commands.items()},
    )
    known = {gpu.name for gpu in machine_of(whole).gpus}
    for gpu in machine_of(cut).gpus:  # fewer, or less is known, but never another
        assert gpu.name in known or gpu.name.split()[0] in {"M4", "M2", "Radeon", "Arc"}


TEXTS = st.text(max_size=200)


@given(st.data())
def test_any_text_in_any_file_ends_in_a_machine(data: st.DataObject) -> None:
    known = dump(data.draw(st.sampled_from(NAMES)))
    files = {path: data.draw(st.one_of(st.just(text), TEXTS)) for path, text in known.files.items()}
    commands = {name: data.draw(TEXTS) for name in known.commands}
    found = machine_of(replace(known, files=files, commands=commands))
    assert all(gpu.memory_gib > 0 and gpu.bandwidth_gb_s > 0 for gpu in found.gpus)


@given(st.builds(NvidiaFacts, name=TEXTS))
def test_any_name_of_a_gpu_is_known_or_not_counted(facts: NvidiaFacts) -> None:
    found = machine_of(Dump(system="Linux", nvidia=(facts,)))
    assert len(found.gpus) <= 1
    assert found.gpus or found.unknown
