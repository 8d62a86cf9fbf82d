"""Shared parts of `plan`, `upgrade` and `prices`: amounts of money, requirements, the search."""

from __future__ import annotations

import datetime
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from shiomi.cli.output import as_json, echo
from shiomi.cli.rig.machine import asked_use, print_text

if TYPE_CHECKING:
    from shiomi.rig.buy.budget import BudgetPlan, Running
    from shiomi.rig.buy.wish import Wish
    from shiomi.rig.estimate.use import Use
    from shiomi.rig.model.known_models import KnownModel

__all__ = [
    "Amount",
    "Money",
    "asked_model",
    "price_options",
    "running_of",
    "searcher",
    "show_plan",
    "use_of",
    "wish_of",
    "wish_options",
]

_DOLLARS_BELOW = 20_000  # yen; no machine is this cheap
_ANY_SPEED = 0.01  # tok/s

Command = TypeVar("Command", bound=Callable[..., Any])


class Money(NamedTuple):
    """An amount and its currency; the currency is None if it was not given."""

    amount: float
    currency: str | None


class Amount(click.ParamType):  # type: ignore[type-arg]  # not generic when it runs
    """An amount of money: 300000, 300,000, ¥300,000, 30万 or $2500."""

    name = "amount"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Money:
        """Return the amount with its currency."""
        text = unicodedata.normalize("NFKC", str(value)).strip().upper()
        found = _MONEY.fullmatch(text)
        if found is None:
            self.fail(f"{value!r} is not an amount such as 300000, 30万 or $2500", param, ctx)
        words = found["before"] + found["after"]
        currency = "USD" if {"$", "USD", "ドル"} & {found["before"], found["after"]} else None
        scale = 10_000 if found["man"] else 1
        amount = float(found["number"].replace(",", "")) * scale
        return Money(amount, currency or ("JPY" if words else None))


_MONEY = re.compile(
    r"(?P<before>[¥$]|USD|JPY|) *(?P<number>-?[\d,]*\.?\d+(?:E\d+)?|NAN) *(?P<man>万?)"
    r" *(?P<after>円|ドル|USD|JPY|)"
)


def wish_options(command: Command) -> Command:
    """Add the options for the requirements of a build."""
    for option in (
        click.option(
            "--parts",
            "folder",
            type=click.Path(path_type=Path, exists=True, file_okay=False),
            help="A folder with your own parts: gpu.csv, psu.csv and so on.",
        ),
        click.option(
            "--volts", default=100.0, show_default=True, help="Volts of the wall's circuit."
        ),
        click.option(
            "--amps", default=15.0, show_default=True, help="Amperes of the wall's circuit."
        ),
        click.option("--no-used", is_flag=True, help="Only new parts and machines."),
        click.option(
            "--allow-unknown",
            is_flag=True,
            help="Also parts for which the catalogue lacks facts.",
        ),
        click.option(
            "--shared-layers",
            is_flag=True,
            help="All cards compute each layer together and need PCIe lanes.",
        ),
        click.option(
            "--most-gpus", type=int, help="Most graphics cards.  [default: 4; 2 in `prices`]"
        ),
        click.option(
            "--memory",
            type=float,
            help="Fewest GB of memory.  [default: 32; 16 with cards of up to 16 GB]",
        ),
        click.option("--storage", type=float, help="Fewest GB of SSD.  [default: 1000 in a build]"),
        click.option("--quantisation", help="Format of the weights.  [default: Q4_K_M or its own]"),
        click.option("--users", default=1, show_default=True, help="Users at the same time."),
        click.option("--context", type=int, help="Tokens of context, per user.  [default: 8192]"),
        click.option("--model", help="The model to run: a name, a GGUF file or a config.json."),
    ):
        command = option(command)
    return command


def price_options(command: Command) -> Command:
    """Add --prices."""
    return click.option(
        "--prices",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        help="A CSV file with your prices; `shiomi rig prices` makes one.",
    )(command)


