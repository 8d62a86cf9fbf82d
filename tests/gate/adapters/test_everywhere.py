"""The same site behind the gate in every way there is behaves the same, over real HTTP."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.gate.adapters.stacks import STACKS, Stack, stack
from tests.gate.http_client import BROWSER, Answer, Visitor, fetch

pytestmark = pytest.mark.process

POLICY = """\
[budget.people]
address = "600/minute, burst 40"

[budget.strangers]
address = "60/minute, burst 30"

[budget.feeds]
address = "60/minute, burst 30"

[proxies]
trusted = ["127.0.0.9"]
"""


@pytest.fixture(scope="module", params=STACKS)
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp(request.param)
    policy = folder / "gate.toml"
    policy.write_text(POLICY, encoding="utf-8")
    with stack(request.param, folder, policy) as running:
        yield running


_number = iter(range(1, 250))


@pytest.fixture
def source() -> str:
    """An address nobody had before, in a /24 of its own: each test begins with full budgets."""
    return f"127.{next(_number)}.0.1"


def test_a_browser_reaches_the_page_in_two_hops_and_once_only(site: Stack, source: str) -> None:
    visitor = Visitor(site.port, source=source)
    answer = visitor.visit("/page/1?a=1")
    assert (answer.status, visitor.hops) == (200, 2)
    assert "The site's own page" in answer.text
    assert visitor.get("/page/2").status == 200


def test_the_first_answer_holds_nothing_of_the_page(site: Stack, source: str) -> None:
    answer = fetch(site.port, "/page/1", source=source)
    assert answer.status == 403
    assert answer.header("refresh").startswith("1; url=/.gate/")
    assert "no-store" in answer.header("cache-control")
    assert "own page" not in answer.text
    assert "<button" in answer.text


@pytest.mark.parametrize("agent", ["GPTBot/1.2", "mozilla/5.0 (compatible; gptbot/1.2)", "CCBot"])
def test_training_crawlers_are_denied_in_any_case(site: Stack, source: str, agent: str) -> None:
    answer = fetch(site.port, "/page/1", agent=agent, source=source)
    assert answer.status == 403
    assert "own page" not in answer.text
    assert "refresh" not in answer.header("refresh")


@pytest.mark.parametrize("agent", [BROWSER, "GPTBot/1.2", None, "curl/8.14"])
def test_robots_txt_is_served_to_everybody(site: Stack, source: str, agent: str | None) -> None:
    answer = fetch(site.port, "/robots.txt?x", agent=agent, source=source)
    assert answer.status == 200
    assert "User-agent" in answer.text


def test_feeds_are_never_challenged(site: Stack, source: str) -> None:
    for agent in ("newsboat/2.40", "curl/8.14", BROWSER):
        answer = fetch(site.port, "/feed.xml", agent=agent, source=source)
        assert (answer.status, "The feed" in answer.text) == (200, True)


def test_a_library_gets_no_page(site: Stack, source: str) -> None:
    for agent in ("curl/8.14", "python-requests/2.32", None, ""):
        answer = fetch(site.port, "/page/1", agent=agent, source=source)
        assert (answer.status, "own page" in answer.text) == (403, False)


def test_what_is_sent_without_the_cookie_is_refused_and_with_it_arrives(
    site: Stack, source: str
) -> None:
    visitor = Visitor(site.port, source=source)
    body = b"x" * 100_000
    assert visitor.get("/echo", "POST", body).status == 403
    visitor.visit("/")
    answer = visitor.get("/echo", "POST", body)
    assert (answer.status, answer.text) == (200, "100000")


def test_head_has_the_headers_of_get_and_no_body(site: Stack, source: str) -> None:
    visitor = Visitor(site.port, source=source)
    challenged = visitor.get("/page/1", "HEAD")
    assert (challenged.status, challenged.body) == (403, b"")
    page = visitor.visit("/page/1")
    head = visitor.get("/page/1", "HEAD")
    assert (head.status, head.body) == (200, b"")
    assert head.header("content-length") in ("", "0", page.header("content-length"))


def test_pages_carry_the_traps_link_and_say_their_true_length(site: Stack, source: str) -> None:
    if site.name in ("nginx", "caddy"):
        pytest.skip("a web server puts nothing into pages: the site does, from X-Gate-Trap")
    visitor = Visitor(site.port, source=source)
    page = visitor.visit("/page/1")
    assert page.text.count('rel="nofollow"') == 1
    assert page.text.endswith("</a></body></html>")
    assert page.header("content-length") in ("", str(len(page.body)))


def further(warning: Answer) -> str:
    """Where the trap's first page warns of going."""
    found = re.search(r'href="([^"]*/more[^"]*)"', warning.text)
    assert found is not None, warning.text
    return found[1].replace("&amp;", "&")


