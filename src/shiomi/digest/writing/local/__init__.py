"""Run a model on this machine: its catalogue, its download, and llama.cpp's server."""
