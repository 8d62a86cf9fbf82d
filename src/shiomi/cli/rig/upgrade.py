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
    priced,
    show_plans,
    wish_options,
    wished,
)

__all__ = ["upgrade"]


@click.command()
@click.option("--budget", type=Amount(), required=True, help="Yen that may be spent.")
@click.option(
    "--have",
    multiple=True,
    required=True,
    help="A part that is there, by name, part number or id; once for each.",
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
    """Plan what to add to the machine you have.

    Parts that are there cost nothing and may be replaced. Cards of the chipset that is there
    are added to, or all are replaced; a mixture is not planned, as nothing tells its speed.

    \b
    Example:
      shiomi rig upgrade --budget 150000 --model qwen3:32b --prices prices.csv \\
          --have "AMD Ryzen 7 7700X" --have "MSI PRO B650-P WIFI" \\
          --have "MSI MAG A750BN PCIE5 III"
    """
    from shiomi.rig.buy.build import upgrade as upgraded
    from shiomi.rig.buy.gpu_speeds import gpu_speeds
    from shiomi.rig.buy.parts import Build

    if budget.currency == "USD":
        raise click.UsageError("--budget of upgrade is in yen, as the prices of the file")
    asked = wished(**options)
    speeds = gpu_speeds(asked.known, asked.setting)
    own = Build.of(asked.catalog.find(name) for name in have)
    offers = priced(prices, asked)
    found = upgraded(own, budget.amount, asked.wish, asked.catalog, offers, speed=speeds)
    show_plans([found], [], json=json, lang=lang)
