"""Forward-confirmed reverse DNS: does a client's address belong to the operator it names?

First the names of the client's address are looked up (PTR). Then the addresses of a name under one
of the operator's suffixes are looked up (A or AAAA), and the client's address must be among them.
The PTR answer alone proves nothing, because the holder of an address can give it any name.

Every query has a time limit, and equal queries share one answer. The number of simultaneous queries
and the number of cached answers are limited. If there is no answer, the result is None.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING, NamedTuple

from shiomi.extras import needs_extra
from shiomi.gate.addresses import parse_address, text_of
from shiomi.gate.errors import MissingError

if TYPE_CHECKING:
    from dns.asyncresolver import Resolver

__all__ = ["ReverseDns", "belongs"]

_MOST_NAMES = 8  # names of one address that are checked; honest addresses have one or two
_SHORTEST, _LONGEST = 300.0, 86_400.0  # bounds, in seconds, of how long an answer is cached
_NO = 3600.0  # seconds for which a "no" is cached
_NO_ANSWER = 30.0  # seconds before a failed query is sent again

_Key = tuple[bytes, tuple[str, ...]]


class _Records(NamedTuple):
    """The records of a DNS answer as text, and the seconds for which they are valid."""

    texts: list[str]
    ttl: float


class ReverseDns:
    """Queries DNS and caches the answers. Each event loop needs its own instance.

    Parameters
    ----------
    nameservers, port
        The servers to query; none: the machine's servers.
    timeout
        Seconds for both queries together.
    remembered
        How many answers are cached; the least recently used are dropped first.
    concurrent
        How many clients are looked up at the same time. For further clients, the result is None at
        once.
    clock
        Seconds, monotonic.

    Raises
    ------
    MissingError
        dnspython is not installed.
    DataError
        No nameservers are given, and the machine has none.
    """

    def __init__(
        self,
        *,
        nameservers: Sequence[str] = (),
        port: int = 53,
        timeout: float = 2.0,
        remembered: int = 16_384,
        concurrent: int = 128,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if find_spec("dns") is None:
            raise MissingError(needs_extra("reverse DNS", "dnspython", "gate"))
        self._nameservers = tuple(nameservers)
        self._port = port
        self._timeout = timeout
        self._most = remembered
        self._concurrent = concurrent
        self._clock = clock
        self._answers: OrderedDict[_Key, tuple[bool | None, float]] = OrderedDict()
        self._asked: dict[_Key, asyncio.Task[bool | None]] = {}

    async def confirm(self, address: bytes, suffixes: Sequence[str]) -> bool | None:
        """Return whether the host name of the packed address ends in one of the suffixes.

        None means that DNS did not answer.

        If a caller is cancelled, the query goes on for the other callers that wait for it.
        """
        key = (address, tuple(suffixes))
        known = self._answers.get(key)
        if known is not None and known[1] > self._clock():
            self._answers.move_to_end(key)
            return known[0]
        task = self._asked.get(key)
        if task is None:
            if len(self._asked) >= self._concurrent:
                return None
            task = asyncio.create_task(self._ask(key))
            self._asked[key] = task
        return await asyncio.shield(task)

    @cached_property
    def _resolver(self) -> Resolver:
        """Return the resolver, created at the first query because importing dnspython is slow."""
        from dns.asyncresolver import Resolver

        resolver = Resolver(configure=not self._nameservers)
        if self._nameservers:
            resolver.nameservers = list(self._nameservers)
            resolver.port = self._port
        resolver.timeout = resolver.lifetime = self._timeout
        return resolver

    async def _ask(self, key: _Key) -> bool | None:
        """Query DNS, cache the answer, and make room for the next query; never raises."""
        answer, kept = None, _NO_ANSWER
        try:
            async with asyncio.timeout(self._timeout):
                answer, kept = await self._confirmed(*key)
        except TimeoutError:
            pass
        finally:
            del self._asked[key]
            self._answers[key] = (answer, self._clock() + kept)
            self._answers.move_to_end(key)
            while len(self._answers) > self._most:
                self._answers.popitem(last=False)
        return answer

    async def _confirmed(
        self, address: bytes, suffixes: Sequence[str]
    ) -> tuple[bool | None, float]:
        """Return the answer, and the seconds for which it is valid."""
        from dns.reversename import from_address

        names = await self._resolve(from_address(text_of(address)).to_text(), "PTR")
        if names is None:
            return None, _NO_ANSWER
        silent = False
        for host in names.texts[:_MOST_NAMES]:
            if belongs(host, suffixes):
                found = await self._resolve(host, "A" if len(address) == 4 else "AAAA")
                if found is None:
                    silent = True
                elif any(parse_address(text) == address for text in found.texts):
                    ttl = min(names.ttl, found.ttl)
                    return True, min(max(ttl, _SHORTEST), _LONGEST)
        return (None, _NO_ANSWER) if silent else (False, _NO)

    async def _resolve(self, name: str, kind: str) -> _Records | None:
        """Return the records; empty if the name has none, None if no server answered."""
        from dns.exception import DNSException
        from dns.resolver import NXDOMAIN, NoAnswer

        try:
            answer = await self._resolver.resolve(name, kind, lifetime=self._timeout, search=False)
        except (NXDOMAIN, NoAnswer):
            return _Records([], 0.0)
        except (DNSException, OSError, ValueError):  # refused, garbled, unreachable, no such name
            return None
        ttl = 0 if answer.rrset is None else answer.rrset.ttl
        return _Records([record.to_text() for record in answer], float(ttl))


def belongs(host: str, suffixes: Sequence[str]) -> bool:
    """Return whether a host's name is one of the suffixes or a subdomain of one.

    The names are compared by whole labels, so "notgooglebot.com" is not below "googlebot.com".
    """
    name = host.rstrip(".").lower()
    return any(name == suffix or name.endswith(f".{suffix}") for suffix in suffixes)
