"""10,000 requests get from every compiled configuration the verdict that `decide` gives them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from shiomi.gate.native import GAPS, SERVERS, Compiled, compile_policy
from shiomi.gate.policy import (
    Action,
    Budget,
    NetworkRule,
    PathRule,
    Policy,
    Proxies,
    PurposeRule,
    Rate,
)
from shiomi.gate.purpose import Purpose
from tests.gate.corpus import corpus, verdicts
from tests.gate.servers import Server
from tests.gate.web_servers import apache, caddy, haproxy, nginx, origin, write_files
from tests.gate.wire import Answer, send_all

pytestmark = pytest.mark.process

WIDE = Budget(address=Rate(600_000, 60.0, 10_000))  # that no request of the corpus is counted out

POLICY = replace(
    Policy(),
    budgets=MappingProxyType(dict.fromkeys(Policy().budgets, WIDE)),
    paths=(
        PathRule(("/private/*",), action=Action.DENY),
        PathRule(("/open/*",), purposes={Purpose.AI_TRAINING: Action.ALLOW}),
        PathRule(("*.pdf", "/exact"), purposes={Purpose.SEARCH_ENGINE: Action.DENY}),
    ),
    networks=(
        NetworkRule("neighbours", ("198.51.100.0/24",), Action.ALLOW),
        NetworkRule("quiet", ("203.0.113.0/28",)),
        NetworkRule("unwanted", ("203.0.113.0/24", "2001:db8::/32"), Action.DENY),
    ),
    proxies=Proxies(("127.0.0.1",)),
)
STRICT = replace(
    POLICY,
    purposes=MappingProxyType(
        {purpose: PurposeRule(Action.DENY, Action.DENY) for purpose in Purpose}
        | {Purpose.BROWSER: PurposeRule(Action.BUDGET, Action.BUDGET, "people")}
        | {Purpose.SEARCH_ENGINE: PurposeRule(Action.ALLOW, Action.DENY)}
        | {Purpose.FEED_READER: PurposeRule(Action.ALLOW, Action.ALLOW)}
    ),
)


@contextmanager
def serving(compiled: Compiled, folder: Path) -> Iterator[Server]:
    with origin(folder) as site:
        write_files(folder / "gate", compiled.files)
        if compiled.server == "nginx":
            block = f"include {folder}/gate/server.conf; location / {{ proxy_pass {site.url}; }}"
            http = f"include {folder}/gate/http.conf;"
            with nginx(folder / "nginx", http=http, server_block=block) as running:
                yield running
        else:
            run = {"apache": apache, "caddy": caddy, "haproxy": haproxy}[compiled.server]
            address = f"127.0.0.1:{site.port}"
            with run(folder / compiled.server, site=address, compiled=folder / "gate") as running:
                yield running


def seen(answer: Answer) -> str:
    if answer.headers.get("x-origin") == "reached":
        return "allow"
    known = {403: "deny", 429: "limit", 200: "allow", 405: "allow"}  # 405: a file, and no GET
    return known.get(answer.status, str(answer.status))


@pytest.mark.parametrize(
    ("policy", "count"), [(POLICY, 10_000), (STRICT, 2_500)], ids=["default", "strict"]
)
@pytest.mark.parametrize("name", SERVERS)
def test_every_verdict_is_that_of_decide(
    name: str, policy: Policy, count: int, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    forwarded = name != "caddy"  # which cannot be told to trust a proxy: the gap "proxies"
    compiled = compile_policy(name, policy, folder=str(folder / "gate"), challenge=Action.BUDGET)
    missing = {gap.name for gap in GAPS if name in gap.servers}
    drawn = corpus()[:count]
    requests = [sent for sent in drawn if not sent.needs & missing]
    left_out = Counter(need for sent in drawn for need in sent.needs & missing)
    with serving(compiled, folder) as running:
        answers = send_all(running.port, requests, forwarded=forwarded)
    told = verdicts(requests, compiled.policy, forwarded=forwarded)
    wrong = [
        (want, seen(got), got.status, sent)
        for sent, want, got in zip(requests, told, answers, strict=True)
        if want != seen(got)
    ]
    with capsys.disabled():
        kinds = ", ".join(f"{count} {verdict}" for verdict, count in Counter(told).items())
        reasons = ", ".join(f"{count} {need}" for need, count in left_out.items())
        print(f"\n{name}: {len(requests)} requests ({kinds}); left out: {reasons}")
    assert wrong == [], (len(wrong), wrong[:10])
