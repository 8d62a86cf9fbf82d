"""Measure one model on this machine, and use the result to narrow all other estimates.

A running server is asked to read a prompt and to write an answer. llama.cpp's `/completion` and
Ollama's `/api/generate` report the times of both. For any other server with `/v1/completions`, two
answers of different length are timed, and the difference gives the speed of writing. Only the
numbers in an answer are used.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from shiomi.rig.errors import MeasureError
from shiomi.rig.estimate.coefficients import Calibration
from shiomi.rig.estimate.people import correction, kind_of
from shiomi.rig.estimate.setting import Setting, quantisation_of
from shiomi.rig.estimate.speed import decode_speed, prefill_speed
from shiomi.rig.machine.machine import Machine
from shiomi.rig.model.model import Model

if TYPE_CHECKING:
    from shiomi.rig.estimate.endpoint import HttpEndpoint

__all__ = ["Measurement", "ServerAnswer", "calibrate", "measure"]

_LEAST_PROMPT = 64  # tokens; with fewer, the speed of reading cannot be measured
# Largest accepted ratio of measurement and estimate. If it is larger, the server runs another
# model, or a part of the model is in RAM.
_FARTHEST = 8.0
_WORDS = "The tide comes in and goes out, and whoever watches it long enough can tell the hour. "
_WORDS_TOKENS = 20  # about


@dataclass(frozen=True, slots=True)
class ServerAnswer:
    """A server's answer and its duration."""

    status: int
    body: Mapping[str, Any]
    seconds: float


@dataclass(frozen=True, slots=True)
class Measurement:
    """The speeds of one model on one machine, as medians of several runs."""

    decode: float  # tok/s
    prefill: float | None  # tok/s; None: not reported, or the prompt was cached
    prompt_tokens: int
    written_tokens: int
    runs: int
    path: str  # what was asked


@dataclass(frozen=True, slots=True)
class _Run:
    prompt_tokens: int
    prefill: float | None
    written_tokens: int
    decode: float


def measure(
    endpoint: HttpEndpoint, *, model: str = "", prompt: int = 512, write: int = 128, runs: int = 3
) -> Measurement:
    """Ask a server to read about `prompt` tokens and to write `write` tokens. This is done `runs`
    times after a warm-up.

    `model` is the name that Ollama and others need; llama.cpp ignores it.

    Raises MeasureError if the server has none of the three interfaces, refuses the request, or
    reports no usable times.
    """
    if prompt < 1 or write < 8 or runs < 1:
        raise MeasureError(
            f"prompt must be >= 1, write >= 8 and runs >= 1, got {prompt}, {write} and {runs}"
        )
    refusals = []
    for path, ask in (
        ("/completion", _llama_cpp),
        ("/api/generate", _ollama),
        ("/v1/completions", _any_server),
    ):
        first = ask(endpoint, model, _prompt(prompt, 0), write)
        if isinstance(first, ServerAnswer):
            refusals.append(f"{path}: {_reason(first)}")
            continue
        done = [ask(endpoint, model, _prompt(prompt, 1 + i), write) for i in range(runs)]
        measured = [run for run in done if isinstance(run, _Run)]
        if len(measured) < runs:
            raise MeasureError(f"{path} answered the first request, but not all later ones")
        return _median(measured, path)
    raise MeasureError(f"no speed could be measured ({'; '.join(refusals)})")


def calibrate(
    measurement: Measurement, model: Model, machine: Machine, setting: Setting
) -> Calibration:
    """Return the calibration of all estimates for `machine` by a measurement of `model`.

    Raises MeasureError if the speed differs so much from the estimate that the server must run
    something else.
    """
    depth = measurement.prompt_tokens + measurement.written_tokens // 2
    gpu = machine.gpus[0]
    expected = decode_speed(model, machine, replace(setting, context=depth))
    centre, *_ = correction(model, gpu, "decode", own=False)
    decode = _factor("writing", centre * expected.value, measurement.decode, model.name)
    prefill = None
    if measurement.prefill is not None and measurement.prompt_tokens >= _LEAST_PROMPT:
        read = prefill_speed(model, machine, replace(setting, prompt=measurement.prompt_tokens))
        centre, *_ = correction(model, gpu, "prefill", own=False)
        prefill = _factor("reading", centre * read.value, measurement.prefill, model.name)
    return Calibration(
        decode=decode,
        prefill=prefill,
        kind=kind_of(model),
        speed=measurement.decode,
        model=f"{model.name} {quantisation_of(model, setting)}",
    )


