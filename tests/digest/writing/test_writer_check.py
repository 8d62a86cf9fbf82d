"""`shiomi writer check`: what the model can do, or the server's message and the remedy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from shiomi.cli import shiomi
from shiomi.cli.exits import Exit
from tests.digest.writing.model_server import Handler, completion, serving

ANSWER = {
    "gloss": [],
    "lead": [
        {
            "text": "SquashBox 2.1は、ディレクトリーを一つの読み取り専用イメージに収めます。",
            "evidence": [2],
        }
    ],
    "technical": [
        {"text": "Perlの40版では、47 GBが2.6 GBのイメージになりました。", "evidence": [2]}
    ],
    "voices": [],
    "implications": [],
}


def run(folder: Path, endpoint: str, *more: str) -> tuple[int, str]:
    config = folder / "shiomi.toml"
    config.write_text(f'[writer]\nendpoint = "{endpoint}"\nmodel = "tiny"\n', encoding="utf-8")
    done = CliRunner().invoke(shiomi, ["-c", str(config), "writer", "check", *more])
    return done.exit_code, done.output


def test_a_working_model_is_reported_with_context_schema_and_time(tmp_path: Path) -> None:
    def behave(handler: Handler, body: dict[str, Any]) -> None:
        handler.reply(200, completion(json.dumps(ANSWER, ensure_ascii=False)))

    with serving(behave) as server:
        server.facts = {"/props": {"default_generation_settings": {"n_ctx": 8192}}}
        code, said = run(tmp_path, server.endpoint)
    assert code == Exit.DONE, said
    for part in (
        "llama.cpp server at http",
        "tiny",
        "8,192 tokens",
        "kept",
        "minutes for 8 topics",
    ):
        assert part in said


FAULTS = {
    "no model": (404, 'model "tiny" not found', "set writer.model to a model of the server"),
    "wrong key": (401, "Incorrect API key provided", "set writer.api_key"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_failure_is_told_with_the_servers_message_and_the_remedy(
    name: str, tmp_path: Path
) -> None:
    status, message, remedy = FAULTS[name]
    answer = {"error": {"message": message}}
    with serving(lambda h, b: h.reply(status, answer)) as server:
        server.facts = {"/v1/models": {"data": [{"id": "qwen3:8b"}]}}
        code, said = run(tmp_path, server.endpoint)
    assert code == Exit.FAILED
    assert message in said
    assert remedy in said
    assert name != "no model" or "qwen3:8b" in said


def test_a_model_without_one_usable_sentence_is_called_too_weak(tmp_path: Path) -> None:
    weak = completion(json.dumps(ANSWER | {"lead": [], "technical": []}))
    with serving(lambda h, b: h.reply(200, weak)) as server:
        code, said = run(tmp_path, server.endpoint)
    assert code == Exit.FAILED
    assert "this model is too weak" in said


def test_a_port_where_nothing_listens_is_told_as_such(tmp_path: Path) -> None:
    code, said = run(tmp_path, "http://127.0.0.1:9/v1")
    assert code == Exit.FAILED
    assert "start the server, or correct writer.endpoint" in said


def test_without_a_writer_the_check_says_what_to_set(tmp_path: Path) -> None:
    (tmp_path / "shiomi.toml").write_text("", encoding="utf-8")
    config = str(tmp_path / "shiomi.toml")
    done = CliRunner().invoke(shiomi, ["-c", config, "writer", "check", "--json"])
    assert done.exit_code == Exit.FAILED
    assert "set [writer] endpoint and model" in json.loads(done.output)["remedy"]
