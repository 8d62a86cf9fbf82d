"""`shiomi rig measure`."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from shiomi.cli.exits import Exit
from shiomi.cli.output import as_json, echo, json_option
from shiomi.cli.rig.machine import language_option, machine_options

if TYPE_CHECKING:
    from shiomi.rig.estimate.measure import Measurement
    from shiomi.rig.machine.machine import Gpu, Machine

__all__ = ["measure"]


@click.command()
@click.argument("url")
@click.option(
    "--model", required=True, help="The model on the server: a name, a GGUF file or a config.json."
)
@click.option("--served-as", default="", help="The model's name on the server; Ollama needs it.")
@click.option("--quantisation", help="The model's format.  [default: the file's, else Q4_K_M]")
@click.option("--prompt", default=512, show_default=True, help="Tokens of the prompt.")
@click.option("--write", default=128, show_default=True, help="Tokens of the answer.")
@click.option(
    "--runs", default=3, show_default=True, help="Number of measurements, after a warm-up."
)
@click.option("--gpus", type=int, help="Number of GPUs that the model uses.  [default: all]")
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the result to a file for --calibration.",
)
@click.option(
    "--share",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Append the speeds to a file that others can import. The row is shown first.",
)
@click.option(
    "--engine", default="llama.cpp", show_default=True, help="The engine's name in the shared row."
)
@machine_options
@json_option
@language_option
def measure(
    url: str,
    model: str,
    served_as: str,
    quantisation: str | None,
    prompt: int,
    write: int,
    runs: int,
    gpus: int | None,
    out: Path | None,
    share: Path | None,
    engine: str,
    chosen: Callable[[], Machine],
    json: bool,
    lang: str,
) -> None:
    """Measure the speed of a running model server, to narrow all estimates.

    URL is the address of llama.cpp's server, Ollama or another server with /v1/completions. The
    server reads a prompt and writes an answer a few times. Only the numbers in its answers are
    used. A speed that differs from the estimate by a factor of eight is not used: the server runs
    another model, or half of the model is in RAM. On a machine without a GPU the speeds are only
    printed, and the exit status is 3.

    \b
    Examples:
      shiomi rig measure http://127.0.0.1:8080 --model model.gguf -o mine.calibration
      shiomi rig measure http://127.0.0.1:11434 --model qwen3:8b --served-as qwen3:8b
      shiomi rig fit --calibration mine.calibration
      shiomi rig measure http://127.0.0.1:8080 --model qwen3:8b --share speeds.jsonl
    """
    import msgspec

    from shiomi.rig.estimate.calibration_file import calibration_json
    from shiomi.rig.estimate.endpoint import HttpEndpoint, new_client
    from shiomi.rig.estimate.measure import calibrate
    from shiomi.rig.estimate.measure import measure as measured
    from shiomi.rig.estimate.setting import Setting
    from shiomi.rig.estimate.speed import decode_speed
    from shiomi.rig.model.known_models import find_model, known_models
    from shiomi.rig.report.table import figure
    from shiomi.rig.report.wording import say

    known = find_model(model, known_models())
    form = quantisation or known.model.quantisation or (known.quantisations or ("Q4_K_M",))[0]
    machine = chosen()
    with new_client() as client:
        endpoint = HttpEndpoint(url, client)
        found = measured(endpoint, model=served_as, prompt=prompt, write=write, runs=runs)
    lines: dict[str, dict[str, str]] = {
        "decode": {
            "speed": figure(found.decode),
            "tokens": str(found.written_tokens),
            "runs": str(found.runs),
            "path": found.path,
        },
        "prefill" if found.prefill else "no_prefill": {
            "speed": figure(found.prefill or 0.0),
            "tokens": str(found.prompt_tokens),
        },
    }
    if not machine.gpus:  # measurements do not correct estimates for CPUs yet
        if json:
            as_json({"measured": found, "calibration": None})
        for key, slots in {} if json else (lines | {"no_gpu": {}}).items():
            echo(say(lang, "measure", key, **slots))
        raise click.exceptions.Exit(Exit.PARTLY)
    setting = Setting(quantisation=form, gpus=gpus)
    calibration = calibrate(found, known.model, machine, setting)
    document = calibration_json(calibration)
    if out is not None:
        try:
            out.write_bytes(msgspec.json.format(msgspec.json.encode(document), indent=2))
        except OSError as error:
            raise click.ClickException(f"{out} cannot be written: {error.strerror}") from None
    if share is not None:
        used = machine.gpus if gpus is None else machine.gpus[:gpus]
        _share(share, found, used, f"{known.name}", form, engine)
    if json:
        as_json({"measured": found, "calibration": document})
        return
    depth = found.prompt_tokens + found.written_tokens // 2
    estimate = decode_speed(known.model, machine, replace(setting, context=depth))
    lines["against"] = {
        "model": f"{known.name} {form}",
        "estimate": figure(estimate.value),
        "factor": f"{calibration.decode:.2f}",
    }
    for key, slots in lines.items():
        echo(say(lang, "measure", key, **slots))
    if out is not None:
        echo(say(lang, "measure", "kept", file=out))


def _share(
    file: Path, found: Measurement, gpus: Sequence[Gpu], model: str, quantisation: str, engine: str
) -> None:
    """Show the row, and append it if the reader agrees."""
    from shiomi.rig.estimate.shared_rows import SharedRow

    row = SharedRow(
        gpu=gpus[0].name,
        gpus=len(gpus),
        model=model,
        quantisation=quantisation,
        engine=engine[:100],
        day=datetime.date.today().isoformat(),  # noqa: DTZ011 - the reader's day
        prompt_tokens=found.prompt_tokens,
        written_tokens=found.written_tokens,
        decode=round(found.decode, 2),
        prefill=None if found.prefill is None else round(found.prefill, 1),
    )
    echo(row.line, err=True)
    if not click.confirm(f"Append this row to {file}?", default=True, err=True):
        return
    try:
        with file.open("a", encoding="utf-8") as out:
            out.write(row.line + "\n")
    except OSError as error:
        raise click.ClickException(f"{file} cannot be written: {error.strerror}") from None
