"""Detect NaN or infinite embeddings before the optimizer uses them."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from shiomi.lejepa.errors import NonFiniteError
from shiomi.lejepa.kernels import transformed

__all__ = ["PendingCheck", "count_nonfinite", "raise_if_nonfinite"]


def count_nonfinite(views: Tensor) -> Tensor:
    """Return the number of embeddings with a NaN or infinity in each view: (V, N, D) to (V,), of
    the type of `views`."""
    # x - x is 0 if x is finite, else NaN. This reads memory twice; isfinite reads it five times.
    finite = views.detach()
    return (finite - finite).sum(-1).isnan().sum(-1).to(views.dtype)


def raise_if_nonfinite(counts: Tensor, samples: Tensor, value: Tensor) -> None:
    """Raise NonFiniteError if a count is not 0 or the loss `value` is not finite.

    `counts` (V,) has the number of bad embeddings of each view, among `samples` embeddings.
    """
    found = [(view, int(count)) for view, count in enumerate(counts.tolist()) if count]
    if found:
        where = ", ".join(f"{count} of {int(samples)} in view {view}" for view, count in found)
        raise NonFiniteError(
            f"embeddings are NaN or infinite: {where} (views count from 0). Lower the learning "
            "rate, clip gradients, or leave float16 for bfloat16; the weights are not changed yet"
        )
    if not math.isfinite(value.item()):
        raise NonFiniteError(
            f"the loss is {value.item()} of finite embeddings: they are too large to be squared, or"
            " do not vary along a direction and the statistic divides by their variance"
        )


class PendingCheck:
    """The check of a loss that was computed with `check=False`. The GPU does not become idle.

    The constructor starts to copy counts and loss to the host, before the backward pass is queued.
    `raise_if_nonfinite` is called between `backward()` and the optimizer's step. It waits only
    until the forward pass is done:

        loss = lejepa_loss(views, global_views=2, step=step, check=False)
        pending = PendingCheck(loss.nonfinite, loss.samples, loss.total)
        loss.total.backward()
        pending.raise_if_nonfinite()
        optimizer.step()
    """

    def __init__(self, counts: Tensor, samples: Tensor, value: Tensor) -> None:
        asked = (counts, samples.reshape(1), value.reshape(1))
        packed = torch.cat([one.detach().to(counts) for one in asked])
        self._event: torch.cuda.Event | None = None
        if packed.is_cuda:
            host = torch.empty(packed.shape, dtype=packed.dtype, pin_memory=True)
            self._host = host.copy_(packed, non_blocking=True)
            self._event = torch.cuda.Event()
            self._event.record()
        else:
            self._host = packed

    def raise_if_nonfinite(self) -> None:
        """Raise NonFiniteError if an embedding of any rank, or the loss, is NaN or infinite."""
        if self._event is not None:
            self._event.synchronize()
        raise_if_nonfinite(self._host[:-2], self._host[-2], self._host[-1])


@torch.library.custom_op("shiomi_lejepa::checked", mutates_args=())
def _checked(value: Tensor, counts: Tensor, samples: Tensor) -> Tensor:
    raise_if_nonfinite(counts, samples, value)
    return value.clone()


@_checked.register_fake
def _(value: Tensor, _counts: Tensor, _samples: Tensor) -> Tensor:
    return torch.empty_like(value)


_checked.register_autograd(lambda _, grad: (grad, None, None))


def checked(value: Tensor, counts: Tensor, samples: Tensor) -> Tensor:
    """Return `value`, or raise NonFiniteError. While torch.compile traces, the check is an
    operator, which the compiled code keeps.

    Inside torch.func's transforms and in forward mode nothing is checked, because values cannot be
    read there.
    """
    if transformed(value):
        return value
    if not torch.compiler.is_compiling():
        raise_if_nonfinite(counts, samples, value)
        return value
    result: Tensor = _checked(value, counts, samples)
    return result