def test_a_robot_that_follows_the_trap_loses_its_cookie(site: Stack, source: str) -> None:
    visitor = Visitor(site.port, source=source)
    visitor.visit("/page/1")
    warning = visitor.get("/.gate/pages/0123abcd/")
    assert warning.status == 200
    assert visitor.get("/page/2").status == 200  # once is no crime
    deeper = warning.text.partition('<a href="')[2].partition('"')[0]  # signed for this visitor
    assert visitor.get(deeper).status == 403
    banned = visitor.get("/page/2")
    assert (banned.status, "own page" in banned.text) == (403, False)
    assert fetch(site.port, "/robots.txt", source=source).status == 200
    assert Visitor(site.port, source=f"{source[:-1]}2").visit("/page/2").status == 200


def test_a_used_up_budget_is_429_with_the_time_to_wait(site: Stack, source: str) -> None:
    answers = [fetch(site.port, "/feed.xml", source=source) for _ in range(35)]
    statuses = [answer.status for answer in answers]
    assert statuses.count(200) in (30, 31)  # and what comes back while this runs
    assert statuses[-1] == 429
    assert int(answers[-1].header("retry-after")) >= 1
    assert "own page" not in answers[-1].text


def test_a_used_up_budget_of_strangers_leaves_the_button(site: Stack, source: str) -> None:
    answers = [fetch(site.port, "/page/1", source=source) for _ in range(35)]
    assert {answer.status for answer in answers} == {403}
    assert [bool(answers[number].header("refresh")) for number in (0, -1)] == [True, False]
    assert '<form method="post"' in answers[-1].text


def test_an_untrusted_clients_word_on_its_address_is_not_believed(site: Stack, source: str) -> None:
    statuses = [
        fetch(
            site.port,
            "/feed.xml",
            source=source,
            headers=[
                ("X-Forwarded-For", f"10.0.0.{number}"),
                ("Forwarded", f"for=10.0.0.{number}"),
                ("X-Real-IP", f"10.0.0.{number}"),
            ],
        ).status
        for number in range(35)
    ]
    assert statuses[-1] == 429


def test_a_trusted_proxys_word_is_believed_and_only_its_own(site: Stack, source: str) -> None:
    if site.name == "caddy":
        pytest.skip("Caddy has a list of its own, trusted_proxies, and none is set here")
    client = source.replace("127", "10", 1)

    def status(spoofed: str) -> int:
        headers = [("X-Forwarded-For", f"{spoofed}, {client}")]
        return fetch(site.port, "/feed.xml", source="127.0.0.9", headers=headers).status

    assert [status(f"10.99.0.{number}") for number in range(35)][-1] == 429
    headers = [("X-Forwarded-For", client.replace("10", "11", 1))]
    assert fetch(site.port, "/feed.xml", source="127.0.0.9", headers=headers).status == 200


def test_odd_spellings_of_a_path_are_no_way_round(site: Stack, source: str) -> None:
    """Robots.txt and feeds are open; what only looks like them to one of two readers is not."""
    for path in (
        "/robots.txt/../page/1",
        "//page/1",
        "/page/1;feed.xml",
        "/robots.txt%2f..%2fpage/1",
        "/page/1?/feed.xml",
        "/.well-known/../page/1",
        "/.gate/../page/1",
    ):
        answer = fetch(site.port, path, agent="GPTBot/1.2", source=source)
        assert answer.status in (400, 403, 404), path
        assert "own page" not in answer.text, path


def test_the_headers_of_forward_auth_from_a_client_change_nothing(site: Stack, source: str) -> None:
    """A web server sets one of the two pairs, and passes on the other as the client sent it."""
    for kind in ("Original", "Forwarded"):
        for uri in ("/.well-known/x", "/feed.xml"):
            for name in (f"X-{kind}-URI", f"x_{kind}_uri"):
                sent = [(name, uri), (f"X-{kind}-Method", "GET"), ("X-Gate-Verdict", "allow")]
                for agent in ("GPTBot/1.2", BROWSER):
                    answer = fetch(site.port, "/page/1", agent=agent, headers=sent, source=source)
                    assert answer.status == 403, (sent, agent)


def test_a_cookie_is_good_for_its_own_client_alone(site: Stack, source: str) -> None:
    visitor = Visitor(site.port, source=source)
    visitor.visit("/page/1")
    other = Visitor(site.port, source=source, agent="curl/8.14", cookies=dict(visitor.cookies))
    assert other.get("/page/1").status == 403
    name, value = next(iter(visitor.cookies.items()))
    visitor.cookies = {name: value[:-1] + ("A" if value[-1] != "A" else "B")}
    assert visitor.get("/page/1").status == 403


def test_the_way_back_from_the_challenge_leads_to_this_site_only(site: Stack, source: str) -> None:
    visitor = Visitor(site.port, source=source)
    challenged = visitor.get("/page/1")
    enter = challenged.header("refresh").partition("url=")[2]
    for evil in (
        "//evil.example/",
        "https://evil.example/",
        "/\\evil.example",
        "%2f%2fevil.example",
    ):
        answer = visitor.get(f"{enter.partition('to=')[0]}to={evil}")
        location = answer.header("location")
        assert not location.startswith(("//", "/\\", "http://evil", "https:")), evil
