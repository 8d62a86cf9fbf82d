"""Threads in, digest out: sources, archive, linking, ranking, writing, render."""
