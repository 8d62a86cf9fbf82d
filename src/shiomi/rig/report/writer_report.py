"""Writers as text and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shiomi.rig.estimate.quantity import Estimate
from shiomi.rig.estimate.writer import Writer
from shiomi.rig.report.fit_report import estimate_json, place_text, range_text
from shiomi.rig.report.table import figure, text_table
from shiomi.rig.report.wording import phrases, texts_of

__all__ = ["writers_json", "writers_text"]

_SHOWN = 5


def writers_text(writers: Sequence[Writer], language: str = "en") -> str:
    """Return the best writer with its basis, and the next best ones."""
    phrase = phrases(language, "writer")

    first = writers[0]
    heads = [phrase(x) for x in ("model", "format", "where", "minutes", "yen", "decode")]
    rows = [
        [
            x.name,
            x.runs.quantisation,
            place_text(x.runs, language),
            _minutes(x.seconds),
            range_text(x.yen),
            range_text(x.runs.decode),
        ]
        for x in writers[:_SHOWN]
    ]
    lines = [phrase("best", model=first.name, quantisation=first.runs.quantisation), ""]
    lines += text_table([heads, *rows], right=(3, 4, 5))
    if len(writers) > _SHOWN:
        lines.append(phrase("more", count=len(writers) - _SHOWN))
    lines += ["", f"{phrase('time')}: {texts_of(first.seconds.basis, language)}"]
    paid = texts_of(first.yen.basis, language) if first.yen else phrase("no_yen")
    lines.append(f"{phrase('yen')}: {paid}")
    return "\n".join(lines) + "\n"


def writers_json(writers: Sequence[Writer]) -> list[dict[str, Any]]:
    """Return the same as objects for json.dumps, the best first."""
    return [
        {
            "model": x.name,
            "aliases": list(x.runs.known.aliases),
            "quantisation": x.runs.quantisation,
            "place": str(x.runs.place),
            "seconds": estimate_json(x.seconds),
            "yen": estimate_json(x.yen),
            "decode": estimate_json(x.runs.decode),
        }
        for x in writers
    ]


def _minutes(seconds: Estimate) -> str:
    value, low, high = (figure(x / 60) for x in (seconds.value, seconds.low, seconds.high))
    return f"{value} ({low}-{high})"
