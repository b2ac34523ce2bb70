"""Keeps evidence by statement, and finds it again while nothing behind it has changed.

The evidence of a statement depends on

* its margin and hypotheses, with all functions that these mention;
* the cores of its chapter's proofs, and Coq's export if it has a theorem;
* the effort, and the versions of the packages that compute;
* the engine: every module of the library that does not belong to another chapter,
  show results, or stand above this room.
"""

from __future__ import annotations

import pickle
import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from importlib import metadata
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from sdtheory.evidence import fingerprint
from sdtheory.evidence.fingerprint import Code, digest
from sdtheory.evidence.formal import FOLDER, TIES
from sdtheory.evidence.mutants import names
from sdtheory.evidence.report import Evidence
from sdtheory.evidence.tasks import Effort
from sdtheory.files import replacing
from sdtheory.statements import STATEMENTS, Statement

_LIBRARY = Path(__file__).parent.parent
_PACKAGE = _LIBRARY.name
#: Rooms and modules that no evidence depends on, or that are looked at function by function.
_ELSEWHERE = (
    *("book/", "cli/", "experiments/", "formulas/", "evidence/proofs/"),
    *("estimator/", "plotting.py", "model_file.py", "files.py", "datasets.py"),
    *("evidence/cache.py", "evidence/fingerprint.py", "evidence/formal"),
    *("evidence/checking.py", "evidence/collecting.py", "evidence/replaying.py"),
)
#: The arguments that all proofs use.
_ARGUMENTS = "evidence/proofs/arguments.py"
#: Words and layout, and the class whose fields are kept.
_REPORT = "evidence/report.py"
_PACKAGES = ("numpy", "scipy", "python-flint", "sympy", "z3-solver")


@dataclass
class EvidenceCache:
    """Evidence of one effort, one file for each statement.

    Attributes
    ----------
    folder : Path
        Where the files are; made when the first is written.
    effort : Effort
        What was asked for.
    """

    folder: Path
    effort: Effort

    @cached_property
    def _engine(self) -> str:
        chapters = {f"statements/{s.chapter}.py" for s in STATEMENTS.values()}
        parts = [f"{self.effort}", platform.python_version(), platform.machine()]
        parts += [f"{d.name} {d.version}" for d in metadata.distributions() if d.name in _PACKAGES]
        for path in sorted(_LIBRARY.rglob("*.py")):
            name = path.relative_to(_LIBRARY).as_posix()
            if name == _REPORT:
                parts += [name, _code(path).frame]
            elif name == _ARGUMENTS or not (name in chapters or name.startswith(_ELSEWHERE)):
                parts += [name, _code(path).whole]
        return digest(*parts)

    def key(self, statement: Statement) -> str:
        """Return the fingerprint of everything that the statement's evidence depends on."""
        proofs = _LIBRARY / "evidence" / "proofs" / f"{statement.chapter}.py"
        formulas = [statement.margin, *(h.holds for h in statement.hypotheses)]
        return digest(
            self._engine,
            f"{statement.id} {statement.kind} {statement.counterexample}",
            *(h.id for h in statement.hypotheses),
            *(part for formula in formulas for part in sorted(set(pieces(formula)))),
            _code(proofs).whole if proofs.is_file() else "",
            self._checked if self.effort.certify and statement.id in TIES else "",
        )

    @cached_property
    def _checked(self) -> str:
        """Fingerprint of the proofs in Coq, and of what compares them with the registry."""
        sources = sorted((_LIBRARY / "evidence" / "formal").glob("*.py"))
        proofs = sorted(p for p in FOLDER.glob("*") if p.suffix in (".v", ".json"))
        return digest(
            *(_code(path).whole for path in sources),
            *(part for path in proofs for part in (path.name, path.read_bytes())),
        )

    def _file(self, statement: Statement) -> Path:
        return self.folder / f"{statement.id}.pickle"

    def find(self, statement: Statement) -> Evidence | None:
        """Return the statement's evidence, where it is known and current."""
        try:
            key, evidence = pickle.loads(self._file(statement).read_bytes())
        except (OSError, ValueError, TypeError, EOFError, AttributeError, pickle.PickleError):
            return None
        return evidence if key == self.key(statement) else None

    def store(self, statement: Statement, evidence: Evidence) -> None:
        """Keep evidence, and replace older evidence of the statement."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with replacing(self._file(statement)) as part:
            part.write_bytes(pickle.dumps((self.key(statement), evidence)))


def _code(path: Path) -> Code:
    return fingerprint.parse(path.read_text(encoding="utf-8"))


def pieces(formula: Callable[..., Any]) -> Iterator[str]:
    """Yield the fingerprints of a formula and of every library function that it mentions.

    Parameters
    ----------
    formula : callable
        Function, or a wrapped or partial one.
    """
    done: set[int] = set()
    pending: list[Any] = [formula]
    while pending:
        value = pending.pop()
        if id(value) in done:
            continue
        done.add(id(value))
        if isinstance(value, partial):
            yield repr((value.args, value.keywords))
            pending.append(value.func)
        elif hasattr(value, "__wrapped__"):
            pending.append(value.__wrapped__)
        elif isinstance(value, FunctionType):
            if not _is_installed(value):
                yield _piece(value)
                yield repr(value.__defaults__)
                pending += [cell.cell_contents for cell in value.__closure__ or ()]
                pending += _mentioned(value)
        elif isinstance(value, type):
            if value.__module__.split(".")[0] == _PACKAGE:
                yield _code(_LIBRARY.parent / f"{value.__module__.replace('.', '/')}.py").whole
        elif not isinstance(value, ModuleType) and not callable(value):
            yield repr(value)


def _is_installed(function: FunctionType) -> bool:
    """Whether a function belongs to a package whose version says what it does."""
    file = function.__code__.co_filename
    own = Path(file).is_relative_to(_LIBRARY)
    return not own and file.startswith((sys.prefix, sys.base_prefix, "<"))


def _piece(function: FunctionType) -> str:
    code = _code(Path(function.__code__.co_filename))
    own = code.functions.get(function.__qualname__.split(".<locals>")[0])
    # a function without a name stands somewhere in its module
    return own or code.whole


def _mentioned(function: FunctionType) -> Iterator[Any]:
    """Yield what a function's code names: globals, and members of the library's modules."""
    known = set(names(function.__code__))
    for name in known & set(function.__globals__):
        value = function.__globals__[name]
        if isinstance(value, ModuleType) and value.__name__.split(".")[0] == _PACKAGE:
            yield from (vars(value)[member] for member in known & set(vars(value)))
        else:
            yield value
