"""The training loop: a network and a function that makes views. It does not depend on images.

Everything random is a function of the seed and the step, and the checkpoint has the rest. So a run
that was killed ends with the same weights as an undisturbed run, on one rank or several.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from shiomi.lejepa.checkpoint import load_checkpoint, save_checkpoint
from shiomi.lejepa.config import Speed, Training
from shiomi.lejepa.counter_random import Use, key
from shiomi.lejepa.data_order import DataOrder, share
from shiomi.lejepa.devices import Place
from shiomi.lejepa.encoders import Network
from shiomi.lejepa.errors import InputError, RunError
from shiomi.lejepa.loss import LejepaLoss, lejepa_loss
from shiomi.lejepa.metrics import Pace, peak_memory_mib
from shiomi.lejepa.nonfinite import PendingCheck, raise_if_nonfinite
from shiomi.lejepa.schedule import learning_rate
from shiomi.lejepa.stopping import stop_wished
from shiomi.lejepa.timm_models import import_timm, sync_batch_norms

__all__ = ["MakeViews", "Moment", "Prepare", "Trainer", "optimiser"]

Prepare = Callable[[Sequence[int], int], Any]
"""Reads the samples of these numbers for a step; called ahead of time in a separate thread."""
MakeViews = Callable[[Any, Sequence[int], int], Sequence[Tensor]]
"""Called with what was read, the samples' numbers and the step: groups of views (v * n, ...)."""

_AHEAD = 2  # batches that are read while one is worked on
# Steps between two checks of all ranks whether to stop; each check makes the GPUs wait.
_AGREE_EVERY = 20


@dataclass(frozen=True, slots=True)
class Moment:
    """The state of a run after a step."""

    step: int
    """Steps done."""
    steps: int
    lr: float
    loss: float
    prediction: float
    sigreg: float
    samples_per_second: float
    seconds_left: float
    memory_mib: float


def optimiser(
    network: nn.Module, training: Training, *, fused: bool = False
) -> torch.optim.Optimizer:
    """Return AdamW or LARS; biases and the scales of normalisations do not decay.

    Raises MissingError if LARS is asked for and timm, whose LARS it is, cannot be imported.
    """
    decaying = [p for p in network.parameters() if p.ndim > 1]
    others = [p for p in network.parameters() if p.ndim <= 1]
    groups = [
        {"params": decaying, "weight_decay": float(training.weight_decay)},
        {"params": others, "weight_decay": 0.0},
    ]
    groups = [g for g in groups if g["params"]]
    if training.optimiser == "lars":
        import_timm()
        optim = importlib.import_module("timm.optim")
        lars: torch.optim.Optimizer = optim.Lars(groups, lr=float(training.lr), momentum=0.9)
        return lars
    return torch.optim.AdamW(groups, lr=float(training.lr), fused=fused)


_Part = tuple[list[int], Any]  # the samples' numbers, and the result of `prepare` for them
_Parts = list[_Part]


