"""Write one HTML page with the best machine for every budget. It works offline."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

from shiomi.rig.buy.budget import Answer, Running, running_cost
from shiomi.rig.estimate.memory import usable_gib
from shiomi.rig.estimate.use import USES
from shiomi.rig.report.budget_report import money, price_basis, whole_text
from shiomi.rig.report.fit_report import place_text, range_text
from shiomi.rig.report.table import figure
from shiomi.rig.report.wording import say, text_of, texts_of, wording

__all__ = ["render_budget_page"]

_WIDTH, _HEIGHT = 640, 300
_STEPS = range(30, 14, -1)
_APART, _WIDE = 16.0, 44.0  # of two labels of the plot
_LEFT, _RIGHT, _TOP, _BOTTOM = 24, 24, 36, 40

Frontiers = Mapping[tuple[str, bool], Sequence[Answer]]
"""The answers of each use, with used parts and without."""


def render_budget_page(
    frontiers: Frontiers,
    budget: int,
    shown: tuple[str, bool],
    currency: str,
    running: Running,
    language: str = "ja",
) -> str:
    """Return the page. Without JavaScript it shows the answer for `budget` and the use `shown`."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    answers = {
        f"{use}-{'used' if used else 'new'}": [
            _answer(x, currency, running, language) for x in found
        ]
        for (use, used), found in frontiers.items()
    }
    plots = {key: str(_plot(found, currency, language)) for key, found in answers.items()}
    default = answers[_key(*shown)]
    within = [x for x in default if x["price"] <= budget]
    most = max((x["price"] for found in answers.values() for x in found), default=budget)
    steps = next((n for n in _STEPS if budget % n == 0), budget)  # the slider stops at the budget
    step = max(1, budget // max(1, steps))
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    source = resources.files(__package__).joinpath("templates/budget.html.j2")
    template = environment.from_string(source.read_text(encoding="utf-8"))
    # A closing tag in the JSON would end the script, so it is escaped.
    data, drawn = (
        Markup(json.dumps(x, ensure_ascii=False).replace("<", "\\u003c"))  # noqa: S704
        for x in (answers, plots)
    )
    return template.render(
        language=language,
        phrases=wording(language)["budget_page"],
        uses={x: say(language, "budget", f"use_{x}") for x in USES},
        budget=budget,
        shown=shown,
        step=step,
        most=-(-most // step) * step,
        sign=money(0, currency)[:-1],
        best=within[-1] if within else None,
        rows=default,
        data=data,
        plots=drawn,
        plot=Markup(plots[_key(*shown)]),  # noqa: S704 - made by Markup.format
    )


def _key(use: str, used: bool) -> str:
    return f"{use}-{'used' if used else 'new'}"


def _answer(answer: Answer, currency: str, running: Running, language: str) -> dict[str, Any]:
    runs = answer.capability.runs
    parts = [
        f"{say(language, 'category', x.part.category)}: "
        + (f"{x.quantity} × " if x.quantity > 1 else "")
        + f"{x.part.name} ({say(language, 'plan', x.offer.condition)}, {money(x.price, currency)};"
        f" {x.offer.date.isoformat()}, {price_basis(x.offer, language)})"
        for x in answer.lines
    ]
    if answer.whole is not None:
        parts = [f"{answer.whole.name} ({whole_text(answer.whole, language)})"]
        if (gpu := answer.machine.gpus[0]).unified:
            parts.append(texts_of(usable_gib(gpu).basis, language))
    return {
        "price": answer.price,
        "shown": money(answer.price, currency),
        "machine": text_of(answer.machine.name, language),
        "model": f"{runs.known.name} {runs.quantisation}",
        "place": place_text(runs, language),
        "score": figure(answer.capability.score),
        "licence": runs.known.licence or "?",
        "write": range_text(runs.decode),
        "read": range_text(runs.prefill),
        "watts": f"{answer.load_w:.0f}",
        "cost": money(running_cost(answer, running), currency),
        "parts": parts,
        "checks": [text_of(x.message, language) for x in answer.checks],
    }


def _plot(rows: Sequence[Mapping[str, Any]], currency: str, language: str) -> Any:
    """Return price against score as SVG: a point for each row of the table."""
    from markupsafe import Markup

    if not rows:
        return Markup("")
    dearest = max(x["price"] for x in rows)
    round_to = 10 ** (len(str(dearest)) - 1)
    most = -(-dearest // round_to) * round_to
    scores = [float(x["score"]) for x in rows]
    least, top = min(scores) - 2, max(scores) + 1
    shapes = []
    labelled: list[tuple[float, float]] = []
    for row, score in zip(reversed(rows), reversed(scores), strict=True):
        x = _LEFT + (_WIDTH - _LEFT - _RIGHT) * row["price"] / most
        y = _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * (score - least) / (top - least)
        shapes.append(
            Markup(
                '<circle data-price="{}" cx="{:.1f}" cy="{:.1f}" r="5"><title>{}</title></circle>'
            ).format(
                row["price"],
                x,
                y,
                f"{row['shown']}, {row['machine']}: {row['model']}, {row['score']}",
            )
        )
        if all(abs(x - a) >= _WIDE or abs(y - b) >= _APART for a, b in labelled):
            labelled.append((x, y))
            text = Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="middle">{}</text>')
            shapes.append(text.format(x, y - 9, row["score"]))
    axis = Markup('<text x="{}" y="{}">{}</text><text x="{}" y="{}" text-anchor="end">{}</text>')
    shapes.append(
        axis.format(
            _LEFT, _HEIGHT - 10, money(0, currency), _WIDTH - _RIGHT, _HEIGHT - 10,
            money(most, currency),
        )
        + Markup('<text x="4" y="14">{}</text>').format(say(language, "budget_page", "score"))
    )  # fmt: skip
    return Markup('<svg role="img" aria-label="{}" viewBox="0 0 {} {}">{}</svg>').format(
        say(language, "budget_page", "plot"), _WIDTH, _HEIGHT, Markup(" ").join(shapes)
    )