def _factor(what: str, expected: float, measured: float, name: str) -> float:
    factor = measured / expected
    if not 1 / _FARTHEST < factor < _FARTHEST:
        raise MeasureError(
            f"{what} at {measured:.3g} tok/s, but {expected:.3g} are expected of {name}: is it "
            "this model, and is all of it on the GPU?"
        )
    return factor


def _prompt(tokens: int, run: int) -> str:
    """Return a prompt of about this many tokens. It begins with new words, so it is not cached."""
    return f"{run}{run} seagulls. " + _WORDS * max(1, tokens // _WORDS_TOKENS)


def _llama_cpp(endpoint: HttpEndpoint, model: str, prompt: str, write: int) -> _Run | ServerAnswer:
    answer = endpoint.post(
        "/completion",
        {
            "model": model,
            "prompt": prompt,
            "n_predict": write,
            "ignore_eos": True,
            "cache_prompt": False,
            "temperature": 0,
            "stream": False,
        },
    )
    timings = answer.body.get("timings")
    if answer.status != 200 or not isinstance(timings, Mapping):
        return answer
    return _run(
        answer,
        timings.get("prompt_n"),
        _number(timings.get("prompt_ms")) / 1e3,
        timings.get("predicted_n"),
        _number(timings.get("predicted_ms")) / 1e3,
    )


def _ollama(endpoint: HttpEndpoint, model: str, prompt: str, write: int) -> _Run | ServerAnswer:
    answer = endpoint.post(
        "/api/generate",
        {
            "model": model,
            "prompt": prompt,
            "raw": True,
            "stream": False,
            "options": {"num_predict": write, "temperature": 0, "num_ctx": 4096},
        },
    )
    if answer.status != 200 or "eval_duration" not in answer.body:
        return answer
    body = answer.body
    return _run(
        answer,
        body.get("prompt_eval_count"),
        _number(body.get("prompt_eval_duration")) / 1e9,
        body.get("eval_count"),
        _number(body.get("eval_duration")) / 1e9,
    )


def _any_server(endpoint: HttpEndpoint, model: str, prompt: str, write: int) -> _Run | ServerAnswer:
    """Time a short and a long answer. The extra time is the time of the additional tokens."""
    answers = []
    for tokens in (max(1, write // 8), write):
        answer = endpoint.post(
            "/v1/completions",
            {
                "model": model,
                "prompt": prompt,
                "max_tokens": tokens,
                "temperature": 0,
                "ignore_eos": True,
            },
        )
        usage = answer.body.get("usage")
        if answer.status != 200 or not isinstance(usage, Mapping):
            return answer
        answers.append((answer, usage))
    (short, fewer), (long, more) = answers
    written = _number(more.get("completion_tokens")) - _number(fewer.get("completion_tokens"))
    # The time for the prompt is unknown, because the second request may have used a cache.
    return _run(long, more.get("prompt_tokens"), math.nan, written, long.seconds - short.seconds)


def _run(
    answer: ServerAnswer, read: object, read_seconds: float, written: object, write_seconds: float
) -> _Run | ServerAnswer:
    """Return a run if all numbers are plausible, else the server's answer."""
    prompt, tokens = _number(read), _number(written)
    if not (0 < tokens < 1e7 and 0 < write_seconds < 1e6 and tokens / write_seconds < 1e6):
        return answer
    tells = prompt >= _LEAST_PROMPT and 0 < read_seconds < 1e6
    return _Run(
        int(prompt) if 0 <= prompt < 1e9 else 0,
        prompt / read_seconds if tells else None,
        int(tokens),
        tokens / write_seconds,
    )


def _number(value: object) -> float:
    """Return a number unchanged, and NaN for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    return float(value) if abs(value) < 1e18 else math.nan


def _median(runs: list[_Run], path: str) -> Measurement:
    reads = [run.prefill for run in runs if run.prefill is not None]
    return Measurement(
        statistics.median(run.decode for run in runs),
        statistics.median(reads) if reads else None,
        int(statistics.median(run.prompt_tokens for run in runs)),
        int(statistics.median(run.written_tokens for run in runs)),
        len(runs),
        path,
    )


def _reason(answer: ServerAnswer) -> str:
    if answer.status != 200:
        return f"HTTP {answer.status}"
    return "no usable times"
