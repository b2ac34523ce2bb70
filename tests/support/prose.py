"""Reads chapters, docstrings, help and messages sentence by sentence: for the lint of words.

``python -m tests.support.prose`` prints, for each chapter, its words, its longest sentence and the
share of its code that is hidden; then words and longest sentence of the documents and the library.
"""

import argparse
import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
BOOK, LIBRARY = ROOT / "book", ROOT / "sdtheory"

#: What stands for one word and is not read: formulas, code, roles, addresses of links.
_ATOM = re.compile(r"\{[\w:-]+\}`[^`]*`|`[^`]*`|\$\$[^$]*\$\$|\$[^$]*\$|\]\([^)]*\)")
_FENCE = re.compile(r"^(`{3,}|~{3,}|:{3,})(\{[\w:-]+\})?")
_PREFIX = re.compile(r"^(\s*(?:>\s?|[*+-]\s+|\d+\.\s+)*\s*)")
_ABBREVIATION = re.compile(r"(?:\b(?:e\.g|i\.e|cf|vs|al|pp?|Eq|no|St)|\b[A-Z]|^\W*\d+)\.$")
_BOUNDARY = re.compile(r"[.?!][\"”')\]*]*(?=\s+[\"“(*\[_A-Z0-9\ue000])")
#: Directives whose body is prose.
_OPEN = (
    "{prf:",
    "{dropdown}",
    "{admonition}",
    "{note}",
    "{tip}",
    "{warning}",
    "{tab-item}",
    "{card}",
)


@dataclass(frozen=True)
class Line:
    """A line of prose: its number in the file, what stands before the words, and the words."""

    number: int
    prefix: str
    text: str
    ends_paragraph: bool = False


@dataclass(frozen=True)
class Cell:
    """A code cell: the number of its first line, its tags and its code."""

    number: int
    tags: frozenset[str]
    lines: tuple[str, ...]

    @property
    def hidden(self) -> bool:
        return any(tag.startswith(("hide-", "remove-")) for tag in self.tags)


def masked(text: str) -> str:
    """Return the text, as long as before, with one character repeated for what is not read."""
    return _ATOM.sub(lambda m: "\ue000" * len(m[0]), text)


def sentences(text: str) -> list[str]:
    """Return the sentences of a paragraph or line."""
    plain, found, start = masked(text), [], 0
    for boundary in _BOUNDARY.finditer(plain):
        end = boundary.end()
        word = plain[start:end].rstrip("\"”')]*")
        after = text[end:].lstrip()
        if _ABBREVIATION.search(word) or re.match(r"(\d+\.|[*+-])\s|#|>", after):
            continue
        found.append(text[start:end].strip())
        start = end
    return [*found, text[start:].strip()]


def words(sentence: str) -> int:
    """Return the number of words, where a formula, a reference or a piece of code is one."""
    plain = re.sub("\ue000+", "\ue000", masked(sentence))
    return len([w for w in re.split(r"[\s–—]+", plain) if re.search("[\\w\ue000]", w)])


def prose(text: str) -> list[Line]:
    """Return the lines of prose of a chapter: no headings, tables, displayed formulas or code."""
    lines, found = text.splitlines(), []
    fences: list[str] = []
    opaque = ""
    options = False
    for number, line in enumerate(lines, 1):
        stripped = line.strip()
        if opaque:
            closes = stripped.startswith(opaque) if opaque != "$$" else "$$" in stripped
            opaque = "" if closes else opaque
            continue
        fence = _FENCE.match(stripped)
        if number == 1 and stripped == "---":
            opaque = "---"
        elif fence and fences and not fence[2] and stripped == fences[-1]:
            fences.pop()
        elif fence and (fence[2] or "").startswith(_OPEN):
            fences.append(fence[1])
            options = True
            continue
        elif fence:
            opaque = fence[1]
        elif stripped.startswith("$$") and stripped.count("$$") == 1:
            opaque = "$$"
        elif not stripped or re.match(r"\$\$.*\$\$|#|\||<|\+\+\+|:\w[\w-]*:", stripped):
            pass
        elif not (options and stripped.startswith(":")):
            prefix = _PREFIX.findall(line)[0]
            found.append(Line(number, prefix, line[len(prefix) :].rstrip()))
        options = options and stripped.startswith(":")
    return found


