"""`shiomi rig speed`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from shiomi.cli.exits import Exit
from shiomi.cli.output import as_json, json_option
from shiomi.cli.rig.machine import (
    calibration_option,
    chosen_calibration,
    engine_options,
    language_option,
    machine_options,
    print_text,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from shiomi.rig.machine.machine import Machine

__all__ = ["speed"]


@click.command()
@click.argument("model")
@machine_options
@click.option("--quantisation", help="Format of the weights.  [default: the file's, else Q4_K_M]")
@click.option("--context", default=8192, show_default=True, help="Tokens of context, per user.")
@click.option("--users", default=1, show_default=True, help="Users at the same time.")
@click.option("--prompt", default=512, show_default=True, help="Tokens of the prompt.")
@click.option("--gpus", type=int, help="Number of the machine's GPUs to use.  [default: all]")
@click.option(
    "--experts-in-ram",
    is_flag=True,
    help="Experts of all layers in RAM, like llama.cpp's --cpu-moe.",
)
@click.option(
    "--n-cpu-moe", type=int, help="Number of layers with experts in RAM, like llama.cpp's."
)
@engine_options
@click.option(
    "--kv-dtype", default="f16", show_default=True, help="Type of the caches, such as q8_0."
)
@click.option("--yen-per-kwh", default=31.0, show_default=True, help="Price of electricity.")
@calibration_option
@json_option
@language_option
def speed(
    model: str,
    chosen: Callable[[], Machine],
    quantisation: str | None,
    context: int,
    users: int,
    prompt: int,
    gpus: int | None,
    experts_in_ram: bool,
    n_cpu_moe: int | None,
    kv_dtype: str,
    engine: str,
    micro_batch: int,
    tensor_split: bool,
    speculation: bool,
    yen_per_kwh: float,
    calibration: Path | None,
    json: bool,
    lang: str,
) -> None:
    """Print all estimates for one model on one machine.

    The estimates are: memory by part and kind of layer, writing, reading a prompt, time to the
    first token, watts, yen per million tokens, and loading. Each has its bounds, basis and sources.
    MODEL is a name, or the path of a GGUF file (only its header is read) or of a config.json.
    Unknown values are listed with the reason, and the exit status is 3. It is also 3 if the model
    does not fit.

    \b
    Examples:
      shiomi rig speed qwen3:8b
      shiomi rig speed model.gguf --context 65536 --kv-dtype q8_0
      shiomi rig speed gpt-oss-120b --simulate "RTX 5090 x2, 64 GB" --users 4
    """
    from shiomi.rig.estimate.estimates import estimates
    from shiomi.rig.estimate.setting import Place, Setting
    from shiomi.rig.model.known_models import find_model, known_models
    from shiomi.rig.report.estimates_report import estimates_json, estimates_text

    known = find_model(model, known_models())
    machine = chosen()
    layers = sum(bool(x.experts) for x in known.model.layers)
    if n_cpu_moe is not None and not 1 <= n_cpu_moe <= layers:
        raise click.UsageError(
            f"--n-cpu-moe must be 1 to {layers}, the layers with experts, got {n_cpu_moe}"
            if layers
            else f"{known.name} has no experts, so --n-cpu-moe cannot be used"
        )
    usual = known.model.quantisation or (known.quantisations or ("Q4_K_M",))[0]
    setting = Setting(
        quantisation=quantisation or usual,
        context=context,
        users=users,
        prompt=prompt,
        gpus=gpus,
        place=Place.EXPERTS_IN_RAM if experts_in_ram or n_cpu_moe else Place.GPU,
        ram_share=n_cpu_moe / layers if n_cpu_moe else 1.0,
        engine=engine,
        kv_dtype=kv_dtype,
        micro_batch=micro_batch,
        tensor_split=tensor_split,
        speculation=speculation,
    )
    found = estimates(
        known.model,
        machine,
        setting,
        yen_per_kwh=yen_per_kwh,
        calibration=chosen_calibration(calibration),
    )
    if json:
        as_json(estimates_json(known.model, machine, setting, found))
    else:
        print_text(estimates_text(known.model, machine, setting, found, lang))
    if "decode" in found.missing or (found.fit is not None and not found.fit.fits):
        raise click.exceptions.Exit(Exit.PARTLY)
