"""`shiomi lejepa embed`."""

from __future__ import annotations

from pathlib import Path

import click

from shiomi.cli.exits import Exit
from shiomi.cli.lejepa.options import (
    PATH,
    device_option,
    embed_option,
    image_column,
    label_column,
    option,
)
from shiomi.cli.output import as_json, echo, json_option
from shiomi.cli.progress import progress

__all__ = ["embed"]


@click.command()
@click.argument("run", type=PATH)
@click.argument("images", type=PATH)
@option(
    "--out",
    type=PATH,
    required=True,
    help="x.parquet (name, label, class, embedding) or x.npy (with names and labels in x.csv).",
)
@image_column
@label_column
@embed_option
@device_option
@json_option
def embed(
    run: Path,
    images: Path,
    out: Path,
    image_column: str | None,
    label_column: str | None,
    batch_size: int,
    device: str,
    json: bool,
) -> None:
    """Compute features of IMAGES with the encoder of RUN, and write them to a file.

    RUN is a folder that `shiomi lejepa pretrain` made. If the run has not ended, its last
    checkpoint is used. IMAGES may have any form that `pretrain` reads. Damaged images are left
    out and listed. The encoder sees the largest square in the middle of each image. If the command
    was stopped, the same command continues.

    The exit status is 3 if some images were left out.

    \b
    Examples:
      shiomi lejepa embed run photos --out photos.parquet
      shiomi lejepa embed run cifar10_test.parquet --out test.npy
    """
    from shiomi.lejepa.data import open_source
    from shiomi.lejepa.data.rows import Columns
    from shiomi.lejepa.embed import embed_to_file, embedder

    source = open_source(images, columns=Columns(image_column, label_column))
    with progress(quiet=json) as show:
        done = embed_to_file(
            embedder(run, device), source, out, batch_size=batch_size, progress=show
        )
    rows, width = done.features.x.shape
    labelled = 0 if done.features.labels is None else int((done.features.labels >= 0).sum())
    if json:
        as_json(
            {
                "out": out,
                "rows": rows,
                "width": width,
                "labelled": labelled,
                "skipped": [{"name": one.name, "reason": one.reason} for one in done.skipped],
            }
        )
    else:
        echo(f"{out}: {rows:,} rows of {width} features, {labelled:,} of them with a label")
        for one in done.skipped[:5]:
            echo(f"  left out {one.name}: {one.reason}")
        if len(done.skipped) > 5:
            echo(f"  and {len(done.skipped) - 5:,} more")
    if done.skipped:
        raise click.exceptions.Exit(Exit.PARTLY)
