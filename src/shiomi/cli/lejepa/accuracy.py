"""`shiomi lejepa knn` and `shiomi lejepa probe` evaluate frozen features with labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from shiomi.cli.lejepa.options import PATH, device_option, embed_option, option
from shiomi.cli.output import as_json, echo, json_option
from shiomi.cli.progress import progress

if TYPE_CHECKING:
    from shiomi.lejepa.labelled_sets import LabelledSets

__all__ = ["knn", "probe"]

Command = TypeVar("Command", bound=Callable[..., Any])


def _sets_options(command: Command) -> Command:
    """Add the arguments and options that both commands have."""
    options = (
        click.argument("train", type=PATH),
        click.argument("test", type=PATH, required=False),
        option(
            "--run",
            type=PATH,
            help="Read TRAIN and TEST as images, and embed them with the encoder of this run.",
        ),
        device_option,
        embed_option,
        option("--seed", default=0, help="Seed for the choice of held-out rows."),
        json_option,
    )
    for add in reversed(options):
        command = add(command)
    return command


@click.command()
@_sets_options
@option("-k", default=20, help="Number of neighbours that vote.")
@option(
    "--temperature",
    default=0.07,
    help="Temperature of the votes. With a small value, the nearest neighbours decide.",
)
def knn(json: bool, k: int, temperature: float, **given: Any) -> None:
    """Classify the rows of TEST by their nearest neighbours in TRAIN, and print the accuracy.

    TRAIN and TEST are files that `shiomi lejepa embed` wrote. With --run they are labelled images.
    If TEST is missing, a fifth of TRAIN is held out for the test. The k training rows that are
    most similar to a test row vote for its class.

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
@option(
    "--penalty",
    type=float,
    multiple=True,
    help="Penalty of the squared weights. If there are several, the best one on held-out training"
    " rows is used.  [default: 1e-5 to 0.1]",
)
def probe(json: bool, penalty: tuple[float, ...], **given: Any) -> None:
    """Fit a linear classifier to TRAIN, and print its accuracy on TEST.

    TRAIN and TEST are files that `shiomi lejepa embed` wrote. With --run they are labelled images.
    If TEST is missing, a fifth of TRAIN is held out for the test. The classifier is logistic
    regression on standardised features, solved to convergence without a learning rate.

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
    echo(f"{name} accuracy {accuracy:.2%}   (always the most frequent class: {chance:.2%})")
    echo(f"  {rows['test']:,} test rows, {rows['train']:,} training rows, {width} features each")
    for note in sets.notes:
        echo(f"  {note}")