def cells(text: str) -> list[Cell]:
    """Return the code cells of a chapter."""
    found = []
    for match in re.finditer(r"^```\{code-cell\}.*\n((?:.*\n)*?)```$", text, re.MULTILINE):
        body = match[1].splitlines()
        tags = re.match(r":tags: \[(.*)\]", body[0]) if body else None
        code = tuple(body[1:] if tags else body)
        names = frozenset(re.split(r",\s*", tags[1])) if tags else frozenset()
        found.append(Cell(text.count("\n", 0, match.start()) + 1, names, code))
    return found


def paragraphs(text: str) -> list[list[Line]]:
    """Return the lines of prose in paragraphs: what a blank line, a list item or a display ends."""
    found: list[list[Line]] = []
    for line in prose(text):
        last = found[-1][-1] if found else None
        if (
            last is not None
            and line.number == last.number + 1
            and not line.prefix.strip(" >")
            and line.prefix.count(">") == last.prefix.count(">")
        ):
            found[-1].append(line)
        else:
            found.append([line])
    return found


@dataclass(frozen=True)
class Measure:
    """The size of a chapter.

    `words` are those of all prose, and `longest` those of its longest sentence. `hidden` is the
    share of hidden lines of code. `minutes` to read it include proofs, but not exercises.
    """

    words: int
    longest: int
    hidden: float
    minutes: float


def measure(text: str) -> Measure:
    """Measure a chapter; for the time 120 words, 15 lines of code, a figure or a table, or 20
    formulas take a minute.
    """
    read = [s for p in paragraphs(text) for s in sentences(" ".join(line.text for line in p))]
    lengths = [words(s) for s in read]
    code = [(cell, sum(bool(line.strip()) for line in cell.lines)) for cell in cells(text)]
    hidden = sum(count for cell, count in code if cell.hidden)
    total = sum(count for _, count in code)
    lesson = re.sub(r"^## Exercises\n.*?(?=^## |\Z)", "", text, flags=re.MULTILINE | re.DOTALL)
    count = sum(
        words(s) for p in paragraphs(lesson) for s in sentences(" ".join(line.text for line in p))
    )
    formulas = len(re.findall(r"\$[^$]+\$", "\n".join(line.text for line in prose(lesson))))
    formulas += len(re.findall(r"^```\{math\}", lesson, re.MULTILINE))
    formulas += len(re.findall(r"^\$\$$", lesson, re.MULTILINE)) // 2
    rows = re.findall(r"^\|(?!-).*", lesson, re.MULTILINE)
    count += sum(words(cell) for row in rows for cell in row.split("|"))
    shown = sum(
        sum(bool(line.strip()) for line in cell.lines)
        for cell in cells(lesson)
        if not cell.hidden and "parameters" not in cell.tags
    )
    exhibits = len(re.findall(r"^ *(?:figure|table|show)\(", lesson, re.MULTILINE))
    minutes = count / 120 + formulas / 20 + shown / 15 + exhibits
    return Measure(sum(lengths), max(lengths, default=0), hidden / max(total, 1), minutes)


def stated_minutes(text: str) -> int | None:
    """Return the time that a chapter states, in minutes."""
    stated = re.search(r"\*\*Time\*\* (\d+) minutes", text)
    return int(stated[1]) if stated else None


#: A line of a docstring that is not prose: a rule, a prompt, a directive, an argument and its type.
_NOT_PROSE = re.compile(r"\s*(?:[-=]{3}[-= ]*$|>>> |\.\. )|[\w*]\S*(?:, \S+)* : ")
_HEADINGS = {
    "Attributes", "Examples", "Notes", "Parameters", "Raises", "References", "Returns", "Yields"
}  # fmt: skip


def documents() -> Iterator[tuple[str, str]]:
    """Yield the paragraphs of the documents of the repository, with their place."""
    for path in (*sorted(ROOT.glob("*.md")), *sorted((ROOT / ".github").rglob("*.md"))):
        for paragraph in paragraphs(path.read_text(encoding="utf-8")):
            place = f"{path.relative_to(ROOT)}:{paragraph[0].number}"
            yield place, " ".join(line.text for line in paragraph)


