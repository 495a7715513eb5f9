"""Gaussian mixtures of an embedding, many side by side."""
