"""Fingerprints of the pieces of a module's code.

Docstrings, comments, layout and the annotations of functions change no
fingerprint.
"""

from __future__ import annotations

import ast
import builtins
import copy
import hashlib
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

#: Decorators under which the body of a function runs as it is written. What others make of a
#: body, a compiler for example, no tracer sees.
_PLAIN = {
    *("property", "cached_property", "staticmethod", "classmethod", "contextmanager"),
    *("abstractmethod", "cache", "lru_cache", "override", "setter", "overload"),
}
_Function = ast.FunctionDef | ast.AsyncFunctionDef


def digest(*parts: str | bytes) -> str:
    """Return the hash of texts, with the places where one ends and the next begins."""
    total = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        total.update(len(data).to_bytes(8, "big") + data)
    return total.hexdigest()[:24]


@dataclass(frozen=True)
class Code:
    """The pieces of a module.

    Attributes
    ----------
    whole : str
        Fingerprint of all of it.
    frame : str
        Of what an import runs: the statements outside functions, the signatures of methods, and
        functions that a decorator may compile.
    functions : dict of str to str
        Of each function and method, by qualified name; what is defined inside a function belongs
        to it.
    lines : dict of str to frozenset of int
        Lines of their bodies.
    """

    whole: str
    frame: str
    functions: dict[str, str]
    lines: dict[str, frozenset[int]]

    def executed(self, lines: Iterable[int]) -> list[str]:
        """Return the functions to which any of these lines belongs."""
        lines = set(lines)
        return [name for name, own in self.lines.items() if own & lines]


@lru_cache(maxsize=512)
def parse(text: str) -> Code:
    """Return the pieces of a module, given its text."""
    tree = _Wordless().visit(ast.parse(text))
    functions: dict[str, list[str]] = {}
    lines: dict[str, set[int]] = {}
    for name, node in _functions(tree, ""):
        functions.setdefault(name, []).append(_text(node))
        lines.setdefault(name, set()).update(
            line
            for statement in node.body
            for line in range(statement.lineno, (statement.end_lineno or statement.lineno) + 1)
        )
    names = Counter(functions)
    for name, found in functions.items():
        names[name] = len(found)
    frame = _Frame(names).visit(copy.deepcopy(tree))
    return Code(
        digest(_text(tree)),
        digest(_text(frame)),
        {name: digest(*found) for name, found in functions.items()},
        {name: frozenset(own) for name, own in lines.items()},
    )


def _text(node: ast.AST) -> str:
    """Return a tree as text that is the same on every version of Python."""
    # from 3.13 on empty lists must be asked for; 3.12 has a field that older code leaves empty
    options: Any = {"show_empty": True} if sys.version_info >= (3, 13) else {}
    return ast.dump(node, **options).replace(", type_params=[]", "")


def _functions(node: ast.AST, prefix: str) -> Iterable[tuple[str, _Function]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, _Function):
            yield prefix + child.name, child
        elif isinstance(child, ast.ClassDef):
            yield from _functions(child, f"{prefix}{child.name}.")
        elif not isinstance(child, ast.expr):
            yield from _functions(child, prefix)


class _Wordless(ast.NodeTransformer):
    """Removes strings that stand alone, and the annotations of functions."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            return None
        return self.generic_visit(node)

    def visit_FunctionDef(self, node: _Function) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node


class _Frame(ast.NodeTransformer):
    """Leaves what an import runs."""

    def __init__(self, names: Counter[str]) -> None:
        self.names = names
        self.classes = 0

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        self.classes += 1
        self.generic_visit(node)
        self.classes -= 1
        return node

    def visit_FunctionDef(self, node: _Function) -> ast.AST | None:
        if not all(_is_plain(decorator) for decorator in node.decorator_list):
            return node
        lonely = self.names[node.name] == 1 and not hasattr(builtins, node.name)
        if not self.classes and lonely and not node.decorator_list:
            # nobody notices it who does not call it
            return None
        node.body = []
        return node

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815


def _is_plain(decorator: ast.expr) -> bool:
    if isinstance(decorator, ast.Call):
        decorator = decorator.func
    if isinstance(decorator, ast.Attribute):
        return decorator.attr in _PLAIN
    return isinstance(decorator, ast.Name) and decorator.id in _PLAIN