def docstrings() -> Iterator[tuple[str, str]]:
    """Yield the docstring of every public module, class and function, with its place."""
    for path in sorted(LIBRARY.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        yield from _docstrings(tree, str(path.relative_to(ROOT)))


def _docstrings(node: ast.Module | ast.ClassDef | ast.FunctionDef, place: str) -> Iterator[Any]:
    found = ast.get_docstring(node)
    if found:
        # examples of a command are its help, too, which is read there
        yield place, found.partition("\nfor example:\n")[0]
    for child in node.body:
        if isinstance(child, ast.ClassDef | ast.FunctionDef) and not child.name.startswith("_"):
            yield from _docstrings(child, f"{place}: {child.name}")


def messages() -> Iterator[tuple[str, str]]:
    """Yield the words of every error and warning, with its place; a value is one word."""
    for path in sorted(LIBRARY.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and node.args and _raised(node.func):
                place = f"{path.relative_to(ROOT)}:{node.lineno}"
                yield from ((place, said) for said in _said(node.args[0]) if " " in said)


def _raised(function: ast.expr) -> bool:
    name = getattr(function, "id", None) or getattr(function, "attr", "")
    return name == "warn" or bool(re.search(r"[a-z]Error$", name))


def _said(node: ast.expr) -> list[str]:
    """Return what an expression may say: more than one text where it depends."""
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.JoinedStr(values=parts):
            texts = [""]
            for part in parts:
                value = part.value if isinstance(part, ast.FormattedValue) else part
                texts = [text + more for text in texts for more in _said(value)]
            return texts
        case ast.IfExp(body=body, orelse=other):
            return _said(body) + _said(other)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return [text + more for text in _said(left) for more in _said(right)]
    return ["`x`"]


def helps() -> Iterator[tuple[str, str]]:
    """Yield the texts that the help of every command shows, with their place."""
    from sdtheory.cli import _parser

    yield from _helps(_parser())


def _helps(parser: argparse.ArgumentParser) -> Iterator[tuple[str, str]]:
    yield parser.prog, parser.description or ""
    # examples are indented
    told = [line for line in (parser.epilog or "").splitlines() if not line.startswith(" ")]
    yield parser.prog, "\n".join(told)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from _helps(command)
        elif action.help:
            yield f"{parser.prog} {'/'.join(action.option_strings) or action.dest}", action.help


#: Where each kind of text outside of the chapters comes from.
SPOKEN = {"documents": documents, "docstrings": docstrings, "help": helps, "messages": messages}


def spoken(text: str) -> list[str]:
    """Return the sentences of a docstring, a help or a message: no headings, formulas or code."""
    text = re.sub(r":\w+:`([^`]*)`", r"`\1`", text.replace("``", "`"))
    lines: list[str] = []
    display, cited, tabular = None, False, False
    for line in inspect.cleandoc(text).splitlines():
        indent, word = len(line) - len(line.lstrip()), line.strip()
        if display is not None and (not word or indent > display):
            lines.append("")
            continue
        display = indent if word.startswith(".. math::") else None
        cited = word == "References" or (cited and word not in _HEADINGS)
        tabular = word.startswith("====") or (tabular and bool(word))
        lines.append(
            "" if cited or tabular or word in _HEADINGS or _NOT_PROSE.match(line) else line
        )
    # a paragraph ends at a blank line, at an item, and where the indentation changes
    found: list[str] = []
    items = 0

    def block(line: str) -> Any:
        nonlocal items
        items += line.lstrip().startswith("* ")
        return line.strip() and (items, not items and len(line) - len(line.lstrip()))

    for kind, paragraph in groupby(lines, block):
        if kind:
            found += sentences(" ".join(line.strip() for line in paragraph))
    return [sentence for sentence in found if sentence]


if __name__ == "__main__":
    print(f"{'chapter':22}{'words':>7}{'longest':>9}{'hidden':>8}{'minutes':>9}{'stated':>8}")
    for path in sorted(BOOK.glob("*.md")):
        text = path.read_text(encoding="utf-8")
        found, stated = measure(text), stated_minutes(text)
        print(
            f"{path.stem:22}{found.words:7}{found.longest:9}{found.hidden:8.0%}{found.minutes:9.0f}"
            f"{stated or '-':>8}"
        )
    for kind, source in SPOKEN.items():
        lengths = [words(s) for _, text in source() for s in spoken(text)]
        print(f"{kind:22}{sum(lengths):7}{max(lengths):9}")
