"""Imports inside the library point down, and importing it is light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

LIBRARY = Path(__file__).parent.parent / "sdtheory"

#: Lowest first. A module imports from lower layers, and from its own package.
LAYERS = (
    {"validation"},
    {"files"},
    {"linalg"},
    {"kernels", "spectrum", "multiplier", "plotting"},
    {"recursion", "datasets"},
    {"solvers", "formulas"},
    {"statements"},
    {"evidence", "estimator", "experiments"},
    {"model_file"},
    {"book"},
    {"cli"},
)
LAYER = {name: number for number, names in enumerate(LAYERS) for name in names}
TOP = {"__init__", "__main__"}
#: Packages that only these modules may import.
RESERVED = {
    "sklearn": {"kernels", "datasets", "estimator", "experiments"},
    "matplotlib": {"plotting", "book"},
    "seaborn": {"plotting"},
    "flint": {"evidence"},
    "sympy": {"evidence"},
    "z3": {"evidence"},
    "papermill": {"book"},
    "numba": {"linalg", "solvers"},
    "llvmlite": {"linalg"},
    "jax": {"experiments"},
    "equinox": {"experiments"},
    "optax": {"experiments"},
}


def imports(source):
    """Yield the dotted names that a module imports, with whether a function does it."""
    tree = ast.parse(source)
    inside = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for child in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            yield name, id(node) in inside


def violations(module, source):
    """Return what breaks the order in a module given by its path below the library."""
    room = module.split("/")[0].removesuffix(".py")
    found = []
    for name, within_function in imports(source):
        package, *rest = name.split(".")
        if within_function and room != "cli":
            found.append(f"{module} imports {name} inside a function")
        if package in RESERVED and room not in RESERVED[package]:
            found.append(f"{module} imports {package}")
        if package == "sdtheory" and rest and rest[0] in LAYER and room not in TOP:
            other = rest[0]
            if other != room and LAYER[other] >= LAYER[room]:
                found.append(f"{module} imports {other}, which does not lie below it")
    return found


def modules():
    return sorted(path.relative_to(LIBRARY).as_posix() for path in LIBRARY.rglob("*.py"))


@pytest.mark.parametrize("module", modules())
def test_imports_point_down(module):
    assert violations(module, (LIBRARY / module).read_text(encoding="utf-8")) == []


def test_every_module_has_a_layer():
    rooms = {module.split("/")[0].removesuffix(".py") for module in modules()}
    assert rooms - TOP <= set(LAYER)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("spectrum.py", "from sdtheory.solvers import distill"),
        ("kernels.py", "from sdtheory import spectrum"),
        ("linalg/halley.py", "import sdtheory.multiplier"),
        ("recursion.py", "import matplotlib.pyplot"),
        ("statements/kkt.py", "def f():\n    from sdtheory.kernels import gram"),
    ],
)
def test_a_planted_violation_is_found(module, source):
    assert violations(module, source)


def test_importing_the_library_loads_nothing_heavy():
    code = "import sys, sdtheory; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    heavy = {"sklearn", "matplotlib", "seaborn", "sympy", "flint", "papermill", "z3", "IPython"}
    heavy |= {"numba"}
    assert not heavy & set(loaded)
