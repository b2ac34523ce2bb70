"""Self-distillation of neural networks: data with label noise, models, training, chains.

Experiments, not theorems: nothing here enters the registry of statements.
"""

try:
    import equinox
    import jax
    import optax
except ImportError as error:
    raise ImportError(
        f"{error.name} is not installed. The neural networks need the 'nn' extra: "
        "pip install 'sdtheory[nn]'"
    ) from error

__all__: list[str] = []

del equinox, jax, optax
