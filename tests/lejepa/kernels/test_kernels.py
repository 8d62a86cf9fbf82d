"""Each way to compute the sums gives what cosines and sines give, forward and backward."""

from __future__ import annotations

import importlib.util
import math
import os
import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from shiomi.lejepa import kernels
from shiomi.lejepa.errors import InputError
from shiomi.lejepa.kernels import choose_backend, cpu, plain, trigonometric_sums


@pytest.fixture(params=["plain", "cpu"])
def backend(request: pytest.FixtureRequest) -> str:
    if request.param == "cpu" and not cpu.available():
        pytest.skip("no C compiler")
    return str(request.param)


def directly(u: torch.Tensor, spacing: float, knots: int, half: bool) -> torch.Tensor:
    """In float64, with a cosine and a sine for each knot."""
    t = (torch.arange(knots, dtype=torch.float64) + half / 2) * spacing
    angles = u.double().unsqueeze(-1) * t
    return torch.stack((angles.cos().sum(2), angles.sin().sum(2)), dim=2)


@pytest.mark.slow
@settings(max_examples=20)
@given(
    slices=st.integers(1, 9),
    views=st.integers(1, 3),
    samples=st.integers(0, 140),
    knots=st.integers(1, 20),
    half=st.booleans(),
    name=st.sampled_from(["plain", "cpu"]),
)
def test_sums_and_gradient_are_those_of_cosines_and_sines(
    slices: int, views: int, samples: int, knots: int, half: bool, name: str
) -> None:
    if name == "cpu" and not cpu.available():
        return
    generator = torch.Generator().manual_seed(slices * 1000 + samples)
    u = torch.randn(slices, views, samples, generator=generator).requires_grad_()
    weights = torch.randn(slices, views, 2, knots, generator=generator)
    sums = trigonometric_sums(u, spacing=0.2, knots=knots, half=half, backend=name)
    (gradient,) = torch.autograd.grad((sums * weights).sum(), u)
    exact_u = u.detach().double().requires_grad_()
    exact = directly(exact_u, 0.2, knots, half)
    (exact_gradient,) = torch.autograd.grad((exact * weights).sum(), exact_u)
    # Of one sample up to knots^2 roundings, of many the root of their number.
    torch.testing.assert_close(sums.double(), exact, atol=3e-5 * (samples + 1) ** 0.5, rtol=0)
    torch.testing.assert_close(gradient.double(), exact_gradient, atol=5e-4, rtol=1e-5)


@pytest.mark.parametrize("half", [False, True])
def test_the_relative_error_of_the_gradient_is_below_2e_5(backend: str, half: bool) -> None:
    u = torch.randn(64, 1, 512, generator=torch.Generator().manual_seed(0))
    weights = torch.randn(64, 1, 2, 17, generator=torch.Generator().manual_seed(1))
    module = {"plain": plain, "cpu": cpu}[backend]
    exact = plain.backward(u.double(), weights.double(), 0.1875, half)
    error = (module.backward(u, weights, 0.1875, half) - exact).norm() / exact.norm()
    assert error < 1e-5
    exact = directly(u, 0.1875, 17, half)
    assert (module.forward(u, 0.1875, 17, half) - exact).norm() / exact.norm() < 1e-6


def test_float64_is_exact_to_float64() -> None:
    u = torch.randn(3, 2, 50, dtype=torch.float64, requires_grad=True)

    def sums(u: torch.Tensor) -> torch.Tensor:
        return trigonometric_sums(u, spacing=0.3, knots=9)

    torch.testing.assert_close(sums(u), directly(u, 0.3, 9, False), atol=1e-11, rtol=0)
    assert torch.autograd.gradcheck(sums, (u,), fast_mode=True)


def test_over_64_knots_are_computed_in_float64() -> None:
    u = torch.randn(2, 1, 100)
    sums = trigonometric_sums(u, spacing=3 / 200, knots=201)
    assert sums.dtype == torch.float32
    torch.testing.assert_close(sums.double(), directly(u, 3 / 200, 201, False), atol=1e-4, rtol=0)


