"""`shiomi gate`: each file here holds one command."""

from __future__ import annotations

import click

from shiomi.cli.gate.compile import compile_
from shiomi.cli.gate.importing import import_
from shiomi.cli.gate.policy import policy
from shiomi.cli.gate.report import report
from shiomi.cli.gate.serve import serve
from shiomi.cli.gate.status import status
from shiomi.cli.gate.trying import try_
from shiomi.cli.gate.update import update

__all__ = ["gate"]


@click.group()
def gate() -> None:
    """Keep LLM crawlers out of a site, without JavaScript.

    One policy sets the action for each kind of client, for every server.
    """


for _command in (policy, import_, update, try_, serve, status, compile_, report):
    gate.add_command(_command)
