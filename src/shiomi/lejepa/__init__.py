"""Self-supervised learning with LeJEPA: a prediction loss and SIGReg (arXiv 2511.08544).

The public names are loaded when first asked for: importing this imports no torch.
"""

from importlib import import_module
from typing import Any

_HOME = {
    "EppsPulley": "epps_pulley",
    "LejepaLoss": "loss",
    "PendingCheck": "nonfinite",
    "SIGReg": "sigreg",
    "VARIANTS": "variants",
    "Variant": "variants",
    "convert_lam": "variants",
    "directions": "slicing",
    "lejepa_loss": "loss",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
