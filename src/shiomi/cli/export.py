"""`shiomi export`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from shiomi.cli.output import as_json, configuration, json_option, local_day, opened
from shiomi.cli.progress import progress

__all__ = ["export"]


@click.command()
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="Only threads from this day on.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="Only threads before this day.")
@click.option("--force", is_flag=True, help="Replace an existing file.")
@json_option
@click.pass_context
def export(
    context: click.Context,
    path: Path,
    since: datetime | None,
    until: datetime | None,
    force: bool,
    json: bool,
) -> None:
    """Write threads, with all their readings and titles, as JSON Lines.

    `shiomi import` makes the same archive from the file. Use it to move to another machine, for
    other programs, or as a copy. If the name ends with .gz, the file is compressed.

    \b
    Example:
      shiomi export november.jsonl.gz --since 2026-11-01 --until 2026-12-01
    """
    from shiomi.digest.archive.exporting import FOREVER, export_threads

    config = configuration(context)
    own = (config.archive, context.find_root().obj)
    if path.exists() and any(
        isinstance(one, Path) and one.exists() and path.samefile(one) for one in own
    ):
        raise click.UsageError(f"{path} is a file of Shiomi itself; choose another name")
    if path.exists() and not force:
        raise click.UsageError(f"{path} exists already; --force replaces it")
    with opened(config) as archive, progress(quiet=json) as show:
        written = export_threads(
            archive,
            path,
            since=local_day(config, since) if since else 0,
            until=local_day(config, until) if until else FOREVER,
            progress=show,
        )
    if json:
        as_json({"path": path, "threads": written})
    else:
        click.echo(f"{path}: {written:,} threads")
