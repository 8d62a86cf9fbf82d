"""What each of several real gloo processes computes, and what one process computes of it all.

`main(FOLDER)` in each of them (rank_processes.py) leaves FOLDER/RANK.pt.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from shiomi.lejepa import EppsPulley, SIGReg, lejepa_loss
from shiomi.lejepa.errors import InputError, NonFiniteError
from shiomi.lejepa.sigreg import sigreg
from shiomi.lejepa.statistics import anderson_darling, watson

V, D = 3, 6
EVEN = (8, 8, 8, 8)
UNEVEN = (5, 9, 1, 12)
WITH_NONE = (7, 0, 3, 4)

Result = tuple[Tensor, Tensor]  # value, gradient with respect to the views


def joined_views(sizes: tuple[int, ...], dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(sum(sizes))
    views = torch.randn(V, sum(sizes), D, generator=generator, dtype=torch.float64) * 1.2 + 0.1
    return views.to(dtype)


def part_of(views: Tensor, sizes: tuple[int, ...], rank: int) -> Tensor:
    part: Tensor = views.split(sizes, dim=1)[rank]
    return part


def with_gradient(compute: Callable[[Tensor], Tensor], views: Tensor) -> Result:
    views = views.detach().clone().requires_grad_()
    value = compute(views)
    (gradient,) = torch.autograd.grad(value, views)
    return value.detach(), gradient


def _loss(variant: str) -> Callable[[Tensor], Tensor]:
    return lambda views: lejepa_loss(views, global_views=2, step=7, variant=variant).total


def _statistic(function: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    return lambda views: sigreg(views, step=7, slices=32, statistic=function)


BUILT_BEFORE = SIGReg(slices=64)  # made when this is imported: before init_process_group

SCENARIOS: dict[str, tuple[tuple[int, ...], Callable[[Tensor], Tensor], torch.dtype]] = {
    "even": (EVEN, _loss("default"), torch.float64),
    "uneven": (UNEVEN, _loss("default"), torch.float64),
    "uneven in float32": (UNEVEN, _loss("default"), torch.float32),
    "a rank without samples": (WITH_NONE, _loss("default"), torch.float64),
    "unbiased": (UNEVEN, _loss("unbiased"), torch.float64),
    "pooled views": (UNEVEN, _loss("stable-pretraining"), torch.float64),
    "centre of all views": (UNEVEN, _loss("minimal"), torch.float64),
    "built before": (UNEVEN, lambda x: BUILT_BEFORE(x, step=7), torch.float64),
    "built after": (UNEVEN, lambda x: SIGReg(slices=64)(x, step=7), torch.float64),
    "gathered": (UNEVEN, _statistic(anderson_darling), torch.float64),
    "gathered, a rank without": (WITH_NONE, _statistic(watson), torch.float64),
    "no multiplier": (
        UNEVEN,
        lambda x: sigreg(x, step=7, slices=8, statistic=EppsPulley(), multiplier=1.0),
        torch.float64,
    ),
}


def weighted_layer() -> torch.nn.Linear:
    torch.manual_seed(0)
    return torch.nn.Linear(D, D, dtype=torch.float64)


def _of_this_rank(rank: int, ranks: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, (sizes, compute, dtype) in SCENARIOS.items():
        sizes = sizes[:ranks]
        part = part_of(joined_views(sizes, dtype), sizes, rank)
        found[name] = with_gradient(compute, part)
    sizes = UNEVEN[:ranks]
    model = DistributedDataParallel(weighted_layer())
    part = part_of(joined_views(sizes), sizes, rank)
    _loss("default")(model(part)).backward()
    found["ddp"] = model.module.weight.grad
    if ranks == 2:  # the compiler alone takes each process some ten seconds to load
        compiled = torch.compile(_loss("default"), fullgraph=True, backend="aot_eager")
        found["compiled"] = with_gradient(compiled, part)
    # Groups of one rank each: made by all, used by their own.
    groups = [dist.new_group([member]) for member in range(ranks)]
    alone = groups[rank]
    found["alone"] = lejepa_loss(part, global_views=2, step=7, group=alone).total
    for key, views, group in (
        ("empty alone", part[:, :0], alone),
        ("not a member", part, groups[rank - 1]),
    ):
        try:
            lejepa_loss(views, global_views=2, step=7, group=group)
        except InputError as error:
            found[key] = str(error)
    bad = part.clone()
    if rank == 1:
        bad[2, 0, 0] = torch.nan
    try:
        _loss("default")(bad)
    except NonFiniteError as error:
        found["not finite"] = str(error)
    return found


def main(folder: Path) -> None:
    dist.init_process_group("gloo", timeout=timedelta(seconds=240))
    rank = dist.get_rank()
    torch.save(_of_this_rank(rank, dist.get_world_size()), folder / f"{rank}.pt")
    dist.destroy_process_group()
