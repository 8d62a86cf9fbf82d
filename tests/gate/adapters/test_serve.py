"""`shiomi gate serve`: workers that share a state and stop gracefully, and what is without them."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from shiomi.gate.errors import CompileError, GateError
from shiomi.gate.forward_auth.server_config import forward_auth_config
from shiomi.gate.forward_auth.serving import Service, serve
from shiomi.gate.policy import Policy
from tests.gate.adapters.stacks import caddy, gate_service, stack
from tests.gate.adapters.test_everywhere import further
from tests.gate.http_client import BROWSER, Visitor, fetch
from tests.gate.servers import ROOT, Server
from tests.gate.web_servers import nginx

pytestmark = pytest.mark.process


def asked(
    port: int,
    path: str = "/page/1",
    *,
    by: str = "/auth",
    agent: str = BROWSER,
    client: str = "192.0.2.7",
    method: str = "GET",
) -> int:
    """The status that a web server is answered about a client's request."""
    names = ("X-Original-Method", "X-Original-URI")
    if by == "/auth":
        names = ("X-Forwarded-Method", "X-Forwarded-Uri")
    headers = [(names[0], method), (names[1], path), ("X-Forwarded-For", client)]
    return fetch(port, by, agent=agent, headers=headers).status


def command(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "shiomi.cli", "gate", "serve", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        check=False,
    )


pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A service of one worker, for questions that leave nothing behind."""
    with gate_service(tmp_path_factory.mktemp("service")) as running:
        yield running


def test_workers_share_budgets_bans_and_counts(tmp_path: Path) -> None:
    with gate_service(tmp_path, workers=2) as service:
        began = time.monotonic()
        statuses = [asked(service.port, "/feed.xml") for _ in range(80)]
        back = time.monotonic() - began  # feeds: 30, and one more each second
        assert 28 <= statuses.count(200) <= 32 + back
        assert statuses.count(429) == 80 - statuses.count(200)
        wait_for(lambda: _counted(fetch(service.port, "/metrics").text) == 80)
        text = fetch(service.port, "/metrics").text
        assert 'shiomi_gate_state_entries{kind="bucket"}' in text
    assert (tmp_path / "gate.state").exists()


def test_a_worker_that_is_killed_is_replaced_and_forgets_nothing(tmp_path: Path) -> None:
    with gate_service(tmp_path, workers=2) as service:
        pid = service.process.pid
        robot = Visitor(
            service.port, agent="newsboat/2.40", headers=(("X-Forwarded-For", "192.0.2.9"),)
        )
        warning = robot.get("/.gate/pages/0123abcd/")
        assert robot.get(further(warning)).status == 403
        before = workers(pid)
        for worker in before:
            os.kill(worker, signal.SIGKILL)
        wait_for(lambda: workers(pid) and not set(workers(pid)) & set(before))
        wait_for(lambda: fetch(service.port, "/health").status == 204)
        answer = fetch(
            service.port,
            "/ask",
            agent="newsboat/2.40",
            headers=[
                ("X-Original-Method", "GET"),
                ("X-Original-URI", "/feed.xml"),
                ("X-Forwarded-For", "192.0.2.9"),
            ],
        )
        assert (answer.status, answer.header("x-gate-verdict")) == (403, "deny")


def _counted(metrics: str) -> int:
    counts = re.findall(r"shiomi_gate_requests_total\{verdict=\"\w+\".*\} (\d+)", metrics)
    return sum(map(int, counts))


def workers(pid: int) -> list[int]:
    """The processes that uvicorn's parent has started and that are no helpers of its own."""
    found = []
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        line = Path(f"/proc/{child}/cmdline").read_bytes()
        if b"spawn_main" in line:
            found.append(int(child))
    return found


