"""`shiomi search`."""

from __future__ import annotations

from datetime import datetime

import click

from shiomi.cli.output import (
    as_json,
    configuration,
    echo,
    json_option,
    local_day,
    opened,
    thread_lines,
)

__all__ = ["search"]


@click.command()
@click.argument("query")
@click.option(
    "--limit",
    default=20,
    show_default=True,
    type=click.IntRange(1, 1000),
    help="Most stories shown.",
)
@click.option(
    "--since", type=click.DateTime(["%Y-%m-%d"]), help="Only threads of this day or later."
)
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="Only threads before this day.")
@click.option("--community", help='One community: "hackernews", "reddit/LocalLLaMA", …')
@json_option
@click.pass_context
def search(
    context: click.Context,
    query: str,
    limit: int,
    since: datetime | None,
    until: datetime | None,
    community: str | None,
    json: bool,
) -> None:
    """Find stories by their words, Japanese or English.

    Searches all titles that a thread ever had, and its stored texts. All words must occur, and
    "quoted words" must be adjacent. The query has no other syntax. A Japanese word of the glossary
    also finds English threads. Threads about the same story, in one or more communities, are shown
    together.

    \b
    Examples:
      shiomi search "open source models"
      shiomi search 規制 --since 2026-11-01 --json
    """
    from functools import partial

    from shiomi.site.finding import find_stories

    config = configuration(context)
    with opened(config, read_only=True) as archive:
        if community is not None and community not in (known := archive.communities()):
            raise click.ClickException(
                f"--community {community!r} has no thread here; allowed: {', '.join(known)}"
            )
        chosen = partial(
            archive.search,
            since=local_day(config, since) if since else None,
            until=local_day(config, until) if until else None,
            community=community,
        )
        hits, pairs = find_stories(archive, query, limit=limit, search=chosen)
    hits = hits[:limit]
    if json:
        as_json(hits)
        return
    if pairs:
        said = ", ".join(f"{japanese} → {english}" for japanese, english in pairs)
        click.echo(f"also searched in English: {said}", err=True)
    for hit in hits:
        lines = thread_lines(hit.thread, config.timezone)
        if hit.snippet not in hit.thread.title:  # an earlier title, or text of the thread
            lines.insert(1, f"            {hit.snippet}")
        for thread in hit.elsewhere:
            lines += thread_lines(thread, config.timezone)[1:]
        for line in lines:
            echo(line)
    if not hits:
        japanese = not query.isascii() and not pairs
        hint = "; the glossary has no English for it, so try English words" if japanese else ""
        click.echo(
            f"no thread has these words{hint}; `shiomi status` shows what the archive holds",
            err=True,
        )
