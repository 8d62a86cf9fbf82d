"""Frequent User-Agents: a server looks up the whole text before it tries a pattern."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from importlib import resources

__all__ = ["frequent_agents", "most_frequent"]

_LONGEST = 400  # characters


def frequent_agents() -> list[str]:
    """Return the package's list of current browsers and crawlers, from `frequent_agents.txt`.

    If a line begins with "A-B" and a tab, it yields one User-Agent for each number from A to B. The
    number replaces `{}` in the line.
    """
    text = (resources.files("shiomi.gate") / "data" / "frequent_agents.txt").read_text("utf-8")
    agents: list[str] = []
    for line in text.splitlines():
        if line and not line.startswith("#"):
            numbers, _, agent = line.rpartition("\t")
            first, _, last = numbers.partition("-")
            every = range(int(first), int(last) + 1) if numbers else [0]
            agents += [agent.replace("{}", str(number)) for number in every]
    return agents


def most_frequent(agents: Iterable[str], count: int = 500) -> list[str]:
    """Return the most frequent agents, most frequent first, among those that can be looked up.

    User-Agents with control or non-ASCII characters are left to the patterns.
    """
    counted = Counter(agents)
    return [
        agent
        for agent, _ in counted.most_common()
        if 0 < len(agent) <= _LONGEST and agent.isascii() and agent.isprintable() and agent != "-"
    ][:count]
