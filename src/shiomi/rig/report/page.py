"""The plan as one HTML page: no script, nothing fetched, readable on a phone and in lynx."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from typing import TYPE_CHECKING

from shiomi.rig.buy.build import Plan
from shiomi.rig.buy.parts import Category
from shiomi.rig.errors import PlanError
from shiomi.rig.report.plan_report import beyond_text, price_dates
from shiomi.rig.report.wording import say, text_of, texts_of, unit_text, wording

if TYPE_CHECKING:
    from markupsafe import Markup

__all__ = ["front_plot", "render_page"]

_WIDTH, _HEIGHT = 640, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 16, 24, 52


def render_page(
    plans: Sequence[Plan],
    language: str = "ja",
    beyond: Sequence[tuple[int, PlanError | None]] = (),
) -> str:
    """The Pareto front and each of its plans; `beyond`: budgets with none of their own, and why.

    Raises PlanError if no plan exists.
    """
    from jinja2 import Environment, StrictUndefined

    if not plans:
        raise PlanError("there is no plan to show")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    source = resources.files(__package__).joinpath("templates/plan.html.j2")
    template = environment.from_string(source.read_text(encoding="utf-8"))
    return template.render(
        plans=plans,
        language=language,
        phrases=wording(language)["plan"],
        category=lambda x: say(language, "category", x),
        phrase=lambda key, **slots: say(
            language, "plan", key, {k: str(v) for k, v in slots.items()}
        ),
        figure=_figure,
        words=lambda x: text_of(x, language),
        unit=lambda plan: unit_text(plan.speed.unit, language),
        basis=lambda x: texts_of(x, language),
        beyond=[beyond_text(budget, reason, language) for budget, reason in beyond],
        dates=lambda plan: price_dates(plan, language),
        cards=_cards,
        plot=front_plot(plans, language),
    )


def _figure(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}"


def _cards(plan: Plan) -> str:
    """The graphics cards of a plan, which distinguish the plans."""
    return " + ".join(
        f"{line.quantity} × {line.part.name}" if line.quantity > 1 else line.part.name
        for line in plan.lines
        if line.part.category is Category.GPU
    )


def _ticks(top: float) -> list[float]:
    """A few round figures from 0 to at least `top`."""
    step = 10.0 ** (len(str(int(max(1.0, top)))) - 1)
    for part in (0.2, 0.5, 1.0, 2.0, 5.0):
        if top / (step * part) <= 4:
            step *= part
            break
    count = int(-(-top // step))
    return [step * i for i in range(count + 1)]


def front_plot(plans: Sequence[Plan], language: str) -> Markup:
    """Yen against tokens per second as SVG: a numbered point per plan, 80 % intervals as lines."""
    from markupsafe import Markup

    yen = _ticks(max(1, *(plan.total_jpy for plan in plans)))
    speeds = _ticks(max(plan.speed.high for plan in plans))

    def x(value: float) -> str:
        return f"{_LEFT + (_WIDTH - _LEFT - _RIGHT) * value / yen[-1]:.1f}"

    def y(value: float) -> str:
        return f"{_HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * value / speeds[-1]:.1f}"

    shapes = [
        Markup('<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(
            _LEFT, _WIDTH - _RIGHT, y(v), y(v)
        )
        + Markup('<text x="{}" y="{}" text-anchor="end">{}</text>').format(
            _LEFT - 8, y(v), f"{v:g}"
        )
        for v in speeds
    ]
    for v in yen[1:]:
        anchor = "end" if v == yen[-1] else "middle"
        shapes.append(
            Markup('<text x="{}" y="{}" text-anchor="{}">¥{}</text>').format(
                x(v), _HEIGHT - _BOTTOM + 28, anchor, f"{v:,.0f}"
            )
        )
    for number, plan in enumerate(plans, 1):
        place, speed = x(plan.total_jpy), plan.speed
        slots = {
            "speed": _figure(speed.value),
            "unit": unit_text(speed.unit, language),
            "total": f"{plan.total_jpy:,}",
        }
        shapes.append(
            Markup('<line class="range" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/>').format(
                place, y(speed.low), y(speed.high)
            )
            + Markup('<circle cx="{}" cy="{}" r="6"><title>{}</title></circle>').format(
                place, y(speed.value), say(language, "plan", "front_text", slots)
            )
            + Markup('<text class="number" x="{}" y="{}" dx="10">{}</text>').format(
                place, y(speed.value), number
            )
        )
    label = say(language, "plan", "front")
    return Markup('<svg role="img" aria-label="{}" viewBox="0 0 {} {}">{}</svg>').format(
        label, _WIDTH, _HEIGHT, Markup("").join(shapes)
    )
