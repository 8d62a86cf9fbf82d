"""`shiomi lejepa knn` and `shiomi lejepa probe`: two ways to judge frozen features by labels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from shiomi.cli.output import as_json, echo, json_option
from shiomi.cli.progress import progress

if TYPE_CHECKING:
    from shiomi.lejepa.labelled_sets import LabelledSets

__all__ = ["knn", "probe"]

Command = TypeVar("Command", bound=Callable[..., Any])


def _sets_options(command: Command) -> Command:
    """Add the arguments that both commands share: TRAIN, TEST and how images become features."""
    options = (
        click.argument("train", type=click.Path(path_type=Path)),
        click.argument("test", type=click.Path(path_type=Path), required=False),
        click.option(
            "--run",
            type=click.Path(path_type=Path),
            help="TRAIN and TEST are images, to be embedded by this run's encoder.",
        ),
        click.option(
            "--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:N or mps."
        ),
        click.option(
            "--batch-size", type=int, default=256, show_default=True, help="Images at once."
        ),
        click.option(
            "--seed", type=int, default=0, show_default=True, help="Of rows that are held out."
        ),
        json_option,
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@_sets_options
@click.option("-k", default=20, show_default=True, help="Neighbours that vote.")
@click.option("--temperature", default=0.07, show_default=True, help="Smaller: the nearest decide.")
def knn(json: bool, k: int, temperature: float, **given: Any) -> None:
    """Judge features by their nearest neighbours: accuracy on TEST, learnt from TRAIN.

    TRAIN and TEST are files that `shiomi lejepa embed` wrote, or, with --run, labelled images.
    Without TEST a fifth of TRAIN is held out. Each test row is classified by the votes of its k
    most similar training rows; nothing is fitted, so this is the quickest honest figure.

    \b
    Examples:
      shiomi lejepa knn train.parquet test.parquet
      shiomi lejepa knn --run run cifar10_train.parquet cifar10_test.parquet
    """
    from shiomi.lejepa.knn import knn_accuracy

    sets = _sets(json, given)
    accuracy = knn_accuracy(
        sets.train_x, sets.train_y, sets.test_x, sets.test_y, k=k, temperature=temperature
    )
    _tell("kNN", accuracy, sets, json, {"k": k, "temperature": temperature})


@click.command()
@_sets_options
@click.option(
    "--penalty",
    type=float,
    multiple=True,
    help="Of squared weights, on standardised features; several are tried on held-out training"
    " rows.  [default: 1e-5 to 0.1]",
)
def probe(json: bool, penalty: tuple[float, ...], **given: Any) -> None:
    """Judge features by a linear classifier: accuracy on TEST, learnt from TRAIN.

    TRAIN and TEST are files that `shiomi lejepa embed` wrote, or, with --run, labelled images.
    Without TEST a fifth of TRAIN is held out. The classifier is logistic regression solved to
    convergence, its penalty chosen on held-out training rows: no learning rate, no luck.

    \b
    Examples:
      shiomi lejepa probe train.parquet test.parquet
      shiomi lejepa probe --run run photos
    """
    from shiomi.lejepa.probe import PENALTIES, linear_probe

    sets = _sets(json, given)
    penalties = penalty or PENALTIES
    accuracy = linear_probe(
        sets.train_x,
        sets.train_y,
        sets.test_x,
        sets.test_y,
        penalties=penalties,
        seed=given["seed"],
    )
    _tell("linear probe", accuracy, sets, json, {"penalties": penalties})


def _sets(json: bool, given: dict[str, Any]) -> LabelledSets:
    from shiomi.lejepa.labelled_sets import labelled_sets

    with progress(quiet=json) as show:
        return labelled_sets(progress=show, **given)


def _tell(
    name: str, accuracy: float, sets: LabelledSets, json: bool, options: dict[str, Any]
) -> None:
    rows = {"train": len(sets.train_y), "test": len(sets.test_y)}
    width = sets.train_x.shape[1]
    largest = int(sets.train_y.unique(return_counts=True)[1].argmax())
    commonest = sets.train_y.unique()[largest]
    chance = (sets.test_y == commonest).double().mean().item()
    if json:
        figures = {"accuracy": accuracy, "chance": chance, "rows": rows, "width": width}
        as_json({**figures, **options, "notes": sets.notes})
        return
    echo(f"{name} accuracy {accuracy:.2%}   (always the commonest class: {chance:.2%})")
    echo(f"  {rows['test']:,} rows judged by {rows['train']:,}, {width} features each")
    for note in sets.notes:
        echo(f"  {note}")
