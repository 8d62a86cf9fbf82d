"""`shiomi rig fit`."""

from __future__ import annotations

from pathlib import Path

import click

from shiomi.cli.exits import Exit
from shiomi.cli.output import as_json, echo, json_option
from shiomi.cli.rig.machine import (
    calibration_option,
    chosen_calibration,
    chosen_machine,
    language_option,
    machine_options,
    terminal_columns,
)

__all__ = ["fit"]

_SHOWN = 15
_FEW = 5  # rows if no model is usable


@click.command()
@machine_options
@click.option("--context", default=8192, show_default=True, help="Tokens of context, per user.")
@click.option("--users", default=1, show_default=True, help="Users at the same time.")
@click.option(
    "--speed", default=10.0, show_default=True, help="Tokens per second one user should get."
)
@click.option("--quantisation", help="Only this format, such as Q4_K_M.  [default: the best]")
@click.option("--language", help="Also the best for chat in this language, such as ja.")
@click.option(
    "--models",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A folder with more models, one .toml each.",
)
@calibration_option
@click.option("--all", "everything", is_flag=True, help="Also what is slow or may not fit.")
@json_option
@language_option
def fit(
    machine_file: Path | None,
    simulate: str | None,
    memory_speed: float | None,
    context: int,
    users: int,
    speed: float,
    quantisation: str | None,
    language: str | None,
    models: Path | None,
    calibration: Path | None,
    everything: bool,
    json: bool,
    lang: str,
) -> None:
    """Show which models run on a machine, and how fast.

    Each model gets the most exact format that fits and writes --speed tokens per second: whole on
    the fewest GPUs, else with its experts in RAM, else run by the CPU. A speed has the bounds
    within which about 8 of 10 lie that people measured on their own machines; `shiomi rig
    measure` narrows them. Ends with 3 where no model runs.

    \b
    Examples:
      shiomi rig fit                                   this machine
      shiomi rig fit --simulate "RTX 3090 x2, 64 GB"   another one
      shiomi rig fit --machine mine.json --context 32768 --language ja
    """
    from shiomi.rig.estimate.best import best_per_purpose, in_order, usable
    from shiomi.rig.estimate.fit import Floor, fit_models
    from shiomi.rig.estimate.setting import Setting
    from shiomi.rig.model.known_models import known_models
    from shiomi.rig.report.fit_report import fit_json, fit_text, machine_text

    machine = chosen_machine(machine_file, simulate, memory_speed)
    setting = Setting(context=context, users=users, quantisation=quantisation)
    floor = Floor(write=speed)
    known = known_models(models)
    runs = fit_models(
        known, machine, setting, floor=floor, calibration=chosen_calibration(calibration)
    )
    runs = in_order(runs)
    worth_it = sum(map(usable, runs))
    best = best_per_purpose(runs, language=language or ("ja" if lang == "ja" else None))
    if json:
        as_json(fit_json(machine, runs, best, setting))
    else:
        text = machine_text(machine, lang, unknown=False)  # that follows the table
        text += fit_text(
            machine,
            runs,
            best,
            setting,
            floor,
            of=len(known),
            most=None if everything else min(_SHOWN, worth_it) or _FEW,
            language=lang,
            columns=terminal_columns(),
        )
        for line in text.splitlines():
            echo(line)
    if not runs:
        raise click.exceptions.Exit(Exit.PARTLY)
