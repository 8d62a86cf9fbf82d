"""`shiomi rig model add`."""

from __future__ import annotations

import json as codec
import os
import tempfile
from pathlib import Path
from typing import Any

import click

from shiomi.cli.output import as_json, echo, json_option
from shiomi.cli.rig.installed import rig_folder

__all__ = ["model"]


@click.group()
def model() -> None:
    """Add models to the catalogue.

    \b
    Example:
      shiomi rig model add Qwen/Qwen3-8B
    """


@model.command()
@click.argument("source")
@click.option("--name", help="The model's name.  [default: the name of the repository or folder]")
@json_option
def add(source: str, name: str | None, json: bool) -> None:
    """Add a model from its config.json.

    SOURCE is the path of a config.json, or a repository on Hugging Face such as Qwen/Qwen3-8B. The
    config.json of a repository is downloaded with `huggingface_hub`. A model with unknown kinds of
    layers is refused. After that, `fit`, `speed` and `plan` know the model.

    \b
    Examples:
      shiomi rig model add Qwen/Qwen3-8B
      shiomi rig model add ~/models/mine/config.json --name Mine-8B
    """
    from shiomi.rig.errors import ModelFileError
    from shiomi.rig.model.hf_config import check_parameters
    from shiomi.rig.model.known_models import model_of

    path = Path(source).expanduser()
    if path.exists() or source.endswith(".json"):
        said = _from_file(path, name)
    else:
        said = _from_hub(source, name)
    listed = said.pop("listed", None)
    found = model_of(said, source).model
    note = ""
    if listed is not None:
        try:
            check_parameters(found, listed)
            said["parameters"] = listed
        except ModelFileError as error:
            note = f"note: {error}; the model may have parts that do not write text"
    folder = rig_folder() / "models"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{said['name'].replace('/', '-').casefold()}.json"
    file.write_text(codec.dumps(said, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if json:
        as_json({"model": found.name, "parameters": found.parameters, "file": file, "note": note})
        return
    whole, active = found.parameters / 1e9, found.active_parameters / 1e9
    echo(
        f"{found.name}: {whole:.4g} B parameters, {active:.4g} B read per token,"
        f" {len(found.layers)} layers; kept in {file}"
    )
    if note:
        echo(note, err=True)


def _from_file(path: Path, name: str | None) -> dict[str, Any]:
    try:
        config = codec.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise click.ClickException(f"{path} cannot be read as JSON: {error}") from None
    return {"name": name or path.resolve().parent.name, "source": str(path.name), "config": config}


def _from_hub(repository: str, name: str | None) -> dict[str, Any]:
    try:
        from huggingface_hub import HfApi, hf_hub_download
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError
    except ImportError:
        raise click.ClickException(
            "a repository needs `pip install huggingface_hub`; or give the path of a config.json"
        ) from None
    endpoint = os.environ.get("HF_ENDPOINT") or None
    try:
        about = HfApi(endpoint=endpoint).model_info(repository)
        with tempfile.TemporaryDirectory() as folder:
            file = hf_hub_download(repository, "config.json", endpoint=endpoint, local_dir=folder)
            config = codec.loads(Path(file).read_text("utf-8"))
    except HFValidationError as error:
        raise click.ClickException(f"{repository!r} is not a file or repository: {error}") from None
    except (HfHubHTTPError, OSError, ValueError) as error:
        raise click.ClickException(f"{repository} cannot be read: {error}") from None
    said: dict[str, Any] = {
        "name": name or repository.rpartition("/")[2],
        "aliases": [repository],
        "source": f"config.json of {repository} at {about.sha}",
        "config": config,
    }
    if about.created_at is not None:
        said["released"] = f"{about.created_at:%Y-%m}"
    if about.safetensors is not None and config.get("quantization_config") is None:
        said["listed"] = about.safetensors.total
    return said
