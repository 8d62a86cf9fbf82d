"""A trained encoder's weights as safetensors, for any program that reads them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from torch import nn

from shiomi.lejepa.atomic import atomic_file
from shiomi.lejepa.errors import MissingError

__all__ = ["save_encoder"]


def save_encoder(encoder: nn.Module, path: Path, metadata: Mapping[str, str] | None = None) -> None:
    """Write the state of `encoder` to `path`, whole or not at all.

    The same weights give the same bytes. They keep their dtype and lie on no device. A weight that
    two names share is written under both, so that `encoder.load_state_dict` takes the file as it
    is. `metadata` goes into the file's header: strings that say what the weights are of.

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
        file.write(_repeatable(data))


def _repeatable(data: bytes) -> bytes:
    """Put the header's metadata in order, which the library writes in one of its own each time.

    A file is the header's length (8 bytes, little-endian), a header of JSON padded with spaces to
    a multiple of 8, and the tensors (huggingface.co/docs/safetensors, "Format").
    """
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data[end:]
