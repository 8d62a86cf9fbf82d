"""A dump that is none is refused, and numbers that cannot be meant are taken as not told."""

from __future__ import annotations

from typing import Any

import pytest

from shiomi.rig.errors import MachineError
from shiomi.rig.machine.detect import machine_of, parse_dump
from shiomi.rig.machine.detect.dump import FORMAT, number
from shiomi.rig.report.wording import text_of

BARE: dict[str, Any] = {"format": FORMAT, "system": "Linux"}


@pytest.mark.parametrize(
    "said",
    [
        None,
        [],
        {},
        {"format": "another"},
        BARE | {"system": 3},
        BARE | {"files": []},
        BARE | {"files": {"/proc/cpuinfo": 3}},
        BARE | {"files": {"/x": "y" * 2_000_000}},
        BARE | {"files": {str(i): "" for i in range(5000)}},
        BARE | {"commands": "ls"},
        BARE | {"nvidia": {}},
        BARE | {"nvidia": [{}]},
        BARE | {"nvidia": [{"name": 3}]},
        BARE | {"nvidia": [{"name": "x"}] * 5000},
    ],
)
def test_what_is_no_dump_is_refused(said: object) -> None:
    with pytest.raises(MachineError):
        parse_dump(said)


@pytest.mark.parametrize("value", [-1, 0, 1e30, float("nan"), float("inf"), True, "many", [], None])
def test_a_number_that_cannot_be_meant_is_not_told(value: object) -> None:
    nvidia = {"name": "NVIDIA GeForce RTX 3090", "memory_bytes": value, "power_limit_w": value}
    dump = parse_dump(BARE | {"nvidia": [nvidia], "memory_bytes": value, "cores": value})
    assert dump.nvidia
    assert dump.nvidia[0].memory_bytes is None
    machine = machine_of(dump)
    assert machine.memory_gib is None
    assert machine.cores is None
    assert machine.gpus[0].memory_gib == 24  # one size of it is sold
    assert any("24 GiB" in text_of(x) and "listed" in text_of(x) for x in machine.unknown)


def test_numbers_may_be_texts_as_tools_print_them() -> None:
    assert number("12288", 1, 1e6) == 12288
    assert number("1" * 50, 1, 1e60) is None
