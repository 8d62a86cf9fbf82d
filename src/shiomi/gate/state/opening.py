"""open_state(): open a state by the name that an operator gives."""

from __future__ import annotations

from typing import Literal

from shiomi.gate.state import State
from shiomi.gate.state.memory import MemoryState

__all__ = ["open_state"]


def open_state(
    where: str,
    *,
    clients: int = 1_000_000,
    on_damage: Literal["refuse", "rebuild"] = "refuse",
) -> State:
    """Return the state that `where` names.

    "memory": this process's own. "redis://HOST:PORT/0" (also rediss:, valkey:, unix:): a server's.
    Anything else is the path of a file that the workers of this machine share.

    Raises
    ------
    StateError
        It cannot be opened.
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
