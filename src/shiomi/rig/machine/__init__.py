"""Descriptions of a computer: detected, simulated, or read from a file."""
