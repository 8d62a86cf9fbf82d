"""Compare one training step in float32, in float64, and in float32 under torch.compile.

    python -m benchmarks.lejepa.compiled        a minute, most of it compilation

The network is the small encoder with its projector; a batch has two views of 16 random images of 64
pixels. A ReLU whose input is nearly 0 may be on in one computation and off in another. Then the
gradients of all layers before it differ. AdamW's first step moves each weight by the learning rate
in the direction of its gradient, so a weight with a tiny gradient may move the other way.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from shiomi.lejepa.config import PretrainConfig, Training
from shiomi.lejepa.loss import lejepa_loss
from shiomi.lejepa.optimisation import optimiser
from shiomi.lejepa.pretraining import build_network

CONFIG = PretrainConfig("none", training=Training(batch_size=16)).resolved(64)


def step(
    dtype: torch.dtype, compiled: bool = False
) -> tuple[float, dict[str, Tensor], dict[str, Tensor], list[Tensor]]:
    """Return loss, gradients, weights after the step, and outputs of batch normalisation."""
    network = copy.deepcopy(build_network(CONFIG)).to(dtype).train()
    outputs: list[Tensor] = []
    if compiled:
        network.encoder.compile()
    else:
        for module in network.encoder.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.register_forward_hook(lambda _m, _i, out: outputs.append(out.detach()))
    images = torch.rand(32, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    adamw = optimiser(network, CONFIG.training)
    loss = lejepa_loss(network([images.to(dtype)], 16), global_views=2, step=0).total
    loss.backward()
    gradients = {n: p.grad.double() for n, p in network.named_parameters() if p.grad is not None}
    adamw.step()
    weights = {n: p.detach().double() for n, p in network.named_parameters()}
    return loss.item(), gradients, weights, outputs


def main() -> None:
    torch.set_num_threads(1)
    exact, plain = step(torch.float64), step(torch.float32)
    compiled = step(torch.float32, compiled=True)
    for name, a, b in (
        ("plain, float64", plain, exact),
        ("compiled, float64", compiled, exact),
        ("compiled, plain", compiled, plain),
    ):
        worst = max(float((a[1][n] - b[1][n]).norm() / exact[1][n].norm()) for n in a[1])
        moved = torch.cat([(a[2][n] - b[2][n]).abs().flatten() for n in a[2]])
        print(
            f"{name}: loss {abs(a[0] - b[0]):.0e}, worst gradient {worst:.2%}, weights up to"
            f" {moved.max():.4f}, {int((moved > 1e-5).sum())} of {len(moved)} by over 1e-5"
        )
    flips = [(a > 0) != (b > 0) for a, b in zip(plain[3], exact[3], strict=True)]
    largest = max(float(a[f].abs().max()) for a, f in zip(plain[3], flips, strict=True) if f.any())
    count = sum(int(f.sum()) for f in flips)
    of = f"of {sum(f.numel() for f in flips)} signs after batch normalisation differ"
    print(f"{count} {of}, values up to {largest:.0e}")


if __name__ == "__main__":
    main()
