"""`shiomi gate report`."""

from __future__ import annotations

from pathlib import Path

import click

from shiomi.cli.exits import Exit
from shiomi.cli.gate.options import chosen_policy, data_option
from shiomi.cli.output import as_json, json_option
from shiomi.cli.progress import progress

__all__ = ["report"]


@click.command()
@click.argument("logs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--policy",
    "file",
    type=click.Path(path_type=Path),
    help="The policy.  [default: gate.toml if it exists, else the default policy]",
)
@data_option
@click.option(
    "--per-gb",
    type=click.FloatRange(min=0),
    help="The price of one GB of traffic, in any currency; the report then shows costs.",
)
@click.option(
    "--top",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    help="How many clients, and how many suspects, to show.",
)
@click.option(
    "--html",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write one HTML page with plots, which needs no network, to this file.",
)
@json_option
def report(
    logs: tuple[Path, ...],
    file: Path | None,
    data: Path | None,
    per_gb: float | None,
    top: int,
    html: Path | None,
    json: bool,
) -> None:
    """Report who crawls the site, the cost, and what the policy would have done.

    The command reads access logs of nginx and Apache (common or combined format, gzipped or not) in
    one pass. The report begins with clients that the policy would refuse, perhaps wrongly: clients
    that behave like people, and search engines, previews, archives and feed readers. Budgets are
    computed with the times in the log. The report assumes that browsers pass the challenge and that
    all other clients fail. DNS is not used.

    \b
    Examples:
      shiomi gate report /var/log/nginx/access.log
      shiomi gate report access.log.2.gz access.log.1 access.log --html report.html
      shiomi gate report access.log --policy gate.toml --per-gb 12.5
    """
    from shiomi.gate.errors import DataError
    from shiomi.gate.identity import load_tables
    from shiomi.gate.report.access_log import Reading, read_hits
    from shiomi.gate.report.page import report_page
    from shiomi.gate.report.structured import structured
    from shiomi.gate.report.summary import summarise
    from shiomi.gate.report.text import no_log_text, report_text
    from shiomi.gate.state.memory import MemoryState

    policy = chosen_policy(file)
    reading = Reading()
    with progress(quiet=json) as show:
        hits = read_hits(logs, reading, show)
        summary = summarise(hits, policy, load_tables(data), MemoryState())
    if reading.no_log:
        raise DataError(no_log_text(reading))
    if html is not None:
        page = report_page(summary, reading, top=top, per_gb=per_gb)
        try:
            html.write_text(page, encoding="utf-8")
        except OSError as error:
            raise DataError(f"{html} cannot be written: {error.strerror}") from None
    if json:
        as_json(structured(summary, reading, per_gb))
    else:
        for line in report_text(summary, reading, top=top, per_gb=per_gb):
            click.echo(line)
        if html is not None:
            click.echo(f"\nwrote {html}")
    if reading.broken_files:
        raise click.exceptions.Exit(Exit.PARTLY)
