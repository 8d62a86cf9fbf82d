"""Train an encoder on images: `pretrain`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import torch
from torch import Tensor, nn

from shiomi.lejepa.arguments import check_number, check_whole
from shiomi.lejepa.atomic import write_atomically
from shiomi.lejepa.config import PretrainConfig, Speed
from shiomi.lejepa.counter_random import Use, key
from shiomi.lejepa.data.images import Images, Progress, typical_side
from shiomi.lejepa.data.loading import load_images
from shiomi.lejepa.data.opening import open_source
from shiomi.lejepa.data.rows import Columns
from shiomi.lejepa.data.source import fingerprint
from shiomi.lejepa.devices import Place, joined_ranks
from shiomi.lejepa.encoders import Network, build_encoder, feature_width
from shiomi.lejepa.errors import DataError, LejepaError, NonFiniteError
from shiomi.lejepa.evaluation import Evaluation
from shiomi.lejepa.export import export_onnx, save_encoder
from shiomi.lejepa.metrics import Logger, MetricsFile, read_metrics, summary_writer
from shiomi.lejepa.report import write_report
from shiomi.lejepa.run_folder import RunFolder
from shiomi.lejepa.selection import criterion
from shiomi.lejepa.train import Moment, Trainer
from shiomi.lejepa.views import Drawn

__all__ = ["Run", "pretrain"]


@dataclass(frozen=True, slots=True)
class Run:
    """The result of a completed run."""

    folder: RunFolder
    config: PretrainConfig
    images: int
    skipped: int
    moment: Moment | None
    """The last step; None if the run was already complete."""
    evaluation: dict[str, float]
    """The values of the last evaluation."""
    files: tuple[Path, ...]
    """The files made at the end."""
    notes: tuple[str, ...]
    """Notes on files that could not be made, with the reason."""


def pretrain(
    config: PretrainConfig,
    out: Path | str,
    *,
    encoder: nn.Module | None = None,
    device: str = "auto",
    cache: Path | None = None,
    cache_gib: float = 16.0,
    checkpoint_seconds: float = 60.0,
    log_every: int = 10,
    evaluations: int = 10,
    speed: Speed = Speed(),  # noqa: B008 - frozen
    extras: bool = True,
    logger: Logger | None = None,
    progress: Progress = lambda *_: None,
    announce: Callable[[str], None] = lambda _: None,
    observe: Callable[[Moment], None] = lambda _: None,
    evaluated: Callable[[int, dict[str, float]], None] = lambda *_: None,
) -> Run:
    """Train an encoder on images, or resume the run in `out`.

    Everything that affects the weights is in `config`. The other parameters do not affect them.
    Under `torchrun` every process makes the same call, and only the first one writes files.

    Parameters
    ----------
    out
        The run's folder (`shiomi.lejepa.run_folder`). All hosts must have access to it.
    encoder
        A module that takes images (N, 3, H, W) in [0, 1] and returns (N, width). It replaces
        `config.encoder` and must be initialised the same way at each start.
    device
        auto, cpu, cuda, cuda:N or mps.
    cache, cache_gib
        The folder for decoded images (None: in `out`), and its largest size in GiB.
    evaluations
        Number of evaluations during the run, including the one at the end; 0: none.
    speed
        torch.compile, fused AdamW, recomputed activations, FSDP2, cuDNN's benchmark mode.
    extras
        Whether to make encoder.onnx and report.html at the end. The weights are always written.
    logger
        Receives every measurement, in addition to the TensorBoard files in `out`: see
        `metrics.Logger`.
    progress, announce, observe, evaluated
        Callbacks on the first rank. `progress` is called while data are read, `announce` once with
        a line that describes the planned run, `observe` every `log_every` steps, and `evaluated`
        after each evaluation.

    Raises
    ------
    DataError, InputError, MissingError, NonFiniteError, RunError
        See `shiomi.lejepa.errors`.
    KeyboardInterrupt The run was interrupted and has been saved; the same call resumes it.
    """
    check_number("checkpoint_seconds", checkpoint_seconds, least=0)
    check_number("cache_gib", cache_gib, least=0)
    check_whole("log_every", log_every, least=1)
    check_whole("evaluations", evaluations, least=0)
    folder = RunFolder(Path(out))
    with ExitStack() as stack:
        place = stack.enter_context(joined_ranks(device))
        if place.first:
            stack.enter_context(folder.held())
        source = open_source(
            Path(config.images),
            Path(config.labels) if config.labels else None,
            use_labels=config.use_labels,
            columns=Columns(config.image_column, config.label_column),
        )
        _check_count(len(source), config, "at most")
        config = config.resolved(typical_side(source))
        if place.first:
            folder.claim(config, fingerprint(source))
        images = load_images(
            source,
            config.stored_size or 0,
            cache=cache or folder.cache,
            limit_gib=cache_gib,
            progress=progress if place.first else lambda *_: None,
        )
        _check_count(_readable(images), config, "only")
        _list_skipped(images, folder, place)
        fit = _fit(config, images, folder, place, encoder, checkpoint_seconds, log_every, speed)
        every = -(-fit.steps // evaluations) if evaluations else None
        if not place.first:
            fit.run(evaluate_every=every)
            return Run(folder, config, _readable(images), len(images.skipped), None, {}, (), ())
        announce(_announcement(config, images, fit))
        hooks = _Hooks(observe, evaluated, every, extras, progress, logger)
        return _first_rank(config, folder, images, fit, hooks)


@dataclass(frozen=True, slots=True)
class _Hooks:
    observe: Callable[[Moment], None]
    evaluated: Callable[[int, dict[str, float]], None]
    every: int | None
    """Steps between two evaluations."""
    extras: bool
    progress: Progress
    logger: Logger | None


def _first_rank(
    config: PretrainConfig, folder: RunFolder, images: Images, fit: Trainer, hooks: _Hooks
) -> Run:
    """Train and log the measurements; then write the run's final files."""
    rows = MetricsFile(folder.metrics, step=fit.step)
    results = MetricsFile(folder.evaluations, step=fit.step)
    board = summary_writer(folder.tensorboard, step=fit.step)
    loggers = [one for one in (board, hooks.logger) if one is not None]
    evaluation = Evaluation(images, config)
    seen: list[Moment] = []
    values = _last_values(folder, fit.step)

    def log(group: str, step: int, row: Mapping[str, float | None]) -> None:
        for logger, (name, value) in product(loggers, row.items()):
            if value is not None:
                logger.add_scalar(f"{group}/{name}", value, step)

    def note(moment: Moment) -> None:
        row: dict[str, float | None] = {**moment.measured()}
        lam = config.training.objective.lam
        row["criterion"] = criterion(moment.loss, lam) if 0 < lam <= 1 else None
        row["epoch"] = moment.step * config.training.batch_size / len(images)
        rows.add(moment.step, row)
        log("train", moment.step, row)
        seen[:] = [moment]
        hooks.observe(moment)

    def evaluate(step: int) -> None:
        if hooks.every is None:
            return
        values.update(evaluation(fit.network.encoder, fit.place.device))
        results.add(step, values)
        log("evaluation", step, values)
        hooks.evaluated(step, dict(values))

    try:
        fit.run(note, evaluate, hooks.every)
    except NonFiniteError as error:
        raise NonFiniteError(
            f"{error}. A run keeps its options: start another one, with a learning rate below"
            f" {config.training.lr:g} (--lr) and another --out"
        ) from None
    finally:
        if board is not None:
            board.close()
    _list_skipped(images, folder, fit.place)
    files, notes = _finish(
        folder,
        config,
        fit.network.encoder.cpu(),
        images,
        extras=hooks.extras,
        progress=hooks.progress,
    )
    moment = seen[0] if seen else None
    skipped = len(images.skipped)
    return Run(folder, config, _readable(images), skipped, moment, values, files, notes)


