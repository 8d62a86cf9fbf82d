"""Self-supervised learning with LeJEPA: a prediction loss and SIGReg (arXiv 2511.08544)."""
