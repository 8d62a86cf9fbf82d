"""The machine that a command uses: this machine, a machine from a file, or a described machine."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from shiomi.cli.output import echo
from shiomi.rig.message import Message, Text

if TYPE_CHECKING:
    from shiomi.rig.estimate.coefficients import Calibration
    from shiomi.rig.estimate.use import Use
    from shiomi.rig.machine.machine import Machine

__all__ = [
    "asked_use",
    "calibration_option",
    "chosen_calibration",
    "chosen_machine",
    "engine_options",
    "gpu_share_option",
    "language_option",
    "machine_options",
    "print_text",
    "terminal_columns",
]

_LEAST_COLUMNS = 40

Command = TypeVar("Command", bound=Callable[..., Any])


gpu_share_option = click.option(
    "--gpu-share",
    type=click.FloatRange(5, 100),
    metavar="PERCENT",
    help="Share of shared memory for the GPU (Mac, Strix Halo).  [default: by platform]",
)


def machine_options(command: Command) -> Command:
    """Add --machine, --simulate, --memory-speed and --gpu-share.

    The command gets `chosen`, a function that returns the machine.
    """

    @wraps(command)
    def choosing(
        *args: Any,
        machine_file: Path | None,
        simulate: str | None,
        memory_speed: float | None,
        gpu_share: float | None,
        **options: Any,
    ) -> Any:
        def chosen() -> Machine:
            return chosen_machine(machine_file, simulate, memory_speed, gpu_share)

        return command(*args, chosen=chosen, **options)

    found: Any = choosing
    for option in (
        click.option(
            "--memory-speed",
            type=float,
            metavar="GB/S",
            help="Bandwidth of the system's memory, if it is not detected.",
        ),
        gpu_share_option,
        click.option(
            "--simulate",
            metavar="PARTS",
            help="A described machine, such as 'RTX 3090 x2, 64 GB DDR5-6000 2ch'.",
        ),
        click.option(
            "--machine",
            "machine_file",
            type=click.Path(path_type=Path, exists=True, dir_okay=False),
            help="A file that `shiomi rig detect --json` or --dump printed.",
        ),
    ):
        found = option(found)
    return cast("Command", found)


def engine_options(command: Command) -> Command:
    """Add the options of the engine: --engine, --micro-batch, --tensor-split, --speculation."""
    for option in (
        click.option("--speculation", is_flag=True, help="Draft tokens (MTP, draft model)."),
        click.option(
            "--tensor-split",
            is_flag=True,
            help="All GPUs compute each layer together (-sm tensor).",
        ),
        click.option(
            "--micro-batch",
            default=512,
            show_default=True,
            help="Tokens of a prompt computed at once (-ub).",
        ),
        click.option(
            "--engine",
            default="llama.cpp",
            show_default=True,
            help="llama.cpp, ollama or vllm. llama.cpp@2024-05 selects the speeds of that version.",
        ),
    ):
        command = option(command)
    return command


def asked_use(name: str, write: float | None, read: float | None, options: dict[str, Any]) -> Use:
    """Return a use with the context, format, engine and lowest usable speeds of the options."""
    from shiomi.rig.estimate.fit import Floor
    from shiomi.rig.estimate.use import find_use

    found = find_use(name)
    given = options["context"]
    context = found.setting.context if given is None else given
    setting = replace(
        found.setting,
        users=options["users"],
        quantisation=options["quantisation"],
        context=context,
        prompt=max(1, min(found.setting.prompt, context)),
        engine=options.get("engine", "llama.cpp"),
        micro_batch=options.get("micro_batch", 512),
        tensor_split=options.get("tensor_split", False),
        speculation=options.get("speculation", False),
    )
    floor = Floor(
        write=found.floor.write if write is None else write,
        read=found.floor.read if read is None else read,
    )
    return replace(found, setting=setting, floor=floor)


def calibration_option(command: Command) -> Command:
    """Add --calibration."""
    return click.option(
        "--calibration",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        help="The file that `shiomi rig measure -o FILE` wrote on this machine.",
    )(command)


def language_option(command: Command) -> Command:
    """Add --lang, which also translates the reason of a failure. Errors in arguments
    and files stay in English.
    """

    @wraps(command)
    def speaking(*args: Any, lang: str, **options: Any) -> Any:
        from shiomi.rig.errors import RigError
        from shiomi.rig.report.wording import text_of

        try:
            return command(*args, lang=lang, **options)
        except RigError as error:
            error.args = (text_of(error.message, lang),)
            raise

    option = click.option(
        "--lang",
        type=click.Choice(["en", "ja"]),
        default="en",
        show_default=True,
        help="Language of the output. Errors in arguments and files stay in English.",
    )
    return cast("Command", option(speaking))


def chosen_machine(
    machine_file: Path | None,
    simulate: str | None,
    memory_speed: float | None,
    gpu_share: float | None = None,
) -> Machine:
    """Return the machine that the options describe, else this machine."""
    from shiomi.rig.machine.detect import machine_of, probe
    from shiomi.rig.machine.file import read_machine
    from shiomi.rig.machine.machine import lending
    from shiomi.rig.machine.simulate import simulated

    if machine_file is not None and simulate is not None:
        raise click.UsageError("give --machine or --simulate, not both")
    if memory_speed is not None and not 1 <= memory_speed <= 100_000:
        raise click.UsageError(f"--memory-speed must be 1 to 100000 GB/s, got {memory_speed:g}")
    if machine_file is not None:
        machine = read_machine(machine_file)
    elif simulate is not None:
        machine = simulated(simulate)
    else:
        machine = machine_of(probe())
    if gpu_share is not None:
        machine = lending(machine, gpu_share / 100)
    if memory_speed is None:
        return machine
    unknown = tuple(x for x in machine.unknown if not _names_bandwidth(x))
    return replace(machine, memory_bandwidth_gb_s=memory_speed, unknown=unknown)


def _names_bandwidth(note: Text) -> bool:
    return isinstance(note, Message) and "bandwidth" in note.key


def print_text(text: str) -> None:
    """Print a report line by line, without control characters."""
    for line in text.splitlines():
        echo(line)


def terminal_columns() -> int | None:
    """Return the width of the terminal. It is None if the output is not a terminal, and lines are
    then not wrapped.

    The environment variable COLUMNS overrides both.
    """
    if not sys.stdout.isatty() and "COLUMNS" not in os.environ:
        return None
    return max(_LEAST_COLUMNS, shutil.get_terminal_size().columns)


def chosen_calibration(file: Path | None) -> Calibration | None:
    """Return the measurement that `shiomi rig measure -o` wrote."""
    from shiomi.rig.estimate.calibration_file import read_calibration

    return None if file is None else read_calibration(file)
