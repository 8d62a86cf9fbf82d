from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shiomi.lejepa.errors import InputError
from shiomi.lejepa.optimisation import learning_rate


@pytest.mark.parametrize("base", [5e-4, 2e-3, 5e-3])
def test_every_step_has_the_rate_that_the_formula_says(base: float) -> None:
    """Written out a second time, from the description, for all 200 steps."""
    steps, warmup = 200, 20
    for step in range(steps):
        if step < warmup:
            expected = base / 21 * (step + 1)
        else:
            low = base / 1000
            turn = math.pi * (step - 20) / 179
            expected = low + 0.5 * (base - low) * (1 + math.cos(turn))
        assert learning_rate(step, steps, base=base, warmup=warmup) == pytest.approx(expected)


@given(st.integers(2, 400), st.data(), st.floats(1e-6, 1.0))
def test_it_rises_to_the_base_and_falls_to_a_thousandth_of_it(
    steps: int, data: st.DataObject, base: float
) -> None:
    warmup = data.draw(st.integers(0, steps - 2))
    rates = [learning_rate(step, steps, base=base, warmup=warmup) for step in range(steps)]
    rising, falling = rates[: warmup + 1], rates[warmup:]
    assert rising == sorted(rising)
    assert falling == sorted(falling, reverse=True)
    assert max(rates) == pytest.approx(base)
    assert rates[-1] == pytest.approx(base / 1000)


def test_a_run_of_one_step_has_the_base() -> None:
    assert learning_rate(0, 1, base=0.1) == 0.1


@pytest.mark.parametrize(
    ("step", "steps", "warmup", "told"),
    [(5, 5, 0, "not one of 0 to 4"), (-1, 5, 0, "not one of"), (0, 5, 5, "does not fit into 5")],
)
def test_what_cannot_be_meant_is_refused(step: int, steps: int, warmup: int, told: str) -> None:
    with pytest.raises(InputError, match=told):
        learning_rate(step, steps, base=0.1, warmup=warmup)
