"""10,000 requests of every kind, the same each time, and what `decide` says of each.

Every adapter and every compiled configuration that can say the rule has to give the same verdict.
A request carries the names of what a server may be unable to do (`shiomi.gate.native.GAPS`): a test
leaves those out that its server cannot, counts them, and says so.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

from shiomi.gate.addresses import text_of
from shiomi.gate.client_address import TrustedProxies
from shiomi.gate.decision import PreparedPolicy, decide
from shiomi.gate.identity import Tables, load_tables
from shiomi.gate.identity.published_ranges import range_lists
from shiomi.gate.identity.user_agents import Client
from shiomi.gate.policy import Policy
from shiomi.gate.purpose import Purpose
from shiomi.gate.request import Request
from shiomi.gate.state.memory import MemoryState

__all__ = ["NOW", "Sent", "corpus", "verdicts"]

NOW = 1_790_000_000.0  # Unix seconds

_BROWSERS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/141.0.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like"
    " Gecko) Version/26.0 Mobile/15E148 Safari/604.1",
    "Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1; Trident/4.0)",
    "Lynx/2.9.0dev.12 libwww-FM/2.14 SSL-MM/1.4.1 GNUTLS/3.7.8",
    "Opera/9.80 (Windows NT 6.1; U; en) Presto/2.10.289 Version/12.02",
)
_LIBRARIES = ("", "curl/8.5.0", "python-requests/2.32.3", "Go-http-client/2.0", "Wget/1.21.4", "x")
_PATHS = (
    *("/", "/index.html", "/articles/2026/gate", "/a%20b/%E6%BD%AE", "/search", "/static/site.css"),
    *("/feed", "/feed/", "/blog/feed.xml", "/news.rss", "/tags/python/index.xml", "/feeds"),
    *("/robots.txt", "/.well-known/tdmrep.json", "/.well-known/security.txt", "/robots.txt.bak"),
    *("/private/", "/private/a", "/privately", "/open/data", "/paper.pdf", "/Paper.PDF", "/exact"),
)
_ODD = (
    *(
        "//feed",
        "/blog//feed",
        "/./feed",
        "/a/../feed",
        "/feed/.",
        "/feed/..",
        "/%66eed",
        "/fee%64/",
    ),
    *("//private/a", "/private/../private/a", "/open/../private/a", "/private/../open/data"),
    *("/%70rivate/a", "/open/%2e%2e/private/a", "/a/.%2e/robots.txt", "//robots.txt"),
    *("/robots%2etxt", "/.well-known//x", "/.well-known/../private/a", "/x/../.well-known/y"),
    *("/.well-known/..;/x", "/.well-known/x%3by", "/.well-known/%252e%252e/private/a"),
    *("/exact/.", "/exact/", "/ex%61ct", "/open//data", "/open/./data", "/private%2e/a", "/.feed"),
)
_SLASHED = ("/private%2fa", "/open%2F..%2fprivate/a", "/a%2f..%2ffeed", "/.well-known%2fx")
_PARAMETERS = ("/private;a/b", "/feed;x", "/page;.rss", "/open/..;/private/a", "/feed%3b")
_METHODS = ("GET",) * 12 + ("HEAD", "HEAD", "POST", "PUT", "OPTIONS", "DELETE")


_PROXIES, _NONE = TrustedProxies(("127.0.0.1",)), TrustedProxies()


@dataclass(frozen=True, slots=True)
class Sent:
    """A request, as it goes over the wire."""

    method: str
    target: str
    address: str  # in X-Forwarded-For, from a proxy at 127.0.0.1 that is trusted
    headers: tuple[tuple[str, str], ...]  # of the client, without Host
    needs: frozenset[str] = field(default_factory=frozenset)  # names of gaps that change a verdict

    def request(self, *, forwarded: bool = True) -> Request:
        """The request as `decide` gets it; without `forwarded`, the client is at 127.0.0.1."""
        headers = [("Host", "localhost"), *self.headers]
        if forwarded:
            headers.append(("X-Forwarded-For", self.address))
        proxies = _PROXIES if forwarded else _NONE
        return Request.make(
            self.target, peer="127.0.0.1", method=self.method, headers=headers, proxies=proxies
        )


@cache
def corpus(count: int = 10_000, seed: int = 0) -> tuple[Sent, ...]:
    """Return `count` requests drawn with this seed."""
    draw = random.Random(seed)
    kinds = _agents()
    return tuple(_one(draw, kinds) for _ in range(count))


def _one(draw: random.Random, kinds: Sequence[Sequence[tuple[str, Client | None]]]) -> Sent:
    agent, client = draw.choice(draw.choice(kinds))
    needs: set[str] = set()
    odd = draw.random()
    if odd < 0.1:
        agent = draw.choice((agent.lower(), agent.upper(), agent.swapcase()))
    headers = [("User-Agent", agent)] if agent or draw.random() < 0.5 else []
    if 0.1 <= odd < 0.14:
        other, _ = draw.choice(draw.choice(kinds))
        headers.append(("User-Agent", other))
        needs.add("two-agents")
    elif 0.14 <= odd < 0.16:
        headers = [("User-Agent", agent + draw.choice((" x", "; y")) * 800)]
        needs.add("long-agents")
    if draw.random() < 0.3:
        headers.append(("Cookie", draw.choice(("a=b", "shiomi-gate=forged", "shiomi-gate="))))
    if draw.random() < 0.5:
        headers += [("Accept", "text/html"), ("Accept-Language", "ja, en;q=0.5")]
    if draw.random() < 0.05:
        headers.append(("X-Real-IP", "66.249.64.1"))  # nobody was told to believe it
    which = draw.random()
    target = draw.choice(_PATHS if which < 0.7 else _ODD)
    if which > 0.97:
        target = draw.choice(_SLASHED)
        needs.add("encoded-slash")
    if 0.95 < which <= 0.97:
        target = draw.choice(_PARAMETERS)
        needs.add("path-parameters")
    if which < 0.03:
        target = f"/.gate/pages/{draw.randrange(16**8):x}/"
        needs.add("trap")
    if target.endswith(("/.", "/..")):
        needs.add("trailing-dot")
    if draw.random() < 0.15:
        target += draw.choice(("?", "?page=2", "?a=/robots.txt", "?x=.rss", "?/feed"))
    return Sent(
        draw.choice(_METHODS), target, _address(draw, client), tuple(headers), frozenset(needs)
    )


def _address(draw: random.Random, client: Client | None) -> str:
    """An address of the client's published ranges, of somebody else's, or of nobody's."""
    ranges = _ranges()
    which = draw.random()
    if client is not None and client.verify.ranges and which < 0.5:
        name = draw.choice(client.verify.ranges)
    elif which < 0.65:
        name = draw.choice(sorted(ranges))
    elif which < 0.8:
        return draw.choice(("203.0.113.9", "198.51.100.77", "2001:db8:1::5"))
    else:
        return f"{draw.randrange(11, 120)}.{draw.randrange(256)}.{draw.randrange(256)}.7"
    packed, length = draw.choice(ranges[name])
    host = draw.getrandbits(len(packed) * 8 - length) if length < len(packed) * 8 else 0
    return text_of((int.from_bytes(packed, "big") | host).to_bytes(len(packed), "big"))


