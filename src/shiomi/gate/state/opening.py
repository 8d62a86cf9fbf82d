"""open_state(): open the state that an operator names."""

from __future__ import annotations

from typing import Literal

from shiomi.gate.state import State
from shiomi.gate.state.memory import MemoryState

__all__ = ["open_state"]


def open_state(
    where: str, *, clients: int = 1_000_000, on_damage: Literal["refuse", "rebuild"] = "refuse"
) -> State:
    """Return the state that `where` names.

    "memory" is a state in this process. "redis://HOST:PORT/0" (also rediss:, valkey:, unix:) is a
    state in a server. Any other text is the path of a file that the workers of this machine share.

    Raises
    ------
    StateError
        The state cannot be opened.
    MissingError
        redis-py is not installed, and `where` is a server.
    """
    if where == "memory":
        return MemoryState(clients=clients)
    scheme, colon, rest = where.partition("://")
    if colon:
        from shiomi.gate.state.valkey import ValkeyState

        scheme = {"valkey": "redis", "valkeys": "rediss"}.get(scheme, scheme)
        return ValkeyState(f"{scheme}://{rest}")
    from shiomi.gate.state.file import FileState

    return FileState(where, clients=clients, on_damage=on_damage)
