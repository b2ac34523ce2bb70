"""The manifest: every claim of the book, what made it, and how to compare two books.

A claim is a number in the prose, a figure's data, a table, a check, or other
text that a cell shows. Claims are compared within their accuracy. A check may
differ by the violation that it allows, and a figure's data by
`sdtheory.book.display.FIGURE_ACCURACY`; words and printed numbers are identical.
Claims that vary by nature (dates, seconds, rounding errors) are marked, and not compared.
"""

from __future__ import annotations

import html
import json
import math
import platform
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from sdtheory.book.cache import Cache, installed
from sdtheory.book.display import CLAIM_METADATA
from sdtheory.book.notebooks import Chapter
from sdtheory.evidence.fingerprint import digest
from sdtheory.validation import InvalidInputError

FORMAT = 1
_TAG = re.compile(r"<[^>]*>")
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?")


def make(root: Path, chapters: list[Chapter], cache: Cache) -> dict[str, Any]:
    """Return the manifest of the runs that are known.

    Parameters
    ----------
    root : Path
        The book's folder.
    chapters : list of Chapter
        Those that ran.
    cache : Cache
        Their runs.
    """
    lock = root / "requirements.txt"
    return {
        "format": FORMAT,
        "lock": digest(lock.read_bytes()) if lock.is_file() else "",
        "python": platform.python_version(),
        "packages": installed(),
        "chapters": {
            chapter.name: _chapter(chapter, cache) for chapter in chapters if chapter.executable
        },
    }


def _chapter(chapter: Chapter, cache: Cache) -> dict[str, Any]:
    notebook, known = cache.notebook(chapter), cache.dependencies(chapter)
    assert notebook is not None
    assert known is not None
    parameters = {p.name: p.default for p in chapter.parameters().values()}

    def named(kind: str) -> dict[str, str]:
        return {k.partition(" ")[2]: v for k, v in known.items() if k.partition(" ")[0] == kind}

    return {
        "parameters": parameters,
        "seeds": {k: v for k, v in parameters.items() if "seed" in k},
        "functions": named("function"),
        "modules": named("module"),
        "library": known.get("library", ""),
        "data": named("file"),
        "claims": dict(claims(notebook)),
    }


def claims(notebook: NotebookNode) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the claims of an executed notebook, each with its name."""
    seen: dict[str, int] = {}
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            for claim in _claims(output):
                name = f"{claim.pop('kind')} {claim.pop('name')}"
                seen[name] = seen.get(name, 0) + 1
                if seen[name] > 1:
                    name += f" ({seen[name]})"
                yield name, {"cell": cell.execution_count, "code": digest(cell.source), **claim}


def _claims(output: NotebookNode) -> Iterator[dict[str, Any]]:
    declared = output.get("metadata", {}).get(CLAIM_METADATA)
    if declared is not None:
        declared = dict(declared)
        for check in declared.pop("checks", ()):
            yield dict(check)
        if "text" in declared or "series" in declared:
            yield declared
    elif output.output_type == "stream":
        yield {"kind": "text", "name": output.name, "text": output.text}
    else:
        data = output.get("data", {})
        shown = data.get("text/html")
        text = data.get("text/plain", "") if shown is None else html.unescape(_TAG.sub(" ", shown))
        yield {"kind": "text", "name": "shown", "text": " ".join(text.split())}


def read(path: Path) -> dict[str, Any]:
    """Read a manifest.

    Raises
    ------
    InvalidInputError
        If the file is not a manifest of this format.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInputError(
            f"{path} cannot be read as a manifest ({error}). Pass the manifest.json of a book."
        ) from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise InvalidInputError(
            f"{path} is not a manifest of format {FORMAT}. Pass the manifest.json of a book that "
            f"this version built."
        )
    return content


@dataclass(frozen=True)
class Difference:
    """What differs between two books.

    Attributes
    ----------
    chapter, claim : str
    words : str
        How, and by how much.
    """

    chapter: str
    claim: str
    words: str

    def __str__(self) -> str:
        return f"{self.chapter}: {self.claim}: {self.words}"


