"""Read and write a measurement on this machine as JSON, for the commands that estimate."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from shiomi.rig.errors import MeasureError
from shiomi.rig.estimate.coefficients import Calibration
from shiomi.rig.estimate.people import KINDS
from shiomi.rig.machine.detect.dump import number

__all__ = ["FORMAT", "calibration_json", "read_calibration"]

FORMAT = "shiomi-rig-calibration 2"
_MOST_BYTES = 64 * 1024
_FACTORS = ("decode", "speed")


def calibration_json(calibration: Calibration) -> dict[str, Any]:
    """Return an object for json.dumps; `read_calibration` reads it back."""
    return {"format": FORMAT, **asdict(calibration)}


def read_calibration(path: Path) -> Calibration:
    """Return the calibration in a file. Raises MeasureError if `measure -o` did not write it."""
    try:
        with path.open("rb") as file:
            said = json.loads(file.read(_MOST_BYTES))
    except OSError as error:
        raise MeasureError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise MeasureError(f"{path} is not JSON: {error}") from error
    if not isinstance(said, Mapping) or said.get("format") != FORMAT:
        raise MeasureError(f"{path} is not a calibration; `shiomi rig measure -o` writes one")
    factors = {key: number(said.get(key), 0.01, 1e6) for key in (*_FACTORS, "prefill")}
    missing = [key for key in _FACTORS if factors[key] is None]
    if missing or not isinstance(said.get("model"), str):
        raise MeasureError(
            f"{path}: {missing[0] if missing else 'model'} is missing or out of range"
        )
    if said.get("kind") not in KINDS:
        raise MeasureError(f"{path}: kind must be one of {', '.join(KINDS)}")
    return Calibration(
        decode=float(factors["decode"] or 0.0),
        prefill=factors["prefill"],
        kind=said["kind"],
        speed=float(factors["speed"] or 0.0),
        model=said["model"][:200],
    )
