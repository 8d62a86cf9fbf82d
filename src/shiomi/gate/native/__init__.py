"""Compilers: a policy as native configuration of nginx, Apache httpd, Caddy and HAProxy."""

from shiomi.gate.native.compile import Compiled, compile_policy
from shiomi.gate.native.expressible import GAPS, SERVERS, Gap, gaps

__all__ = ["GAPS", "SERVERS", "Compiled", "Gap", "compile_policy", "gaps"]
