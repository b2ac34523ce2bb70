"""Benchmarks: the solvers against each other and against what a user would write instead."""
