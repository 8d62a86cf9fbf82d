"""`shiomi rig prices`."""

from __future__ import annotations

import datetime
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shiomi.cli.output import as_json, echo, json_option
from shiomi.cli.progress import progress
from shiomi.cli.rig.planning import asked_model, use_of, wish_of, wish_options

if TYPE_CHECKING:
    from shiomi.rig.buy.parts import Part
    from shiomi.rig.buy.prices import Offer

__all__ = ["prices"]


@click.command()
@wish_options
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The price file.",
)
@click.option(
    "--shop",
    type=click.Choice(["yahoo", "rakuten"]),
    help="Ask this shop's official search, with your own key from the environment.",
)
@click.option("--pause", default=1.0, show_default=True, help="Seconds between two requests.")
@json_option
def prices(out: Path, shop: str | None, pause: float, json: bool, **options: Any) -> None:
    """Make a price file for `plan`: empty, or with a shop's prices.

    The list has at most 25 parts worth pricing for a model: the cards that people buy on which it
    surely fits, and a few boards, processors, supplies and so on that go with them. Fill in
    price_jpy and date, as many as you like; add rows for used parts (condition: used) or any other
    part of the catalogue. With --shop, offers are added part by part. After an interruption the
    command resumes.

    \b
    Keys in the environment, your own:
      yahoo      SHIOMI_YAHOO_CLIENT_ID
      rakuten    SHIOMI_RAKUTEN_APPLICATION_ID and SHIOMI_RAKUTEN_ACCESS_KEY

    \b
    Examples:
      shiomi rig prices --model qwen3:32b -o prices.csv
      shiomi rig prices --model qwen3:32b --most-gpus 1 --shop yahoo -o prices.csv
    """
    from shiomi.rig.buy.catalog import load_catalog
    from shiomi.rig.buy.price_list import fetch_prices, write_template
    from shiomi.rig.buy.shops import collect_offers, shop_client, shop_of
    from shiomi.rig.buy.shortlist import shortlist, who_runs

    known, wish = asked_model(options["model"]), wish_of(options, 32.0, 2)
    if known is None:
        raise click.UsageError("--model is required here; `shiomi rig plan` works without one")
    catalog = load_catalog(options["folder"])
    able = who_runs(known, use_of("chat", None, None, options), catalog, wish)
    if not able:
        raise click.ClickException(
            f"no {wish.most_gpus} cards of the catalogue hold {known.name} with this"
            " context; allow more cards (--most-gpus), a smaller format (--quantisation) or less"
            " context"
        )
    parts = shortlist(catalog, wish, able)
    if shop is None:
        if out.exists():
            raise click.ClickException(f"{out} is there already and is not written over")
        try:
            with out.open("w", encoding="utf-8", newline="") as file:
                rows = write_template(parts, file)
        except OSError as error:
            raise click.ClickException(f"{out} cannot be written: {error.strerror}") from None
        if json:
            as_json({"file": out, "rows": rows, "offers": 0, "skipped": []})
        else:
            echo(f"{out}: {rows} parts; fill in price_jpy and date (as 2025-11-25), then")
            echo(f"  shiomi rig plan --budget 300000 --model {known.name} --prices {out}")
        return
    if not 0.5 <= pause <= 60:
        raise click.UsageError(f"--pause {pause:g}: 0.5 to 60 seconds are polite and end")
    asking = shop_of(shop, os.environ)
    today = datetime.date.today()  # noqa: DTZ011 - the local day
    with shop_client() as client, progress(quiet=json) as show:

        def ask(part: Part) -> tuple[list[Offer], list[str]]:
            return collect_offers([part], asking, client, today=today, sleep=time.sleep)

        found, skipped = fetch_prices(
            parts,
            ask,
            asking.name,
            out,
            today=today,
            wait=lambda: time.sleep(pause),
            progress=show,
        )
    if json:
        as_json({"file": out, "rows": len(parts), "offers": found, "skipped": skipped})
        return
    echo(f"{out}: {found} offers of {asking.name} added")
    for line in skipped:
        echo(f"  not asked: {line}")
