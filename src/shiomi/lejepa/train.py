"""The training loop. It takes a network and a function that makes views, for any kind of data.

All random numbers are functions of the seed and the step, and the checkpoint contains all other
state. So a run that was killed and resumed ends with the same weights as an uninterrupted run, on
one rank or several.
"""

from __future__ import annotations

import copy
import dataclasses
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from shiomi.lejepa.batches import DataOrder, endless, read_ahead, share
from shiomi.lejepa.checkpoint import load_checkpoint, save_checkpoint
from shiomi.lejepa.config import Speed, Training
from shiomi.lejepa.counter_random import Use, key
from shiomi.lejepa.devices import Place, undisturbed, uses_bf16
from shiomi.lejepa.encoders import Network
from shiomi.lejepa.errors import InputError, RunError
from shiomi.lejepa.loss import LejepaLoss, lejepa_loss
from shiomi.lejepa.metrics import Logger, Pace, peak_memory_mib
from shiomi.lejepa.nonfinite import PendingCheck, raise_if_nonfinite
from shiomi.lejepa.optimisation import learning_rate, optimiser
from shiomi.lejepa.parallel import agreed, data_parallel, last_part, load_whole, shard, whole
from shiomi.lejepa.stopping import stop_wished

__all__ = ["MakeViews", "Moment", "Prepare", "Trainer"]

Prepare = Callable[[Sequence[int], int], Any]
"""Reads the samples with these numbers for a step. It is called in advance, in another thread."""
MakeViews = Callable[[Any, Sequence[int], int], Sequence[Tensor]]
"""Takes the result of `Prepare`, the numbers of the samples and the step; returns groups of views
(v * n, ...)."""


@dataclass(frozen=True, slots=True)
class Moment:
    """The state of a run after a step."""

    step: int
    """Number of completed steps."""
    steps: int
    lr: float
    loss: float
    prediction: float
    sigreg: float
    samples_per_second: float
    seconds_left: float
    memory_mib: float

    def measured(self) -> dict[str, float]:
        """Return the values that are logged at each step."""
        values = dataclasses.asdict(self)
        return {k: v for k, v in values.items() if k not in ("step", "steps", "seconds_left")}


_Part = tuple[list[int], Any]  # the numbers of the samples, and the result of `prepare` for them
_Parts = list[_Part]


