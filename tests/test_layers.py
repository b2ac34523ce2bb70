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
    "jax": {"experiments"},
    "equinox": {"experiments"},
    "optax": {"experiments"},
}
#: What a module imports in a function, because loading it takes long and few calls need it.
POSTPONED = {
    ("__main__.py", "sdtheory.cli.main"),
    ("evidence/tasks.py", "sdtheory.evidence.proved"),
    ("book/cache.py", "sdtheory.book.ledger"),
}


def imports(source):
    """Yield the dotted names that a module imports, with whether a function does it.

    `import_module` of one of the library's own modules is an import; where the last part of the
    name is computed, of all modules of that package: ``package.*``.
    """
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
        elif isinstance(node, ast.Call):
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            name = ""
            if called == "import_module" and node.args:
                parts = getattr(node.args[0], "values", node.args[:1])
                name = "".join(
                    str(getattr(part, "value", "")) if isinstance(part, ast.Constant) else "*"
                    for part in parts
                )
            names = [name] if name.startswith("sdtheory.") else []
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
        if within_function and room != "cli" and (module, name) not in POSTPONED:
            found.append(f"{module} imports {name} inside a function")
        if package in RESERVED and room not in RESERVED[package]:
            found.append(f"{module} imports {package}")
        if package == "sdtheory" and rest and rest[0] in LAYER and room not in TOP:
            other = rest[0]
            if other != room and LAYER[other] >= LAYER[room]:
                found.append(f"{module} imports {other}, which does not lie below it")
    return found


def dotted(path):
    """Return the name of a module given by its path below the library."""
    return ".".join(["sdtheory", *path.removesuffix(".py").split("/")]).removesuffix(".__init__")


def graph(sources):
    """Return which modules each module imports, itself and the packages around it left out."""
    names = {dotted(path): path for path in sources}
    arrows = {}
    for name, path in names.items():
        targets = set()
        for imported, _ in imports(sources[path]):
            package, _, last = imported.rpartition(".")
            # an attribute of a module, or the module
            target = imported if imported in names else package
            found = (
                {n for n in names if n.rpartition(".")[0] == package} if last == "*" else {target}
            )
            targets |= found & names.keys() - {name}
        arrows[name] = targets
    return arrows


def cycle(arrows):
    """Return modules that import each other in a circle, or an empty list."""
    done = set()

    def visit(name, path):
        if name in path:
            return [*path[path.index(name) :], name]
        if name in done:
            return []
        for target in sorted(arrows[name]):
            found = visit(target, [*path, name])
            if found:
                return found
        done.add(name)
        return []

    return next((found for name in sorted(arrows) if (found := visit(name, []))), [])


def depth(arrows):
    """Return the largest number of modules on a way down, for a graph without a circle."""
    known = {}

    def below(name):
        if name not in known:
            known[name] = 1 + max((below(target) for target in arrows[name]), default=0)
        return known[name]

    return max(map(below, arrows))


def both(sources):
    """Return the names that are a module, and a function or class of the package around it."""
    found = []
    for path in sources:
        package, _, module = dotted(path).rpartition(".")
        around = next(
            (p for p in sources if dotted(p) == package and p.endswith("__init__.py")), ""
        )
        if not around:
            continue
        tree = ast.parse(sources[around])
        defined = {n.name for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                # an imported module is itself
                defined |= {
                    alias.asname or alias.name
                    for alias in node.names
                    if f"{node.module}.{alias.name}" != dotted(path)
                }
        if module in defined:
            found.append(dotted(path))
    return found


def modules():
    return sorted(path.relative_to(LIBRARY).as_posix() for path in LIBRARY.rglob("*.py"))


@pytest.fixture(scope="module")
def sources():
    return {module: (LIBRARY / module).read_text(encoding="utf-8") for module in modules()}


@pytest.mark.parametrize("module", modules())
def test_imports_point_down(module):
    assert violations(module, (LIBRARY / module).read_text(encoding="utf-8")) == []


def test_no_module_reaches_itself(sources):
    arrows = graph(sources)
    assert cycle(arrows) == []
    count = sum(map(len, arrows.values()))
    print(f"{len(arrows)} modules, {count} imports, at most {depth(arrows)} modules on a way down")


def test_no_name_is_a_module_and_a_function(sources):
    assert both(sources) == []


@pytest.mark.parametrize(
    "planted",
    [
        # inside a package, by import_module, and across packages
        {"linalg/blas.py": "from sdtheory.linalg import lanczos"},
        {"linalg/halley.py": "import_module('sdtheory.linalg.smoother')"},
        {"statements/instance.py": "import_module(f'sdtheory.statements.{name}')"},
        {"validation.py": "from sdtheory.solvers.chain import Start"},
    ],
)
def test_a_planted_circle_is_found(sources, planted):
    (module,) = planted
    found = cycle(graph(sources | planted))
    assert found[0] == found[-1]
    assert dotted(module) in found


@pytest.mark.parametrize(
    "planted",
    [
        {"distill.py": ""},
        {"solvers/distill.py": ""},
        {"formulas/__init__.py": "def bounds(): ..."},
        {"formulas/__init__.py": "from sdtheory.validation import as_number as bounds"},
    ],
)
def test_a_planted_name_of_two_things_is_found(sources, planted):
    assert both(sources | planted)


def test_the_depth_is_that_of_the_longest_way():
    arrows = {"a": {"b", "c"}, "b": {"c"}, "c": set(), "d": set()}
    assert depth(arrows) == 3
    assert cycle(arrows) == []
    assert cycle(arrows | {"c": {"a"}}) == ["a", "b", "c", "a"]


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
        ("statements/kkt.py", "def f():\n    import_module('sdtheory.kernels')"),
        ("kernels.py", "importlib.import_module('sdtheory.solvers')"),
    ],
)
def test_a_planted_violation_is_found(module, source):
    assert violations(module, source)


def test_importing_the_library_loads_nothing_heavy():
    code = "import sys; from sdtheory import *; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    heavy = {"sklearn", "matplotlib", "seaborn", "sympy", "flint", "papermill", "z3", "IPython"}
    # where there are no processes, in a browser for example
    heavy |= {"numba", "joblib", "multiprocessing"}
    assert not heavy & set(loaded)
