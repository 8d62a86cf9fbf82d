"""10,000 requests get from every adapter the verdict that `decide` gives them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from urllib.parse import unquote

import pytest

from shiomi.gate.policy import load_policy
from shiomi.gate.request import normalise
from shiomi.gate.signals import own_files
from tests.gate.adapters.stacks import BARE, stack
from tests.gate.corpus import Sent, corpus, verdicts
from tests.gate.wire import Answer, send_all

pytestmark = pytest.mark.process

# What the tests of the compiled configurations have, as a file. The budgets count nobody out.
POLICY = """\
[budget]
people = { address = "600000/minute, burst 10000", prefix = "off", network = "off", all = "off" }
strangers = { address = "600000/minute, burst 10000", prefix = "off", network = "off", all = "off" }
crawlers = { address = "600000/minute, burst 10000", prefix = "off", network = "off", all = "off" }
feeds = { address = "600000/minute, burst 10000", prefix = "off", network = "off", all = "off" }
previews = { address = "600000/minute, burst 10000", prefix = "off", network = "off", all = "off" }
monitors = { address = "600000/minute, burst 10000", prefix = "off", network = "off", all = "off" }
programs = { address = "600000/minute, burst 10000", prefix = "off", network = "off", all = "off" }

[proxies]
trusted = ["127.0.0.1"]

[[path]]
match = ["/private/*"]
action = "deny"

[[path]]
match = ["/open/*"]
purposes = { ai-training = "allow" }

[[path]]
match = ["*.pdf", "/exact"]
purposes = { search-engine = "deny" }

[[network]]
name = "neighbours"
addresses = ["198.51.100.0/24"]
action = "allow"

[[network]]
name = "unwanted"
addresses = ["203.0.113.0/24", "2001:db8::/32"]
action = "deny"
"""
# A question to another process takes a while; SHIOMI_CORPUS=10000 asks all of them.
COUNTS = {"asgi": 10_000, "wsgi": 3_000, "nginx": 3_000, "caddy": 3_000}


def comparable(name: str, sent: Sent) -> bool:
    """Whether the gate is told of a request what was sent."""
    if name == "caddy":
        # It trusts no proxy here, so that all come from one address, and all visits to the trap
        # are of one client; and Go passes on the first User-Agent alone, to gate and site alike.
        return not sent.needs & {"trap", "two-agents"}
    # Python's own server makes one slash of several at the beginning.
    return name != "wsgi" or not sent.target.startswith("//")


def seen(answer: Answer) -> str:
    kind = answer.headers.get("shiomi-gate", "")
    if answer.headers.get("x-origin") == "reached":
        return "allow"
    if answer.status == 200:
        return "answer" if kind else "file"
    if answer.status == 403:
        return "challenge" if kind == "challenge" else "deny"
    return "limit" if answer.status == 429 else str(answer.status)


def agree(want: str, got: str, sent: Sent, files: Collection[str]) -> bool:
    """Whether the answer is the verdict; a file of the gate's own may be had by any spelling."""
    if got == "file":
        return normalise(unquote(sent.target.partition("?")[0])) in files
    return want == got


@pytest.mark.parametrize("name", BARE)
def test_every_verdict_is_that_of_decide(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "gate.toml"
    file.write_text(POLICY, encoding="utf-8")
    policy, forwarded = load_policy(file), name != "caddy"
    drawn = corpus()[: int(os.environ.get("SHIOMI_CORPUS", COUNTS[name]))]
    requests = [sent for sent in drawn if comparable(name, sent)]
    with stack(name, tmp_path, file, site_app="reached_app") as running:
        answers = send_all(running.port, requests, forwarded=forwarded)
    told, files = verdicts(requests, policy, forwarded=forwarded), own_files(policy)
    wrong = [
        (want, seen(got), got.status, sent)
        for sent, want, got in zip(requests, told, answers, strict=True)
        if not agree(want, seen(got), sent, files)
    ]
    with capsys.disabled():
        kinds = ", ".join(f"{count} {verdict}" for verdict, count in Counter(told).items())
        print(f"\n{name}: {len(requests)} of {len(drawn)} requests ({kinds})")
    assert wrong == [], (len(wrong), wrong[:10])
