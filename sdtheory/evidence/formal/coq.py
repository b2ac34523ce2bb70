"""Coq, asked from Python: compile the proofs, print statements, audit axioms.

You need Coq neither to read the book nor to run its tests. The committed
`formal/export.json` holds its output, and the files that it is for.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdtheory.files import replacing
from sdtheory.validation import InvalidInputError

#: The proofs, beside the library in a checkout.
FOLDER = Path(__file__).resolve().parents[3] / "formal"
EXPORT = "export.json"
#: How to get Coq, by system.
INSTALL = (
    "on Debian and Ubuntu: apt-get install coq libcoq-coquelicot; elsewhere: "
    "opam install coq.8.16.1 coq-coquelicot.3.2.0"
)

#: The axioms of Coq's classical real numbers.
REALS = frozenset(
    (
        "ClassicalDedekindReals.sig_forall_dec",
        "ClassicalDedekindReals.sig_not_dec",
        "FunctionalExtensionality.functional_extensionality_dep",
    )
)
#: ... and the one that exponentials, integrals and the mean value theorem add.
ALLOWED = REALS | {"Classical_Prop.classic"}
_FORBIDDEN = re.compile(
    r"\b(Admitted|admit|give_up|Axioms?|Parameters?|Conjecture|Abort|bypass_check|type_in_type"
    r"|Declare\s+ML\s+Module|Unset\s+(?:Guard|Positivity|Universe)\s+Checking|Load|Extraction)\b"
)
_DEFINES = re.compile(r"^(?:Definition|Fixpoint|Record) ([\w']+)", re.MULTILINE)
_STATES = re.compile(r"^(?:Theorem|Lemma|Corollary) ([\w']+)", re.MULTILINE)
_QUIET = "-ambiguous-paths"


class CoqError(RuntimeError):
    """Coq refuses a file, or the audit does."""


@dataclass(frozen=True)
class Export:
    """What Coq has checked and printed.

    Attributes
    ----------
    versions : mapping of str to str
        Of Coq.
    files : mapping of str to str
        SHA-256 of every file of proofs.
    theorems : mapping of str to mapping
        By name: the file, the statement as Coq prints it for people
        ("statement") and in full ("term"), and the axioms it rests on.
    definitions : mapping of str to str
        Every definition of the development in full.
    """

    versions: Mapping[str, str]
    files: Mapping[str, str]
    theorems: Mapping[str, Mapping[str, Any]]
    definitions: Mapping[str, str]

    @classmethod
    def read(cls, path: Path = FOLDER / EXPORT) -> Export:
        """Read the committed export.

        Raises
        ------
        InvalidInputError
            If there is none, or it is not an export.
        """
        try:
            fields = json.loads(path.read_text(encoding="utf-8"))
            return cls(**fields)
        except OSError as error:
            raise InvalidInputError(
                f"{path} cannot be read ({error.strerror}). The proofs are in the repository of "
                "this book, not in the installed package: run the command in a checkout."
            ) from error
        except (ValueError, TypeError) as error:
            raise InvalidInputError(f"{path} is not an export. Write it by make proofs.") from error

    def write(self, path: Path) -> None:
        """Write the export as JSON, all or nothing."""
        text = json.dumps(vars(self), indent=1, ensure_ascii=False)
        with replacing(path) as partial:
            partial.write_text(text + "\n", encoding="utf-8")

    def changed(self, folder: Path = FOLDER) -> tuple[str, ...]:
        """Return the files that are not those that were checked."""
        now = hashes(folder)
        return tuple(sorted(n for n in now.keys() | self.files if now.get(n) != self.files.get(n)))


def hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file of proofs, by name."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.glob("*.v"))
    }


def missing_tools() -> tuple[str, ...]:
    """Return which of Coq's programs, or of its libraries, this machine lacks."""
    tools = [tool for tool in ("coqc", "coqdep", "coqchk") if shutil.which(tool) is None]
    if not tools:
        where = _run("coqc", "-where", cwd=None).strip()
        if not (Path(where) / "user-contrib" / "Coquelicot").is_dir():
            tools.append("Coquelicot")
    return tuple(tools)


def _run(*command: str, cwd: Path | None) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CoqError((done.stderr or done.stdout).strip())
    return done.stdout


@contextmanager
def copied(folder: Path = FOLDER) -> Iterator[Path]:
    """Copy the proofs into a temporary folder, in which Coq may write."""
    with tempfile.TemporaryDirectory() as temporary:
        copy = Path(temporary)
        for path in folder.glob("*.v"):
            shutil.copy(path, copy)
        yield copy


def order(folder: Path) -> list[str]:
    """Return the files of a folder, each after those it needs."""
    listed = sorted(path.name for path in folder.glob("*.v"))
    text = _run("coqdep", "-sort", "-Q", ".", "SD", *listed, cwd=folder)
    return [Path(name).name for name in text.split()]


