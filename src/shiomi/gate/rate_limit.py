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
from shiomi.gate.policy import Budget, NetworkRule, Policy, Rate
from shiomi.gate.state import Charge

__all__ = ["Buckets", "Networks", "host"]

_REMEMBERED = 8192  # clients whose buckets' keys are kept, some 4 MB


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
    """The charges of a policy's budgets, under the keys of one state's secret; remembered."""

    def __init__(self, policy: Policy, networks: Networks, secret: bytes) -> None:
        self.secret = secret
        self._budgets = policy.budgets
        self._networks = networks
        self._known: dict[tuple[str, bytes], tuple[Charge, ...]] = {}

    def charges(self, budget: str, address: bytes) -> tuple[Charge, ...]:
        """Return one token of each bucket that counts this packed address under this budget."""
        known = self._known.get((budget, address))
        if known is None:
            known = self._charges(budget, self._budgets[budget], address)
            if len(self._known) >= _REMEMBERED:
                self._known = {}
            self._known[budget, address] = known
        return known

    def _charges(self, name: str, budget: Budget, address: bytes) -> tuple[Charge, ...]:
        levels: list[tuple[str, bytes, Rate | None]] = [
            ("address", host(address), budget.address),
            ("prefix", group(address), budget.prefix),
            ("network", self._networks.name(address), budget.network),
            ("all", b"", budget.all),
        ]
        return tuple(
            (key(self.secret, level, name.encode(), whom), rate.interval, rate.ahead)
            for level, whom, rate in levels
            if rate is not None
        )
