"""`shiomi import`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from shiomi.cli.exits import Exit
from shiomi.cli.output import as_json, complain, configuration, echo, json_option, opened
from shiomi.cli.progress import progress

__all__ = ["import_"]


@click.command("import")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--read-at",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"]),
    help="Latest time at which the counts were read, UTC.  [default: the date of the file]",
)
@json_option
@click.pass_context
def import_(
    context: click.Context, paths: tuple[Path, ...], read_at: datetime | None, json: bool
) -> None:
    """Read threads and readings from files into the archive.

    Reads JSON Lines, plain or gzip. A line is a thread as `shiomi export` writes it, or a post with
    the fields of Reddit's API; the fields show which. A line that cannot be read is counted, named
    and skipped. Importing a file again changes nothing. An interrupted import continues.

    \b
    Examples:
      shiomi import threads.jsonl.gz
      shiomi import posts.jsonl --read-at 2026-11-01
    """
    from shiomi.digest.archive.importing import import_file
    from shiomi.digest.errors import ImportFileError

    config = configuration(context)
    moment = int(read_at.replace(tzinfo=UTC).timestamp()) if read_at else None
    reports, failures = [], []
    with opened(config, create=True) as archive, progress(quiet=json) as show:
        for path in paths:
            try:
                reports.append(import_file(archive, path, read_at=moment, progress=show))
            except ImportFileError as error:
                failures.append(str(error))
    if json:
        as_json({"files": reports, "failed": failures})
    else:
        for report in reports:
            for line in report.text().splitlines():
                echo(line)
    for failure in failures:
        complain(failure)
    good = sum(report.rows for report in reports)
    if failures or any(report.bad for report in reports):
        raise click.exceptions.Exit(Exit.PARTLY if good else Exit.FAILED)
