"""`shiomi rig prices`."""

from __future__ import annotations

import datetime
import os
import time
from pathlib import Path
from typing import Any

import click

from shiomi.cli.output import as_json, echo, json_option
from shiomi.cli.progress import progress
from shiomi.cli.rig.planning import asked_model, use_of, wish_of, wish_options

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
    help="Get prices from this shop's official search, with your own key from the environment.",
)
@click.option("--pause", default=1.0, show_default=True, help="Seconds between two requests.")
@json_option
def prices(out: Path, shop: str | None, pause: float, json: bool, **options: Any) -> None:
    """Make a price file for `plan`: empty, or with a shop's prices.

    The file lists at most 25 parts for a model: cards that people buy and on which the model surely
    fits, and a few boards, processors, supplies and so on for them. Fill in price_jpy and date for
    as many rows as you like. Add rows for used parts (condition: used) or for any other part of the
    catalogue. With --shop, the offers of a shop are added. If the command is interrupted, start it
    again to resume.

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
    from shiomi.rig.buy.shops import offers_of, shop_client, shop_of
    from shiomi.rig.buy.shortlist import shortlist, who_runs

    known, wish = asked_model(options["model"]), wish_of(options, 32.0, 2)
    if known is None:
        raise click.UsageError("--model is required here; `shiomi rig plan` works without one")
    catalog = load_catalog(options["folder"])
    able = who_runs(known, use_of("chat", None, None, options), catalog, wish)
    if not able:
        raise click.ClickException(
            f"{known.name} does not fit on {wish.most_gpus} card(s) of the catalogue with this"
            " context; allow more cards (--most-gpus), a smaller format (--quantisation) or less"
            " context"
        )
    parts = shortlist(catalog, wish, able)
    if shop is None:
        if out.exists():
            raise click.ClickException(f"{out} exists already and is not overwritten")
        try:
            with out.open("w", encoding="utf-8", newline="") as file:
                rows = write_template(parts, file)
        except OSError as error:
            raise click.ClickException(f"{out} cannot be written: {error.strerror}") from None
        if json:
            as_json({"file": out, "rows": rows, "offers": 0, "skipped": []})
        else:
            echo(f"{out}: {rows} parts; fill in price_jpy and date (such as 2026-11-25), then run")
            echo(f"  shiomi rig plan --budget 300000 --model {known.name} --prices {out}")
        return
    if not 0.5 <= pause <= 60:
        raise click.UsageError(f"--pause must be 0.5 to 60 seconds, got {pause:g}")
    asking = shop_of(shop, os.environ)
    today = datetime.date.today()  # noqa: DTZ011 - the local day
    with shop_client() as client, progress(quiet=json) as show:
        found, skipped = fetch_prices(
            parts,
            lambda part: offers_of(part, asking, client, today=today),
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
        echo(f"  skipped: {line}")
