"""decide(): the order of a verdict, and that nothing a client says widens it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from shiomi.gate.cookie import Signer
from shiomi.gate.decision import Decision, PreparedPolicy, Verdict, decide
from shiomi.gate.errors import StateError
from shiomi.gate.identity import Identity, load_tables
from shiomi.gate.policy import Action, Policy, parse_policy
from shiomi.gate.purpose import Purpose
from shiomi.gate.request import Request
from shiomi.gate.state import Charge
from shiomi.gate.state.memory import MemoryState
from shiomi.gate.trial import BROWSER
from tests.gate.clients_of import NOW, browser, button, cookies_of, header, refresh, sent

POLICY = Policy()
TABLES = load_tables()
GOOGLE = "66.249.66.1"


def ask(
    request: Request,
    policy: Policy | str = POLICY,
    state: MemoryState | None = None,
    **known: object,
) -> Decision:
    if isinstance(policy, str):
        policy = parse_policy(policy)
    identity = None
    if known:
        client = TABLES.agents.client(request.user_agent)
        identity = Identity(client, **known)  # type: ignore[arg-type]
    return decide(
        request, PreparedPolicy(policy), state or MemoryState(clients=100), NOW, identity=identity
    )


def passed(target: str, policy: Policy = POLICY, **how: str) -> tuple[Request, MemoryState]:
    """A browser's request with the cookie, and the state it is good at."""
    state = MemoryState(clients=100)
    cookie = Signer(policy.cookie, state.secret).cookie(browser(), NOW)
    return browser(target, ("Cookie", f"shiomi-gate={cookie}"), **how), state


# What the default does to whom


@pytest.mark.parametrize(
    ("agent", "peer", "verdict"),
    [
        ("GPTBot/1.2", "192.0.2.7", Verdict.DENY),
        ("gptbot", "192.0.2.7", Verdict.DENY),
        ("Mozilla/5.0 (compatible; CLAUDEBOT/1.0)", "192.0.2.7", Verdict.DENY),
        ("CCBot/2.0", "192.0.2.7", Verdict.DENY),
        ("PerplexityBot/1.0", "192.0.2.7", Verdict.DENY),
        ("ChatGPT-User/1.0", "192.0.2.7", Verdict.CHALLENGE),
        ("Googlebot/2.1", GOOGLE, Verdict.ALLOW),
        ("Slackbot-LinkExpanding 1.0", "192.0.2.7", Verdict.ALLOW),
        ("archive.org_bot", "192.0.2.7", Verdict.ALLOW),
        ("NewsBlur Feed Fetcher", "192.0.2.7", Verdict.ALLOW),
        ("curl/8.14", "192.0.2.7", Verdict.CHALLENGE),
        ("Scrapy/2.19", "192.0.2.7", Verdict.CHALLENGE),
        ("", "192.0.2.7", Verdict.CHALLENGE),
        (BROWSER, "192.0.2.7", Verdict.CHALLENGE),
    ],
)
def test_the_default_policys_verdicts(agent: str, peer: str, verdict: Verdict) -> None:
    assert ask(sent("/page", agent, peer=peer)).verdict is verdict


@pytest.mark.parametrize("agent", ["curl/8.14", BROWSER, "newsboat/2.40", ""])
def test_a_feed_is_never_challenged(agent: str) -> None:
    for path in ("/feed.xml", "/blog/feed/", "/a.rss", "/index.xml", "/tag/x/rss"):
        assert ask(sent(path, agent)).verdict is Verdict.ALLOW


@pytest.mark.parametrize("target", ["/page;.rss", "/page%3b.rss", "/page;x=.atom"])
def test_a_page_that_a_servlet_serves_under_the_name_of_a_feed_is_challenged(target: str) -> None:
    assert ask(browser(target)).verdict is Verdict.CHALLENGE


def test_a_feed_is_no_way_in_for_who_is_denied() -> None:
    assert ask(sent("/feed.xml", "GPTBot/1.2")).verdict is Verdict.DENY


# 1. Always served


@pytest.mark.parametrize("agent", ["GPTBot/1.2", "", BROWSER, "x" * 100_000])
def test_robots_txt_and_well_known_are_served_to_everybody(agent: str) -> None:
    for target in ("/robots.txt", "/robots.txt?x", "/%72obots.txt", "/.well-known/security.txt"):
        assert ask(sent(target, agent)).verdict is Verdict.ALLOW


