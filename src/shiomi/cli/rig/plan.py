"""`shiomi rig plan`."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shiomi.cli.output import as_json, echo, json_option
from shiomi.cli.rig.machine import (
    asked_use,
    engine_options,
    gpu_share_option,
    language_option,
)
from shiomi.cli.rig.planning import (
    Amount,
    Money,
    price_options,
    priced,
    show_plans,
    wish_of,
    wish_options,
    wished,
)

if TYPE_CHECKING:
    from shiomi.rig.buy.budget import Answer, BudgetPlan, Running
    from shiomi.rig.errors import PlanError
    from shiomi.rig.estimate.use import Use

__all__ = ["plan"]

_ENGINE = ("engine", "micro_batch", "tensor_split", "speculation")
_KWH = {"JPY": 31.0, "USD": 0.17}
_DOLLARS_BELOW = 20_000  # yen, which buy no machine
_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command()
@click.option(
    "--budget",
    "budgets",
    type=Amount(),
    multiple=True,
    required=True,
    help="What may be spent; with --model, several give the front of money against speed.",
)
@click.option(
    "--use",
    type=click.Choice(["chat", "code", "long", "digest"]),
    default="chat",
    show_default=True,
    help="What the machine is for: sets context, prompt and the slowest usable speeds.",
)
@click.option(
    "--currency",
    type=click.Choice(["JPY", "USD"], case_sensitive=False),
    help="Of the budget and the prices.  [default: JPY; USD for a budget such as $1000]",
)
@click.option("--write", type=float, help="Slowest usable writing, tok/s.  [default: by use]")
@click.option("--read", type=float, help="Slowest usable reading, tok/s.  [default: by use]")
@click.option("--machines", type=_FILE, help="Prices of whole machines, a CSV of your own.")
@click.option("--quality", type=_FILE, help="Scores of models, a CSV of your own.")
@click.option(
    "--page",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write the answers for every budget as a page; works without --model.",
)
@gpu_share_option
@engine_options
@wish_options
@price_options
@json_option
@language_option
def plan(
    budgets: tuple[Money, ...],
    use: str,
    currency: str | None,
    write: float | None,
    read: float | None,
    machines: Path | None,
    quality: Path | None,
    page: Path | None,
    prices: Path | None,
    json: bool,
    lang: str,
    **options: Any,
) -> None:
    """Plan what to buy for a budget.

    Without --model: the machine that runs the most capable model at a usable speed. The search
    covers builds of new and used parts with one to four graphics cards, experts in RAM, and whole
    machines (Mac, Strix Halo, GB10). It prints the best machine, every cheaper one that is not
    beaten, what 20 % more money changes, and the cost of three years with electricity. Prices are
    shipped as round examples; give your own with --prices and --machines.

    With --model: the fastest compatible computer for that model, from your prices.

    \b
    Examples:
      shiomi rig plan --budget 300000
      shiomi rig plan --budget '$2500' --use code --no-used
      shiomi rig plan --budget 300000 --model qwen3:32b --prices prices.csv
    """
    if page is not None and options["model"] is not None:
        raise click.UsageError("--page works without --model only")
    currency = currency or next((x.currency for x in budgets if x.currency), "JPY")
    if any(x.currency not in (None, currency) for x in budgets):
        raise click.UsageError("the budgets and --currency name different currencies")
    amounts = tuple(x.amount for x in budgets)
    if options["model"] is None:
        if len(budgets) > 1:
            raise click.UsageError("several budgets need --model; one budget prints the frontier")
        asked = asked_use(use, write, read, options)
        _budget_first(
            amounts[0], asked, currency, machines, quality, page, prices, json, lang, options
        )
        return
    if currency != "JPY":
        raise click.UsageError("a budget in USD works without --model only")
    _for_model(amounts, prices, json, lang, options)


def _budget_first(
    budget: float,
    use: Use,
    currency: str,
    machines: Path | None,
    quality: Path | None,
    page: Path | None,
    prices: Path | None,
    json: bool,
    lang: str,
    options: dict[str, Any],
) -> None:
    from shiomi.rig.buy.budget import Running, plan_budget
    from shiomi.rig.buy.catalog import load_catalog
    from shiomi.rig.buy.prices import MOST_YEN, example_prices, read_prices
    from shiomi.rig.buy.whole import example_machines, lent, read_machines
    from shiomi.rig.errors import PlanError
    from shiomi.rig.message import reason
    from shiomi.rig.model.known_models import known_models
    from shiomi.rig.model.quality import quality_table, read_quality
    from shiomi.rig.report.budget_report import budget_json, budget_text
    from shiomi.rig.report.wording import say

    if not 0 < budget <= MOST_YEN:
        raise click.UsageError(f"--budget must be > 0 and at most {MOST_YEN:,}, got {budget:g}")
    if currency == "JPY" and budget < _DOLLARS_BELOW:
        raise PlanError(reason("perhaps_dollars", budget=f"{budget:,.0f}"))
    catalog = load_catalog(options["folder"])
    today = datetime.date.today()  # noqa: DTZ011 - the local day
    offers = (
        example_prices(catalog, currency)
        if prices is None
        else read_prices(prices, catalog, today=today, currency=currency)
    )
    for line in offers.refused:
        echo(f"left out: {line}", err=True)
    sold = example_machines(currency) if machines is None else read_machines(machines, currency)
    if (share := options["gpu_share"]) is not None:
        sold = [lent(x, share / 100) for x in sold]
    asked_for = wish_of(options, 16.0, 4, memory_by_cards=options["memory"] is None)
    least = (options["memory"] or 0.0, options["storage"] or 0.0)
    scores = quality_table() if quality is None else read_quality(quality)
    models = known_models()

    def search(amount: float, asked: Use, used: bool) -> BudgetPlan:
        return plan_budget(
            int(amount),
            asked,
            models,
            catalog,
            offers,
            sold,
            replace(asked_for, used=used),
            quality=scores,
            currency=currency,
            least=least,
        )

    found = search(budget, use, not options["no_used"])
    running = Running(per_kwh=_KWH[currency])
    if page is not None:
        _write_page(
            page, budget, use, search, running, currency, lang, used_too=not options["no_used"]
        )
    if json:
        as_json(budget_json(found, running, lang))
        return
    example = prices is None or machines is None
    for line in budget_text(found, running, lang, example=example).splitlines():
        echo(line)
    if page is not None:
        echo(say(lang, "budget", "page", {"file": str(page)}))


def _write_page(
    page: Path,
    budget: float,
    use: Use,
    search: Callable[[float, Use, bool], BudgetPlan],
    running: Running,
    currency: str,
    lang: str,
    *,
    used_too: bool,
) -> None:
    """Search every use with and without used parts, up to three times the budget."""
    from shiomi.cli.progress import progress
    from shiomi.rig.errors import PlanError
    from shiomi.rig.estimate.use import USES
    from shiomi.rig.report.budget_page import render_budget_page

    uses = {**USES, use.name: use}
    frontiers: dict[tuple[str, bool], tuple[Answer, ...]] = {}
    with progress(quiet=False) as show:
        for number, name in enumerate(uses):
            show(number, len(uses), name)
            for used in (True, False):
                try:
                    frontiers[name, used] = search(3 * budget, uses[name], used).frontier
                except PlanError:
                    frontiers[name, used] = ()
    text = render_budget_page(frontiers, int(budget), (use.name, used_too), currency, running, lang)
    try:
        page.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"{page} cannot be written: {error.strerror}") from None


def _for_model(
    budgets: tuple[float, ...],
    prices: Path | None,
    json: bool,
    lang: str,
    options: dict[str, Any],
) -> None:
    from shiomi.rig.buy.build import front
    from shiomi.rig.buy.gpu_speeds import gpu_speeds

    engine = {name: options.pop(name) for name in _ENGINE}
    del options["gpu_share"]
    asked = wished(**options)
    asked = replace(asked, setting=replace(asked.setting, **engine))
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
    show_plans(found, beyond, json=json, lang=lang)
