"""`shiomi status`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from shiomi.cli.exits import Exit
from shiomi.cli.output import as_json, configuration, echo, json_option, opened

if TYPE_CHECKING:
    from collections.abc import Callable

    from shiomi.digest.archive import ArchiveStatus
    from shiomi.digest.archive.freshness import Freshness

__all__ = ["status"]


@click.command()
@json_option
@click.pass_context
def status(context: click.Context, json: bool) -> None:
    """Show what the archive contains and how fresh it is.

    Shows the threads and the newest reading of each community, the threads that are not linked yet,
    and the finished digests. For each feed it shows the last success and the failures since then.
    The exit status is 4 if an enabled feed was last read longer ago than [collect] stale_hours.
    """
    import time
    from zoneinfo import ZoneInfo

    from shiomi.digest.archive.digests import DigestStore
    from shiomi.digest.archive.freshness import read_freshness
    from shiomi.digest.sources.known_feeds import enabled_communities

    config = configuration(context)
    with opened(config, read_only=True) as archive:
        state = archive.status()
        digests = DigestStore(archive, config.language).weeks()
        feeds = read_freshness(
            archive,
            enabled_communities(config),
            now=int(time.time()),
            stale_after=int(config.collect.stale_hours * 3600),
        )
    if json:
        as_json({"archive": state, "feeds": feeds, "digests": digests})
    else:
        zone = ZoneInfo(config.timezone)

        def when(moment: int | None) -> str:
            return f"{datetime.fromtimestamp(moment, zone):%Y-%m-%d %H:%M}" if moment else "never"

        _show(state, when)
        _show_feeds(feeds, when)
        standing = ", ".join(digests) or "none; `shiomi digest` writes one"
        click.echo(f"\ndigests: {standing}  (times are of {config.timezone})")
    if any(feed.stale for feed in feeds):
        raise click.exceptions.Exit(Exit.FOUND)


def _show(state: ArchiveStatus, when: Callable[[int | None], str]) -> None:
    from shiomi.digest.thread import community_label

    click.echo(f"{state.path}: {state.size / 2**20:.1f} MiB, migration {state.migration}")
    click.echo(
        f"{state.threads:,} threads ({state.pending:,} not linked yet), "
        f"{state.readings:,} readings, {state.titles:,} titles, {state.passages:,} passages"
    )
    if state.communities:
        click.echo(f"\n{'community':<28}{'threads':>10}  {'newest thread':<18}newest reading")
    for one in state.communities:
        label = community_label(one.community)
        newest = f"{when(one.newest_thread):<18}{when(one.newest_reading)}"
        echo(f"{label:<28}{one.threads:>10,}  {newest}")


def _show_feeds(feeds: tuple[Freshness, ...], when: Callable[[int | None], str]) -> None:
    from shiomi.digest.thread import community_label
    from shiomi.digest.untrusted import shorten

    if feeds:
        click.echo(f"\n{'feed':<34}{'last read':<18}{'failures since':>14}")
    for feed in feeds:
        label = f"{community_label(feed.community)} {feed.feed}".rstrip()
        mark = "  STALE" if feed.stale else ""
        echo(f"{label:<34}{when(feed.success):<18}{feed.failures:>14}{mark}")
        if feed.failures and feed.error:
            echo(f"  {shorten(feed.error, 300)}")
