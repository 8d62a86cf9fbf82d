"""Output and options that several commands share: --json, the archive, threads as lines."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from datetime import datetime

    from shiomi.digest.archive import Archive
    from shiomi.digest.config import Config
    from shiomi.digest.thread import Thread
    from shiomi.digest.week import Week

__all__ = [
    "as_json",
    "complain",
    "configuration",
    "echo",
    "json_option",
    "local_day",
    "opened",
    "program",
    "thread_lines",
    "week_of",
]

_LONGEST_TITLE = 200  # characters of a text that are shown

Command = TypeVar("Command", bound=Callable[..., Any])


def json_option(command: Command) -> Command:
    """Add --json, which prints one JSON document on stdout."""
    return click.option("--json", "json", is_flag=True, help="Print one JSON document on stdout.")(
        command
    )


def as_json(value: object) -> None:
    """Print any dataclass, list or dict as one JSON document."""
    import msgspec

    document = msgspec.json.encode(value, enc_hook=str)
    click.echo(msgspec.json.format(document, indent=2).decode())


def configuration(context: click.Context) -> Config:
    """Return the configuration that the option --config names."""
    from shiomi.digest.config import load_config

    path: Path = context.find_root().obj
    return load_config(path)


def opened(config: Config, *, create: bool = False, read_only: bool = False) -> Archive:
    """Open the archive of this configuration, for use in a `with` statement.

    With `read_only`, permission to write is needed only if the archive must be migrated first.
    """
    from shiomi.digest.archive import Archive
    from shiomi.digest.errors import ArchiveBusyError

    if read_only:
        try:
            return Archive.open(config.archive, read_only=True)
        except ArchiveBusyError:
            return Archive.open(config.archive, create=False)

    if create and isinstance(config.archive, Path):
        try:
            config.archive.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise click.ClickException(
                f"{config.archive.parent} cannot be created: {error.strerror}; change `archive` in"
                " shiomi.toml"
            ) from None
    return Archive.open(config.archive, create=create)


def echo(line: str, *, err: bool = False) -> None:
    """Print a line that may contain text from the network, without control characters."""
    from shiomi.digest.untrusted import clean

    columns = re.split(r"( {2,})", line)  # `clean` would remove the spaces between them
    click.echo("".join(one if one.isspace() else clean(one) for one in columns), err=err)


def complain(error: object) -> None:
    """Print an error on stderr, preceded by the name of the program."""
    for number, line in enumerate(str(error).splitlines()):
        echo(line if number else f"shiomi: {line}", err=True)


def program() -> str:
    """Return the command that starts this program: "shiomi" if it is on the PATH, else its path."""
    called = Path(sys.argv[0])
    found = shutil.which("shiomi")
    if called.stem != "shiomi" or (found and Path(found).resolve() == called.resolve()):
        return "shiomi"
    return sys.argv[0]


def week_of(config: Config, last: datetime | None) -> Week:
    """Return the week that ends on the day `last`, or today without it."""
    import time

    from shiomi.digest.week import Week

    if last is None:
        return Week.containing(int(time.time()), config.timezone)
    return Week(last.date(), config.timezone)


def local_day(config: Config, day: datetime) -> int:
    """Return the start of `day` in the time zone of the digest, in Unix seconds."""
    from zoneinfo import ZoneInfo

    return int(day.replace(tzinfo=ZoneInfo(config.timezone)).timestamp())


def thread_lines(thread: Thread, timezone: str) -> list[str]:
    """Return a thread as lines: day and title, community and link, counts with their time."""
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from shiomi.digest.thread import community_label
    from shiomi.digest.untrusted import clean, shorten

    zone = ZoneInfo(timezone)
    day = datetime.fromtimestamp(thread.created, zone).date()
    lines = [
        f"{day}  {shorten(clean(thread.title), _LONGEST_TITLE)}",
        f"            {clean(community_label(thread.community))}  {clean(thread.link)}",
    ]
    if reading := thread.reading:
        points = "? points" if reading.points is None else f"{reading.points:,} points"
        comments = "? comments" if reading.comments is None else f"{reading.comments:,} comments"
        read = f"{datetime.fromtimestamp(reading.time, zone):%Y-%m-%d %H:%M %Z}"
        when = f"read {read}" if reading.exact else f"read {read} or earlier"
        lines.append(f"            {points}, {comments}, {when}")
    return lines
