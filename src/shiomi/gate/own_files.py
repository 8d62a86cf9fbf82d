"""The files a gate answers for its site, and the headers it adds to the site's answers."""

from __future__ import annotations

from collections.abc import Mapping

from shiomi.gate.policy import Policy
from shiomi.gate.response import Response

__all__ = ["own_files", "own_headers"]


def own_files(policy: Policy) -> Mapping[str, Response]:  # noqa: ARG001
    """Return what is answered at which path: robots.txt and tdmrep.json, where they are wanted."""
    return {}


def own_headers(policy: Policy) -> tuple[tuple[str, str], ...]:  # noqa: ARG001
    """Return the headers that say what the site's pages may be used for."""
    return ()
