"""The loop by itself, on vectors: steps, accumulation, ranks, stopping."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, TensorDataset

from shiomi.lejepa.batches import DataOrder
from shiomi.lejepa.config import Speed, Training
from shiomi.lejepa.devices import Place, joined_ranks, pick_device
from shiomi.lejepa.encoders import ImageEncoder, Network
from shiomi.lejepa.errors import InputError, NonFiniteError, RunError
from shiomi.lejepa.timm_models import timm_model
from shiomi.lejepa.train import Moment, Trainer
from tests.lejepa.rank_processes import finish, rank_processes

COUNT, WIDTH = 64, 12
DATA = torch.randn(COUNT, WIDTH, generator=torch.Generator().manual_seed(1))


def network(dropout: float = 0.0) -> Network:
    torch.manual_seed(3)
    encoder = nn.Sequential(nn.Linear(WIDTH, 24), nn.GELU(), nn.Dropout(dropout))
    return Network(encoder, nn.Linear(24, 8))


def prepare(numbers: Sequence[int], _step: int = 0) -> Tensor:
    return DATA[list(numbers)]


def make_views(rows: Tensor, numbers: Sequence[int], step: int) -> list[Tensor]:
    """Three views of vectors: noise that is a function of the sample, the step and the view."""
    noise = [
        torch.randn(3, WIDTH, generator=torch.Generator().manual_seed(1000 * step + n))
        for n in numbers
    ]
    return [(rows + 0.3 * torch.stack(noise, 1)).flatten(0, 1)]


def fit(training: Training, place: Place | None = None, **options: object) -> Trainer:
    return Trainer(
        options.pop("network", network()),  # type: ignore[arg-type]
        prepare,
        make_views,
        count=COUNT,
        training=training,
        global_views=2,
        place=place,
        **options,  # type: ignore[arg-type]
    )


def training(**options: object) -> Training:
    return Training(**{"steps": 8, "batch_size": 18, "slices": 32, **options})  # type: ignore[arg-type]


def weights(fitted: Trainer) -> Tensor:
    return torch.cat([p.detach().flatten() for p in fitted.network.parameters()])


def test_every_sample_is_seen_once_per_epoch_in_another_order() -> None:
    order = DataOrder(20, 5, seed=0)
    epochs = [[n for step in range(4 * e, 4 * e + 4) for n in order(step)] for e in range(3)]
    assert all(sorted(epoch) == list(range(20)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]
    assert DataOrder(20, 5, seed=0)(7) == epochs[1][15:]


@pytest.mark.slow
def test_the_loss_falls_and_each_step_is_told() -> None:
    seen: list[Moment] = []
    fitted = fit(training(steps=60, lr=1e-2), log_every=1)
    fitted.run(seen.append)
    assert [moment.step for moment in seen] == list(range(1, 61))
    losses = [moment.loss for moment in seen]
    assert sum(losses[-10:]) < 0.5 * sum(losses[:10])
    assert seen[-1].lr == pytest.approx(1e-2 / 1000)
    assert max(moment.lr for moment in seen) == pytest.approx(1e-2)
    assert seen[-1].seconds_left == 0
    assert all(moment.memory_mib > 1 for moment in seen)


@pytest.mark.parametrize("parts", [3, *(pytest.param(x, marks=pytest.mark.slow) for x in (2, 5))])
def test_accumulation_gives_the_step_of_the_whole_batch(parts: int) -> None:
    whole, accumulated = fit(training()), fit(training(accumulate=parts))
    whole.run()
    accumulated.run()
    torch.testing.assert_close(weights(accumulated), weights(whole), rtol=0, atol=2e-6)


def test_accumulation_does_dropout_alike_in_both_passes() -> None:
    """With other masks in the second pass the gradient would be that of other embeddings."""
    one = fit(training(steps=1, accumulate=2), network=network(dropout=0.5))
    part = (list(range(9)), prepare(range(9)))
    with torch.no_grad():
        first = one._embed(one.network, part, 0)
    assert torch.equal(first, one._embed(one.network, part, 0))
    assert not torch.equal(first, one._embed(one.network, part, 1))


def rank_main(out: Path, accumulate: int, shard: bool) -> None:
    with joined_ranks("cpu") as place:
        told = training(accumulate=accumulate, batch_size=17, clip=1.0)
        fitted = fit(told, place, speed=Speed(shard=shard))
        fitted.run()
        # One that outlives the process group may hang in its destructor.
        assert not any(type(one) is DistributedDataParallel for one in gc.get_objects())
        torch.save(weights(fitted), out / f"{place.rank}.pt")


@pytest.mark.process
@pytest.mark.parametrize(("accumulate", "shard"), [(1, False), (2, False), (1, True), (2, True)])
def test_two_ranks_train_as_one_process_does(tmp_path: Path, accumulate: int, shard: bool) -> None:
    """A batch of 17: the ranks have 8 and 9 samples of it."""
    with rank_processes(2, rank_main, tmp_path, accumulate, shard) as processes:
        finish(processes)
    alone = fit(training(batch_size=17, clip=1.0))
    alone.run()
    for rank in range(2):
        together = torch.load(tmp_path / f"{rank}.pt")
        torch.testing.assert_close(together, weights(alone), rtol=0, atol=2e-6)


def convolution() -> Network:
    torch.manual_seed(3)
    layers = (nn.Unflatten(1, (3, 2, 2)), nn.Conv2d(3, 24, 2), nn.Flatten())
    made = Network(nn.Sequential(*layers), nn.Linear(24, 8))
    return made.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def divided_main(out: Path) -> None:
    """Train divided over the ranks: at once, and stopped by one rank and taken up again."""

    def divided(name: str) -> Trainer:
        speed = Speed(shard=True)
        checkpoint = out / name
        return fit(
            training(),
            place,
            network=convolution(),
            speed=speed,
            checkpoint=checkpoint,
            log_every=1,
        )

    def stop(moment: Moment) -> None:
        if moment.step == 5 and place.rank == 1:
            os.kill(os.getpid(), signal.SIGTERM)

    with joined_ranks("cpu") as place:
        whole, parts = divided("whole.pt"), divided("parts.pt")
        parameters: list[Any] = list(whole._trained.parameters())
        assert sum(p.to_local().numel() for p in parameters) < sum(p.numel() for p in parameters)
        seen: list[Tensor] = []
        whole.run(evaluate=lambda _: seen.append(weights(whole)), evaluate_every=3)
        with pytest.raises(KeyboardInterrupt):
            parts.run(stop)
        again = divided("parts.pt")
        assert again.step == 5
        again.run()
        assert torch.equal(weights(again), weights(whole))
        if place.first:
            assert len(seen) == 3
            assert not torch.equal(seen[0], seen[1])
            torch.save(weights(whole), out / "weights.pt")


@pytest.mark.process
def test_a_divided_run_goes_on_exactly_and_also_in_one_process(tmp_path: Path) -> None:
    with rank_processes(2, divided_main, tmp_path) as processes:
        finish(processes)
    alone = fit(training(), network=convolution(), checkpoint=tmp_path / "whole.pt")
    assert alone.step == 8
    assert torch.equal(weights(alone), torch.load(tmp_path / "weights.pt"))


def test_a_logger_gets_every_measured_step() -> None:
    got: list[tuple[str, float, int]] = []

    class Logger:
        def add_scalar(self, tag: str, value: float, step: int) -> None:
            got.append((tag, value, step))

    seen: list[Moment] = []
    fit(training(), log_every=4, logger=Logger()).run(seen.append)
    assert [one for one in got if one[0] == "train/loss"] == [
        ("train/loss", moment.loss, moment.step) for moment in seen
    ]
    assert {step for _, _, step in got} == {4, 8}


def test_the_callers_random_numbers_are_left_as_they_were() -> None:
    fitted = fit(training(), network=network(dropout=0.5))
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    fitted.run()
    assert torch.equal(torch.rand(3), expected)


def test_evaluation_is_asked_for_and_changes_nothing() -> None:
    asked: list[tuple[int, bool]] = []
    plain, evaluated = fit(training()), fit(training())
    plain.run()

    def evaluate(step: int) -> None:
        asked.append((step, evaluated.network.training))
        torch.rand(5)

    evaluated.run(evaluate=evaluate, evaluate_every=3)
    assert asked == [(3, False), (6, False), (8, False)]
    assert torch.equal(weights(plain), weights(evaluated))


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_wish_to_stop_saves_and_the_rest_is_done_later(
    tmp_path: Path, number: signal.Signals
) -> None:
    whole = fit(training(steps=30))
    whole.run()
    checkpoint = tmp_path / "last.pt"
    stopped = fit(training(steps=30), checkpoint=checkpoint, log_every=1)

    def ask(moment: Moment) -> None:
        if moment.step == 11:
            os.kill(os.getpid(), number)

    with pytest.raises(KeyboardInterrupt):
        stopped.run(ask)
    going_on = fit(training(steps=30), checkpoint=checkpoint)
    assert going_on.step == 11
    going_on.run()
    assert torch.equal(weights(going_on), weights(whole))


def test_embeddings_that_are_not_finite_stop_before_the_weights_change() -> None:
    for accumulate in (1, 2):
        fitted = fit(training(accumulate=accumulate))
        before = weights(fitted).clone()
        fitted._make_views = lambda rows, numbers, step: [
            torch.full((3 * len(rows), WIDTH), torch.nan)
        ]
        with pytest.raises(NonFiniteError, match="of 18 in view 0"):
            fitted.run()
        assert torch.equal(weights(fitted), before)


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    checkpoint = tmp_path / "last.pt"
    fit(training(), checkpoint=checkpoint).run()
    other = Network(nn.Linear(WIDTH, 5), nn.Linear(5, 8))
    with pytest.raises(RunError, match="of another network"):
        fit(training(), checkpoint=checkpoint, network=other)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"batch_size": 65}, "a batch takes 65 samples and there are 64"),
        ({"batch_size": 4, "accumulate": 5}, "in 5 parts"),
        ({"batch_size": 1}, "SIGReg needs 2"),
    ],
)
def test_a_batch_that_cannot_be_had_is_told(options: dict[str, int], told: str) -> None:
    with pytest.raises(InputError, match=told):
        fit(training(**options))


@pytest.mark.slow
def test_bf16_trains() -> None:
    fitted = fit(training(precision="bf16", steps=60, lr=1e-2), log_every=1)
    seen: list[Moment] = []
    fitted.run(seen.append)
    assert seen[-1].loss < 0.5 * seen[0].loss
    assert all(p.dtype == torch.float32 for p in fitted.network.parameters())


def test_a_device_that_is_not_there_is_told() -> None:
    assert pick_device("cpu").type == "cpu"
    with pytest.raises(InputError, match="no device 'gpu'"):
        pick_device("gpu")
    if not torch.cuda.is_available():
        with pytest.raises(InputError, match="'cuda:3' is not available"):
            pick_device("cuda:3")


def test_a_clipped_gradient_takes_another_path() -> None:
    free, clipped = fit(training(optimiser="lars")), fit(training(optimiser="lars", clip=1e-3))
    free.run()
    clipped.run()
    assert not torch.equal(weights(free), weights(clipped))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")  # torch's own, compiling
def test_fused_compiled_and_recomputed_steps_change_rounding_alone() -> None:
    body = timm_model("vit_tiny_patch16_224", 32)
    state = {name: value.clone() for name, value in body.state_dict().items()}

    def trained(speed: Speed) -> Tensor:
        torch.manual_seed(0)
        body = timm_model("vit_tiny_patch16_224", 32)
        body.load_state_dict(state)
        pictures = DATA.repeat(1, 256).view(COUNT, 3, 32, 32)
        fitted = Trainer(
            Network(ImageEncoder(body), nn.Linear(192, 8)),
            lambda numbers, _step: pictures[list(numbers)],
            lambda read, _numbers, step: [torch.cat([read, read + 0.1 * step])],
            count=COUNT,
            training=Training(steps=2, batch_size=8, slices=16, lr=1e-4),
            global_views=2,
            speed=speed,
        )
        fitted.run()
        return weights(fitted)

    plain = fit(training(steps=2))
    compiled = fit(training(steps=2), speed=Speed(compile=True))
    plain.run()
    compiled.run()
    torch.testing.assert_close(weights(compiled), weights(plain), rtol=0, atol=1e-4)
    expected = trained(Speed())
    for speed in (Speed(fused=True), Speed(recompute=True)):
        torch.testing.assert_close(trained(speed), expected, rtol=0, atol=1e-4)


def test_an_encoder_that_cannot_recompute_is_told() -> None:
    with pytest.raises(InputError, match="cannot recompute"):
        fit(training(), speed=Speed(recompute=True))


@pytest.mark.slow
def test_a_data_loader_is_read_again_and_again_and_goes_on_where_it_was(tmp_path: Path) -> None:
    loader = DataLoader(TensorDataset(DATA), batch_size=16, num_workers=0)

    def streamed(path: Path, **options: object) -> Trainer:
        return Trainer(
            network(),
            loader,
            lambda batch, numbers, step: make_views(batch[0], numbers, step),
            training=training(batch_size=16, **options),
            global_views=2,
            checkpoint=path,
        )

    whole, parts = streamed(tmp_path / "a.pt"), streamed(tmp_path / "b.pt")
    whole.run()

    def stop(moment: Moment) -> None:
        if moment.step == 5:
            os.kill(os.getpid(), signal.SIGTERM)

    parts._log_every = 1
    with pytest.raises(KeyboardInterrupt):
        parts.run(stop)
    again = streamed(tmp_path / "b.pt")
    assert again.step == 5
    again.run()
    assert torch.equal(weights(again), weights(whole))
    with pytest.raises(InputError, match="needs Training"):
        streamed(tmp_path / "c.pt", steps=None)
