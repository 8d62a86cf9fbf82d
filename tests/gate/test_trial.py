"""A trial: what a policy does to one request, and the steps to it."""

from __future__ import annotations

from typing import Any

import pytest

from shiomi.gate.decision import Verdict
from shiomi.gate.errors import GateError
from shiomi.gate.identity import load_tables
from shiomi.gate.policy import Policy
from shiomi.gate.trial import BROWSER, Trial, trial, user_agent_of
from tests.gate.clients_of import NOW

TABLES = load_tables()


def tried(url: str = "/page", **how: Any) -> Trial:
    return trial(url, Policy(), TABLES, NOW, **how)


@pytest.mark.parametrize(
    ("name", "client"),
    [
        ("gptbot", "GPTBot"),
        ("GoogleBot", "Googlebot"),
        ("claudebot", "ClaudeBot"),
        ("ccbot", "CCBot"),
    ],
)
def test_a_bots_name_is_turned_into_a_user_agent_of_its(name: str, client: str) -> None:
    assert TABLES.agents.client(user_agent_of(name, TABLES)).name == client


def test_browser_is_one_and_any_other_text_is_the_user_agent_itself() -> None:
    assert user_agent_of("Browser", TABLES) == BROWSER
    assert user_agent_of("my own thing/1.0", TABLES) == "my own thing/1.0"


@pytest.mark.slow
def test_every_named_client_is_tried_as_itself_or_as_the_text() -> None:
    for pattern in TABLES.agents.patterns:
        assert user_agent_of(pattern.client.name, TABLES)


def test_the_steps_say_what_was_looked_at() -> None:
    found = tried(user_agent="GPTBot/1.2")
    steps = ["address", "who", "path", "cookie", "revoked", "action"]
    assert [step for step, _ in found.steps] == steps
    assert found.decision.verdict is Verdict.DENY


def test_an_odd_spelling_is_shown() -> None:
    assert dict(tried("/a/..%2fpage").steps)["path"] == "/page, spelled /a/../page"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "verdict"),
    [
        ({}, Verdict.CHALLENGE),
        ({"passed": True}, Verdict.ALLOW),
        ({"user_agent": "Googlebot/2.1", "proven": True}, Verdict.ALLOW),
        ({"user_agent": "Googlebot/2.1", "proven": False}, Verdict.CHALLENGE),
        ({"method": "POST"}, Verdict.DENY),
        ({"method": "POST", "passed": True}, Verdict.ALLOW),
        ({"address": "2001:db8::1"}, Verdict.CHALLENGE),
    ],
)
def test_what_is_assumed_of_the_client_counts(how: dict[str, Any], verdict: Verdict) -> None:
    assert tried(**how).decision.verdict is verdict


@pytest.mark.parametrize(
    ("url", "host", "path"),
    [
        ("/page?x", "localhost", "/page"),
        ("https://example.org/page", "example.org", "/page"),
        ("example.org", "example.org", "/"),
        ("//page", "localhost", "/page"),
    ],
)
def test_a_url_or_its_path_will_do(url: str, host: str, path: str) -> None:
    request = tried(url).request
    assert (request.host, request.path) == (host, path)


@pytest.mark.parametrize("url", ["ftp://x/", "http://", "http://["])
def test_what_is_no_page_says_so(url: str) -> None:
    with pytest.raises(GateError, match=r"must be an http|is not a URL"):
        tried(url)


def test_what_is_no_address_says_so() -> None:
    with pytest.raises(GateError, match="is not an IPv4 or IPv6 address"):
        tried(address="localhost")


def test_what_the_gate_adds_and_what_it_answers_itself_is_shown() -> None:
    robots = tried("/robots.txt", user_agent="GPTBot").decision
    assert robots.response is not None
    assert (robots.verdict, robots.response.status) == (Verdict.ANSWER, 200)
    assert "X-Robots-Tag" in dict(tried(passed=True).decision.headers)
