"""`shiomi collect`."""

from __future__ import annotations

import click

from shiomi.cli.output import as_json, configuration, json_option, opened
from shiomi.cli.progress import progress

__all__ = ["collect"]


@click.command()
@click.option("--source", "only", multiple=True, help="Only this source; may be given again.")
@json_option
@click.pass_context
def collect(context: click.Context, only: tuple[str, ...], json: bool) -> None:
    """Fetch new threads and new counts from the configured communities.

    Collecting may be repeated and interrupted at any time: every batch is kept with the place
    it goes on from. Each source keeps to its community's limits and to its own time budget; one
    that fails does not stop the others, and is named at the end (exit code 3, or 1 when all
    failed).

    \b
    Examples:
      shiomi collect
      shiomi collect --source lobsters --source arxiv
    """
    from shiomi.digest.sources.collect import collect as collect_sources

    config = configuration(context)
    with opened(config, create=True) as archive, progress(quiet=json) as show:
        report = collect_sources(archive, config, only=only, progress=show)
    if json:
        as_json(report)
    else:
        click.echo(report.text())
    if report.exit_code:
        raise click.exceptions.Exit(report.exit_code)
