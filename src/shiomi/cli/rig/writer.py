"""`shiomi rig writer`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from shiomi.cli.output import as_json, json_option
from shiomi.cli.rig.machine import (
    calibration_option,
    chosen_calibration,
    language_option,
    machine_options,
    print_text,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from shiomi.rig.machine.machine import Machine

__all__ = ["writer"]


@click.command()
@machine_options
@click.option("--language", default="ja", show_default=True, help="Language of the digest.")
@click.option(
    "--deadline", default=30.0, show_default=True, help="Most minutes that writing may take."
)
@click.option(
    "--requests",
    default=8,
    show_default=True,
    help="Number of requests, one for each topic of a digest.",
)
@click.option("--prompt-tokens", default=4000, show_default=True, help="Tokens of each request.")
@click.option("--answer-tokens", default=800, show_default=True, help="Tokens of each answer.")
@click.option("--yen-per-kwh", default=31.0, show_default=True, help="Price of electricity.")
@calibration_option
@json_option
@language_option
def writer(
    chosen: Callable[[], Machine],
    language: str,
    deadline: float,
    requests: int,
    prompt_tokens: int,
    answer_tokens: int,
    yen_per_kwh: float,
    calibration: Path | None,
    json: bool,
    lang: str,
) -> None:
    """Pick the model that should write the digest on this machine.

    This is the best model whose makers list the language and which surely finishes in time (by the
    upper bound of the estimate). The table has the time and the cost of the electricity. The
    defaults are for a weekly digest of eight topics.

    \b
    Examples:
      shiomi rig writer
      shiomi rig writer --simulate "RTX 3060 12 GB, 32 GB" --deadline 10
    """
    from shiomi.rig.estimate.writer import Work, pick_writer
    from shiomi.rig.report.writer_report import writers_json, writers_text

    found = pick_writer(
        chosen(),
        language,
        deadline * 60,
        work=Work(requests, prompt_tokens, answer_tokens),
        yen_per_kwh=yen_per_kwh,
        calibration=chosen_calibration(calibration),
    )
    if json:
        as_json(writers_json(found))
        return
    print_text(writers_text(found, lang))
