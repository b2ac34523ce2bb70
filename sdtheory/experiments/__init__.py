"""Experiments with trained networks, and the files of their results."""
