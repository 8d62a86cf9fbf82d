"""Nothing a client can vary about a request lets it further in, and nothing is an exception."""

from __future__ import annotations

import random
from dataclasses import replace
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shiomi.gate.decision import Decision, PreparedPolicy, Verdict, decide
from shiomi.gate.policy import Policy, parse_policy
from shiomi.gate.request import Request
from shiomi.gate.state.memory import MemoryState
from shiomi.gate.trial import BROWSER
from tests.gate.clients_of import NOW

WIDTH = {verdict: -number for number, verdict in enumerate(Verdict)}
STRICT = parse_policy(
    """
    [[path]]
    match = ["/shut/*", "*.zip"]
    action = "deny"
    [[path]]
    match = ["/open/*"]
    action = "allow"
    [[path]]
    match = ["/press/*"]
    purposes = { ai-search = "allow", browser = "budget" }
    [[network]]
    name = "bad"
    addresses = ["203.0.113.0/24"]
    action = "tarpit"
    """
)
AGENTS = st.sampled_from(
    [
        BROWSER,
        "GPTBot/1.2",
        "OAI-SearchBot/1.0",
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "curl/8.14",
        "NewsBlur",
        "Scrapy/2.19",
        "",
        "Twitterbot/1.0",
        "CCBot/2.0",
    ]
)
PATHS = st.sampled_from(
    ["/", "/page", "/shut/x", "/open/x", "/a.zip", "/feed.xml", "/press/1", "/robots.txt",
     "/.well-known/x", "/.gate/pages/ab/", "/.gate/enter", "/.gate/x", "/日本/x"]
)  # fmt: skip
PEERS = st.sampled_from(["192.0.2.7", "66.249.66.1", "203.0.113.5", "2001:db8::1", None])
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(
            ["Cookie", "Accept-Language", "X-Forwarded-For", "Forwarded", "X-Real-IP", "Accept",
             "Sec-Fetch-Dest", "Sec-Fetch-Mode", "Sec-CH-UA", "Signature-Input", "Signature",
             "Signature-Agent", "X-Original-URI", "X-Forwarded-Proto", "Host", "X-Client-IP"]
        ),
        st.one_of(
            st.text(st.characters(max_codepoint=255), max_size=40),
            st.sampled_from(
                ["shiomi-gate=x.y.z", "127.0.0.1", "66.249.66.1", "for=66.249.66.1", "en;q=1"]
            ),
        ),
    ),
    max_size=5,
)  # fmt: skip
POLICIES = st.sampled_from([Policy(), STRICT])


def verdict(request: Request, policy: Policy) -> Decision:
    return decide(request, PreparedPolicy(policy), MemoryState(clients=20), NOW)


def width(request: Request, policy: Policy) -> int:
    return WIDTH[verdict(request, policy).verdict]


def make(path: str, agent: str, peer: str | None, more: list[tuple[str, str]]) -> Request:
    headers = [("User-Agent", agent), *more] if agent else more
    return Request.make(path, peer=peer, headers=headers)


@pytest.mark.slow
@given(PATHS, AGENTS, PEERS, HEADERS, POLICIES, st.randoms(use_true_random=False))
def test_sending_headers_again_or_in_another_case_never_widens(
    path: str,
    agent: str,
    peer: str | None,
    more: list[tuple[str, str]],
    policy: Policy,
    chance: random.Random,
) -> None:
    plain = make(path, agent, peer, more)
    headers = [("User-Agent", agent), *more] if agent else list(more)
    again = headers + [header for header in headers if chance.random() < 0.7]
    odd = [
        ("".join(chance.choice((c.lower(), c.upper())) for c in name), value)
        for name, value in again
    ]
    assert width(Request.make(path, peer=peer, headers=odd), policy) <= width(plain, policy)


@given(PATHS, AGENTS, PEERS, HEADERS, POLICIES)
def test_no_header_but_the_user_agent_and_a_good_cookie_widens(
    path: str, agent: str, peer: str | None, more: list[tuple[str, str]], policy: Policy
) -> None:
    # How a browser's headers fit together is weighed, so a header more may fit better.
    policy = replace(policy, challenge=replace(policy.challenge, suspicious=10_000))
    assert width(make(path, agent, peer, more), policy) <= width(
        make(path, agent, peer, []), policy
    )