def wait_for(condition: object, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if condition():  # type: ignore[operator]
                return
        except OSError:
            pass
        time.sleep(0.05)
    raise AssertionError("it did not come about in time")


@pytest.mark.parametrize("count", [1, 2])
def test_hangup_reads_the_policy_again_and_keeps_the_old_one_if_the_new_is_wrong(
    tmp_path: Path, count: int
) -> None:
    policy = tmp_path / "gate.toml"
    policy.write_text("", encoding="utf-8")
    with gate_service(tmp_path, policy, workers=count) as service:
        wait_for(lambda: "the gate answers on" in service.log.read_text())

        def status() -> int:
            return asked(service.port, "/open/1")

        assert status() == 403
        policy.write_text('[[path]]\nmatch = ["/open/*"]\naction = "allow"\n', encoding="utf-8")
        os.kill(service.process.pid, signal.SIGHUP)
        wait_for(lambda: [status() for _ in range(8)] == [200] * 8)
        policy.write_text("[challange]\n", encoding="utf-8")
        os.kill(service.process.pid, signal.SIGHUP)
        wait_for(lambda: "did you mean challenge" in service.log.read_text())
        assert status() == 200
        assert service.process.poll() is None


def test_each_refusal_is_a_line_with_its_reason(tmp_path: Path) -> None:
    with gate_service(tmp_path, options=("--refusals", "refusals.jsonl")) as service:
        asked(service.port, "/page/1", agent="GPTBot/1.2")
        asked(service.port, "/page/1")
        line = json.loads((tmp_path / "refusals.jsonl").read_text())
        assert (line["verdict"], line["reason"], line["client"]) == ("deny", "purpose", "GPTBot")
        assert (line["address"], line["path"]) == ("192.0.2.7", "/page/1")


def test_systemd_is_told_when_the_service_answers(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(20)
        with gate_service(
            tmp_path, environment={"NOTIFY_SOCKET": str(tmp_path / "notify")}
        ) as service:
            assert listening.recv(100) == b"READY=1"
            assert fetch(service.port, "/health").status == 204


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_when_asked_to_and_finishes_what_is_under_way(
    tmp_path: Path, by: signal.Signals
) -> None:
    with gate_service(tmp_path) as service:
        statuses: list[int] = []
        threads = [
            threading.Thread(target=lambda: statuses.append(asked(service.port))) for _ in range(10)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        service.stop(by)
    assert statuses == [403] * 10
    assert "Traceback" not in service.log.read_text()


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("count", [1, 2])
def test_it_leaves_no_temporary_folder_when_it_stops(
    tmp_path: Path, by: signal.Signals, count: int
) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    with gate_service(tmp_path, workers=count, environment={"TMPDIR": str(temporary)}) as service:
        wait_for(lambda: "the gate answers on" in service.log.read_text())
        assert any(temporary.glob("shiomi-gate-*"))
        assert service.stop(by) == 0
    assert not any(temporary.glob("shiomi-gate-*"))


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("count", [1, 2])
def test_it_removes_its_unix_socket_when_it_stops(
    tmp_path: Path, by: signal.Signals, count: int
) -> None:
    words = ("gate", "serve", "--socket", "s", "--workers", str(count), "--no-dns")
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "shiomi.cli", *words, "--clients", "1000"],
            stdin=subprocess.DEVNULL,
            stderr=log,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "TMPDIR": str(tmp_path)},
            start_new_session=True,
        )
        service = Server(process, 0, tmp_path / "log")
        try:
            wait_for(lambda: "the gate answers on s" in service.log.read_text())
            assert (tmp_path / "s").is_socket()
            assert service.stop(by) == 0
        finally:
            service.stop(signal.SIGKILL)
    assert not (tmp_path / "s").exists()


def test_only_the_web_server_may_ask(one: Server) -> None:
    headers = [("X-Forwarded-Method", "GET"), ("X-Forwarded-Uri", "/feed.xml")]
    assert fetch(one.port, "/auth", headers=headers).status == 200
    answer = fetch(one.port, "/auth", headers=headers, source="127.0.0.8")
    assert (answer.status, "--server" in answer.text) == (403, True)
    assert fetch(one.port, "/metrics", source="127.0.0.8").status == 403
    assert fetch(one.port, "/health", source="127.0.0.8").status == 204


@pytest.mark.parametrize("by", ["/auth", "/ask", "/answer"])
@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("X-Forwarded-Method", "GET")],
        [("X-Forwarded-Uri", "/feed.xml")],
        [("X-Original-Method", ""), ("X-Original-URI", "")],
    ],
)
def test_a_question_without_a_request_is_never_answered_with_leave(
    by: str, headers: list[tuple[str, str]], one: Server
) -> None:
    assert fetch(one.port, by, headers=headers).status == 400


