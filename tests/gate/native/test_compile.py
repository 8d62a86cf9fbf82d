"""compile_policy(): what it writes holds no way out of its quotes, and it says what it cannot."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from shiomi.gate.errors import CompileError
from shiomi.gate.forward_auth.server_config import forward_auth_config
from shiomi.gate.native import SERVERS, compile_policy, gaps
from shiomi.gate.native.tame import tame
from shiomi.gate.policy import Action, PathRule, Policy
from tests.gate.corpus import Sent
from tests.gate.native.test_corpus import POLICY, serving
from tests.gate.servers import needs
from tests.gate.web_servers import nginx, origin, write_files
from tests.gate.wire import send_all

pytestmark = pytest.mark.process

HOSTILE = "\"';#{}$%` \\`"
TEXT = st.text(alphabet="ab.[](|)*+?^-" + HOSTILE, min_size=1, max_size=12)


def matcher(pattern: str) -> object:
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error:
        return None


@given(TEXT, st.lists(st.text(alphabet="ab{}$%\"'#; `\\", max_size=8), max_size=6))
def test_a_tamed_pattern_matches_the_same_and_holds_nothing_to_be_read(
    pattern: str, agents: list[str]
) -> None:
    before = matcher(pattern)
    if before is None:
        return
    tamed = tame(pattern)
    assert not set(tamed) & set("\"'#`%; \n\r\t")
    assert not any(one in tamed for one in ("{$", "${", "{{", "{a", "{b"))
    after = matcher(tamed)
    assert after is not None, (pattern, tamed)
    for agent in agents:
        assert bool(before.search(agent)) == bool(after.search(agent)), (pattern, tamed, agent)  # type: ignore[attr-defined]


@pytest.mark.parametrize("pattern", ["a\nreturn 200;", "a\x00", "\tb", "a\x7f"])
def test_a_control_character_is_an_error(pattern: str) -> None:
    with pytest.raises(CompileError, match="control character"):
        tame(pattern)


EVIL = [
    '"; return 200 "x',
    "a\"b'c",
    "${PATH}",
    "{$HOME}",
    "x # y",
    "{http.request.host}",
    "a;b}",
    "%[src]",
]


@pytest.mark.parametrize("name", SERVERS)
def test_hostile_patterns_and_paths_stay_patterns_and_paths(name: str, folder: Path) -> None:
    """They deny what they name, and nothing else; the server takes the configuration."""
    data = folder / "data"
    lines = "".join(
        f"{re2.escape(text)}\tevil {number}\tai-training\t-\t-\t-\n"
        for number, text in enumerate(EVIL)
    )
    write_files(data, {"user_agents.tsv": lines})
    rule = PathRule(tuple(f"/{text}/*" for text in EVIL if " " not in text), action=Action.DENY)
    policy = replace(POLICY, paths=(rule,))
    compiled = compile_policy(
        name, policy, folder=str(folder / "gate"), challenge=Action.BUDGET, data=data
    )
    evil = [Sent("GET", "/", "192.0.2.1", (("User-Agent", f"Mozilla {text}"),)) for text in EVIL]
    plain = [Sent("GET", "/", "192.0.2.1", (("User-Agent", "Mozilla/5.0 (X11)"),))]
    with serving(compiled, folder) as running:
        answers = send_all(running.port, evil + plain, forwarded=name != "caddy")
    assert [answer.status for answer in answers] == [403] * len(EVIL) + [200]


@pytest.mark.parametrize("name", SERVERS)
def test_what_becomes_of_a_challenge_has_to_be_said(name: str) -> None:
    with pytest.raises(CompileError, match="--challenge-as budget"):
        compile_policy(name, Policy(), folder="/gate")


@pytest.mark.parametrize("name", SERVERS)
def test_what_the_server_cannot_say_stands_at_the_top_of_the_file(name: str) -> None:
    compiled = compile_policy(name, Policy(), folder="/gate", challenge=Action.DENY)
    assert compiled.gaps == tuple(gaps(name, Policy()))
    first = next(iter(compiled.files.values()))
    for gap in compiled.gaps:
        assert f"# - {gap.name}: {gap.text}" in first


def test_an_unknown_server_is_an_error_that_names_those_there_are() -> None:
    with pytest.raises(CompileError, match="nginx, apache, caddy, haproxy"):
        compile_policy("iis", Policy(), folder="/gate")


@pytest.mark.parametrize(
    ("name", "bad"), [*((name, "/a\nb") for name in SERVERS), ("nginx", "/a$b"), ("caddy", '/a"b')]
)
def test_a_folder_that_cannot_be_written_is_an_error(name: str, bad: str) -> None:
    with pytest.raises(CompileError):
        compile_policy(name, Policy(), folder=bad, challenge=Action.DENY)


def test_before_the_service_only_what_no_proof_could_change_is_refused() -> None:
    compiled = compile_policy("nginx", Policy(), folder="/gate", service=True)
    assert set(compiled.files) == {"http.conf", "server.conf"}
    assert "limit_req" not in compiled.files["server.conf"]
    assert "geo $shiomi_in" not in compiled.files["http.conf"]


def test_haproxy_finds_no_fault_with_what_it_gets(folder: Path) -> None:
    compiled = compile_policy("haproxy", Policy(), folder=str(folder), challenge=Action.DENY)
    write_files(folder, compiled.files)
    rules = compiled.files["frontend.cfg"]
    config = f"defaults\n mode http\n timeout client 1s\nfrontend a\n bind 127.0.0.1:1\n{rules}"
    (folder / "haproxy.cfg").write_text(config, encoding="utf-8")
    command: list[str | Path] = [
        needs("haproxy"),
        "-c",
        "-f",
        folder / "haproxy.cfg",
        "-f",
        folder / "tables.cfg",
    ]
    checked = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert checked.returncode == 0, checked.stderr


def test_nginx_goes_together_with_the_service(folder: Path) -> None:
    """Who is refused for certain never meets the service; everybody else does."""
    gate = folder / "gate"
    compiled = compile_policy("nginx", Policy(), folder=str(gate), service=True)
    write_files(gate, compiled.files)
    answer = "location = /ask { add_header X-Gate-Verdict allow; return 204; } access_log off;"
    with nginx(folder / "service", server_block=answer) as service, origin(folder) as site:
        here, there = f"127.0.0.1:{service.port}", f"127.0.0.1:{site.port}"
        made = {
            "auth.conf": forward_auth_config("nginx", Policy(), here, there),
            "auth-http.conf": forward_auth_config("nginx-http", Policy(), here),
        }
        write_files(gate, made)
        block = f"include {gate}/server.conf; include {gate}/auth.conf;"
        http = f"include {gate}/http.conf; include {gate}/auth-http.conf;"
        with nginx(folder / "front", http=http, server_block=block) as front:
            agents = ("GPTBot/1.2", "curl/8.5.0")
            visits = [Sent("GET", "/", "192.0.2.1", (("User-Agent", one),)) for one in agents]
            told = [answer.status for answer in send_all(front.port, visits)]
            service.stop()
            down = [answer.status for answer in send_all(front.port, visits)]
    assert told == [403, 200]
    assert down == [403, 503]
