"""Render a digest, and the list of all digests, as HTML that needs no script and no other file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import groupby

from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

from shiomi.digest.document import Digest
from shiomi.digest.languages import Language
from shiomi.digest.render.charts import Series, bar, lines_over_time, weekly_bars
from shiomi.digest.render.page import DigestPage, Line, ThemeBlock, TopicPage, lay_out

__all__ = ["page_context", "render_entry", "render_html", "render_index", "templates"]

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(_DAY.pattern + r"( [0-9]{2}:[0-9]{2}( [A-Z]{3,4})?)?")


def render_html(
    digest: Digest,
    language: Language,
    *,
    older: str | None = None,
    newer: str | None = None,
) -> str:
    """Return one digest as a page. `older` and `newer` are the ISO dates of the neighbouring
    digests."""
    return (
        templates()
        .get_template("digest.html.j2")
        .render(page_context(language), page=lay_out(digest, language), older=older, newer=newer)
    )


def render_index(digests: Iterable[Digest], language: Language) -> str:
    """Return the page that lists all digests, newest first."""
    pages = sorted((lay_out(one, language) for one in digests), key=lambda p: p.date, reverse=True)
    return templates().get_template("index.html.j2").render(page_context(language), pages=pages)


def render_entry(page: DigestPage, language: Language) -> str:
    """Return a digest as an HTML fragment for feeds: no charts, no styles, and only absolute
    links."""
    return templates().get_template("entry.html.j2").render(page_context(language), page=page)


@lru_cache(maxsize=1)
def templates() -> Environment:
    """Return the environment with the templates of this package. It escapes every inserted
    value."""
    environment = Environment(
        loader=PackageLoader("shiomi.digest.render"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["groups"] = _groups
    environment.filters["dates"] = partial(_unbroken, _MOMENT)
    environment.filters["days"] = partial(_unbroken, _DAY)
    environment.globals["lang_of"] = _lang_of
    environment.globals["bar"] = bar
    environment.globals["points_chart"] = pass_context(_points_chart)
    environment.globals["weeks_chart"] = pass_context(_weeks_chart)
    return environment


def page_context(language: Language) -> dict[str, object]:
    """Return the values that every template needs, for pages that are files in one folder."""
    return {
        "language": language,
        "say": language.phrase,
        "lang": language.code,
        "html": ".html",  # suffix of the address of a digest
        "home": "index.html",
        "story": None,  # prefix of the address of a story's page; None: stories have no pages
    }


def _groups(lines: Sequence[Line]) -> list[tuple[bool, list[Line]]]:
    """Group successive sentences. The key is True for the digest's own sentences, which share a
    paragraph, and False for quotations."""
    return [(told, list(run)) for told, run in groupby(lines, lambda one: one.quoted_from is None)]


def _unbroken(pattern: re.Pattern[str], text: str) -> Markup:
    """Return `text` escaped; the parts that match `pattern` are not broken over two lines."""
    said = str(escape(text))
    return Markup(pattern.sub(r'<span class="date">\g<0></span>', said))  # noqa: S704 - escaped


def _lang_of(lang: str | None) -> Markup:
    return Markup(' lang="{}"').format(lang) if lang else Markup("")


@dataclass(frozen=True, slots=True)
class _Key:
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class _PointsChart:
    svg: Markup
    keys: tuple[_Key, ...]
    span: str


def _points_chart(context: Context, topic: TopicPage) -> _PointsChart | None:
    """Return a chart of the points of a story's threads over time; None for fewer than three
    readings."""
    drawn = [source for source in topic.sources if len(source.points_over_time) > 2]
    if not drawn:
        return None
    language: Language = context["language"]
    say, zone = language.phrase, context["page"].zone
    described, keys = [], []
    for index, source in enumerate(drawn):
        (start, first), *_, (end, last) = source.points_over_time
        slots = {
            "source": source.link.text,
            "first": language.number(first),
            "last": language.number(last),
        }
        described.append(
            say(
                "render.chart_series",
                **slots,
                first_time=language.moment(start, zone),
                last_time=language.moment(end, zone),
            )
        )
        keys.append(_Key(min(index, 5), say("render.chart_legend", **slots)))
    times = [time for source in drawn for time, _ in source.points_over_time]
    svg = lines_over_time(
        [Series(source.points_over_time) for source in drawn],
        say("render.chart_points"),
        say("render.sentence_gap").join(described),
    )
    span = say(
        "render.chart_span",
        first=language.moment(min(times), zone),
        last=language.moment(max(times), zone),
    )
    return _PointsChart(svg, tuple(keys), span)


def _weeks_chart(context: Context, theme: ThemeBlock) -> Markup:
    say = context["say"]
    counts = say("render.comma").join(map(str, theme.counts))
    return weekly_bars(theme.counts, say("render.chart_weeks"), say("render.weekly", counts=counts))
