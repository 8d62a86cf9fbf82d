"""The request limits of a source, and the waiting times that servers ask for."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

__all__ = ["Manners", "backoff", "rate_limit_wait", "retry_after"]

_LONGEST_WAIT = 7 * 86400.0  # an absurd Retry-After is cut to a week


@dataclass(frozen=True, slots=True)
class Manners:
    """The limits that a source sets for its requests."""

    interval: float = 0.0  # seconds between two requests to one host
    attempts: int = 4  # attempts at one request
    retries: int = 10  # allowed in one run; every ten requests allow one more
    failures: int = 5  # failed requests in a row after which the host is left alone
    redirects: int = 5
    seconds: float = 60.0  # seconds for one whole request; slow bytes do not extend it
    bytes: int = 8 * 2**20  # bytes of one decompressed answer
    limited: float = 0.0  # seconds to wait when a limiter states no time
    budget: float = 0.0  # seconds a run needs at this pace; 0: [collect] budget_seconds is enough


def backoff(attempt: int, rng: random.Random, *, base: float = 1.0, longest: float = 60.0) -> float:
    """Return the seconds before attempt `attempt` + 1: doubled each time, the upper half random.

    "Equal jitter" of Brooker, Exponential Backoff And Jitter (AWS Architecture Blog, 2015).
    """
    full = min(longest, base * 2.0 ** min(attempt - 1, 32))
    return full / 2 + rng.uniform(0.0, full / 2)


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds of a Retry-After header (RFC 9110, 10.2.3); None if it is not readable.

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
    if not (0.0 < reset <= _LONGEST_WAIT):  # NaN too
        return None
    return reset / remaining if remaining >= 1.0 else reset
