"""`shiomi watch`."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING

import click

from shiomi.cli.exits import Exit
from shiomi.cli.output import as_json, configuration, json_option, opened, thread_lines, week_of

if TYPE_CHECKING:
    from shiomi.digest.document import Subject

__all__ = ["watch"]

_SHOWN = 5


@click.command()
@click.argument("names", nargs=-1)
@click.option(
    "--week",
    "last",
    type=click.DateTime(["%Y-%m-%d"]),
    help="The last day of the week.  [default: today, or the newest day with a thread]",
)
@click.option("--alert", is_flag=True, help="Exit with 4 if a subject rises; for cron.")
@json_option
@click.pass_context
def watch(
    context: click.Context, names: tuple[str, ...], last: datetime | None, alert: bool, json: bool
) -> None:
    """Show the subjects of shiomi.toml: new threads, their counts and communities.

    NAMES selects some of the subjects. A subject rises if the week has `rises_by` times as many
    threads as the weeks before, and if chance does not explain the difference.

    \b
    Examples:
      shiomi watch
      shiomi watch AI規制 --alert; [ $? -eq 4 ] && notify-send "AI規制 rises"
    """
    from shiomi.digest.languages import load_language
    from shiomi.digest.ranking import Engagement, read_window
    from shiomi.digest.watch import watch_subject
    from shiomi.digest.week import Week
    from shiomi.digest.writing import write_subject

    config = configuration(context)
    known = {subject.name: subject for subject in config.watch}
    for name in names:
        if name not in known:
            raise click.BadParameter(f"{name!r}; shiomi.toml has: {', '.join(known) or 'none'}")
    if not known:
        click.echo(
            "shiomi.toml names no subject; add a [[watch]]: `shiomi init` shows one", err=True
        )
    week = week_of(config, last)
    language = load_language(config.language)
    with opened(config) as archive:
        newest = archive.newest()
        if last is None and not alert and newest is not None and newest < week.start:
            week = Week.containing(newest, config.timezone)
            click.echo(f"no thread of the last seven days; the week to {week.last}:", err=True)
        weeks = config.digest.weeks_compared
        window = read_window(archive, week, as_of=int(time.time()), weeks=weeks)
        engagement = Engagement(window.all, as_of=window.as_of)
        subjects = [
            write_subject(
                watch_subject(window, known[name], engagement),
                language,
                week,
            )
            for name in names or known
        ]
    if json:
        as_json(subjects)
    else:
        for subject in subjects:
            description = known[subject.name].description
            click.echo("\n".join(_subject_lines(subject, description, config.timezone)))
    if alert and any(subject.rising for subject in subjects):
        raise click.exceptions.Exit(Exit.FOUND)


def _subject_lines(subject: Subject, description: str, timezone: str) -> list[str]:
    from shiomi.digest.untrusted import clean

    rising = "  RISING" if subject.rising else ""
    lines = [f"{clean(subject.name)}{rising}", *([f"  ({description})"] if description else [])]
    lines += [f"  {clean(one.text)}  {one.link or ''}".rstrip() for one in subject.sentences]
    for thread in subject.threads[:_SHOWN]:
        lines += [f"  {line}" for line in thread_lines(thread, timezone)]
    if len(subject.threads) > _SHOWN:
        lines.append(f"  and {len(subject.threads) - _SHOWN} more; --json has all")
    return lines
