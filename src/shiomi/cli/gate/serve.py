"""`shiomi gate serve`."""

from __future__ import annotations

from pathlib import Path

import click

from shiomi.cli.gate.options import chosen_policy, data_option, policy_path

__all__ = ["serve"]

_SERVERS = ("nginx", "nginx-http", "caddy", "traefik")


@click.command()
@click.option(
    "--policy",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The policy.  [default: gate.toml if it exists, else the default policy]",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port",
    default=9292,
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
    "--state",
    default="gate.state",
    show_default=True,
    help="Where budgets and bans are kept: a file, redis://HOST:PORT/0, or memory.",
)
@click.option(
    "--clients",
    default=1_000_000,
    show_default=True,
    type=click.IntRange(1),
    help="How many clients a new state file has room for; each takes 64 bytes.",
)
@click.option(
    "--on-damage",
    type=click.Choice(["refuse", "rebuild"]),
    default="refuse",
    show_default=True,
    help="What to do with a damaged state file.",
)
@click.option(
    "--workers",
    default=1,
    show_default=True,
    type=click.IntRange(1, 256),
    help="The number of processes; they share the state.",
)
@click.option(
    "--server",
    "servers",
    multiple=True,
    metavar="ADDRESS",
    help="A web server that may use the service; may be repeated.  [default: this machine]",
)
@click.option(
    "--dns/--no-dns", default=True, show_default=True, help="Use reverse DNS to verify crawlers."
)
@click.option(
    "--refusals",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A file that gets one line per refused request: JSON if it ends in .jsonl, else text.",
)
@data_option
@click.option(
    "--print-config",
    type=click.Choice(_SERVERS),
    help="Print the lines for the configuration of this web server, and exit.",
)
@click.option(
    "--site",
    default="",
    metavar="HOST:PORT",
    help="The address of your site, for --print-config; not needed if nginx itself is the site.",
)
def serve(
    file: Path | None,
    host: str,
    port: int,
    unix_socket: Path | None,
    state: str,
    clients: int,
    on_damage: str,
    workers: int,
    servers: tuple[str, ...],
    dns: bool,
    refusals: Path | None,
    data: Path | None,
    print_config: str | None,
    site: str,
) -> None:
    """Run the service that a web server asks about every request (auth_request, forward auth).

    SIGTERM or Ctrl-C stops the service after the current requests. On SIGHUP it reads the policy
    and the lists again; if there is an error in them, the old ones stay in use. /metrics is for
    Prometheus, /health for a monitor.

    \b
    Examples:
      shiomi gate serve --workers 2
      shiomi gate serve --socket /run/shiomi/gate.sock --state /var/lib/shiomi/gate.state
      shiomi gate serve --print-config nginx-http > /etc/nginx/conf.d/shiomi-gate.conf
      shiomi gate serve --print-config nginx > /etc/nginx/snippets/shiomi-gate.conf
    """
    from shiomi.gate.forward_auth import LOOPBACK
    from shiomi.gate.forward_auth.server_config import forward_auth_config
    from shiomi.gate.forward_auth.serving import Service
    from shiomi.gate.forward_auth.serving import serve as run

    file = policy_path(file)
    if print_config is not None:
        upstream = f"unix:{unix_socket.absolute()}" if unix_socket else f"{host}:{port}"
        policy = chosen_policy(file)
        click.echo(forward_auth_config(print_config, policy, upstream, site), nl=False)
        return
    service = Service(
        policy=file,
        state=state,
        clients=clients,
        on_damage="rebuild" if on_damage == "rebuild" else "refuse",
        servers=servers or LOOPBACK,
        dns=dns,
        tables=data,
        refusals=refusals,
    )
    run(service, host=host, port=port, unix_socket=unix_socket, workers=workers)
