"""A model on this machine: a catalogue, the download, and llama.cpp's server while it writes."""
