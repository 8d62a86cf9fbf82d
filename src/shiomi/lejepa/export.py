"""Export a trained encoder for other programs: as safetensors, for timm, and as ONNX.

The ONNX file is kept only if onnxruntime computes the same features as torch.
"""

from __future__ import annotations

import contextlib
import copy
import io
import json
import logging
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from shiomi.lejepa.atomic import atomic_file
from shiomi.lejepa.encoders import ImageEncoder
from shiomi.lejepa.errors import InputError, RunError, imported
from shiomi.lejepa.run_folder import RunFolder, load_encoder
from shiomi.lejepa.timm_models import timm_options

__all__ = ["check_onnx", "export_onnx", "export_timm", "save_encoder"]

TOLERANCE = 1e-4
_BATCHES = (1, 2, 5)  # batch sizes with which the exported file is tested
_LARGEST = 1_900_000_000  # bytes; a single protobuf file is limited to 2 GiB


def save_encoder(encoder: nn.Module, path: Path, metadata: Mapping[str, str] | None = None) -> None:
    """Write the state of `encoder` to `path`, completely or not at all.

    The same weights give the same bytes. They keep their dtype and are stored without a device. If
    two names share a weight, the weight is written under both names, so that
    `encoder.load_state_dict` accepts the file. `metadata` is a dictionary of strings that describe
    the weights. It is written into the file's header.

    Raises
    ------
    RunError
        The file cannot be written; an existing file is then unchanged.
    MissingError
        safetensors is not installed.
    """
    save = imported("safetensors.torch", "the export").save
    state = {
        name: value.detach().cpu().contiguous().clone()
        for name, value in encoder.state_dict().items()
    }
    data = save(state, {"format": "pt", **(metadata or {})})
    with atomic_file(path) as file:
        file.write(_repeatable(data))


def _repeatable(data: bytes) -> bytes:
    """Sort the metadata in the header, because the library writes them in random order.

    A file consists of the header's length (8 bytes, little-endian), the header (JSON, padded with
    spaces to a multiple of 8 bytes) and the tensors (huggingface.co/docs/safetensors, "Format").
    """
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data[end:]


def export_timm(run: Path | str, path: Path) -> str:
    """Write the weights of a run's timm encoder under timm's names; return code that loads them.

    Raises
    ------
    InputError
        The encoder of the run is not from timm, or timm would read the ending of `path` as another
        format.
    RunError
        The run has no weights, or `path` cannot be written.
    """
    folder = RunFolder(Path(run))
    config = folder.read_config()
    if path.suffix != ".safetensors":
        raise InputError(f"{path} must end with .safetensors, so that timm reads it as such")
    encoder = load_encoder(run)
    if config.encoder == "small" or ":" in config.encoder or not isinstance(encoder, ImageEncoder):
        raise InputError(
            f"the encoder of {folder.path} is {config.encoder!r}, not one of timm;"
            " encoder.safetensors holds its weights"
        )
    save_encoder(encoder.body, path, {"encoder": config.encoder})
    options = "".join(
        f", {name}={value!r}" for name, value in timm_options(config.encoder, config.global_size)
    )
    mean, std = (
        tuple(round(v, 4) for v in x.flatten().tolist()) for x in (encoder.mean, encoder.std)
    )
    return (
        f"model = timm.create_model({config.encoder!r}, num_classes=0{options},"
        f" checkpoint_path={str(path)!r})\n"
        f"# images of {config.global_size} pixels in [0, 1], normalised by mean={mean}, std={std}"
    )


def export_onnx(
    encoder: nn.Module, example: Tensor, path: Path, *, tolerance: float = TOLERANCE
) -> float:
    """Write `encoder` to `path` as ONNX with any number of rows, and check it with onnxruntime.

    The file has one input, `images`, and one output, `features`. The encoder is not modified: a
    copy in evaluation mode, in float32 and on the CPU is exported. The file replaces an existing
    one only after it has passed the check. Return what `check_onnx` returns.

    Parameters
    ----------
    example
        An input (N, ...); only its shape after N matters.
    tolerance
        The largest allowed difference, measured as by `check_onnx`.

    Raises
    ------
    RunError
        The encoder cannot be exported or is too large for one file, onnxruntime computes other
        features, or the file cannot be written. An existing file is then kept, and no new one
        remains.
    MissingError
        onnx, onnxscript or onnxruntime is not installed.
    """
    _needed()
    encoder = copy.deepcopy(encoder).cpu().float().eval()
    weights = sum(t.numel() * t.element_size() for t in encoder.state_dict().values())
    if weights > _LARGEST:
        raise RunError(
            f"{weights / 1e9:.1f} GB of weights do not fit one ONNX file (2 GB);"
            " encoder.safetensors holds them all"
        )
    shape = example.shape[1:]
    data = _exported(encoder, torch.zeros(2, *shape))
    error = check_onnx(data, encoder, shape)
    if not error <= tolerance:
        raise RunError(
            f"onnxruntime's features differ from torch's by {error:.1e}, more than"
            f" {tolerance:.0e}; no ONNX file is kept"
        )
    with atomic_file(path) as file:
        file.write(data)
    return error


def check_onnx(onnx: bytes, encoder: nn.Module, shape: tuple[int, ...]) -> float:
    """Compare an ONNX file with `encoder` on batches of 1, 2 and 5 random rows of `shape`.

    Return the largest difference between an entry of onnxruntime's result and the same entry of
    torch's result. The difference is divided by the largest entry, or by 1 if that entry is below
    1.

    Raises RunError if onnxruntime cannot run the file.
    """
    _needed()
    import onnxruntime

    generator = torch.Generator().manual_seed(0)
    worst = 0.0
    try:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
        name = session.get_inputs()[0].name
        for rows in _BATCHES:
            x = torch.rand(rows, *shape, generator=generator)
            with torch.no_grad():
                expected = encoder(x)
            found = torch.from_numpy(session.run(None, {name: x.numpy()})[0])
            if found.shape != expected.shape:
                raise RunError(f"onnxruntime gives {tuple(found.shape)} for {rows} inputs")
            scale = max(1.0, expected.abs().max().item())
            worst = max(worst, (found - expected).abs().max().item() / scale)
    except RunError:
        raise
    except Exception as error:  # onnxruntime's own error classes have no other base than Exception
        raise RunError(f"onnxruntime cannot run the exported encoder: {_first(error)}") from None
    return worst


def _exported(encoder: nn.Module, example: Tensor) -> bytes:
    """Return the bytes of the file from torch's newer exporter. If that exporter fails, use the
    older exporter."""
    failures = []
    for dynamo in (True, False):
        options: dict[str, Any] = (
            {"dynamic_shapes": ({0: torch.export.Dim("rows")},)}
            if dynamo
            else {"dynamic_axes": {"images": {0: "rows"}, "features": {0: "rows"}}}
        )
        with tempfile.TemporaryDirectory() as folder, _quiet():
            file = Path(folder) / "encoder.onnx"
            try:
                torch.onnx.export(
                    encoder,
                    (example,),
                    str(file),
                    input_names=["images"],
                    output_names=["features"],
                    dynamo=dynamo,
                    external_data=False,
                    **options,
                )
                return file.read_bytes()
            except Exception as error:  # noqa: BLE001, PERF203, RUF100 - exporters raise what they like
                failures.append(_first(error))
    raise RunError(f"the encoder cannot be written as ONNX: {'; '.join(dict.fromkeys(failures))}")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Suppress the exporters' output on both streams and in the log."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _needed() -> None:
    for name in ("onnx", "onnxscript", "onnxruntime"):
        imported(name, "the export to ONNX")


def _first(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__
