"""Policy: the action for each client, as frozen dataclasses with the names of the policy file.

`policy_file.py` reads and checks the file. Every key has a default, so `Policy()` is the policy
that `shiomi gate policy` writes. It denies AI crawlers that train or index, and lets search
engines, previews, archives and feeds through. All other clients must pass the challenge once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from types import MappingProxyType

from shiomi.gate.purpose import Purpose

__all__ = [
    "ALWAYS_SERVED",
    "Action",
    "Budget",
    "Challenge",
    "Cookie",
    "NetworkRule",
    "PathRule",
    "Policy",
    "Programs",
    "Proxies",
    "PurposeRule",
    "Rate",
    "Robots",
    "Signals",
    "Tarpit",
    "Trap",
]

ALWAYS_SERVED = ("/robots.txt", "/.well-known/*")
"""Patterns of paths that are served to everybody, because they hold rules for robots and people."""


class Action(StrEnum):
    """The actions that a policy can take, widest first."""

    ALLOW = "allow"  # let through, counted by no budget
    BUDGET = "budget"  # let through until its budget is used up, then 429
    CHALLENGE = "challenge"  # let through, within its budget, with the challenge's cookie
    TARPIT = "tarpit"  # refuse; slowly if the server can
    DENY = "deny"  # refuse

    def narrower(self, other: Action) -> Action:
        """Return the stricter of two actions."""
        return self if _ORDER[self] >= _ORDER[other] else other


_ORDER = {action: number for number, action in enumerate(Action)}


@dataclass(frozen=True, slots=True)
class Rate:
    """A token bucket: `amount` tokens are added per `seconds`, up to `burst` tokens."""

    amount: int
    seconds: float
    burst: int

    @property
    def interval(self) -> float:
        """Return the seconds in which one token is added (GCRA's emission interval)."""
        return self.seconds / self.amount

    @property
    def ahead(self) -> float:
        """Return the seconds by which a bucket may be ahead of its rate (GCRA's tolerance)."""
        return self.interval * (self.burst - 1)


@dataclass(frozen=True, slots=True)
class Budget:
    """[budget.NAME]: the rate of each level; None: the level does not count requests."""

    address: Rate | None = None  # an IPv4 address, or a /64 of IPv6
    prefix: Rate | None = None  # a /24, or a /48 of IPv6
    network: Rate | None = None  # a named [[network]]; else a /16, or a /32 of IPv6
    all: Rate | None = None  # all clients with this budget together


@dataclass(frozen=True, slots=True)
class PurposeRule:
    """[purpose.NAME]: what happens to clients of one purpose."""

    action: Action
    unverified: Action  # for clients whose claim is not proven
    budget: str = "crawlers"  # which [budget.NAME] counts them


@dataclass(frozen=True, slots=True)
class PathRule:
    """[[path]]: the first rule that matches a path counts.

    "*" in a pattern stands for any characters: "/feed/*", "*.rss", "*/raw/*".
    """

    match: tuple[str, ...]
    action: Action | None = None  # for all clients; None: the action of the client's purpose
    purposes: Mapping[Purpose, Action] = field(default_factory=lambda: MappingProxyType({}))
    challenge: bool = True  # False: count by a budget instead of challenging
    budget: str = ""  # which budget counts here; "": the purpose's budget


_PROGRAMS = """
    */info/refs */git-upload-pack */git-receive-pack */info/lfs/* /v2/ /v2/*/manifests/*
    /v2/*/blobs/* /v2/*/tags/list */simple/*/ *.whl */dists/* *.deb */repodata/* *.rpm */-/*.tgz
    */@v/* */@latest *.crate */webhook */webhook/* */webhooks */webhooks/* /hooks/*
    /remote.php/* /dav/* /caldav/* /carddav/* /webdav/* */manifest.json *.webmanifest
    /favicon.ico /apple-touch-icon* /browserconfig.xml /opensearch.xml /sitemap*.xml *.mp3 *.m4a
    *.ogg *.opus
"""
_FEEDS = """
    *.rss *.atom */feed */feed/ */rss */rss/ */atom */atom.xml */feed.xml */feed.json */rss.xml
    */index.xml
"""


@dataclass(frozen=True, slots=True)
class Programs:
    """[programs] and [feeds]: paths for clients that are not browsers and cannot pass a challenge.

    A client that would be challenged is counted by the budget; a denied client stays denied.
    """

    match: tuple[str, ...]
    budget: str


@dataclass(frozen=True, slots=True)
class NetworkRule:
    """[[network]]: addresses that share a budget and may have a separate action."""

    name: str
    addresses: tuple[str, ...]  # "192.0.2.0/24", "2001:db8::/32", "192.0.2.1"
    action: Action | None = None  # stricter than the purpose's, or allow; None: only the budget


@dataclass(frozen=True, slots=True)
class Challenge:
    """[challenge]: the small page without JavaScript that is sent before the first page."""

    path: str = "/.gate/"  # where the gate's own pages are
    status: int = 403  # status of the page; 403, 429, 503, or 200
    wait_seconds: int = 0  # seconds until the browser continues; people need not read the page
    script: bool = True  # with JavaScript on, keeps the #fragment of the address
    minutes: int = 30  # minutes for which the page is valid; after that it is shown again
    budget: str = "strangers"  # which budget counts clients without the cookie
    other_methods: Action = Action.DENY  # for POST etc. without the cookie: deny or budget
    suspicious: int = 100  # if bad headers weigh this much or more, "budget" becomes "challenge"


@dataclass(frozen=True, slots=True)
class Cookie:
    """[cookie]: the cookie that the challenge sets."""

    name: str = "shiomi-gate"
    hours: int = 168  # hours for which the cookie is valid
    # The first key signs new cookies; cookies signed with any key are accepted. If there are no
    # keys, the state's secret is used.
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Trap:
    """[trap]: a link that robots.txt forbids, with a warning for people."""

    enabled: bool = True
    visits: int = 3  # visits to first pages within `minutes`; one visit to a second page is enough
    minutes: int = 60
    ban_hours: int = 24
    action: Action = Action.DENY  # or tarpit


@dataclass(frozen=True, slots=True)
class Tarpit:
    """[tarpit]: how slowly a refusal is sent, if the server can do so cheaply."""

    seconds: int = 20
    connections: int = 50  # slow refusals at a time; further requests are refused at once


@dataclass(frozen=True, slots=True)
class Proxies:
    """[proxies]: the proxies that are trusted to give the client's address; by default none."""

    trusted: tuple[str, ...] = ()  # addresses and networks, or "unix"
    header: str = "x-forwarded-for"


@dataclass(frozen=True, slots=True)
class Robots:
    """[robots]: the robots.txt made from this policy."""

    serve: bool = True  # the gate answers /robots.txt itself; False: the site does
    file: str = ""  # the site's own robots.txt to merge; middleware asks the site
    sitemaps: tuple[str, ...] = ()
    license: str = ""  # a URL with terms in RSL 1.0, for the `License:` line
    disallow: tuple[str, ...] = ()  # paths that no crawler should fetch


@dataclass(frozen=True, slots=True)
class Signals:
    """[signals]: statements on the use of pages. They follow from the purposes."""

    content_usage: bool = True  # Content-Usage (IETF aipref), as a header and in robots.txt
    content_signal: bool = True  # Content-Signal in robots.txt
    x_robots_tag: bool = True  # X-Robots-Tag: noai
    tdm_reservation: bool = True  # TDMRep: header and /.well-known/tdmrep.json
    tdm_policy: str = ""  # a URL with the terms of a licence


def _default_purposes() -> Mapping[Purpose, PurposeRule]:
    allow, budget, challenge, deny = Action.ALLOW, Action.BUDGET, Action.CHALLENGE, Action.DENY
    return MappingProxyType(
        {
            Purpose.AI_TRAINING: PurposeRule(deny, deny),
            Purpose.AI_SEARCH: PurposeRule(deny, deny),
            Purpose.USER_FETCH: PurposeRule(budget, challenge),
            Purpose.SEARCH_ENGINE: PurposeRule(allow, budget),
            Purpose.MIXED: PurposeRule(allow, budget),
            Purpose.LINK_PREVIEW: PurposeRule(allow, budget, "previews"),
            Purpose.ARCHIVE: PurposeRule(allow, budget),
            Purpose.FEED_READER: PurposeRule(budget, budget),
            Purpose.MONITOR: PurposeRule(budget, budget, "monitors"),
            Purpose.TOOL: PurposeRule(challenge, challenge, "people"),
            Purpose.LIBRARY: PurposeRule(challenge, challenge, "people"),
            Purpose.BROWSER: PurposeRule(challenge, challenge, "people"),
        }
    )


def _default_budgets() -> Mapping[str, Budget]:
    def rate(amount: int, burst: int) -> Rate:
        return Rate(amount, 60.0, burst)

    return MappingProxyType(
        {
            "people": Budget(rate(1800, 1500), rate(6000, 3000), rate(60000, 12000), None),
            "strangers": Budget(rate(300, 300), rate(1500, 600), rate(6000, 2000), None),
            "crawlers": Budget(rate(60, 60), rate(120, 120), rate(600, 300), rate(3000, 1500)),
            "previews": Budget(rate(6, 20), rate(30, 60), rate(300, 300), None),
            "monitors": Budget(rate(12, 30), rate(60, 120), rate(600, 600), None),
            "programs": Budget(rate(600, 600), rate(3000, 1500), rate(12000, 3000), None),
            "feeds": Budget(rate(30, 30), rate(120, 120), rate(1200, 600), None),
        }
    )


@dataclass(frozen=True)  # no slots, so that cached properties work
class Policy:
    """All settings of a policy file."""

    purposes: Mapping[Purpose, PurposeRule] = field(default_factory=_default_purposes)
    paths: tuple[PathRule, ...] = ()
    programs: Programs = Programs(tuple(_PROGRAMS.split()), "programs")
    feeds: Programs = Programs(tuple(_FEEDS.split()), "feeds")
    networks: tuple[NetworkRule, ...] = ()
    budgets: Mapping[str, Budget] = field(default_factory=_default_budgets)
    challenge: Challenge = Challenge()
    cookie: Cookie = Cookie()
    trap: Trap = Trap()
    tarpit: Tarpit = Tarpit()
    proxies: Proxies = Proxies()
    robots: Robots = Robots()
    signals: Signals = Signals()
    contact: str = ""  # shown to refused clients: an address or a URL
    on_failure: Action = Action.DENY  # if the state or the gate's service cannot be reached

    @cached_property
    def rules(self) -> tuple[PathRule, ...]:
        """Return all rules on paths in their order: [[path]], [programs], [feeds]."""
        rules = [
            PathRule(one.match, challenge=False, budget=one.budget)
            for one in (self.programs, self.feeds)
            if one.match
        ]
        return (*self.paths, *rules)

    @cached_property
    def weighs(self) -> bool:
        """Return whether the inconsistent headers of a browser can change its verdict."""
        rule = self.purposes[Purpose.BROWSER]
        actions = [rule.unverified]
        actions += [path.action for path in self.paths if path.action]
        actions += [path.purposes.get(Purpose.BROWSER, rule.unverified) for path in self.paths]
        return Action.BUDGET in actions
