"""The report as plain lists and dictionaries, for programs."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from shiomi.gate.report.access_log import Reading
from shiomi.gate.report.summary import ClientRow, Summary, Suspect

__all__ = ["structured"]


def structured(summary: Summary, reading: Reading, per_gb: float | None = None) -> dict[str, Any]:
    """Return the content of the report. Times are ISO 8601 in UTC, sizes are in bytes.

    Parameters
    ----------
    per_gb
        The cost of a GB (10^9 bytes) of traffic; None: costs are null.
    """
    return {
        "log": asdict(reading),
        "begins": _moment(summary.begins),
        "ends": _moment(summary.ends),
        "requests": summary.requests,
        "bytes": summary.bytes,
        "cost": _cost(summary.bytes, per_gb),
        "suspects": [_suspect(one) for one in summary.suspects],
        "purposes": [_row(row, per_gb) for row in summary.by_purpose()],
        "clients": [_row(row, per_gb) for row in summary.clients],
        "hours": [
            {"begins": _moment(hour * 3600), "requests": dict(by_purpose)}
            for hour, by_purpose in sorted(summary.hours.items())
        ],
        "clients_not_followed_to_the_end": summary.forgotten,
    }


def _suspect(one: Suspect) -> dict[str, Any]:
    fields = asdict(one)
    return {"client" if name == "name" else name: value for name, value in fields.items()}


def _row(row: ClientRow, per_gb: float | None) -> dict[str, Any]:
    return {
        "name": row.name,
        "purpose": row.purpose,
        "operator": row.operator,
        "requests": row.requests,
        "bytes": row.bytes,
        "cost": _cost(row.bytes, per_gb),
        "addresses": row.addresses,
        "robots_txt": row.robots,
        "first": _moment(row.first),
        "last": _moment(row.last),
        "statuses": dict(sorted(row.statuses.items())),
        "verdicts": dict(row.verdicts),
        "from_addresses_not_its_own": row.unproven,
    }


def _moment(seconds: int) -> str | None:
    return datetime.fromtimestamp(seconds, UTC).isoformat() if seconds else None


def _cost(size: int, per_gb: float | None) -> float | None:
    return None if per_gb is None else round(size / 1e9 * per_gb, 2)
