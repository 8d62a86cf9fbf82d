"""What a run ends with: the encoder as safetensors and as ONNX, and the report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from shiomi.lejepa.config import PretrainConfig
from shiomi.lejepa.data.images import Images, Progress
from shiomi.lejepa.errors import LejepaError
from shiomi.lejepa.export import save_encoder
from shiomi.lejepa.onnx_export import export_onnx
from shiomi.lejepa.report import write_report
from shiomi.lejepa.run_folder import RunFolder

__all__ = ["finish"]


def finish(
    folder: RunFolder,
    config: PretrainConfig,
    encoder: nn.Module,
    images: Images,
    *,
    extras: bool,
    progress: Progress,
) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """Make the files that a run ends with; return them, and notes on what could not be made.

    The weights come first and must be written: RunError where they cannot. ONNX and the report
    are made where `extras`; an encoder that ONNX does not know is no reason for a run to fail.
    """
    encoder.eval()
    if not folder.encoder.exists():  # else the run had ended before
        save_encoder(encoder, folder.encoder, {"encoder": config.encoder})
    made, notes = [folder.encoder], []
    if not extras:
        return tuple(made), ()
    size = config.global_size or images.size
    steps: tuple[tuple[Path, Callable[[], object]], ...] = (
        (folder.onnx, lambda: export_onnx(encoder, torch.zeros(2, 3, size, size), folder.onnx)),
        (folder.report, lambda: write_report(folder, config, encoder, images, progress=progress)),
    )
    for path, make in steps:
        try:
            if not path.exists():
                make()
            made.append(path)
        except LejepaError as error:
            notes.append(f"{path.name} was not made: {error}")
    return tuple(made), tuple(notes)
