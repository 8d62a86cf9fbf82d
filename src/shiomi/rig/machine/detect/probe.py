"""Collect raw facts: read files, ask NVML and system tools, with limits on time and size.

Nothing that identifies a person or a machine is kept: no serial numbers, host names, paths
of a home or network addresses.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shiomi.rig.errors import MachineError
from shiomi.rig.machine.detect.apple import PROFILER, SYSCTL
from shiomi.rig.machine.detect.drm import AMDGPU_IDS, DRM_FIELDS
from shiomi.rig.machine.detect.dump import Dump, NvidiaFacts
from shiomi.rig.machine.detect.nvidia import SMI
from shiomi.rig.machine.detect.system import CGROUP_LIMITS, DMI, DMIDECODE, UDEV_DMI

__all__ = ["probe", "timed_reading"]

_MOST_BYTES = 1_000_000  # of a file
_COMMAND_SECONDS = 15.0
_CPU_KEYS = ("processor", "model name", "Model", "cpu model", "physical id", "core id", "flags")
_DMI_KEYS = (
    "Memory Device", "Size:", "Type:", "Speed:", "Locator:", "Bank Locator:",
    "Configured Memory Speed:", "Configured Clock Speed:",
)  # fmt: skip
_READ_AT_MOST = 8 * 2**30
_LEAST_TO_TIME = 64 * 2**20


def probe(root: Path = Path("/"), *, disk: Path = Path()) -> Dump:
    """Gather the facts of this machine. `root` is the folder that has proc/ and sys/. `disk` is a
    folder; the free space of its disk is reported.

    Facts that cannot be read are missing in the dump; they do not raise an error.
    """
    system = platform.system()
    files = _linux_files(root) if system == "Linux" else {}
    commands = {}
    drivers, error = _nvml()
    if drivers is None and (text := _run(SMI.split())):
        commands[SMI] = text
    if system == "Linux" and UDEV_DMI not in files and (text := _run(DMIDECODE.split())):
        commands[DMIDECODE] = _kept(text, _DMI_KEYS)
    if system == "Darwin":
        if text := _run(SYSCTL.split()):
            commands[SYSCTL] = text
        if text := _run(PROFILER.split()):
            commands[PROFILER] = _chip_only(text)
    return Dump(
        system=system,
        files=files,
        commands=commands,
        nvidia=drivers,
        nvidia_error=error,
        memory_bytes=_memory_bytes(),
        cores=_usable_cores(),
        disk_free_bytes=_free(disk),
    )


def timed_reading(path: Path, *, clock: Callable[[], float] = time.perf_counter) -> float:
    """Measure how fast a large file is read without the system's cache, in bytes per second.

    Raises MachineError if it cannot be read or is too small to measure.
    """
    try:
        with path.open("rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            if size < _LEAST_TO_TIME:
                raise MachineError(
                    f"{path} has {size / 1e6:.0f} MB; give a file of 64 MB or more, such as a model"
                )
            if hasattr(os, "posix_fadvise"):
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            started, done = clock(), 0
            while done < _READ_AT_MOST and (part := file.read(2**23)):
                done += len(part)
            seconds = clock() - started
    except OSError as error:
        raise MachineError(f"{path} cannot be read: {error.strerror}") from error
    if seconds <= 0:
        raise MachineError(f"{path} was read in no time; try again with a larger file")
    return done / seconds


def _linux_files(root: Path) -> dict[str, str]:
    paths = ["/proc/meminfo", "/proc/version", UDEV_DMI, *DMI, *CGROUP_LIMITS]
    files = {path: text for path in paths if (text := _read(root, path))}
    if UDEV_DMI in files:
        lines = re.findall(r"^E:MEMORY_DEVICE_\d+_.*$", files[UDEV_DMI], re.MULTILINE)
        kept = [x for x in lines if "SERIAL" not in x and "ASSET" not in x]
        files[UDEV_DMI] = "\n".join(kept)
    files["/proc/meminfo"] = _kept(files.get("/proc/meminfo", ""), ("MemTotal:",))
    if text := _read(root, "/proc/cpuinfo"):
        files["/proc/cpuinfo"] = _cpu_only(text)
    files |= _cards(root)
    return {path: text for path, text in files.items() if text}


def _cards(root: Path) -> dict[str, str]:
    files: dict[str, str] = {}
    folder = root / "sys/class/drm"
    try:
        names = sorted(x.name for x in folder.iterdir() if re.fullmatch(r"card\d{1,3}", x.name))
    except OSError:
        return {}
    for name in names[:64]:
        for field in DRM_FIELDS:
            path = f"/sys/class/drm/{name}/device/{field}"
            if text := _read(root, path):
                files[path] = text
    devices = {text.strip()[2:].lower() for path, text in files.items() if path.endswith("/device")}
    lines = [
        line
        for line in _read(root, AMDGPU_IDS).splitlines()
        if line.split(",")[0].strip().lower() in devices
    ]
    return files | ({AMDGPU_IDS: "\n".join(lines)} if lines else {})


def _read(root: Path, path: str) -> str:
    try:
        with (root / path.lstrip("/")).open("rb") as file:
            return file.read(_MOST_BYTES).decode("utf-8", "replace").replace("\0", "")
    except OSError:
        return ""


def _run(command: list[str]) -> str:
    """Return the output of a program; "" if it is missing, fails or takes too long."""
    program = shutil.which(command[0])
    if program is None:
        return ""
    try:
        done = subprocess.run(  # noqa: S603 - fixed commands, no shell
            [program, *command[1:]],
            capture_output=True,
            timeout=_COMMAND_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
            env=os.environ | {"LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout[:_MOST_BYTES].decode("utf-8", "replace")  # sysctl fails for unknown names


def _kept(text: str, begins: tuple[str, ...]) -> str:
    return "\n".join(x for x in text.splitlines() if x.strip().startswith(begins))


def _cpu_only(text: str) -> str:
    """Keep the required fields of each processor. Of its flags, keep only "hypervisor"."""
    blocks = []
    for block in text.split("\n\n"):
        lines = [x for x in block.splitlines() if x.split("\t")[0].strip(" :") in _CPU_KEYS]
        short = [
            x if not x.startswith("flags") else "flags\t\t: hypervisor"
            for x in lines
            if not x.startswith("flags") or re.search(r"\bhypervisor\b", x)
        ]
        blocks.append("\n".join(short))
    return "\n\n".join(x for x in blocks if x)


def _chip_only(text: str) -> str:
    """Keep the GPU's name and cores of system_profiler's answer."""
    try:
        said = json.loads(text)
        entries = [
            {key: str(entry[key]) for key in ("sppci_model", "sppci_cores") if key in entry}
            for entry in said["SPDisplaysDataType"]
        ]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return json.dumps({"SPDisplaysDataType": entries})


def _nvml() -> tuple[tuple[NvidiaFacts, ...] | None, str]:
    """Return all GPUs of NVML, and the reason if there are none."""
    try:
        import pynvml
    except ImportError:
        return None, "the package nvidia-ml-py is not installed"
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        return None, str(error)
    try:
        count = pynvml.nvmlDeviceGetCount()
        handles = [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(count)]
        return tuple(_facts(pynvml, handle) for handle in handles), ""
    except pynvml.NVMLError as error:
        return None, str(error)
    finally:
        pynvml.nvmlShutdown()


def _facts(nvml: Any, handle: Any) -> NvidiaFacts:
    def told(call: str, *arguments: Any) -> Any:
        try:
            return getattr(nvml, call)(handle, *arguments)
        except (nvml.NVMLError, AttributeError):
            return None

    name = told("nvmlDeviceGetName") or "an NVIDIA GPU"
    memory = told("nvmlDeviceGetMemoryInfo")
    power = told("nvmlDeviceGetPowerManagementLimit")
    capability = told("nvmlDeviceGetCudaComputeCapability")
    mig = told("nvmlDeviceGetMigMode")
    return NvidiaFacts(
        name=name.decode() if isinstance(name, bytes) else str(name),
        memory_bytes=int(memory.total) if memory is not None else None,
        power_limit_w=power / 1000 if power else None,
        memory_clock_mhz=told("nvmlDeviceGetMaxClockInfo", nvml.NVML_CLOCK_MEM),
        bus_width_bits=told("nvmlDeviceGetMemoryBusWidth"),
        compute_capability=".".join(map(str, capability)) if capability else None,
        mig=bool(mig[0]) if mig else None,
    )


def _memory_bytes() -> int | None:
    try:
        import psutil
    except ImportError:
        return None
    return int(psutil.virtual_memory().total)


def _usable_cores() -> int | None:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def _free(disk: Path) -> int | None:
    try:
        return shutil.disk_usage(disk).free
    except OSError:
        return None
