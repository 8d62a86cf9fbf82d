"""compile_policy(): write a policy as the configuration files of one server."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from shiomi.gate.errors import CompileError
from shiomi.gate.identity.published_ranges import range_lists
from shiomi.gate.identity.user_agents import UserAgents, read_patterns
from shiomi.gate.native.apache import apache_files
from shiomi.gate.native.caddy import caddy_files
from shiomi.gate.native.expressible import SERVERS, Gap, gaps
from shiomi.gate.native.frequent import frequent_agents
from shiomi.gate.native.haproxy import haproxy_files
from shiomi.gate.native.nginx import LONGEST_REGEX, nginx_files
from shiomi.gate.native.plan import make_plan, without_challenge
from shiomi.gate.policy import Action, Policy

__all__ = ["Compiled", "compile_policy"]

_WRITERS = {"apache": apache_files, "caddy": caddy_files, "haproxy": haproxy_files}


@dataclass(frozen=True)
class Compiled:
    """A server's files by name, their policy, and the policy features that they cannot express."""

    server: str
    files: Mapping[str, str]
    policy: Policy
    gaps: tuple[Gap, ...]


def compile_policy(
    server: str,
    policy: Policy,
    *,
    folder: str,
    challenge: Action | None = None,
    service: bool = False,
    frequent: Iterable[str] | None = None,
    data: Path | None = None,
) -> Compiled:
    """Return the policy as a server's own configuration.

    Parameters
    ----------
    server
        One of SERVERS.
    folder
        The absolute path where the files will be, because the configuration refers to them.
    challenge
        The action for clients that the policy would challenge: BUDGET, DENY or TARPIT. Needed only
        if the policy challenges clients and `service` is False.
    service
        Whether requests that are not refused here go on to `shiomi gate serve` (nginx only). Then
        nginx counts no requests, and refuses a client only if no proof of its identity could
        change the refusal.
    frequent
        User-Agents to look up before any pattern is tried; None: the package's list.
    data
        The folder that `shiomi gate update` wrote; None: the package's patterns and ranges.

    Raises
    ------
    CompileError
        The server is unknown, cannot express the policy, or `challenge` is needed and missing.
    DataError
        A file of patterns or ranges cannot be read.
    MissingError
        google-re2 is not installed.
    """
    if server not in SERVERS:
        raise CompileError(f"server must be one of {', '.join(SERVERS)}, got {server!r}")
    if service and server != "nginx":
        raise CompileError(
            f"only nginx can be combined with the service, not {server}; for Caddy use `shiomi gate"
            " serve --print-config caddy` alone, or choose --challenge-as budget or deny"
        )
    said = gaps(server, policy, service=service)
    if not service:
        policy = without_challenge(policy, _instead(server, policy, challenge))
    patterns = read_patterns(data)
    agents = UserAgents(patterns)
    known = list(frequent_agents() if frequent is None else frequent)
    plan = make_plan(
        policy,
        patterns,
        range_lists(None if data is None else data / "ranges"),
        frequent=[(agent, agents.client(agent)) for agent in known],
        limit=LONGEST_REGEX,
        certain=service,
    )
    if server == "nginx":
        files = nginx_files(plan, folder=folder, service=service)
    else:
        files = _WRITERS[server](plan, folder=folder)
    head = _head(server, said)
    marked = {
        name: head + text if name.endswith((".conf", ".caddy", ".cfg")) else text
        for name, text in files.items()
    }
    return Compiled(server, marked, policy, tuple(said))


def _instead(server: str, policy: Policy, challenge: Action | None) -> Action:
    """Return the action for clients that would be challenged."""
    if challenge in (Action.BUDGET, Action.DENY, Action.TARPIT):
        return challenge
    if challenge is None and not any(gap.name == "challenge" for gap in gaps(server, policy)):
        return Action.DENY  # nobody is
    service = ", or --challenge-as service to run the service behind it" * (server == "nginx")
    raise CompileError(
        f"the policy challenges clients, and {server} alone cannot do that: choose --challenge-as"
        f" budget to let them through within their budget, or --challenge-as deny{service}"
    )


def _head(server: str, said: Iterable[Gap]) -> str:
    """Return the comment at the top of a file: where it comes from and what it does not do."""
    lines = [
        f"Written by `shiomi gate compile {server}` from a policy. To change it, change the policy"
        " and compile again.",
        f"What {server} cannot do:",
        *(f"- {gap.name}: {gap.text}" for gap in said),
    ]
    return "".join(f"# {line}\n" for line in lines) + "\n"
