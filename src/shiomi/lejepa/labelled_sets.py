"""Get the two labelled sets of features that kNN and probe need, from files or by embedding
images."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from shiomi.lejepa.data.images import Progress
from shiomi.lejepa.data.opening import open_source
from shiomi.lejepa.data.source import UNLABELLED
from shiomi.lejepa.embed import Embedder, embed_images, embedder
from shiomi.lejepa.errors import DataError
from shiomi.lejepa.features_file import Features, read_features
from shiomi.lejepa.labels import holdout

__all__ = ["LabelledSets", "labelled_sets"]

_HELD_OUT = 0.2


@dataclass(frozen=True, slots=True)
class LabelledSets:
    """A set of rows to learn from, and a set of rows to test on."""

    train_x: Tensor
    train_y: Tensor
    test_x: Tensor
    test_y: Tensor
    notes: tuple[str, ...]
    """Notes on what was left out, and on how the sets were split."""


def labelled_sets(
    train: Path,
    test: Path | None = None,
    *,
    run: Path | None = None,
    device: str = "auto",
    batch_size: int = 256,
    seed: int = 0,
    progress: Progress = lambda *_: None,
) -> LabelledSets:
    """Read two files of features, or embed two sources of images with a run's encoder.

    Parameters
    ----------
    train, test
        Files of features that `shiomi.lejepa.features_file` can read. If `run` is given, they are
        instead images in any form that pretraining accepts. Without `test`, a fifth of each class
        of `train` is held out as the test set.
    seed
        Seed for the choice of held-out rows.

    Raises
    ------
    DataError
        A file cannot be read, or holds no labels.
    RunError
        `run` has no encoder.
    """
    embed = None if run is None else embedder(run, device)
    notes: list[str] = []
    first = _labelled(train, embed, batch_size, progress, notes)
    if test is not None:
        second = _numbered_alike(_labelled(test, embed, batch_size, progress, notes), first)
        return LabelledSets(first.x, _y(first), second.x, _y(second), tuple(notes))
    y = _y(first)
    kept, out = holdout(y, _HELD_OUT, seed=seed)
    if not len(out):
        raise DataError(
            f"{train}: no class has 5 rows, so none can be held out; give a second set to test on"
        )
    notes.append(f"no test set: {len(out):,} of {len(y):,} rows held out, seed {seed}")
    return LabelledSets(first.x[kept], y[kept], first.x[out], y[out], tuple(notes))


def _labelled(
    path: Path,
    embed: Embedder | None,
    batch_size: int,
    progress: Progress,
    notes: list[str],
) -> Features:
    if embed is None:
        if path.is_dir():
            raise DataError(
                f"{path} is a folder, not a file of features; give --run RUN to embed its images"
                " here, or `shiomi lejepa embed` it first"
            )
        found = read_features(path)
    else:
        embedded = embed_images(embed, open_source(path), batch_size=batch_size, progress=progress)
        found = embedded.features
        if embedded.skipped:
            notes.append(
                f"{path}: {len(embedded.skipped):,} left out, the first"
                f" {embedded.skipped[0].name}: {embedded.skipped[0].reason}"
            )
    if found.labels is None:
        raise DataError(
            f"{path} has no labels, so there is no accuracy; `shiomi lejepa select` and RankMe in"
            " the report need none"
        )
    known = (found.labels != UNLABELLED).nonzero()[:, 0]
    if len(known) < len(found):
        notes.append(f"{path}: {len(found) - len(known):,} rows without a label left out")
        names = [found.names[at] for at in known.tolist()]
        found = replace(found, x=found.x[known], names=names, labels=found.labels[known])
    return found


def _numbered_alike(test: Features, train: Features) -> Features:
    """Give the classes of `test` the numbers that `train` uses for the same names."""
    if test.classes is None or train.classes is None or test.classes == train.classes:
        return test
    number = {name: at for at, name in enumerate(train.classes)}
    beyond = len(train.classes)
    table = torch.tensor([number.get(name, beyond + at) for at, name in enumerate(test.classes)])
    return replace(test, labels=table[_y(test)])


def _y(found: Features) -> Tensor:
    assert found.labels is not None
    return found.labels
