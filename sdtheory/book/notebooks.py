"""The book's chapters as notebooks: find them, read their parameters, run one."""

from __future__ import annotations

import ast
import copy
import os
import socket
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import jupytext
import nbformat
import papermill
import yaml
from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from papermill.exceptions import PapermillExecutionError
from traitlets import Bool, Unicode
from traitlets.config import Config

from sdtheory.book.kernel import EVIDENCE, fork, isolated
from sdtheory.validation import InvalidInputError

Value = bool | int | float | str

#: What nbclient says of a kernel that did not start, as opposed to one that died at work.
_NO_START = ("Kernel died before replying to kernel_info", "Kernel didn't respond in")

#: A kernel writes what it depended on when it ends; a busy machine needs more than five seconds.
SHUTDOWN_SECONDS = 120.0
#: Channels of a kernel, each with a port.
_CHANNELS: tuple[str, ...] = ("shell_port", "iopub_port", "stdin_port", "control_port", "hb_port")
#: Systems hand out ports from 32768 on by themselves.
_PORTS = range(20_000, 32_000, len(_CHANNELS))
_started = count()


def _ports() -> dict[str, int]:
    """Return free ports for a kernel, others for every process and every kernel.

    Jupyter asks the system for free ports, and gives them back before the kernel takes them. Of
    two kernels that start at the same moment both may be told the same.
    """
    first = 64 * os.getpid() + next(_started)
    for place in range(first, first + len(_PORTS)):
        start = _PORTS[place % len(_PORTS)]
        found = dict(zip(_CHANNELS, range(start, start + len(_CHANNELS)), strict=True))
        try:
            for port in found.values():
                with socket.socket() as trial:
                    trial.bind(("127.0.0.1", port))
        except OSError:
            continue
        return found
    return {}  # Jupyter finds some


class LoggedKernelManager(AsyncKernelManager):
    """Writes to a file what a kernel prints outside of its cells, for example while it ends."""

    log_file = Unicode(config=True)
    forked = Bool(config=True)

    async def start_kernel(self, **kw: Any) -> None:
        """Start the kernel."""
        with open(self.log_file, "wb") as file:
            await self._async_start_kernel(stdout=file, stderr=file, **kw)

    async def _async_launch_kernel(self, kernel_cmd: list[str], **kw: Any) -> None:
        """Fork the kernel, if it should be and can be; else start it as Jupyter does."""
        process = fork(kernel_cmd[2:], kw["env"], Path(self.log_file)) if self.forked else None
        if process is None:
            await super()._async_launch_kernel(kernel_cmd, **kw)
            return
        provisioner: Any = self.provisioner
        provisioner.process = process
        provisioner.pid = provisioner.pgid = process.pid  # it leads a group of its own
        self._reconcile_connection_info(provisioner.connection_info)


def _settings(log: Path, *, forked: bool) -> Config:
    """Return what is set of the kernel that is started next."""
    ports = _ports()
    manager = {"shutdown_wait_time": SHUTDOWN_SECONDS, "log_file": str(log), "forked": forked}
    return Config(
        {
            "LoggedKernelManager": manager | {"cache_ports": not ports} | ports,
            "NotebookClient": {"kernel_manager_class": LoggedKernelManager},
        }
    )


def _last_words(log: Path) -> str:
    """Return the end of what a kernel said outside of its cells, as a sentence."""
    lines = log.read_text("utf-8", errors="replace").split("\n") if log.exists() else []
    said = [line for line in lines if line.strip()][-10:]
    return "\n".join([" It said last:", *said]) if said else ""


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


def evidence_folder() -> Path | None:
    """Return the folder of evidence that this run may use again; None outside of builds."""
    folder = os.environ.get(EVIDENCE)
    return None if folder is None else Path(folder)


@dataclass(frozen=True)
class Parameter:
    """A number or word that a reader may change.

    Attributes
    ----------
    name : str
    default : bool, int, float or str
    help : str
        The comment behind its assignment.
    """

    name: str
    default: Value
    help: str

    def parse(self, text: str) -> Value:
        """Convert a text to the type of the default.

        Raises
        ------
        InvalidInputError
            If it does not denote a value of that type.
        """
        kind = type(self.default)
        try:
            return {"True": True, "False": False}[text] if kind is bool else kind(text)
        except (ValueError, KeyError):
            raise InvalidInputError(
                f"parameter {self.name!r} is {text!r}, but must be of type {kind.__name__}, like "
                f"its default {self.default!r}."
            ) from None


