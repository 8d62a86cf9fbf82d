"""Shared parts of `plan`, `upgrade` and `prices`: the requested model, the machine it needs,
prices."""

from __future__ import annotations

import datetime
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from shiomi.cli.output import as_json, echo

if TYPE_CHECKING:
    from shiomi.rig.buy.build import Plan
    from shiomi.rig.buy.catalog import Catalog
    from shiomi.rig.buy.prices import Prices
    from shiomi.rig.buy.wish import Wish
    from shiomi.rig.errors import PlanError
    from shiomi.rig.estimate.setting import Setting
    from shiomi.rig.model.known_models import KnownModel

__all__ = [
    "Amount",
    "Money",
    "Wished",
    "price_options",
    "priced",
    "show_plans",
    "wish_of",
    "wish_options",
    "wished",
]

Command = TypeVar("Command", bound=Callable[..., Any])


class Money(NamedTuple):
    """An amount and its currency; None if it was not said."""

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


@dataclass(frozen=True, slots=True)
class Wished:
    """The request of the options."""

    known: KnownModel
    setting: Setting
    wish: Wish
    catalog: Catalog


def wish_options(command: Command) -> Command:
    """Add the options for the requirements of a build."""
    for option in (
        click.option(
            "--parts",
            "folder",
            type=click.Path(path_type=Path, exists=True, file_okay=False),
            help="A folder with parts of your own: gpu.csv, psu.csv and so on.",
        ),
        click.option("--volts", default=100.0, show_default=True, help="Of the wall's circuit."),
        click.option("--amps", default=15.0, show_default=True, help="Of the wall's circuit."),
        click.option("--no-used", is_flag=True, help="No used parts."),
        click.option(
            "--allow-unknown",
            is_flag=True,
            help="Also parts that the catalogue says too little of.",
        ),
        click.option(
            "--shared-layers", is_flag=True, help="Several cards share each layer and need lanes."
        ),
        click.option("--most-gpus", type=int, help="Graphics cards at most.  [default: 2, or 4]"),
        click.option(
            "--memory",
            type=float,
            help="GB of memory at least.  [default: 32; 16 beside cards of up to 16 GB]",
        ),
        click.option(
            "--storage", type=float, help="GB of SSD at least.  [default: 1000 in a build]"
        ),
        click.option("--quantisation", help="Format of the weights.  [default: Q4_K_M or its own]"),
        click.option("--users", default=1, show_default=True, help="Users at the same time."),
        click.option("--context", type=int, help="Tokens of context, per user.  [default: 8192]"),
        click.option("--model", help="The language model it is for: a name, GGUF or config."),
    ):
        command = option(command)
    return command


def price_options(command: Command) -> Command:
    """Add --prices."""
    return click.option(
        "--prices",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        help="Your prices, a CSV; `shiomi rig prices` makes one.",
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


def wished(**options: Any) -> Wished:
    """Resolve the names in the options."""
    from shiomi.rig.buy.catalog import load_catalog
    from shiomi.rig.estimate.setting import Setting
    from shiomi.rig.model.known_models import find_model, known_models

    wish = wish_of(options, 32.0, 2)
    if options["model"] is None:
        raise click.UsageError("--model is required here; `shiomi rig plan` works without one")
    known = find_model(options["model"], known_models())
    setting = Setting(
        context=options["context"] or 8192,
        users=options["users"],
        quantisation=options["quantisation"],
    )
    return Wished(known, setting, wish, load_catalog(options["folder"]))


def priced(file: Path | None, asked: Wished) -> Prices:
    """The user's prices; without any, an error that explains how to get some."""
    from shiomi.rig.buy.prices import read_prices

    how = (
        f"  shiomi rig prices --model {asked.known.name} -o prices.csv      a list to fill in\n"
        f"  shiomi rig prices --model {asked.known.name} -o prices.csv --shop yahoo\n"
        "  or the shop's own, with your key (docs/rig)\n"
        "and give it with --prices prices.csv"
    )
    if file is None:
        raise click.UsageError(f"--model needs --prices, a file of your own; make one:\n{how}")
    prices = read_prices(file, asked.catalog, today=datetime.date.today())  # noqa: DTZ011 - the local day
    for line in prices.refused:
        echo(f"left out: {line}", err=True)
    if not prices.offers:
        raise click.ClickException(
            f"{file} holds no price yet ({prices.unfilled} rows to fill in); fill in price_jpy and"
            f" date, or ask a shop:\n{how}"
        )
    return prices


def show_plans(
    plans: Sequence[Plan],
    beyond: Sequence[tuple[int, PlanError | None]],
    *,
    json: bool,
    lang: str,
) -> None:
    """Print the plans and the reason for each budget without one."""
    from shiomi.rig.report.plan_report import beyond_text, plan_json, plan_text

    if json:
        as_json(plan_json(plans, lang))
        return
    for number, plan in enumerate(plans):
        if number:
            echo("")
        for line in plan_text(plan, lang).splitlines():
            echo(line)
    for budget, reason in beyond:
        echo(beyond_text(budget, reason, lang))
