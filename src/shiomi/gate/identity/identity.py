"""Identity: the client that a request claims to be, and whether the claim is proven.

Three proofs are tried in this order, because the first ones are cheap. One proof is enough.

- The client's address lies in a range that the crawler's operator publishes
  (`published_ranges.py`).
- The request is signed with a key that the operator of the gate trusts (`web_bot_auth.py`).
- The address resolves to a host name of the crawler's operator, and that name resolves back to the
  address (`reverse_dns.py`).

If an operator publishes ranges, a claim from an address outside these ranges counts as false unless
DNS confirms the claim. So the claim stays false if the resolver does not answer. If there are no
published ranges and the resolver does not answer, it is unknown whether the claim is true.

Most clients, such as browsers, cannot be proven. Their `verified` is None, and the policy decides.
For a browser, `consistency.py` computes a weight that is high if the headers do not agree with the
User-Agent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

from shiomi.gate.addresses import RangeTable
from shiomi.gate.identity.consistency import inconsistency
from shiomi.gate.identity.published_ranges import published_ranges
from shiomi.gate.identity.user_agents import Client, UserAgents, user_agents
from shiomi.gate.purpose import Purpose
from shiomi.gate.request import Request

__all__ = ["Identity", "Resolver", "Tables", "identify", "load_tables"]


class Identity(NamedTuple):
    """The identity that a client is assumed to have.

    Attributes
    ----------
    client
        The client that the User-Agent names, or if the request is signed, the owner of the key.
    verified
        True: the claim is proven. False: the claim is false. None: unknown.
    by
        The proof: "user-agent" (only its own claim), "ranges", "dns", "signature".
    weight
        The inconsistency of a browser's headers, from 0 (consistent) to about 200. It is 0 for
        clients that are not browsers.
    pending
        The host name suffixes with which reverse DNS could still prove the client.
    """

    client: Client
    verified: bool | None = None
    by: str = "user-agent"
    weight: int = 0
    pending: tuple[str, ...] = ()


class Resolver(Protocol):
    """A resolver that confirms a client's address by DNS (`reverse_dns.py`)."""

    async def confirm(self, address: bytes, suffixes: Sequence[str]) -> bool | None:
        """Return whether the host name of the address ends in one of the suffixes.

        None means that DNS did not answer.
        """
        ...


@dataclass(frozen=True)
class Tables:
    """The tables that `identify` uses.

    Attributes
    ----------
    agents, ranges
        Tables to look up the client that a User-Agent names, and the published ranges that contain
        an address.
    signed_by
        A function that returns the client whose valid signature a request has, or None. The
        attribute is None if no keys are known.
    """

    agents: UserAgents
    ranges: RangeTable
    signed_by: Callable[[Request], Client | None] | None = None
    _known: dict[tuple[int, bool | None], Identity] = field(default_factory=dict, repr=False)

    def by_name(self, client: Client, verified: bool | None = None) -> Identity:
        """Return the identity of a client from User-Agent and ranges only; cached per client."""
        key = (id(client), verified)  # computing a client's hash takes as long as everything else
        identity = self._known.get(key)
        if identity is None:
            by = "user-agent" if verified is None else "ranges"
            pending = () if verified else client.verify.dns
            identity = self._known.setdefault(key, Identity(client, verified, by, 0, pending))
        return identity


def load_tables(
    folder: Path | None = None, *, signed_by: Callable[[Request], Client | None] | None = None
) -> Tables:
    """Return the tables of the package; files in the operator's `folder` replace them.

    `shiomi gate update` writes patterns and ranges there. If `signed_by` is not given, the keys of
    bots that sign their requests are read from `keys/` in that folder (`signature_keys.py`).

    Raises
    ------
    MissingError
        google-re2 is not installed, or cryptography if there are keys.
    DataError
        A file cannot be read, or a line of it is wrong.
    """
    ranges = published_ranges(None if folder is None else folder / "ranges")
    agents = user_agents(folder)
    if signed_by is None and folder is not None and (folder / "keys").is_dir():
        from shiomi.gate.identity.signature_keys import read_keys
        from shiomi.gate.identity.web_bot_auth import WebBotAuth

        clients = [pattern.client for pattern in agents.patterns]
        signed_by = WebBotAuth(read_keys(folder / "keys", clients)).signer
    return Tables(agents, ranges, signed_by)


def identify(request: Request, tables: Tables, *, weigh: bool = True) -> Identity:
    """Return the identity of the sender, as far as it is known without a DNS query.

    Parameters
    ----------
    weigh
        Whether to compute the weight of a browser's headers, which takes time.
    """
    if tables.signed_by is not None and b"signature-input" in request.headers:
        signer = tables.signed_by(request)
        if signer is not None:
            return Identity(signer, True, "signature")
    client = tables.agents.client(request.user_agent)
    verify = client.verify
    if not verify:
        if weigh and client.purpose is Purpose.BROWSER and (weight := inconsistency(request)):
            return Identity(client, weight=weight)
        return tables.by_name(client)
    if not request.address:
        return Identity(client)
    if not tables.ranges.names.isdisjoint(verify.ranges):
        inside = not tables.ranges.names_of(request.address).isdisjoint(verify.ranges)
        return tables.by_name(client, inside)
    return tables.by_name(client)