@lru_cache(maxsize=64)
def _parsed(text: str) -> NotebookNode:
    """Return the notebook of a text, not to be changed: a build asks for it several times."""
    return jupytext.reads(text, fmt={"extension": ".md"})


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
        return "kernelspec" in self._read().metadata

    def _read(self) -> NotebookNode:
        return _parsed(self.path.read_text(encoding="utf-8"))

    def notebook(self) -> NotebookNode:
        """Return the chapter as a notebook, not executed, with stable cell ids."""
        notebook = copy.deepcopy(self._read())
        for number, cell in enumerate(notebook.cells):
            cell["id"] = f"{self.name}-{number:03d}"
        return notebook

    def parameters(self) -> dict[str, Parameter]:
        """Return the declared parameters by name.

        Raises
        ------
        InvalidInputError
            If there is not exactly one cell tagged ``parameters``, or it does not
            only assign numbers, strings and truth values to names.
        """
        cells = [c for c in self.notebook().cells if "parameters" in c.metadata.get("tags", [])]
        if len(cells) != 1:
            raise InvalidInputError(
                f"chapter {self.name!r} has {len(cells)} cells tagged 'parameters'. A chapter has "
                f"exactly one; tag the cell that assigns its parameters."
            )
        source = cells[0].source
        try:
            statements = ast.parse(source).body
        except SyntaxError as error:
            raise InvalidInputError(
                f"the parameters cell of chapter {self.name!r} is not Python: {error.msg}, line "
                f"{error.lineno} of the cell."
            ) from None
        lines = source.encode().splitlines()  # the parser counts bytes
        found: dict[str, Parameter] = {}
        for statement in statements:
            match statement:
                case ast.Assign(targets=[ast.Name(id=name)], value=value) if _is_literal(value):
                    last = lines[(statement.end_lineno or 0) - 1]
                    comment = last[statement.end_col_offset :].decode().partition("#")[2]
                    found[name] = Parameter(name, ast.literal_eval(value), comment.strip())
                case _:
                    raise InvalidInputError(
                        f"the parameters cell of chapter {self.name!r} holds "
                        f"{ast.unparse(statement)!r}. It may only assign a number, a string or a "
                        f"truth value to a name."
                    )
        return found

    def parse(self, given: Iterable[tuple[str, str]]) -> dict[str, Value]:
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
            If a name is unknown or given twice, or a text does not denote a
            value of the default's type.
        """
        declared = self.parameters()
        parsed: dict[str, Value] = {}
        for name, text in given:
            if name not in declared:
                known = ", ".join(f"{p.name} (default {p.default!r})" for p in declared.values())
                raise InvalidInputError(
                    f"parameter {name!r} is unknown in chapter {self.name!r}. "
                    f"Known: {known or 'none'}."
                )
            if name in parsed:
                raise InvalidInputError(f"parameter {name!r} is given twice. Give it once.")
            parsed[name] = declared[name].parse(text)
        return parsed

    def locate(self, source: str) -> str:
        """Return file and line of a cell, given its source text."""
        before, cell, _ = self.path.read_text(encoding="utf-8").partition(source)
        line = before.count("\n") + 1 if cell else "?"
        return f"{self.path.parent.name}/{self.path.name}, line {line}"


def _is_literal(node: ast.expr) -> bool:
    """Whether an expression is a number, a string or a truth value, as it stands."""
    match node:
        case ast.Constant(value=bool() | int() | float() | str()):
            return True
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float())):
            return True
    return False


def find_book(start: Path | None = None) -> Path:
    """Return the folder that holds the book's ``_toc.yml``, from ``start`` upward.

    Raises
    ------
    InvalidInputError
        If there is none, or ``start`` is not a folder.
    """
    start = (start or Path.cwd()).resolve()
    if not start.is_dir():
        raise InvalidInputError(
            f"no book found: {start} is not a folder. Pass the folder that holds _toc.yml."
        )
    for folder in (start, *start.parents):
        if (folder / "_toc.yml").is_file():
            return folder
    raise InvalidInputError(
        f"no book found: neither {start} nor a folder above it holds _toc.yml. Run this inside a "
        f"checkout of the repository, or pass its folder with --book."
    )


def files(contents: object) -> Iterator[str]:
    """Yield the files that a table of contents names, in its order and however deep."""
    if isinstance(contents, dict):
        for key, value in contents.items():
            if key in ("root", "file"):
                yield value
            else:
                yield from files(value)
    elif isinstance(contents, list):
        for entry in contents:
            yield from files(entry)


def read_contents(root: Path) -> Any:
    """Return what the table of contents holds.

    Raises
    ------
    InvalidInputError
        If it is not YAML.
    """
    try:
        return yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise InvalidInputError(f"_toc.yml is not YAML: {error}") from None


@dataclass(frozen=True)
class Part:
    """Chapters under one heading of the contents; the first part has no heading."""

    caption: str
    chapters: tuple[str, ...]


def parts(root: Path) -> list[Part]:
    """Return the parts of a book in their order.

    Raises
    ------
    InvalidInputError
        If the table of contents is not YAML.
    """
    contents = read_contents(root)
    listed = contents.get("parts", [{"chapters": contents.get("chapters", [])}])
    named = [Part(part.get("caption", ""), tuple(files(part["chapters"]))) for part in listed]
    return [Part("", (contents["root"],)), *named]


def pages_of(root: Path) -> list[str]:
    """Return the page of each chapter from the site's root, in order."""
    return [f"{name}.html" for part in parts(root) for name in part.chapters]


