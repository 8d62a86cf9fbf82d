"""A trained encoder's weights as safetensors, for any program that reads them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import nn

from shiomi.lejepa.atomic import atomic_file
from shiomi.lejepa.errors import MissingError

__all__ = ["save_encoder"]


def save_encoder(encoder: nn.Module, path: Path, metadata: Mapping[str, str] | None = None) -> None:
    """Write the state of `encoder` to `path`, whole or not at all.

    Weights keep their dtype and lie on no device. A weight that two names share is written under
    both, so that `encoder.load_state_dict` takes the file as it is. `metadata` goes into the
    file's header: strings that say what the weights are of.

    Raises
    ------
    RunError
        The file cannot be written; one that was there is still there.
    MissingError
        safetensors is not installed.
    """
    try:
        from safetensors.torch import save
    except ImportError:
        raise MissingError("safetensors is needed: pip install 'shiomi[lejepa]'") from None

    state = {
        name: value.detach().cpu().contiguous().clone()
        for name, value in encoder.state_dict().items()
    }
    data = save(state, {"format": "pt", **(metadata or {})})
    with atomic_file(path) as file:
        file.write(data)
