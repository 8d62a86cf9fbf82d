"""Four statements on the use of a site's pages, all made from the same policy.

| way | where | source |
|---|---|---|
| Content-Usage | header, robots.txt | draft-ietf-aipref-attach, draft-ietf-aipref-vocab (2026) |
| Content-Signal | robots.txt | contentsignals.org; draft-romm-aipref-contentsignals |
| X-Robots-Tag: noai | header | a convention of DeviantArt (2022), read by few |
| TDMRep | header, /.well-known/tdmrep.json | W3C Community Group, final report of 2024-05-10 |

These statements have an effect only on crawlers that respect them; the gate stops other crawlers.
For the legal value of the statements, see docs/gate/signals.md. All statements apply to the whole
site. They also apply to paths that a rule opens, because the strictest statement counts.
"""

from __future__ import annotations

import json
from typing import NamedTuple

from shiomi.gate.policy import Action, Policy
from shiomi.gate.purpose import Purpose

__all__ = ["Usage", "content_signal", "content_usage", "own_headers", "tdmrep", "usage"]


class Usage(NamedTuple):
    """The permitted uses of pages; None: the policy neither permits nor forbids the use."""

    train: bool | None  # to train generative models
    answer: bool | None  # as input to a model that answers
    search: bool | None  # to send readers here


def usage(policy: Policy) -> Usage:
    """Return the permitted uses, from the policy's actions for proven clients."""

    def may(purpose: Purpose) -> bool | None:
        action = policy.purposes[purpose].action
        if action in (Action.ALLOW, Action.BUDGET):
            return True
        return None if action is Action.CHALLENGE else False

    return Usage(may(Purpose.AI_TRAINING), may(Purpose.AI_SEARCH), may(Purpose.SEARCH_ENGINE))


def _said(pairs: dict[str, bool | None], yes: str, no: str) -> str:
    """Return text like `a=yes, b=no`, with the uses that are allowed or refused."""
    said = {name: yes if value else no for name, value in pairs.items() if value is not None}
    return ", ".join(f"{name}={value}" for name, value in said.items())


def content_usage(policy: Policy) -> str:
    """Return the preferences in the vocabulary of the IETF's aipref group; "" for none."""
    if not policy.signals.content_usage:
        return ""
    use = usage(policy)
    return _said({"train-ai": use.train, "ai-use": use.answer, "search": use.search}, "y", "n")


def content_signal(policy: Policy) -> str:
    """Return the preferences in the vocabulary of contentsignals.org; "" for none."""
    if not policy.signals.content_signal:
        return ""
    use = usage(policy)
    return _said({"search": use.search, "ai-input": use.answer, "ai-train": use.train}, "yes", "no")


def own_headers(policy: Policy) -> tuple[tuple[str, str], ...]:
    """Return the headers to be added to the site's answers."""
    signals, use = policy.signals, usage(policy)
    headers = []
    if said := content_usage(policy):
        headers.append(("Content-Usage", said))
    if signals.x_robots_tag and use.train is False:
        headers.append(("X-Robots-Tag", "noai, noimageai"))
    if signals.tdm_reservation:
        headers.append(("TDM-Reservation", "1" if use.train is False else "0"))
        if signals.tdm_policy and use.train is False:
            headers.append(("TDM-Policy", signals.tdm_policy))
    return tuple(headers)


def tdmrep(policy: Policy) -> bytes | None:
    """Return /.well-known/tdmrep.json; None if the policy turns it off."""
    if not policy.signals.tdm_reservation:
        return None
    reserved = usage(policy).train is False
    entry: dict[str, str | int] = {"location": "/", "tdm-reservation": int(reserved)}
    if reserved and policy.signals.tdm_policy:
        entry["tdm-policy"] = policy.signals.tdm_policy
    return json.dumps([entry], indent=2).encode() + b"\n"
