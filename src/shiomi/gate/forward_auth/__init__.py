"""Forward auth: the gate as a service that nginx, Caddy or Traefik asks about each request."""

from shiomi.gate.forward_auth.forward_auth import LOOPBACK, ForwardAuth

__all__ = ["LOOPBACK", "ForwardAuth"]