def wish_of(
    options: dict[str, Any], memory: float, cards: int, *, memory_by_cards: bool = False
) -> Wish:
    """Return the requirements in the options; `memory` and `cards` are the defaults."""
    from shiomi.rig.buy.wattage import Circuit
    from shiomi.rig.buy.wish import Wish

    return Wish(
        memory_gb=memory if options["memory"] is None else options["memory"],
        storage_gb=1000.0 if options["storage"] is None else options["storage"],
        most_gpus=cards if options["most_gpus"] is None else options["most_gpus"],
        shared_layers=options["shared_layers"],
        used=not options["no_used"],
        allow_unknown=options["allow_unknown"],
        memory_by_cards=memory_by_cards,
        circuit=Circuit(volts=options["volts"], amps=options["amps"]),
    )


def asked_model(name: str | None) -> KnownModel | None:
    """Return the model that --model names."""
    from shiomi.rig.model.known_models import find_model, known_models

    return None if name is None else find_model(name, known_models())


def searcher(
    currency: str,
    prices: Path | None,
    options: dict[str, Any],
    *,
    machines: Path | None = None,
    quality: Path | None = None,
    have: Sequence[str] = (),
) -> Callable[[float, Use, bool], BudgetPlan]:
    """Return a search over parts and machines for a budget and a use, with used parts or not."""
    from shiomi.rig.buy.budget import plan_budget
    from shiomi.rig.buy.catalog import load_catalog
    from shiomi.rig.buy.parts import Build
    from shiomi.rig.buy.prices import MOST_YEN, example_prices, read_prices
    from shiomi.rig.buy.whole import example_machines, lent, read_machines
    from shiomi.rig.errors import PlanError
    from shiomi.rig.message import reason
    from shiomi.rig.model.known_models import known_models
    from shiomi.rig.model.quality import quality_table, read_quality

    catalog = load_catalog(options["folder"])
    today = datetime.date.today()  # noqa: DTZ011 - the local day
    offers = (
        example_prices(catalog, currency)
        if prices is None
        else read_prices(prices, catalog, today=today, currency=currency)
    )
    for line in offers.refused:
        echo(f"left out: {line}", err=True)
    if not offers.offers:
        raise click.ClickException(
            f"{prices} has no price yet; fill in price_jpy and date in its {offers.unfilled} rows,"
            " or get prices from a shop with `shiomi rig prices --shop`"
        )
    sold = example_machines(currency) if machines is None else read_machines(machines, currency)
    if (share := options.get("gpu_share")) is not None:
        sold = [lent(x, share / 100) for x in sold]
    wish = wish_of(options, 16.0, 4, memory_by_cards=options["memory"] is None)
    least = (options["memory"] or 0.0, options["storage"] or 0.0)
    scores = quality_table() if quality is None else read_quality(quality)
    models, model = known_models(), asked_model(options["model"])
    own = Build.of(catalog.find(name) for name in have) if have else None

    def search(budget: float, use: Use, used: bool) -> BudgetPlan:
        if not 0 <= budget <= MOST_YEN:
            raise click.UsageError(
                f"--budget must be >= 0 and at most {MOST_YEN:,}, got {budget:g}"
            )
        if currency == "JPY" and budget < _DOLLARS_BELOW and own is None:
            raise PlanError(reason("perhaps_dollars", budget=f"{budget:,.0f}"))
        return plan_budget(
            int(budget),
            use,
            models,
            catalog,
            offers,
            sold,
            replace(wish, used=used),
            quality=scores,
            currency=currency,
            least=least,
            model=model,
            have=own,
        )

    return search


def use_of(name: str, write: float | None, read: float | None, options: dict[str, Any]) -> Use:
    """Return the use. If a model is requested, any speed is accepted unless a limit is given."""
    from shiomi.rig.estimate.fit import Floor

    found = asked_use(name, write, read, options)
    if options["model"] is None:
        return found
    return replace(found, floor=Floor(write=write or _ANY_SPEED, read=read or 0.0))


def show_plan(found: BudgetPlan, *, json: bool, lang: str, example: bool) -> None:
    """Print a plan."""
    from shiomi.rig.report.budget_report import budget_json, budget_text

    running = running_of(found.currency)
    if json:
        as_json(budget_json(found, running, lang))
        return
    print_text(budget_text(found, running, lang, example=example))


def running_of(currency: str) -> Running:
    """Return the usual hours of use, with the price of electricity in a currency."""
    from shiomi.rig.buy.budget import Running

    return Running(per_kwh={"JPY": 31.0, "USD": 0.17}[currency])
