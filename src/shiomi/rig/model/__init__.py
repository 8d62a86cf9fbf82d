"""Language models by their layers: GGUF headers, config.json files and the shipped list."""