def compare(was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Difference]:
    """Yield the claims and parameters in which two manifests differ beyond the accuracy.

    Parameters
    ----------
    was, now : mapping
        Manifests.
    """
    for name, old in was["chapters"].items():
        new = now["chapters"].get(name)
        if new is None:
            yield Difference(name, "chapter", "is missing")
            continue
        if old["parameters"] != new["parameters"]:
            words = f"were {old['parameters']}, are {new['parameters']}"
            yield Difference(name, "parameters", words)
        for claim in [*old["claims"], *(c for c in new["claims"] if c not in old["claims"])]:
            a, b = old["claims"].get(claim), new["claims"].get(claim)
            words = "is new" if a is None else "is missing" if b is None else _differ(a, b)
            if words:
                yield Difference(name, claim, words)
    for name in now["chapters"]:
        if name not in was["chapters"]:
            yield Difference(name, "chapter", "is new")


def _differ(a: Mapping[str, Any], b: Mapping[str, Any]) -> str:
    """Return how two claims of one name differ; empty where they agree."""
    if a.get("varies", "") != b.get("varies", ""):
        return f"varies by nature: was {a.get('varies')!r}, is {b.get('varies')!r}"
    if a.get("varies"):
        return ""
    if "series" in a and "series" in b:
        return _drawn_differently(a, b)
    if "verdict" in a and "verdict" in b:
        return _checked_differently(a, b)
    old, new = a.get("text", ""), b.get("text", "")
    if old == new:
        return ""
    numbers = [[float(x) for x in _NUMBER.findall(text)] for text in (old, new)]
    if _NUMBER.sub("#", old) == _NUMBER.sub("#", new):
        worst = max(
            abs(x - y) / (max(abs(x), abs(y)) or 1.0) for x, y in zip(*numbers, strict=True)
        )
        return f"differs by {worst:.1e}, relative; was {_short(old)}, is {_short(new)}"
    return f"was {_short(old)}, is {_short(new)}"


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")


def _drawn_differently(a: Mapping[str, Any], b: Mapping[str, Any]) -> str:
    old, new, accuracy = a["series"], b["series"], a["accuracy"]
    if b["accuracy"] != accuracy:
        return f"accuracy was {accuracy:g}, is {b['accuracy']:g}"
    for name in [*old, *(n for n in new if n not in old)]:
        x, y = old.get(name), new.get(name)
        if x is None or y is None or len(x) != len(y):
            return f"{name} is drawn with other points"
        size = max((abs(v) for v in (*x, *y) if v is not None), default=0.0) or 1.0
        for p, q in zip(x, y, strict=True):
            by = math.inf if (p is None) != (q is None) else abs((p or 0.0) - (q or 0.0)) / size
            if by > accuracy:
                return f"{name} differs by {by:.1e} of its largest number, allowed {accuracy:g}"
    return ""


def _checked_differently(a: Mapping[str, Any], b: Mapping[str, Any]) -> str:
    if a["verdict"] != b["verdict"]:
        return f"was {a['verdict']!r}, is {b['verdict']!r}"
    if not math.isclose(a["allowed"], b["allowed"], rel_tol=1e-9):
        return f"allowed {a['allowed']:.3g}, allows {b['allowed']:.3g}"
    for key in ("violation", "if broken"):
        x, y = a[key], b[key]
        if (x is None) != (y is None):
            return f"{key}: was {x}, is {y}"
        if x is None or y is None:
            continue
        allowed = a["allowed"] + (1e-6 * abs(x) if key == "if broken" else 0.0)
        if not abs(x - y) <= allowed and x != y:
            return f"{key} differs by {abs(x - y):.1e}, allowed {allowed:.1e}"
    return ""


def notes(was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """Yield differences in how two books were made, which may explain others."""
    if was["lock"] != now["lock"]:
        yield "the lock file differs"
    for name in sorted(set(was["packages"]) | set(now["packages"])):
        old, new = (m["packages"].get(name, "none") for m in (was, now))
        if old != new:
            yield f"{name}: was {old}, is {new}"
    if was["python"] != now["python"]:
        yield f"Python: was {was['python']}, is {now['python']}"
    for name, old in was["chapters"].items():
        new = now["chapters"].get(name, {})
        for kind, word in (("functions", "function"), ("modules", "module"), ("data", "data file")):
            mine, theirs = old[kind], new.get(kind, {})
            for key in sorted(set(mine) | set(theirs)):
                if mine.get(key) != theirs.get(key):
                    yield f"{name}: {word} {key} differs"
