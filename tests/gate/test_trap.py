"""The trap: a robot that follows every link is caught, a person is not."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

import html5lib
import pytest

from shiomi.gate.cookie import Signer
from shiomi.gate.decision import Decision, PreparedPolicy, Verdict, decide
from shiomi.gate.identity import Identity, load_tables
from shiomi.gate.pages import languages
from shiomi.gate.policy import Action, Policy, parse_policy
from shiomi.gate.request import Request
from shiomi.gate.state.memory import MemoryState
from shiomi.gate.trap import page_name, trap_link, trap_token
from tests.gate.clients_of import NOW, browser, button, cookies_of, refresh, sent

POLICY = Policy()
TABLES = load_tables()
DAY = 86400.0


class Visitor:
    """A browser that has passed the challenge, at a gate of its own."""

    def __init__(self, policy: Policy = POLICY) -> None:
        self.policy = policy
        self.prepared = PreparedPolicy(policy)
        self.state = MemoryState(clients=1000)
        self.now = NOW
        self.signer = Signer(policy.cookie, self.state.secret)
        self.cookie = ("Cookie", f"shiomi-gate={self.signer.cookie(browser(), NOW)}")

    def get(self, target: str, *headers: tuple[str, str], peer: str = "192.0.2.7") -> Decision:
        return self.ask(browser(target, self.cookie, *headers, peer=peer))

    def ask(self, request: Request) -> Decision:
        return decide(request, self.prepared, self.state, self.now)

    def link(self, page: str, to: Request | None = None) -> str:
        """The address of the trap in a page as this browser, or another client, was sent it."""
        token = trap_token(to or browser(), self.signer, self.now)
        found = re.search(r'href="([^"]+)"', trap_link(self.policy, token, page_name(page)))
        assert found is not None
        return unescape(found[1])


def deeper(decision: Decision) -> str:
    assert decision.response is not None
    found = re.search(r'<a href="([^"]+)"', decision.response.body.decode())
    assert found is not None
    return unescape(found[1])


def test_one_visit_is_a_warning() -> None:
    visitor = Visitor()
    answer = visitor.get(visitor.link("/page/1"))
    assert (answer.verdict, answer.reason) == (Verdict.ANSWER, "trap-warning")
    assert visitor.get("/page/2").verdict is Verdict.ALLOW


def test_a_warning_may_be_reloaded() -> None:
    visitor = Visitor()
    for _ in range(20):
        assert visitor.get(visitor.link("/page/1")).reason == "trap-warning"


def test_who_comes_to_several_trap_pages_loses_the_cookie() -> None:
    visitor = Visitor()
    reasons = [visitor.get(visitor.link(f"/page/{number}")).reason for number in range(3)]
    assert reasons == ["trap-warning", "trap-warning", "trap"]
    banned = visitor.get("/page/1")
    assert (banned.verdict, banned.reason) == (Verdict.DENY, "revoked")


def test_who_follows_the_warned_of_link_loses_the_cookie_at_once() -> None:
    visitor = Visitor()
    warning = visitor.get(visitor.link("/page/1"))
    assert visitor.get(deeper(warning)).reason == "trap"
    assert visitor.get("/page/1").reason == "revoked"


def test_the_verdict_reaches_the_cookie_wherever_it_is_brought_from() -> None:
    visitor = Visitor()
    visitor.get(deeper(visitor.get(visitor.link("/page/1"))))
    assert visitor.get("/page/1", peer="192.0.2.99").reason == "revoked"
    neighbour = visitor.ask(browser("/page/1", peer="192.0.2.99"))
    assert neighbour.verdict is Verdict.CHALLENGE


def test_two_who_pass_the_challenge_in_the_same_second_share_no_cookie_to_be_banned() -> None:
    signer = Signer(POLICY.cookie, MemoryState(clients=1).secret)
    assert len({signer.cookie(browser(), NOW) for _ in range(100)}) == 100


def test_who_shares_address_and_user_agent_with_the_banned_reads_on() -> None:
    visitor, other = Visitor(), Visitor()
    other.state = visitor.state
    earlier = Signer(visitor.policy.cookie, visitor.state.secret).cookie(browser(), NOW - 60)
    other.cookie = ("Cookie", f"shiomi-gate={earlier}")
    visitor.get(deeper(visitor.get(visitor.link("/page/1"))))
    assert visitor.get("/page/1").reason == "revoked"
    assert other.get("/page/1").verdict is Verdict.ALLOW
    newcomer = visitor.ask(browser("/page/1"))
    assert (newcomer.verdict, newcomer.reason) == (Verdict.CHALLENGE, "revoked")
    assert refresh(newcomer) == ""
    tried = ("Cookie", "shiomi-gate-try=1")
    assert visitor.ask(browser(button(newcomer), tried)).reason == "stale"  # good for POST alone
    visitor.now += 1.0
    entered = visitor.ask(browser(button(newcomer), tried, method="POST"))
    given = cookies_of(entered)["shiomi-gate"]
    assert visitor.ask(browser("/page/1", ("Cookie", f"shiomi-gate={given}"))).verdict is (
        Verdict.ALLOW
    )
    assert visitor.ask(browser("/feed.xml")).verdict is Verdict.ALLOW


def test_a_browser_that_is_not_challenged_presses_the_button_after_a_ban() -> None:
    visitor = Visitor(parse_policy("[purpose.browser]\naction = 'budget'"))
    visitor.cookie = ("X-None", "")
    visitor.get(deeper(visitor.get(visitor.link("/page/1"))))
    assert visitor.get("/page/1").verdict is Verdict.CHALLENGE
    assert visitor.get("/feed.xml").verdict is Verdict.ALLOW


def test_visits_of_several_people_behind_one_address_do_not_add_up() -> None:
    visitor = Visitor()
    signer = Signer(visitor.policy.cookie, visitor.state.secret)
    for number in range(10):
        visitor.cookie = ("Cookie", f"shiomi-gate={signer.cookie(browser(), NOW - number)}")
        assert visitor.get(visitor.link(f"/page/{number}")).reason == "trap-warning"


def test_the_ban_ends() -> None:
    visitor = Visitor()
    visitor.get(deeper(visitor.get(visitor.link("/page/1"))))
    visitor.now += DAY - 60
    assert visitor.get("/page/1").reason == "revoked"
    visitor.now += 120
    assert visitor.get("/page/1").verdict is Verdict.ALLOW


def test_the_banned_may_still_read_robots_txt_and_cannot_pass_the_challenge_anew() -> None:
    visitor = Visitor()
    visitor.get(deeper(visitor.get(visitor.link("/page/1"))))
    assert visitor.get("/robots.txt").verdict is Verdict.ALLOW
    assert visitor.get("/.gate/enter?t=x&to=/").reason == "revoked"


def test_links_of_a_page_kept_for_hours_do_not_count() -> None:
    visitor = Visitor()
    links = [visitor.link(f"/page/{number}") for number in range(10)]
    visitor.now += 3 * 3600.0
    assert {visitor.get(link).reason for link in links} == {"trap-warning"}


def test_visits_far_apart_are_no_robots() -> None:
    visitor = Visitor()
    for number in range(10):
        assert visitor.get(visitor.link(f"/page/{number}")).reason == "trap-warning"
        visitor.now += 3601.0


def test_nobody_is_led_into_the_trap_by_another_page() -> None:
    visitor = Visitor()
    for number in range(10):
        link = visitor.link(f"/page/{number}")
        assert visitor.ask(browser(link)).reason == "trap-warning"  # another site's image
        image = visitor.get(link, ("Sec-Fetch-Dest", "image"))  # an image in this site's forum
        assert image.reason == "trap-warning"
        for header in (
            ("Sec-Fetch-Site", "cross-site"),  # a popup of another site
            ("Sec-Fetch-Site", "same-site"),
            ("Sec-Purpose", "prefetch;prerender"),
            ("Purpose", "prefetch"),
            ("X-Moz", "prefetch"),
        ):
            assert visitor.get(link, header).reason == "trap-warning"
    other = Visitor()
    others = deeper(other.get(other.link("/page/1")))
    assert visitor.get(others).reason == "trap-warning"
    for number in range(10):  # made up, or signed for somebody else
        assert visitor.get(f"/.gate/pages/x{number}/").reason == "trap-warning"
        theirs = visitor.link(f"/page/{number}", browser(peer="198.51.100.7"))
        assert visitor.get(theirs).reason == "trap-warning"
    assert visitor.get("/page/1").verdict is Verdict.ALLOW


def test_a_robot_that_is_let_through_by_its_word_is_caught_without_a_cookie() -> None:
    visitor = Visitor()
    agent = "NewsBlur Page Fetcher"
    warning = visitor.ask(sent(visitor.link("/page/1", sent(agent=agent)), agent))
    assert visitor.ask(sent(deeper(warning), agent)).reason == "trap"
    assert visitor.ask(sent("/page/1", agent)).reason == "revoked"


def test_a_proven_search_engine_is_not_caught() -> None:
    visitor = Visitor()
    client = TABLES.agents.client("Googlebot/2.1")
    for number in range(10):
        link = visitor.link(f"/page/{number}", sent(agent="Googlebot/2.1", peer="66.249.66.1"))
        request = sent(link, "Googlebot/2.1", peer="66.249.66.1")
        decision = decide(
            request, visitor.prepared, visitor.state, NOW, identity=Identity(client, True, "ranges")
        )
        assert decision.reason == "trap-warning"


def test_a_trap_that_is_not_wanted_is_no_page() -> None:
    visitor = Visitor(replace(POLICY, trap=replace(POLICY.trap, enabled=False)))
    answer = visitor.get("/.gate/pages/0123/")
    assert answer.response is not None
    assert answer.response.status == 404


def test_a_tarpit_refuses_over_its_time() -> None:
    visitor = Visitor(replace(POLICY, trap=replace(POLICY.trap, action=Action.TARPIT)))
    answer = visitor.get(deeper(visitor.get(visitor.link("/page/1"))))
    assert answer.verdict is Verdict.TARPIT
    assert answer.response is not None
    assert answer.response.seconds == 20.0


@pytest.mark.parametrize("language", languages())
def test_the_link_is_labelled_and_out_of_the_tab_keys_way(language: str) -> None:
    link_text = trap_link(POLICY, "token", page_name("/page"), language)
    tree = html5lib.parseFragment(link_text, namespaceHTMLElements=False)
    link = tree.find("a")
    assert len(link.text) > 10
    assert link.get("lang") == language
    assert (link.get("rel"), link.get("tabindex")) == ("nofollow", "-1")
    assert link.get("hidden") is not None  # a Content-Security-Policy may forbid the style
    assert link.get("href").startswith("/.gate/")  # which robots.txt disallows


def test_every_page_has_a_trap_of_its_own() -> None:
    visitor = Visitor()
    assert len({visitor.link(f"/page/{number}") for number in range(100)}) == 100
