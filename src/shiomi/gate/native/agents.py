"""User-Agent patterns as tables for a web server: the first match wins, and matching is fast.

`decide` matches all patterns at once and uses the first that matches. A web server tries one
expression after the other. So the patterns are grouped by their *kind*: the verdicts that the
policy gives to their clients. There are three tables:

- `frequent`: frequent User-Agents, which are looked up by hashing.
- `screen`: expressions for all patterns whose kind is not the usual kind. A User-Agent that matches
  none of these expressions is of the usual kind. For browsers, the lookup ends here.
- `runs`: the patterns in their order, for User-Agents that match an expression of `screen`.
  Neighbouring patterns of the same kind are merged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from shiomi.gate.identity.user_agents import UNKNOWN, Client, Pattern
from shiomi.gate.native.pattern_trie import plain_trie_regex, trie_regexes

__all__ = ["AgentTables", "agent_tables"]

Kind = str


@dataclass(frozen=True, slots=True)
class AgentTables:
    """Tables for the kind of a User-Agent. All expressions ignore case.

    Attributes
    ----------
    frequent
        Whole agents and their kinds.
    screen
        An agent that matches none of these is of the kind `usual` (see `browsers`).
    runs
        Expressions and kinds, in order; an agent that matches none is of the kind `unknown`.
    browsers
        Empty if `usual` and `unknown` are the same kind. Else an agent that does not match the
        screen is `usual` if it matches one of these expressions, and `unknown` if not.
    plain_screen, plain_runs, plain_browsers
        The same three tables for an engine that has no lookaround and no limit on the length of an
        expression. So each table is one expression.
    """

    frequent: tuple[tuple[str, Kind], ...]
    screen: tuple[str, ...]
    runs: tuple[tuple[str, Kind], ...]
    browsers: tuple[str, ...]
    plain_screen: str
    plain_runs: tuple[tuple[str, Kind], ...]
    plain_browsers: str
    usual: Kind
    unknown: Kind


def agent_tables(
    patterns: Sequence[Pattern],
    kind_of: Callable[[Client], Kind],
    *,
    usual: Kind,
    frequent: Iterable[tuple[str, Client]] = (),
    limit: int,
) -> AgentTables:
    """Group the patterns by kind.

    Parameters
    ----------
    kind_of
        Returns the kind of a client under the policy.
    usual
        The kind of browsers.
    frequent
        Agents to look up by hash, and the client that each one names.
    limit
        The most characters in one expression.
    """
    unknown = kind_of(UNKNOWN)
    kinds = [(pattern.regex, kind_of(pattern.client)) for pattern in patterns]
    last = max((place for place, (_, kind) in enumerate(kinds) if kind != unknown), default=-1)
    runs: list[tuple[Kind, list[str]]] = []
    for regex, kind in kinds[: last + 1]:
        if runs and runs[-1][0] == kind:
            runs[-1][1].append(regex)
        else:
            runs.append((kind, [regex]))
    unusual = [regex for regex, kind in kinds if kind != usual]
    same = [regex for regex, kind in kinds if kind == usual] if usual != unknown else []
    return AgentTables(
        tuple((agent, kind_of(client)) for agent, client in frequent),
        tuple(trie_regexes(unusual, limit=limit)),
        tuple((one, kind) for kind, some in runs for one in trie_regexes(some, limit=limit)),
        tuple(trie_regexes(same, limit=limit)),
        plain_trie_regex(unusual),
        tuple((plain_trie_regex(some), kind) for kind, some in runs),
        plain_trie_regex(same),
        usual,
        unknown,
    )
