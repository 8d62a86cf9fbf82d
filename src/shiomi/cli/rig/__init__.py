"""`shiomi rig`: each file here holds one command."""

from __future__ import annotations

import datetime

import click

from shiomi.cli.in_order import InOrder
from shiomi.cli.rig.check import check
from shiomi.cli.rig.detect import detect
from shiomi.cli.rig.fit import fit
from shiomi.cli.rig.installed import activate_installed
from shiomi.cli.rig.measure import measure
from shiomi.cli.rig.model import model
from shiomi.cli.rig.plan import plan
from shiomi.cli.rig.prices import prices
from shiomi.cli.rig.speed import speed
from shiomi.cli.rig.train import train
from shiomi.cli.rig.update import update
from shiomi.cli.rig.upgrade import upgrade
from shiomi.cli.rig.writer import writer

__all__ = ["rig"]


@click.group(cls=InOrder)
def rig() -> None:
    """Plan a local-AI computer: what runs on it, how fast, what to buy.

    Each estimate has bounds, a basis and sources.

    \b
    Begin with:
      shiomi rig fit                      which models run on this machine?
      shiomi rig plan --budget 300000     what should I buy?
    """
    activate_installed(datetime.date.today())  # noqa: DTZ011 - the reader's day


for _command in (
    detect,
    fit,
    speed,
    measure,
    writer,
    train,
    prices,
    plan,
    upgrade,
    check,
    update,
    model,
):
    rig.add_command(_command)
