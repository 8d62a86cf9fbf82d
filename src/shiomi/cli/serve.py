"""`shiomi serve`."""

from __future__ import annotations

from pathlib import Path

import click

from shiomi.cli.output import configuration

__all__ = ["serve"]


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port",
    default=8400,
    show_default=True,
    type=click.IntRange(1, 65535),
    help="The port to listen on.",
)
@click.option(
    "--socket",
    "unix_socket",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A Unix socket to listen on, instead of an address.",
)
@click.option(
    "--workers",
    default=1,
    show_default=True,
    type=click.IntRange(1, 256),
    help="How many processes answer.",
)
@click.option(
    "--proxy",
    "proxies",
    multiple=True,
    metavar="ADDRESS",
    help='A reverse proxy whose X-Forwarded-For is trusted; "unix" for a socket. Repeatable.',
)
@click.option(
    "--policy",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="The gate's policy file.  [default: the policy of this site]",
)
@click.option(
    "--state",
    help="Where the gate keeps budgets: a file or redis://HOST:PORT/0.  [default: a"
    " file that all workers share]",
)
@click.option(
    "--metrics",
    default="",
    metavar="HOST:PORT",
    help="Answer /metrics there: the gate's counts of all workers, for Prometheus.",
)
@click.option("--gate/--no-gate", default=True, show_default=True, help="Keep LLM crawlers out.")
@click.option(
    "--dns/--no-dns", default=True, show_default=True, help="Confirm crawlers by reverse DNS."
)
@click.pass_context
def serve(
    context: click.Context,
    host: str,
    port: int,
    unix_socket: Path | None,
    workers: int,
    proxies: tuple[str, ...],
    policy: Path | None,
    state: str | None,
    metrics: str,
    gate: bool,
    dns: bool,
) -> None:  # fmt: skip
    """Serve the digests, stories, search and feeds as a web site, behind the gate.

    It only reads the archive, which `shiomi collect`, `digest` and `run` write. On SIGTERM or
    Ctrl-C it finishes the requests that have begun, and stops. /healthz is for probes.

    \b
    Examples:
      shiomi serve                                        http://127.0.0.1:8400/
      shiomi serve --workers 2 --proxy 127.0.0.1          behind nginx on this machine
      shiomi serve --socket /run/shiomi/site.sock --proxy unix
    """
    from shiomi.site.serving import Service
    from shiomi.site.serving import serve as run

    configuration(context)  # so a wrong file is reported before anything starts
    if policy is not None and proxies:
        raise click.UsageError("--proxy has no effect with --policy; name the proxies in the file")
    if metrics and not gate:
        raise click.UsageError(
            "--metrics has no effect with --no-gate: it counts what the gate does"
        )
    service = Service(
        config=context.find_root().obj.absolute(),
        gate=gate,
        policy=policy.absolute() if policy else None,
        state=state,
        proxies=proxies,
        dns=dns,
    )
    where = f"unix:{unix_socket}" if unix_socket else f"http://{host}:{port}/"
    guard = "behind the gate (curl gets a challenge; --no-gate: none)" if gate else "without a gate"
    run(
        service,
        host=host,
        port=port,
        unix_socket=unix_socket,
        workers=workers,
        metrics=metrics,
        begin=lambda: click.echo(f"serving {where} {guard}; Ctrl-C stops", err=True),
    )
