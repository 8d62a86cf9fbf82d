"""`shiomi writer`."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shiomi.cli.exits import Exit
from shiomi.cli.output import as_json, configuration, echo, json_option

if TYPE_CHECKING:
    from shiomi.digest.config import Config, WriterConfig

__all__ = ["writer"]


@click.group()
def writer() -> None:
    """Manage the language model that writes the digest.

    \b
    Examples:
      shiomi writer check        test the model: its speed, or why it fails
      shiomi writer install      download a model that is fast enough on this machine
    """


@writer.command()
@json_option
@click.pass_context
def check(context: click.Context, json: bool) -> None:
    """Let the configured model write one short topic, and report what it can do.

    Prints the server, the model, the context size, whether the model thinks, whether the server
    accepts the JSON schema, the speed, and the minutes that a digest takes. If the model fails,
    prints the server's message and the remedy. Without [writer] in shiomi.toml it lists the servers
    found on this machine.

    \b
    Example:
      shiomi writer check
    """
    config = configuration(context)
    found = _checked(config, quiet=json) if config.writer.wanted else _offered()
    if json:
        as_json(found)
    else:
        for name, value in found.items():
            if value is not None:
                echo(f"{name.replace('_', ' '):18} {value}")
    if "failed" in found:
        raise click.exceptions.Exit(Exit.FAILED)


@writer.command()
@click.option("--model", metavar="NAME", help="A model of the catalogue.  [default: the best]")
@click.option(
    "--list",
    "show",
    is_flag=True,
    help="List the models with their speed here.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would be downloaded.")
@click.option("--yes", is_flag=True, help="Download without asking.")
@click.option("--sha256", default="", metavar="HEX", help="Accept the file with this hash only.")
@click.option(
    "--memory-speed",
    type=float,
    metavar="GB/S",
    help="Bandwidth of the memory.  [default: detected, else measured by a copy]",
)
@json_option
@click.pass_context
def install(
    context: click.Context,
    model: str | None,
    show: bool,
    dry_run: bool,
    yes: bool,
    sha256: str,
    memory_speed: float | None,
    json: bool,
) -> None:
    """Download a model that writes on this machine, and use it.

    Chooses the best model of the catalogue that writes a digest within writer.budget_seconds on
    this machine, even at the lowest estimated speed. Downloads it from the Hugging Face hub
    (HF_ENDPOINT, HF_TOKEN) into writer.models, checks its SHA-256, and sets `model = "local"` in
    shiomi.toml. If the command is interrupted, run it again to continue. Nothing is downloaded
    before you agree.

    \b
    Examples:
      shiomi writer install --list
      shiomi writer install --dry-run
      shiomi writer install --model Qwen3-8B --yes
    """
    from shiomi.cli.writer_setup import chosen, facts, install_model, listed, rated_here

    config = configuration(context)
    machine, rated = rated_here(config, memory_speed)
    if show:
        if json:
            as_json([facts(one) for one in rated])
            return
        for line in listed(rated):
            echo(line)
        echo(f"minutes: for {config.digest.topics} topics (from - to); the best model is first")
        if machine.memory_bandwidth_gb_s and not machine.gpus:
            speed = machine.memory_bandwidth_gb_s
            echo(f"assumed memory bandwidth: {speed:.0f} GB/s (change it with --memory-speed)")
        return
    if json and not (yes or dry_run):
        raise click.UsageError("--json needs --yes, --dry-run or --list")
    path: Path = context.find_root().obj
    one = chosen(config, rated, model)
    done = install_model(config, one, path, dry_run=dry_run, yes=yes, quiet=json, sha256=sha256)
    if json:
        as_json(done)


def _offered() -> dict[str, Any]:
    from shiomi.digest.writing.servers import found_servers

    servers = {one.name: f"{one.endpoint}: {', '.join(one.models)}" for one in found_servers()}
    remedy = "set [writer] endpoint and model in shiomi.toml, or `shiomi writer install`"
    if not servers:
        remedy += "; no server answers on the usual ports of Ollama, llama.cpp, LM Studio or vLLM"
    return {**servers, "failed": "shiomi.toml names no [writer] endpoint", "remedy": remedy}


def _checked(config: Config, *, quiet: bool) -> dict[str, Any]:
    from shiomi.cli.progress import progress_and_line
    from shiomi.digest.writing.local.server import running

    with progress_and_line(quiet) as (show, line):
        show(0, None, "starting the model" if config.writer.local else "asking the model")
        with running(config.writer) as settings:
            return _tried(config, settings, line)


def _tried(config: Config, settings: WriterConfig, line: Callable[[str], None]) -> dict[str, Any]:
    from shiomi.digest.languages import load_language
    from shiomi.digest.writing.servers import ask_server
    from shiomi.digest.writing.trial import try_writer

    started = time.monotonic()
    trial = try_writer(
        settings,
        load_language(config.language),
        topics=config.digest.topics,
        tell=lambda progress: line(str(progress)),
    )
    facts = ask_server(settings)  # after the trial, so that the model is loaded
    found: dict[str, Any] = {"server": f"{facts.kind} at {settings.endpoint}"}
    found["model"] = settings.model
    found["context"] = f"{facts.context:,} tokens" if facts.context else "not stated"
    written = trial.writer
    if written.fault is not None:
        found["failed"] = written.problem
        found["remedy"] = _remedy(written.fault, facts.models, settings.model)
        return found
    found["thinks"] = "yes, although it was asked not to" if written.thinks else "no"
    if written.translates:
        found["task"] = "translates single sentences, because it has less than 4 billion parameters"
    else:
        found["schema"] = "accepted" if written.schema_kept else "refused; answers are checked"
    found["speed"] = f"{trial.tokens_per_second:.1f} tokens/s, {time.monotonic() - started:.0f} s"
    found["digest"] = f"about {trial.minutes:.0f} minutes for {config.digest.topics} topics"
    if trial.minutes * 60 > settings.budget_seconds:
        found["note"] = (
            f"that is more than writer.budget_seconds = {settings.budget_seconds:.0f};"
            " raise it, or choose a smaller model"
        )
    found["sentences"] = f"{trial.kept} kept, {trial.fallen} not supported by the evidence"
    return found


def _remedy(fault: str, models: tuple[str, ...] | None, model: str) -> str:
    there = f"models there: {', '.join(models)}" if models else "the server lists no models"
    larger = "choose a larger instruct model (`shiomi writer install --list`)"
    return {
        "no_model": f"set writer.model to a model of the server ({there}), or load {model!r} there",
        "key": "set writer.api_key to a key that the server accepts",
        "unreachable": "start the server, or correct writer.endpoint (it ends in /v1)",
        "timeout": "raise writer.timeout_seconds, or choose a smaller model",
        "loading": "wait until the server has loaded the model",
        "context": "give the model a larger context (Ollama: num_ctx, llama.cpp: -c 8192)",
        "thinking": "choose a model that does not think, or switch thinking off in the server",
        "not_json": f"this model does not answer in JSON; {larger}",
        "shape": f"this model does not keep to the form; {larger}",
        "ungrounded": f"this model is too weak; {larger}",
        "weak": f"this model is too weak; {larger}",
    }.get(fault, f"see the server's log ({there})")
