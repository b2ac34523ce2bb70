"""Records what a chapter depends on, and keeps its outputs while nothing of that changes.

A chapter depends on

* its code cells, and the functions of the library that they executed;
* the top-level code of the modules that it loaded;
* the files that it read, and the versions of the packages that it loaded.

The kernel records this in its own process while it runs. A chapter that starts
other processes, where nothing is recorded, depends on the whole library.

Not recorded are environment variables (the driver sets them), files outside of the
book's folder, and whether a file exists that was not opened.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Mapping
from functools import cached_property
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from sdtheory.book import kernel
from sdtheory.book.notebooks import Chapter
from sdtheory.evidence import fingerprint
from sdtheory.evidence.fingerprint import digest
from sdtheory.files import replacing

LIBRARY = Path(kernel.__file__).resolve().parent.parent
#: What runs a chapter, besides the library that the chapter itself executes.
_PIPELINE = ("kernel", "recorder", "notebooks", "cache")
_RUNNERS = ("jupytext", "papermill", "nbclient", "nbformat", "ipykernel", "coverage")
#: This function reads all pages, but takes only the statements' labels from them.
_LABELS = "function book/ledger.py labels"
#: Python's folders of compiled modules, which come and go.
_COMPILED = "__pycache__"

Dependencies = dict[str, str]


class Surroundings:
    """What chapters may depend on, as it is now.

    Parameters
    ----------
    root : Path
        The book's folder.
    library : Path, optional
        The library's folder.
    """

    def __init__(self, root: Path, library: Path = LIBRARY) -> None:
        self.root, self.library = root.resolve(), library
        self._texts = self._read()

    def _read(self) -> dict[str, str]:
        return {
            path.relative_to(self.library).as_posix(): path.read_text(encoding="utf-8")
            for path in sorted(self.library.rglob("*.py"))
        }

    def holds(self) -> bool:
        """Whether the library on the disk is still the one that was read at first."""
        return self._read() == self._texts

    def texts(self) -> str:
        """Return the fingerprint of the library to the letter, docstrings included."""
        return digest(*(part for item in self._texts.items() for part in item))

    def code(self, module: str) -> fingerprint.Code | None:
        """Return the pieces of a module of the library; None if it is not there."""
        text = self._texts.get(module)
        return None if text is None else fingerprint.parse(text)

    @cached_property
    def _everything(self) -> str:
        return digest(
            *(
                part
                for name, text in self._texts.items()
                for part in (name, fingerprint.parse(text).whole)
            )
        )

    @cached_property
    def _distributions(self) -> Mapping[str, list[str]]:
        return metadata.packages_distributions()

    @cached_property
    def _labels(self) -> str:
        # the ledger loads all evidence, and few builds need it
        ledger = import_module("sdtheory.book.ledger")
        return digest(json.dumps(ledger.labels(self.root)))

    def _version(self, package: str) -> str:
        return ", ".join(
            f"{name} {metadata.version(name)}"
            for name in sorted(set(self._distributions.get(package, ())))
        )

    def value(self, name: str) -> str:
        """Return the present value of a dependency, as `dependencies` names it."""
        kind, _, rest = name.partition(" ")
        match kind:
            case "library":
                return self._everything
            case "module" | "source":
                code = self.code(rest)
                return "" if code is None else code.frame if kind == "module" else code.whole
            case "function":
                module, _, function = rest.partition(" ")
                code = self.code(module)
                return "" if code is None else code.functions.get(function, "")
            case "labels":
                return self._labels
            case "file":
                path = self.root / rest
                return digest(path.read_bytes()) if path.is_file() else ""
            case "folder":
                path = self.root / rest
                if not path.is_dir():
                    return ""
                return digest(*sorted(p.name for p in path.iterdir() if p.name != _COMPILED))
            case "package":
                return self._version(rest)
            case "unknown":
                return ""
            case "pipeline":
                sources = [self.code(f"book/{part}.py") for part in _PIPELINE]
                return digest(
                    *(source.whole for source in sources if source is not None),
                    *map(self._version, _RUNNERS),
                    json.dumps([kernel.ENVIRONMENT, *map(os.environ.get, kernel.PROCESSOR)]),
                    f"{sys.version} {platform.platform()}",
                )
        raise ValueError(f"unknown dependency {name!r}")

    def dependencies(self, record: Mapping[str, Any]) -> Dependencies:
        """Return what a run depended on, with its present value, given the kernel's record."""
        names = {"pipeline"}
        if record["processes"]:
            names.add("library")
        for path in map(Path, record["modules"]):
            names.add(f"module {path.relative_to(self.library).as_posix()}")
        for file, lines in record["lines"].items():
            module = Path(file).relative_to(self.library).as_posix()
            code = self.code(module)
            executed = code.executed(lines) if code is not None else []
            names.update(f"function {module} {function}" for function in executed)
        for path in map(Path, record["files"]):
            if path.is_relative_to(self.library) and path.suffix == ".py":
                names.add(f"source {path.relative_to(self.library).as_posix()}")
            elif self._is_data(path) and path.is_file():
                names.add(f"file {path.relative_to(self.root).as_posix()}")
        for path in map(Path, record["folders"]):
            if self._is_data(path) and path.is_dir():
                names.add(f"folder {path.relative_to(self.root).as_posix()}")
        if _LABELS in names:
            names = {n for n in names if not (n.startswith("file ") and n.endswith(".md"))}
            names.add("labels")
        names.update(
            f"package {package}"
            for package in record["packages"]
            if self._distributions.get(package)
        )
        return {name: self.value(name) for name in sorted(names - {"package sdtheory"})}

    def _is_data(self, path: Path) -> bool:
        if not path.is_relative_to(self.root):
            return False
        parts = path.relative_to(self.root).parts
        ours = not parts or parts[0].startswith(".") or parts[0] in ("_build", "notebooks")
        return not ours and _COMPILED not in parts


