"""`shiomi digest` and `shiomi digest check`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from shiomi.cli.exits import Exit
from shiomi.cli.output import as_json, configuration, echo, json_option, opened, week_of
from shiomi.cli.progress import progress_and_line

if TYPE_CHECKING:
    from shiomi.digest.archive import Archive
    from shiomi.digest.config import Config
    from shiomi.digest.week import Week
    from shiomi.digest.writing import Account, ModelWriter

__all__ = ["digest"]


@click.group(invoke_without_command=True)
@click.option(
    "--week",
    "last",
    type=click.DateTime(["%Y-%m-%d"]),
    help="The last day of the week, which names the digest.  [default: today]",
)
@click.option(
    "--as-of",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"]),
    help="Use no count read later than this moment, UTC.  [default: now]",
)
@click.option("--again", is_flag=True, help="Make the digest again even if it exists.")
@click.option("--explain", is_flag=True, help="Show why each story was chosen or left out.")
@json_option
@click.pass_context
def digest(
    context: click.Context,
    last: datetime | None,
    as_of: datetime | None,
    again: bool,
    explain: bool,
    json: bool,
) -> None:
    """Write the digest of a week: link, rank, write, and render into the configured `out`.

    The week is the seven local days that end with --week. An interrupted digest continues where it
    stopped, with the same result byte for byte. If the digest is already finished, it is only
    rendered. Counts are printed with the time they were read; an unknown count is 不明.

    \b
    Examples:
      shiomi digest                        the seven days that end today
      shiomi digest --week 2026-11-22      a past week
      shiomi digest --explain              why these stories
      shiomi digest check FILE             which numbers of a digest the archive contradicts
    """
    if context.invoked_subcommand is not None:
        for name in context.params:
            if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
                raise click.UsageError(
                    f"--{name.replace('_', '-')} must be after `{context.invoked_subcommand}`, or"
                    " is not an option of it"
                )
        return
    config = configuration(context)
    week = week_of(config, last)
    moment = int(as_of.replace(tzinfo=UTC).timestamp()) if as_of else int(time.time())
    _digest(config, week, moment, again=again, explain=explain, json=json)


def _digest(
    config: Config, week: Week, moment: int, *, again: bool, explain: bool, json: bool
) -> None:
    from contextlib import ExitStack

    from shiomi.digest.archive.digests import DigestStore
    from shiomi.digest.pipeline import make_digest, site_files
    from shiomi.digest.publishing import publish

    with ExitStack() as stack:
        archive = stack.enter_context(opened(config))
        show, line = stack.enter_context(progress_and_line(quiet=json))
        writer = _model(config, line, quiet=json)
        if writer is not None:
            stack.enter_context(writer)
        made = make_digest(
            archive, config, week, as_of=moment, again=again, writer=writer, progress=show
        )
        changed = publish(site_files(archive, config, week), config.out)
        explanation = DigestStore(archive, config.language).explanation(week) if explain else ""
    if json:
        account = writer and writer.account
        as_json({"digest": made, "files": changed, "account": account, "explanation": explanation})
    else:
        topics, trends = len(made.topics), len(made.trends)
        echo(f"{week.last}: {topics} topics, {trends} trends; {len(changed)} files changed")
        page = config.out / f"{week.last}.md"
        echo(f"  read {page} or {page.with_suffix('.html')}")
        if writer is not None:
            echo(f"  {_cost(writer.account)}")
            if writer.problem:
                echo(f"  model: {writer.problem}; `shiomi writer check` says more")
        for note in made.notes:
            echo(f"  note: {note}")
        for row in explanation.splitlines():
            echo(row)
    if made.notes:
        raise click.exceptions.Exit(Exit.PARTLY)


def _model(config: Config, line: Callable[[str], None], *, quiet: bool) -> ModelWriter | None:
    """Return the writer. `line` shows its progress; without a terminal, stderr gets lines."""
    from shiomi.digest.writing import ModelWriter, TopicProgress

    if not config.writer.wanted:
        return None
    terminal = sys.stderr is not None and sys.stderr.isatty()

    def tell(written: TopicProgress) -> None:
        line(str(written))
        if written.kept is not None and not (quiet or terminal):
            echo(f"wrote {written}", err=True)

    return ModelWriter(config.writer, tell=tell)


def _cost(account: Account) -> str:
    total = account.total
    return (
        f"model: {total.requests} requests, {total.prompt_tokens:,} + {total.completion_tokens:,}"
        f" tokens, {total.seconds:.0f} s; {account.kept} sentences kept, {account.dropped} dropped"
    )


@digest.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--facts",
    type=click.Path(path_type=Path, exists=True),
    help="Check against this file of threads (JSON Lines) instead of the archive.",
)
@click.option("--every", is_flag=True, help="Show each number, not only the contradicted ones.")
@json_option
@click.pass_context
def check(context: click.Context, file: Path, facts: Path | None, every: bool, json: bool) -> None:
    """Report each fact in a digest that the archive contradicts.

    FILE is Markdown in this format, and need not be written by Shiomi. If the archive has the
    digest of that week, every link, time, percentage, number and quotation is compared with it. A
    count is compared with the readings of its thread. If it is the number of another thread, that
    thread is named. A count is unknown if its thread was never read. Ends with 4 if anything is
    contradicted.

    \b
    Example:
      shiomi digest check public/2026-11-22.md
    """
    from shiomi.digest.archive import Archive
    from shiomi.digest.archive.importing import import_file
    from shiomi.digest.check import check_digest, read_digest

    text = read_digest(file)
    if facts is None:
        config = configuration(context)
        with opened(config) as archive:
            own = _own_digest(archive, config, text)
            report = check_digest(text, archive, zone=config.timezone, own=own)
    else:
        with Archive.open(":memory:") as archive:
            import_file(archive, facts)
            report = check_digest(text, archive)
    if not report.checked and not report.threads:
        raise click.ClickException(
            f"{file} is not a digest: it has no number of points or comments and links no thread"
        )
    if json:
        click.echo(report.json())
    for line in () if json else report.text(every=every).splitlines():
        echo(line)
    if report.wrong:
        raise click.exceptions.Exit(Exit.FOUND)


def _own_digest(archive: Archive, config: Config, text: str) -> str | None:
    """Return the archive's digest of the week of `text` as Markdown, if there is one."""
    from shiomi.digest.archive.digests import DigestStore
    from shiomi.digest.check.claims import read_claims
    from shiomi.digest.languages import load_language
    from shiomi.digest.render import render_markdown
    from shiomi.digest.week import Week

    last = read_claims(text).date
    if last is None:
        return None
    made = DigestStore(archive, config.language).finished(Week(last, config.timezone))
    return None if made is None else render_markdown(made, load_language(config.language))
