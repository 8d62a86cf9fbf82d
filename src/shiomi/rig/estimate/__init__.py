"""Memory, speed and power of a model on a machine."""
