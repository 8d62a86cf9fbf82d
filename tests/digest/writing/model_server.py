"""A loopback server that answers chat completions, well or in each of the ways that go wrong."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.loopback import QuietHandler, loopback

__all__ = ["GOOD", "ModelServer", "completion", "serving"]

GOOD = {
    "gloss": [],
    "lead": [
        {
            "text": "利用者の操作なしに成立する遠隔コード実行として、深刻に受け止められています。",
            "evidence": [1, 3],
        }
    ],
    "technical": [
        {
            "text": "MS Teamsのデスクトップ版に、XSSの注入を引き金とする脆弱性が見つかりました。",
            "evidence": [2],
        },
        {
            "text": "細工したチャットの文面を送るだけで、相手のPCで任意のコードを実行できます。",
            "evidence": [3],
        },
    ],
    "voices": [],
    "implications": [
        {
            "text": "Teamsのデスクトップ版が最新かどうかを確認しておくことが第一の対策です。",
            "evidence": [2, 3],
        }
    ],
}


def completion(content: str | None, **more: Any) -> dict[str, Any]:
    """An answer of the API around the model's text."""
    message = {"role": "assistant", "content": content}
    usage = {"prompt_tokens": 900, "completion_tokens": 120, "total_tokens": 1020}
    return {
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": usage,
    } | more


class ModelServer:
    """What is asked is kept in `requests`; `behave` decides each answer."""

    def __init__(self, behave: Callable[[Handler, dict[str, Any]], None]) -> None:
        self.behave = behave
        self.requests: list[dict[str, Any]] = []
        self.facts: dict[str, dict[str, Any]] = {}  # answers by path: "/props", "/v1/models"
        self.endpoint = ""


class Handler(QuietHandler):
    """One request."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Whatever a server may say of itself: unknown here, unless `facts` has it."""
        self._facts()

    def _facts(self) -> None:
        path = self.path.partition("?")[0]
        found = self.server.model.facts.get(path)
        self.reply(404, b"{}") if found is None else self.reply(200, found)

    def do_POST(self) -> None:
        """Chat completions."""
        body = json.loads(self.body())
        model: ModelServer = self.server.model
        if not self.path.endswith("/chat/completions"):
            self._facts()
            return
        model.requests.append(body)
        model.behave(self, body)

    def reply(self, status: int, body: bytes | dict[str, Any], **headers: str) -> None:
        """A whole answer."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.answer(status, data, **headers)

    def good(self) -> None:
        """What a good model returns."""
        self.reply(200, completion(json.dumps(GOOD, ensure_ascii=False)))

    def stream(self, *pieces: dict[str, Any], end: bool = True) -> None:
        """An answer in events, as llama.cpp, vLLM and Ollama send it."""
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        for piece in pieces:
            self.wfile.write(f"data: {json.dumps(piece)}\n\n".encode())
            self.wfile.flush()
        if end:
            self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True

    def cut(self, after: int = 40) -> None:
        """The promised length is never reached."""
        data = json.dumps(completion(json.dumps(GOOD))).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[:after])
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True

    def drip(self, seconds: float) -> None:
        """A byte now and then, for longer than anyone waits."""
        self.send_response(200)
        self.send_header("content-length", "100000")
        self.end_headers()
        ends = time.monotonic() + seconds
        try:
            while time.monotonic() < ends:
                self.wfile.write(b" ")
                self.wfile.flush()
                time.sleep(0.05)
        except OSError:
            self.close_connection = True


@contextmanager
def serving(behave: Callable[[Handler, dict[str, Any]], None]) -> Iterator[ModelServer]:
    """A server in a thread."""
    model = ModelServer(behave)
    with loopback(Handler, model=model) as address:
        model.endpoint = f"{address}/v1"
        yield model
