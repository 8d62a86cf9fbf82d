"""Options that several commands of the gate share: the policy, and the folder of newer lists."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from shiomi.gate.policy import Policy

__all__ = ["chosen_policy", "data_option", "policy_path"]

Command = TypeVar("Command", bound=Callable[..., Any])


def data_option(command: Command) -> Command:
    """Add the option --data."""
    return click.option(
        "--data",
        type=click.Path(path_type=Path, file_okay=False, exists=True),
        help="The folder that `shiomi gate update` writes.  [default: the lists of the package]",
    )(command)


def policy_path(named: Path | None) -> Path | None:
    """Return the file that --policy names, else gate.toml if it exists, else None."""
    default = Path("gate.toml")
    return default if named is None and default.exists() else named


def chosen_policy(named: Path | None) -> Policy:
    """Return the policy of that file, or the default policy."""
    from shiomi.gate.policy import Policy, load_policy

    path = policy_path(named)
    return Policy() if path is None else load_policy(path)