@pytest.mark.parametrize(
    "target",
    ["//robots.txt", "/page/../robots.txt", "/page/..%2frobots.txt", "/robots.txt/", "/ROBOTS.TXT",
     "/.well-known/../page", "/.well-known/..%2f..%2fpage", "/x/.well-known/a", "/.gate/../page",
     "/.well-known/..;/page", "/.well-known/..%3b/page", "/.well-known/..\\page",
     "/.well-known/%2e%2e%5cpage", "/.well-known/%252e%252e/page", "/robots.txt;/../page"],
)  # fmt: skip
def test_an_odd_spelling_of_what_is_always_served_is_no_way_in(target: str) -> None:
    assert ask(sent(target, "GPTBot/1.2")).verdict is Verdict.DENY
    assert ask(browser(target)).verdict is Verdict.CHALLENGE


# 4. Paths, identities, networks


def test_the_first_rule_on_a_path_counts() -> None:
    policy = "[[path]]\nmatch=['/a/b/*']\naction='deny'\n[[path]]\nmatch=['/a/*']\naction='allow'\n"
    assert ask(browser("/a/b/c"), policy).verdict is Verdict.DENY
    assert ask(browser("/a/c"), policy).verdict is Verdict.ALLOW
    assert ask(browser("/c"), policy).verdict is Verdict.CHALLENGE


@pytest.mark.parametrize(
    "target",
    ["/open/../shut/x", "/open/..%2fshut/x", "/shut/..%2fopen/x", "/open/..;/shut/x",
     "/shut;a=b/x", "/shut\\x", "/open/..%5cshut/x"],
)  # fmt: skip
def test_an_odd_spelling_gets_the_narrower_of_two_answers(target: str) -> None:
    policy = (
        "[[path]]\nmatch=['/shut/*']\naction='deny'\n[[path]]\nmatch=['/open/*']\naction='allow'\n"
    )
    assert ask(browser(target), policy).verdict is Verdict.DENY


def test_a_rule_may_speak_of_some_purposes_only() -> None:
    policy = "[[path]]\nmatch=['/press/*']\npurposes={ai-search='allow'}"
    agent = "OAI-SearchBot/1.0"
    assert ask(sent("/press/1", agent), policy, verified=True).verdict is Verdict.ALLOW
    assert ask(sent("/press/1", agent), policy, verified=None).reason == "path"
    assert ask(sent("/press/1", agent), policy, verified=False).verdict is Verdict.CHALLENGE
    assert ask(sent("/1", agent), policy, verified=True).verdict is Verdict.DENY
    assert ask(browser("/press/1"), policy).verdict is Verdict.CHALLENGE


def test_a_failed_claim_is_let_through_no_further_than_no_claim() -> None:
    fake = ask(sent("/page", "Googlebot/2.1"), verified=False)
    assert (fake.verdict, fake.reason) == (Verdict.CHALLENGE, "claim")
    assert ask(sent("/page", "Googlebot/2.1"), verified=None).verdict is Verdict.ALLOW


@pytest.mark.parametrize("verified", [True, False, None])
def test_a_training_crawler_is_denied_wherever_it_comes_from(verified: bool | None) -> None:
    assert ask(sent("/page", "GPTBot/1.2"), verified=verified).verdict is Verdict.DENY


@pytest.mark.parametrize("verified", [True, False, None])
@pytest.mark.parametrize("purpose", Purpose)
@pytest.mark.parametrize("path", ["/page", "/feed.xml", "/open", "/shut"])
def test_what_is_disproven_is_never_wider_than_what_is_unknown(
    path: str, purpose: Purpose, verified: bool | None
) -> None:
    policy = parse_policy(
        "[[path]]\nmatch=['/open']\naction='allow'\n[[path]]\nmatch=['/shut']\naction='deny'"
    )
    prepared, actions = PreparedPolicy(policy), []
    for whose, known in ((purpose, False), (Purpose.LIBRARY, None)):
        client = replace(TABLES.agents.client("curl/8"), purpose=whose)
        rule = prepared.paths.find(path)
        actions.append(prepared.ruled(Identity(client, known), rule, None).action)
    assert actions[0].narrower(actions[1]) is actions[0]


