"""Detect processor, memory and kind of system from /proc, /sys and dmidecode."""

from __future__ import annotations

import re

from shiomi.rig.machine.detect.apple import sysctl
from shiomi.rig.machine.detect.dump import Dump, number
from shiomi.rig.machine.machine import GIB
from shiomi.rig.message import Text, reason

__all__ = [
    "CGROUP_LIMITS", "DMI", "DMIDECODE", "UDEV_DMI", "cores", "cpu_name", "is_virtual", "is_wsl",
    "memory_bandwidth", "memory_gib", "product",
]  # fmt: skip

DMIDECODE = "dmidecode -t 17"  # needs root; only size, kind, speed, widths and slot names are kept
UDEV_DMI = "/run/udev/data/+dmi:id"  # the same facts from udev since systemd 248, for all users
DMI = ("/sys/class/dmi/id/sys_vendor", "/sys/class/dmi/id/product_name")
CGROUP_LIMITS = (
    "/sys/fs/cgroup/memory.max",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
)
_HYPERVISORS = ("qemu", "kvm", "vmware", "virtualbox", "xen", "microsoft corporation virtual")
_SAYS_NOTHING = (
    "system manufacturer",
    "system product name",
    "to be filled by o.e.m.",
    "default string",
)
_KINDS = {"DDR3", "DDR4", "DDR5"}  # channels of 64 bits; firmware reports soldered LPDDR variously
_MOST_CHANNELS = 24  # two sockets of 12
# Slot names that state the channel: "Controller1-ChannelA-DIMM0", "P0 CHANNEL B", "CPU1_DIMM_C2".
_CHANNEL = re.compile(
    r"(?:(?P<before>(?:controller|cpu|node|proc|p)[ _]?\d+)[ _-]*)?"
    r"(?:channel[ _-]?(?P<channel>[a-p])|dimm[ _-]?(?P<dimm>[a-p])\d?)(?![a-z])",
    re.IGNORECASE,
)


def cpu_name(dump: Dump) -> str | None:
    """Return the processor's own name."""
    if brand := sysctl(dump).get("machdep.cpu.brand_string"):
        return brand[:200]
    found = re.search(
        r"^(?:model name|Model|cpu model)\s*:\s*(\S.*)$",
        dump.files.get("/proc/cpuinfo", ""),
        re.MULTILINE,
    )
    return " ".join(found[1].split())[:200] if found else None


def cores(dump: Dump) -> int | None:
    """Return the physical cores if known, else the cores that this process may use."""
    told = number(sysctl(dump).get("hw.physicalcpu"), 1, 4096)
    if told is not None:
        return int(told)
    seen = set()
    for block in dump.files.get("/proc/cpuinfo", "").split("\n\n"):
        fields = {
            name.strip(): value.strip()
            for name, _, value in (line.partition(":") for line in block.splitlines())
        }
        if "core id" in fields:
            seen.add((fields.get("physical id", "0"), fields["core id"]))
    return len(seen) or dump.cores


def memory_gib(dump: Dump) -> tuple[float | None, Text]:
    """Return the system's memory, and a note if a lower limit is set."""
    total = number(sysctl(dump).get("hw.memsize"), 1e6, 2**50)
    found = re.search(
        r"^MemTotal:\s*(\d{1,15}) kB", dump.files.get("/proc/meminfo", ""), re.MULTILINE
    )
    if found:
        total = int(found[1]) * 1024.0
    if total is None:
        total = dump.memory_bytes
    for path in CGROUP_LIMITS:
        limit = number(dump.files.get(path, "").strip(), 1e6, 2**50)
        if limit is not None and total is not None and limit < total:
            note = reason("memory_limit", limit=f"{limit / GIB:.1f}", total=f"{total / GIB:.1f}")
            return limit / GIB, note
    return (None, "") if total is None else (total / GIB, "")


