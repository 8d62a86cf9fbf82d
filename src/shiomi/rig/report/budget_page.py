"""One page with the best machine for every budget: readable without a script, offline."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

from shiomi.rig.buy.budget import Answer, Running, running_cost
from shiomi.rig.estimate.use import USES
from shiomi.rig.report.budget_report import money
from shiomi.rig.report.fit_report import range_text
from shiomi.rig.report.table import figure
from shiomi.rig.report.wording import say, text_of, wording

__all__ = ["render_budget_page"]

_WIDTH, _HEIGHT = 640, 300
_STEPS = 30
_APART = 16.0  # of two labels of the plot
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 16, 16, 40

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
    """Return the page; `budget` and the use `shown` are those without a script."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    answers = {
        f"{use}-{'used' if used else 'new'}": [
            _answer(x, currency, running, language) for x in found
        ]
        for (use, used), found in frontiers.items()
    }
    default = answers[_key(*shown)]
    within = [x for x in default if x["price"] <= budget]
    most = max((x["price"] for found in answers.values() for x in found), default=budget)
    step = max(1, budget // _STEPS)  # so that the slider can be at the budget
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    source = resources.files(__package__).joinpath("templates/budget.html.j2")
    template = environment.from_string(source.read_text(encoding="utf-8"))
    # Closing tags inside a script would end it; JSON allows the escape.
    data = json.dumps(answers, ensure_ascii=False).replace("<", "\\u003c")
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
        data=Markup(data),  # noqa: S704 - escaped above
        plot=_plot(default, currency),
    )


def _key(use: str, used: bool) -> str:
    return f"{use}-{'used' if used else 'new'}"


def _answer(answer: Answer, currency: str, running: Running, language: str) -> dict[str, Any]:
    runs = answer.capability.runs
    parts = [
        f"{say(language, 'category', x.part.category)}: "
        + (f"{x.quantity} × " if x.quantity > 1 else "")
        + f"{x.part.name} ({say(language, 'plan', x.offer.condition)}, {money(x.price, currency)};"
        f" {x.offer.date.isoformat()}, {x.offer.shop})"
        for x in answer.lines
    ]
    if answer.whole is not None:
        condition = say(language, "plan", answer.whole.condition)
        date = answer.whole.date.isoformat()
        parts = [f"{answer.whole.name} ({condition}; {date}, {answer.whole.source})"]
    return {
        "price": answer.price,
        "shown": money(answer.price, currency),
        "machine": text_of(answer.machine.name, language),
        "model": f"{runs.known.name} {runs.quantisation}",
        "place": say(language, "place", str(runs.place)),
        "score": figure(answer.capability.score),
        "worth": round(answer.worth, 2),
        "write": range_text(runs.decode),
        "read": range_text(runs.prefill),
        "watts": f"{answer.load_w:.0f}",
        "cost": money(running_cost(answer, running), currency),
        "parts": parts,
        "checks": [text_of(x.message, language) for x in answer.checks],
    }


def _plot(rows: Sequence[Mapping[str, Any]], currency: str) -> Any:
    """Return price against worth as SVG, a step for each answer."""
    from markupsafe import Markup

    if not rows:
        return Markup("")
    most = max(x["price"] for x in rows) * 1.05
    least = min(x["worth"] for x in rows) - 2
    top = max(x["worth"] for x in rows) + 1
    shapes = []
    labelled: list[float] = []
    for row in reversed(rows):
        x = _LEFT + (_WIDTH - _LEFT - _RIGHT) * row["price"] / most
        y = _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * (row["worth"] - least) / (top - least)
        shapes.append(
            Markup('<circle cx="{:.1f}" cy="{:.1f}" r="5"><title>{}</title></circle>').format(
                x, y, f"{row['machine']}: {row['model']}"
            )
        )
        if all(abs(y - other) >= _APART for other in labelled):
            labelled.append(y)
            shapes.append(
                Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="end">{:.0f}</text>').format(
                    x - 8, y + 4, row["worth"]
                )
            )
    axis = Markup('<text x="{}" y="{}">{}</text><text x="{}" y="{}" text-anchor="end">{}</text>')
    shapes.append(
        axis.format(
            _LEFT, _HEIGHT - 10, money(0, currency), _WIDTH - _RIGHT, _HEIGHT - 10,
            money(most, currency),
        )
    )  # fmt: skip
    return Markup('<svg role="img" viewBox="0 0 {} {}">{}</svg>').format(
        _WIDTH, _HEIGHT, Markup("").join(shapes)
    )
