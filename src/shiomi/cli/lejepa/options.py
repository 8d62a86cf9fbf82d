"""Options that several commands of `shiomi lejepa` have."""

from __future__ import annotations

import functools
from pathlib import Path

import click

__all__ = ["PATH", "device_option", "embed_option", "image_column", "label_column", "option"]

PATH = click.Path(path_type=Path)

option = functools.partial(click.option, show_default=True)
"""`click.option` that shows its default. The type follows from the default."""

device_option = option("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps.")
embed_option = option("--batch-size", default=256, help="Number of images embedded at once.")
image_column = option(
    "--image-column", help="Name of the column with images.  [default: found by its type]"
)
label_column = option(
    "--label-column", help="Name of the column with labels.  [default: found by its name]"
)
