"""Measure time and memory of SIGReg and of the usual formulation, eager and under torch.compile.

    python -m benchmarks.lejepa.sigreg                        some minutes; prints one table
    python -m benchmarks.lejepa.sigreg --quick                seconds; only ours and the GEMMs

A measurement is one forward and backward pass for N embeddings of D dimensions on K slices, with 17
knots on [0, 3], in float32 and in one process. The candidates take turns in every round, so that
other load on the machine affects all of them equally. On a busy machine use `--threads 1 --clock
cpu`, which counts the process's own CPU time. With several threads, the time spent waiting for a
free core would be measured too. The eager formulation was written from the paper and has tensors of
N x K x 17, like MINIMAL and the official package. "GEMMs" are only the two matrix products that
every formulation needs. Peak memory is measured in a new process: it is the peak of the process's
memory minus the memory after the embeddings were made.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from shiomi.lejepa.epps_pulley import EppsPulley
from shiomi.lejepa.kernels import choose_backend, trigonometric_sums
from shiomi.lejepa.sigreg import sigreg
from shiomi.lejepa.slicing import directions

# The shape (N, D, K), and the bar: how many times the GEMMs' time SIGReg may take.
SHAPES = {(256, 64, 256): 3.0, (512, 128, 1024): 2.4, (4096, 256, 1024): 1.4}
KNOTS, LIMIT = 17, 3.0
BARS = {"eager": 20.0, "compiled": 3.0}


def eager(x: Tensor, slices: int, drawn: Tensor | None = None) -> Tensor:
    """Compute SIGReg with N x K x T tensors of cosines and sines, averaged over samples and
    weighted."""
    if drawn is None:
        drawn = torch.randn(x.shape[1], slices, device=x.device, dtype=x.dtype)
        drawn = drawn / drawn.norm(dim=0)
    t = torch.linspace(0, LIMIT, KNOTS, device=x.device, dtype=x.dtype)
    weights = torch.full_like(t, 2 * LIMIT / (KNOTS - 1))
    weights[0] = weights[-1] = LIMIT / (KNOTS - 1)
    phi = torch.exp(-t.square() / 2)
    angles = (x @ drawn).unsqueeze(-1) * t
    error = (angles.cos().mean(0) - phi).square() + angles.sin().mean(0).square()
    return (error @ (weights * phi)).mean() * x.shape[0]


def ours(x: Tensor, slices: int) -> Tensor:
    return sigreg(x, step=1, slices=slices)


def plain(x: Tensor, slices: int) -> Tensor:
    """Compute our SIGReg with the plain-torch kernels."""
    drawn = directions(x.shape[1], slices, step=1)
    grid = EppsPulley()
    u = (drawn.T @ x.T).unsqueeze(1)
    sums = trigonometric_sums(u, spacing=grid.spacing, knots=KNOTS, backend="plain")
    return grid.from_sums(sums, x.shape[0]).mean() * x.shape[0]


def step_of(loss: Callable[[Tensor, int], Tensor], x: Tensor, slices: int) -> Callable[[], None]:
    def step() -> None:
        x.grad = None
        loss(x, slices).backward()

    return step


def gemms(x: Tensor, slices: int) -> Callable[[], None]:
    drawn = directions(x.shape[1], slices, step=1)
    values = x.detach()

    def step() -> None:
        u = drawn.T @ values.T
        u.T @ drawn.T

    return step


CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def in_turn(
    steps: dict[str, Callable[[], None]], rounds: int, clock: Callable[[], float]
) -> dict[str, float]:
    """Return the median seconds of each candidate. In every round the candidates run in turn."""
    taken: dict[str, list[float]] = {name: [] for name in steps}
    for step in steps.values():
        step()
        step()
    for _ in range(rounds):
        for name, step in steps.items():
            began = clock()
            step()
            taken[name].append(clock() - began)
    return {name: statistics.median(values) for name, values in taken.items()}


def gradient_error(x: Tensor, slices: int, *, autocast: bool = False) -> float:
    """Return the relative error of our gradient against float64."""
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        value = ours(x, slices)
    (gradient,) = torch.autograd.grad(value, x)
    exact = x.detach().double().requires_grad_()
    (wanted,) = torch.autograd.grad(ours(exact, slices), exact)
    return float(((gradient - wanted).norm() / wanted.norm()).item())


def peak_mib(name: str, shape: tuple[int, int, int]) -> float:
    """Return the rise of a fresh process's peak memory in one step of `name`."""
    command = [sys.executable, "-m", "benchmarks.lejepa.sigreg", "--peak", name, *map(str, shape)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(json.loads(done.stdout))


def _peak_here(name: str, n: int, d: int, k: int) -> float:
    loss = {"eager": eager, "plain": plain, "compiled": torch.compile(eager)}.get(name, ours)

    def step(n: int, k: int) -> Callable[[], None]:
        x = torch.randn(n, d, requires_grad=True)
        return gemms(x, k) if name == "GEMMs" else step_of(loss, x, k)

    warm = step(n, k) if name == "compiled" else step(32, 32)  # compiled code is of one shape
    warm()
    warm()
    measured = step(n, k)
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak to the current memory
    before = _status("VmHWM")
    measured()
    return (_status("VmHWM") - before) / 1024


def _status(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field))


def compare(
    shape: tuple[int, int, int], rounds: int, clock: Callable[[], float], *, quick: bool
) -> None:
    n, d, k = shape
    x = torch.randn(n, d, requires_grad=True)
    steps = {"ours": step_of(ours, x, k), "GEMMs": gemms(x, k)}
    if not quick:
        steps |= {
            "eager": step_of(eager, x, k),
            "ours, plain torch": step_of(plain, x, k),
            "compiled": step_of(torch.compile(eager), x, k),
        }
    seconds = in_turn(steps, rounds, clock)
    ratio = f"ours / GEMMs: {seconds['ours'] / seconds['GEMMs']:.2f} (bar: <= {SHAPES[shape]:g})"
    if quick:
        print(f"N={n}, D={d}, K={k}: {1e3 * seconds['ours']:.2f} ms, {ratio}", flush=True)
        return
    print(f"\nN={n}, D={d}, K={k}; kernels: {choose_backend(torch.zeros(1, 1, 1))}")
    print("                       ms    of ours   bar     peak MiB")
    peaks = {"ours, plain torch": "plain"}
    for name, value in seconds.items():
        bar = f">= {BARS[name]:g}" if name in BARS else ""
        print(
            f"{name:18s} {value * 1e3:8.1f} {value / seconds['ours']:9.2f}   {bar:8s}"
            f"{peak_mib(peaks.get(name, name), shape):8.1f}"
        )
    bound = (3 * n * k + 2 * n * d + 2 * d * k) * 4 / 2**20
    print(ratio)
    print(f"peak bar: 3 N K floats and the operands, {bound:.1f} MiB")
    print(
        f"gradient against float64: float32 {gradient_error(x, k):.1e} (bar 2e-5), under bf16"
        f" autocast {gradient_error(x, k, autocast=True):.1e} (bar 1e-3)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, help="of torch; default: its own")
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--quick", action="store_true", help="ours and the GEMMs alone")
    parser.add_argument("--peak", nargs=4, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.threads:
        torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    if given.peak:
        print(json.dumps(_peak_here(given.peak[0], *map(int, given.peak[1:]))))
        return
    clock = CLOCKS[given.clock]
    threads = torch.get_num_threads()
    print(f"torch {torch.__version__}, {threads} threads, {given.clock}, median of {given.rounds}")
    for shape in SHAPES:
        compare(shape, given.rounds, clock, quick=given.quick)


if __name__ == "__main__":
    main()
