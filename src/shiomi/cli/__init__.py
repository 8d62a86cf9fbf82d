"""The `shiomi` command. Each file has one command, which imports its part inside the function."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from shiomi import __version__
from shiomi.cli.archive import archive
from shiomi.cli.backup import backup, restore
from shiomi.cli.collect import collect
from shiomi.cli.demo import demo
from shiomi.cli.digest import digest
from shiomi.cli.exits import Exit
from shiomi.cli.export import export
from shiomi.cli.gate import gate
from shiomi.cli.importing import import_
from shiomi.cli.in_order import InOrder
from shiomi.cli.init import init
from shiomi.cli.lejepa import lejepa
from shiomi.cli.link import link
from shiomi.cli.mcp import mcp
from shiomi.cli.output import complain
from shiomi.cli.rig import rig
from shiomi.cli.run import run
from shiomi.cli.search import search
from shiomi.cli.serve import serve
from shiomi.cli.status import status
from shiomi.cli.watch import watch
from shiomi.cli.writer import writer
from shiomi.extras import extra_of, needs_extra

__all__ = ["main"]


@click.group(
    cls=InOrder, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="shiomi")
@click.option(
    "-c",
    "--config",
    type=click.Path(path_type=Path),
    default=Path("shiomi.toml"),
    show_default=True,
    help="The configuration file; `shiomi init` writes one.",
)
@click.pass_context
def shiomi(context: click.Context, config: Path) -> None:
    """Watch overseas developer communities; write the week as a digest.

    \b
    From nothing to a digest:
      shiomi init        write shiomi.toml
      shiomi collect     fetch the threads of the last days into the archive
      shiomi digest      link, rank and write the week into ./public/
      shiomi watch       how the subjects you named are doing
      shiomi serve       the digests as a web site

    `shiomi demo` runs all steps on two real weeks, without the network.

    \b
    Three independent parts have commands of their own:
      shiomi rig         plan a local-AI computer
      shiomi gate        keep LLM crawlers out of a site
      shiomi lejepa      train encoders from unlabelled data

    \b
    Every command ends with
      0  done
      1  failed; the message names the value and the fix
      2  wrong usage
      3  done, but a part is missing; the part is named
      4  found a problem or a rise (digest check, status, watch --alert)
      130  interrupted; finished work is kept, the same command continues
    """
    context.obj = config


for _command in (
    init,
    demo,
    collect,
    import_,
    export,
    digest,
    run,
    search,
    link,
    watch,
    writer,
    status,
    backup,
    restore,
    archive,
    serve,
    mcp,
    rig,
    gate,
    lejepa,
):
    shiomi.add_command(_command)


def main() -> None:
    """Run the command line; print an expected error as one line and exit with its code."""
    from shiomi.digest.errors import DigestError
    from shiomi.gate.errors import GateError
    from shiomi.lejepa.errors import LejepaError
    from shiomi.rig.errors import RigError

    try:
        # Not shiomi.main(): it exits with 1 if the reader of a pipe closes it.
        with shiomi.make_context("shiomi", sys.argv[1:]) as context:
            shiomi.invoke(context)
        if sys.stdout is not None:
            sys.stdout.flush()
        result: int = Exit.DONE
    except click.exceptions.Exit as stop:
        result = stop.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted; finished work is kept, the same command continues", err=True)
        result = Exit.INTERRUPTED
    except click.ClickException as wrong:
        wrong.show()
        result = wrong.exit_code
    except (DigestError, GateError, LejepaError, RigError) as error:
        complain(error)
        result = Exit.FAILED
    except ModuleNotFoundError as error:
        extra = extra_of(error.name or "")
        if extra is None:
            raise
        complain(needs_extra(_words(sys.argv[1:]), str(error.name), extra))
        result = Exit.FAILED
    except BrokenPipeError:  # `shiomi search … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        result = Exit.DONE
    except OSError as error:  # standard output is a file on a full disk
        complain(error.strerror or error)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        result = Exit.FAILED
    sys.exit(result)


def _words(arguments: Sequence[str]) -> str:
    """Return the command as typed, without options and their values: "shiomi lejepa select"."""
    words: list[str] = []
    command: click.Command | None = shiomi
    for argument in arguments:
        command = command.commands.get(argument) if isinstance(command, click.Group) else None
        if command is None:
            break
        words.append(argument)
    return " ".join(["shiomi", *words])
