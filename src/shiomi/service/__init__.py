"""`shiomi run`: collect on a schedule, make and publish the digest, notify, and answer probes."""
