"""Read a machine from a file: output of `detect --dump` or `detect --json`, or a few lines.

A few lines are enough:

    {"gpus": ["RTX 3090", "RTX 3090"], "memory_gib": 64, "memory_bandwidth_gb_s": 51.2}

A GPU is given by its exact name or as an object with the fields of `Gpu`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

from shiomi.rig.errors import MachineError
from shiomi.rig.machine.detect.dump import FORMAT, number, parse_dump
from shiomi.rig.machine.detect.machine_of import machine_of
from shiomi.rig.machine.gpus import find_gpu
from shiomi.rig.machine.machine import Gpu, Machine, Vendor
from shiomi.toml_file import nearest

__all__ = ["parse_machine", "read_machine"]

_MOST_BYTES = 8 * 2**20
_MOST_GPUS = 64
_LONGEST = 300
_BOUNDS: dict[str, tuple[float, float]] = {
    "memory_gib": (0.1, 65_536), "lent_gib": (0.1, 65_536), "memory_bandwidth_gb_s": (1, 100_000),
    "cores": (1, 4096), "disk_read_gb_s": (0.001, 1000), "disk_free_gb": (0, 1e9),
    "bandwidth_gb_s": (1, 100_000), "fp16_tflops": (0.01, 100_000), "tdp_w": (1, 5000),
}  # fmt: skip


def read_machine(path: Path) -> Machine:
    """Return the machine a file describes.

    Raises MachineError if it cannot be read or has an impossible value, UnknownPartError and
    AmbiguousPartError for the name of a GPU.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise MachineError(
                f"{path} has more than {_MOST_BYTES} bytes; so it is not a machine's file"
            )
        said = json.loads(data)
    except OSError as error:
        raise MachineError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise MachineError(f"{path} is not JSON: {error}") from error
    return parse_machine(said, name=path.stem)


def parse_machine(said: object, *, name: str) -> Machine:
    """Return the machine that a JSON document describes. Raises as `read_machine` does."""
    if not isinstance(said, Mapping):
        raise MachineError(f"a machine must be a JSON object, got a {type(said).__name__}")
    if "format" in said:
        if said["format"] == FORMAT:
            return machine_of(parse_dump(said))
        raise MachineError(f"format must be {FORMAT!r}, got {str(said['format'])[:60]!r}")
    _known_keys(said, {x.name for x in fields(Machine)}, "a machine")
    gpus = said.get("gpus") or []
    if not isinstance(gpus, list) or len(gpus) > _MOST_GPUS:
        raise MachineError(f"`gpus` must be a list of at most {_MOST_GPUS} names or objects")
    unknown = said.get("unknown") or []
    if not isinstance(unknown, list) or not all(isinstance(x, str) for x in unknown):
        raise MachineError("`unknown` must be a list of sentences")
    cores = _figure(said, "cores")
    return Machine(
        name=_word(said, "name") or name,
        gpus=tuple(_gpu(x) for x in gpus),
        memory_gib=_figure(said, "memory_gib"),
        memory_bandwidth_gb_s=_figure(said, "memory_bandwidth_gb_s"),
        cpu=_word(said, "cpu"),
        cores=None if cores is None else int(cores),
        disk_read_gb_s=_figure(said, "disk_read_gb_s"),
        disk_free_gb=_figure(said, "disk_free_gb"),
        unknown=tuple(x[:_LONGEST] for x in unknown),
    )


def _gpu(said: object) -> Gpu:
    if isinstance(said, str):
        return find_gpu(said)
    if not isinstance(said, Mapping):
        raise MachineError(f"a GPU must be a name or an object, got {said!r:.60}")
    _known_keys(said, {x.name for x in fields(Gpu)}, "a GPU")
    name, vendor = _word(said, "name"), said.get("vendor")
    memory, bandwidth = _figure(said, "memory_gib"), _figure(said, "bandwidth_gb_s")
    architecture = _word(said, "architecture")
    if name is None or memory is None or bandwidth is None or architecture is None:
        raise MachineError(
            f"the GPU {name or said!r:.60} needs name, vendor, architecture, memory_gib and "
            "bandwidth_gb_s; or give its name alone"
        )
    if vendor not in set(Vendor):
        raise MachineError(f"{name}: vendor must be one of {', '.join(Vendor)}, got {vendor!r:.40}")
    return Gpu(
        name=name,
        vendor=Vendor(str(vendor)),
        architecture=architecture,
        memory_gib=memory,
        bandwidth_gb_s=bandwidth,
        fp16_tflops=_figure(said, "fp16_tflops"),
        tdp_w=_figure(said, "tdp_w"),
        unified=said.get("unified") is True,
        lent_gib=_figure(said, "lent_gib"),
        source=_word(said, "source") or "",
    )


def _known_keys(said: Mapping[str, object], known: set[str], what: str) -> None:
    for key in said:
        if key not in known:
            raise MachineError(f"{what} has no {str(key)[:40]!r}; {nearest(str(key), known)}")


def _figure(said: Mapping[str, object], key: str) -> float | None:
    """Return a number within its bounds; None if it is not given."""
    value = said.get(key)
    if value is None:
        return None
    least, most = _BOUNDS[key]
    found = None if isinstance(value, str) else number(value, least, most)
    if found is None:
        raise MachineError(f"{key} must be {least:g} to {most:g}, got {value!r:.40}")
    return found


def _word(said: Mapping[str, object], key: str) -> str | None:
    value = said.get(key)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > _LONGEST:
        raise MachineError(f"{key} must be a short text, got {value!r:.40}")
    return value
