"""Evidence for statements: sampled, searched, certified, proved, refuted, each kind apart."""

try:
    import flint
    import sympy
    import z3
except ImportError as error:
    raise ImportError(
        f"{error.name} is not installed. Evidence needs the 'certify' extra: "
        "pip install 'sdtheory[certify]'"
    ) from error

__all__: list[str] = []

del flint, sympy, z3
