"""Files without code, and checkpoints made of them."""
