"""Metrics in Prometheus text format 0.0.4: verdicts, their duration, and the size of the state.

Clients cannot create new label values: verdicts, purposes and reasons are fixed words, and the
number of client names is limited.
"""

from __future__ import annotations

import json
import os
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from shiomi.gate.decision import Decision

__all__ = ["CONTENT_TYPE", "Metrics", "prometheus_text"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_BOUNDS = (0.00001, 0.00003, 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
_MOST_SERIES = 500  # names in one metric; all further names count as "other"


class Metrics:
    """Counts of one process."""

    def __init__(self) -> None:
        self._verdicts: dict[tuple[str, str, str], int] = {}
        self._clients: dict[tuple[str, str], int] = {}
        # A decision that lets a client through is one object that is used again and again. It is
        # counted by the object's id first, because that is faster than counting by its labels.
        self._again: dict[int, tuple[Decision, list[int]]] = {}
        self._slower = [0] * (len(_BOUNDS) + 1)
        self._seconds = 0.0

    def count(self, decision: Decision, seconds: float) -> None:
        """Count one decision, and the seconds that it took."""
        self._slower[bisect_left(_BOUNDS, seconds)] += 1
        self._seconds += seconds
        known = self._again.get(id(decision))
        if known is not None:  # the reference keeps it alive, so its id stays unique
            known[1][0] += 1
        elif decision.response is None and len(self._again) < _MOST_SERIES:
            self._again[id(decision)] = (decision, [1])
        else:
            self._add(decision, 1)

    def _add(self, decision: Decision, count: int) -> None:
        verdict, reason, purpose, client, *_ = decision
        _add(self._verdicts, (verdict, purpose, reason), ("other",) * 3, count)
        _add(self._clients, (client, verdict), ("other",) * 2, count)

    def snapshot(self) -> dict[str, Any]:
        """Return all counts as JSON values, which `prometheus_text` adds up for all workers."""
        again, self._again = self._again, {}
        for decision, (count,) in again.values():
            self._add(decision, count)
        return {
            "verdicts": [[*labels, count] for labels, count in self._verdicts.items()],
            "clients": [[*labels, count] for labels, count in self._clients.items()],
            "slower": list(self._slower),
            "seconds": self._seconds,
        }

    def save(self, folder: Path) -> None:
        """Write the snapshot into a file of this process in the folder, for the other workers."""
        path = folder / f"{os.getpid()}.json"
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(self.snapshot()), encoding="utf-8")
        fresh.replace(path)

    def saved_by_others(self, folder: Path) -> list[dict[str, Any]]:
        """Return the snapshots of all other workers, including workers that have ended."""
        found = []
        for path in sorted(folder.glob("*.json")):
            if path.stem != str(os.getpid()):
                try:
                    found.append(json.loads(path.read_text(encoding="utf-8")))
                except (OSError, ValueError):  # the file is being replaced, or the disk is full
                    continue
        return found


def prometheus_text(
    snapshots: Iterable[Mapping[str, Any]], *, entries: tuple[int, int] | None = None
) -> str:
    """Return the sum of the snapshots in Prometheus's format.

    `entries`: the numbers of buckets and bans in the state; None if unknown.
    """
    verdicts: dict[tuple[str, ...], int] = {}
    clients: dict[tuple[str, ...], int] = {}
    slower = [0] * (len(_BOUNDS) + 1)
    seconds = 0.0
    for snapshot in snapshots:
        for kept, name in ((verdicts, "verdicts"), (clients, "clients")):
            for *labels, count in snapshot[name]:
                _add(kept, tuple(labels), ("other",) * len(labels), count)
        slower = [a + b for a, b in zip(slower, snapshot["slower"], strict=True)]
        seconds += snapshot["seconds"]
    lines = [
        *_series(
            "shiomi_gate_requests_total",
            "Requests by verdict, by the client's purpose, and by the reason.",
            ("verdict", "purpose", "reason"),
            verdicts,
        ),
        *_series(
            "shiomi_gate_clients_total",
            "Requests by the client's name and verdict.",
            ("client", "verdict"),
            clients,
        ),
        *_histogram("shiomi_gate_decision_seconds", "Time of a decision.", slower, seconds),
    ]
    if entries is not None:
        lines += [
            "# HELP shiomi_gate_state_entries Estimated number of entries in the state.",
            "# TYPE shiomi_gate_state_entries gauge",
            f'shiomi_gate_state_entries{{kind="bucket"}} {entries[0]}',
            f'shiomi_gate_state_entries{{kind="ban"}} {entries[1]}',
        ]
    return "\n".join([*lines, ""])


def _add(kept: dict[Any, int], labels: tuple[str, ...], other: tuple[str, ...], count: int) -> None:
    if labels in kept:
        kept[labels] += count
    elif len(kept) < _MOST_SERIES:
        kept[labels] = count
    else:
        kept[other] = kept.get(other, 0) + count


def _series(
    name: str, about: str, labels: tuple[str, ...], counts: Mapping[tuple[str, ...], int]
) -> list[str]:
    lines = [f"# HELP {name} {about}", f"# TYPE {name} counter"]
    for values, count in sorted(counts.items()):
        pairs = ",".join(
            f'{label}="{_escaped(value)}"' for label, value in zip(labels, values, strict=True)
        )
        lines.append(f"{name}{{{pairs}}} {count}")
    return lines


def _histogram(name: str, about: str, slower: list[int], seconds: float) -> list[str]:
    lines = [f"# HELP {name} {about}", f"# TYPE {name} histogram"]
    total = 0
    for bound, count in zip((*map(str, _BOUNDS), "+Inf"), slower, strict=True):
        total += count
        lines.append(f'{name}_bucket{{le="{bound}"}} {total}')
    return [*lines, f"{name}_sum {seconds:.6f}", f"{name}_count {total}"]


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
