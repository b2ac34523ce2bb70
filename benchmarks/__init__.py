"""Benchmarks: the routes against each other and against what a user would write instead."""
