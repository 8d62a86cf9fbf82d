"""`shiomi lejepa`: each file here holds one command."""

from __future__ import annotations

import os

import click

from shiomi.cli.lejepa.accuracy import knn, probe
from shiomi.cli.lejepa.embed import embed
from shiomi.cli.lejepa.export import export
from shiomi.cli.lejepa.pretrain import pretrain
from shiomi.cli.lejepa.report import report
from shiomi.cli.lejepa.select import select

__all__ = ["lejepa"]


@click.group()
def lejepa() -> None:
    """Train encoders from unlabelled data with LeJEPA.

    A prediction loss and SIGReg (arXiv 2511.08544); no teacher, no stop-gradient.
    """
    # OpenMP reads this when torch is imported. By default its threads spin while they wait, which
    # makes training ten times slower if another program uses the cores.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


for _command in (pretrain, embed, knn, probe, select, report, export):
    lejepa.add_command(_command)
