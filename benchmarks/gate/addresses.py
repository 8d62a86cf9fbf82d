"""Time the lookup of an address in the published ranges, in microseconds, from the address's text.

    python -m benchmarks.gate.addresses

Compared with: a scan with the standard library's `ipaddress`, and pytricia (C; a prefix tree for
each
family), which answers with the longest prefix only and knows nothing of IPv4 inside IPv6.
"""

from __future__ import annotations

import ipaddress
import random
import time
from collections.abc import Callable, Sequence
from importlib import resources

from shiomi.gate.identity.published_ranges import published_ranges


def prefixes() -> list[tuple[str, str]]:
    """Every network the package ships, with its name."""
    folder = resources.files("shiomi.gate") / "data" / "ranges"
    return [
        (line, entry.name.removesuffix(".txt"))
        for entry in folder.iterdir()
        for line in entry.read_text(encoding="ascii").splitlines()
        if not line.startswith("#")
    ]


def microseconds(ask: Callable[[str], object], addresses: Sequence[str]) -> float:
    """CPU time a lookup, the best of five rounds."""
    rounds = []
    for _ in range(5):
        began = time.process_time()
        for address in addresses:
            ask(address)
        rounds.append((time.process_time() - began) / len(addresses) * 1e6)
    return min(rounds)


def main() -> None:
    """Print the table."""
    networks = prefixes()
    began = time.process_time()
    table = published_ranges()
    loaded = time.process_time() - began
    print(f"{len(networks)} networks, read in {loaded * 1e3:.0f} ms")
    generator = random.Random(1)
    four = [network for network, _ in networks if ":" not in network]
    six = [network for network, _ in networks if ":" in network]
    inside = [str(ipaddress.ip_network(generator.choice(four))[0]) for _ in range(10_000)]
    outside = [str(ipaddress.IPv4Address(generator.getrandbits(32))) for _ in range(10_000)]
    inside6 = [str(ipaddress.ip_network(generator.choice(six))[0]) for _ in range(10_000)]
    parsed = [(ipaddress.ip_network(network), name) for network, name in networks]

    def scan(text: str) -> set[str]:
        address = ipaddress.ip_address(text)
        return {name for network, name in parsed if address in network}

    rivals: dict[str, Callable[[str], object]] = {"ours": table.lookup}
    try:
        import pytricia
    except ImportError:
        print("pytricia is not installed: left out")
    else:
        tree4, tree6 = pytricia.PyTricia(32), pytricia.PyTricia(128)
        for network, name in networks:
            (tree6 if ":" in network else tree4).insert(network, name)
        rivals["pytricia"] = lambda text: (tree6 if ":" in text else tree4).get(text)
    print(f"{'':12}{'IPv4 inside':>14}{'IPv4 anywhere':>15}{'IPv6 inside':>13}")
    for name, ask in rivals.items():
        times = [microseconds(ask, addresses) for addresses in (inside, outside, inside6)]
        print(f"{name:12}{times[0]:14.2f}{times[1]:15.2f}{times[2]:13.2f}")
    times = [microseconds(scan, addresses[:20]) for addresses in (inside, outside, inside6)]
    print(f"{'ipaddress':12}{times[0]:14.0f}{times[1]:15.0f}{times[2]:13.0f}")
    asked = inside[:200] + outside[:200] + inside6[:200]
    wrong = sum(table.lookup(address) != scan(address) for address in asked)
    print(f"answers that differ from the scan's: {wrong} of {len(asked)}")


if __name__ == "__main__":
    main()
