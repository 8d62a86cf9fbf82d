"""RefusalLog: one line for each request that the gate refused, with the reason.

A file whose name ends in `.jsonl` or `.json` gets lines of JSON, any other file lines of text:

    {"time": "2026-11-29T06:28:43Z", "verdict": "deny", "reason": "purpose", "client": "GPTBot",
     "purpose": "ai-training", "address": "192.0.2.1", "method": "GET", "path": "/a", "agent": "…"}
    2026-11-29T06:28:43Z deny purpose GPTBot ai-training 192.0.2.1 GET "/a" "…"

Several workers may write to one file, because each line is a single write in append mode. If the
file is renamed, as logrotate does, it is opened again.
"""

from __future__ import annotations

import json
import logging
import os
import time
from pathlib import Path

from shiomi.gate.addresses import text_of
from shiomi.gate.decision import Decision
from shiomi.gate.errors import GateError
from shiomi.gate.request import Request

__all__ = ["RefusalLog", "refusal_line"]

_log = logging.getLogger(__name__)
_LONGEST = 500  # characters of a path or User-Agent
_LOOK_SECONDS = 5.0  # seconds between checks whether the file was renamed


class RefusalLog:
    """Writes one line per refusal to `path`.

    Raises
    ------
    GateError
        The file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written = _as_json if path.suffix in (".jsonl", ".json") else _as_text
        self._look_at = 0.0
        try:
            self._fd = self._opened()
        except OSError as error:
            raise GateError(f"{path} cannot be written: {error.strerror}") from error

    def write(self, request: Request, decision: Decision, now: float) -> None:
        """Write the line of one refusal. If the disk is full, only this line is lost."""
        line = self._written(refusal_line(request, decision, now)) + "\n"
        try:
            if now > self._look_at:
                self._reopen()
                self._look_at = now + _LOOK_SECONDS
            os.write(self._fd, line.encode("utf-8", "replace"))
        except OSError as error:
            _log.warning("%s cannot be written: %s", self._path, error.strerror)

    def close(self) -> None:
        """Close the file; a later `write` opens it again."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd, self._look_at = -1, 0.0

    def _opened(self) -> int:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        return os.open(self._path, flags, 0o640)

    def _reopen(self) -> None:
        try:
            same = os.path.samestat(os.fstat(self._fd), self._path.stat())
        except OSError:
            same = False
        if not same:
            old, self._fd = self._fd, self._opened()  # if it cannot be opened, the old one stays
            if old >= 0:
                os.close(old)


def _as_json(line: dict[str, str]) -> str:
    return json.dumps(line, ensure_ascii=False)


def _as_text(line: dict[str, str]) -> str:
    """Return the values as one line; path and User-Agent are quoted as in JSON."""
    *words, path, agent = line.values()
    quoted = (json.dumps(text, ensure_ascii=False) for text in (path, agent))
    return " ".join([*(word.replace(" ", "_") or "-" for word in words), *quoted])


def refusal_line(request: Request, decision: Decision, now: float) -> dict[str, str]:
    """Return the fields of a line."""
    return {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now)),
        "verdict": str(decision.verdict),
        "reason": decision.reason,
        "client": decision.client,
        "purpose": str(decision.purpose),
        "address": text_of(request.address) if request.address else "",
        "method": request.method[:20],
        "path": request.target[:_LONGEST],
        "agent": request.user_agent[:_LONGEST],
    }
