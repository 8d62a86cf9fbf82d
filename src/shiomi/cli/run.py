"""`shiomi run`."""

from __future__ import annotations

from pathlib import Path

import click

from shiomi.cli.output import configuration

__all__ = ["run"]


@click.command()
@click.option("--once", is_flag=True, help="Do what is due now, then end.")
@click.pass_context
def run(context: click.Context, once: bool) -> None:
    """Collect on a schedule, make and publish the digest, notify, answer probes.

    The settings are [schedule], [run] and [notify] of shiomi.toml. On SIGTERM or Ctrl-C it finishes
    the current request and stops. On SIGHUP it reads shiomi.toml again. If a digest was due while
    the program was not running, it is made at the next start. /healthz and /metrics are served on
    [run] probe.

    \b
    Examples:
      shiomi run
      shiomi run --once        from a timer of your own, at least as often as [schedule] says
    """
    from shiomi.service.run import run as run_service

    path: Path = context.find_root().obj
    run_service(path, configuration(context), once=once)
