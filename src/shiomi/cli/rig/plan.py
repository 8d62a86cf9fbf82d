"""`shiomi rig plan`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shiomi.cli.output import json_option
from shiomi.cli.rig.machine import language_option
from shiomi.cli.rig.planning import price_options, priced, show_plans, wish_options, wished

if TYPE_CHECKING:
    from shiomi.rig.errors import PlanError

__all__ = ["plan"]


@click.command()
@click.option(
    "--budget",
    "budgets",
    type=float,
    multiple=True,
    required=True,
    help="Yen; several give the Pareto front of yen against speed.",
)
@wish_options
@price_options
@json_option
@language_option
def plan(
    budgets: tuple[float, ...],
    prices: Path | None,
    html: Path | None,
    json: bool,
    lang: str,
    **options: Any,
) -> None:
    """Plan what to buy for a model within a budget.

    The fastest compatible computer: graphics cards, processor, board, memory, SSD, power
    supply, case and cooler are picked by integer programming over the parts that have a price;
    that nothing priced is faster, or as fast and cheaper, is proven. A card counts only if the
    model surely fits on it. What the catalogue does not say is listed to be checked, never said
    to fit.

    \b
    Examples:
      shiomi rig prices --model qwen3:32b -o prices.csv   a list to fill in, first
      shiomi rig plan --budget 300000 --model qwen3:32b --prices prices.csv
      shiomi rig plan --budget 200000 --budget 400000 --budget 800000 --model qwen3:32b \\
          --context 16384 --prices prices.csv --html plan.html --lang ja
    """
    from shiomi.rig.buy.build import front
    from shiomi.rig.buy.gpu_speeds import gpu_speeds

    asked = wished(**options)
    speeds = gpu_speeds(asked.known, asked.setting)
    offers = priced(prices, asked)
    beyond: list[tuple[int, PlanError | None]] = []
    found = front(
        budgets,
        asked.wish,
        asked.catalog,
        offers,
        speed=speeds,
        beyond=lambda budget, reason: beyond.append((budget, reason)),
    )
    show_plans(found, beyond, html=html, json=json, lang=lang)
