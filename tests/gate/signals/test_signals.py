"""What a site says of itself: one policy, the same in every vocabulary."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from http_sf import Token, parse
from hypothesis import given
from hypothesis import strategies as st
from protego import Protego

from shiomi.gate.identity.user_agents import Client, read_patterns
from shiomi.gate.policy import Action, PathRule, Policy, PurposeRule, Robots, Signals
from shiomi.gate.purpose import Purpose
from shiomi.gate.signals import own_files, own_headers
from shiomi.gate.signals.robots_txt import robots_txt
from shiomi.gate.signals.usage import content_signal, content_usage, tdmrep, usage

CLIENTS = [pattern.client for pattern in read_patterns()]
NO_SIGNALS = Signals(
    content_usage=False, content_signal=False, x_robots_tag=False, tdm_reservation=False
)


def policy(**actions: Action) -> Policy:
    purposes = dict(Policy().purposes)
    for name, action in actions.items():
        purposes[Purpose(name.replace("_", "-"))] = PurposeRule(action, action)
    return replace(Policy(), purposes=purposes)


OPEN = policy(ai_training=Action.ALLOW, ai_search=Action.BUDGET, search_engine=Action.ALLOW)
UNDECIDED = policy(**{p.name.lower(): Action.CHALLENGE for p in Purpose})


@pytest.mark.parametrize(
    ("said", "aipref", "signal", "reserved"),
    [
        (Policy(), "train-ai=n, ai-use=n, search=y", "search=yes, ai-input=no, ai-train=no", 1),
        (OPEN, "train-ai=y, ai-use=y, search=y", "search=yes, ai-input=yes, ai-train=yes", 0),
        (policy(ai_training=Action.TARPIT, search_engine=Action.DENY),
         "train-ai=n, ai-use=n, search=n", "search=no, ai-input=no, ai-train=no", 1),
        (UNDECIDED, "", "", 0),
    ],
)  # fmt: skip
def test_every_vocabulary_says_the_same(
    said: Policy, aipref: str, signal: str, reserved: int
) -> None:
    assert content_usage(said) == aipref
    assert content_signal(said) == signal
    headers = dict(own_headers(said))
    assert headers.get("Content-Usage", "") == aipref
    assert headers["TDM-Reservation"] == str(reserved)
    assert ("X-Robots-Tag" in headers) is bool(reserved)
    assert json.loads(tdmrep(said) or b"") == [{"location": "/", "tdm-reservation": reserved}]
    text = robots_txt(said, CLIENTS).decode()
    assert (f"Content-Usage: / {aipref}\n" in text) is bool(aipref)
    assert (f"Content-Signal: {signal}\n" in text) is bool(signal)


def test_content_usage_is_a_dictionary_of_tokens() -> None:
    """RFC 9651, as draft-ietf-aipref-attach asks for."""
    members = parse(content_usage(Policy()).encode(), tltype="dictionary")
    assert members == {name: (Token(said), {}) for name, said in
                       (("train-ai", "n"), ("ai-use", "n"), ("search", "y"))}  # fmt: skip


def test_what_is_switched_off_is_not_said() -> None:
    silent = replace(Policy(), signals=NO_SIGNALS)
    assert own_headers(silent) == ()
    assert list(own_files(silent)) == ["/robots.txt"]
    assert "Content-" not in robots_txt(silent, CLIENTS).decode()
    assert own_files(replace(silent, robots=Robots(serve=False))) == {}


def test_a_licence_is_pointed_at_only_where_rights_are_reserved() -> None:
    url = "https://a.test/licence"
    asked = replace(Policy(), signals=Signals(tdm_policy=url))
    assert ("TDM-Policy", url) in own_headers(asked)
    assert json.loads(tdmrep(asked) or b"")[0]["tdm-policy"] == url
    opened = replace(OPEN, signals=Signals(tdm_policy=url))
    assert "TDM-Policy" not in dict(own_headers(opened))


def allows(robots: Protego, crawler: str, path: str) -> bool:
    allowed: bool = robots.can_fetch(f"https://a.test{path}", crawler)
    return allowed


REFUSED = ["GPTBot", "ClaudeBot", "CCBot", "Bytespider", "PerplexityBot", "OAI-SearchBot"]
REFUSED += ["Google-Extended", "Applebot-Extended", "meta-externalagent"]
KEPT = ["Googlebot", "bingbot", "Applebot", "Twitterbot", "archive.org_bot", "facebookexternalhit"]


@pytest.mark.parametrize("crawler", REFUSED + KEPT + ["ChatGPT-User", "somebody"])
def test_robots_txt_says_what_the_default_does(crawler: str) -> None:
    text = robots_txt(Policy(), CLIENTS).decode()
    robots = Protego.parse(text)
    for path, expected in (("/", crawler not in REFUSED), ("/.gate/pages/x/", False)):
        assert allows(robots, crawler, path) is expected


def test_no_crawler_is_named_twice() -> None:
    lines = robots_txt(Policy(), CLIENTS).decode().lower().splitlines()
    names = [line for line in lines if line.startswith("user-agent:")]
    assert len(names) == len(set(names)) > 100


def test_a_path_that_a_rule_opens_is_open_in_robots_txt() -> None:
    allow = {Purpose.AI_TRAINING: Action.ALLOW}
    opened = replace(
        Policy(),
        paths=(
            PathRule(("/open/*", "/one", "*.txt"), purposes=allow),
            PathRule(("/secret/*",), action=Action.DENY),
            PathRule(("/late/*",), purposes=allow),
        ),
    )
    robots = Protego.parse(robots_txt(opened, CLIENTS).decode())
    paths = ["/open/a", "/one", "/one/more", "/a.txt", "/a.txt/", "/", "/late/a", "/secret/a.html"]
    assert [allows(robots, "GPTBot", path) for path in paths] == [
        True, True, False, True, False, False, False, False,
    ]  # fmt: skip
    assert not allows(robots, "PerplexityBot", "/open/a"), "opened for training alone"


def test_the_operators_own_lines_are_in_it_and_begin_no_record_of_their_own() -> None:
    whole = replace(
        Policy(),
        contact="me@a.test\nUser-agent: GPTBot\nAllow: /",
        robots=Robots(sitemaps=("https://a.test/ツ.xml",), disallow=("/private/", "/日本/*")),
    )
    body = robots_txt(whole, CLIENTS)
    robots = Protego.parse(body.decode())
    assert body.isascii()
    assert not allows(robots, "GPTBot", "/")
    assert not allows(robots, "Googlebot", "/private/x")
    assert not allows(robots, "Googlebot", "/日本/x")
    assert list(robots.sitemaps) == ["https://a.test/%E3%83%84.xml"]


@given(st.lists(st.text(max_size=30), max_size=5))
def test_a_clients_odd_name_does_no_harm(names: list[str]) -> None:
    clients = [Client(name, Purpose.AI_TRAINING) for name in names]
    named = [*clients, Client("GPTBot", Purpose.AI_TRAINING)]
    robots = Protego.parse(robots_txt(Policy(), named).decode())
    assert not allows(robots, "GPTBot", "/")
    assert allows(robots, "Googlebot", "/")


SITE = """\ufeff# our own
Crawl-delay: 1
User-agent: *
Disallow: /search
Allow: /search/help
User-agent: SlowBot
User-agent: GPTBot
Crawl-delay: 10
Disallow: /large/

