"""`shiomi rig train`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from shiomi.cli.output import as_json, json_option
from shiomi.cli.rig.machine import language_option, machine_options, print_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from shiomi.rig.machine.machine import Machine

__all__ = ["train"]


@click.command()
@click.argument("encoders", nargs=-1)
@machine_options
@click.option("--images", default=1_281_167, show_default=True, help="Images of the data set.")
@click.option("--epochs", default=100, show_default=True, help="Number of passes over all images.")
@click.option(
    "--large-views", default=2, show_default=True, help="Large views of each image per step."
)
@click.option(
    "--small-views", default=6, show_default=True, help="Small views of each image per step."
)
@click.option(
    "--small-side",
    default=96,
    show_default=True,
    help="Width and height of a small view in pixels.",
)
@click.option("--fp32", is_flag=True, help="Without mixed precision.")
@json_option
@language_option
def train(
    encoders: tuple[str, ...],
    chosen: Callable[[], Machine],
    images: int,
    epochs: int,
    large_views: int,
    small_views: int,
    small_side: int,
    fp32: bool,
    json: bool,
    lang: str,
) -> None:
    """List the vision transformers that this machine can train with LeJEPA, and the days needed.

    ENCODERS are S, B, L and H; the default is all. For each encoder, without and with checkpoints,
    the table has the most images per step on the smallest GPU, the memory of such a step (measured
    on real steps), and the days (by a rule of thumb: 20 to 50 % of the peak speed; reading the
    images is not included).

    \b
    Examples:
      shiomi rig train
      shiomi rig train S B --simulate "RTX 4090" --images 50000 --epochs 400
    """
    from shiomi.rig.estimate.training import Views
    from shiomi.rig.report.training_report import training_json, training_rows, training_text

    machine = chosen()
    gpu, rows = training_rows(
        machine,
        images=images,
        epochs=epochs,
        views=Views(large_views, small_views, small_side),
        encoders=encoders or ("S", "B", "L", "H"),
        mixed_precision=not fp32,
    )
    if json:
        as_json(training_json(gpu, rows))
        return
    print_text(training_text(gpu, len(machine.gpus), rows, images, epochs, lang))
