"""The folder of a run: its files, and how to open it.

config.json           the run's settings, with all sizes chosen
run.toml              the same settings, to be given to another run with --config
checkpoint/last.pt    everything that is needed to resume
metrics.csv           the loss and its parts, every few steps
evaluations.csv       kNN, probe and RankMe during training
tensorboard/          the same measurements for TensorBoard
skipped.txt           files from which no image could be read, and why
encoder.safetensors   the trained encoder, at the end; also encoder.onnx and report.html
cache/                decoded images; may be deleted
lock                  held by the process that trains
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from shiomi.lejepa.atomic import write_atomically
from shiomi.lejepa.config import PretrainConfig, differing, from_json, to_json
from shiomi.lejepa.errors import InputError, RunError
from shiomi.lejepa.locking import locked
from shiomi.lejepa.recipes import to_toml

if TYPE_CHECKING:
    from torch import nn

__all__ = ["RunFolder", "load_encoder"]


class _Inside:
    """A path in the folder of a run."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, run: RunFolder, _: object = None) -> Path:
        return run.path / self._name


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The paths of a run."""

    path: Path

    config = _Inside("config.json")
    images = _Inside("images.sha256")
    checkpoint = _Inside("checkpoint/last.pt")
    metrics = _Inside("metrics.csv")
    evaluations = _Inside("evaluations.csv")
    tensorboard = _Inside("tensorboard")
    skipped = _Inside("skipped.txt")
    encoder = _Inside("encoder.safetensors")
    onnx = _Inside("encoder.onnx")
    report = _Inside("report.html")
    cache = _Inside("cache")

    def read_config(self) -> PretrainConfig:
        """Return the settings of the run. Raises RunError if this is not a run's folder."""
        try:
            return from_json(self.config.read_text("utf-8"))
        except FileNotFoundError:
            raise RunError(f"{self.path} is not a run's folder: config.json is missing") from None
        except (OSError, InputError) as error:
            raise RunError(f"{self.config} cannot be read: {error}") from None

    def claim(self, config: PretrainConfig, images: str) -> None:
        """Save `config` and the fingerprint of the images, or check that they match the existing
        run.

        A run without a measured step accepts any options, because wrong options may have stopped
        the run. For any other run, RunError is raised if the options or the images differ; the text
        names the differences.
        """
        if not (self.checkpoint.exists() or self.metrics.exists()):
            write_atomically(self.config, to_json(config).encode())
            write_atomically(self.path / "run.toml", to_toml(config).encode())
            write_atomically(self.images, f"{images}\n".encode())
            return
        if differ := differing(self.read_config(), config):
            told = "; ".join(f"{key} is {old!r} there, now {new!r}" for key, old, new in differ)
            raise RunError(
                f"{self.path} holds a run with other settings: {told}. Give another --out, or"
                " the same options to continue"
            )
        if self.images.exists() and self.images.read_text("utf-8").strip() != images:
            raise RunError(
                f"the images have changed since the run in {self.path} began: files or labels of"
                f" {config.images} were added, removed or changed. Give another --out"
            )

    @contextmanager
    def held(self) -> Iterator[None]:
        """Make the folder and lock it against other processes.

        Raises RunError if another process holds the lock, the folder cannot be created, or it
        contains something that is not a run.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            strange = not self.config.exists() and any(
                one.name not in ("lock", "cache", ".config.json", ".run.toml")
                for one in self.path.iterdir()
            )
        except OSError as error:
            raise RunError(f"{self.path} cannot be made: {error.strerror or error}") from None
        if strange:
            raise RunError(
                f"{self.path} is not empty and is not the folder of a run; give another --out"
            )
        try:
            with locked(self.path / "lock"):
                yield
        except BlockingIOError:
            raise RunError(
                f"{self.path} is in use by another process; wait for it, or give another --out"
            ) from None


def load_encoder(run: Path | str, encoder: nn.Module | None = None) -> nn.Module:
    """Return the encoder of a run, ready to embed: in evaluation mode, on the CPU.

    For a run that has not ended, this is the encoder of its last checkpoint.

    Parameters
    ----------
    encoder
        A module of the same architecture. It is needed if the run was given a module, not a name.

    Raises
    ------
    RunError
        The run does not exist, it has no weights yet, or they do not fit the encoder.
    """
    from safetensors.torch import load_file

    from shiomi.lejepa.checkpoint import load_checkpoint, weights_of
    from shiomi.lejepa.encoders import build_encoder

    folder = RunFolder(Path(run))
    config = folder.read_config()
    if encoder is None:
        encoder = build_encoder(config.encoder, config.global_size or 224, config.drop_path)
    try:
        if folder.encoder.exists():
            weights = load_file(folder.encoder)
        elif state := load_checkpoint(folder.checkpoint):
            weights = weights_of(state, "encoder")
        else:
            raise RunError(f"{folder.path} has no weights yet: no checkpoint was written")
        encoder.load_state_dict(weights)
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise RunError(f"the weights in {folder.path} cannot be used: {error}") from None
    return encoder.eval()