def list_chapters(root: Path) -> dict[str, Chapter]:
    """Return the pages of the table of contents by name, in order.

    Raises
    ------
    InvalidInputError
        If the table of contents is not YAML or names no page, a page twice,
        or a file that does not exist.
    """
    chapters: dict[str, Chapter] = {}
    for file in files(read_contents(root)):
        path = root / f"{file}.md"
        if not path.is_file():
            raise InvalidInputError(f"_toc.yml names {file!r}, but there is no file {path.name}.")
        if path.stem in chapters:
            raise InvalidInputError(
                f"_toc.yml names two pages {path.stem!r}. Chapters are called by name; rename one."
            )
        chapters[path.stem] = Chapter(path.stem, path)
    if not chapters:
        raise InvalidInputError("_toc.yml names no page. Name the first one with 'root: '.")
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
    parameters: Mapping[str, Value] | None = None,
    *,
    progress: bool = False,
    timeout: float | None = None,
    record: Path | None = None,
    evidence: Path | None = None,
    forked: bool = False,
) -> None:
    """Run a chapter through papermill in a kernel of its own.

    Parameters
    ----------
    chapter : Chapter
    target : Path
        Where the executed notebook goes; it appears only when all cells ran. An
        earlier one is kept where the kernel does not start, and goes where a cell fails.
    parameters : mapping, optional
        Values that replace the defaults.
    progress : bool, default=False
        Whether to show papermill's progress bar.
    timeout : float, optional
        Seconds that a cell may take.
    record : Path, optional
        Where the kernel writes what the chapter depended on.
    evidence : Path, optional
        Folder of evidence that the chapter may use again.
    forked : bool, default=False
        Whether this process runs several chapters, and so keeps a process that has loaded
        the large packages, from which it forks their kernels.

    Raises
    ------
    ChapterFailedError
        If a cell raised or took too long, or the kernel died. The notebook up
        to there is kept beside the target, with ``failed`` in its name.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    failed = target.with_suffix(".failed.ipynb")
    with (
        TemporaryDirectory(prefix=".run-", dir=target.parent) as folder,
        isolated(Path(folder), record=record, evidence=evidence),
    ):
        source, partial = Path(folder) / "source.ipynb", Path(folder) / "partial.ipynb"
        log = Path(folder).resolve() / "kernel.log"  # papermill changes folders
        nbformat.write(chapter.notebook(), source)

        def failure(message: str) -> ChapterFailedError:
            """Keep the notebook up to here, and no result of an earlier run."""
            target.unlink(missing_ok=True)
            partial.replace(failed)
            return ChapterFailedError(message, failed)

        try:
            _run(
                chapter,
                source,
                partial,
                log,
                parameters or {},
                progress=progress,
                timeout=timeout,
                forked=forked,
            )
        except PapermillExecutionError as error:
            raise failure(
                f"{chapter.locate(error.source)} (code cell {error.exec_count}): "
                f"{error.ename}: {error.evalue}"
            ) from None
        except DeadKernelError:
            raise failure(
                f"{chapter.path.name}: the kernel died. Did a cell end the process, or take more "
                f"memory than there is?{_last_words(log)}"
            ) from None
        except CellTimeoutError:
            raise failure(
                f"{chapter.locate(_last_started(partial).source)}: this cell took more than "
                f"{timeout:g} seconds. Does it end? Pass --timeout to give it more."
            ) from None
        # papermill takes exit() for success
        cells = nbformat.read(partial, as_version=4).cells
        code = [cell for cell in cells if cell.cell_type == "code" and cell.source]
        skipped = [cell for cell in code if cell.execution_count is None]
        left = [c for c in code if any(o.get("ename") == "SystemExit" for o in c.outputs)]
        for cell, reason in [
            *((c, "this cell did not run, as an earlier one ended the chapter") for c in skipped),
            *((c, "this cell ended the chapter") for c in left),
        ]:
            raise failure(f"{chapter.locate(cell.source)}: {reason}.")
        failed.unlink(missing_ok=True)
        partial.replace(target)


def _last_started(notebook: Path) -> NotebookNode:
    """Return the cell at which papermill stopped."""
    cells = nbformat.read(notebook, as_version=4).cells
    started = [c for c in cells if c.metadata.get("papermill", {}).get("start_time")]
    return started[-1]


def _run(
    chapter: Chapter,
    source: Path,
    partial: Path,
    log: Path,
    parameters: Mapping[str, Value],
    *,
    progress: bool,
    timeout: float | None,
    forked: bool,
) -> None:
    for attempt in (1, 2):
        try:
            papermill.execute_notebook(
                source,
                partial,
                parameters=dict(parameters),
                kernel_name="python3",
                cwd=chapter.path.parent,
                progress_bar=progress,
                log_output=False,
                execution_timeout=timeout,
                config=_settings(log, forked=forked),
            )
        except RuntimeError as error:
            started = not any(message in str(error) for message in _NO_START)
            if started or attempt == 2:
                raise
            again = f"{chapter.name}: the kernel did not start; trying once more."
            print(again + _last_words(log), file=sys.stderr)
        else:
            return
