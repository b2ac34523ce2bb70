"""The book's chapters as notebooks: find them, read their parameters, run one."""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import jupytext
import nbformat
import papermill
import yaml
from nbformat import NotebookNode
from papermill.exceptions import PapermillExecutionError

from sdtheory.validation import InvalidInputError

Parameter = bool | int | float | str

#: Messages of a kernel that failed to start, as opposed to one that died at work.
_NO_START = ("Kernel died before replying to kernel_info", "Kernel didn't respond in")


class ChapterFailedError(RuntimeError):
    """A cell of a chapter raised, or a check of it failed.

    Attributes
    ----------
    notebook : Path
        The notebook up to and including the failed cell.
    """

    def __init__(self, message: str, notebook: Path) -> None:
        self.notebook = notebook
        super().__init__(message)


@dataclass(frozen=True)
class Chapter:
    """One page of the book, in the order of the table of contents.

    Attributes
    ----------
    name : str
        File name without suffix.
    path : Path
        The MyST-Markdown file.
    """

    name: str
    path: Path

    @property
    def executable(self) -> bool:
        """Whether the page is a notebook, and not only text."""
        return self.path.read_text(encoding="utf-8").startswith("---\njupytext:")

    def notebook(self) -> NotebookNode:
        """Return the chapter as a notebook, not executed, with stable cell ids."""
        notebook = jupytext.read(self.path)
        for number, cell in enumerate(notebook.cells):
            cell["id"] = f"{self.name}-{number:03d}"
        return notebook

    def parameters(self) -> dict[str, Parameter]:
        """Return the declared parameters with their defaults.

        Raises
        ------
        InvalidInputError
            If there is not exactly one cell tagged ``parameters``, or it does
            more than assign constants.
        """
        cells = [c for c in self.notebook().cells if "parameters" in c.metadata.get("tags", [])]
        if len(cells) != 1:
            raise InvalidInputError(
                f"chapter {self.name!r} has {len(cells)} cells tagged 'parameters'. A chapter has "
                f"exactly one; tag the cell that assigns its parameters."
            )
        found: dict[str, Parameter] = {}
        for statement in ast.parse(cells[0].source).body:
            match statement:
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    found[name] = ast.literal_eval(value)
                case _:
                    raise InvalidInputError(
                        f"the parameters cell of chapter {self.name!r} holds "
                        f"{ast.unparse(statement)!r}. It may only assign constants to names."
                    )
        return found

    def parse(self, given: Iterable[tuple[str, str]]) -> dict[str, Parameter]:
        """Convert parameters from text to the types of their defaults.

        Parameters
        ----------
        given : iterable of (name, text)

        Returns
        -------
        dict

        Raises
        ------
        InvalidInputError
            If a name is unknown (the message lists the known ones) or a text
            does not denote a value of the default's type.
        """
        defaults = self.parameters()
        parsed: dict[str, Parameter] = {}
        for name, text in given:
            if name not in defaults:
                known = ", ".join(f"{k} (default {v!r})" for k, v in defaults.items())
                raise InvalidInputError(
                    f"parameter {name!r} is unknown in chapter {self.name!r}. Known: {known}."
                )
            kind = type(defaults[name])
            try:
                parsed[name] = {"True": True, "False": False}[text] if kind is bool else kind(text)
            except (ValueError, KeyError):
                raise InvalidInputError(
                    f"parameter {name!r} must be of type {kind.__name__}, like its default "
                    f"{defaults[name]!r}, but is {text!r}."
                ) from None
        return parsed


def find_book(start: Path | None = None) -> Path:
    """Return the folder that holds the book's ``_toc.yml``, from ``start`` upward.

    Raises
    ------
    InvalidInputError
        If there is none.
    """
    start = (start or Path.cwd()).resolve()
    for folder in (start, *start.parents):
        if (folder / "_toc.yml").is_file():
            return folder
    raise InvalidInputError(
        f"no book found: neither {start} nor a folder above it holds _toc.yml. Run this inside a "
        f"checkout of the repository, or pass its folder with --book."
    )


def list_chapters(root: Path) -> dict[str, Chapter]:
    """Return the pages of the table of contents by name, in order.

    Raises
    ------
    InvalidInputError
        If the table of contents names a file that does not exist.
    """
    contents = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    files = [contents["root"]]
    files += [entry["file"] for entry in contents.get("chapters", [])]
    for part in contents.get("parts", []):
        files += [entry["file"] for entry in part["chapters"]]
    chapters = {}
    for file in files:
        path = root / f"{file}.md"
        if not path.is_file():
            raise InvalidInputError(f"_toc.yml names {file!r}, but there is no file {path.name}.")
        chapters[path.stem] = Chapter(path.stem, path)
    return chapters


def chapter_by_name(root: Path, name: str) -> Chapter:
    """Return one executable chapter.

    Raises
    ------
    InvalidInputError
        If it is unknown; the message lists the known ones.
    """
    chapters = {k: c for k, c in list_chapters(root).items() if c.executable}
    if name not in chapters:
        raise InvalidInputError(
            f"chapter {name!r} is unknown. Choose one of: {', '.join(chapters)}."
        )
    return chapters[name]


def execute(
    chapter: Chapter,
    target: Path,
    parameters: Mapping[str, Parameter] | None = None,
    *,
    progress: bool = False,
) -> None:
    """Run a chapter through papermill in a kernel of its own.

    Parameters
    ----------
    chapter : Chapter
    target : Path
        Where the executed notebook goes; it appears only when all cells ran.
    parameters : mapping, optional
        Values that replace the defaults.
    progress : bool, default=False
        Whether to show papermill's progress bar.

    Raises
    ------
    ChapterFailedError
        If a cell raised. The notebook up to there is kept beside the target,
        with ``failed`` in its name.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    failed = target.with_suffix(".failed.ipynb")
    partial = target.with_suffix(".partial.ipynb")
    for stale in (target, failed, partial):
        stale.unlink(missing_ok=True)
    source = target.with_suffix(".source.ipynb")
    nbformat.write(chapter.notebook(), source)
    # figures and dates are the same in every build; only the kernels see it
    os.environ["SOURCE_DATE_EPOCH"] = "0"
    try:
        for attempt in (1, 2):
            try:
                papermill.execute_notebook(
                    source,
                    partial,
                    parameters=dict(parameters or {}),
                    kernel_name="python3",
                    cwd=chapter.path.parent,
                    progress_bar=progress,
                    log_output=False,
                    # its warning about TCP on the local machine would go to every reader
                    extra_arguments=["--IPKernelApp.log_level=CRITICAL"],
                )
                break
            except RuntimeError as error:
                started = not any(message in str(error) for message in _NO_START)
                if started or attempt == 2:
                    raise
                print(f"{chapter.name}: the kernel did not start; trying once more", file=sys.stderr)
    except PapermillExecutionError as error:
        partial.replace(failed)
        raise ChapterFailedError(
            f"chapter {chapter.name!r}, cell {error.exec_count}: {error.ename}: {error.evalue}",
            failed,
        ) from None
    finally:
        source.unlink(missing_ok=True)
    partial.replace(target)
