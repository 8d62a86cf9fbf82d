"""Identity: the client that a request claims to be from, and whether the claim is true."""

from shiomi.gate.identity.identity import Identity, Resolver, Tables, identify, load_tables

__all__ = ["Identity", "Resolver", "Tables", "identify", "load_tables"]
