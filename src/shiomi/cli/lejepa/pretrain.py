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
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The run's folder.")
@click.option(
    "--recipe",
    help="Begin from a published recipe: minimal, eb-jepa, stable-pretraining, lightly or"
    " paper-inet10.",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="Begin from a TOML file, such as the run.toml in a run's folder.",
)
@click.option(
    "--encoder",
    default="small",
    show_default=True,
    help="small (32 to 64 pixels, for a CPU), resnet18-cifar, a model of timm such as"
    " vit_small_patch8_224, or module:function of yours.",
)
@click.option(
    "--epochs", type=float, default=100.0, show_default=True, help="Passes over the data."
)
@click.option("--steps", type=int, help="Steps of the optimiser, in place of --epochs.")
@click.option("--batch-size", type=int, default=256, show_default=True, help="Over all GPUs.")
@click.option(
    "--accumulate",
    type=int,
    default=1,
    show_default=True,
    help="Work through a batch in so many parts; the result is that of the whole batch.",
)
@click.option("--drop-path", type=float, default=0.0, show_default=True, help="Of timm's encoders.")
@click.option(
    "--optimiser",
    type=click.Choice(["adamw", "lars"]),
    default="adamw",
    show_default=True,
    help="LARS is timm's, with momentum 0.9.",
)
@click.option("--lr", type=float, default=2e-3, show_default=True, help="The base rate.")
@click.option(
    "--final-lr", type=float, default=1e-3, show_default=True, help="The last rate's share of --lr."
)
@click.option("--clip", type=float, help="Largest norm of the gradient.  [default: not clipped]")
@click.option("--weight-decay", type=float, default=0.05, show_default=True, help="Of weights.")
@click.option("--warmup", type=float, default=0.05, show_default=True, help="Share of the steps.")
@click.option("--lam", type=float, help="λ, the weight of SIGReg.  [default: the variant's]")
@click.option(
    "--variant",
    default="default",
    show_default=True,
    help="Of the objective: see docs/lejepa/objective.md.",
)
@click.option("--slices", type=int, help="Directions per step.  [default: the variant's]")
@click.option("--global-views", type=int, default=2, show_default=True, help="Per image.")
@click.option(
    "--local-views", type=int, help="Per image.  [default: 6; none of images up to 64 pixels]"
)
@click.option(
    "--global-size", type=int, help="Pixels.  [default: the images' own side, at most 224]"
)
@click.option("--local-size", type=int, help="Pixels.  [default: 96/224 of the global size]")
@click.option(
    "--global-scale",
    type=float,
    nargs=2,
    default=(0.3, 1.0),
    show_default=True,
    help="Share of the image's area that a global view shows: least and most.",
)
@click.option(
    "--local-scale",
    type=float,
    nargs=2,
    default=(0.05, 0.3),
    show_default=True,
    help="The same of a local view.",
)
@click.option(
    "--jitter",
    type=float,
    nargs=4,
    help="Strength of brightness, contrast, saturation and hue.  [default: .4 .4 .2 .1]",
)
@click.option("--grey", type=float, help="Probability.  [default: 0.2]")
@click.option("--blur", type=float, help="Probability.  [default: 0.5; 0 up to 64 pixels]")
@click.option("--solarize", type=float, help="Probability.  [default: 0.2; 0 up to 64 pixels]")
@click.option(
    "--projector-width", type=int, default=64, show_default=True, help="Of the embedding, D."
)
@click.option("--projector-layers", type=int, default=3, show_default=True, help="Linear maps.")
@click.option(
    "--projector-hidden", type=int, help="Width between them.  [default: twice the encoder's]"
)
@click.option(
    "--labels",
    type=click.Path(path_type=Path),
    help="A file with one class number per line, for kNN and probe; training sees no label.",
)
@click.option("--image-column", help="Of a table: its column of images.  [default: by its type]")
@click.option("--label-column", help="Of a table: its column of labels.  [default: by its name]")
@click.option("--no-labels", is_flag=True, help="Do not look at the labels in the data.")
@click.option(
    "--precision",
    type=click.Choice(["auto", "fp32", "bf16"]),
    default="auto",
    show_default=True,
    help="auto: bf16 on CUDA.",
)
@click.option("--compile", is_flag=True, help="Compile the encoder with torch.compile.")
@click.option("--fused", is_flag=True, help="AdamW in one kernel.")
@click.option(
    "--recompute",
    is_flag=True,
    help="Keep fewer activations of a timm encoder; slower, in less memory.",
)
@click.option("--shard", is_flag=True, help="Divide weights and optimiser over the ranks (FSDP2).")
@click.option(
    "--benchmark", is_flag=True, help="cuDNN's fastest algorithms; going on is then not bit-exact."
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:N or mps.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of everything random.")
@click.option(
    "--evaluations", type=int, default=10, show_default=True, help="How often; 0 is never."
)
@click.option(
    "--checkpoint-seconds",
    type=float,
    default=60.0,
    show_default=True,
    help="Between two checkpoints; a kill loses no more than that.",
)
@click.option(
    "--cache",
    type=click.Path(path_type=Path),
    help="Keep decoded images here, for several runs.  [default: in the run's folder]",
)
@click.option(
    "--cache-gib",
    type=float,
    default=16.0,
    show_default=True,
    help="The most they may take; above it they are decoded each time.",
)
@json_option
def pretrain(images: Path, out: Path, json: bool, **options: Any) -> None:
    """Train an encoder on unlabelled IMAGES with LeJEPA.

    IMAGES is a folder (its first-level folders are the classes, if there are some), a .parquet
    with a column of image bytes, a folder that `Dataset.save_to_disk` wrote, or webdataset shards
    (.tar, or a folder of them). Damaged files are skipped and listed in skipped.txt.

    Ctrl-C saves; the same command goes on, also after `kill -9`, and ends with the same weights.
    A run ends with encoder.safetensors, encoder.onnx and report.html in its folder.

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
    """Tell the user what is kept of an interrupted run, whatever the run was doing."""
    from shiomi.lejepa.run_folder import RunFolder

    if RunFolder(out).checkpoint.exists():
        return f"saved in {out}; the same command goes on from the checkpoint there"
    return "stopped before a step was saved; the same command begins again, with what is decoded"


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
        told = f"; not stated there, so ours: {', '.join(chosen.not_stated)}"
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
        echo(f"{run.skipped:,} files gave no image; {run.folder.skipped} says which and why")
    if run.evaluation:
        echo(f"at the end: {accuracies(run.evaluation)}")
    for path in run.files:
        echo(str(path))
    for note in run.notes:
        echo(note, err=True)
