"""`shiomi gate`: each file here holds one command."""

from __future__ import annotations

import click

__all__ = ["gate"]


@click.group()
def gate() -> None:
    """Keep LLM crawlers out of a site, without JavaScript.

    One policy says what happens to each kind of client; every server gets it.
    """
