"""A WSGI server of the standard library, for the tests: python -m … MODULE:FACTORY PORT."""

from __future__ import annotations

import sys
from importlib import import_module
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server


class Threaded(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 512


class Handler(WSGIRequestHandler):
    def address_string(self) -> str:
        return str(self.client_address[0])

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Say nothing."""


if __name__ == "__main__":
    module, _, factory = sys.argv[1].partition(":")
    application = getattr(import_module(module), factory)()
    make_server(
        "127.0.0.1", int(sys.argv[2]), application, server_class=Threaded, handler_class=Handler
    ).serve_forever()
