"""Ask a model server for its properties, and find the servers that run on this machine.

The context size comes from POST /api/show (Ollama), GET /props (llama.cpp), or the list of models
(vLLM, LM Studio). A property that a server does not state is None.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx2
import msgspec

from shiomi.digest.config import WriterConfig, secret
from shiomi.tls import tls_context

__all__ = ["FoundServer", "ServerFacts", "ask_server", "found_servers"]

PATIENCE = 5.0  # timeout of one request, in seconds
GLANCE = 0.5  # timeout for a port of this machine, in seconds
OLLAMA_CONTEXT = 4_096  # tokens, Ollama's default

_LOADING = object()
_USUAL = (
    ("Ollama", 11434),
    ("llama.cpp", 8080),
    ("LM Studio", 1234),
    ("vLLM", 8000),
)


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """Properties of a server and of one model."""

    kind: str = "OpenAI-compatible server"
    models: tuple[str, ...] | None = None  # None: the server does not list its models
    context: int | None = None  # tokens that one request may use
    parameters: int | None = None
    loading: bool = False  # the server is loading its model and states nothing else


@dataclass(frozen=True, slots=True)
class FoundServer:
    """A model server that answers on this machine."""

    name: str
    endpoint: str
    models: tuple[str, ...]


def ask_server(config: WriterConfig, *, client: httpx2.Client | None = None) -> ServerFacts:
    """Return the properties of the server of `config`. A wrong answer does not raise."""
    if client is None:
        with httpx2.Client(verify=tls_context()) as opened:
            return ask_server(config, client=opened)
    endpoint = config.endpoint.rstrip("/")
    parts = urlsplit(endpoint)
    root = f"{parts.scheme}://{parts.netloc}"
    key = secret("writer.api_key", config.api_key)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    listed = _json(client, "GET", f"{endpoint}/models", headers)
    if listed is _LOADING:
        return ServerFacts(loading=True)
    models, context = _models(listed, config.model)
    if parts.hostname in ("127.0.0.1", "localhost", "::1") or context is None:
        props = _json(client, "GET", f"{root}/props", headers)
        if size := _number(_at(props, "default_generation_settings", "n_ctx")):
            return ServerFacts("llama.cpp server", models, size, _parameters(listed))
        shown = _json(client, "POST", f"{root}/api/show", headers, {"model": config.model})
        if isinstance(_at(shown, "model_info"), dict):
            return _ollama(shown, models)
    return ServerFacts(models=models, context=context)


def found_servers() -> list[FoundServer]:
    """Return the model servers of this machine that answer on their usual ports."""
    found = []
    with httpx2.Client(verify=tls_context(), timeout=GLANCE, trust_env=False) as client:
        for name, port in _USUAL:
            endpoint = f"http://127.0.0.1:{port}/v1"
            models, _ = _models(_json(client, "GET", f"{endpoint}/models", {}, seconds=GLANCE), "")
            if models is not None:
                found.append(FoundServer(name, endpoint, models))
    return found


def _ollama(shown: Any, models: tuple[str, ...] | None) -> ServerFacts:
    info = shown["model_info"]
    trained = next((n for k, v in info.items() if k.endswith(".context_length")
                    if (n := _number(v))), None)  # fmt: skip
    given = OLLAMA_CONTEXT
    for line in str(shown.get("parameters") or "").splitlines():
        name, _, value = line.strip().partition(" ")
        if name == "num_ctx" and value.strip().isdigit():
            given = int(value)
    size = _number(info.get("general.parameter_count"))
    return ServerFacts("Ollama", models, min(given, trained or given), size)


def _parameters(listed: Any) -> int | None:
    """Return the number of parameters of a llama.cpp server's only model."""
    rows = _at(listed, "data")
    return _number(_at(rows[0], "meta", "n_params")) if isinstance(rows, list) and rows else None


def _models(listed: Any, model: str) -> tuple[tuple[str, ...] | None, int | None]:
    """Return the names of the models, and the context size of `model` if the list states it."""
    rows = _at(listed, "data")
    if not isinstance(rows, list):
        return None, None
    named = [row for row in rows if isinstance(row, dict) and isinstance(row.get("id"), str)]
    context = None
    for row in named:
        if row["id"] == model:
            for key in ("loaded_context_length", "max_model_len", "context_length"):
                context = context or _number(row.get(key))
    return tuple(row["id"] for row in named), context


def _at(found: Any, *keys: str) -> Any:
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def _number(value: Any) -> int | None:
    return value if type(value) is int and value > 0 else None


def _json(
    client: httpx2.Client,
    method: str,
    url: str,
    headers: dict[str, str],
    body: dict[str, str] | None = None,
    *,
    seconds: float = PATIENCE,
) -> Any:
    try:
        answer = client.request(
            method, url, headers=headers, json=body, timeout=seconds, follow_redirects=False
        )
        if answer.status_code == 503 and b"oading" in answer.content:  # llama.cpp
            return _LOADING
        if answer.status_code != 200 or len(answer.content) > 4_000_000:
            return None
        return msgspec.json.decode(answer.content)
    except (httpx2.HTTPError, httpx2.InvalidURL, msgspec.MsgspecError, RecursionError, ValueError):
        return None
