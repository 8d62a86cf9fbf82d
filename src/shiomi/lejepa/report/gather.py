"""Compute everything that the report shows of a run, as plain values without markup."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch
from torch import Tensor, nn

from shiomi.lejepa.checkpoint import load_checkpoint, weights_of
from shiomi.lejepa.config import PretrainConfig, flat
from shiomi.lejepa.covariance import covariance_eigenvalues
from shiomi.lejepa.data.images import Batch, Images, Progress
from shiomi.lejepa.data.source import UNLABELLED
from shiomi.lejepa.errors import InputError
from shiomi.lejepa.evaluation import embed_numbers
from shiomi.lejepa.knn import nearest
from shiomi.lejepa.metrics import read_metrics
from shiomi.lejepa.rankme import rankme
from shiomi.lejepa.report.dense_maps import dense_map
from shiomi.lejepa.report.normality import Normality, normality
from shiomi.lejepa.report.pictures import photograph, principal_colours, tiles
from shiomi.lejepa.run_folder import RunFolder
from shiomi.lejepa.views import resize

__all__ = ["Findings", "Neighbour", "Patches", "Rows", "Space", "gather"]

MOST = 2000  # images embedded for the report
_QUERIES, _NEIGHBOURS, _PATCHED = 8, 6, 8
_PACKAGES = ("shiomi", "torch", "timm", "numpy", "pillow")

Rows = Sequence[Mapping[str, float | None]]


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A picture in a row of neighbours: the query itself or one of its nearest neighbours."""

    picture: str  # data URI
    name: str
    group: str | None  # its class
    similarity: float = 1.0
    alike: bool | None = None  # whether both have the same class; None if one has no class


@dataclass(frozen=True, slots=True)
class Patches:
    """A picture and its patch features shown as colours, both as data URIs."""

    picture: str
    colours: str
    name: str
    grid: tuple[int, int]  # height and width in patches


@dataclass(frozen=True, slots=True)
class Space:
    """A summary of all vectors of one kind, such as the features."""

    name: str
    width: int
    rankme: float
    eigenvalues: tuple[float, ...]  # of their covariance, largest first