class Trainer:
    """A network in training: `run` it, and `run` it again after a restart."""

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
    ) -> None:
        """Prepare to train, from `checkpoint` if it exists.

        Parameters
        ----------
        network
            Initialised alike on every rank; moved to the device.
        prepare, make_views
            Read samples by number, and make views of them. Or, in place of the first, an iterable
            of batches such as a DataLoader: each is this rank's share of `batch_size`, it begins
            again when it ends, and a run that goes on reads past the batches it has seen.
        count
            The number of samples; None with an iterable, whose `training` must name the steps.
        global_views
            How many views, the first ones, are global.
        checkpoint
            The file to save to and go on from; None saves nothing.
        checkpoint_seconds
            Between two checkpoints. Only how much is lost by a kill depends on it.

        Raises
        ------
        InputError
            There are fewer samples than a batch takes, or than ranks and parts.
        RunError
            The checkpoint is damaged.
        """
        self.place = place or Place(torch.device("cpu"))
        self.training = training
        self.steps = _steps(count, training, self.place.ranks)
        self.step = 0
        self.network = network.to(self.place.device)
        self._prepare: Prepare | None = prepare if callable(prepare) else None
        self._stream: Iterable[Any] = () if callable(prepare) else prepare
        self._make_views = make_views
        self._global_views = global_views
        self._order = DataOrder(count or training.batch_size, training.batch_size, training.seed)
        self._objective = training.objective
        self._checkpoint, self._seconds = checkpoint, checkpoint_seconds
        self._log_every = log_every
        self._optimiser = optimiser(self.network, training, fused=speed.fused)
        if speed.recompute:
            _recompute(self.network.encoder)
        if speed.compile:
            self.network.encoder.compile()  # in place: names of weights stay
        self._go_on()
        self._parallel: nn.Module = self.network
        self._bf16 = _bf16(training.precision, self.place.device)

    def run(
        self,
        observe: Callable[[Moment], None] = lambda _: None,
        evaluate: Callable[[int], None] = lambda _: None,
        evaluate_every: int | None = None,
    ) -> None:
        """Train to the end.

        `observe` is called every `log_every` steps and at the end, on every rank; `evaluate` every
        `evaluate_every` steps and at the end, on the first rank, with the network in evaluation
        mode. After Ctrl-C or SIGTERM it saves the run and raises KeyboardInterrupt.

        Raises NonFiniteError if embeddings are NaN or infinite, RunError if a checkpoint
        cannot be written.
        """
        saved = time.monotonic()
        clock = Pace(self.step, self.steps, self.training.batch_size)
        with ExitStack() as stack:
            wish = stack.enter_context(stop_wished())
            stack.enter_context(_undisturbed(self.place.device))
            stack.enter_context(self._spread())
            batches = stack.enter_context(self._batches())
            self.network.train()
            for parts in batches:
                loss, lr = self._work(parts)
                self.step += 1
                last = self.step == self.steps
                clock.tick(self.step)
                if last or self.step % self._log_every == 0:
                    observe(self._moment(loss, lr, clock))
                if last or (evaluate_every and self.step % evaluate_every == 0):
                    self._evaluated(evaluate)
                stop = self._agreed(wish.made) and not last
                if stop or last or time.monotonic() - saved >= self._seconds:
                    self.save()
                    saved = time.monotonic()
                if stop:
                    raise KeyboardInterrupt

    @contextmanager
    def _spread(self) -> Iterator[None]:
        """Train on all ranks while this lasts.

        DistributedDataParallel must be deleted before the process group is destroyed. If it is the
        last owner of the group, it joins Gloo's threads while it holds the GIL. A thread that has
        to free a tensor then waits for the GIL without end.
        """
        self._parallel = _parallel(self.network, self.place)
        try:
            yield
        finally:
            self._parallel = self.network

    def save(self) -> None:
        """Write the checkpoint, on the first rank."""
        if self._checkpoint is not None and self.place.first:
            state = {
                "step": self.step,
                "network": self.network.state_dict(),
                "optimiser": self._optimiser.state_dict(),
            }
            save_checkpoint(self._checkpoint, state)

    def _go_on(self) -> None:
        """Load the checkpoint, which the first rank reads."""
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
            self.network.load_state_dict(state["network"])
            self._optimiser.load_state_dict(state["optimiser"])
            self.step = int(state["step"])
        except (KeyError, RuntimeError, ValueError) as error:
            reason = str(error).split("\n", 1)[0]
            raise RunError(
                f"the checkpoint {self._checkpoint} is of another network ({reason}); give another"
                " --out"
            ) from None

    @contextmanager
    def _batches(self) -> Iterator[Iterator[_Parts]]:
        """This rank's share of the remaining steps, read ahead in a thread."""

        stream = _endless(self._stream, self.step)

        def read(step: int) -> _Parts:
            prepare = self._prepare
            if prepare is None:
                first = step * self.training.batch_size
                own = list(range(first, first + self.training.batch_size))
                return [(share(own, self.place.rank, self.place.ranks), next(stream))]
            numbers = share(self._order(step), self.place.rank, self.place.ranks)
            parts = [
                share(numbers, part, self.training.accumulate)
                for part in range(self.training.accumulate)
            ]
            return [(part, prepare(part, step)) for part in parts]

        with ThreadPoolExecutor(1, thread_name_prefix="read") as thread:
            todo = iter(range(self.step, self.steps))
            ahead = [thread.submit(read, step) for step in islice(todo, _AHEAD)]

            def each() -> Iterator[_Parts]:
                while ahead:
                    parts = ahead.pop(0).result()
                    if (step := next(todo, None)) is not None:
                        ahead.append(thread.submit(read, step))
                    yield parts

            try:
                yield each()
            finally:
                for future in ahead:
                    future.cancel()

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
            nn.utils.clip_grad_norm_(self.network.parameters(), float(training.clip))
        self._optimiser.step()
        return loss, lr

    def _whole(self, part: _Part) -> LejepaLoss:
        loss = self._loss(self._embed(self._parallel, part, 0))
        pending = PendingCheck(loss.nonfinite, loss.samples, loss.total)
        loss.total.backward()
        pending.raise_if_nonfinite()
        return loss

    def _accumulated(self, parts: _Parts) -> LejepaLoss:
        """The gradient of the loss over all parts together, with the memory of one part.

        SIGReg looks at the whole batch, so a mean of the parts' losses is another loss. The
        embeddings are made first without a graph, the loss is differentiated by them, and each
        part is done again to carry that gradient on (Gao et al. 2021, arXiv 2101.06983).
        """
        buffers = [buffer.clone() for buffer in self.network.buffers()]
        with torch.no_grad():
            made = [self._embed(self.network, part, i) for i, part in enumerate(parts)]
        for buffer, before in zip(self.network.buffers(), buffers, strict=True):
            buffer.copy_(before)  # running means are updated once, in the second pass
        embeddings = torch.cat(made, 1).float().requires_grad_()
        loss = self._loss(embeddings)
        loss.total.backward()
        raise_if_nonfinite(loss.nonfinite, loss.samples, loss.total)
        if embeddings.grad is None:
            raise RuntimeError("the loss does not depend on the embeddings")
        gradients = embeddings.grad.split([len(numbers) for numbers, _ in parts], 1)
        for i, (part, gradient) in enumerate(zip(parts, gradients, strict=True)):
            last = i == len(parts) - 1
            parallel = self._parallel
            apart = isinstance(parallel, DistributedDataParallel) and not last
            with parallel.no_sync() if apart else nullcontext():  # type: ignore[operator]
                again = self._embed(parallel, part, i)
                again.backward(gradient.to(again.dtype))
        return loss

    def _embed(self, network: nn.Module, part: _Part, number: int) -> Tensor:
        """Return (V, n, D) of one part; its dropout is a function of step, rank and part."""
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

    def _evaluated(self, evaluate: Callable[[int], None]) -> None:
        if self.place.first:
            self.network.eval()
            evaluate(self.step)
            self.network.train()

    def _agreed(self, wished: bool) -> bool:
        """Return whether all ranks stop after this step, because one of them was asked to."""
        if self.place.ranks == 1:
            return wished
        if self.place.device.type != "cpu" and self.step % _AGREE_EVERY:
            return False
        asked = torch.tensor([float(wished)], device=self.place.device)
        dist.all_reduce(asked)
        return bool(asked.item() > 0)


