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
from shiomi.cli.lejepa.training_display import accuracies, training_display
from shiomi.cli.output import as_json, echo, json_option

if TYPE_CHECKING:
    from shiomi.lejepa.config import PretrainConfig
    from shiomi.lejepa.pretraining import Run

__all__ = ["pretrain", "stopped"]


@click.command()
@click.argument("images", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="The folder of the run."
)
@click.option(
    "--recipe",
    help="Use the settings of a published recipe: minimal, eb-jepa, stable-pretraining, lightly or"
    " paper-inet10.",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="Use the settings in a TOML file, such as run.toml in the folder of another run.",
)
@click.option(
    "--encoder",
    default="small",
    show_default=True,
    help="small (32 to 64 pixels, for a CPU), resnet18-cifar, a timm model such as"
    " vit_small_patch8_224, or your own module:function.",
)
@click.option(
    "--epochs", type=float, default=100.0, show_default=True, help="Passes over the data."
)
@click.option("--steps", type=int, help="Number of optimiser steps, instead of --epochs.")
@click.option(
    "--batch-size", type=int, default=256, show_default=True, help="Images of one step on all GPUs."
)
@click.option(
    "--accumulate",
    type=int,
    default=1,
    show_default=True,
    help="Compute a batch in this number of parts, to save memory. The gradient is the same.",
)
@click.option(
    "--drop-path", type=float, default=0.0, show_default=True, help="Drop path of a timm model."
)
@click.option(
    "--optimiser",
    type=click.Choice(["adamw", "lars"]),
    default="adamw",
    show_default=True,
    help="lars is the LARS of timm with momentum 0.9.",
)
@click.option(
    "--lr", type=float, default=2e-3, show_default=True, help="Learning rate after warm-up."
)
@click.option(
    "--final-lr",
    type=float,
    default=1e-3,
    show_default=True,
    help="Learning rate of the last step, as a share of --lr.",
)
@click.option(
    "--clip",
    type=float,
    help="Clip the norm of the gradient to this value.  [default: not clipped]",
)
@click.option(
    "--weight-decay", type=float, default=0.05, show_default=True, help="Weight decay of matrices."
)
@click.option(
    "--warmup",
    type=float,
    default=0.05,
    show_default=True,
    help="Share of the steps in which the rate rises.",
)
@click.option("--lam", type=float, help="λ, the weight of SIGReg.  [default: the variant's]")
@click.option(
    "--variant",
    default="default",
    show_default=True,
    help="Variant of the objective; docs/lejepa/objective.md lists them.",
)
@click.option("--slices", type=int, help="Number of directions per step.  [default: the variant's]")
@click.option("--global-views", type=int, default=2, show_default=True, help="Number per image.")
@click.option(
    "--local-views", type=int, help="Number per image.  [default: 6, or 0 up to 64 pixels]"
)
@click.option(
    "--global-size", type=int, help="Side in pixels.  [default: that of the images, at most 224]"
)
@click.option(
    "--local-size", type=int, help="Side in pixels.  [default: 96/224 of the global size]"
)
@click.option(
    "--global-scale",
    type=float,
    nargs=2,
    default=(0.3, 1.0),
    show_default=True,
    help="Least and largest share of the image's area in a global view.",
)
@click.option(
    "--local-scale",
    type=float,
    nargs=2,
    default=(0.05, 0.3),
    show_default=True,
    help="Least and largest share of the image's area in a local view.",
)
@click.option(
    "--jitter",
    type=float,
    nargs=4,
    help="Strength of brightness, contrast, saturation and hue.  [default: .4 .4 .2 .1]",
)
@click.option("--grey", type=float, help="Probability of a grey view.  [default: 0.2]")
@click.option(
    "--blur", type=float, help="Probability of blur.  [default: 0.5, or 0 up to 64 pixels]"
)
@click.option(
    "--solarize",
    type=float,
    help="Probability of solarisation.  [default: 0.2, or 0 up to 64 pixels]",
)
@click.option(
    "--projector-width", type=int, default=64, show_default=True, help="Width of the embedding."
)
@click.option(
    "--projector-layers", type=int, default=3, show_default=True, help="Number of linear maps."
)
@click.option(
    "--projector-hidden", type=int, help="Width between the maps.  [default: twice the encoder's]"
)
@click.option(
    "--labels",
    type=click.Path(path_type=Path),
    help="A file with one class number per line. Only kNN and probe use the labels.",
)
@click.option(
    "--image-column", help="Name of the column with images.  [default: found by its type]"
)
@click.option(
    "--label-column", help="Name of the column with labels.  [default: found by its name]"
)
@click.option("--no-labels", is_flag=True, help="Ignore the labels in the data.")
@click.option(
    "--precision",
    type=click.Choice(["auto", "fp32", "bf16"]),
    default="auto",
    show_default=True,
    help="auto: bf16 on CUDA.",
)
@click.option("--compile", is_flag=True, help="Compile the encoder with torch.compile.")
@click.option("--fused", is_flag=True, help="Run AdamW as one fused kernel.")
@click.option(
    "--recompute",
    is_flag=True,
    help="Recompute the activations of a timm model. It is slower and needs less memory.",
)
@click.option(
    "--shard", is_flag=True, help="Divide weights and optimiser state over the ranks (FSDP2)."
)
@click.option(
    "--benchmark",
    is_flag=True,
    help="Let cuDNN choose the fastest algorithms. A resumed run may then differ.",
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:N or mps.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of all random numbers.")
@click.option(
    "--evaluations",
    type=int,
    default=10,
    show_default=True,
    help="Number of evaluations in the run.",
)
@click.option(
    "--checkpoint-seconds",
    type=float,
    default=60.0,
    show_default=True,
    help="Time between two checkpoints.",
)
@click.option(
    "--cache",
    type=click.Path(path_type=Path),
    help="Folder for decoded images; several runs may share it.  [default: in the run's folder]",
)
@click.option(
    "--cache-gib",
    type=float,
    default=16.0,
    show_default=True,
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