def is_wsl(dump: Dump) -> bool:
    """Return whether this is Linux inside Windows."""
    return "microsoft" in dump.files.get("/proc/version", "").casefold()


def is_virtual(dump: Dump) -> bool:
    """Return whether this is a virtual machine."""
    maker = " ".join(dump.files.get(path, "") for path in DMI).casefold()
    flags = re.search(
        r"^flags\s*:.*\bhypervisor\b", dump.files.get("/proc/cpuinfo", ""), re.MULTILINE
    )
    return flags is not None or any(x in maker for x in _HYPERVISORS)


def product(dump: Dump) -> Text:
    """Return the machine's maker and model from its firmware, else "this machine"."""
    said = [dump.files.get(path, "").strip() for path in DMI]
    words = [x for x in said if x and x.casefold() not in _SAYS_NOTHING]
    name = " ".join(" ".join(words).split())[:100] or sysctl(dump).get("hw.model")
    return name or reason("this_machine")


def memory_bandwidth(dump: Dump) -> tuple[float | None, Text]:
    """Return the GB/s of the system's memory, computed from its modules, or why it is unknown."""
    modules = _udev_modules(dump.files.get(UDEV_DMI, "")) or _dmidecode_modules(
        dump.commands.get(DMIDECODE, "")
    )
    present = [x for x in modules if x.get("size", "").strip().casefold() not in _ABSENT]
    if not present:
        return None, reason("modules_not_told")
    kinds = {x.get("type", "") for x in present}
    rates = {_rate(x) for x in present}
    channels = {_channel(x) for x in present}
    rate = rates.pop()
    alike = len(kinds) == 1 and kinds <= _KINDS and not rates
    if not alike or rate is None or None in channels or len(channels) > _MOST_CHANNELS:
        return None, reason("bandwidth_does_not_follow")
    return len(channels) * rate * 8 / 1000, ""


_ABSENT = ("", "0", "no module installed", "unknown")


def _rate(module: dict[str, str]) -> float | None:
    """Return the million transfers per second: the configured rate, else the rated one."""
    for key in ("configured", "speed"):
        if found := re.match(r"\d{3,5}", module.get(key, "")):
            return number(found[0], 200, 20_000)
    return None


def _channel(module: dict[str, str]) -> str | None:
    """Return the channel of a module; None if its slot name does not state it."""
    for key in ("bank", "locator"):
        if found := _CHANNEL.search(module.get(key, "")):
            return f"{found['before'] or ''} {found['channel'] or found['dimm']}".casefold()
    both = f"{module.get('bank', '')} {module.get('locator', '')}"
    return None if not (found := _CHANNEL.search(both)) else found[0].casefold()


def _udev_modules(text: str) -> list[dict[str, str]]:
    names = {
        "SIZE": "size",
        "TYPE": "type",
        "SPEED_MTS": "speed",
        "CONFIGURED_SPEED_MTS": "configured",
        "LOCATOR": "locator",
        "BANK_LOCATOR": "bank",
    }
    modules: dict[int, dict[str, str]] = {}
    for found in re.finditer(r"^(?:E:)?MEMORY_DEVICE_(\d{1,3})_(\w+)=(.*)$", text, re.MULTILINE):
        if found[2] in names:
            modules.setdefault(int(found[1]), {})[names[found[2]]] = found[3].strip()
    return list(modules.values())


def _dmidecode_modules(text: str) -> list[dict[str, str]]:
    names = {
        "Size": "size",
        "Type": "type",
        "Speed": "speed",
        "Configured Memory Speed": "configured",
        "Configured Clock Speed": "configured",
        "Locator": "locator",
        "Bank Locator": "bank",
    }
    modules = []
    for block in text.split("Memory Device")[1:]:
        fields = {}
        for line in block.splitlines():
            name, _, value = line.strip().partition(":")
            if name in names:
                fields[names[name]] = value.strip()
        modules.append(fields)
    return modules
