"""Runs on disk without the training: what the commands that read runs need of one."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from shiomi.lejepa.checkpoint import save_checkpoint
from shiomi.lejepa.config import PretrainConfig, Training, to_json
from shiomi.lejepa.encoders import build_encoder, feature_width, projector
from shiomi.lejepa.export import save_encoder
from shiomi.lejepa.metrics import MetricsFile
from shiomi.lejepa.run_folder import RunFolder

SIZE = 24


def small_run(
    path: Path, images: Path, *, lam: float = 0.05, loss: float = 0.5, probe: float | None = None
) -> RunFolder:
    """A run of the small encoder, untrained, on `images`, with ten measured steps."""
    folder = RunFolder(path)
    path.mkdir(parents=True)
    config = PretrainConfig(
        images=str(images), training=Training(lam=lam, batch_size=8), projector_hidden=32
    ).resolved(SIZE)
    folder.config.write_text(to_json(config))
    torch.manual_seed(0)
    encoder = build_encoder("small", SIZE)
    width = feature_width(encoder, torch.zeros(2, 3, SIZE, SIZE))
    head = projector(width, out=64, hidden=32)
    save_encoder(encoder, folder.encoder)
    state = {f"projector.{name}": value for name, value in head.state_dict().items()}
    save_checkpoint(folder.checkpoint, {"network": state})
    metrics = MetricsFile(folder.metrics, step=0)
    for step in range(1, 11):
        metrics.add(step, {"loss": loss + 1 / step, "prediction": 0.1, "sigreg": 5.0, "lr": 1e-3})
    evaluations = MetricsFile(folder.evaluations, step=0)
    for step in (5, 10):
        evaluations.add(step, {"rankme": 20.0, "knn": probe, "probe": probe})
    return folder


def read_json(text: str) -> dict[str, object]:
    """What a command printed with --json."""
    value = json.loads(text)
    assert isinstance(value, dict)
    return value