def test_a_network_may_be_refused_or_let_through() -> None:
    policy = (
        "[[network]]\nname='own'\naddresses=['192.0.2.0/25']\naction='allow'\n"
        "[[network]]\nname='bad'\naddresses=['192.0.2.0/24', '2001:db8::/32']\naction='deny'\n"
        "[[path]]\nmatch=['/shut']\naction='deny'"
    )
    assert ask(sent("/page", "GPTBot"), policy).reason == "network"
    assert ask(sent("/page", "GPTBot"), policy).verdict is Verdict.ALLOW
    assert ask(browser(peer="192.0.2.200"), policy).verdict is Verdict.DENY
    assert ask(browser(peer="2001:db8::1"), policy).verdict is Verdict.DENY
    assert ask(browser(peer="::ffff:192.0.2.200"), policy).verdict is Verdict.DENY
    assert ask(browser("/shut"), policy).verdict is Verdict.DENY
    assert ask(sent("/page", BROWSER, peer=None), policy).verdict is Verdict.CHALLENGE


def test_weight_alone_challenges_and_denies_nobody() -> None:
    policy = "[purpose.browser]\naction='budget'"
    assert ask(browser(), policy, weight=99).verdict is Verdict.ALLOW
    odd = ask(browser(), policy, weight=1000)
    assert (odd.verdict, odd.reason) == (Verdict.CHALLENGE, "weight")
    assert ask(browser("/feed.xml"), policy, weight=1000).verdict is Verdict.ALLOW


# 6. Budgets


def test_a_budget_that_is_used_up_is_429_with_the_time_to_wait() -> None:
    state = MemoryState(clients=100)
    policy = parse_policy("[budget.crawlers]\naddress='2/minute'\nprefix='off'\nnetwork='off'")
    verdicts = [ask(sent("/page", "NewsBlur"), policy, state).verdict for _ in range(3)]
    assert verdicts == [Verdict.ALLOW, Verdict.ALLOW, Verdict.LIMIT]
    limited = ask(sent("/page", "NewsBlur"), policy, state)
    assert limited.response is not None
    assert limited.response.status == 429
    assert 0 < int(header(limited, "Retry-After")) <= 30
    assert limited.retry_after == pytest.approx(30.0)


def test_people_with_the_cookie_are_not_counted_with_strangers_behind_the_same_address() -> None:
    request, state = passed("/page")
    use_up_strangers(state)
    assert ask(browser(), state=state).reason == "budget"
    assert ask(request, state=state).verdict is Verdict.ALLOW


def from_everywhere(cookie: tuple[str, str], state: MemoryState, networks: int) -> list[str]:
    """The verdicts on one cookie used in so many networks, twice in each."""
    peers = [f"10.{number // 250}.{number % 250}.1" for number in range(networks)]
    return [
        str(ask(browser("/page", cookie, peer=peer), state=state).verdict)
        for peer in peers
        for _ in range(2)
    ]


def test_a_browser_that_alternates_between_ipv4_and_ipv6_is_challenged_once() -> None:
    state = MemoryState(clients=100)
    cookie = ("Cookie", f"shiomi-gate={Signer(POLICY.cookie, state.secret).cookie(browser(), NOW)}")
    for number in range(20):
        peer = "2001:db8::1" if number % 2 else "192.0.2.7"
        for method in ("GET", "POST"):
            request = browser("/page", cookie, peer=peer, method=method)
            assert ask(request, state=state).verdict is Verdict.ALLOW


def test_the_way_through_the_challenge_may_change_from_ipv6_to_ipv4() -> None:
    state = MemoryState(clients=100)
    first = ask(browser("/page", peer="2001:db8::1"), state=state)
    tried = ("Cookie", "shiomi-gate-try=1")
    second = ask(browser(refresh(first), tried, peer="192.0.2.7"), state=state)
    assert header(second, "Location") == "/page"


@pytest.mark.slow
def test_a_cookie_given_to_many_machines_is_good_in_few_networks() -> None:
    state = MemoryState(clients=1000)
    cookie = ("Cookie", f"shiomi-gate={Signer(POLICY.cookie, state.secret).cookie(browser(), NOW)}")
    verdicts = from_everywhere(cookie, state, 1000)
    assert verdicts == ["allow"] * 16 + ["challenge"] * 1984