def test_traefiks_convention_of_headers(one: Server) -> None:
    """Traefik itself is no package of the system; what it sends is (its forwardAuth page)."""
    visitor = Visitor(one.port)
    always = (
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "site.example"),
        ("X-Forwarded-For", "192.0.2.77"),
    )

    def ask(path: str) -> tuple[int, str, str]:
        visitor.headers = (*always, ("X-Forwarded-Method", "GET"), ("X-Forwarded-Uri", path))
        answer = visitor.get("/auth")
        return answer.status, answer.header("refresh"), answer.header("set-cookie")

    status, refresh, cookie = ask("/page/1?a=1")
    assert (status, "Secure" in cookie) == (403, True)
    visitor.headers = always  # the router for the gate's own pages
    entered = visitor.get(refresh.partition("url=")[2])
    assert (entered.status, entered.header("location")) == (303, "/page/1?a=1")
    assert ask("/page/1?a=1")[0] == 200


@pytest.mark.parametrize("header", ["CF-Connecting-IP", "X-Real-IP", "Forwarded"])
def test_a_proxys_own_header_counts_only_where_the_proxy_came_to_the_server(
    tmp_path: Path, header: str
) -> None:
    policy = tmp_path / "gate.toml"
    policy.write_text(
        f'[proxies]\ntrusted = ["10.0.0.0/8"]\nheader = "{header.lower()}"\n'
        '[[network]]\nname = "office"\naddresses = ["198.51.100.0/24"]\naction = "allow"\n',
        encoding="utf-8",
    )
    said = "for=198.51.100.1" if header == "Forwarded" else "198.51.100.1"
    with gate_service(tmp_path, policy) as service:

        def status(came: str) -> int:
            headers = [("X-Forwarded-Method", "GET"), ("X-Forwarded-Uri", "/page/1")]
            headers += [("X-Forwarded-For", came), (header, said)]
            return fetch(service.port, "/auth", headers=headers).status

        assert (status("10.1.2.3"), status("192.0.2.7")) == (200, 403)


def test_a_challenge_of_status_200_is_no_leave_to_a_server_that_asks(tmp_path: Path) -> None:
    policy = tmp_path / "gate.toml"
    policy.write_text("[challenge]\nstatus = 200\n", encoding="utf-8")
    with gate_service(tmp_path, policy) as service:
        assert asked(service.port, by="/auth") == 403
        assert asked(service.port, by="/ask") == 403
        assert asked(service.port, "/.gate/pages/0123abcd/", by="/auth") == 403


@pytest.mark.parametrize("front", ["nginx", "caddy"])
@pytest.mark.parametrize("on_failure", ["deny", "allow"])
def test_without_the_service_happens_what_the_policy_says(
    tmp_path: Path, front: str, on_failure: str
) -> None:
    policy = tmp_path / "gate.toml"
    policy.write_text(f'on_failure = "{on_failure}"\n', encoding="utf-8")
    with stack(front, tmp_path, policy) as running:
        assert fetch(running.port).status == 403
        assert running.service is not None
        running.service.stop()
        answer = fetch(running.port, "/page/1")
        if on_failure == "allow":
            assert (answer.status, "own page" in answer.text) == (200, True)
        else:
            assert (answer.status, "own page" in answer.text) == (503, False)
            assert answer.header("retry-after") == "60"
        robots = fetch(running.port, "/robots.txt", agent="GPTBot")
        assert (robots.status, "User-agent: GPTBot" in robots.text) == (200, True)


def test_what_is_wrong_is_said_before_anything_is_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("wrong.toml").write_text("[purpose.ai-traning]\naction = 1\n", encoding="utf-8")
    Path("full").write_bytes(b"something else")
    for service, said in (
        (Service(policy=Path("wrong.toml")), "ai-training"),
        (Service(policy=Path("absent.toml")), "absent.toml"),
        (Service(state="absent/gate.state"), "absent"),
        (Service(state="full"), "rebuild"),
        (Service(state="ftp://a"), "redis://HOST:PORT"),
    ):
        with pytest.raises(GateError, match=said):
            serve(service)
    with pytest.raises(GateError, match="need a shared state"):
        serve(Service(), workers=2)
    with pytest.raises(GateError, match=r"192\.0\.2\.1"):
        serve(Service(), host="192.0.2.1")


def test_an_address_that_is_taken_is_named_in_one_line(one: Server, tmp_path: Path) -> None:
    done = command("--port", str(one.port), folder=tmp_path)
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{one.port}:" in done.stderr
    assert "Traceback" not in done.stderr


STATIC = """
    root {root};
    index index.html;
    {include}
    location / {{ try_files $uri $uri/ =404; }}
"""


