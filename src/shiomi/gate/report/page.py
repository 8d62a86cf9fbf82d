"""The report as one HTML page without scripts or external files, for phones and lynx too."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from importlib import resources

from shiomi.gate.report.access_log import Reading
from shiomi.gate.report.plots import requests_over_time, traffic_by_client
from shiomi.gate.report.summary import ClientRow, Summary, Suspect
from shiomi.gate.report.text import (
    NO_SUSPECTS,
    addresses_text,
    did_text,
    log_lines,
    printable,
    size_text,
    verdict_text,
)

__all__ = ["report_page"]

_BARS = 15  # clients in the plot of traffic


def report_page(
    summary: Summary, reading: Reading, *, top: int = 50, per_gb: float | None = None
) -> str:
    """Return the page. Every value from the log is escaped as text."""
    style = resources.files("shiomi.gate.report").joinpath("page.css").read_text("utf-8")
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="robots" content="noindex"><title>Who crawls this site</title>'
        f"<style>{style}</style></head><body><main><h1>Who crawls this site</h1>",
        *(f"<p>{_text(line)}</p>" for line in log_lines(summary, reading, per_gb)),
    ]
    if summary.requests:
        purposes = summary.by_purpose()
        names = [row.purpose for row in purposes]
        by_traffic = sorted(summary.clients, key=lambda row: -row.bytes)
        parts += [
            "<h2>Kept out, perhaps wrongly</h2>",
            *_suspects(summary.suspects, top),
            "<h2>Requests over time</h2>",
            f"<figure>{requests_over_time(summary.hours, names)}",
            f"<figcaption>{_legend((f'p-{name}', name) for name in names)}</figcaption></figure>",
            "<h2>By purpose</h2>",
            _table(purposes, summary, "Purpose", per_gb),
            "<h2>Traffic, and what the policy would have done</h2>",
            f"<figure>{traffic_by_client(by_traffic[:_BARS])}",
            "<figcaption>"
            + _legend((n, n) for n in ("passed", "challenged", "limited", "refused"))
            + "</figcaption></figure>",
            f"<h2>The {min(top, len(summary.clients))} clients with most requests</h2>",
            _table(summary.clients[:top], summary, "Client", per_gb),
            "<p class=note>At most 20,000 addresses are counted per client. “Challenged”: the "
            "client gets a small page first, which a browser passes automatically, once. The report"
            " assumes that clients that claim to be a browser pass, and that all others fail.</p>",
        ]
    return "\n".join((*parts, "</main></body></html>\n"))


def _suspects(suspects: Sequence[Suspect], top: int) -> list[str]:
    if not suspects:
        return [f"<p>{NO_SUSPECTS}</p>"]
    rows = "".join(
        f"<li><b>{_text(one.name)}</b> from <code>{_text(addresses_text(one))}</code>: "
        f"{did_text(one)} of {one.requests:,} requests (<i>{_text(one.reason)}</i>); "
        f"{_text('; '.join(one.signs))}.<br><code>{_text(one.user_agent or 'no User-Agent')}</code>"
        for one in suspects[:top]
    )
    more = len(suspects) - top
    return [f"<ol>{rows}</ol>", *([f"<p>And {more:,} more.</p>"] if more > 0 else [])]


def _table(rows: Sequence[ClientRow], summary: Summary, kind: str, per_gb: float | None) -> str:
    cost = "" if per_gb is None else "<th class=n>Cost"
    body = "".join(
        f"<tr><th scope=row>{_text(row.name)}"
        + (f"<small>{_text(row.operator)}</small>" if row.operator else "")
        + f"<td class=n>{row.requests:,}<td class=n>{row.requests / summary.requests:.1%}"
        f"<td class=n>{size_text(row.bytes)}"
        + ("" if per_gb is None else f"<td class=n>{row.bytes / 1e9 * per_gb:,.2f}")
        + f"<td class=n>{row.addresses:,}<td class=n>{row.robots:,}<td>{verdict_text(row)}"
        for row in rows
    )
    return (
        f'<div class=wide tabindex=0 role=region aria-label="{kind}"><table><thead><tr>'
        f"<th>{kind}<th class=n>Requests<th class=n>Share<th class=n>Traffic{cost}"
        f"<th class=n>Addresses<th class=n>robots.txt<th>Would have been"
        f"<tbody>{body}</table></div>"
    )


def _legend(entries: Iterable[tuple[str, str]]) -> str:
    return " ".join(
        f'<span class="key"><svg viewBox="0 0 10 10" aria-hidden="true">'
        f'<rect class="{name}" width="10" height="10"/></svg>{escape(text)}</span>'
        for name, text in entries
    )


def _text(text: str) -> str:
    return escape(printable(text, 300))
