"""`shiomi link`: why threads are one story, and corrections by people."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import click

from shiomi.cli.output import as_json, configuration, echo, json_option, opened

__all__ = ["link"]


def _two_ids(command: Callable[..., None]) -> Callable[..., None]:
    """Add two arguments, the threads a and b, to a command, and pass it the context."""
    one = click.argument("a", metavar="ID")
    return one(click.argument("b", metavar="ID")(click.pass_context(command)))


@click.group()
def link() -> None:
    """See why threads are one story, and correct it for good.

    An ID is the address of a thread, as a digest or `shiomi search` shows it. It can also be the
    community with the thread's id: hackernews:25345428, lobsters:mqid59, reddit/programming:k9a1ur.

    \b
    Examples:
      shiomi link why hackernews:25345428
      shiomi link split hackernews:25345428 lobsters:mqid59
      shiomi link join hackernews:25345428 reddit/programming:k9a1ur
      shiomi link export > labels.jsonl
    """


@link.command()
@_two_ids
def join(context: click.Context, a: str, b: str) -> None:
    """Record that two threads are one story; later linking keeps it.

    \b
    Example:
      shiomi link join hackernews:25345428 reddit/programming:k9a1ur
    """
    _correct(context, a, b, "join")


@link.command()
@_two_ids
def split(context: click.Context, a: str, b: str) -> None:
    """Record that two threads are two stories; later linking keeps it.

    \b
    Example:
      shiomi link split hackernews:25345428 lobsters:mqid59
    """
    _correct(context, a, b, "split")


@link.command()
@_two_ids
def undo(context: click.Context, a: str, b: str) -> None:
    """Delete the correction of two threads.

    \b
    Example:
      shiomi link undo hackernews:25345428 lobsters:mqid59
    """
    from shiomi.digest.archive import CorrectionStore

    a, b = _uid(a), _uid(b)
    with opened(configuration(context)) as archive:
        if not CorrectionStore(archive).remove(a, b):
            raise click.ClickException(
                f"no correction of {a} and {b}; `shiomi link export` lists all"
            )
    echo(f"forgotten: {a} and {b}")


@link.command()
@click.argument("uid", metavar="ID")
@json_option
@click.pass_context
def why(context: click.Context, uid: str, json: bool) -> None:
    """Show the threads of a story, and for each tie between two of them the reasons.

    The number in front of a reason is its log odds. Above 0 the reason speaks for one story, below
    0 against it.
    """
    from shiomi.digest.linking import Linker, reasons, stories

    uid = _uid(uid)
    config = configuration(context)
    with opened(config) as archive:
        thread = archive.thread(uid)
        if thread is None:
            raise click.ClickException(_unknown(uid))
        found = stories(archive, thread.created, thread.created + 1)
        story = next(s for s in found if any(t.uid == uid for t in s.threads))
    if json:
        as_json(story)
        return
    members = {member.uid: member for member in story.threads}
    linker = None
    for member in story.threads:
        echo(f"{member.uid}  {member.title}")
        echo(f"    {member.url or member.link}")
    for tie in story.links:
        echo(f"{tie.a} - {tie.b}: {_REASONS[tie.kind]}{_share(tie.kind, tie.score)}")
        if tie.kind in ("same_story", "related"):
            linker = linker or Linker.load(config.link.encoder)
            for reason in reasons(linker, members[tie.a], members[tie.b]):
                echo(f"    {reason.odds:+.1f}  {reason.text}")
    if story.related:
        echo(f"related, not merged: {', '.join(story.related)}")


_REASONS = {
    "canonical_url": "they point at one page",
    "crosspost": "one was crossposted from the other",
    "joined": "joined by hand",
    "same_story": "judged one story by titles and addresses",
    "related": "judged related",
    "named": "one is a post that names the other's page",
}


def _share(kind: str, score: float) -> str:
    return f", probability {score:.2f}" if kind in ("same_story", "related") else ""


@link.command()
@click.pass_context
def export(context: click.Context) -> None:
    """Print all corrections as labelled pairs, one JSON object per line.

    \b
    Example:
      shiomi link export > labels.jsonl
    """
    import msgspec

    from shiomi.digest.archive import CorrectionStore

    with opened(configuration(context)) as archive:
        corrections = CorrectionStore(archive).all()
    for one in corrections:
        label = "same" if one.kind == "join" else "different"
        row = {"a": one.a, "b": one.b, "label": label, "time": one.time}
        echo(msgspec.json.encode(row).decode())


def _correct(context: click.Context, a: str, b: str, kind: str) -> None:
    from shiomi.digest.archive import Correction, CorrectionStore

    a, b = _uid(a), _uid(b)
    if a == b:
        raise click.UsageError(f"the two IDs are one thread: {a}; give two")
    with opened(configuration(context)) as archive:
        for uid in (a, b):
            if archive.thread(uid) is None:
                raise click.ClickException(_unknown(uid))
        correction = Correction(min(a, b), max(a, b), kind, int(time.time()))
        CorrectionStore(archive).put(correction)
    done = "are one story" if kind == "join" else "are two stories"
    echo(f"kept: {a} and {b} {done}; it shows in the next digest that is written")


_ADDRESSES = (
    (re.compile(r"https?://news\.ycombinator\.com/item\?id=(\d+)"), "hackernews:{0}"),
    (re.compile(r"https?://lobste\.rs/s/(\w+)"), "lobsters:{0}"),
    (re.compile(r"https?://(?:\w+\.)?reddit\.com/r/(\w+)/comments/(\w+)"), "reddit/{0}:{1}"),
)


def _uid(text: str) -> str:
    """Return the uid of a thread, which is given as a uid or as an address."""
    for address, uid in _ADDRESSES:
        if match := address.match(text):
            return uid.format(*match.groups())
    return text


def _unknown(uid: str) -> str:
    return (
        f"the archive has no thread {uid!r}; an ID is its address, or community:number as in"
        " hackernews:25345428; `shiomi search` prints the addresses"
    )