def test_nginx_includes_the_gate_in_a_server_that_serves_files(tmp_path: Path) -> None:
    """The server of a fresh Debian: a root, an index, and a `location /` of its own."""
    root = tmp_path / "html"
    root.mkdir()
    (root / "index.html").write_text("<html><body>Welcome</body></html>", encoding="utf-8")
    with gate_service(tmp_path) as service:
        address = f"127.0.0.1:{service.port}"
        lines = STATIC.format(root=root, include=forward_auth_config("nginx", Policy(), address))
        http = forward_auth_config("nginx-http", Policy(), address)
        with nginx(tmp_path / "nginx", http=http, server_block=lines) as front:
            assert fetch(front.port, agent="GPTBot/1.2").status == 403
            answer = Visitor(front.port).visit("/")
            assert (answer.status, "Welcome" in answer.text) == (200, True)
            assert fetch(front.port, "/favicon.ico").status == 404


def test_a_browser_gets_a_websocket_through_nginx(tmp_path: Path) -> None:
    with stack("nginx", tmp_path) as running:
        visitor = Visitor(running.port)
        visitor.visit("/page/1")
        jar = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
        sent = (
            "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            f"User-Agent: {visitor.agent}\r\nCookie: {jar}\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", running.port), timeout=20) as connection:
            connection.sendall(sent.encode())
            assert connection.recv(1000).startswith(b"HTTP/1.1 101 ")


def test_it_listens_on_a_unix_socket_and_nginx_asks_there(tmp_path: Path) -> None:
    done = command("--print-config", "nginx", "--socket", "gate.sock", folder=tmp_path)
    assert "proxy_pass http://shiomi_gate/ask;" in done.stdout
    done = command("--print-config", "nginx-http", "--socket", "gate.sock", folder=tmp_path)
    assert f"server unix:{tmp_path}/gate.sock;" in done.stdout


def test_addresses_that_would_break_out_of_the_configuration_are_refused() -> None:
    for address in ("127.0.0.1:1; }", "a b", "x\n}", "$host", "`a`"):
        with pytest.raises(CompileError, match="an address must be HOST:PORT"):
            forward_auth_config("nginx", Policy(), address, "127.0.0.1:8000")
    with pytest.raises(CompileError, match="cannot use a Unix socket"):
        forward_auth_config("traefik", Policy(), "unix:/run/gate.sock", "127.0.0.1:8000")
    with pytest.raises(CompileError, match="nginx, nginx-http, caddy, traefik"):
        forward_auth_config("iis", Policy(), "127.0.0.1:9292", "127.0.0.1:8000")


def with_terms(url: str) -> Policy:
    return replace(Policy(), signals=replace(Policy().signals, tdm_policy=url))


def test_a_text_of_the_policy_stays_a_text_in_traefiks_yaml() -> None:
    url = "https://a.example/it's#{1}"
    written = yaml.safe_load(forward_auth_config("traefik", with_terms(url), "127.0.0.1:9292"))
    says = written["http"]["middlewares"]["shiomi-gate-says"]["headers"]
    assert says["customResponseHeaders"]["TDM-Policy"] == url
    with pytest.raises(CompileError, match=r"Traefik cannot contain .*remove"):
        forward_auth_config("traefik", with_terms('https://a/{{env"A"}}'), "127.0.0.1:9292")


@pytest.mark.parametrize("end", ["`", "{http.request.host}", "{$HOME}", "{path}"])
def test_a_text_of_the_policy_that_caddy_would_replace_is_refused(end: str) -> None:
    with pytest.raises(CompileError, match=r"Caddy cannot contain .*: remove backticks and braces"):
        forward_auth_config("caddy", with_terms(f"https://a.example/{end}"), "127.0.0.1:9292")


def test_a_text_of_the_policy_is_sent_unchanged_by_caddy(tmp_path: Path) -> None:
    url = 'https://a.example/it\'s?a="b"#c'
    with (
        gate_service(tmp_path) as service,
        caddy(
            tmp_path, forward_auth_config("caddy", with_terms(url), f"127.0.0.1:{service.port}")
        ) as front,
    ):
        assert fetch(front.port, "/page/1", agent="GPTBot/1.2").header("tdm-policy") == url
        terms = json.loads(fetch(front.port, "/.well-known/tdmrep.json").text)
        assert terms[0]["tdm-policy"] == url
