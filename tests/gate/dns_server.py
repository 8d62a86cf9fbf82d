"""A real DNS server on loopback, with zones that tests write."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from dnslib import QTYPE, RCODE, RR, DNSRecord
from dnslib.server import BaseResolver, DNSLogger, DNSServer

__all__ = ["Zones", "dns_server"]


@dataclass
class Zones(BaseResolver):  # type: ignore[misc]  # dnslib has no types
    """Records by name and type ("NAME. 300 A 192.0.2.1"), and how it misbehaves."""

    records: Sequence[str] = ()
    delay: float = 0.0  # seconds before every answer
    fails: bool = False  # SERVFAIL to everything
    asked: Counter[tuple[str, str]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.zone: dict[tuple[str, str], list[RR]] = {}
        for line in self.records:
            for record in RR.fromZone(line):
                key = (str(record.rname).lower(), QTYPE[record.rtype])
                self.zone.setdefault(key, []).append(record)

    def resolve(self, request: DNSRecord, handler: object) -> DNSRecord:
        name, kind = str(request.q.qname).lower(), QTYPE[request.q.qtype]
        self.asked[name, kind] += 1
        time.sleep(self.delay)
        reply = request.reply()
        if self.fails:
            reply.header.rcode = RCODE.SERVFAIL
            return reply
        for _ in range(8):
            alias = self.zone.get((name, "CNAME"))
            if not alias:
                break
            reply.add_answer(*alias)
            name = str(alias[0].rdata.label).lower()
        found = self.zone.get((name, kind), [])
        if found:
            reply.add_answer(*found)
        elif not reply.rr and not any(known == name for known, _ in self.zone):
            reply.header.rcode = RCODE.NXDOMAIN
        return reply


@contextmanager
def dns_server(zones: Zones) -> Iterator[int]:
    """Serve the zones on 127.0.0.1; gives the port."""
    server = DNSServer(zones, address="127.0.0.1", port=0, logger=DNSLogger("-request,-reply"))
    server.server.logger = _Silent()
    server.server.handle_error = lambda *_: None  # of a slow answer, after the end
    # dnslib's own thread asks only every half second whether it is to end
    thread = threading.Thread(target=server.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server.server.server_address[1]
    finally:
        server.server.shutdown()
        server.server.server_close()
        thread.join()


class _Silent:
    def __getattr__(self, name: str) -> object:
        return lambda *_: None
