"""The TLS settings of every HTTP client. Reading the root certificates takes about 25 ms."""

from __future__ import annotations

import functools
import ssl

__all__ = ["tls_context"]


@functools.cache
def tls_context(*, trust_env: bool = True) -> ssl.SSLContext:
    """Return the TLS context that the whole process shares. The first call creates it.

    If `trust_env` is true, the environment variable `SSL_CERT_FILE` is used.
    """
    import httpx2

    return httpx2.create_ssl_context(trust_env=trust_env)
