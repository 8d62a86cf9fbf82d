"""Identity: who a client says it is, and whether that is true."""

from shiomi.gate.identity.identity import (
    Identity,
    Resolver,
    Tables,
    identify,
    load_tables,
)

__all__ = ["Identity", "Resolver", "Tables", "identify", "load_tables"]