@pytest.mark.slow
def test_all_networks_away_from_a_cookies_home_share_one_budget() -> None:
    state = MemoryState(clients=1000)
    cookie = ("Cookie", f"shiomi-gate={Signer(POLICY.cookie, state.secret).cookie(browser(), NOW)}")
    let = 0
    for number in range(4000):
        request = browser("/page", cookie, peer=f"10.0.{number % 8}.1")
        let += ask(request, state=state).verdict is Verdict.ALLOW
    assert let == 1500  # the burst of one address


def test_a_token_of_the_challenge_gives_cookies_in_few_networks() -> None:
    state = MemoryState(clients=1000)
    address = refresh(ask(browser("/page"), state=state))
    tried = ("Cookie", "shiomi-gate-try=1")
    given = 0
    for number in range(100):
        answer = ask(browser(address, tried, peer=f"10.0.{number}.1"), state=state)
        given += "shiomi-gate" in cookies_of(answer)
    assert given == 8


def use_up_strangers(state: MemoryState) -> None:
    """A robot without the cookie, at the address that `browser` has."""
    for _ in range(310):
        ask(sent("/page", "curl/8.14"), state=state)


def test_a_robot_that_uses_up_the_strangers_budget_shuts_out_nobody_behind_its_address() -> None:
    state = MemoryState(clients=100)
    use_up_strangers(state)
    newcomer = ask(browser(), state=state)
    assert (newcomer.verdict, newcomer.reason) == (Verdict.CHALLENGE, "budget")
    assert refresh(newcomer) == ""
    tried = ("Cookie", "shiomi-gate-try=1")
    entered = ask(browser(button(newcomer), tried, method="POST"), state=state)
    given = ("Cookie", f"shiomi-gate={cookies_of(entered)['shiomi-gate']}")
    assert ask(browser("/page", given), state=state).verdict is Verdict.ALLOW
    assert ask(browser(method="POST"), state=state).verdict is Verdict.LIMIT


@pytest.mark.slow
def test_a_class_behind_one_address_opens_a_page_with_its_files() -> None:
    state = MemoryState(clients=1000)
    first = [ask(browser(f"/page?{number}"), state=state) for number in range(290)]
    assert all(refresh(answer) for answer in first)
    signer = Signer(Policy().cookie, state.secret)
    cookie = ("Cookie", f"shiomi-gate={signer.cookie(browser(), NOW)}")
    for number in range(30 * 40):
        assert ask(browser(f"/file/{number}", cookie), state=state).verdict is Verdict.ALLOW


@pytest.mark.slow
def test_who_is_allowed_is_counted_by_nobody() -> None:
    state = MemoryState(clients=100)
    for _ in range(5000):
        assert ask(sent("/page", "Googlebot/2.1", peer=GOOGLE), state=state).verdict is (
            Verdict.ALLOW
        )


# 7. Methods


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "get", "TRACE", "\x00"])
def test_other_methods_need_the_cookie(method: str) -> None:
    without = ask(browser(method=method))
    assert (without.verdict, without.reason) == (Verdict.DENY, "method")
    request, state = passed("/page", method=method)
    assert ask(request, state=state).verdict is Verdict.ALLOW


def test_a_preflight_of_cors_which_browsers_send_without_cookies_goes_on() -> None:
    headers = (("Origin", "https://a.example"), ("Access-Control-Request-Method", "POST"))
    assert ask(browser("/api", *headers, method="OPTIONS")).verdict is Verdict.ALLOW
    assert ask(sent("/api", "GPTBot/1.2", *headers, method="OPTIONS")).verdict is Verdict.DENY
    assert ask(browser("/page", method="OPTIONS")).verdict is Verdict.DENY


