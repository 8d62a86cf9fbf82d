"""Serve /healthz and /metrics of `shiomi run`. The answers come from a snapshot that the main
thread updates."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING

from shiomi.background_server import background_server
from shiomi.digest.errors import ConfigError

if TYPE_CHECKING:
    from shiomi.digest.archive.freshness import Freshness

__all__ = ["Snapshot", "metrics_text", "probes"]

_SILENT = 3600.0  # if the main thread shows no activity for this many seconds, it counts as hanging


@dataclass
class Snapshot:
    """The state that the probes report.

    The main thread assigns new values to the attributes, and never changes a value in place.
    """

    feeds: Sequence[Freshness] = ()
    archive_bytes: int = 0
    digests: int = 0
    last_digest: int = 0  # end of the week of the newest digest, in Unix seconds
    requests: Mapping[str, int] = field(default_factory=dict)  # number by source, since the start
    # number of messages by outcome ("sent", "failed"), since the start
    notices: Mapping[str, int] = field(default_factory=dict)
    alive: float = field(default_factory=time.monotonic)  # time of the main thread's last activity

    @property
    def healthy(self) -> bool:
        """Return whether the main thread is active."""
        return time.monotonic() - self.alive < _SILENT


@contextlib.contextmanager
def probes(address: str, snapshot: Snapshot) -> Iterator[str]:
    """Answer requests on `address`, such as "127.0.0.1:9464", until the block ends.

    Port 0 selects a free port. If the address is empty, no server is started. Raises ConfigError if
    the address cannot be used.
    """
    if not address:
        yield ""
        return
    handler = type("Handler", (_Handler,), {"snapshot": snapshot})
    with contextlib.ExitStack() as stack:
        try:
            used = stack.enter_context(background_server(address, handler))
        except (OSError, OverflowError) as error:
            raise ConfigError(
                f'run.probe {address!r} cannot be used: {error}; set another port, or "" for none'
            ) from None
        yield used


class _Handler(BaseHTTPRequestHandler):
    snapshot: Snapshot
    timeout = 10.0

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/healthz":
            healthy = self.snapshot.healthy
            self._send(200 if healthy else 503, "ok\n" if healthy else "the main loop hangs\n")
        elif path == "/metrics":
            self._send(200, metrics_text(self.snapshot))
        else:
            self._send(404, "/healthz and /metrics are served here\n")

    def _send(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Probes are not logged."""


def metrics_text(snapshot: Snapshot) -> str:
    """Return the snapshot in the text format of Prometheus, version 0.0.4."""
    feeds = [
        (f'{{community="{_label(one.community)}",feed="{_label(one.feed)}"}}', one)
        for one in snapshot.feeds
    ]
    rows: list[tuple[str, str, str, list[tuple[str, float]]]] = [
        (
            "shiomi_feed_last_success_timestamp_seconds", "gauge",
            "When the feed was last read; 0: never.",
            [(label, one.success or 0) for label, one in feeds],
        ),
        (
            "shiomi_feed_failures", "gauge", "Readings that failed since the last success.",
            [(label, one.failures) for label, one in feeds],
        ),
        (
            "shiomi_feed_stale", "gauge", "1 if the feed was last read too long ago.",
            [(label, int(one.stale)) for label, one in feeds],
        ),
        (
            "shiomi_requests_total", "counter", "Requests sent to a source since the start.",
            [(f'{{source="{_label(name)}"}}', n) for name, n in snapshot.requests.items()],
        ),
        (
            "shiomi_notices_total", "counter", "Notifications since the start.",
            [(f'{{state="{_label(name)}"}}', n) for name, n in snapshot.notices.items()],
        ),
        ("shiomi_archive_bytes", "gauge", "Size of the archive.", [("", snapshot.archive_bytes)]),
        ("shiomi_digests", "gauge", "Digests in the archive.", [("", snapshot.digests)]),
        (
            "shiomi_digest_week_end_timestamp_seconds", "gauge",
            "End of the week of the newest digest; 0: none.", [("", snapshot.last_digest)],
        ),
    ]  # fmt: skip
    lines = []
    for name, kind, about, values in rows:
        lines += [f"# HELP {name} {about}", f"# TYPE {name} {kind}"]
        lines += [f"{name}{label} {value}" for label, value in values]
    return "\n".join(lines) + "\n"


def _label(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
