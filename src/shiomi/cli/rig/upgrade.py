"""`shiomi rig upgrade`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from shiomi.cli.output import json_option
from shiomi.cli.rig.machine import language_option
from shiomi.cli.rig.planning import (
    Amount,
    Money,
    price_options,
    searcher,
    show_plan,
    use_of,
    wish_options,
)

__all__ = ["upgrade"]


@click.command()
@click.option(
    "--budget",
    type=Amount(),
    required=True,
    help="How much you can spend, such as 150000, 15万 or $900.",
)
@click.option(
    "--have",
    multiple=True,
    required=True,
    help="A part that you have: name, part number or id. Repeat it for each part.",
)
@wish_options
@price_options
@json_option
@language_option
def upgrade(
    budget: Money,
    have: tuple[str, ...],
    prices: Path | None,
    json: bool,
    lang: str,
    **options: Any,
) -> None:
    """Plan what to buy for a computer that you have.

    Give the parts that you want to keep; they cost nothing. Every kind of part that you do not give
    is bought, also the case, the SSD and the cooler. Parts that you have may be replaced. Cards
    with the GPU of your card are added, or all cards are replaced; different GPUs are not combined,
    because the speed of such machines is not known. Without --model, the best machine is the one
    that runs the most capable model.

    \b
    Example:
      shiomi rig upgrade --budget 150000 \\
          --have "AMD Ryzen 7 7700X" --have "MSI PRO B650-P WIFI" \\
          --have "MSI MAG A750BN PCIE5 III"
    """
    currency = budget.currency or "JPY"
    search = searcher(currency, prices, options, have=have)
    found = search(budget.amount, use_of("chat", None, None, options), not options["no_used"])
    show_plan(found, json=json, lang=lang, example=prices is None)
