"""The model writer against llama.cpp's own server, with a model that writes noise."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx2
import pytest
import xllamacpp

from shiomi.digest.config import WriterConfig
from shiomi.digest.document import Origin
from shiomi.digest.languages import load_language
from shiomi.digest.ranking import Ranked
from shiomi.digest.story import Story
from shiomi.digest.week import Week
from shiomi.digest.writing import ModelWriter, Usage, write_topic
from shiomi.digest.writing.chat import ChatClient, ChatError
from shiomi.digest.writing.evidence import gather
from shiomi.digest.writing.grounded import ground
from shiomi.digest.writing.model import parse_draft
from shiomi.digest.writing.prompt import SLOTS, messages, schema, shown
from tests.digest.writing.independent import ungrounded
from tests.digest.writing.sample import threads
from tests.digest.writing.tiny_gguf import write_tiny_gguf

JA = load_language("ja")
WEEK = Week.containing(1_607_800_000)
UIDS = ("hackernews:25331407", "hackernews:25326450", "hackernews:25345428")


@contextmanager
def llama_cpp(folder: Path, *, context: int) -> Iterator[str]:
    """The endpoint of a llama.cpp server with `context` tokens (here: bytes) of context."""
    params = xllamacpp.CommonParams()
    params.model.path = str(write_tiny_gguf(folder / "tiny.gguf", context=context))
    params.n_ctx, params.n_parallel, params.n_gpu_layers = context, 1, 0
    params.cpuparams.n_threads, params.warmup, params.verbosity = 1, False, -1
    params.hostnames, params.port = ["127.0.0.1"], 0
    server = xllamacpp.Server(params)
    try:
        yield f"{server.listening_address}/v1"
    finally:
        del server


@pytest.mark.slow
@pytest.mark.parametrize(
    ("context", "faults"),
    [
        (8192, {"not_json", "shape", "server", "refused", "ungrounded", "context", "weak"}),
        (1024, {"context"}),
    ],
)
def test_noise_ends_in_complete_grounded_topics(
    tmp_path: Path, context: int, faults: set[str]
) -> None:
    with llama_cpp(tmp_path, context=context) as endpoint:
        config = WriterConfig(endpoint, "tiny", "", 60.0, 300.0)
        with ModelWriter(config, sleep=lambda seconds: None) as model:
            topics = [
                write_topic(Ranked(Story.of([threads()[uid]]), 1.0, ()), (), JA, WEEK, writer=model)
                for uid in UIDS
            ]
    for topic in topics:
        assert list(ungrounded(topic)) == []
        assert any(one.origin is Origin.QUOTE for one in topic.attention)
        assert topic.technical
        assert topic.implications
        every = (*topic.attention, *topic.technical, *topic.implications)
        assert all(one.origin is not Origin.MODEL for one in every)
    note = model.notes[0]
    assert any(JA.phrase(f"writing.fault_{fault}") in note for fault in faults)
    assert model.account.total.requests >= 1
    if context == 8192:
        assert model.account.total.completion_tokens > 0


@pytest.mark.slow
def test_noise_in_the_form_asked_for_does_not_pass_grounding(tmp_path: Path) -> None:
    """The server is asked to hold the model to the schema: what comes is noise in JSON."""
    evidence = gather(Story.of([threads()[UIDS[0]]]))
    items = shown(evidence, 1_000)
    asked = schema(tuple(SLOTS), [item.number for item in items])
    for part in asked["properties"].values():
        part["minItems"] = 1
    with llama_cpp(tmp_path, context=8192) as endpoint:
        config = WriterConfig(endpoint, "tiny", "", 60.0, 300.0)
        with httpx2.Client() as client:
            chat = ChatClient(config, client=client, sleep=lambda seconds: None)
            deadline = time.monotonic() + 120.0
            for _ in range(5):
                with suppress(ChatError):  # cut, or not of the form after all
                    answer = chat.complete(messages(items, JA), asked, Usage(), deadline=deadline)
                    draft = parse_draft(answer.text)
                    assert ground(draft, evidence, items, JA).kept == 0
