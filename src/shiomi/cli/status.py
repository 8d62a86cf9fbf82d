"""`shiomi status`."""

from __future__ import annotations

from datetime import datetime

import click

from shiomi.cli.output import as_json, configuration, echo, json_option, opened

__all__ = ["status"]


@click.command()
@json_option
@click.pass_context
def status(context: click.Context, json: bool) -> None:
    """Show what the archive holds and how fresh it is.

    Threads and the newest reading of each community, threads not linked yet, when each
    source was last collected, and the digests that stand.
    """
    from zoneinfo import ZoneInfo

    from shiomi.digest.archive.digests import DigestStore
    from shiomi.digest.thread import community_label

    config = configuration(context)
    with opened(config) as archive:
        state = archive.status()
        digests = DigestStore(archive, config.language).weeks()
    if json:
        as_json({"archive": state, "digests": digests})
        return

    def when(moment: int | None) -> str:
        zone = ZoneInfo(config.timezone)
        return f"{datetime.fromtimestamp(moment, zone):%Y-%m-%d %H:%M}" if moment else "never"

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
    for source in state.sources:
        if source.collected is not None:
            click.echo(f"collected {source.source}: {when(source.collected)}")
    standing = ", ".join(digests) or "none; `shiomi digest` writes one"
    click.echo(f"\ndigests: {standing}  (times are of {config.timezone})")
