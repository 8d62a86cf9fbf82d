"""A policy's ruling on a client at a path: the action, and the budget that counts the request.

It needs no state. `decide` uses it for one request, `shiomi.gate.native` for all kinds of requests.
"""

from __future__ import annotations

from shiomi.gate.identity import Identity
from shiomi.gate.policy import Action, NetworkRule, PathRule, Policy
from shiomi.gate.purpose import Purpose

__all__ = ["ruling"]

_NOTHING_CLAIMED = (Purpose.BROWSER, Purpose.LIBRARY)  # purposes that claim no identity


def ruling(
    policy: Policy, identity: Identity, rule: PathRule | None, network: NetworkRule | None
) -> tuple[Action, str, str]:
    """Return the action, the name of the budget, and the kind of rule that decided ("path", ...).

    Parameters
    ----------
    rule
        The first path rule that matches, or None.
    network
        The first network rule that contains the client's address, or None.
    """
    purpose, verified = identity.client.purpose, identity.verified
    action, by_path = _by_purpose(policy, rule, purpose, verified=verified is True)
    reason = "path" if by_path else "purpose"
    budget = policy.purposes[purpose].budget
    if verified is False:
        library, also_by_path = _by_purpose(policy, rule, Purpose.LIBRARY, verified=False)
        if library.narrower(action) is not action:
            action, reason = library, "path" if also_by_path else "claim"
        by_path = by_path or also_by_path
        budget = policy.purposes[Purpose.LIBRARY].budget
    if network is not None and network.action is not None:
        if network.action is Action.ALLOW:
            if not by_path:
                action, reason = Action.ALLOW, "network"
        elif network.action.narrower(action) is not action:
            action, reason = network.action, "network"
    if (
        action is Action.BUDGET
        and identity.weight >= policy.challenge.suspicious
        and purpose is Purpose.BROWSER
    ):
        action, reason = Action.CHALLENGE, "weight"
    if rule is not None:
        if action is Action.CHALLENGE and not rule.challenge:
            action, reason = Action.BUDGET, "path"
        budget = rule.budget or budget
    return action, budget, reason


def _by_purpose(
    policy: Policy, rule: PathRule | None, purpose: Purpose, *, verified: bool
) -> tuple[Action, bool]:
    """Return the action for a purpose at a path, and whether it comes from the path's rule."""
    if rule is not None:
        named = rule.purposes.get(purpose)
        if named is not None:
            unproven = not verified and purpose not in _NOTHING_CLAIMED
            return named.narrower(Action.BUDGET) if unproven else named, True
        if rule.action is not None:
            return rule.action, True
    whom = policy.purposes[purpose]
    return whom.action if verified else whom.unverified, False
