"""`shiomi rig plan`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shiomi.cli.output import echo, json_option
from shiomi.cli.rig.machine import engine_options, gpu_share_option, language_option
from shiomi.cli.rig.planning import (
    Amount,
    Money,
    price_options,
    running_of,
    searcher,
    show_plan,
    use_of,
    wish_options,
)

if TYPE_CHECKING:
    from shiomi.rig.buy.budget import Answer, BudgetPlan
    from shiomi.rig.estimate.use import Use

__all__ = ["plan"]

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command()
@click.option(
    "--budget",
    type=Amount(),
    required=True,
    help="How much you can spend, such as 300000, 30万 or $2500.",
)
@click.option(
    "--use",
    type=click.Choice(["chat", "code", "long", "digest"]),
    default="chat",
    show_default=True,
    help="What the machine is for. It sets the context, the prompt and the slowest usable speeds.",
)
@click.option(
    "--currency",
    type=click.Choice(["JPY", "USD"], case_sensitive=False),
    help="Currency of the budget and the prices.  [default: JPY; USD for a budget such as $1000]",
)
@click.option("--write", type=float, help="Slowest usable writing, tok/s.  [default: by use]")
@click.option("--read", type=float, help="Slowest usable reading, tok/s.  [default: by use]")
@click.option("--machines", type=_FILE, help="Your own CSV file with prices of whole machines.")
@click.option("--quality", type=_FILE, help="Your own CSV file with scores of models.")
@click.option(
    "--page",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write an HTML page with the best machine for every budget; not with --model.",
)
@gpu_share_option
@engine_options
@wish_options
@price_options
@json_option
@language_option
def plan(
    budget: Money,
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

    Without --model, this finds the machine that runs the most capable model at a usable speed. With
    --model, it finds the fastest machine for that model. It searches builds of new and used parts
    with one to four graphics cards, also with experts in RAM, and whole machines (Mac, Strix Halo,
    GB10). It prints the best machine, each cheaper machine that is better than all still cheaper
    ones, what 20 % more money changes, and the cost of three years with electricity. The shipped
    prices are round examples; give your own with --prices and --machines.

    \b
    Examples:
      shiomi rig plan --budget 300000
      shiomi rig plan --budget '$2500' --use code --no-used
      shiomi rig plan --budget 300000 --model gpt-oss-120b
    """
    from shiomi.rig.report.wording import say

    if page is not None and options["model"] is not None:
        raise click.UsageError("--page cannot be combined with --model")
    currency = currency or budget.currency or "JPY"
    if budget.currency not in (None, currency):
        raise click.UsageError("--budget and --currency name different currencies")
    asked, used = use_of(use, write, read, options), not options["no_used"]
    search = searcher(currency, prices, options, machines=machines, quality=quality)
    found = search(budget.amount, asked, used)
    if page is not None:
        _write_page(page, budget.amount, asked, search, currency, lang, used_too=used)
    show_plan(found, json=json, lang=lang, example=prices is None or machines is None)
    if page is not None and not json:
        echo(say(lang, "budget", "page", file=page))


def _write_page(
    page: Path,
    budget: float,
    use: Use,
    search: Callable[[float, Use, bool], BudgetPlan],
    currency: str,
    lang: str,
    *,
    used_too: bool,
) -> None:
    """Search for every use, with and without used parts, up to three times the budget."""
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
    running = running_of(currency)
    text = render_budget_page(frontiers, int(budget), (use.name, used_too), currency, running, lang)
    try:
        page.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"{page} cannot be written: {error.strerror}") from None
