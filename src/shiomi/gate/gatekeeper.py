"""Gatekeeper: a policy with its clock, state, DNS resolver and metrics. Every adapter uses one.

`decide` is a pure function. The gatekeeper adds the clock, the state, the proofs of identity and
the counts. If one of these fails, the policy's `on_failure` decides.
"""

from __future__ import annotations

import asyncio
import datetime
import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from shiomi.gate.client_address import TrustedProxies
from shiomi.gate.decision import REFUSED, Decision, PreparedPolicy, Verdict, decide
from shiomi.gate.decision.again import again, remember
from shiomi.gate.errors import StateError
from shiomi.gate.identity import Identity, Resolver, Tables, identify, load_tables
from shiomi.gate.identity.freshness import warn_if_stale
from shiomi.gate.kept_form import kept_form
from shiomi.gate.metrics import Metrics, prometheus_text
from shiomi.gate.pages import preferred_language
from shiomi.gate.policy import Action, Policy, load_policy
from shiomi.gate.purpose import Purpose
from shiomi.gate.refusal_log import RefusalLog
from shiomi.gate.request import Request
from shiomi.gate.response import Response
from shiomi.gate.signals import own_files, own_headers
from shiomi.gate.state import State
from shiomi.gate.state.memory import MemoryState
from shiomi.gate.state.opening import open_state
from shiomi.gate.state.shared import shared_state
from shiomi.gate.trap import page_name, trap_link

__all__ = ["Gatekeeper"]

Confirm = Callable[[bytes, Sequence[str]], bool | None]

_log = logging.getLogger(__name__)

_REMEMBERED = 4096  # pages whose trap link is cached
_LONGEST_REMEMBERED = 400  # characters of path and Accept-Language in that cache
_THREADS = 16  # threads that query a state over the network
_WAITING = 1000  # the most requests that wait for a thread; further requests count as failures

_NO_ANSWER = Response(
    503,
    (("Content-Type", "text/plain"), ("Content-Length", "18"), ("Retry-After", "60")),
    b"Try again shortly\n",
)