class Trainer:
    """Trains a network: call `run`, and after a restart call `run` again to resume."""

    def __init__(
        self,
        network: Network,
        prepare: Prepare | Iterable[Any],
        make_views: MakeViews,
        *,
        count: int | None = None,
        training: Training,
        global_views: int,
        place: Place | None = None,
        checkpoint: Path | None = None,
        checkpoint_seconds: float = 60.0,
        log_every: int = 10,
        speed: Speed = Speed(),  # noqa: B008 - frozen
        logger: Logger | None = None,
    ) -> None:
        """Prepare the training, and load `checkpoint` if it exists.

        Parameters
        ----------
        network
            The network, with the same initial weights on every rank. It is moved to the device.
        prepare, make_views
            Functions that read samples by number, and make views of them. `prepare` may also be an
            iterable of batches such as a DataLoader. Each batch is then this rank's share of
            `batch_size`. When the iterable ends, it is started again; a resumed run skips the
            batches that were used before.
        count
            The number of samples. With an iterable it is None, and `training` must set `steps`.
        global_views
            The number of global views, which come first.
        checkpoint
            The file to save to and resume from; None: nothing is saved.
        checkpoint_seconds
            Seconds between two checkpoints. They limit how much work is lost if the process is
            killed.
        logger
            Receives `add_scalar("train/loss", value, step)` and the like, on the first rank.

        Raises
        ------
        InputError
            There are fewer samples than a batch needs, or a batch is too small for the ranks and
            parts.
        RunError
            The checkpoint is damaged.
        """
        self.place = place or Place(torch.device("cpu"))
        self.training = training
        self.steps = _steps(count, training, self.place.ranks)
        self.step = 0
        self._sharded = speed.shard and self.place.ranks > 1
        if speed.recompute:
            _recompute(network.encoder)
        divided = shard(copy.deepcopy(network), self.place) if self._sharded else None
        if divided is None or self.place.first:
            network = network.to(self.place.device)
        self.network = network  # sharded weights are gathered here for evaluation and at the end
        self._trained = divided or network
        self._prepare: Prepare | None = prepare if callable(prepare) else None
        self._batches: Iterable[Any] = () if callable(prepare) else prepare
        self._stream: Iterator[Any] = iter(())
        self._make_views = make_views
        self._global_views = global_views
        self._order = DataOrder(count or training.batch_size, training.batch_size, training.seed)
        self._objective = training.objective
        self._checkpoint, self._seconds = checkpoint, checkpoint_seconds
        self._log_every, self._logger = log_every, logger
        self._optimiser = optimiser(self._trained, training, fused=speed.fused)
        if speed.compile:
            self._trained.encoder.compile()  # in place, so that weights keep their names
        self._go_on()
        self._parallel: nn.Module = self._trained
        self._bf16 = uses_bf16(training.precision, self.place.device)
        self._benchmark = speed.benchmark

    def run(
        self,
        observe: Callable[[Moment], None] = lambda _: None,
        evaluate: Callable[[int], None] = lambda _: None,
        evaluate_every: int | None = None,
    ) -> None:
        """Train to the end. `evaluate_every` must be the same on each rank.

        `observe` is called on every rank, every `log_every` steps and at the end. `evaluate` is
        called on the first rank, every `evaluate_every` steps and at the end, with the network in
        evaluation mode. After Ctrl-C or SIGTERM, the run is saved and KeyboardInterrupt is raised.

        Raises NonFiniteError if embeddings are NaN or infinite, and RunError if a checkpoint cannot
        be written.
        """
        saved = time.monotonic()
        clock = Pace(self.step, self.steps, self.training.batch_size)
        with ExitStack() as stack:
            wish = stack.enter_context(stop_wished())
            stack.enter_context(undisturbed(self.place.device, benchmark=self._benchmark))
            stack.enter_context(self._spread())
            self._stream = endless(self._batches, self.step)
            batches = stack.enter_context(read_ahead(self._read, range(self.step, self.steps)))
            self._trained.train()
            for parts in batches:
                loss, lr = self._work(parts)
                self.step += 1
                last = self.step == self.steps
                clock.tick(self.step)
                if last or self.step % self._log_every == 0:
                    self._observed(self._moment(loss, lr, clock), observe)
                if last or (evaluate_every and self.step % evaluate_every == 0):
                    self._evaluated(evaluate)
                due = time.monotonic() - saved >= self._seconds
                stop, due = agreed([wish.made, due], self.place, self.step)
                if stop or last or due:
                    self.save()
                    saved = time.monotonic()
                if stop and not last:
                    raise KeyboardInterrupt

    @contextmanager
    def _spread(self) -> Iterator[None]:
        """Train on all ranks inside this context.

        The DistributedDataParallel object must be deleted before the process group is destroyed. If
        this object is the last owner of the group, its deletion joins Gloo's threads while it holds
        the GIL. A Gloo thread that has to free a tensor then waits for the GIL forever.
        """
        self._parallel = data_parallel(self._trained, self.place)
        try:
            yield
        finally:
            self._parallel = self._trained

    def save(self) -> None:
        """Write the checkpoint on the first rank. All ranks take part in gathering a sharded
        network."""
        if self._checkpoint is None or not (self.place.first or self._sharded):
            return
        state = whole(
            {
                "step": self.step,
                "network": self._trained.state_dict(),
                "optimiser": self._optimiser.state_dict(),
            }
        )
        if self.place.first:
            save_checkpoint(self._checkpoint, state)

    def _go_on(self) -> None:
        """Load the checkpoint, which only the first rank reads from disk."""
        if self._checkpoint is None:
            return
        state = load_checkpoint(self._checkpoint) if self.place.first else None
        if self.place.ranks > 1:
            held = [state]
            dist.broadcast_object_list(held, src=0, device=self.place.device)
            state = held[0]
        if state is None:
            return
        try:
            load_whole(self._trained, self._optimiser, state)
            self.step = int(state["step"])
        except (KeyError, RuntimeError, ValueError) as error:
            reason = str(error).split("\n", 1)[0]
            raise RunError(
                f"the checkpoint {self._checkpoint} is of another network ({reason}); give another"
                " --out"
            ) from None

    def _read(self, step: int) -> _Parts:
        """Return this rank's share of the samples of a step, in parts."""
        training, place = self.training, self.place
        if self._prepare is None:
            first = step * training.batch_size
            own = list(range(first, first + training.batch_size))
            return [(share(own, place.rank, place.ranks), next(self._stream))]
        numbers = share(self._order(step), place.rank, place.ranks)
        parts = [share(numbers, part, training.accumulate) for part in range(training.accumulate)]
        return [(part, self._prepare(part, step)) for part in parts]

    def _work(self, parts: _Parts) -> tuple[LejepaLoss, float]:
        """Do one step of the optimiser; return the loss and the learning rate."""
        training = self.training
        warmup = int(training.warmup * self.steps)
        lr = learning_rate(
            self.step, self.steps, base=float(training.lr), warmup=warmup, final=training.final_lr
        )
        for group in self._optimiser.param_groups:
            group["lr"] = lr
        self._optimiser.zero_grad(set_to_none=True)
        loss = self._whole(parts[0]) if len(parts) == 1 else self._accumulated(parts)
        if training.clip is not None:
            nn.utils.clip_grad_norm_(self._trained.parameters(), float(training.clip))
        self._optimiser.step()
        return loss, lr

    def _whole(self, part: _Part) -> LejepaLoss:
        loss = self._loss(self._embed(self._parallel, part, 0))
        pending = PendingCheck(loss.nonfinite, loss.samples, loss.total)
        loss.total.backward()
        pending.raise_if_nonfinite()
        return loss

    def _accumulated(self, parts: _Parts) -> LejepaLoss:
        """Compute the gradient of the loss of all parts together, with the memory of one part.

        SIGReg depends on the whole batch, so the mean of the parts' losses would be another loss.
        First the embeddings of all parts are computed without a graph. Then the gradient of the
        loss with respect to these embeddings is computed. Finally each part is computed again, with
        a graph, to propagate that gradient to the weights (Gao et al. 2021, arXiv 2101.06983).
        """
        buffers = [buffer.clone() for buffer in self._trained.buffers()]
        with torch.no_grad():
            made = [self._embed(self._trained, part, i) for i, part in enumerate(parts)]
        for buffer, before in zip(self._trained.buffers(), buffers, strict=True):
            buffer.copy_(before)  # running means are updated once, in the second pass
        embeddings = torch.cat(made, 1).float().requires_grad_()
        loss = self._loss(embeddings)
        loss.total.backward()
        raise_if_nonfinite(loss.nonfinite, loss.samples, loss.total)
        if embeddings.grad is None:
            raise RuntimeError("the loss does not depend on the embeddings")
        gradients = embeddings.grad.split([len(numbers) for numbers, _ in parts], 1)
        for i, (part, gradient) in enumerate(zip(parts, gradients, strict=True)):
            last_part(self._parallel, i == len(parts) - 1)
            again = self._embed(self._parallel, part, i)
            again.backward(gradient.to(again.dtype))
        return loss

    def _embed(self, network: nn.Module, part: _Part, number: int) -> Tensor:
        """Return embeddings (V, n, D) of one part. Dropout is a function of step, rank and part."""
        numbers, prepared = part
        groups = self._make_views(prepared, numbers, self.step)
        place = self.place
        torch.manual_seed(key(self.training.seed, Use.NETWORK, self.step, place.rank, number))
        with torch.autocast(place.device.type, torch.bfloat16, enabled=self._bf16):
            embeddings: Tensor = network(groups, len(numbers))
        return embeddings

    def _loss(self, embeddings: Tensor) -> LejepaLoss:
        return lejepa_loss(
            embeddings,
            global_views=self._global_views,
            step=self.step,
            lam=self._objective.lam,
            variant=self._objective,
            seed=self.training.seed,
            check=False,
        )

    def _moment(self, loss: LejepaLoss, lr: float, clock: Pace) -> Moment:
        return Moment(
            step=self.step,
            steps=self.steps,
            lr=lr,
            loss=loss.total.item(),
            prediction=loss.prediction.item(),
            sigreg=loss.sigreg.item(),
            samples_per_second=clock.samples_per_second,
            seconds_left=clock.seconds_left,
            memory_mib=peak_memory_mib(self.place.device),
        )

    def _observed(self, moment: Moment, observe: Callable[[Moment], None]) -> None:
        observe(moment)
        if self._logger is not None and self.place.first:
            for name, value in moment.measured().items():
                self._logger.add_scalar(f"train/{name}", value, moment.step)

    def _evaluated(self, evaluate: Callable[[int], None]) -> None:
        if self._sharded:
            self.network.load_state_dict(whole(self._trained.state_dict()))
        if self.place.first:
            self.network.eval()
            evaluate(self.step)
            self.network.train()


def _recompute(encoder: nn.Module) -> None:
    """Make an encoder from timm recompute its blocks in the backward pass, which saves memory."""
    for module in encoder.modules():
        switch = getattr(module, "set_grad_checkpointing", None)
        if switch is not None:
            switch(True)
            return
    raise InputError("this encoder cannot recompute activations; leave out recompute")


def _steps(count: int | None, training: Training, ranks: int) -> int:
    if count is None:
        if training.steps is None or training.accumulate > 1:
            raise InputError(
                "an iterable of batches needs Training(steps=...) and accumulate 1, got steps"
                f" {training.steps} and accumulate {training.accumulate}"
            )
        return training.steps
    if count < training.batch_size:
        raise InputError(
            f"a batch takes {training.batch_size} samples and there are {count}; give a smaller"
            " batch (--batch-size) or more data"
        )
    if training.batch_size < 2 or training.batch_size < ranks * training.accumulate:
        raise InputError(
            f"a batch of {training.batch_size} cannot be shared by {ranks} ranks in"
            f" {training.accumulate} parts each, and SIGReg needs 2 samples; give a larger one"
        )
    return training.steps_for(count)
