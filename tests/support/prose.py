"""Reads the prose of a chapter sentence by sentence: for the lint of words and for its table.

``python -m tests.support.prose`` prints, for each chapter, its words, its longest sentence and the
share of its code that is hidden.
"""

import re
from dataclasses import dataclass
from pathlib import Path

BOOK = Path(__file__).parent.parent.parent / "book"

#: What stands for one word and is not read: formulas, code, roles, addresses of links.
_ATOM = re.compile(r"\{[\w:-]+\}`[^`]*`|`[^`]*`|\$\$[^$]*\$\$|\$[^$]*\$|\]\([^)]*\)")
_FENCE = re.compile(r"^(`{3,}|~{3,}|:{3,})(\{[\w:-]+\})?")
_PREFIX = re.compile(r"^(\s*(?:>\s?|[*+-]\s+|\d+\.\s+)*\s*)")
_ABBREVIATION = re.compile(r"(?:\b(?:e\.g|i\.e|cf|vs|al|pp?|Eq|no|St)|\b[A-Z]|^\W*\d+)\.$")
_BOUNDARY = re.compile(r"[.?!][\"”')\]*]*(?=\s+[\"“(*\[_A-Z0-9\ue000])")
#: Directives whose body is prose.
_OPEN = ("{prf:", "{dropdown}", "{admonition}", "{note}", "{tip}", "{warning}", "{tab-item}", "{card}")


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
            prefix = _PREFIX.match(line)[1]  # pyright: ignore[reportOptionalSubscript]
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
        joins = last and line.number == last.number + 1 and not line.prefix.strip(" >")
        if joins and line.prefix.count(">") == last.prefix.count(">"):
            found[-1].append(line)
        else:
            found.append([line])
    return found


def measure(text: str) -> tuple[int, int, float]:
    """Return the words of a chapter, those of its longest sentence, and the share of hidden code."""
    read = [s for p in paragraphs(text) for s in sentences(" ".join(line.text for line in p))]
    lengths = [words(s) for s in read]
    code = [(cell.hidden, sum(bool(line.strip()) for line in cell.lines)) for cell in cells(text)]
    total = sum(count for _, count in code)
    return sum(lengths), max(lengths, default=0), sum(c for h, c in code if h) / max(total, 1)


if __name__ == "__main__":
    for path in sorted(BOOK.glob("*.md")):
        count, longest, hidden = measure(path.read_text(encoding="utf-8"))
        print(f"{path.stem:22}{count:7}{longest:5}{hidden:7.0%}")
