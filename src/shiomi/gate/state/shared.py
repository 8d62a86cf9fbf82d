"""shared_state(): the state that all workers of one site share if no other state is given.

Workers of one server have the same user, working directory and policy file, so the file's name is
made from these three. It is in the first of these folders that can be used:

1. `$STATE_DIRECTORY`, which systemd sets for a unit with `StateDirectory=`;
2. `$XDG_STATE_HOME/shiomi-gate`, or `~/.local/state/shiomi-gate`;
3. `shiomi-gate-UID` in the folder for temporary files, if it belongs to this user alone.

`$SHIOMI_GATE_STATE` names another state: a file, "redis://HOST:PORT/0", or "memory".
"""

from __future__ import annotations

import logging
import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from pathlib import Path

from shiomi.gate.errors import StateError
from shiomi.gate.state import State
from shiomi.gate.state.memory import MemoryState
from shiomi.gate.state.opening import open_state

__all__ = ["shared_state"]

_log = logging.getLogger(__name__)

_CLIENTS = 250_000  # 16 MB on disk


def shared_state(
    policy: str | os.PathLike[str] | None = None, environment: Mapping[str, str] = os.environ
) -> State:
    """Return the state of this site, shared by its workers on this machine.

    If no folder can be used, return a state in memory and log a warning: every worker then has
    separate budgets, bans and cookies.

    Parameters
    ----------
    policy
        The policy file; sites with different files have different states.

    Raises
    ------
    StateError
        `$SHIOMI_GATE_STATE` names a state that cannot be opened.
    """
    if named := environment.get("SHIOMI_GATE_STATE"):
        return open_state(named)
    reasons = []
    site = f"{Path.cwd()}\0{Path(policy).resolve() if policy is not None else ''}"
    name = f"site-{blake2b(site.encode(), digest_size=6).hexdigest()}.state"
    try:
        for folder, private in _folders(environment):
            try:
                _usable(folder, private=private)
                return open_state(str(folder / name), clients=_CLIENTS, on_damage="rebuild")
            except (OSError, StateError) as error:
                reasons.append(f"{folder}: {error}")
    except ImportError:  # no file locks on this system
        reasons.append("this system has no fcntl module")
    _log.warning(
        "the workers of this site share no state, so each of them challenges a browser again; "
        "set SHIOMI_GATE_STATE to a file that they may write, or to redis://HOST:PORT/0 (%s)",
        "; ".join(reasons),
    )
    return MemoryState()


def _folders(environment: Mapping[str, str]) -> Iterator[tuple[Path, bool]]:
    """Yield each folder to try, and whether other users can write to its parent folder."""
    if given := environment.get("STATE_DIRECTORY"):
        yield Path(given.partition(":")[0]), False
    if home := environment.get("XDG_STATE_HOME"):
        yield Path(home) / "shiomi-gate", False
    elif home := environment.get("HOME"):
        yield Path(home) / ".local" / "state" / "shiomi-gate", False
    yield Path(tempfile.gettempdir()) / f"shiomi-gate-{os.getuid()}", True


def _usable(folder: Path, *, private: bool) -> None:
    """Create the folder, and check that no other user can have put the file there."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if private:
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
            raise StateError("the folder belongs to another user, or others may read it")
