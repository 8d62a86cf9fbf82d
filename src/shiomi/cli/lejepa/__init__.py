"""`shiomi lejepa`: each file here holds one command."""

from __future__ import annotations

import click

from shiomi.cli.lejepa.pretrain import pretrain

__all__ = ["lejepa"]


@click.group()
def lejepa() -> None:
    """Train encoders from unlabelled data with LeJEPA.

    A prediction loss and SIGReg (arXiv 2511.08544); no teacher, no stop-gradient.
    """


lejepa.add_command(pretrain)
