"""Load the trained model as plain arrays, and evaluate it with only numpy."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shiomi.digest.errors import LinkingError
from shiomi.digest.linking.features import FEATURES, GRID
from shiomi.digest.linking.pages import PAGE_FEATURES

__all__ = ["FORMAT", "SLACK", "Model", "load_model", "shipped_model"]

FORMAT = 2  # version of model.npz
SLACK = 0.05  # largest error of log odds in single precision; a test computes the bound

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Model:
    """The trained numbers. train_linker.py and train_judge.py in tools/digest/ write them."""

    table: Floats  # (2b, d): word buckets, then character n-gram buckets
    frequency: Floats  # (f,): inverse document frequency by word hash
    mean: Doubles  # (k,): mean of each feature
    scale: Doubles  # (k,)
    weights: tuple[Doubles, ...]  # multilayer perceptron: (k, h1), (h1, h2), ..., (h, 1)
    biases: tuple[Doubles, ...]
    # (k + l + 1,): means of the logit, the title features and the page features
    story_mean: Doubles
    story_scale: Doubles
    story_weight: Doubles  # (k + l + 1, 2): for "one story", and for "one story or related"
    story_bias: Doubles  # (2,)

    def story_probability(self, inputs: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return two probabilities (p, 2) for each pair: that it is one story, and that it is at
        least related.

        `inputs` (p, 1 + k + l) are the log odds that both threads link to one page, the features of
        the titles, and the features of the pages.
        """
        logit = np.clip(self.story_inputs(inputs) @ self.story_weight + self.story_bias, -30, 30)
        probability: Doubles = np.round(1 / (1 + np.exp(-logit)), 4)
        return probability

    def story_inputs(self, inputs: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the inputs scaled for the two regressions, in the same shape. An average pair has
        0."""
        return _on_grid(np.clip((inputs - self.story_mean) * self.story_scale, -6, 6))

    def reaching(
        self, floor: float, chunks: Iterable[tuple[NDArray[np.int64], Doubles]]
    ) -> tuple[NDArray[np.int64], Doubles, Doubles]:
        """Return the pairs whose log odds of one page reach `floor`.

        `chunks` yields indices of pairs (c,) and their features (c, k). The result is the indices
        (p,) in ascending order, the log odds (p,) and the features (p, k). The log odds are first
        estimated in single precision, with an error below SLACK. The exact log odds, which take
        longer, are computed only for the pairs whose estimate is high enough.
        """
        weights = [(w.astype(np.float32), b.astype(np.float32)) for w, b in self._layers()]
        found: list[tuple[NDArray[np.int64], Doubles, Doubles]] = []
        for place, features in chunks:
            hidden = self._scaled(features).astype(np.float32)
            for weight, bias in weights[:-1]:
                hidden = np.maximum(hidden @ weight + bias, 0)
            estimate = (hidden @ weights[-1][0] + weights[-1][1])[:, 0]
            rows = np.flatnonzero(estimate >= floor - SLACK)
            found.append((place[rows], self.logit(features[rows]), features[rows]))
        if not found:
            return np.empty(0, np.int64), np.empty(0), np.empty((0, len(self.mean)))
        places, odds, features = (np.concatenate(parts) for parts in zip(*found, strict=True))
        rows = np.flatnonzero(odds >= floor)
        rows = rows[np.argsort(places[rows])]
        return places[rows], odds[rows], features[rows]

    def logit(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the log odds (p,) that each pair links to one page. `features` is (p, k).

        Layers and weights are rounded to multiples of 1/GRID. So sums are exact in float64, and do
        not depend on the order in which BLAS adds.
        """
        hidden = _on_grid(self._scaled(features))
        for weight, bias in self._layers()[:-1]:
            hidden = np.maximum(_on_grid(hidden @ weight + bias), 0)
        logit: Doubles = np.clip((hidden @ self.weights[-1] + self.biases[-1])[:, 0], -30, 30)
        return logit

    def _scaled(self, features: Doubles) -> Doubles:
        return np.clip((features - self.mean) * self.scale, -6, 6)

    def _layers(self) -> list[tuple[Doubles, Doubles]]:
        return list(zip(self.weights, self.biases, strict=True))


def _on_grid(values: Doubles) -> Doubles:
    rounded: Doubles = np.round(values * GRID) / GRID
    return rounded


@cache
def shipped_model() -> Model:
    """Return the model that ships with the package. Raises LinkingError."""
    with as_file(files(__package__) / "model.npz") as path:
        return load_model(path)


def load_model(path: Path) -> Model:
    """Read a model file. Raises LinkingError if it is missing, damaged or of another format."""
    remedy = "install Shiomi anew, or train it with tools/digest/train_linker.py"
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except FileNotFoundError:
        raise LinkingError(f"the linking model {path} is missing; {remedy}") from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, KeyError) as error:
        raise LinkingError(f"the linking model {path} is damaged ({error}); {remedy}") from None
    try:
        return _model(arrays)
    except (KeyError, ValueError, IndexError) as error:
        raise LinkingError(
            f"the linking model {path} is not one this program knows ({error}); {remedy}"
        ) from None


def _model(arrays: dict[str, NDArray[np.generic]]) -> Model:
    if int(arrays["format"]) != FORMAT:
        raise ValueError(f"format {int(arrays['format'])}, this program reads {FORMAT}")
    if tuple(str(name) for name in arrays["features"]) != FEATURES:
        raise ValueError("its features are others")
    if tuple(str(name) for name in arrays["page_features"]) != PAGE_FEATURES:
        raise ValueError("its features of pages are others")
    steps = arrays["table_steps"].astype(np.float32)  # (2b,): the step of each 8-bit row
    layers = int(arrays["layers"])
    model = Model(
        table=arrays["table"].astype(np.float32) * steps[:, None],
        frequency=arrays["frequency"].astype(np.float32),
        mean=arrays["mean"].astype(np.float64),
        scale=arrays["scale"].astype(np.float64),
        weights=tuple(_on_grid(arrays[f"weight{i}"].astype(np.float64)) for i in range(layers)),
        biases=tuple(_on_grid(arrays[f"bias{i}"].astype(np.float64)) for i in range(layers)),
        story_mean=arrays["story_mean"].astype(np.float64),
        story_scale=arrays["story_scale"].astype(np.float64),
        story_weight=_on_grid(arrays["story_weight"].astype(np.float64)),
        story_bias=_on_grid(arrays["story_bias"].astype(np.float64)),
    )
    for name, size in (("table", len(model.table)), ("frequency", len(model.frequency))):
        if size < 2 or size & (size - 1):
            raise ValueError(f"{name} has {size} rows, no power of 2")
    tables = (model.table, model.frequency)
    numbers = (model.mean, model.scale, *model.weights, *model.biases)
    numbers += (model.story_mean, model.story_scale, model.story_weight, model.story_bias)
    finite = [np.isfinite(array).all() for array in tables]
    finite += [np.isfinite(array).all() for array in numbers]
    if not all(finite):
        raise ValueError("it holds numbers that are not finite")
    return model
