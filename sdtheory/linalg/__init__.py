"""Numerics that know nothing of distillation."""
