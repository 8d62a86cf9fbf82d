"""One measurement of a real server narrows the estimates; a hostile one ends in a clear error."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
import xllamacpp

from shiomi.rig.errors import MeasureError
from shiomi.rig.estimate.endpoint import HttpEndpoint
from shiomi.rig.estimate.fit import speeds
from shiomi.rig.estimate.measure import Measurement, calibrate, measure
from shiomi.rig.estimate.setting import Setting
from shiomi.rig.machine.gpus import find_gpu
from shiomi.rig.machine.machine import Machine
from shiomi.rig.report.wording import texts_of
from tests.digest.writing.tiny_gguf import write_tiny_gguf
from tests.loopback import QuietHandler, loopback
from tests.rig.models import DENSE, MIXTURE

PC = Machine("PC", (find_gpu("RTX 3090"),))
Respond = Callable[[str, dict[str, Any]], tuple[int, bytes]]


@contextmanager
def llama_cpp(folder: Path) -> Iterator[str]:
    """The address of a real llama.cpp server with a tiny model."""
    params = xllamacpp.CommonParams()
    params.model.path = str(write_tiny_gguf(folder / "tiny.gguf", context=4096))
    params.n_ctx, params.n_parallel, params.n_gpu_layers = 4096, 1, 0
    params.cpuparams.n_threads, params.warmup, params.verbosity = 1, False, -1
    params.hostnames, params.port = ["127.0.0.1"], 0
    server = xllamacpp.Server(params)
    try:
        yield server.listening_address
    finally:
        del server


@contextmanager
def answering(respond: Respond) -> Iterator[str]:
    """The address of an HTTP server that answers as `respond` says."""

    class Handler(QuietHandler):
        def do_POST(self) -> None:
            self.answer(*respond(self.path, json.loads(self.body())))

    with loopback(Handler) as address:
        yield address


def ollama(path: str, body: dict[str, Any]) -> tuple[int, bytes]:
    """Ollama's shape: durations in nanoseconds."""
    if path != "/api/generate":
        return 404, b"404 page not found"
    assert body["model"] == "llama3"
    return 200, json.dumps(
        {
            "model": "llama3",
            "response": "The tide",
            "done": True,
            "total_duration": 2_500_000_000,
            "prompt_eval_count": 520,
            "prompt_eval_duration": 130_000_000,
            "eval_count": body["options"]["num_predict"],
            "eval_duration": body["options"]["num_predict"] * 10_000_000,
        }
    ).encode()


def openai(path: str, body: dict[str, Any]) -> tuple[int, bytes]:
    """A server that tells numbers of tokens, and no times."""
    if path != "/v1/completions":
        return 404, b"{}"
    time.sleep(0.02 + 0.002 * body["max_tokens"])
    usage = {"prompt_tokens": 520, "completion_tokens": body["max_tokens"]}
    return 200, json.dumps({"choices": [{"text": "x"}], "usage": usage}).encode()


def ask(address: str, *, seconds: float = 20.0, **settings: Any) -> Measurement:
    with httpx2.Client() as client:
        return measure(HttpEndpoint(address, client, seconds=seconds), **settings)


@pytest.mark.parametrize("ending", ["", "/", "/v1"])
def test_a_real_llama_cpp_server_tells_both_speeds(tmp_path: Path, ending: str) -> None:
    with llama_cpp(tmp_path) as address:
        found = ask(address + ending, prompt=200, write=32, runs=2)
    assert found.path == "/completion"
    assert found.written_tokens == 32
    assert found.prompt_tokens > 200
    assert found.runs == 2
    assert found.decode > 0
    assert found.prefill is not None
    assert found.prefill > 0


def test_ollama_tells_both_speeds() -> None:
    with answering(ollama) as address:
        found = ask(address, model="llama3", write=100)
    assert found.path == "/api/generate"
    assert found.decode == pytest.approx(100)
    assert found.prefill == pytest.approx(4000)


