"""`shiomi collect`."""

from __future__ import annotations

import click

from shiomi.cli.output import as_json, configuration, echo, json_option, opened
from shiomi.cli.progress import progress

__all__ = ["collect"]

_ARTICLES = "articles"


@click.command()
@click.option(
    "--source", "only", multiple=True, help="Only this source, or articles; repeat it for several."
)
@json_option
@click.pass_context
def collect(context: click.Context, only: tuple[str, ...], json: bool) -> None:
    """Fetch new threads and new counts from the configured communities.

    You can repeat or interrupt it at any time, because every batch is stored with the position to
    resume from. Each source respects the limits of its community and its own time budget. A source
    that fails does not stop the others. It is named at the end, and the exit code is 3, or 1 if all
    sources failed. If [sources.articles] is enabled, the pages that the best threads link to are
    also read, if their robots.txt allows it.

    \b
    Examples:
      shiomi collect
      shiomi collect --source lobsters --source arxiv
    """
    from shiomi.digest.sources.articles import fetch_articles
    from shiomi.digest.sources.collect import CollectReport
    from shiomi.digest.sources.collect import collect as collect_threads

    config = configuration(context)
    with opened(config, create=True) as archive, progress(quiet=json) as show:
        if _ARTICLES in only and not config.sources.articles.enabled:
            raise click.UsageError("[sources.articles] is not enabled in shiomi.toml")
        communities = tuple(name for name in only if name != _ARTICLES)
        report = CollectReport(())
        reasons: dict[str, str] = {}
        if communities or not only:
            report = collect_threads(archive, config, only=communities, progress=show)
        if not report.interrupted and (_ARTICLES in only or not only):
            articles, reasons = fetch_articles(archive, config, progress=show)
            report = CollectReport((*report.sources, *articles.sources), articles.interrupted)
    if json:
        as_json({"report": report, "without_article": reasons})
    else:
        for line in report.text().splitlines():
            echo(line)
        for line in report.failures():
            echo(line, err=True)
        if reasons:
            echo(f"{len(reasons)} pages gave no article; --json says which and why")
    if report.exit_code:
        raise click.exceptions.Exit(report.exit_code)