_ranges = cache(range_lists)


@cache
def _tables() -> Tables:
    return load_tables()


def _agents() -> list[list[tuple[str, Client | None]]]:
    """Agents by purpose: one for every pattern that is a plain name, and whole ones."""
    kinds: dict[Purpose, list[tuple[str, Client | None]]] = {purpose: [] for purpose in Purpose}
    for pattern in _tables().agents.patterns:
        name = pattern.client.name
        if name.isascii() and name.isprintable():
            whole = f"Mozilla/5.0 (compatible; {name}/1.0; +https://bot.example/info)"
            for agent in (f"{name}/2.1", whole):
                client = _tables().agents.client(agent)
                kinds[client.purpose].append((agent, client))
    kinds[Purpose.BROWSER] += [(agent, None) for agent in _BROWSERS]
    kinds[Purpose.LIBRARY] += [(agent, None) for agent in _LIBRARIES]
    kinds[Purpose.BROWSER] += [(f"{browser} GPTBot", None) for browser in _BROWSERS[:2]]
    return [agents for agents in kinds.values() if agents]


def verdicts(requests: Sequence[Sent], policy: Policy, *, forwarded: bool = True) -> list[str]:
    """What `decide` says of each request, a Verdict's word.

    All share a state, as budgets are to be wide; one that comes into the trap has its own.
    """
    prepared, state = PreparedPolicy(policy), MemoryState(clients=20_000)
    said = []
    for sent in requests:
        own = MemoryState(clients=1) if "trap" in sent.needs else state
        request = sent.request(forwarded=forwarded)
        said.append(decide(request, prepared, own, NOW).verdict.value)
    return said