def _finish(
    folder: RunFolder,
    config: PretrainConfig,
    encoder: nn.Module,
    images: Images,
    *,
    extras: bool,
    progress: Progress,
) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """Write the final files of a run; return the files, and notes on files that could not be made.

    The weights are written first; if that fails, RunError is raised. ONNX and the report are
    written if `extras` is true. The run does not fail if the encoder cannot be exported to ONNX.
    """
    encoder.eval()
    if not folder.encoder.exists():  # otherwise the run was already complete
        save_encoder(encoder, folder.encoder, {"encoder": config.encoder})
    made, notes = [folder.encoder], []
    if not extras:
        return tuple(made), ()
    size = config.global_size or images.size
    steps: tuple[tuple[Path, Callable[[], object]], ...] = (
        (folder.onnx, lambda: export_onnx(encoder, torch.zeros(2, 3, size, size), folder.onnx)),
        (folder.report, lambda: write_report(folder, config, encoder, images, progress=progress)),
    )
    for path, make in steps:
        try:
            if not path.exists():
                make()
            made.append(path)
        except LejepaError as error:
            notes.append(f"{path.name} was not made: {error}")
    return tuple(made), tuple(notes)


def _announcement(config: PretrainConfig, images: Images, fit: Trainer) -> str:
    """Return one line that describes the planned run."""
    skipped = f" ({len(images.skipped):,} files skipped)" if images.skipped else ""
    parameters = sum(p.numel() for p in fit.network.encoder.parameters())
    ranks = f" x {fit.place.ranks}" if fit.place.ranks > 1 else ""
    at = f", going on after step {fit.step:,}" if fit.step else ""
    parts = f" and {config.local_views} of {config.local_size}" if config.local_views else ""
    return (
        f"{_readable(images):,} images{skipped}, encoder {config.encoder} of"
        f" {parameters / 1e6:.2f} million parameters, {fit.steps:,} steps of"
        f" {config.training.batch_size} images in {config.global_views} views of"
        f" {config.global_size}{parts} pixels, on {fit.place.device}{ranks}{at}"
    )