class Gatekeeper:
    """Decides on requests.

    Parameters
    ----------
    policy
        A policy, or the path of its file, which is read once; None: the default policy.
    state
        Where budgets and bans are kept. None: in memory, for a server of one process only.
    tables
        The tables that map User-Agents and addresses to clients; None: the package's lists.
    resolver
        Confirms crawlers by reverse DNS (`identity/reverse_dns.py`); None: DNS is not used.
    metrics
        Existing counts to continue; None: start from zero.
    refusals
        The log that gets a line for each refusal.
    clock
        Unix seconds.
    """

    def __init__(
        self,
        policy: Policy | str | os.PathLike[str] | None = None,
        *,
        state: State | None = None,
        tables: Tables | None = None,
        resolver: Resolver | None = None,
        metrics: Metrics | None = None,
        refusals: RefusalLog | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if policy is None:
            policy = Policy()
        elif not isinstance(policy, Policy):
            policy = load_policy(Path(policy))
        self.policy = policy
        self.state = MemoryState() if state is None else state
        self.tables = load_tables() if tables is None else tables
        self.proxies = TrustedProxies(policy.proxies.trusted, policy.proxies.header)
        self._named = [pattern.client for pattern in self.tables.agents.patterns]
        self.files = own_files(policy, self._named)
        self.headers = own_headers(policy)
        self.metrics = Metrics() if metrics is None else metrics
        self.refusals = refusals
        self._around_token: dict[tuple[str, bytes | None], tuple[bytes, bytes]] = {}
        self._resolver = resolver
        self._clock = clock
        self._prepared = PreparedPolicy(policy)
        self._weigh = policy.weighs
        self._by_name = not policy.weighs and self.tables.signed_by is None
        self._threads = ThreadPoolExecutor(_THREADS) if self.state.blocking else None
        self._waiting = 0

    @classmethod
    def for_site(
        cls,
        policy: Policy | str | os.PathLike[str] | None = None,
        *,
        state: State | str | os.PathLike[str] | None = None,
        data: str | os.PathLike[str] | None = None,
        resolver: Resolver | None = None,
    ) -> Gatekeeper:
        """Return the gatekeeper of a site that may have several workers.

        Parameters
        ----------
        state
            See `shiomi.gate.asgi.GateMiddleware`.
        data
            The folder that `shiomi gate update` writes.
        """
        if state is None:
            state = shared_state(None if isinstance(policy, Policy) else policy)
        elif isinstance(state, (str, os.PathLike)):
            state = open_state(os.fspath(state))
        folder = None if data is None else Path(data)
        warn_if_stale(folder, datetime.datetime.now(datetime.UTC).date())
        tables = load_tables(folder)
        return cls(policy, state=state, tables=tables, resolver=resolver)

    def judge(self, request: Request, *, confirm: Confirm | None = None) -> Decision:
        """Return the verdict; wait for state and DNS if needed. Never raises an Exception.

        `confirm` queries DNS. Without it, a client that can be proven only by DNS stays unproven.
        """
        decision = self._judged(request, confirm or (lambda *_: None))
        assert decision is not None
        return decision

    def judge_at_once(self, request: Request) -> Decision | None:
        """Return the verdict, or None if the gate has to wait for DNS or the state.

        If the result is None, call `judge_fully`. Never raises an Exception. In an event loop this
        method decides nearly every request.
        """
        return None if self._threads is not None else self._judged(request, None)

    def _judged(self, request: Request, confirm: Confirm | None) -> Decision | None:
        """Return the verdict; without `confirm`, None if the resolver has to be asked."""
        begun = time.perf_counter()
        try:
            decision = self._again(request)
            if decision is None:
                identity = identify(request, self.tables, weigh=self._weigh)
                if identity.pending and confirm is not None:
                    identity = _answered(identity, confirm(request.address, identity.pending))
                elif identity.pending and self._resolver is not None:
                    return None
                decision = self._decide(request, identity, None)
        except Exception:
            decision = self._failed(request)
        self._counted(request, decision, begun)
        return decision

    async def judge_fully(self, request: Request, *, state: State | None = None) -> Decision:
        """Return the verdict; query DNS if needed. Never raises an Exception.

        A state that blocks is queried in a thread. Every wait has a time limit. `state` replaces
        the gatekeeper's own state, for a request that was already counted.
        """
        begun = time.perf_counter()
        try:
            identity = identify(request, self.tables, weigh=self._weigh)
            if identity.pending and self._resolver is not None:
                confirmed = await self._resolver.confirm(request.address, identity.pending)
                identity = _answered(identity, confirmed)
            if self._threads is None:
                decision = self._decide(request, identity, state)
            else:
                decision = await self._decide_in_thread(self._threads, request, identity, state)
        except Exception:
            decision = self._failed(request)
        self._counted(request, decision, begun)
        return decision

    def trap_link(self, request: Request) -> bytes:
        """Return the trap's link for the page that answers this request, as HTML in ASCII.

        The link is signed for the client and valid for `trap.minutes` (see `shiomi.gate.trap`). It
        is empty if the trap is off or the state cannot be reached.
        """
        if not self.policy.trap.enabled:
            return b""
        try:
            clients = self._prepared.clients(self.state.secret)
        except StateError:
            return b""
        token = clients.of(request).trap_token(request, clients.signer, self._clock())
        key = (request.path, request.headers.get(b"accept-language"))
        parts = self._around_token.get(key)
        if parts is None:
            language = preferred_language(request.header("accept-language"))
            link = trap_link(self.policy, "TOKEN", page_name(request.path), language)
            before, _, after = link.encode("ascii", "xmlcharrefreplace").partition(b"TOKEN")
            parts = before, after
            if len(request.path) + len(key[1] or b"") <= _LONGEST_REMEMBERED:
                if len(self._around_token) >= _REMEMBERED:
                    self._around_token = {}
                self._around_token[key] = parts
        return parts[0] + token + parts[1]

    def keep_form(self, request: Request, body: bytes) -> Response | None:
        """Return the challenge's page that keeps a form; None if it cannot be kept."""
        try:
            signer = self._prepared.clients(self.state.secret).signer
        except StateError:
            return None
        return kept_form(request, self.policy, signer, body, self._clock())

    def robots(self, status: int, body: bytes) -> Response | None:
        """Return robots.txt merged with the site's own rules, from the application's answer.

        None if the gate does not serve robots.txt, or the policy names the site's own file.
        """
        if not self.policy.robots.serve or self.policy.robots.file or status != 200:
            return None
        text = body.decode("utf-8", "replace")
        if text.lstrip()[:1] == "<":  # an HTML page: there is no robots.txt
            return None
        return own_files(self.policy, self._named, text)["/robots.txt"]

    def metrics_text(self, others: Sequence[Mapping[str, Any]] = ()) -> str:
        """Return the counts of this process and of `others` (snapshots) in Prometheus's format."""
        entries = getattr(self.state, "entries", None)
        held = entries(self._clock()) if entries is not None else None
        return prometheus_text([self.metrics.snapshot(), *others], entries=held)

    def close(self) -> None:
        """Close the state and the log of refusals, and end the threads."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
        self.state.close()
        if self.refusals is not None:
            self.refusals.close()

    def _counted(self, request: Request, decision: Decision, begun: float) -> None:
        self.metrics.count(decision, time.perf_counter() - begun)
        if self.refusals is not None and decision.verdict in REFUSED:
            self.refusals.write(request, decision, self._clock())

    def _again(self, request: Request) -> Decision | None:
        if request.spelling in self.files or self._threads is not None:
            return None
        return again(request, self._prepared, self.state, self._clock())

    def _decide(self, request: Request, identity: Identity, state: State | None) -> Decision:
        file = self.files.get(request.spelling)  # only in this spelling
        if file is not None and request.method in ("GET", "HEAD"):
            client = identity.client
            return Decision(Verdict.ANSWER, "file", client.purpose, client.name, response=file)
        state = state or self.state
        decision = decide(request, self._prepared, state, self._clock(), identity=identity)
        # A proof by DNS, by signature or by other headers is valid only for this request.
        by_name = self._by_name and identity.by != "dns" and not identity.pending
        if by_name and decision.verdict is Verdict.ALLOW:
            remember(request, self._prepared, state, identity)
        return decision

    async def _decide_in_thread(
        self, threads: ThreadPoolExecutor, request: Request, identity: Identity, state: State | None
    ) -> Decision:
        if self._waiting >= _WAITING:
            return self._on_failure()
        self._waiting += 1
        try:
            work = partial(self._decide, request, identity, state)
            return await asyncio.get_running_loop().run_in_executor(threads, work)
        finally:
            self._waiting -= 1

    def _failed(self, request: Request) -> Decision:
        """Log the current exception, and return the policy's answer to failures."""
        _log.exception("no verdict on %.20s %.200r", request.method, request.path)
        return self._on_failure()

    def _on_failure(self) -> Decision:
        if self.policy.on_failure is Action.ALLOW:
            return Decision(Verdict.ALLOW, "failure", Purpose.LIBRARY, "")
        return Decision(Verdict.DENY, "failure", Purpose.LIBRARY, "", 60.0, _NO_ANSWER)


def _answered(identity: Identity, confirmed: bool | None) -> Identity:
    """Return the identity updated by the answer of DNS; None means that there was no answer."""
    if confirmed is None:
        return identity
    return identity._replace(verified=confirmed, by="dns", pending=())
