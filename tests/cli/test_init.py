"""`shiomi init`: what writes the digest, asked for on a terminal or given as options."""

from __future__ import annotations

import os
import pty
import stat
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from click.testing import CliRunner

from shiomi.cli import shiomi
from shiomi.cli.exits import Exit
from shiomi.digest.config import WriterConfig, load_config
from shiomi.digest.writing import servers
from tests.digest.writing.model_server import ModelServer, serving


@pytest.fixture
def usual(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[ModelServer]]:
    """Two model servers on ports that stand for the usual ones of this machine."""
    with ExitStack() as stack:
        found = [stack.enter_context(serving(lambda h, b: h.good())) for _ in range(2)]
        for server, models in zip(found, (["qwen3:8b", "gemma3:4b"], ["mine"]), strict=True):
            server.facts["/v1/models"] = {"data": [{"id": name} for name in models]}
        ports = [int(server.endpoint.split(":")[2].removesuffix("/v1")) for server in found]
        names = [("Ollama", ports[0]), ("llama.cpp", ports[1]), ("LM Studio", 9)]
        monkeypatch.setattr(servers, "_USUAL", tuple(names))
        yield found


def init(folder: Path, *more: str) -> tuple[int, str, WriterConfig]:
    path = folder / "shiomi.toml"
    done = CliRunner().invoke(shiomi, ["-c", str(path), "init", *more])
    return done.exit_code, done.output, load_config(path).writer if path.exists() else None  # type: ignore[return-value]


def test_a_server_that_is_found_is_written_down(usual: list[ModelServer], tmp_path: Path) -> None:
    code, said, writer = init(tmp_path, "--writer", "found")
    assert code == Exit.DONE, said
    assert (writer.endpoint, writer.model) == (usual[0].endpoint, "qwen3:8b")
    assert stat.S_IMODE((tmp_path / "shiomi.toml").stat().st_mode) == 0o600
    text = (tmp_path / "shiomi.toml").read_text(encoding="utf-8")
    assert "# with what" not in text
    assert text.count("\n[writer]\n") == 1


def test_one_of_its_models_can_be_named(usual: list[ModelServer], tmp_path: Path) -> None:
    _, _, writer = init(tmp_path, "--writer", "found", "--model", "mine")
    assert (writer.endpoint, writer.model) == (usual[1].endpoint, "mine")


@pytest.mark.parametrize("model", [(), ("--model", "absent")])
def test_without_such_a_server_nothing_is_written(
    model: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "_USUAL", (("Ollama", 9),))
    code, said, _ = init(tmp_path, "--writer", "found", *model)
    assert code == Exit.FAILED
    assert "--writer install or none" in said
    assert not (tmp_path / "shiomi.toml").exists()


def test_a_model_alone_is_refused(tmp_path: Path) -> None:
    code, said, _ = init(tmp_path, "--model", "qwen3:8b")
    assert code == Exit.USAGE
    assert "--writer" in said


def test_without_a_terminal_there_is_no_model_and_no_look_at_any_port(
    usual: list[ModelServer], tmp_path: Path
) -> None:
    code, _, writer = init(tmp_path)
    assert code == Exit.DONE
    assert not writer.wanted
    assert usual[0].requests == []


PROGRAM = (
    "import sys\n"
    "from shiomi.digest.writing import servers\n"
    "servers._USUAL = tuple((name, int(port)) for name, port in "
    "(one.split('=') for one in sys.argv.pop().split(',')))\n"
    "from shiomi.cli import main\n"
    "main()\n"
)


@pytest.mark.process
@pytest.mark.parametrize(("answer", "model"), [("3", "mine"), ("0", ""), ("", "")])
def test_on_a_terminal_it_asks(
    answer: str, model: str, usual: list[ModelServer], tmp_path: Path
) -> None:
    ports = ",".join(f"{name.replace(' ', '')}={port}" for name, port in servers._USUAL)
    command = [sys.executable, "-c", PROGRAM, "-c", str(tmp_path / "shiomi.toml"), "init", ports]
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, stdin=theirs, stdout=subprocess.PIPE, text=True) as process:
        os.write(ours, f"たろう\nme@example.org\n{answer}\n".encode())
        said, _ = process.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    assert process.returncode == Exit.DONE, said
    assert "qwen3:8b (Ollama at http://127.0.0.1" in said
    config = load_config(tmp_path / "shiomi.toml")
    assert config.collect.contact == "me@example.org"
    assert config.writer.model == model


def test_the_file_is_commented_in_the_language_of_the_digest(tmp_path: Path) -> None:
    files = {}
    for language in ("ja", "en"):
        path = tmp_path / language / "shiomi.toml"
        path.parent.mkdir()
        done = CliRunner().invoke(shiomi, ["-c", str(path), "init", "--language", language])
        assert done.exit_code == Exit.DONE, done.output
        text = path.read_text(encoding="utf-8")
        assert load_config(path).language == language
        keys = (line.partition("=")[0].strip("# ") for line in text.splitlines() if "=" in line)
        files[language] = tomllib.loads(text), [key for key in keys if key.isidentifier()]
        assert ("ダイジェスト" in text) == (language == "ja")
    (japanese, rows), (english, others) = files.values()
    assert {**japanese, "language": "en"} == english
    assert rows == others  # the keys in comments, too
