"""The log of `shiomi run`: one line per event on stderr, as text or as JSON."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, TextIO

from shiomi.digest.untrusted import clean

__all__ = ["LOG", "log_to"]

LOG = logging.getLogger("shiomi.service")

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def log_to(stream: TextIO | None, form: str, level: str) -> None:
    """Write log lines of at least `level` to `stream` (stderr if None), as "text" or "json".

    Callers pass the values of an event as the argument `extra` of the logger.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_Json() if form == "json" else _Text())
    LOG.handlers[:] = [handler]
    LOG.setLevel(level.upper())
    LOG.propagate = False
    # The log lines of apprise may contain addresses with passwords.
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)


def _values(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC)
        values = "".join(f" {name}={_shown(value)}" for name, value in _values(record).items())
        line = (
            f"{moment:%Y-%m-%dT%H:%M:%SZ} {record.levelname.lower()} {record.getMessage()}{values}"
        )
        line = clean(line)
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **_values(record),
        }
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return json.dumps(fields, ensure_ascii=False, default=str)


def _shown(value: object) -> str:
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if " " in text or not text else text