@dataclass(frozen=True, slots=True)
class Findings:
    """The facts of a run that the report shows. A fact that is not available is None or empty, and
    `notes` names it."""

    name: str
    config: dict[str, object]
    images: int
    classes: tuple[str, ...] | None
    metrics: Rows
    evaluations: Rows
    sampled: int
    environment: dict[str, str]
    features: Space | None = None
    embedding: Space | None = None
    normal: Normality | None = None
    neighbours: tuple[tuple[Neighbour, ...], ...] = ()  # in each: the query, then its nearest
    patches: tuple[Patches, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()


def gather(
    folder: RunFolder,
    config: PretrainConfig,
    encoder: nn.Module,
    images: Images,
    *,
    progress: Progress = lambda *_: None,
) -> Findings:
    """Return the facts that the report shows of the run in `folder`.

    `encoder` must be in evaluation mode and on the device to use. A part that fails is left out and
    noted, because an incomplete report is better than no report.
    """
    look = _Look(folder, config, encoder.eval(), images)
    found = Findings(
        name=folder.path.resolve().name,
        config=dict(flat(config)),
        images=len(images),
        classes=images.classes,
        metrics=_rows(folder.metrics),
        evaluations=_rows(folder.evaluations),
        sampled=len(look.numbers),
        environment=_environment(),
    )
    notes = []
    try:
        look.embed(progress)
    except Exception as error:
        return replace(found, notes=(f"no features, so no pictures: {error}",))
    # This comes last, because damage is only found when an image is decoded.
    found = replace(found, skipped=tuple((one.name, one.reason) for one in images.skipped))
    for name, part in look.parts().items():
        try:
            found = replace(found, **{name: part()})  # type: ignore[arg-type]
        except Exception as error:  # a user's encoder may raise any error
            notes.append(f"{name} left out: {error}")
    return replace(found, notes=tuple(notes))


class _Look:
    """The sampled images and their vectors."""

    def __init__(
        self, folder: RunFolder, config: PretrainConfig, encoder: nn.Module, images: Images
    ) -> None:
        self.folder, self.config, self.encoder, self.images = folder, config, encoder, images
        self.size = config.global_size or images.size
        generator = torch.Generator().manual_seed(0)
        self.numbers: list[int] = torch.randperm(len(images), generator=generator)[:MOST].tolist()
        self.features = torch.empty(0)
        self.device = next((p.device for p in encoder.parameters()), torch.device("cpu"))

    def parts(self) -> dict[str, Callable[[], object]]:
        return {
            "features": lambda: _space("features", self.features),
            "embedding": lambda: _space("embedding", self.embedded()),
            "normal": lambda: normality(self.embedded()),
            "neighbours": self.neighbours,
            "patches": self.patches,
        }

    def embed(self, progress: Progress) -> None:
        count = len(self.numbers)
        features = embed_numbers(
            self.encoder,
            self.images,
            self.numbers,
            self.size,
            self.device,
            lambda done: progress(done, count, "report"),
        )
        # A damaged file is replaced by another image, which must not be shown twice.
        names = [self.images.names[number] for number in self.numbers]
        kept = [at for at, name in enumerate(names) if name not in names[:at]]
        self.numbers = [self.numbers[at] for at in kept]
        self.features = features[kept]

    @torch.no_grad()
    def embedded(self) -> Tensor:
        """Return the projector's output, which is the input of the loss."""
        state = load_checkpoint(self.folder.checkpoint)
        if state is None:
            raise InputError("the projector is in the checkpoint, which was deleted")
        head = self.config.projector(self.features.shape[1])
        head.load_state_dict(weights_of(state, "projector"))
        z: Tensor = head.eval()(self.features)
        return z

    def neighbours(self) -> tuple[tuple[Neighbour, ...], ...]:
        queries = min(_QUERIES, len(self.features))
        similar, at = nearest(self.features[:queries], self.features, _NEIGHBOURS + 1)
        found = []
        for query in range(queries):
            others = [
                (self.numbers[row], value)
                for row, value in zip(at[query].tolist(), similar[query].tolist(), strict=True)
                if row != query
            ][:_NEIGHBOURS]
            first = self._neighbour(self.numbers[query], 1.0, None)
            rest = [self._neighbour(number, value, first.group) for number, value in others]
            found.append((first, *rest))
        return tuple(found)

    def _neighbour(self, number: int, similarity: float, group: str | None) -> Neighbour:
        own = self._group(number)
        alike = None if group is None or own is None else own == group
        picture = photograph(resize(self.images.batch([number]), self.images.size)[0])
        return Neighbour(picture, self.images.names[number], own, similarity, alike)

    def _group(self, number: int) -> str | None:
        labels, classes = self.images.labels, self.images.classes
        label = UNLABELLED if labels is None else int(labels[number])
        if label == UNLABELLED:
            return None
        return classes[label] if classes and label < len(classes) else str(label)

    @torch.no_grad()
    def patches(self) -> tuple[Patches, ...]:
        tell = getattr(self.encoder, "patch_features", None)
        if tell is None:
            raise InputError("the encoder has no patch_features(images)")
        numbers = self.numbers[:_PATCHED]
        batch = self.images.batch(numbers)
        moved = Batch(batch.pixels.to(self.device), batch.ratio)
        maps = dense_map(tell, resize(moved, self.size)).float().cpu()
        pictures = resize(batch, self.images.size)
        colours = principal_colours(maps)
        grid = (maps.shape[2], maps.shape[3])
        return tuple(
            Patches(photograph(picture), tiles(colour), self.images.names[number], grid)
            for picture, colour, number in zip(pictures, colours, numbers, strict=True)
        )


def _space(name: str, x: Tensor) -> Space:
    return Space(name, x.shape[1], rankme(x), tuple(covariance_eigenvalues(x).tolist()))


def _rows(path: Path) -> Rows:
    try:
        return read_metrics(path)
    except OSError:
        return ()


def _environment() -> dict[str, str]:
    found = {
        "Python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    if torch.cuda.is_available():
        found["GPU"] = torch.cuda.get_device_name()
    found["threads"] = str(torch.get_num_threads())
    return found
