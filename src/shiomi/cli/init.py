"""`shiomi init`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from shiomi.cli.exits import Exit

__all__ = ["init"]


@click.command()
@click.option(
    "--language",
    type=click.Choice(["ja", "en"]),
    default="ja",
    show_default=True,
    help="The language of the digest and of the file's comments.",
)
@click.option("--force", is_flag=True, help="Replace an existing shiomi.toml.")
@click.option(
    "--contact",
    help="A URL or e-mail address for the User-Agent, so that operators can reach you."
    "  [asked for on a terminal]",
)
@click.option(
    "--writer",
    type=click.Choice(["none", "found", "install"]),
    help="What writes: no model, a model server found on this machine, or a model that is"
    " downloaded now.  [asked for on a terminal, else none]",
)
@click.option("--model", metavar="NAME", help="The model of --writer.  [default: the first, best]")
@click.pass_context
def init(
    context: click.Context,
    language: str,
    force: bool,
    contact: str | None,
    writer: str | None,
    model: str | None,
) -> None:
    """Write a commented shiomi.toml.

    The file has every key with its default and its purpose, so it is also the reference. Only you
    can read it (mode 0600), because it may contain secrets. Nothing else is changed, and nothing is
    downloaded unless you choose to install a model.

    \b
    Examples:
      shiomi init --contact you@example.org && shiomi collect && shiomi digest
      shiomi init --language en             an English digest
      shiomi init --writer found            the model of Ollama, llama.cpp, LM Studio or vLLM
      shiomi init --writer install          the best model that this machine runs
    """
    path: Path = context.find_root().obj
    if path.exists() and not force:
        click.echo(f"{path} exists already; --force replaces it", err=True)
        raise click.exceptions.Exit(Exit.FAILED)
    if model is not None and writer not in ("found", "install"):
        raise click.UsageError("--model needs --writer found or --writer install")
    from importlib.resources import files

    from shiomi.atomic import write_atomically

    name = "shiomi.toml" if language == "en" else f"shiomi.{language}.toml"
    text = files("shiomi.cli").joinpath(name).read_text(encoding="utf-8")
    text = text.replace('language = "ja"', f'language = "{language}"', 1)
    asking = sys.stdin is not None and sys.stdin.isatty()
    if contact is None and asking:
        contact = click.prompt(
            "A URL or e-mail address for the User-Agent (empty: none)", default="",
            show_default=False, value_proc=_contact,
        )  # fmt: skip
    elif contact:
        _contact(contact)
    if contact:
        text = text.replace('contact = ""', f'contact = "{contact}"', 1)
    endpoint = ""
    if writer == "found" or (writer is None and asking):
        endpoint, model, writer = _server(writer, model)
    if writer == "install":
        import huggingface_hub  # noqa: F401 - if it is missing, nothing is written
    if endpoint and model:
        from shiomi.cli.writer_setup import set_writer

        text = set_writer(text, endpoint, model) or text
    try:
        write_atomically(path, text, mode=0o600)
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror}") from None
    click.echo(f"wrote {path}" + (f"; {model} at {endpoint} writes" if endpoint else ""))
    if writer == "install":
        _install(path, model)
    click.echo("next: shiomi collect")


def _contact(text: str) -> str:
    """Return `text` if it may be used in a header. After the error, a prompt asks again."""
    if not (text.isascii() and text.isprintable()) or '"' in text or "\\" in text:
        raise click.UsageError(
            f"a contact must be a URL or e-mail address in plain ASCII; got {text!r}"
        )
    return text


def _server(writer: str | None, model: str | None) -> tuple[str, str | None, str]:
    """Return the endpoint, the model and the choice. Ask the user if `writer` is None."""
    from shiomi.digest.writing.servers import found_servers

    served = [
        (one, name) for one in found_servers() for name in one.models if model in (None, name)
    ]
    if writer is None:
        click.echo("What writes the digest?")
        click.echo("  0  no model: quotations and facts")
        for number, (one, name) in enumerate(served, 1):
            click.echo(f"  {number}  {name} ({one.name} at {one.endpoint})")
        click.echo(f"  {len(served) + 1}  a model that is downloaded now (asks first)")
        number = click.prompt("Number", type=click.IntRange(0, len(served) + 1), default=0)
        if number == 0:
            return "", None, "none"
        if number > len(served):
            return "", None, "install"
        served = served[number - 1 :]
    if not served:
        what = f"has the model {model!r}" if model else "with a model answers"
        raise click.ClickException(
            f"no server {what} on the usual ports of Ollama, llama.cpp, LM Studio or vLLM of this"
            " machine; start one, or use --writer install or none"
        )
    return served[0][0].endpoint, served[0][1], "found"


def _install(path: Path, model: str | None) -> None:
    from shiomi.cli.writer_setup import chosen, install_model, rated_here
    from shiomi.digest.config import load_config

    config = load_config(path)
    one = chosen(config, rated_here(config, None)[1], model)
    asking = sys.stdin is not None and sys.stdin.isatty()
    install_model(config, one, path, yes=not asking)
