"""`shiomi lejepa pretrain`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from shiomi.cli.exits import Exit
from shiomi.cli.lejepa.options import PATH, device_option, image_column, label_column, option
from shiomi.cli.lejepa.training_display import accuracies, training_display
from shiomi.cli.output import as_json, echo, json_option

if TYPE_CHECKING:
    from shiomi.lejepa.config import PretrainConfig
    from shiomi.lejepa.pretraining import Run

__all__ = ["pretrain", "stopped"]


@click.command()
@click.argument("images", type=PATH)
@option("--out", type=PATH, required=True, help="The folder of the run.")
@option(
    "--recipe",
    help="Use the settings of a recipe: minimal, eb-jepa, stable-pretraining, lightly or"
    " paper-inet10.",
)
@option(
    "--config",
    type=PATH,
    help="Use the settings in a TOML file, such as run.toml in the folder of another run.",
)
@option(
    "--encoder",
    default="small",
    help="small (32 to 64 pixels, for a CPU), resnet18-cifar, a timm model such as"
    " vit_small_patch8_224, or your own module:function.",
)
@option("--epochs", default=100.0, help="Passes over the data.")
@option("--steps", type=int, help="Number of optimiser steps, instead of --epochs.")
@option("--batch-size", default=256, help="Images of one step on all GPUs.")
@option(
    "--accumulate",
    default=1,
    help="Compute a batch in this number of parts, to save memory. The gradient is the same.",
)
@option("--drop-path", default=0.0, help="Drop path of a timm model.")
@option(
    "--optimiser",
    type=click.Choice(["adamw", "lars"]),
    default="adamw",
    help="lars is the LARS of timm with momentum 0.9.",
)
@option("--lr", default=2e-3, help="Learning rate after warm-up.")
@option("--final-lr", default=1e-3, help="Learning rate of the last step, as a share of --lr.")
@option(
    "--clip",
    type=float,
    help="Clip the norm of the gradient to this value.  [default: not clipped]",
)
@option("--weight-decay", default=0.05, help="Weight decay of matrices.")
@option("--warmup", default=0.05, help="Share of the steps in which the rate rises.")
@option("--lam", type=float, help="λ, the weight of SIGReg.  [default: the variant's]")
@option(
    "--variant",
    default="default",
    help="Variant of the objective; docs/lejepa/objective.md lists them.",
)
@option("--slices", type=int, help="Number of directions per step.  [default: the variant's]")
@option("--global-views", default=2, help="Number per image.")
@option("--local-views", type=int, help="Number per image.  [default: 6, or 0 up to 64 pixels]")
@option(
    "--global-size", type=int, help="Side in pixels.  [default: that of the images, at most 224]"
)
@option("--local-size", type=int, help="Side in pixels.  [default: 96/224 of the global size]")
@option(
    "--global-scale",
    type=float,
    nargs=2,
    default=(0.3, 1.0),
    help="Least and largest share of the image's area in a global view.",
)
@option(
    "--local-scale",
    type=float,
    nargs=2,
    default=(0.05, 0.3),
    help="Least and largest share of the image's area in a local view.",
)
@option(
    "--jitter",
    type=float,
    nargs=4,
    help="Strength of brightness, contrast, saturation and hue.  [default: .4 .4 .2 .1]",
)
@option("--grey", type=float, help="Probability of a grey view.  [default: 0.2]")
@option("--blur", type=float, help="Probability of blur.  [default: 0.5, or 0 up to 64 pixels]")
@option(
    "--solarize",
    type=float,
    help="Probability of solarisation.  [default: 0.2, or 0 up to 64 pixels]",
)
@option("--projector-width", default=64, help="Width of the embedding.")
@option("--projector-layers", default=3, help="Number of linear maps.")
@option(
    "--projector-hidden", type=int, help="Width between the maps.  [default: twice the encoder's]"
)
@option(
    "--labels",
    type=PATH,
    help="A file with one class number per line. Only kNN and probe use the labels.",
)
@image_column
@label_column
@option("--no-labels", is_flag=True, help="Ignore the labels in the data.")
@option(
    "--precision",
    type=click.Choice(["auto", "fp32", "bf16"]),
    default="auto",
    help="auto: bf16 on CUDA.",
)
@option("--compile", is_flag=True, help="Compile the encoder with torch.compile.")
@option("--fused", is_flag=True, help="Run AdamW as one fused kernel.")
@option(
    "--recompute",
    is_flag=True,
    help="Recompute the activations of a timm model. It is slower and needs less memory.",
)
@option("--shard", is_flag=True, help="Divide weights and optimiser state over the ranks (FSDP2).")
@option(
    "--benchmark",
    is_flag=True,
    help="Let cuDNN choose the fastest algorithms. A resumed run may then differ.",
)
@device_option
@option("--seed", default=0, help="Seed of all random numbers.")
@option("--evaluations", default=10, help="Number of evaluations in the run.")
@option("--checkpoint-seconds", default=60.0, help="Time between two checkpoints.")
@option(
    "--cache",
    type=PATH,
    help="Folder for decoded images; several runs may share it.  [default: in the run's folder]",
)
@option(
    "--cache-gib",
    default=16.0,
    help="Largest size of the decoded images. Without room, images are decoded each time.",
)
@json_option
def pretrain(images: Path, out: Path, json: bool, **options: Any) -> None:
    """Train an encoder on unlabelled IMAGES with LeJEPA.

    IMAGES is a folder of images, a .parquet file with a column of image bytes, a folder that
    `Dataset.save_to_disk` wrote, or webdataset shards (.tar, or a folder of them). The first-level
    folders of a folder are its classes. Damaged files are skipped and listed in skipped.txt.

    Ctrl-C saves the run and stops. The same command then continues, also after `kill -9`, and
    gives the same weights. At the end, the folder contains encoder.safetensors, encoder.onnx and
    report.html.

    \b
    Examples:
      shiomi lejepa pretrain photos --out run
      shiomi lejepa pretrain cifar10.parquet --out run --epochs 10 --batch-size 128
      shiomi lejepa pretrain imagenette.parquet --out run --recipe minimal
      shiomi lejepa pretrain shards --out run --encoder vit_small_patch8_224 --epochs 400
      torchrun --nproc-per-node 8 -m shiomi.cli lejepa pretrain photos --out run
    """
    from shiomi.lejepa.config import Speed
    from shiomi.lejepa.pretraining import pretrain as run_pretraining

    config = _config(images, options)
    first = int(os.environ.get("RANK", "0")) == 0
    with training_display(quiet=json or not first) as display:
        try:
            run = run_pretraining(
                config,
                out,
                device=options["device"],
                cache=options["cache"],
                cache_gib=options["cache_gib"],
                checkpoint_seconds=options["checkpoint_seconds"],
                evaluations=options["evaluations"],
                speed=Speed(**{field.name: options[field.name] for field in fields(Speed)}),
                progress=display.progress,
                announce=display.say,
                observe=display.moment,
                evaluated=lambda step, values: display.say(f"step {step}: {accuracies(values)}"),
            )
        except KeyboardInterrupt:
            if first:
                echo(stopped(out), err=True)
            raise click.exceptions.Exit(Exit.INTERRUPTED) from None
    if first:
        _conclude(run, json)


def stopped(out: Path) -> str:
    """Return a message for the user of an interrupted run: whether a checkpoint exists."""
    from shiomi.lejepa.run_folder import RunFolder

    if RunFolder(out).checkpoint.exists():
        return f"saved in {out}; the same command continues from its checkpoint"
    return "stopped before the first checkpoint; the same command starts again"


_OF_TRAINING = (
    "steps", "epochs", "batch_size", "accumulate", "lr", "final_lr", "optimiser", "clip",
    "weight_decay", "warmup", "variant", "lam", "slices", "precision", "seed",
)  # fmt: skip
_OF_CONFIG = (
    "encoder", "drop_path", "image_column", "label_column", "projector_width", "projector_hidden",
    "projector_layers", "global_views", "global_size", "global_scale", "local_views", "local_size",
    "local_scale",
)  # fmt: skip


def _config(images: Path, options: dict[str, Any]) -> PretrainConfig:
    """Return the configuration: options override the configuration file, which overrides the
    recipe."""
    from shiomi.lejepa.recipes import configured, read_config_file, recipe

    layers: list[Mapping[str, Any]] = []
    if options["recipe"]:
        chosen = recipe(options["recipe"])
        told = f"; not published, so our defaults: {', '.join(chosen.not_stated)}"
        echo(f"recipe {chosen.name} ({chosen.about}), from {chosen.source}{told}", err=True)
        layers.append(chosen.values)
    if options["config"]:
        layers.append(read_config_file(options["config"]))
    return configured(*layers, _given(images, options), where=str(options["config"] or "options"))


def _given(images: Path, options: dict[str, Any]) -> dict[str, Any]:
    """Return the options that the user gave, without the defaults that click filled in."""
    context = click.get_current_context()

    def given(names: Iterable[str]) -> dict[str, Any]:
        return {
            name: options[name]
            for name in names
            if context.get_parameter_source(name) is not ParameterSource.DEFAULT
        }

    drawn = given(("grey", "blur", "solarize"))
    if options["jitter"]:
        parts = ("brightness", "contrast", "saturation", "hue")
        drawn |= dict(zip(parts, options["jitter"], strict=True))
    values = given(_OF_CONFIG) | {"images": str(images.absolute())}
    if options["labels"]:
        values["labels"] = str(options["labels"].absolute())
    if options["no_labels"]:
        values["use_labels"] = False
    return {**values, "training": given(_OF_TRAINING), "augmentations": drawn}


def _conclude(run: Run, json: bool) -> None:
    if json:
        as_json(
            {
                "run": run.folder.path,
                "images": run.images,
                "skipped": run.skipped,
                "last": run.moment,
                "evaluation": run.evaluation,
                "files": run.files,
                "notes": run.notes,
            }
        )
        return
    if run.skipped:
        echo(f"{run.skipped:,} files could not be read as images; {run.folder.skipped} lists them")
    if run.evaluation:
        echo(f"at the end: {accuracies(run.evaluation)}")
    for path in run.files:
        echo(str(path))
    for note in run.notes:
        echo(note, err=True)