@given(PATHS, AGENTS, PEERS, POLICIES, st.randoms(use_true_random=False))
def test_a_path_encoded_anew_gets_the_same_verdict(
    path: str, agent: str, peer: str | None, policy: Policy, chance: random.Random
) -> None:
    def encoded(byte: int) -> str:
        if chance.random() < 0.5:
            return f"%{byte:02x}" if chance.random() < 0.5 else f"%{byte:02X}"
        return quote(bytes([byte]), safe="/")

    spelled = "/" + "".join(encoded(byte) for byte in path[1:].encode())
    plain = verdict(make(quote(path), agent, peer, []), policy)
    assert verdict(make(spelled, agent, peer, []), policy)[:4] == plain[:4]


DETOURS = ["//", "/./", "/x/../", "/%2e/", "/x/%2E%2E/", "/x/..%2f", "/x%2f../", "/%2f/"]
DETOURS += ["/x/..;/", "/;a/", "/.%3b/", "/x%5c..%5c", "\\", "/x;y/../"]


@given(PATHS, AGENTS, PEERS, POLICIES, st.data())
def test_a_path_with_detours_is_never_wider(
    path: str, agent: str, peer: str | None, policy: Policy, data: st.DataObject
) -> None:
    parts = quote(path).split("/")
    spelled = ""
    for part in parts[1:]:
        spelled += data.draw(st.sampled_from(["/", *DETOURS])) + part
    request = make(spelled, agent, peer, [])
    assert request.path == make(quote(path), agent, peer, []).path
    assert width(request, policy) <= width(make(quote(path), agent, peer, []), policy)


@pytest.mark.slow
@settings(max_examples=300)
@given(
    st.text(st.characters(max_codepoint=0x3000), max_size=80),
    st.text(max_size=80),
    st.text(max_size=10),
    HEADERS,
    POLICIES,
)
def test_nothing_that_can_be_sent_is_an_exception(
    target: str, agent: str, method: str, more: list[tuple[str, str]], policy: Policy
) -> None:
    request = Request.make(
        target, peer="192.0.2.7", method=method, headers=[("User-Agent", agent), *more]
    )
    decision = verdict(request, policy)
    if decision.response is not None:
        for name, value in decision.response.headers:
            assert (name + value).isascii()
            assert (name + value).isprintable()


def test_a_user_agent_of_100_kb_is_matched_and_not_remembered() -> None:
    prepared, state = PreparedPolicy(Policy()), MemoryState(clients=20)
    for number in range(50):
        agent = f"Mozilla/5.0 {number} {'x' * 100_000} GPTBot/1.2"
        request = make("/page", agent, "192.0.2.7", [])
        assert decide(request, prepared, state, NOW).verdict is Verdict.DENY
    known = prepared.clients(state.secret)._known
    assert sum(len(agent) for _, agent, _ in known) < 10_000


def test_what_is_remembered_of_clients_is_bounded() -> None:
    clients = PreparedPolicy(Policy()).clients(MemoryState(clients=20).secret)
    for number in range(10_000):
        peer = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
        clients.of(make("/page", f"x{number}", peer, []))
    assert len(clients._known) <= 4096


@pytest.mark.slow
@given(PATHS, st.sampled_from(["GPTBot/1.2", "Googlebot/2.1", "curl/8.14"]), POLICIES)
def test_an_ipv4_address_is_the_same_client_however_it_is_written(
    path: str, agent: str, policy: Policy
) -> None:
    for plain in ("66.249.66.1", "203.0.113.5", "192.0.2.7"):
        octets = [int(part) for part in plain.split(".")]
        hexadecimal = f"{octets[0]:02x}{octets[1]:02x}:{octets[2]:02x}{octets[3]:02x}"
        for spelled in (f"::ffff:{plain}", f"::FFFF:{hexadecimal}", f"0:0:0:0:0:ffff:{plain}"):
            one = verdict(make(path, agent, spelled, []), policy)
            assert one[:4] == verdict(make(path, agent, plain, []), policy)[:4]
