"""Differentiable sums over ranks.

Each rank computes the loss of the joined batch. In the backward pass, the ranks' gradients with
respect to a sum are summed too. With W ranks, rank r therefore gets W dL/dx_r. DDP then takes the
mean over ranks. The result is the gradient that a single process would compute on the joined batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed import ProcessGroup

from shiomi.lejepa.errors import InputError

__all__ = ["gather_over_ranks", "rank_count", "sum_over_ranks"]


def rank_count(group: ProcessGroup | None = None) -> int:
    """Return the number of ranks at the time of the call: 1 without a process group.

    `group` None means all ranks, here and in every function with a `group`. Raises InputError if
    this process is not in the group.
    """
    if not (dist.is_available() and dist.is_initialized()):
        return 1
    ranks = dist.get_world_size(group)
    if ranks < 1:
        raise InputError(
            f"rank {dist.get_rank()} is not in the process group; give a group that it is in"
        )
    return ranks


def sum_over_ranks(
    tensors: Sequence[Tensor], group: ProcessGroup | None = None
) -> tuple[Tensor, ...]:
    """Return each tensor's sum over ranks, differentiably. All tensors are sent in one message.

    The tensors must have the same dtype, and the same shapes on every rank.
    """
    if rank_count(group) == 1:
        return tuple(tensors)
    packed = torch.cat([tensor.reshape(-1) for tensor in tensors])
    summed: Tensor = _Sum.apply(packed, group)  # type: ignore[no-untyped-call]
    parts = summed.split([tensor.numel() for tensor in tensors])
    return tuple(part.view(tensor.shape) for part, tensor in zip(parts, tensors, strict=True))


def gather_over_ranks(x: Tensor, group: ProcessGroup | None = None) -> Tensor:
    """Return x (..., N, D) of all ranks joined along N, in the order of ranks; differentiable.

    N may differ between ranks. The counts are read on the host, which waits for the GPU.
    """
    if rank_count(group) == 1:
        return x
    rank = dist.get_rank(group)
    counts = torch.zeros(rank_count(group), dtype=torch.int64, device=x.device)
    counts[rank] = x.shape[-2]
    dist.all_reduce(counts, group=group)
    before, after = int(counts[:rank].sum()), int(counts[rank + 1 :].sum())
    return sum_over_ranks([torch.nn.functional.pad(x, (0, 0, before, after))], group)[0]


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, group: ProcessGroup | None) -> Tensor:
        ctx.group = group
        x = x.clone()
        dist.all_reduce(x, group=group)
        return x

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        grad = grads[0].clone(memory_format=torch.contiguous_format)
        dist.all_reduce(grad, group=ctx.group)
        return grad, None
