"""A machine's file is a dump, what `detect --json` prints, or a few lines; else it is named."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from shiomi.rig.errors import AmbiguousPartError, MachineError, RigError
from shiomi.rig.machine.detect import Dump
from shiomi.rig.machine.file import parse_machine, read_machine
from shiomi.rig.machine.simulate import simulated
from shiomi.rig.report.fit_report import machine_json


@pytest.mark.parametrize("text", ["RTX 3090 x2, 64 GB", "M2 Ultra 76-core, 192 GB", "16 GB"])
def test_what_is_written_is_read_again(text: str) -> None:
    machine = simulated(text)
    said = json.loads(json.dumps(machine_json(machine)))
    again = parse_machine(said, name="x")
    assert replace(again, unknown=()) == replace(machine, unknown=())
    assert len(again.unknown) == len(machine.unknown)


def test_a_few_lines_are_enough(tmp_path: Path) -> None:
    file = tmp_path / "den.json"
    file.write_text('{"gpus": ["RTX 3090", "RTX 3090"], "memory_gib": 64, "cores": 8}')
    machine = read_machine(file)
    assert machine.name == "den"
    assert [gpu.name for gpu in machine.gpus] == ["GeForce RTX 3090"] * 2
    assert (machine.memory_gib, machine.cores) == (64, 8)


def test_a_dump_is_a_machine_too(tmp_path: Path) -> None:
    file = tmp_path / "dump.json"
    file.write_text(json.dumps(Dump("Linux", memory_bytes=2**34).json()))
    assert read_machine(file).memory_gib == 16


GPU: dict[str, Any] = {
    "name": "New GPU",
    "vendor": "nvidia",
    "architecture": "blackwell",
    "memory_gib": 24,
    "bandwidth_gb_s": 900,
}


def test_a_gpu_that_no_table_has_is_told_by_its_figures() -> None:
    gpu = parse_machine({"gpus": [GPU]}, name="x").gpus[0]
    assert (gpu.name, gpu.memory_gib, gpu.fp16_tflops) == ("New GPU", 24, None)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ([], "got a list"),
        ({"format": "another"}, "format must be"),
        ({"memory_gb": 64}, "did you mean memory_gib?"),
        ({"gpus": "RTX 3090"}, "a list"),
        ({"gpus": ["RTX 3090"] * 65}, "at most 64"),
        ({"gpus": [3]}, "a name or an object"),
        ({"gpus": [{"name": "x"}]}, "needs name"),
        ({"gpus": [GPU | {"vendor": "acme"}]}, "must be one of"),
        ({"gpus": [GPU | {"memory_gib": -1}]}, "must be"),
        ({"gpus": [GPU | {"memry": 1}]}, "has no 'memry'"),
        ({"memory_gib": "64"}, "must be"),
        ({"memory_gib": 1e30}, "must be"),
        ({"memory_gib": True}, "must be"),
        ({"name": 3}, "short text"),
        ({"unknown": [3]}, "sentences"),
    ],
)
def test_what_cannot_be_meant_is_named(said: object, reason: str) -> None:
    with pytest.raises(MachineError, match=reason):
        parse_machine(said, name="x")


def test_a_name_that_may_be_several_is_asked_back() -> None:
    with pytest.raises(AmbiguousPartError):
        parse_machine({"gpus": ["RTX 3060"]}, name="x")


@pytest.mark.parametrize(
    "data", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"gpus": ["RTX' + b"9" * 9_000_000]
)
def test_a_broken_file_is_named(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "broken.json"
    file.write_bytes(data)
    with pytest.raises(RigError, match=r"broken\.json"):
        read_machine(file)
