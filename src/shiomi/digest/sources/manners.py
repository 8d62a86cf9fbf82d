"""The request limits of a source, and the waiting times that servers ask for."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

__all__ = ["Manners", "backoff", "rate_limit_wait", "retry_after"]

_LONGEST_WAIT = 7 * 86400.0  # a longer Retry-After is shortened to a week


@dataclass(frozen=True, slots=True)
class Manners:
    """The limits that a source sets for its requests."""

    interval: float = 0.0  # seconds between two requests to one host
    attempts: int = 4  # attempts at one request
    retries: int = 10  # retries allowed in one run; every ten requests allow one more retry
    failures: int = 5  # after this many failed requests in a row, no more are sent to the host
    redirects: int = 5
    # longest time of one whole request in seconds; slow bytes do not extend it
    seconds: float = 60.0
    bytes: int = 8 * 2**20  # largest size of one decompressed answer, in bytes
    limited: float = 0.0  # seconds to wait if a server limits requests but states no time
    # seconds that a run needs with these limits; 0: [collect] budget_seconds is enough
    budget: float = 0.0


def backoff(attempt: int, rng: random.Random, *, base: float = 1.0, longest: float = 60.0) -> float:
    """Return the seconds to wait before attempt `attempt` + 1.

    The time doubles with each attempt. Its upper half is random.

    This is "equal jitter" in Brooker, Exponential Backoff And Jitter (AWS Architecture Blog, 2015).
    """
    full = min(longest, base * 2.0 ** min(attempt - 1, 32))
    return full / 2 + rng.uniform(0.0, full / 2)


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds of a Retry-After header (RFC 9110, 10.2.3), or None if it cannot be
    parsed.

    `headers` has lower-case names. `now` (unix seconds) is needed if the header is a date.
    """
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return min(float(value[:12]), _LONGEST_WAIT)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max(0.0, moment.timestamp() - now), _LONGEST_WAIT)


def rate_limit_wait(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds until the next request, from x-ratelimit-remaining and x-ratelimit-reset.

    The remaining requests are spread evenly over the time until the reset, as Reddit asks. If none
    remains, the wait lasts until the reset. `reset` may be seconds from now or unix seconds.
    Returns None without these headers.
    """
    try:
        remaining = float(headers["x-ratelimit-remaining"])
        reset = float(headers["x-ratelimit-reset"])
    except (KeyError, ValueError):
        return None
    if reset > 1e9:
        reset -= now
    if not (0.0 < reset <= _LONGEST_WAIT):  # this also refuses NaN
        return None
    return reset / remaining if remaining >= 1.0 else reset
