"""`shiomi archive`: work on archives as a whole."""

from __future__ import annotations

import click

from shiomi.cli.output import as_json, json_option
from shiomi.cli.progress import progress

__all__ = ["archive"]


@click.group()
def archive() -> None:
    """Work on archives as a whole."""


@archive.command()
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@click.option("--replace", is_flag=True, help="Delete everything that TO holds first.")
@json_option
def copy(source: str, target: str, replace: bool, json: bool) -> None:
    """Copy everything from one archive to another, and compare both.

    FROM and TO are paths of SQLite files or postgresql:// addresses. Stop `shiomi run` first. An
    interrupted copy continues where it stopped. At the end both archives have the same SHA-256,
    which is printed. Other users of this machine can see a password that is on the command line.
    Use PGPASSWORD or a password file instead.

    \b
    Example:
      shiomi archive copy shiomi.sqlite3 postgresql://shiomi@db.example.org/shiomi
    """
    from shiomi.digest.address import parse_location
    from shiomi.digest.archive import Archive
    from shiomi.digest.archive.copying import copy_archive

    first, second = parse_location(source), parse_location(target)
    if first == second:
        raise click.UsageError(f"FROM and TO are both {first}; name two archives")
    with (
        Archive.open(first, create=False) as one,
        Archive.open(second) as other,
        progress(quiet=json) as show,
    ):
        report = copy_archive(one, other, replace=replace, progress=show)
    if json:
        as_json(report)
        return
    continued = ", an interrupted copy continued" if report.resumed else ""
    click.echo(
        f"{report.target}: {report.threads:,} threads, {report.rows:,} rows{continued};"
        f" both contents have the SHA-256 {report.sha256}"
    )
