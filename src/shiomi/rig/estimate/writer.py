"""Choose the model that writes digests here: the best model for the language that is fast enough.

The caller states the work as a number of requests, each with a prompt and an answer. The requests
run one after another. The time is the time for reading all prompts and writing all answers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from shiomi.rig.errors import RigError, SettingError
from shiomi.rig.estimate.coefficients import Calibration
from shiomi.rig.estimate.fit import Floor, Runs, fit_models
from shiomi.rig.estimate.power import JOULES_PER_KWH, wall_watts
from shiomi.rig.estimate.quantity import Estimate
from shiomi.rig.estimate.setting import Setting
from shiomi.rig.machine.machine import Machine
from shiomi.rig.message import Message, basis, reason
from shiomi.rig.model.known_models import KnownModel, known_models
from shiomi.rig.model.quality import Quality, format_loss, quality_table

__all__ = ["Work", "Writer", "pick_writer"]


@dataclass(frozen=True, slots=True)
class Work:
    """The work of the writer. The defaults are a weekly digest of eight topics in Japanese.

    Each topic is one request. Its 12,000 characters of evidence are about 4,000 tokens, and ten
    Japanese sentences are about 800 tokens.
    """

    requests: int = 8
    prompt_tokens: int = 4000
    answer_tokens: int = 800

    def __post_init__(self) -> None:
        """Raise SettingError if a number is out of range."""
        for name, most in (("requests", 10**6), ("prompt_tokens", 10**7), ("answer_tokens", 10**6)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= most:
                raise SettingError(f"{name} must be 1 to {most}, got {value!r}")


@dataclass(frozen=True, slots=True)
class Writer:
    """A model that can do the work, its time and its cost."""

    runs: Runs
    seconds: Estimate
    yen: Estimate | None  # None: the power of the machine is not known

    @property
    def name(self) -> str:
        """Return the model's name."""
        return self.runs.known.name


def pick_writer(
    machine: Machine,
    language: str,
    deadline: float,
    *,
    models: Sequence[KnownModel] | None = None,
    work: Work | None = None,
    yen_per_kwh: float = 31.0,
    calibration: Calibration | None = None,
) -> list[Writer]:
    """Return the models that write `language` (ISO 639, as "ja") within `deadline` seconds.

    The best model is first. The upper bound of the time must meet the deadline. `models` None
    means the shipped models. Raises RigError with the reason if there is no
    such model, and SettingError if the deadline is impossible.
    """
    work = work or Work()
    if not (math.isfinite(deadline) and 0 < deadline <= 1e8):
        raise SettingError(f"the deadline must be > 0 and at most 1e8 seconds, got {deadline}")
    known = known_models() if models is None else models
    able = [x for x in known if language in x.languages and "chat" in x.purposes]
    if not able:
        spoken = sorted({x for model in known for x in model.languages})
        raise RigError(
            reason("no_writer_of", language=repr(language[:20]), known=", ".join(spoken))
        )
    # The writing speed that the answers need, so that formats which are too slow are not chosen.
    pace = max(0.01, work.requests * work.answer_tokens / deadline)
    setting = Setting(context=work.prompt_tokens + work.answer_tokens, prompt=work.prompt_tokens)
    running = fit_models(able, machine, setting, floor=Floor(write=pace), calibration=calibration)
    timed = [
        Writer(runs, seconds, _yen(machine, runs, seconds, yen_per_kwh))
        for runs in running
        if (seconds := _seconds(runs, work)) is not None
    ]
    in_time = [x for x in timed if x.seconds.high <= deadline and x.runs.sure]
    if not in_time:
        raise RigError(_reason(language, deadline, able, running, timed))
    return sorted(in_time, key=lambda x: (-_score(x, quality_table()), x.name))


def _reason(
    language: str,
    deadline: float,
    able: Sequence[KnownModel],
    running: Sequence[Runs],
    timed: Sequence[Writer],
) -> Message:
    if timed:
        fastest = min(timed, key=lambda x: x.seconds.high)
        return reason(
            "no_writer_in_time",
            language=language,
            deadline=f"{deadline:.0f}",
            model=fastest.name,
            seconds=f"{fastest.seconds.value:.0f}",
            most=f"{fastest.seconds.high:.0f}",
        )
    if running:
        return reason("no_writing_speed", of=running[0].note)
    smallest = min(able, key=lambda x: x.model.parameters)
    return reason("no_writer_fits", count=len(able), language=language, model=smallest.name)


def _score(writer: Writer, quality: Quality) -> float:
    score, _ = quality.score(writer.runs.known, "chat")
    return score - format_loss(writer.runs.quantisation)


def _seconds(runs: Runs, work: Work) -> Estimate | None:
    """Return the seconds of all requests; None if no speed is known."""
    reads, writes = runs.prefill, runs.decode
    if reads is None or writes is None:
        return None
    value, low, high = (
        work.requests * (work.prompt_tokens / reading + work.answer_tokens / writing)
        for reading, writing in (
            (reads.value, writes.value),
            (reads.high, writes.high),
            (reads.low, writes.low),
        )
    )
    rests = (
        *(basis("reading", of=x) for x in reads.basis),
        *(basis("writing", of=x) for x in writes.basis),
    )
    return Estimate(value, low, high, "s", rests, writes.sources)


def _yen(machine: Machine, runs: Runs, seconds: Estimate, yen_per_kwh: float) -> Estimate | None:
    """Return the cost of the electricity; None if the power of the machine is not known."""
    try:
        watts = wall_watts(machine, gpus=runs.gpus or None)
    except RigError:
        return None
    scale = yen_per_kwh / JOULES_PER_KWH
    return Estimate(
        watts.value * seconds.value * scale,
        watts.low * seconds.low * scale,
        watts.high * seconds.high * scale,
        "JPY",
        (
            basis("electricity", yen=f"{yen_per_kwh:g}"),
            *(basis("watts_of", of=x) for x in watts.basis),
        ),
        watts.sources,
    )
