"""`shiomi lejepa export`."""

from __future__ import annotations

from pathlib import Path

import click

from shiomi.cli.lejepa.options import PATH, option
from shiomi.cli.output import as_json, echo, json_option

__all__ = ["export"]


@click.command()
@click.argument("run", type=PATH)
@option(
    "--timm",
    "out",
    type=PATH,
    required=True,
    help="The .safetensors file to write. timm.create_model reads it as checkpoint_path.",
)
@json_option
def export(run: Path, out: Path, *, json: bool) -> None:
    """Write the encoder of RUN as a file for timm, and print the line of Python that loads it.

    The encoder must be a timm model. `pretrain` itself writes encoder.safetensors and encoder.onnx.

    \b
    Example:
      shiomi lejepa export run --timm vit.safetensors
    """
    from shiomi.lejepa.export import export_timm

    lines = export_timm(run, out)
    if json:
        as_json({"file": str(out), "load": lines})
    else:
        echo(lines)
