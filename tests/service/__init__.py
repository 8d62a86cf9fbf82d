"""Tests of `shiomi run`."""
