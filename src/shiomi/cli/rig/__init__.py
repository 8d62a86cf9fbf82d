"""`shiomi rig`: each file here holds one command."""

from __future__ import annotations

import click

__all__ = ["rig"]


@click.group()
def rig() -> None:
    """Plan a local-AI computer: what runs on it, how fast, what to buy.

    An estimate is never a bare number: it has bounds, a basis and sources.
    """
