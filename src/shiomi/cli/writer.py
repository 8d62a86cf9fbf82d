"""`shiomi writer`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from shiomi.cli.exits import Exit
from shiomi.cli.output import as_json, configuration, echo, json_option

if TYPE_CHECKING:
    from shiomi.digest.config import Config

__all__ = ["writer"]


@click.group()
def writer() -> None:
    """Look after the language model that writes the digest.

    \b
    Example:
      shiomi writer check        does it answer, how fast, and if not, why
    """


@writer.command()
@json_option
@click.pass_context
def check(context: click.Context, json: bool) -> None:
    """Ask the configured model for one short topic and report what it can do.

    Prints server, model, context, whether the model thinks, whether the JSON schema holds, the
    speed and the minutes a digest takes. If it fails: the server's own message and the remedy.
    Without [writer] in shiomi.toml it lists the servers found on this machine.

    \b
    Example:
      shiomi writer check
    """
    config = configuration(context)
    found = _checked(config) if config.writer.endpoint else _offered()
    if json:
        as_json(found)
    else:
        for name, value in found.items():
            if value is not None:
                echo(f"{name.replace('_', ' '):18} {value}")
    if "failed" in found:
        raise click.exceptions.Exit(Exit.FAILED)


def _offered() -> dict[str, Any]:
    from shiomi.digest.writing.servers import found_servers

    servers = {one.name: f"{one.endpoint}: {', '.join(one.models)}" for one in found_servers()}
    remedy = "set [writer] endpoint and model in shiomi.toml"
    if not servers:
        remedy += "; no server answers on the usual ports of Ollama, llama.cpp, LM Studio or vLLM"
    return {**servers, "failed": "shiomi.toml names no [writer] endpoint", "remedy": remedy}


def _checked(config: Config) -> dict[str, Any]:
    from shiomi.digest.languages import load_language
    from shiomi.digest.writing.servers import ask_server
    from shiomi.digest.writing.trial import try_writer

    settings = config.writer
    facts = ask_server(settings)
    found: dict[str, Any] = {"server": f"{facts.kind} at {settings.endpoint}"}
    found["model"] = settings.model
    found["context"] = f"{facts.context:,} tokens" if facts.context else "not stated"
    started = time.monotonic()
    trial = try_writer(settings, load_language(config.language), topics=config.digest.topics)
    if trial.fault is not None:
        found["failed"] = trial.message
        found["remedy"] = _remedy(trial.fault, facts.models, settings.model)
        return found
    found["thinks"] = "yes, although it was asked not to" if trial.thinks else "no"
    found["schema"] = "kept" if trial.schema else "refused by the server; answers are checked"
    found["speed"] = f"{trial.tokens_per_second:.1f} tokens/s, {time.monotonic() - started:.0f} s"
    found["digest"] = f"about {trial.minutes:.0f} minutes for {config.digest.topics} topics"
    if trial.minutes * 60 > settings.budget_seconds:
        found["note"] = (
            f"that is more than writer.budget_seconds = {settings.budget_seconds:.0f};"
            " raise it, or choose a smaller model"
        )
    found["sentences"] = f"{trial.kept} kept, {trial.fallen} not held by the evidence"
    return found


def _remedy(fault: str, models: tuple[str, ...] | None, model: str) -> str:
    there = f"models there: {', '.join(models)}" if models else "the server lists no models"
    return {
        "no_model": f"set writer.model to a model of the server ({there}), or load {model!r} there",
        "key": "set writer.api_key to a key that the server accepts",
        "unreachable": "start the server, or correct writer.endpoint (it ends in /v1)",
        "timeout": "raise writer.timeout_seconds, or choose a smaller model",
        "loading": "wait until the server has loaded the model",
        "context": "give the model a larger context (Ollama: num_ctx, llama.cpp: -c 8192)",
        "thinking": "choose a model that does not think, or switch thinking off in the server",
        "not_json": "choose a larger instruct model; this one does not keep to JSON",
        "shape": "choose a larger instruct model; this one does not keep to the form",
    }.get(fault, f"see the server's log ({there})")
