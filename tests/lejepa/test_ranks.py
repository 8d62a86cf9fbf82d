"""On 2 and 4 real processes the loss and its gradient are those of one process on all samples."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from shiomi.lejepa import lejepa_loss
from tests.lejepa.rank_processes import finish, rank_processes
from tests.lejepa.rank_scenarios import (
    SCENARIOS,
    UNEVEN,
    joined_views,
    main,
    part_of,
    weighted_layer,
    with_gradient,
)

pytestmark = pytest.mark.process


@pytest.fixture(scope="module", params=[2, 4], ids=["2 ranks", "4 ranks"])
def ranks(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> list[dict[str, Any]]:
    """What each rank found; all of it in one start of the processes."""
    folder, count = tmp_path_factory.mktemp("ranks"), request.param
    with rank_processes(count, main, folder) as processes:
        finish(processes)
    return [torch.load(folder / f"{rank}.pt") for rank in range(count)]


@pytest.mark.parametrize("name", SCENARIOS)
def test_value_and_gradient_equal_one_process_s(ranks: list[dict[str, Any]], name: str) -> None:
    """Each rank's gradient is W times its part: DDP then takes the mean over W ranks."""
    sizes, compute, dtype = SCENARIOS[name]
    sizes = sizes[: len(ranks)]
    tolerance = 1e-6 if dtype == torch.float32 else 1e-12
    value, gradient = with_gradient(compute, joined_views(sizes, dtype))
    for rank, found in enumerate(ranks):
        got, got_gradient = found[name]
        assert abs(got - value) <= tolerance * abs(value)
        difference = got_gradient / len(ranks) - part_of(gradient, sizes, rank)
        assert difference.norm() <= tolerance * gradient.norm()


def test_under_ddp_the_weights_gradient_equals_one_process_s(ranks: list[dict[str, Any]]) -> None:
    layer = weighted_layer()
    sizes = UNEVEN[: len(ranks)]
    SCENARIOS["uneven"][1](layer(joined_views(sizes))).backward()
    for found in ranks:
        torch.testing.assert_close(found["ddp"], layer.weight.grad, rtol=1e-10, atol=1e-12)


def test_compiled_without_a_graph_break_it_is_the_same_on_ranks(
    ranks: list[dict[str, Any]],
) -> None:
    if len(ranks) > 2:
        pytest.skip("compiled on 2 ranks only, for the time it takes")
    for found in ranks:
        torch.testing.assert_close(found["compiled"], found["uneven"])


def test_a_group_given_is_the_one_whose_batch_is_joined_and_looked_at(
    ranks: list[dict[str, Any]],
) -> None:
    sizes = UNEVEN[: len(ranks)]
    for rank, found in enumerate(ranks):
        part = part_of(joined_views(sizes), sizes, rank)
        alone = lejepa_loss(part, global_views=2, step=7).total
        torch.testing.assert_close(found["alone"], alone)
        assert "are empty" in found["empty alone"]
        assert f"rank {rank} is not in the process group" in found["not a member"]


def test_what_is_not_finite_on_one_rank_is_an_error_on_all(ranks: list[dict[str, Any]]) -> None:
    """Were it one rank's alone, the others would wait for it in their next message."""
    total = sum(UNEVEN[: len(ranks)])
    for found in ranks:
        assert f"1 of {total} in view 2" in found["not finite"]