def test_cosines_and_sines_are_right_up_to_arguments_of_10_000() -> None:
    if not cpu.available():
        pytest.skip("no C compiler")
    u = torch.linspace(-1e4, 1e4, 20_001).view(-1, 1, 1)
    got = cpu.forward(u, 1.0, 2, False)[:, 0, :, 1]
    wanted = torch.stack((u.double().cos(), u.double().sin()), dim=-1).view(-1, 2)
    assert (got - wanted).abs().max() < 5e-7


@pytest.mark.parametrize("size", [1e8, 1e20, 1e38])
def test_absurd_arguments_stay_bounded(backend: str, size: float) -> None:
    u = torch.tensor([size, -size]).view(1, 1, 2)
    module = {"plain": plain, "cpu": cpu}[backend]
    assert module.forward(u, 1.0, 2, False).abs().max() <= 2.2


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_not_made_finite(backend: str, value: float) -> None:
    u = torch.zeros(2, 1, 50)
    u[1, 0, 3] = value
    sums = trigonometric_sums(u, spacing=0.2, knots=5, backend=backend)
    assert sums[0].isfinite().all()
    assert not sums[1].isfinite().all()


def test_no_samples_sum_to_nothing(backend: str) -> None:
    assert (
        trigonometric_sums(torch.zeros(3, 2, 0), spacing=0.2, knots=4, backend=backend).tolist()
        == torch.zeros(3, 2, 2, 4).tolist()
    )


def test_memory_that_is_not_contiguous_is_read_rightly(backend: str) -> None:
    u = torch.randn(40, 2, 8).permute(2, 1, 0).requires_grad_()
    sums = trigonometric_sums(u, spacing=0.2, knots=4, backend=backend)
    torch.testing.assert_close(sums.double(), directly(u, 0.2, 4, False), atol=1e-4, rtol=0)
    (gradient,) = torch.autograd.grad(sums[:, :, 1].sum(), u)
    wanted = plain.backward(u.detach(), _sines(4).expand(8, 2, 2, 4), 0.2, False)
    torch.testing.assert_close(gradient, wanted, atol=1e-4, rtol=1e-4)


def _sines(knots: int) -> torch.Tensor:
    return torch.stack((torch.zeros(knots), torch.ones(knots)))


@pytest.mark.parametrize("whose", ["torch's", "own"])
def test_many_threads_compute_what_one_does(whose: str) -> None:
    if not cpu.available():
        pytest.skip("no C compiler")
    if whose == "torch's" and cpu._openmp() is None:
        pytest.skip("torch's threads are not those of GNU's OpenMP")
    u, weights = torch.randn(301, 1, 400), torch.randn(301, 1, 2, 17)

    def everything() -> list[torch.Tensor]:
        return [
            cpu.forward(u, 0.2, 17, False),
            cpu.backward(u, weights, 0.2, False),
            cpu.directions(3, 200, 333),
        ]

    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = everything()
        cpu._kernels().shiomi_use_openmp(cpu._openmp() if whose == "torch's" else None)
        torch.set_num_threads(5)
        assert all(torch.equal(a, b) for a, b in zip(everything(), one, strict=True))
    finally:
        torch.set_num_threads(before)
        cpu._kernels().shiomi_use_openmp(cpu._openmp())


def test_the_operators_keep_torch_s_rules_for_operators(backend: str) -> None:
    u = torch.randn(3, 2, 20, requires_grad=True)
    tests = ("test_schema", "test_faketensor", "test_autograd_registration")
    torch.library.opcheck(kernels._forward, (u, 0.2, 5, False, backend), test_utils=tests)


def test_a_second_derivative_is_the_derivative_of_the_gradient() -> None:
    u = torch.randn(2, 1, 9, dtype=torch.float64, requires_grad=True)

    def squares(u: torch.Tensor) -> torch.Tensor:
        return trigonometric_sums(u, spacing=0.2, knots=3, half=True).square().sum()

    assert torch.autograd.gradgradcheck(squares, (u,))