User-agent: CCBot
Allow: /
Sitemap: https://a.test/sitemap.xml
"""


def test_the_sites_own_rules_are_kept_but_for_whom_the_policy_refuses() -> None:
    text = robots_txt(Policy(), CLIENTS, SITE).decode()
    robots = Protego.parse(text)
    for crawler, path, expected in (
        ("somebody", "/search", False),
        ("somebody", "/search/help", True),
        ("somebody", "/.gate/pages/x/", False),
        ("SlowBot", "/large/x", False),
        ("SlowBot", "/.gate/pages/x/", False),
        ("SlowBot", "/search", True),
        ("GPTBot", "/", False),
        ("CCBot", "/", False),
    ):
        assert allows(robots, crawler, path) is expected, (crawler, path)
    assert robots.crawl_delay("SlowBot") == 10
    assert list(robots.sitemaps) == ["https://a.test/sitemap.xml"]
    names = [line for line in text.lower().splitlines() if line.startswith("user-agent:")]
    assert len(names) == len(set(names))


@given(st.text(max_size=200))
def test_no_file_of_a_site_opens_what_the_policy_shuts(site: str) -> None:
    robots = Protego.parse(robots_txt(Policy(), CLIENTS, site).decode())
    assert not allows(robots, "GPTBot", "/")


def test_a_licence_of_rsl_is_one_line() -> None:
    with_it = replace(Policy(), robots=Robots(license="https://a.test/license.xml"))
    assert b"\nLicense: https://a.test/license.xml\n" in robots_txt(with_it, CLIENTS)


def test_usage_is_what_a_proven_client_gets() -> None:
    """A search engine that proves itself is let in, whatever becomes of one that does not."""
    assert usage(Policy()).search is True
