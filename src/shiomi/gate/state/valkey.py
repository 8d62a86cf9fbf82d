"""ValkeyState: budgets and bans in a Valkey or Redis server, for sites of several machines.

One script takes the tokens, so either all of them are taken or none. It uses the server's clock, so
the machines' clocks may differ. Every key expires when it is no longer needed. Give the server a
`maxmemory` and the policy `volatile-ttl`, which first evicts the keys that expire first.

If the server does not answer, one request tries it again after a pause. The other requests fail at
once, so that none of them waits, and the policy's `on_failure` decides.

The braces in the names put all keys into one slot, so a cluster stores them on one node.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from shiomi.extras import needs_extra
from shiomi.gate.errors import MissingError, StateError
from shiomi.gate.state import Charge

if TYPE_CHECKING:
    from redis import Redis

__all__ = ["ValkeyState"]

_log = logging.getLogger(__name__)

# GCRA over several buckets. Times are microseconds, which a double stores exactly. Lua's tostring()
# is not used, because it rounds to 14 digits.
_TAKE = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local wait = 0
local after = {}
for i, key in ipairs(KEYS) do
  local interval = tonumber(ARGV[2 * i - 1])
  local ahead = tonumber(ARGV[2 * i])
  local time = tonumber(redis.call('GET', key) or '0') or 0
  if time <= now then
    time = now
  elseif time - now > ahead then
    time = math.min(time, now + ahead + interval)
    wait = math.max(wait, time - now - ahead)
  end
  after[i] = time + interval
end
if wait > 0 then
  return string.format('%.0f', math.ceil(wait))
end
for i, key in ipairs(KEYS) do
  local expires = math.ceil((after[i] - now) / 1000)
  redis.call('SET', key, string.format('%.0f', after[i]), 'PX', math.max(1, expires))
end
return '0'
"""

# A ban may become longer, but never shorter.
_REVOKE = """
for i, key in ipairs(KEYS) do
  if redis.call('PTTL', key) < tonumber(ARGV[1]) then
    redis.call('SET', key, '1', 'PX', ARGV[1])
  end
end
return 1
"""

_REVOKED = """
local longest = 0
for i, key in ipairs(KEYS) do
  longest = math.max(longest, redis.call('PTTL', key))
end
return longest
"""


class ValkeyState:
    """State shared by several machines through a server at `url`.

    Parameters
    ----------
    url
        redis://HOST:PORT/NUMBER, rediss:// with TLS, unix:///PATH; a password as in
        redis://:PASSWORD@HOST.
    timeout
        The most seconds for one answer, and for waiting for a connection.
    pause
        Seconds without new attempts after the server did not answer.
    connections
        The most connections that each process holds at a time.
    prefix
        The prefix of all key names; sites with the same prefix share their budgets.

    Raises
    ------
    MissingError
        redis-py is not installed.
    StateError
        The address is not valid. The server itself is not used before the first request.
    """

    blocking = True

    def __init__(
        self,
        url: str,
        *,
        timeout: float = 0.1,
        pause: float = 1.0,
        connections: int = 16,
        prefix: str = "shiomi-gate",
    ) -> None:
        self._prefix = "{" + prefix + "}"
        self._pause = pause
        self._client = _client(url, timeout, connections)
        self._take = self._client.register_script(_TAKE)
        self._revoke = self._client.register_script(_REVOKE)
        self._revoked = self._client.register_script(_REVOKED)
        self._url = url.rpartition("@")[2]  # without the password, for messages
        self._ask_again = 0.0  # monotonic seconds
        self._down: str | None = None
        self._asking = threading.Lock()
        self._secret: bytes | None = None

    @property
    def secret(self) -> bytes:
        """Return the secret that the server stores; the first process creates it."""
        if self._secret is None:
            self._secret = self._ask(self._shared_secret)
        return self._secret

    def take(self, charges: Sequence[Charge], now: float) -> float:  # noqa: ARG002 - its own clock
        """Take one token from every bucket, or from none; see `State.take`."""
        if not charges:
            return 0.0
        names = [f"{self._prefix}:bucket:{key:x}" for key, _, _ in charges]
        numbers = [f"{seconds * 1e6:.0f}" for charge in charges for seconds in charge[1:]]
        return int(self._ask(self._take, names, numbers)) / 1e6

    def revoke(self, keys: Sequence[int], until: float, now: float) -> None:
        """Ban the keys; see `State.revoke`."""
        if keys and until > now:
            milliseconds = max(1, int((until - now) * 1000))
            self._ask(self._revoke, self._ban_names(keys), [milliseconds])

    def revoked(self, keys: Sequence[int], now: float) -> float:
        """Return the time at which the last ban of a key ends; see `State.revoked`."""
        if not keys:
            return 0.0
        left = self._ask(self._revoked, self._ban_names(keys), [])
        return now + left / 1000 if left > 0 else 0.0

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _ban_names(self, keys: Sequence[int]) -> list[str]:
        return [f"{self._prefix}:ban:{key:x}" for key in keys]

    def _shared_secret(self) -> bytes:
        name = f"{self._prefix}:secret"
        self._client.set(name, secrets.token_bytes(32), nx=True)
        kept = self._client.get(name)
        if not isinstance(kept, bytes) or len(kept) < 16:
            raise StateError(f"{self._url}: the key {name} is not a secret of the gate; delete it")
        return kept

    def _ask(self, question: Any, *arguments: Any) -> Any:
        """Ask the server; during an outage, raise at once."""
        if self._down is None:
            return self._try(question, *arguments)
        # One request checks whether the server is back; the others do not wait for it.
        if time.monotonic() < self._ask_again or not self._asking.acquire(blocking=False):
            raise StateError(self._down)
        try:
            answer = self._try(question, *arguments)
            self._down = None
            _log.warning("%s answers again", self._url)
            return answer
        finally:
            self._asking.release()

    def _try(self, question: Any, *arguments: Any) -> Any:
        from redis.exceptions import RedisError

        try:
            return question(*arguments)
        except (RedisError, OSError) as error:
            # Errors of the script count as an outage too: a read-only replica, or full memory.
            self._ask_again = time.monotonic() + self._pause
            said = f"{self._url}: {error or type(error).__name__}"
            if self._down is None:
                _log.warning("%s; asking again every %g s", said, self._pause)
            self._down = said
            raise StateError(said) from error


def _client(url: str, timeout: float, connections: int) -> Redis:
    try:
        from redis import BlockingConnectionPool, Redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry
    except ImportError:
        raise MissingError(
            needs_extra("state in Valkey or Redis", "redis-py", "gate-valkey")
        ) from None
    try:
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=connections,
            timeout=timeout,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            retry=Retry(NoBackoff(), 0),
        )
    except ValueError as error:
        raise StateError(
            f"the address of a server must be like redis://HOST:PORT/0, got "
            f"{url.rpartition('@')[2]!r} ({error})"
        ) from error
    return Redis(connection_pool=pool)