def test_a_server_without_times_is_timed_and_its_reading_stays_unknown() -> None:
    with answering(openai) as address:
        found = ask(address, write=128, runs=3)
    assert found.path == "/v1/completions"
    assert found.decode > 0  # about 500 tok/s of sleep on an idle machine
    assert found.prefill is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"<html>",
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b'{"timings": 5}',
        b'{"timings": {"predicted_n": 0, "predicted_ms": 0}}',
        b'{"timings": {"predicted_n": "many", "predicted_ms": {}}}',
        b'{"timings": {"predicted_n": 128, "predicted_ms": 1e-300}}',
        b'{"timings": {"predicted_n": NaN, "predicted_ms": Infinity}}',
        b'{"timings": {"predicted_n": -5, "predicted_ms": -1}}',
        b'{"timings": {"predicted_n": 1' + b"0" * 4000 + b', "predicted_ms": 1}}',
        b'{"eval_duration": true, "usage": []}',
        b'{"usage": {"completion_tokens": 5, "prompt_tokens": null}}',
    ],
)
def test_an_answer_without_usable_times_is_an_error_that_names_the_ways_tried(
    content: bytes,
) -> None:
    with (
        answering(lambda path, body: (200, content)) as address,
        pytest.raises(MeasureError, match="/v1/completions"),
    ):
        ask(address, runs=1)


def test_a_refusal_is_told_with_its_status() -> None:
    with (
        answering(lambda path, body: (401, b'{"error": "key"}')) as address,
        pytest.raises(MeasureError, match="HTTP 401"),
    ):
        ask(address)


def test_a_flood_is_cut_off() -> None:
    with (
        answering(lambda path, body: (200, b" " * 8_000_000)) as address,
        pytest.raises(MeasureError, match="more than 4000000 bytes"),
    ):
        ask(address)


def test_a_server_that_stalls_is_given_up() -> None:
    def stall(path: str, body: dict[str, Any]) -> tuple[int, bytes]:
        time.sleep(0.6)
        return 200, b"{}"

    with answering(stall) as address, pytest.raises(MeasureError, match="no answer"):
        ask(address, seconds=0.2)


def test_no_server_is_an_error_that_asks_for_one() -> None:
    with pytest.raises(MeasureError, match="is the server running"):
        ask("http://127.0.0.1:9")
    with pytest.raises(MeasureError, match="url must be"):
        ask("127.0.0.1:8080")


def test_a_server_that_answers_once_and_then_no_more_is_an_error() -> None:
    seen: list[str] = []

    def once(path: str, body: dict[str, Any]) -> tuple[int, bytes]:
        seen.append(path)
        return ollama(path, body) if len(seen) < 3 else (503, b"busy")

    with answering(once) as address, pytest.raises(MeasureError, match="not all later ones"):
        ask(address, model="llama3")


@pytest.mark.parametrize("wrong", [{"prompt": 0}, {"write": 1}, {"runs": 0}])
def test_a_measurement_of_nothing_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(MeasureError, match="prompt must be"):
        ask("http://127.0.0.1:9", **wrong)


def test_a_measured_model_is_estimated_as_measured_and_others_with_it() -> None:
    found = Measurement(90.0, 3000.0, 520, 128, 3, "/completion")
    calibration = calibrate(found, DENSE, PC, Setting(quantisation="Q4_K_M"))
    setting = Setting(quantisation="Q4_K_M", context=584, prompt=520, gpus=1)
    again, read = speeds(DENSE, PC, setting, calibration)
    assert again.value == pytest.approx(90.0)
    assert read.value == pytest.approx(3000.0)
    before, _ = speeds(MIXTURE, PC, setting, replace(calibration, decode=1.0))
    after, _ = speeds(MIXTURE, PC, setting, calibration)
    assert (after.value < before.value) is (calibration.decode < 1)
    assert "90 tok/s measured here" in texts_of(after.basis)


def test_a_measurement_of_something_else_does_not_calibrate() -> None:
    found = Measurement(2.0, None, 520, 128, 3, "/completion")
    with pytest.raises(MeasureError, match="is it this model"):
        calibrate(found, DENSE, PC, Setting(quantisation="Q4_K_M"))


def test_a_short_prompt_says_nothing_of_reading() -> None:
    found = Measurement(100.0, 50.0, 20, 128, 3, "/completion")
    assert calibrate(found, DENSE, PC, Setting(quantisation="Q4_K_M")).prefill is None
