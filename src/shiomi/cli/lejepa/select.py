"""`shiomi lejepa select`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from shiomi.cli.lejepa.options import PATH
from shiomi.cli.output import as_json, echo, json_option

if TYPE_CHECKING:
    from shiomi.lejepa.selection import Selection

__all__ = ["select"]


@click.command()
@click.argument("runs", type=PATH, nargs=-1, required=True)
@json_option
def select(runs: tuple[Path, ...], json: bool) -> None:
    """Rank RUNS without labels, the most promising run first.

    RUNS are folders that `shiomi lejepa pretrain` made, or folders of such folders. The order is
    by retrieval: among 1,000 images, how often the most similar view is another view of the same
    image. If a run has not measured retrieval, the order is by loss / λ^0.4 (arXiv 2511.08544,
    equation 8). RankMe, kNN and probe are printed if they were measured, but do not change the
    order.

    Retrieval can be compared between runs with the same data, views and augmentations, and the
    loss only if variant and batch size are also the same. Settings that differ are listed.

    \b
    Examples:
      shiomi lejepa select runs/
      shiomi lejepa select lam-0.02 lam-0.05 lam-0.1 --json
    """
    from shiomi.lejepa.candidates import select_runs

    selection = select_runs(runs)
    if json:
        as_json(selection)
        return
    _table(selection)


def _table(selection: Selection) -> None:
    best = selection.ranked[0]
    names = max(len("run"), *(len(one.name) for one in selection.ranked))
    echo(
        f"{'':>3}  {'run':<{names}}  retrieval  criterion      loss         λ   RankMe      kNN"
        "    probe"
    )
    for place, one in enumerate(selection.ranked, 1):
        rank = "-" if one.rankme is None else f"{one.rankme:.1f}"
        again, knn, probe = (
            "-" if x is None else f"{x:.1%}" for x in (one.retrieval, one.knn, one.probe)
        )
        echo(
            f"{place:>3}  {one.name:<{names}}  {again:>9}  {one.criterion:>9.4f}  {one.loss:>8.4f}"
            f"  {one.lam:>8.4g}  {rank:>7}  {knn:>7}  {probe:>7}"
        )
    echo(f"most promising by {selection.ranked_by}: {best.name}")
    for name, value in selection.agreement.items():
        echo(f"  {name} orders these runs as the probe does: rank correlation {value:.2f}")
    for note in selection.notes:
        echo(f"  note: {note}")
