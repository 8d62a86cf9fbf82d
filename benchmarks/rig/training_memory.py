"""Measure the memory of one training step of a vision transformer, and compare the estimate.

    pip install torch==2.13.0
    python benchmarks/rig/training_memory.py [--large]

The script runs real steps on the CPU (forward, backward, AdamW) of a plain pre-norm ViT with scaled
dot-product attention. It measures two quantities:

1. saved: the memory that autograd keeps for the backward pass, measured by saved-tensor hooks, in
   bytes per token, layer and width; parameters and their casts are not counted;
2. peak: the largest total size of all tensors during the second step, measured by tracking every
   storage that an operation returns.

`--large` adds ViT-L and ViT-H, which need about 12 GiB.
"""

from __future__ import annotations

import argparse
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.checkpoint import checkpoint

from shiomi.rig.estimate.training import Views, Vit, training_memory, vit

GIB = 2**30


def block(shape: Vit) -> nn.Module:
    """Return a pre-norm transformer block with scaled dot-product attention."""
    return nn.TransformerEncoderLayer(
        shape.width, shape.heads, 4 * shape.width, 0.0, "gelu", batch_first=True, norm_first=True
    )


class Encoder(nn.Module):
    """A vision transformer that returns the class token. Smaller views use fewer positions."""

    def __init__(self, shape: Vit, *, checkpointed: bool = False) -> None:
        super().__init__()
        self.checkpointed = checkpointed
        self.patches = nn.Conv2d(3, shape.width, shape.patch, shape.patch)
        self.token = nn.Parameter(torch.zeros(1, 1, shape.width))
        self.positions = nn.Parameter(torch.zeros(1, shape.tokens(shape.image), shape.width))
        self.blocks = nn.ModuleList(block(shape) for _ in range(shape.depth))
        self.norm = nn.LayerNorm(shape.width)

    def forward(self, images: Tensor) -> Tensor:
        """images: (images, 3, side, side) -> (images, width)."""
        x = self.patches(images).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], 1)
        x = x + self.positions[:, : x.shape[1]]
        for layer in self.blocks:
            x = checkpoint(layer, x, use_reentrant=False) if self.checkpointed else layer(x)
        normed: Tensor = self.norm(x)
        return normed[:, 0]


class LiveBytes(TorchDispatchMode):
    """Track every storage from the operation that creates it until it is freed."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch's own has no annotation
        self.live: dict[int, int] = {}
        self.bytes = self.peak = 0

    def follow(self, tensor: Tensor) -> None:
        """Count a tensor's storage once."""
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key in self.live:
            return
        self.live[key] = storage.nbytes()
        self.bytes += self.live[key]
        self.peak = max(self.peak, self.bytes)
        weakref.finalize(storage, self.forget, key)

    def forget(self, key: int) -> None:
        """Count a freed storage no longer."""
        self.bytes -= self.live.pop(key, 0)

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Run an operation and track the storages that it returns."""
        out = func(*args, **(kwargs or {}))
        for item in out if isinstance(out, (tuple, list)) else (out,):
            if isinstance(item, Tensor):
                self.follow(item)
        return out


@dataclass(frozen=True)
class Measured:
    """One step."""

    saved: float  # bytes per token, layer and width
    peak: int  # bytes


def measure(shape: Vit, images: int, views: Views, *, mixed: bool, checkpointed: bool) -> Measured:
    """Run two real steps, and measure the second one, when AdamW's state exists."""
    torch.manual_seed(0)
    encoder = Encoder(shape, checkpointed=checkpointed)
    optimiser = torch.optim.AdamW(encoder.parameters(), foreach=True)  # as on GPUs
    follower = LiveBytes()
    weights = {p.untyped_storage()._cdata for p in encoder.parameters()}
    matrices = [p for p in encoder.parameters() if p.ndim == 2]
    sizes = {p.shape for p in matrices} | {p.t().shape for p in matrices}  # of their 16-bit copies
    for p in encoder.parameters():
        follower.follow(p)
    saved: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in weights and tensor.shape not in sizes:
            saved[storage._cdata] = storage.nbytes()
        return tensor

    for _ in range(2):
        with follower:
            batches = [
                torch.zeros(images * number, 3, side, side) for number, side in views.sides(shape)
            ]
            saved.clear()
            follower.peak = follower.bytes
            with (
                torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x),
                torch.autocast("cpu", torch.bfloat16, enabled=mixed),
            ):
                losses = [encoder(batch).float().square().mean() for batch in batches]
                loss = torch.stack(losses).sum()
            loss.backward()
            optimiser.step()
            optimiser.zero_grad()
            del loss, losses, batches
    tokens = images * views.tokens(shape)
    return Measured(sum(saved.values()) / tokens / shape.depth / shape.width, follower.peak)


def main() -> None:
    """Print each step next to the estimate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", action="store_true")
    large = parser.parse_args().large
    torch.set_num_threads(1)
    cases: list[tuple[str, int]] = [("S", 4), ("S", 16), ("B", 8)]
    if large:
        cases += [("L", 4), ("H", 3)]
    print("model images views   precision checkpoints  B/token/layer/d  peak GiB  estimate  error")
    for name, images in cases:
        shape = vit(name)
        for views in (Views(1, 0), Views(2, 6)) if name == "S" else (Views(2, 6),):
            for mixed in (True, False):
                for kept in (False, True):
                    got = measure(shape, images, views, mixed=mixed, checkpointed=kept)
                    estimate = training_memory(
                        shape, images, views=views, mixed_precision=mixed, checkpointing=kept
                    ).value
                    error = estimate * GIB / got.peak - 1
                    print(
                        f"{shape.name:7}{images:5}   {views.large}+{views.small}   "
                        f"{'bf16' if mixed else 'fp32':9}{kept!s:11}{got.saved:16.1f}"
                        f"{got.peak / GIB:11.3f}{estimate:10.3f}{error:7.1%}",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
