"""The best machine for a budget, as text and as JSON."""

from __future__ import annotations

from typing import Any

from shiomi.rig.buy.budget import Answer, BudgetPlan, Running, running_cost
from shiomi.rig.buy.findings import Unknown
from shiomi.rig.buy.prices import Condition, Offer
from shiomi.rig.buy.whole import WholeMachine
from shiomi.rig.estimate.memory import usable_gib
from shiomi.rig.estimate.use import Capability
from shiomi.rig.model.quality import QUALITY_DATE
from shiomi.rig.report.fit_report import estimate_json, place_text, range_text, score_text
from shiomi.rig.report.table import figure, text_table
from shiomi.rig.report.wording import phrases, say, text_of, texts_of, unit_text

__all__ = ["budget_json", "budget_text", "money", "price_basis", "whole_text"]

_LEAST_FLOOR = 0.1  # tok/s; below, any speed will do
_SIGNS = {"JPY": "¥", "USD": "$"}


def money(amount: float, currency: str) -> str:
    """Return an amount as it is printed."""
    return f"{_SIGNS.get(currency, '')}{amount:,.0f}"


def budget_text(plan: BudgetPlan, running: Running, language: str = "en", *, example: bool) -> str:
    """Return the answer as text: the best machine, alternatives, what 20 % more money gives."""
    phrase = phrases(language, "budget")

    best, currency = plan.best, plan.currency
    kind = "" if plan.model is None else "_model"  # of the phrases
    lines = [
        phrase(
            f"title{kind}",
            budget=money(plan.budget, currency),
            use=phrase(f"use_{plan.use.name}"),
            model=plan.model,
        ),
        "",
        f"{text_of(best.machine.name, language)}  {money(best.price, currency)}",
        f"  {_capability(best.capability, language)}",
        f"  {phrase('licence', licence=best.capability.runs.known.licence or '?')}",
        *_parts(best, currency, language),
        "",
        phrase(
            "cost",
            years=f"{running.years:g}",
            total=money(running_cost(best, running), currency),
            load=f"{best.load_w:.0f}",
            idle=f"{best.idle_w:.0f}",
            hours=f"{running.hours:g}",
            idle_hours=f"{running.idle_hours:g}",
            price=f"{money(running.per_kwh, currency)}"
            if running.per_kwh >= 1
            else f"{_SIGNS.get(currency, '')}{running.per_kwh:g}",
        ),
        "",
        phrase(f"frontier{kind}"),
        *(f"  {x}" for x in _frontier(plan, language)),
    ]
    if plan.more is None:
        lines.append(phrase("no_more"))
    else:
        lines.append(
            phrase(
                "more",
                machine=text_of(plan.more.machine.name, language),
                price=money(plan.more.price, currency),
                what=_capability(plan.more.capability, language),
            )
        )
    lines += ["", phrase(f"proven{kind}", tried=plan.tried) if plan.proven else phrase("unproven")]
    if plan.left_out:
        lines.append(phrase("left_out", machines="; ".join(plan.left_out)))
    if best.checks:
        lines += [say(language, "plan", "checks") + ":"]
        lines += [f"  - {text_of(x.message, language)}" for x in best.checks]
    floor = plan.use.floor
    decode = best.capability.runs.decode
    lines += [
        "",
        phrase(
            "floor" if floor.write >= _LEAST_FLOOR else "context",
            write=f"{floor.write:g}",
            read=f"{floor.read:g}",
            prompt=f"{plan.use.setting.prompt:,}",
            context=f"{plan.use.setting.context:,}",
        ),
        *([] if plan.model else [phrase("quality", date=QUALITY_DATE)]),
    ]
    if decode is not None:
        lines.append(phrase("rests", basis=texts_of(decode.basis, language)))
    if example:
        lines.append(phrase("example"))
    return "\n".join(lines) + "\n"


def _capability(found: Capability, language: str) -> str:
    runs = found.runs
    return say(
        language,
        "budget",
        "runs" if found.score else "runs_model",
        model=runs.known.name,
        format=runs.quantisation,
        place=place_text(runs, language),
        write=range_text(runs.decode),
        read=range_text(runs.prefill),
        score=score_text(found),
    )


