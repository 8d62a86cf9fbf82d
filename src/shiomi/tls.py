"""The TLS settings of every HTTP client. Reading the root certificates takes some 25 ms."""

from __future__ import annotations

import functools
import ssl

__all__ = ["tls_context"]


@functools.cache
def tls_context(*, trust_env: bool = True) -> ssl.SSLContext:
    """Return the process's context, made at the first call. `trust_env` reads `SSL_CERT_FILE`."""
    import httpx2

    return httpx2.create_ssl_context(trust_env=trust_env)
