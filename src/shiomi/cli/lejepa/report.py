"""`shiomi lejepa report`."""

from __future__ import annotations

from pathlib import Path

import click

from shiomi.cli.exits import Exit
from shiomi.cli.output import as_json, echo, json_option
from shiomi.cli.progress import progress

__all__ = ["report"]


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--images",
    type=click.Path(path_type=Path),
    help="Show these instead of the run's own, for instance where they have moved.",
)
@click.option("--out", type=click.Path(path_type=Path), help="The page.  [default: in RUN]")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:N or mps.")
@json_option
def report(run: Path, images: Path | None, out: Path | None, device: str, json: bool) -> None:
    """Make RUN's report: one HTML page that needs no network and no JavaScript.

    It shows loss, learning rate and accuracies as they went; how many directions the features
    use; how normal the embedding is along random ones; nearest neighbours and patch features as
    pictures; settings, skipped files, versions. Pretraining ends with a report. Use this command
    for a run in progress, or with other images. Ends with 3 when a part had to be left out.

    \b
    Examples:
      shiomi lejepa report run
      shiomi lejepa report run --images test_photos --out test.html
    """
    from shiomi.lejepa.report.command import report_run

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