def _parts(answer: Answer, currency: str, language: str) -> list[str]:
    if answer.whole is not None:
        whole = [f"  {whole_text(answer.whole, language)}"]
        gpu = answer.machine.gpus[0]
        return [*whole, f"  {texts_of(usable_gib(gpu).basis, language)}"] if gpu.unified else whole
    rows = []
    for line in answer.lines:
        count = f"{line.quantity} x " if line.quantity > 1 else ""
        rows.append(
            [
                f"  {say(language, 'category', line.part.category)}",
                f"{count}{line.part.name}",
                say(language, "plan", line.offer.condition),
                money(line.price, currency),
                "" if line.offer.condition is Condition.OWN else line.offer.date.isoformat(),
                price_basis(line.offer, language),
            ]
        )
    return text_table(rows, right=(3,))


def price_basis(offer: Offer, language: str) -> str:
    """Return the shop or the source of a price. An example from memory is worded."""
    basis = offer.shop.partition(";")[0]
    return say(language, "plan", "example_price") if basis.startswith("example,") else basis


def whole_text(whole: WholeMachine, language: str) -> str:
    """Describe the offer of a whole machine: condition, storage, date and source of the price."""
    return say(
        language,
        "budget",
        "whole",
        condition=say(language, "plan", whole.condition),
        storage=f"{whole.storage_gb:,.0f}",
        date=whole.date.isoformat(),
        source=whole.source,
    )


def _frontier(plan: BudgetPlan, language: str) -> list[str]:
    rows = []
    unit = unit_text("tok/s", language)
    for x in plan.frontier:
        runs = x.capability.runs
        rows.append(
            [
                "*" if x is plan.best else "",
                money(x.price, plan.currency),
                text_of(x.machine.name, language),
                f"{runs.known.name} {runs.quantisation}",
                score_text(x.capability) if x.capability.score else "",
                f"{figure(runs.decode.value) if runs.decode else '?'} {unit}",
            ]
        )
    return text_table(rows, right=(1, 4, 5))


def budget_json(plan: BudgetPlan, running: Running, language: str = "en") -> dict[str, Any]:
    """Return the same as an object for json.dumps."""

    def answer(x: Answer) -> dict[str, Any]:
        runs = x.capability.runs
        return {
            "machine": text_of(x.machine.name, language),
            "price": x.price,
            "cost_with_electricity": round(running_cost(x, running)),
            "load_watts": round(x.load_w),
            "idle_watts": round(x.idle_w),
            "model": runs.known.name,
            "licence": runs.known.licence,
            "quantisation": runs.quantisation,
            "place": str(runs.place),
            "layers_with_experts_in_ram": runs.ram_layers,
            "score": round(x.capability.score, 1),
            "score_listed": x.capability.listed,
            "worth": round(x.worth, 2),
            "storage_gb": None if x.whole is None else x.whole.storage_gb,
            "shared_memory": [
                texts_of(usable_gib(g).basis, language) for g in x.machine.gpus[:1] if g.unified
            ],
            "decode": estimate_json(runs.decode),
            "prefill": estimate_json(runs.prefill),
            "parts": [
                {
                    "category": str(line.part.category),
                    "id": line.part.id,
                    "name": line.part.name,
                    "quantity": line.quantity,
                    "price": line.offer.price,
                    "condition": str(line.offer.condition),
                    "date": line.offer.date.isoformat(),
                    "basis": line.offer.shop,
                }
                for line in x.lines
            ],
            "checks": [
                {
                    "check": str(c.check),
                    "always": isinstance(c, Unknown) and c.always,
                    "text": text_of(c.message, language),
                }
                for c in x.checks
            ],
        }

    return {
        "budget": plan.budget,
        "currency": plan.currency,
        "use": plan.use.name,
        "proven": plan.proven,
        "tried": plan.tried,
        "seconds": round(plan.seconds, 2),
        "quality_table": QUALITY_DATE,
        "left_out": list(plan.left_out),
        "best": answer(plan.best),
        "frontier": [answer(x) for x in plan.frontier],
        "more": None if plan.more is None else answer(plan.more),
    }