def test_a_post_with_a_cookie_that_ended_goes_on_and_renews_it() -> None:
    state = MemoryState(clients=100)
    signer = Signer(POLICY.cookie, state.secret)
    old = signer.cookie(browser(), NOW - 8 * 86_400)
    expired = browser("/comment", ("Cookie", f"shiomi-gate={old}"), method="POST")
    first = ask(expired, state=state)
    assert (first.verdict, first.reason) == (Verdict.ALLOW, "renewed")
    ((name, value),) = first.headers
    assert name == "Set-Cookie"
    pair = value.partition(";")[0]
    assert ask(browser("/page", ("Cookie", pair)), state=state).verdict is Verdict.ALLOW
    assert ask(browser("/page", ("Cookie", f"shiomi-gate={old}")), state=state).verdict is (
        Verdict.CHALLENGE
    )
    older = signer.cookie(browser(), NOW - 60 * 86_400)
    late = browser("/comment", ("Cookie", f"shiomi-gate={older}"), method="POST")
    assert ask(late, state=state).verdict is Verdict.DENY


def test_the_operator_may_let_other_methods_in_by_budget() -> None:
    policy = "[challenge]\nother_methods='budget'"
    assert ask(browser(method="POST"), policy).reason == "method"
    assert ask(browser(method="GET"), policy).verdict is Verdict.CHALLENGE


# The state fails


class Broken:
    """A state that cannot be reached."""

    blocking = False
    secret = bytes(32)

    def take(self, charges: Sequence[Charge], now: float) -> float:
        raise StateError("it is away")

    def revoke(self, keys: Sequence[int], until: float, now: float) -> None:
        raise StateError("it is away")

    def revoked(self, keys: Sequence[int], now: float) -> float:
        raise StateError("it is away")

    def close(self) -> None:
        pass


class Unopened(Broken):
    """A state whose secret cannot be read either."""

    @property
    def secret(self) -> bytes:  # type: ignore[override]
        raise StateError("it is away")


@pytest.mark.parametrize("state", [Broken(), Unopened()])
def test_a_state_that_is_away_is_answered_as_the_operator_chose(state: Broken) -> None:
    prepared = PreparedPolicy(POLICY)
    refused = decide(sent("/page", "NewsBlur"), prepared, state, NOW)
    assert (refused.verdict, refused.reason) == (Verdict.DENY, "failure")
    assert refused.response is not None
    assert refused.response.status == 503
    assert header(refused, "Retry-After") == "60"
    assert decide(sent("/robots.txt", "GPTBot"), prepared, state, NOW).verdict is Verdict.ALLOW
    let = PreparedPolicy(replace(POLICY, on_failure=Action.ALLOW))
    assert decide(sent("/page", "NewsBlur"), let, state, NOW).verdict is Verdict.ALLOW
    assert decide(sent("/page", "GPTBot"), let, state, NOW).verdict is Verdict.DENY
    assert decide(browser(), let, state, NOW).verdict is Verdict.CHALLENGE


# What it says


def test_each_step_is_told_to_who_asks() -> None:
    steps: list[str] = []
    prepared, state = PreparedPolicy(POLICY), MemoryState(clients=10)
    decide(browser(), prepared, state, NOW, note=lambda what, _: steps.append(what))
    assert steps == ["cookie", "revoked", "action", "budget"]


@pytest.mark.parametrize("language", ["ja", "de"])
def test_who_is_refused_reads_why_in_their_language_and_whom_to_ask(language: str) -> None:
    policy = replace(POLICY, contact="admin@example.org")
    answer = ask(sent("/page", "GPTBot/1.2", ("Accept-Language", language)), policy)
    assert answer.response is not None
    assert f'lang="{language}"'.encode() in answer.response.body
    assert b"admin@example.org" in answer.response.body


def test_previews_feeds_and_archives_of_the_list_are_never_denied(shared_data: Path) -> None:
    import json

    path = shared_data / "gate" / "crawler-user-agents" / "crawler-user-agents.json"
    wanted = {"social-preview", "feed-reader", "archiver"}
    agents = [
        agent
        for entry in json.loads(path.read_text(encoding="utf-8"))
        if wanted & set(entry.get("tags", ())) and "ai-crawler" not in entry["tags"]
        for agent in entry["instances"]
    ]
    refused = [
        agent
        for number, agent in enumerate(agents)
        if ask(sent("/page", agent, peer=f"198.51.{number % 250}.9")).verdict
        in (Verdict.DENY, Verdict.TARPIT, Verdict.LIMIT)
    ]
    assert len(agents) > 200
    # The two lists disagree on these: ai.robots.txt calls both AI.
    assert [a for a in refused if not a.startswith(("AwarioRssBot/", "meta-webindexer/"))] == []
