"""The gate's default policy for this site, for an operator who gives no policy file.

Digests, stories and feeds follow the gate's default policy: people pass a challenge once, feed
readers and search engines are allowed within their budgets, and crawlers that train or index for AI
are refused. Answers of the search and the API need more work, so they have their own budgets.
"""

from __future__ import annotations

from collections.abc import Sequence

from shiomi.gate.policy import Action, Budget, PathRule, Policy, Proxies, Rate

__all__ = ["site_policy"]

_MINUTE = 60.0


def site_policy(proxies: Sequence[str] = ()) -> Policy:
    """Return the policy. X-Forwarded-For is trusted only from the addresses and networks in
    `proxies`."""
    default = Policy()
    budgets = dict(default.budgets)
    budgets["search"] = Budget(
        Rate(60, _MINUTE, 30), Rate(240, _MINUTE, 120), Rate(1200, _MINUTE, 600), None
    )
    budgets["api"] = Budget(
        Rate(60, _MINUTE, 60), Rate(240, _MINUTE, 120), Rate(1200, _MINUTE, 600), None
    )
    open_files = ("/healthz", "/favicon.svg", "/assets/*", "/*/assets/*")
    return Policy(
        paths=(
            PathRule(open_files, Action.ALLOW),
            PathRule(
                ("/search.atom", "/en/search.atom", "/ja/search.atom"),
                challenge=False,
                budget="search",
            ),
            PathRule(("/search", "/en/search", "/ja/search"), budget="search"),
            PathRule(("/api/*",), challenge=False, budget="api"),
        ),
        budgets=budgets,
        proxies=Proxies(tuple(proxies)),
    )
