"""`shiomi lejepa pretrain`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

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
    "--encoder",
    default="small",
    show_default=True,
    help="small (32 to 64 pixels, for a CPU), a model of timm such as vit_small_patch8_224, or"
    " module:function of yours.",
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
@click.option("--lr", type=float, default=2e-3, show_default=True, help="AdamW's base rate.")
@click.option("--weight-decay", type=float, default=0.05, show_default=True, help="AdamW's.")
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
    "--projector-width", type=int, default=64, show_default=True, help="Of the embedding, D."
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
      shiomi lejepa pretrain shards --out run --encoder vit_small_patch8_224 --epochs 400
      torchrun --nproc-per-node 8 -m shiomi.cli lejepa pretrain photos --out run
    """
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
    """Say what is kept of a run that was interrupted, whatever it was doing."""
    from shiomi.lejepa.run_folder import RunFolder

    if RunFolder(out).checkpoint.exists():
        return f"saved in {out}; the same command goes on from the checkpoint there"
    return "stopped before a step was saved; the same command begins again, with what is decoded"


def _config(images: Path, options: dict[str, Any]) -> PretrainConfig:
    from shiomi.lejepa.config import PretrainConfig, Training

    names = ("epochs", "steps", "batch_size", "accumulate", "lr", "weight_decay", "warmup")
    of_objective = ("lam", "variant", "slices", "precision", "seed")
    views = ("global_views", "local_views", "global_size", "local_size", "projector_width")
    return PretrainConfig(
        images=str(images.absolute()),
        encoder=options["encoder"],
        labels=str(options["labels"].absolute()) if options["labels"] else None,
        use_labels=not options["no_labels"],
        image_column=options["image_column"],
        label_column=options["label_column"],
        training=Training(**{name: options[name] for name in names + of_objective}),
        **{name: options[name] for name in views},
    )


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
