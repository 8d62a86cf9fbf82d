"""The token buckets from which a client's request takes tokens.

A budget has up to four buckets: for the address, its /24 or /48, its network, and all clients
together. A request takes one token from each bucket. If one of them is empty it takes none at all,
so that a refused client does not use up shared buckets. A bucket is stored as one number, its
theoretical arrival time (GCRA, ITU-T I.371).

An IPv4 address is counted by itself and an IPv6 address by its /64, because one host owns the /64
and may change its address within it at any time (RFC 8981).
"""

from __future__ import annotations

from shiomi.gate.addresses import RangeTable, group, parse_prefix
from shiomi.gate.policy import NetworkRule, Policy
from shiomi.gate.state import Charge
from shiomi.gate.state.keys import key

__all__ = ["Buckets", "Charges", "Networks", "host"]

_REMEMBERED = 4096  # addresses, at most about 8 MB


def host(address: bytes) -> bytes:
    """Return the part of an address that counts as one client.

    This is the whole address for IPv4, and the /64 for IPv6.
    """
    return address if len(address) == 4 else address[:8]


class Networks:
    """The policy's [[network]] rules, prepared for looking up the rule of an address."""

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
        """Return the key of the network: a rule's name, or else the IPv4 /16 or the IPv6 /32."""
        rule = self.rule(address)
        if rule is not None:
            return b"name " + rule.name.encode()
        return address[:2] if len(address) == 4 else address[:4]


class Charges(dict[str, tuple[Charge, ...]]):
    """Maps a budget's name to one token of each bucket that counts an address.

    An entry is computed on its first use. `cookie` is given if a client uses a cookie outside the
    cookie's home network; the cookie then has a bucket too.
    """

    __slots__ = ("_address", "_buckets", "_cookie")

    def __init__(self, buckets: Buckets, address: bytes, cookie: bytes = b"") -> None:
        self._buckets = buckets
        self._address = address
        self._cookie = cookie

    def __missing__(self, budget: str) -> tuple[Charge, ...]:
        charges = self[budget] = self._buckets.made(budget, self._address, self._cookie)
        return charges


class Buckets:
    """The cached charges of each budget of a policy; their keys depend on one state's secret."""

    def __init__(self, policy: Policy, networks: Networks, secret: bytes) -> None:
        self._budgets = policy.budgets
        self._networks = networks
        self._secret = secret
        self._known: dict[bytes, Charges] = {}

    def charges(self, address: bytes) -> Charges:
        """Return the charges of this packed address."""
        known = self._known.get(address)
        if known is None:
            if len(self._known) >= _REMEMBERED:
                self._known = {}
            known = self._known[address] = Charges(self, address)
        return known

    def made(self, name: str, address: bytes, cookie: bytes = b"") -> tuple[Charge, ...]:
        """Return one token of each bucket that counts this address under the budget."""
        budget = self._budgets[name]
        levels = (
            ("address", budget.address, host),
            ("prefix", budget.prefix, group),
            ("network", budget.network, self._networks.name),
            ("all", budget.all, _everybody),
        )
        charges = [
            (key(self._secret, level, name.encode(), whom(address)), rate.interval, rate.ahead)
            for level, rate, whom in levels
            if rate is not None
        ]
        if cookie and (rate := budget.address) is not None:
            bucket = key(self._secret, "cookie away", name.encode(), cookie)
            charges.append((bucket, rate.interval, rate.ahead))
        return tuple(charges)


def _everybody(address: bytes) -> bytes:  # noqa: ARG001
    return b""
