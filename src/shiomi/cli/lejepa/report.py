"""`shiomi lejepa report`."""

from __future__ import annotations

from pathlib import Path

import click

from shiomi.cli.exits import Exit
from shiomi.cli.lejepa.options import PATH, device_option, option
from shiomi.cli.output import as_json, echo, json_option
from shiomi.cli.progress import progress

__all__ = ["report"]


@click.command()
@click.argument("run", type=PATH)
@option(
    "--images",
    type=PATH,
    help="Show these images, for example if the images of the run have moved.",
)
@option("--out", type=PATH, help="The file to write.  [default: report.html in RUN]")
@device_option
@json_option
def report(run: Path, images: Path | None, out: Path | None, device: str, json: bool) -> None:
    """Write a report about RUN: one HTML page that works without network and JavaScript.

    The page shows the curves of the loss, the learning rate and the accuracies. It shows how many
    directions the features use, and how close the embedding is to a normal distribution. It has
    pictures of nearest neighbours and of patch features, and lists settings, skipped files and
    versions. `pretrain` writes this report at its end. Use this command for a run in progress, or
    for other images. The exit status is 3 if a part was left out.

    \b
    Examples:
      shiomi lejepa report run
      shiomi lejepa report run --images test_photos --out test.html
    """
    from shiomi.lejepa.report import report_run

    with progress(quiet=json) as show:
        path, notes = report_run(run, images, out, device=device, progress=show)
    if json:
        as_json({"report": path, "bytes": path.stat().st_size, "notes": notes})
    else:
        echo(f"{path}: {path.stat().st_size / 2**20:.1f} MiB, open it in a browser")
        for note in notes:
            echo(f"  {note}", err=True)
    if notes:
        raise click.exceptions.Exit(Exit.PARTLY)