def _last_values(folder: RunFolder, step: int) -> dict[str, float]:
    """Return the last evaluation of a resumed run."""
    if not folder.evaluations.exists():
        return {}
    rows = [row for row in read_metrics(folder.evaluations) if (row["step"] or 0) <= step]
    last = rows[-1] if rows else {}
    return {k: v for k, v in last.items() if v is not None and k != "step"}


def _fit(
    config: PretrainConfig,
    images: Images,
    folder: RunFolder,
    place: Place,
    encoder: nn.Module | None,
    checkpoint_seconds: float,
    log_every: int,
    speed: Speed,
) -> Trainer:
    crops = config.crops()
    seed = config.training.seed

    def prepare(numbers: Sequence[int], step: int) -> tuple[Tensor, Drawn]:
        batch = images.batch(numbers)
        drawn = crops.draw(batch.ratio, numbers, seed=seed, step=step)
        if place.device.type == "cuda":
            return batch.pixels.pin_memory(), drawn.pinned()
        return batch.pixels, drawn

    def make_views(read: tuple[Tensor, Drawn], _numbers: Sequence[int], _step: int) -> list[Tensor]:
        pixels, drawn = read
        return crops.render(pixels.to(place.device, non_blocking=True), drawn)

    return Trainer(
        build_network(config, encoder),
        prepare,
        make_views,
        count=len(images),
        training=config.training,
        global_views=config.global_views,
        place=place,
        checkpoint=folder.checkpoint,
        checkpoint_seconds=checkpoint_seconds,
        log_every=log_every,
        speed=speed,
    )


def build_network(config: PretrainConfig, encoder: nn.Module | None = None) -> Network:
    """Return encoder and projector, initialised by the configuration's seed."""
    size = config.global_size or 224
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(key(config.training.seed, Use.INITIAL_WEIGHTS))
        encoder = encoder or build_encoder(config.encoder, size, config.drop_path)
        width = feature_width(encoder, torch.zeros(2, 3, size, size))
        head = config.projector(width)
    network = Network(encoder, head)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network


def _check_count(count: int, config: PretrainConfig, how: str) -> None:
    """Raise an error if there are too few images: count the files first, then the decoded
    images."""
    if count < 2:
        raise DataError(
            f"{config.images} holds {how} a single readable image; an encoder learns from what"
            " differs between many, give a folder with at least a batch of them"
        )
    if count < config.training.batch_size:
        raise DataError(
            f"{config.images} holds {how} {count} readable images and a batch takes"
            f" {config.training.batch_size}; give more images or a smaller batch (--batch-size),"
            f" such as {1 << (count.bit_length() - 1)}"
        )


def _readable(images: Images) -> int:
    """Return the number of images that are not known to be damaged."""
    return len(set(images.names))


def _list_skipped(images: Images, folder: RunFolder, place: Place) -> None:
    """Write the list of damaged files, one per line with the reason."""
    if place.first and images.skipped:
        lines = "".join(f"{one.name}\t{one.reason}\n" for one in images.skipped)
        write_atomically(folder.skipped, lines.encode("utf-8", "surrogateescape"))
