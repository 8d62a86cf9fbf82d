"""The report for a terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from shiomi.gate.decision import Verdict
from shiomi.gate.report.access_log import Reading
from shiomi.gate.report.summary import ClientRow, Summary, Suspect

__all__ = [
    "NO_SUSPECTS",
    "addresses_text",
    "did_text",
    "log_lines",
    "no_log_text",
    "printable",
    "report_text",
    "size_text",
    "verdict_text",
]

_WORDS = {
    Verdict.ALLOW: "passed",
    Verdict.ANSWER: "answered by the gate",
    Verdict.CHALLENGE: "challenged",
    Verdict.LIMIT: "limited",
    Verdict.TARPIT: "slowed",
    Verdict.DENY: "refused",
}
NO_SUSPECTS = "No client that looks like a person, or that most sites want, would be kept out."
_COMMON = '  192.0.2.1 - - [17/May/2015:10:05:03 +0000] "GET /page HTTP/1.1" 200 4523'
_NAME = 28  # characters of a client's name that are shown


def report_text(
    summary: Summary, reading: Reading, *, top: int = 20, per_gb: float | None = None
) -> list[str]:
    """Return the lines of the report: the files read, suspects, purposes, and the `top` clients."""
    lines = log_lines(summary, reading, per_gb)
    if not summary.requests:
        return lines
    lines += ["", *_suspects(summary, top)]
    lines += ["", "By purpose, and what the policy would have done"]
    lines += _table(summary.by_purpose(), summary, per_gb, kind="purpose")
    shown = summary.clients[:top]
    lines += ["", f"The {len(shown)} of {len(summary.clients)} clients with most requests"]
    lines += _table(shown, summary, per_gb, kind="client")
    return lines


def no_log_text(reading: Reading) -> str:
    """Return the message for files that are not access logs."""
    return f"""\
no line of an access log was found; the first line is
  {printable(reading.bad_samples[0])}
a log must be from nginx or Apache (common or combined format, gzipped or not), with lines like
{_COMMON}
{_COMMON} "REFERER" "USER AGENT"
HOST:PORT may come before them, and further fields after them"""


def size_text(size: float) -> str:
    """Return a size in decimal units: "1.2 GB"."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def verdict_text(row: ClientRow) -> str:
    """Return what became of a client's requests: "passed 90, refused 10"."""
    counts = ((word, row.verdicts[verdict]) for verdict, word in _WORDS.items())
    return ", ".join(f"{word} {count:,}" for word, count in counts if count)


def addresses_text(suspect: Suspect) -> str:
    """Return a suspect's addresses: "192.0.2.1, 192.0.2.7 and 4 more"."""
    shown = ", ".join(suspect.addresses)
    more = suspect.address_count - len(suspect.addresses)
    return f"{shown} and {more:,} more" if more else shown


def printable(text: str, longest: int = 120) -> str:
    """Return text from a log, shortened, without characters that control a terminal."""
    cut = text if len(text) <= longest else f"{text[: longest - 1]}…"
    return "".join(c if unicodedata.category(c)[0] not in "CZ" or c == " " else "�" for c in cut)


def did_text(suspect: Suspect) -> str:
    """Return what the policy would have done to a suspect: "refused 3"."""
    if suspect.refused:
        return f"refused {suspect.refused:,}"
    return f"challenged {suspect.challenged:,}"


def log_lines(summary: Summary, reading: Reading, per_gb: float | None) -> list[str]:
    """Return lines about the log: its size and period, and the lines that could not be read."""
    lines = ["No request was found in the log."]
    if summary.requests:
        cost = "" if per_gb is None else f", cost {summary.bytes / 1e9 * per_gb:,.2f}"
        lines = [
            f"{summary.requests:,} requests, {size_text(summary.bytes)}{cost}, "
            f"{_when(summary.begins)} to {_when(summary.ends)} UTC"
        ]
    if reading.bad_lines:
        lines.append(
            f"{reading.bad_lines:,} of {reading.lines:,} lines are not lines of an access log:"
        )
        lines += (f"  {printable(sample)}" for sample in reading.bad_samples)
    if reading.without_user_agent:
        lines.append(
            f"{reading.without_user_agent:,} lines have no User-Agent (common format). They count "
            "as unknown clients; log the combined format to see which clients they are."
        )
    lines += (f"Read only up to an error: {printable(one, 300)}" for one in reading.broken_files)
    if summary.forgotten:
        lines.append(
            f"{summary.forgotten:,} clients were not followed to the end; suspects may be missing."
        )
    return lines


def _suspects(summary: Summary, top: int) -> list[str]:
    if not summary.suspects:
        return [NO_SUSPECTS]
    lines = ["Would be kept out, perhaps wrongly (look at these first)"]
    for one in summary.suspects[:top]:
        lines.append(
            f"  {printable(one.name, _NAME)} from {printable(addresses_text(one))}: "
            f"{did_text(one)} of {one.requests:,} requests ({one.reason})"
        )
        lines.append(f"    {printable(one.user_agent) or 'no User-Agent'}")
        lines.append(f"    {'; '.join(one.signs)}")
    if len(summary.suspects) > top:
        lines.append(f"  and {len(summary.suspects) - top} more; --top shows more of them")
    return lines


def _table(
    rows: Sequence[ClientRow], summary: Summary, per_gb: float | None, *, kind: str
) -> list[str]:
    heads = [kind, "requests", "share", "traffic", "addresses", "would have been"]
    if per_gb is not None:
        heads.insert(4, "cost")
    cells = [heads]
    for row in rows:
        line = [
            printable(row.name, _NAME),
            f"{row.requests:,}",
            f"{row.requests / summary.requests:.1%}",
            size_text(row.bytes),
            f"{row.addresses:,}",
            verdict_text(row),
        ]
        if per_gb is not None:
            line.insert(4, f"{row.bytes / 1e9 * per_gb:,.2f}")
        cells.append(line)
    return list(_aligned(cells))


def _aligned(cells: Sequence[Sequence[str]]) -> Iterable[str]:
    """Yield rows as lines: first and last column aligned left, the others right."""
    widths = [max(len(row[n]) for row in cells) for n in range(len(cells[0]))]
    last = len(widths) - 1
    for row in cells:
        padded = (
            text.ljust(widths[n]) if n in (0, last) else text.rjust(widths[n])
            for n, text in enumerate(row)
        )
        yield f"  {'  '.join(padded)}".rstrip()


def _when(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}"
