"""Summarise who crawls the site, the cost, and what a policy would have done, in one pass.

The verdicts come from `decide` itself. It gets the times of the log, so budgets fill and empty as
they would have done. A client that claims to be a browser is assumed to pass its first challenge
and to have the cookie from then on. All other clients are assumed to fail the challenge. So a robot
that poses as a browser counts as passed, even if it would have failed. The gate therefore keeps out
at least as many requests as the report shows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from shiomi.gate.cookie import Signer
from shiomi.gate.decision import REFUSED, PreparedPolicy, Verdict, decide
from shiomi.gate.identity import Tables, identify
from shiomi.gate.identity.user_agents import Client
from shiomi.gate.policy import Policy
from shiomi.gate.purpose import Purpose
from shiomi.gate.report.access_log import Hit
from shiomi.gate.report.behaviour import Behaviour, Behaviours
from shiomi.gate.request import Request
from shiomi.gate.state import State

__all__ = ["ClientRow", "Summary", "Suspect", "summarise"]

_WANTED = (Purpose.SEARCH_ENGINE, Purpose.LINK_PREVIEW, Purpose.ARCHIVE, Purpose.FEED_READER)
_MOST_CLIENTS = 5_000  # client names with rows of their own; all further names share one row
_MOST_ADDRESSES = 20_000  # different addresses counted per client
_OTHERS = "others"
_MOST_SUSPECTS = 1_000
_SHOWN_ADDRESSES = 3  # the most addresses that are shown for one suspect


@dataclass(slots=True)
class ClientRow:
    """One client by name, over all its addresses."""

    name: str
    purpose: Purpose
    operator: str
    requests: int = 0
    bytes: int = 0
    robots: int = 0  # fetched robots.txt
    first: int = 0  # Unix seconds
    last: int = 0
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)  # "2xx"
    unproven: int = 0  # requests from addresses outside the operator's ranges
    _addresses: set[int] = field(default_factory=set)

    @property
    def addresses(self) -> int:
        """Return the number of addresses, at most 20,000."""
        return len(self._addresses)

    def note(self, hit: Hit, verdict: Verdict, *, lies: bool) -> None:
        """Add one hit to the counts of this row."""
        self.requests += 1
        self.bytes += hit.bytes
        self.robots += hit.target.partition("?")[0] == "/robots.txt"
        self.first = min(self.first or hit.time, hit.time)
        self.last = max(self.last, hit.time)
        self.verdicts[verdict] += 1
        self.statuses[f"{hit.status // 100}xx"] += 1
        self.unproven += lies
        if len(self._addresses) < _MOST_ADDRESSES:
            self._addresses.add(hash(hit.address))

    @property
    def refused(self) -> int:
        """Return the number of requests that the policy would have denied, slowed or limited."""
        return sum(self.verdicts[verdict] for verdict in REFUSED)


@dataclass(frozen=True, slots=True)
class Suspect:
    """A client that the policy would have kept out, perhaps wrongly.

    A possible person is one address with one User-Agent. For search engines, previews, archives and
    feed readers, all addresses of the same client name are combined.
    """

    addresses: tuple[str, ...]  # a few of them
    address_count: int
    user_agent: str  # of the first address
    name: str
    purpose: Purpose
    requests: int
    refused: int
    challenged: int
    reason: str
    signs: tuple[str, ...]  # in words


@dataclass(slots=True)
class Summary:
    """The summary of a log."""

    requests: int = 0
    bytes: int = 0
    begins: int = 0  # Unix seconds
    ends: int = 0
    clients: list[ClientRow] = field(default_factory=list)  # most requests first
    hours: dict[int, Counter[Purpose]] = field(default_factory=dict)  # by Unix hour
    suspects: list[Suspect] = field(default_factory=list)  # most signs first
    forgotten: int = 0  # clients that were no longer followed when the log ended

    def by_purpose(self) -> list[ClientRow]:
        """Return the same rows, summed by purpose; `name` is the name of the purpose."""
        rows: dict[Purpose, ClientRow] = {}
        for client in self.clients:
            row = rows.setdefault(client.purpose, ClientRow(client.purpose, client.purpose, ""))
            row.requests += client.requests
            row.bytes += client.bytes
            row.robots += client.robots
            row.unproven += client.unproven
            row.verdicts += client.verdicts
            row.statuses += client.statuses
            row.first = min(row.first or client.first, client.first)
            row.last = max(row.last, client.last)
            row._addresses |= client._addresses
        return sorted(rows.values(), key=lambda row: -row.requests)


def summarise(
    hits: Iterable[Hit],
    policy: Policy,
    tables: Tables,
    state: State,
    *,
    most_followed: int = 100_000,
) -> Summary:
    """Read all hits once; memory is bounded for any number of hits.

    Parameters
    ----------
    state
        The state that counts the budgets of this simulation: an empty one, in memory.
    most_followed
        How many clients are followed at a time, for suspects and cookies. If there are more, those
        that were not seen for the longest time are forgotten; `forgotten` counts them.
    """
    summary = Summary()
    rows: dict[tuple[str, Purpose], ClientRow] = {}
    behaviours = Behaviours(most_followed)
    prepared, signer = PreparedPolicy(policy), Signer(policy.cookie, state.secret)
    now = 0.0
    for hit in hits:
        now = max(now, float(hit.time))  # Apache logs start times, so hits may be out of order
        behaviour = behaviours.of(hit)
        request = _request(hit, behaviour.cookie)
        identity = identify(request, tables, weigh=False)
        decision = decide(request, prepared, state, now, identity=identity)
        if decision.verdict in REFUSED:
            behaviour.refused += 1
            behaviour.reason = decision.reason
        elif decision.verdict is Verdict.CHALLENGE:
            behaviour.challenged += 1
            behaviour.reason = decision.reason
            if decision.purpose is Purpose.BROWSER:
                behaviour.cookie = f"{policy.cookie.name}={signer.cookie(request, now)}"
        row = _row(rows, identity.client)
        row.note(hit, decision.verdict, lies=identity.verified is False)
        _note_time(summary, hit, decision.purpose)
    summary.clients = sorted(rows.values(), key=lambda row: (-row.requests, row.name))
    summary.suspects = _suspects(behaviours, tables)[:_MOST_SUSPECTS]
    summary.forgotten = behaviours.forgotten
    return summary


def _request(hit: Hit, cookie: str) -> Request:
    headers = (("User-Agent", hit.user_agent), ("Referer", hit.referer), ("Cookie", cookie))
    return Request.make(
        hit.target or "/",
        peer=hit.address,
        method=hit.method or "GET",
        headers=[(name, value) for name, value in headers if value],
    )


def _row(rows: dict[tuple[str, Purpose], ClientRow], client: Client) -> ClientRow:
    row = rows.get((client.name, client.purpose))
    if row is None:
        name = client.name if len(rows) < _MOST_CLIENTS else _OTHERS
        new = ClientRow(name, client.purpose, client.operator)
        row = rows.setdefault((name, client.purpose), new)
    return row


def _note_time(summary: Summary, hit: Hit, purpose: Purpose) -> None:
    summary.requests += 1
    summary.bytes += hit.bytes
    summary.begins = min(summary.begins or hit.time, hit.time)
    summary.ends = max(summary.ends, hit.time)
    summary.hours.setdefault(hit.time // 3600, Counter())[purpose] += 1


def _suspects(behaviours: Behaviours, tables: Tables) -> list[Suspect]:
    """Return the refused clients that look like a person, or like a client that the site wants."""
    found: dict[tuple[str, str, str], Suspect] = {}
    for (address, agent), behaviour in behaviours.items():
        client = tables.agents.client(agent)
        signs = _signs(client.purpose, behaviour)
        if not signs or not (behaviour.refused or behaviour.challenged):
            continue
        counts = (behaviour.requests, behaviour.refused, behaviour.challenged)
        whom = (agent, client.name, client.purpose)
        one = Suspect((address,), 1, *whom, *counts, behaviour.reason, signs)
        wanted = client.purpose in _WANTED
        key = (client.name, "", "") if wanted else (client.name, address, agent)
        found[key] = _together(found[key], one) if key in found else one
    return sorted(found.values(), key=lambda one: (-len(one.signs), -one.refused, -one.requests))


def _together(one: Suspect, other: Suspect) -> Suspect:
    return replace(
        one,
        addresses=tuple(dict.fromkeys((*one.addresses, *other.addresses)))[:_SHOWN_ADDRESSES],
        address_count=one.address_count + 1,
        requests=one.requests + other.requests,
        refused=one.refused + other.refused,
        challenged=one.challenged + other.challenged,
    )


def _signs(purpose: Purpose, behaviour: Behaviour) -> tuple[str, ...]:
    if purpose in _WANTED:
        return (f"says it is a {purpose}, which most sites want",)
    if not behaviour.refused and purpose is Purpose.BROWSER:
        return ()  # browsers pass the challenge
    signs = behaviour.signs()
    return tuple(signs) if len(signs) > 1 else ()
