"""A log is summed up by who came, what it cost, and what `decide` would have said."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from shiomi.gate.decision import Verdict
from shiomi.gate.identity import Tables, load_tables
from shiomi.gate.policy import Policy, parse_policy
from shiomi.gate.purpose import Purpose
from shiomi.gate.report.access_log import Hit
from shiomi.gate.report.summary import Summary, summarise
from shiomi.gate.state.memory import MemoryState

NOON = 1_800_000_000
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0"
GPTBOT = "Mozilla/5.0 (compatible; GPTBot/1.2; +https://openai.com/gptbot)"


@pytest.fixture(scope="module")
def tables() -> Tables:
    return load_tables()


def hit(
    target: str = "/page",
    *,
    address: str = "198.51.100.7",
    agent: str | None = CHROME,
    after: int = 0,
    status: int = 200,
    referer: str = "",
    size: int = 1000,
) -> Hit:
    return Hit(address, NOON + after, "GET", target, status, size, referer, agent)


def summed(tables: Tables, hits: Iterable[Hit], policy: Policy | None = None) -> Summary:
    return summarise(hits, policy or Policy(), tables, MemoryState(clients=10_000))


def test_requests_traffic_and_addresses_are_counted_by_client(tables: Tables) -> None:
    summary = summed(
        tables,
        [
            hit(agent=GPTBOT, address="192.0.2.1"),
            hit(agent=GPTBOT, address="192.0.2.2", after=60),
            hit(agent=GPTBOT, address="192.0.2.2", after=30, size=500),
            hit(),
        ],
    )
    gptbot, browser = summary.clients
    assert (gptbot.name, gptbot.purpose) == ("GPTBot", Purpose.AI_TRAINING)
    assert (gptbot.requests, gptbot.bytes, gptbot.addresses) == (3, 2500, 2)
    assert (gptbot.first, gptbot.last) == (NOON, NOON + 60)
    assert browser.requests == 1
    assert (summary.requests, summary.bytes) == (4, 3500)
    assert sum(summary.hours[NOON // 3600].values()) == 4


def test_an_ai_crawler_would_have_been_denied(tables: Tables) -> None:
    summary = summed(tables, [hit(agent=GPTBOT)] * 3)
    assert summary.clients[0].verdicts == {Verdict.DENY: 3}
    assert summary.clients[0].refused == 3


def test_a_browser_is_challenged_once_and_has_the_cookie_from_then_on(tables: Tables) -> None:
    summary = summed(tables, [hit(after=n) for n in range(5)])
    assert summary.clients[0].verdicts == {Verdict.CHALLENGE: 1, Verdict.ALLOW: 4}
    assert summary.suspects == []


def test_what_is_no_browser_is_taken_to_fail_the_challenge(tables: Tables) -> None:
    summary = summed(tables, [hit(agent="python-requests/2.31", after=n) for n in range(5)])
    assert summary.clients[0].verdicts == {Verdict.CHALLENGE: 5}


def test_budgets_run_in_the_log_s_own_time(tables: Tables) -> None:
    policy = parse_policy('[budget.people]\naddress = "2 per minute, burst 2"\n')
    fast = summed(tables, [hit(after=0) for _ in range(8)], policy)
    slow = summed(tables, [hit(after=40 * n) for n in range(8)], policy)
    assert fast.clients[0].verdicts[Verdict.LIMIT] > 0
    assert slow.clients[0].verdicts[Verdict.LIMIT] == 0


def test_lines_that_are_out_of_order_use_up_no_more_of_a_budget(tables: Tables) -> None:
    """Apache logs when a request began, so a slow answer stands behind later ones."""
    forward = [hit(after=n) for n in range(60)]
    shuffled = [hit(after=(n * 37) % 60) for n in range(60)]
    assert (
        summed(tables, forward).clients[0].verdicts == summed(tables, shuffled).clients[0].verdicts
    )


def test_a_refused_client_that_behaves_like_a_person_is_a_suspect(tables: Tables) -> None:
    policy = parse_policy('[purpose.browser]\naction = "deny"\nunverified = "deny"\n')
    person = [
        hit("/", referer="https://news.example/"),
        *(hit(f"/style-{n}.css", referer="https://me.example/") for n in range(4)),
        hit("/logo.png", status=304, referer="https://me.example/"),
    ]
    robot = [hit(f"/page-{n}", address="203.0.113.9") for n in range(50)]
    summary = summed(tables, [*person, *robot], policy)
    assert [one.addresses for one in summary.suspects] == [("198.51.100.7",)]
    (suspect,) = summary.suspects
    assert (suspect.requests, suspect.refused) == (6, 6)
    assert len(suspect.signs) == 3


def test_who_asks_for_robots_txt_is_no_person(tables: Tables) -> None:
    policy = parse_policy('[purpose.browser]\naction = "deny"\nunverified = "deny"\n')
    hits = [
        hit("/robots.txt"),
        hit("/", referer="https://news.example/"),
        *(hit(f"/style-{n}.css", referer="https://me.example/", status=304) for n in range(4)),
    ]
    assert summed(tables, hits, policy).suspects == []


def test_a_wanted_client_that_is_kept_out_is_one_suspect_for_all_its_addresses(
    tables: Tables,
) -> None:
    policy = parse_policy('[purpose.feed-reader]\naction = "deny"\nunverified = "deny"\n')
    hits = [
        hit("/feed.xml", agent="feedparser/6.0 +https://github.com", address=f"192.0.2.{n}")
        for n in range(1, 8)
    ]
    (suspect,) = summed(tables, hits, policy).suspects
    assert suspect.purpose is Purpose.FEED_READER
    assert (suspect.address_count, len(suspect.addresses), suspect.refused) == (7, 3, 7)


def test_a_crawler_s_name_from_a_foreign_address_is_counted_as_unproven(tables: Tables) -> None:
    summary = summed(tables, [hit(agent=GPTBOT, address="192.0.2.1")])
    assert summary.clients[0].unproven == 1


def test_the_clients_followed_are_bounded(tables: Tables) -> None:
    hits = [hit(address=f"10.0.{n // 250}.{n % 250}") for n in range(1000)]
    state = MemoryState(clients=10_000)
    summary = summarise(hits, Policy(), tables, state, most_followed=100)
    assert summary.forgotten == 900
    assert summary.requests == 1000


@pytest.mark.parametrize(
    "strange",
    [
        Hit("not-an-address", NOON, "", "", 400, 0, "", None),
        Hit("::1", NOON, "GET", "*", 200, 0, "", "\x00" * 5000),
        Hit("example.org", NOON, "OPTIONS", "http://other.example/", 200, 0, "\ud800", "潮見"),
        Hit("198.51.100.7", 0, "GET", "/%ff%00/../..", 599, 10**17, "\x1b[2J", '"><script>'),
    ],
)
def test_strange_hits_are_counted_like_all(tables: Tables, strange: Hit) -> None:
    summary = summed(tables, [strange])
    assert summary.requests == 1
    assert sum(summary.clients[0].verdicts.values()) == 1


def test_purposes_sum_up_their_clients(tables: Tables) -> None:
    hits = [hit(), hit(agent=GPTBOT), hit(agent="CCBot/2.0"), hit(agent="CCBot/2.0")]
    summary = summed(tables, hits)
    training = next(row for row in summary.by_purpose() if row.purpose is Purpose.AI_TRAINING)
    assert (training.requests, training.bytes, training.addresses) == (3, 3000, 1)
    assert training.verdicts == {Verdict.DENY: 3}