def installed() -> dict[str, str]:
    """Return the version of every installed distribution."""
    found = {d.name: d.version for d in metadata.distributions()}
    return dict(sorted(found.items()))


def cells(notebook: NotebookNode) -> str:
    """Return the fingerprint of a notebook's code."""
    return digest(*(cell.source for cell in notebook.cells if cell.cell_type == "code"))


def merged(source: NotebookNode, executed: NotebookNode) -> NotebookNode:
    """Return a notebook with the outputs of a run of the same code, in pieces that do not vary."""
    ran = [cell for cell in executed.cells if cell.cell_type == "code"]
    own = [cell for cell in source.cells if cell.cell_type == "code"]
    for cell, other in zip(own, ran, strict=True):
        cell.outputs, cell.execution_count = joined(other.outputs), other.execution_count
    source.metadata["language_info"] = executed.metadata.get("language_info", {})
    return source


def joined(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Return outputs in which printed text that arrived in several pieces is one."""
    found: list[Any] = []
    for output in outputs:
        last = found[-1] if found else {}
        if output.output_type == "stream" and last.get("name") == output.name:
            last["text"] += output.text
        else:
            found.append(nbformat.from_dict(output))
    return found


class Cache:
    """The last run of each chapter, one file each.

    Parameters
    ----------
    folder : Path
        Where the files are; made when the first is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def _load(self, chapter: Chapter) -> dict[str, Any] | None:
        try:
            return json.loads((self.folder / f"{chapter.name}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def changes(self, chapter: Chapter, now: Surroundings) -> list[str] | None:
        """Return what changed since the chapter ran; None if no run is known."""
        entry = self._load(chapter)
        if entry is None:
            return None
        known: Dependencies = entry["dependencies"]
        found = [name for name, value in known.items() if now.value(name) != value]
        return (["code cells"] if entry["cells"] != cells(chapter.notebook()) else []) + found

    def dependencies(self, chapter: Chapter) -> Dependencies | None:
        """Return what the chapter depended on when it ran, if that is known."""
        entry = self._load(chapter)
        return None if entry is None else entry["dependencies"]

    def notebook(self, chapter: Chapter) -> NotebookNode | None:
        """Return the chapter with the outputs of its last run, where its code is still the same."""
        entry, source = self._load(chapter), chapter.notebook()
        if entry is None or entry["cells"] != cells(source):
            return None
        return merged(source, nbformat.from_dict(entry["notebook"]))

    def store(
        self, chapter: Chapter, source: NotebookNode, executed: NotebookNode, found: Dependencies
    ) -> None:
        """Keep a run of `source`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        entry = {"cells": cells(source), "dependencies": found, "notebook": executed}
        with replacing(self.folder / f"{chapter.name}.json") as partial:
            partial.write_text(json.dumps(entry), encoding="utf-8")

    def forget(self, chapter: Chapter) -> None:
        """Forget the last run."""
        (self.folder / f"{chapter.name}.json").unlink(missing_ok=True)