def compile_files(folder: Path, names: Iterable[str]) -> None:
    """Compile files in the given order.

    Raises
    ------
    CoqError
        If Coq refuses one, with what it says.
    """
    for name in names:
        _run("coqc", "-q", "-w", _QUIET, "-Q", ".", "SD", name, cwd=folder)


def forbidden(folder: Path) -> list[str]:
    """Return words that would let a file claim what it does not prove, with the file."""
    return [
        f"{path.name}: {word.group(0)}"
        for path in sorted(folder.glob("*.v"))
        for word in _FORBIDDEN.finditer(_without_comments(path.read_text(encoding="utf-8")))
    ]


def _without_comments(text: str) -> str:
    kept, depth = [], 0
    for piece in re.split(r"(\(\*|\*\))", text):
        if piece == "(*":
            depth += 1
        elif piece == "*)" and depth:
            depth -= 1
        elif not depth:
            kept.append(piece)
    return "".join(kept)


def stated(folder: Path) -> dict[str, str]:
    """Return the file of every theorem, lemma and corollary, by name."""
    return {
        name: path.name
        for path in sorted(folder.glob("*.v"))
        for name in _STATES.findall(_without_comments(path.read_text(encoding="utf-8")))
    }


def _ask(
    folder: Path, modules: Iterable[str], questions: Mapping[str, list[str]]
) -> dict[str, str]:
    """Return what Coq answers to questions, by key; each is a few settings and one question."""
    lines = [
        # for the notations of sums and inequalities
        "From Coq Require Import Reals ZArith.",
        f"From SD Require Import {' '.join(modules)}.",
        "Open Scope R_scope.",
        "Set Printing Depth 1000000.",
    ]
    keys = {f"answer{number}": key for number, key in enumerate(questions)}
    for name, key in keys.items():
        *settings, question = questions[key]
        lines += [*settings, f'Redirect "{name}" {question}']
    (folder / "Questions.v").write_text("\n".join(lines) + "\n", encoding="utf-8")
    try:
        compile_files(folder, ["Questions.v"])
        return {key: (folder / f"{n}.out").read_text(encoding="utf-8") for n, key in keys.items()}
    finally:
        for junk in (*folder.glob("*Questions.*"), *folder.glob("answer*.out")):
            junk.unlink()


def axioms(folder: Path, modules: Iterable[str], theorems: Iterable[str]) -> dict[str, list[str]]:
    """Return the axioms that each theorem rests on, in compiled files."""
    answers = _ask(folder, modules, {name: [f"Print Assumptions {name}."] for name in theorems})
    return {name: _axioms(text) for name, text in answers.items()}


def _axioms(text: str) -> list[str]:
    found = re.findall(r"^([A-Za-z_][\w.']*)(?=\s|:)", text, flags=re.MULTILINE)
    return sorted(set(found) - {"Axioms", "Closed"})


def export(folder: Path, theorems: Iterable[str], compiled: Iterable[str]) -> Export:
    """Ask Coq for all there is to know of theorems, in compiled files.

    Raises
    ------
    CoqError
        If a theorem is in no file.
    """
    compiled = list(compiled)
    files = stated(folder)
    theorems = sorted(theorems)
    absent = [name for name in theorems if name not in files]
    if absent:
        raise CoqError(f"no theorem of the name {', '.join(absent)} in {', '.join(compiled)}")
    modules = [Path(name).stem for name in compiled]
    defined = sorted(
        name
        for path in map(folder.joinpath, compiled)
        for name in _DEFINES.findall(path.read_text(encoding="utf-8"))
    )
    plain = ["Unset Printing All.", "Set Printing Width 76."]
    full = ["Set Printing All.", "Set Printing Width 1000000."]
    questions = {f"statement {n}": [*plain, f"Check {n}."] for n in theorems}
    questions |= {f"term {n}": [*full, f"Check {n}."] for n in theorems}
    questions |= {f"definition {n}": [*full, f"Print {n}."] for n in defined}
    answers = _ask(folder, modules, questions)
    rests_on = axioms(folder, modules, theorems)
    version = _run("coqc", "-print-version", cwd=None).split()[0]
    return Export(
        versions={"coq": version},
        files=hashes(folder),
        theorems={
            name: {
                "file": files[name],
                "statement": answers[f"statement {name}"].rstrip(),
                "term": " ".join(answers[f"term {name}"].split()),
                "axioms": rests_on[name],
            }
            for name in theorems
        },
        definitions={n: _squeezed(answers[f"definition {n}"]) for n in defined},
    )


def _squeezed(printed: str) -> str:
    """Return a printed definition without its implicit arguments, in one line."""
    return " ".join(printed.split("\n\nArguments", maxsplit=1)[0].split())


def check(folder: Path, names: Iterable[str]) -> None:
    """Have Coq's independent checker verify compiled files; the libraries are trusted.

    Raises
    ------
    CoqError
        If it refuses one.
    """
    chosen = [word for name in names for word in ("-norec", f"SD.{Path(name).stem}")]
    _run("coqchk", "-silent", "-Q", ".", "SD", *chosen, cwd=folder)
