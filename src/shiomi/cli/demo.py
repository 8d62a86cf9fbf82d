"""`shiomi demo`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shiomi.cli.output import as_json, json_option, program
from shiomi.cli.progress import Progress, progress

if TYPE_CHECKING:
    from shiomi.digest.archive import Archive
    from shiomi.digest.config import Config
    from shiomi.digest.document import Digest

__all__ = ["demo"]


@click.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("demo"),
    show_default=True,
    help="Where the archive and the digests are written.",
)
@click.option(
    "--language", default="ja", show_default=True, help='The digests\' language, or "en".'
)
@json_option
def demo(out: Path, language: str, json: bool) -> None:
    """Build digests of two real weeks that ship with Shiomi; no network, no model.

    Imports the threads of Hacker News, Lobsters and r/programming, links the same stories across
    communities, ranks them, writes two digests, and renders Markdown, HTML, feeds and JSON. Also
    writes a configuration file, so that you can try the other commands on the data.

    \b
    Example:
      shiomi demo
      shiomi -c demo/shiomi.toml search "apple m1"
      shiomi -c demo/shiomi.toml watch --week 2020-12-13
    """
    from shiomi.digest.archive import Archive
    from shiomi.digest.config import load_config
    from shiomi.digest.languages import load_language
    from shiomi.digest.pipeline import make_digest, site_files
    from shiomi.digest.publishing import publish
    from shiomi.digest.week import Week
    from shiomi.sample import SAMPLE_AS_OF, SAMPLE_WEEKS

    started = time.monotonic()
    load_language(language)
    kept = out / "shiomi.toml"
    if kept.exists() and not kept.read_bytes().startswith(_FIRST_LINE.encode()):
        raise click.UsageError(f"{kept} is not from the demo; choose another folder with --out")
    publish({"shiomi.toml": f"{_FIRST_LINE}{_CONFIG.format(language=language)}"}, out)
    config = load_config(kept)
    with Archive.open(config.archive) as archive, progress(quiet=json) as show:
        _import(archive, show)
        weeks = [Week(last, config.timezone) for last in SAMPLE_WEEKS]
        digests = [
            make_digest(archive, config, week, as_of=SAMPLE_AS_OF, progress=show) for week in weeks
        ]
        files = site_files(archive, config, weeks[-1])
        publish(files, config.out)
        pages = sum(not name.startswith(".") for name in files)
        figures = _figures(archive, config, digests, pages, time.monotonic() - started)
    if json:
        as_json(figures)
    else:
        _report(figures, out)


_FIRST_LINE = "# Written by `shiomi demo`; `shiomi init` writes one with every key explained.\n"
_CONFIG = """\
language = "{language}"
out = "."

[[watch]]
name = "Rust"
terms = ["Rust"]

[[watch]]
name = "Apple M1"
terms = ["M1", "Apple Silicon"]
"""


def _import(archive: Archive, show: Progress) -> None:
    from importlib.resources import as_file

    from shiomi.digest.archive.importing import import_file
    from shiomi.sample import sample_files

    for resource in sample_files():
        with as_file(resource) as path:
            import_file(archive, path, progress=show)


def _figures(
    archive: Archive, config: Config, digests: list[Digest], files: int, seconds: float
) -> dict[str, Any]:
    from shiomi.digest.linking import stories

    state = archive.status()
    weeks = []
    for digest in digests:
        week = stories(archive, digest.week.start, digest.week.end, as_of=digest.as_of)
        weeks.append(
            {
                "last": digest.week.last,
                "threads": sum(len(story.threads) for story in week),
                "stories": len(week),
                "shared": sum(len(story.communities) > 1 for story in week),
                "topics": len(digest.topics),
                "shared_topics": sum(len(t.story.communities) > 1 for t in digest.topics),
                "trends": [trend.name for trend in digest.trends],
            }
        )
    return {
        "archive": config.archive,
        "threads": state.threads,
        "readings": state.readings,
        "communities": {one.community: one.threads for one in state.communities},
        "weeks": weeks,
        "files": files,
        "seconds": round(seconds, 1),
    }


def _report(figures: dict[str, Any], out: Path) -> None:
    from shiomi.digest.thread import community_label

    communities = ", ".join(
        f"{community_label(name)} {count:,}" for name, count in figures["communities"].items()
    )
    click.echo(
        f"read    {figures['threads']:,} threads, {figures['readings']:,} readings of counts"
    )
    click.echo(f"        {communities}")
    for week in figures["weeks"]:
        click.echo(
            f"linked  week to {week['last']}: {week['threads']:,} threads are "
            f"{week['stories']:,} stories, {week['shared']} of them in two or more communities"
        )
    for week in figures["weeks"]:
        click.echo(
            f"wrote   {week['last']}: {week['topics']} topics, {week['shared_topics']} of them in"
            f" two or more communities; trends: {', '.join(week['trends']) or 'none'}"
        )
    last = figures["weeks"][-1]["last"]
    click.echo(f"done    {figures['files']} files in {figures['seconds']} s; look at")
    click.echo(f"        {out / f'{last}.md'}    the digest as Markdown")
    click.echo(f"        {out / 'index.html'}       all of them as pages")
    click.echo(f'        {program()} -c {out / "shiomi.toml"} search "apple m1"')
