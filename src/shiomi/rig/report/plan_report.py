"""A plan as text and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shiomi.rig.buy.build import Plan
from shiomi.rig.buy.findings import Unknown
from shiomi.rig.buy.prices import Condition
from shiomi.rig.errors import BudgetError, PlanError
from shiomi.rig.report.wording import say, text_of, texts_of, unit_text

__all__ = ["beyond_text", "plan_json", "plan_text", "price_dates"]


def _figure(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}"


def price_dates(plan: Plan, language: str) -> str:
    """Return the date of the prices; empty if nothing is bought."""
    dates = sorted(x.offer.date for x in plan.lines if x.offer.condition is not Condition.OWN)
    if not dates:
        return ""
    key = "prices_from_one" if dates[0] == dates[-1] else "prices_from"
    slots = {"first": dates[0].isoformat(), "last": dates[-1].isoformat()}
    return say(language, "plan", key, slots)


def beyond_text(budget_jpy: int, reason: PlanError | None, language: str) -> str:
    """Return why a budget has no separate plan; None: it buys nothing faster."""
    slots = {"budget": f"{budget_jpy:,}"}
    if reason is None:
        return say(language, "plan", "no_faster", slots)
    if isinstance(reason, BudgetError):
        cheapest = f"{reason.cheapest_jpy:,}"
        return say(language, "plan", "cheapest", {**slots, "cheapest": cheapest})
    return say(language, "plan", "beyond", {**slots, "reason": text_of(reason.message, language)})


def plan_text(plan: Plan, language: str = "en") -> str:
    """A plan in lines: parts, total, speed and its basis, proof, what to check."""

    def phrase(key: str, **slots: object) -> str:
        return say(language, "plan", key, {k: str(v) for k, v in slots.items()})

    speed, unit = plan.speed, unit_text(plan.speed.unit, language)
    lines = [f"{phrase('budget')}: ¥{plan.budget_jpy:,}"]
    for line in plan.lines:
        count = f"{line.quantity} x " if line.quantity > 1 else ""
        where = ", ".join(x for x in (line.offer.shop, phrase(line.offer.condition)) if x)
        lines.append(
            f"  {say(language, 'category', line.part.category)}: {count}{line.part.name}"
            f"  ¥{line.price:,} ({where})"
        )
    lines += [
        f"{phrase('total')}: ¥{plan.total_jpy:,}",
        f"{phrase('speed')}: {_figure(speed.value)} {unit}; "
        + phrase("speed_range", low=_figure(speed.low), high=_figure(speed.high), unit=unit),
        f"  {phrase('basis', basis=texts_of(speed.basis, language))}",
        phrase("drawn", watts=f"{plan.wall_watts:.0f}"),
        phrase("proven", parts=plan.offers) if plan.proven else phrase("unproven"),
    ]
    if plan.without_speed:
        lines.append(phrase("left_out", count=plan.without_speed))
    lines += [x for x in (price_dates(plan, language),) if x]
    lines.append(f"{phrase('checks')}:" if plan.checks else phrase("nothing"))
    lines += [f"  - {text_of(x.message, language)}" for x in plan.checks]
    return "\n".join(lines) + "\n"


def plan_json(plans: Sequence[Plan], language: str = "en") -> list[dict[str, Any]]:
    """Plans as what json.dumps takes."""
    return [_as_json(plan, language) for plan in plans]


def _as_json(plan: Plan, language: str) -> dict[str, Any]:
    return {
        "budget_jpy": plan.budget_jpy,
        "total_jpy": plan.total_jpy,
        "proven": plan.proven,
        "offers": plan.offers,
        "cards_without_speed": plan.without_speed,
        "wall_watts": round(plan.wall_watts),
        "speed": {
            "value": plan.speed.value,
            "low": plan.speed.low,
            "high": plan.speed.high,
            "unit": plan.speed.unit,
            "basis": texts_of(plan.speed.basis),
            "sources": list(plan.speed.sources),
        },
        "parts": [
            {
                "category": str(line.part.category),
                "id": line.part.id,
                "name": line.part.name,
                "quantity": line.quantity,
                "price_jpy": line.offer.price,
                "condition": str(line.offer.condition),
                "date": None
                if line.offer.condition is Condition.OWN
                else line.offer.date.isoformat(),
                "shop": line.offer.shop,
                "url": line.offer.url,
            }
            for line in plan.lines
        ],
        "checks": [
            {
                "check": str(x.check),
                "always": isinstance(x, Unknown) and x.always,
                "text": text_of(x.message, language),
            }
            for x in plan.checks
        ],
    }
