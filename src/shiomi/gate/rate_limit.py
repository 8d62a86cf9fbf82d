"""Token buckets: which ones a client's request takes from.

Four levels, each of a policy's budget or none: the address, its /24 or /48, its network, everybody.
A request takes one token from each, or, where one is empty, from none, so that who is refused uses
up nobody else's. A bucket is kept by its theoretical arrival time (GCRA, ITU-T I.371): one number.

An IPv4 address counts by itself and an IPv6 address by its /64, which one host has to itself and
may change within as it likes (RFC 8981).
"""

from __future__ import annotations

from shiomi.gate.addresses import RangeTable, group, parse_prefix
from shiomi.gate.keys import key
from shiomi.gate.policy import NetworkRule, Policy
from shiomi.gate.state import Charge

__all__ = ["Buckets", "Networks", "host"]


def host(address: bytes) -> bytes:
    """Return what counts as one client: the IPv4 address, or the /64 of the IPv6 address."""
    return address if len(address) == 4 else address[:8]


class Networks:
    """The policy's [[network]] rules, ready to be asked for an address."""

    def __init__(self, rules: tuple[NetworkRule, ...]) -> None:
        self._rules = {rule.name: rule for rule in rules}
        self._table = RangeTable(
            {rule.name: [parse_prefix(text) for text in rule.addresses] for rule in rules}
        )
        self._order = {rule.name: number for number, rule in enumerate(rules)}

    def rule(self, address: bytes) -> NetworkRule | None:
        """Return the first rule that names the packed address's network, or None."""
        if not self._rules or not address:
            return None
        names = self._table.names_of(address)
        return self._rules[min(names, key=self._order.__getitem__)] if names else None

    def name(self, address: bytes) -> bytes:
        """Return what stands for the network: a rule's name, else the /16, or /32 of IPv6."""
        rule = self.rule(address)
        if rule is not None:
            return b"name " + rule.name.encode()
        return address[:2] if len(address) == 4 else address[:4]


class Buckets:
    """The charges of a policy's budgets, under the keys of one state's secret."""

    def __init__(self, policy: Policy, networks: Networks, secret: bytes) -> None:
        self._budgets = policy.budgets
        self._networks = networks
        self._secret = secret

    def charges(self, address: bytes) -> dict[str, tuple[Charge, ...]]:
        """Return, for each budget, one token of each bucket that counts this packed address."""
        whom = {
            "address": host(address),
            "prefix": group(address),
            "network": self._networks.name(address),
            "all": b"",
        }
        return {
            name: tuple(
                (key(self._secret, level, name.encode(), who), rate.interval, rate.ahead)
                for level, who in whom.items()
                if (rate := getattr(budget, level)) is not None
            )
            for name, budget in self._budgets.items()
        }
