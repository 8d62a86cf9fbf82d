"""`shiomi rig fit`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shiomi.cli.exits import Exit
from shiomi.cli.output import as_json, json_option
from shiomi.cli.rig.machine import (
    asked_use,
    calibration_option,
    chosen_calibration,
    engine_options,
    language_option,
    machine_options,
    print_text,
    terminal_columns,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from shiomi.rig.machine.machine import Machine

__all__ = ["fit"]

_SHOWN = 15
_BEST = ("chat", "code", "long")  # uses whose best model is named
_FEW = 5  # rows if no model is usable


@click.command()
@machine_options
@click.option(
    "--use",
    type=click.Choice(["chat", "code", "long", "digest"]),
    default="chat",
    show_default=True,
    help="What the machine is for. It sets the context, the prompt and the slowest usable speeds.",
)
@click.option("--context", type=int, help="Tokens of context, per user.  [default: by use]")
@click.option("--users", default=1, show_default=True, help="Users at the same time.")
@click.option(
    "--speed", type=float, help="Slowest usable writing for one user, tok/s.  [default: by use]"
)
@click.option(
    "--quantisation", help="Only this format of the weights, such as Q4_K_M.  [default: the best]"
)
@click.option("--language", help="Also name the best model for chat in this language, such as ja.")
@click.option(
    "--models",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A folder with more models, one .toml file each.",
)
@engine_options
@calibration_option
@click.option(
    "--all", "everything", is_flag=True, help="Also list models that are slow or may not fit."
)
@json_option
@language_option
def fit(
    chosen: Callable[[], Machine],
    use: str,
    speed: float | None,
    language: str | None,
    models: Path | None,
    calibration: Path | None,
    everything: bool,
    json: bool,
    lang: str,
    **options: Any,
) -> None:
    """Show which models run on a machine, and how fast.

    Each model gets the most exact format that fits and is fast enough for the use. It is placed on
    as few GPUs as possible, else with the experts of some layers in RAM, else in RAM. About 8 of 10
    speeds that people measured on their own machines lie within the bounds; `shiomi rig measure`
    narrows the bounds. The exit status is 3 if no model runs.

    \b
    Examples:
      shiomi rig fit                                   this machine
      shiomi rig fit --simulate "RTX 3090 x2, 64 GB"   another machine
      shiomi rig fit --machine mine.json --context 32768 --language ja
    """
    from shiomi.rig.estimate.fit import fit_models
    from shiomi.rig.estimate.use import best_per_use, close_fits, in_order
    from shiomi.rig.model.known_models import known_models
    from shiomi.rig.report.fit_report import fit_json, fit_text, machine_text

    machine = chosen()
    asked = asked_use(use, speed, None, options)
    setting = asked.setting
    known = known_models(models)
    measured = chosen_calibration(calibration)
    fitting = fit_models(known, machine, setting, floor=asked.floor, calibration=measured)
    runs = in_order(fitting, asked)
    worth_it = sum(x.usable_here for x in runs)
    uses = {name: asked_use(name, speed, None, options) for name in dict.fromkeys((*_BEST, use))}
    for spoken in filter(None, (language, "ja" if lang == "ja" else None)):
        uses[spoken] = replace(uses["chat"], language=spoken)
    best = best_per_use(known, machine, uses, calibration=measured)
    if json:
        as_json(fit_json(machine, runs, best, asked))
    else:
        text = machine_text(machine, lang, unknown=False)  # the table lists the unknown facts
        text += fit_text(
            machine,
            runs,
            best,
            asked,
            near=close_fits(runs, machine, setting),
            of=len(known),
            most=None if everything else min(_SHOWN, worth_it) or _FEW,
            language=lang,
            columns=terminal_columns(),
        )
        print_text(text)
    if not runs:
        raise click.exceptions.Exit(Exit.PARTLY)