def test_backends_that_cannot_compute_this_are_refused() -> None:
    u = torch.zeros(1, 1, 4)
    with pytest.raises(InputError, match="no backend 'gpu'"):
        choose_backend(u, "gpu")
    for name in ("cpu", "triton"):
        with pytest.raises(InputError, match=name):
            choose_backend(u.double(), name)
    with pytest.raises(InputError, match=r"'triton' needs Triton and float32 on CUDA, .* on cpu"):
        choose_backend(u, "triton")


@pytest.mark.parametrize("knots", [9, 65])
def test_a_backend_is_checked_for_any_number_of_knots_and_in_transforms(knots: int) -> None:
    def sums(u: torch.Tensor, backend: str) -> torch.Tensor:
        return trigonometric_sums(u, spacing=0.1, knots=knots, backend=backend)

    u = torch.ones(1, 1, 4)
    for backend in ("nonsense", "triton"):
        with pytest.raises(InputError, match=backend):
            sums(u, backend)
        with pytest.raises(InputError, match=backend):
            torch.func.vmap(lambda u, name=backend: sums(u, name))(u.unsqueeze(0))
    torch.testing.assert_close(sums(u, "plain"), directly(u, 0.1, knots, False).float())


def test_float64_and_other_devices_take_plain_torch() -> None:
    assert choose_backend(torch.zeros(1, 1, 4, dtype=torch.float64)) == "plain"
    assert choose_backend(torch.zeros(1, 1, 4, device="meta")) == "plain"


INTERPRETED = """
import torch
from shiomi.lejepa.kernels import plain, triton
torch.manual_seed(0)
for half in (False, True):
    for samples in (1, 31, 600):
        u = torch.randn(3, 2, samples) * 2
        w = torch.randn(3, 2, 2, 9)
        exact = u.double(), w.double()
        forward = triton.forward(u, 0.2, 9, half) - plain.forward(exact[0], 0.2, 9, half)
        backward = triton.backward(u, w, 0.2, half) - plain.backward(*exact, 0.2, half)
        assert forward.abs().max() < 2e-3, (half, samples, forward.abs().max())
        assert backward.abs().max() < 2e-4, (half, samples, backward.abs().max())
bad = triton.forward(torch.tensor([[[1.0, float("nan")]], [[1.0, 2.0]]]), 0.2, 3, False)
assert not bad[0].isfinite().all() and bad[1].isfinite().all()
assert triton.forward(torch.zeros(2, 1, 0), 0.2, 3, False).tolist() == [[[[0.0] * 3] * 2]] * 2
"""

COMPILED = """
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from shiomi.lejepa.kernels import triton as kernels
floats = {"u": "*fp32", "samples": "i32", "scale": "fp32"}
constants = {"KNOTS": 17, "HALF": False, "BLOCK": 512}
for kernel, more in (
    (kernels._forward_kernel, {"sums": "*fp32"}),
    (kernels._backward_kernel, {"weights": "*fp32", "result": "*fp32"}),
):
    types = {name: {**floats, **more}.get(name, "constexpr") for name in kernel.arg_names}
    made = triton.compile(
        ASTSource(kernel, types, constexprs=constants),
        target=GPUTarget("cuda", 90, 32),
        options={"num_warps": 1, "enable_fp_fusion": True},
    )
    assert made.asm["cubin"]
"""


@pytest.mark.process
@pytest.mark.parametrize(
    ("code", "interpret"), [(INTERPRETED, "1"), (COMPILED, "0")], ids=["interpreted", "for sm_90"]
)
def test_the_triton_kernels_are_right_and_compile(code: str, interpret: str) -> None:
    """Their results by Triton's interpreter; that they compile by its compiler, without a GPU."""
    if importlib.util.find_spec("triton") is None:
        pytest.skip("Triton is not installed")
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "TRITON_INTERPRET": interpret},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
