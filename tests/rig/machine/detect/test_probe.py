"""The edge reads what is there, keeps nothing that tells of a person, and fails on nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shiomi.rig.errors import MachineError
from shiomi.rig.machine.detect import machine_of, parse_dump, probe
from shiomi.rig.machine.detect.probe import _cpu_only, _linux_files, timed_reading

GIB = 2**30


def tree(root: Path, files: dict[str, str]) -> Path:
    for path, text in files.items():
        file = root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return root


def test_this_machine_is_read_and_its_dump_is_json() -> None:
    dump = probe()
    assert parse_dump(json.loads(json.dumps(dump.json()))) == dump
    machine = machine_of(dump)
    assert machine.memory_gib is not None
    assert machine.cores is not None


def test_files_are_read_below_the_root_and_serial_numbers_stay_there(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        {
            "/proc/meminfo": "MemTotal:       65777000 kB\nMemFree: 1 kB\n",
            "/proc/cpuinfo": "processor\t: 0\nmodel name\t: A CPU\nflags\t\t: fpu hypervisor sse\n"
            "core id\t\t: 0\nmicrocode\t: 0x1\n\nprocessor\t: 1\ncore id\t\t: 0\n",
            "/run/udev/data/+dmi:id": "E:ID_SERIAL=abc\nE:MEMORY_DEVICE_0_SERIAL_NUMBER=secret\n"
            "E:MEMORY_DEVICE_0_SIZE=17179869184\nE:MEMORY_DEVICE_0_TYPE=DDR5\n"
            "E:MEMORY_DEVICE_0_CONFIGURED_SPEED_MTS=6000\n"
            "E:MEMORY_DEVICE_0_BANK_LOCATOR=P0 CHANNEL A\n",
            "/sys/class/drm/card1/device/vendor": "0x1002\n",
            "/sys/class/drm/card1/device/device": "0x744c\n",
            "/sys/class/drm/card1/device/revision": "0xc8\n",
            "/sys/class/drm/card1/device/mem_info_vram_total": str(24 * GIB),
            "/sys/class/drm/card1-HDMI-A-1/device/vendor": "0x1002\n",
            "/usr/share/libdrm/amdgpu.ids": "73BF,\tC0,\tother\n744C,\tC8,\tAMD Radeon RX 7900 XTX",
        },
    )
    dump = probe(root)
    files = _linux_files(root)
    assert "secret" not in json.dumps(files)
    assert "abc" not in json.dumps(files)
    assert "MemFree" not in files["/proc/meminfo"]
    assert "fpu" not in files["/proc/cpuinfo"]
    assert "other" not in files["/usr/share/libdrm/amdgpu.ids"]
    if dump.system == "Linux":
        machine = machine_of(dump)
        assert [gpu.name for gpu in machine.gpus] == ["Radeon RX 7900 XTX"]
        assert machine.cores == 1
        assert machine.memory_gib == pytest.approx(62.7, abs=0.1)


def test_a_root_with_nothing_or_with_broken_files_is_no_error(tmp_path: Path) -> None:
    assert _linux_files(tmp_path) == {}
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "cpuinfo").write_bytes(b"\xff\xfe\0model name\t: \xf0")
    (tmp_path / "sys" / "class").mkdir(parents=True)
    (tmp_path / "sys" / "class" / "drm").write_text("a file, no folder")
    assert machine_of(probe(tmp_path)).gpus == machine_of(probe(tmp_path)).gpus


def test_of_the_flags_only_the_hypervisor_is_kept() -> None:
    text = "processor\t: 0\nflags\t\t: fpu hypervisor\nbogomips\t: 1"
    assert _cpu_only(text) == "processor\t: 0\nflags\t\t: hypervisor"
    assert _cpu_only("processor\t: 0\nflags\t\t: fpu") == "processor\t: 0"


def test_a_large_file_is_timed_and_a_small_or_absent_one_refused(tmp_path: Path) -> None:
    file = tmp_path / "model"
    file.write_bytes(bytes(64 * 2**20))
    ticks = iter([10.0, 10.5])
    assert timed_reading(file, clock=lambda: next(ticks)) == 2 * 64 * 2**20
    (tmp_path / "small").write_bytes(b"x")
    with pytest.raises(MachineError, match="64 MB or more"):
        timed_reading(tmp_path / "small")
    with pytest.raises(MachineError, match="cannot be read"):
        timed_reading(tmp_path / "absent")