def _recompute(encoder: nn.Module) -> None:
    """Let an encoder of timm recompute its blocks in the backward pass."""
    for module in encoder.modules():
        switch = getattr(module, "set_grad_checkpointing", None)
        if switch is not None:
            switch(True)
            return
    raise InputError("this encoder cannot recompute activations; leave out recompute")


def _endless(stream: Iterable[Any], skip: int) -> Iterator[Any]:
    """Yield the batches of `stream` again and again, without the first `skip`."""
    while True:
        empty = True
        for batch in stream:
            empty = False
            if skip > 0:
                skip -= 1
                continue
            yield batch
        if empty:
            raise InputError("the iterable of batches gave none; give one that can begin again")


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


def _parallel(network: nn.Module, place: Place) -> nn.Module:
    if place.ranks == 1:
        return network
    if place.device.type == "cuda":
        network = sync_batch_norms(network)
        return DistributedDataParallel(network, device_ids=[place.device.index])
    return DistributedDataParallel(network)


def _bf16(precision: str, device: torch.device) -> bool:
    if precision == "auto":
        return device.type == "cuda" and torch.cuda.is_bf16_supported()
    return precision == "bf16"


@contextmanager
def _undisturbed(device: torch.device) -> Iterator[None]:
    """Use repeatable kernels; restore the caller's random state and settings afterwards."""
    before = torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
        try:
            yield
        finally:
            torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = before
