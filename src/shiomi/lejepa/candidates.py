"""Read runs from disk as candidates for a selection."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean

from shiomi.lejepa.config import flat
from shiomi.lejepa.errors import RunError
from shiomi.lejepa.metrics import read_metrics
from shiomi.lejepa.run_folder import RunFolder
from shiomi.lejepa.selection import Candidate, Selection, rank_candidates

__all__ = ["read_candidate", "select_runs"]

_LAST = 0.1  # the final loss is the mean over this last share of the steps
_SAME = (
    "images",
    "training.variant",
    "training.batch_size",
    "training.slices",
    "global_views",
    "local_views",
    "projector_width",
    "global_size",
    "global_scale",
)
"""Settings that change the scores even if the quality of the features stays the same. All
augmentations are also such settings."""


def select_runs(paths: Sequence[Path]) -> Selection:
    """Rank the runs at `paths`. If a folder is not a run, the runs inside this folder are used.

    Raises
    ------
    RunError
        A path is not a run and contains none, or a run has no measured loss.
    InputError
        A loss is not finite, or no path is given.
    """
    folders = [folder for path in paths for folder in _folders(path)]
    names = {folder: folder.path.name for folder in folders}
    if len(set(names.values())) < len(names):
        names = {folder: str(folder.path) for folder in folders}
    candidates, notes = [], []
    for folder, name in names.items():
        candidate = replace(read_candidate(folder), name=name)
        candidates.append(candidate)
        if not folder.encoder.exists():
            notes.append(f"{name} has not ended; its loss is that of the last steps so far")
    notes += _differences(list(names))
    return replace(rank_candidates(candidates), notes=tuple(notes))


def read_candidate(folder: RunFolder) -> Candidate:
    """Return a run's final loss (the mean over the last tenth of its steps), λ and last evaluation.

    Raises RunError if the folder is not a run or has no measured loss.
    """
    config = folder.read_config()
    try:
        rows = read_metrics(folder.metrics)
    except OSError:
        rows = []
    losses = [(row["step"] or 0, row["loss"]) for row in rows if row.get("loss") is not None]
    if not losses:
        raise RunError(f"{folder.path} has no measured loss yet; let it train for some steps")
    last = losses[-1][0] * (1 - _LAST)
    loss = fmean(value for step, value in losses if step >= last and value is not None)
    try:
        evaluated = read_metrics(folder.evaluations)[-1]
    except (OSError, IndexError):
        evaluated = {}
    lam = config.training.objective.lam
    known = {name: evaluated.get(name) for name in ("rankme", "retrieval", "knn", "probe")}
    return Candidate(folder.path.name, loss if math.isfinite(loss) else math.nan, lam, **known)


def _folders(path: Path) -> list[RunFolder]:
    if RunFolder(path).config.exists() or not path.is_dir():
        RunFolder(path).read_config()  # raises an error that names the problem
        return [RunFolder(path)]
    found = [RunFolder(one.parent) for one in sorted(path.glob("*/config.json"))]
    if not found:
        raise RunError(f"no training run found in {path}; `shiomi lejepa pretrain` makes runs")
    return found


def _differences(folders: Sequence[RunFolder]) -> list[str]:
    """List the settings that differ between the runs and that change the scores directly."""
    configs = [flat(folder.read_config()) for folder in folders]
    notes = []
    drawn = sorted({key for one in configs for key in one if key.startswith("augmentations.")})
    for key in (*_SAME, *drawn):
        values = sorted({str(config.get(key)) for config in configs})
        if len(values) > 1:
            notes.append(
                f"the runs differ in {key} ({', '.join(values)}), which changes loss or"
                " retrieval directly"
            )
    return notes
