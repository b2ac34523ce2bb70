"""Evidence for statements: sampled, searched, certified, proved or refuted, each kind apart.

`verify` collects evidence, and `check` evaluates every statement at your own
instance. `replay` judges the worst instances of a written report again, and
`find` looks statements up. Importing this package loads neither python-flint,
SymPy nor Z3; each is imported when it is needed.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sdtheory.evidence.checking import check
    from sdtheory.evidence.collecting import find, verify
    from sdtheory.evidence.replaying import replay

_HOMES = {"verify": "collecting", "find": "collecting", "check": "checking", "replay": "replaying"}

__all__ = ["check", "find", "replay", "verify"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    except ModuleNotFoundError as error:
        raise ImportError(
            f"{error.name} is not installed. Evidence needs the 'certify' extra: "
            "pip install 'sdtheory[certify]'"
        ) from error


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
