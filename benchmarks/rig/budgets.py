"""Print the best machine for each of twelve budgets, with the shipped example prices.

python -m benchmarks.rig.budgets
"""

from __future__ import annotations

import time
from dataclasses import replace

from shiomi.rig.buy.budget import plan_budget
from shiomi.rig.buy.catalog import load_catalog
from shiomi.rig.buy.prices import example_prices
from shiomi.rig.buy.whole import example_machines
from shiomi.rig.buy.wish import Wish
from shiomi.rig.errors import PlanError
from shiomi.rig.estimate.use import USES
from shiomi.rig.model.known_models import known_models
from shiomi.rig.report.budget_report import money
from shiomi.rig.report.wording import text_of

BUDGETS = (
    *((x, "JPY", used) for x in (150_000, 300_000, 600_000, 1_000_000) for used in (True, False)),
    *((x, "USD", True) for x in (1000, 2500, 5000)),
    (2500, "USD", False),
)


def main() -> None:
    """Print one line for each budget."""
    catalog, models = load_catalog(), known_models()
    wish = Wish(memory_gb=16, memory_by_cards=True, most_gpus=4)
    for budget, currency, used in BUDGETS:
        start = time.process_time()
        label = f"{money(budget, currency):>11s} {'with used' if used else 'new only':9s}"
        try:
            plan = plan_budget(
                budget,
                USES["chat"],
                models,
                catalog,
                example_prices(catalog, currency),
                example_machines(currency),
                replace(wish, used=used),
                currency=currency,
            )
        except PlanError as error:
            print(f"{label} {text_of(error.message)}")
            continue
        best = plan.best
        runs = best.capability.runs
        speed = runs.decode.value if runs.decode else 0.0
        print(
            f"{label} {text_of(best.machine.name):32s} {money(best.price, currency):>9s}"
            f"  {runs.known.name} {runs.quantisation}, {speed:.0f} tok/s;"
            f" proven: {plan.proven}, {time.process_time() - start:.1f} s of processor time"
        )


if __name__ == "__main__":
    main()
