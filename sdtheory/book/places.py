"""Statements, equations, symbols and commands, found and connected in the built pages.

Every statement gets a link to itself and a badge that leads to its evidence in
the ledger. Links show their target and symbols their meaning. The search finds all
of them by number, title, slogan and id. The browser reads these from one file,
which this module makes from the pages.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from sdtheory.book.display import broken, html_table
from sdtheory.statements import STATEMENTS

_ENVIRONMENT = re.compile(
    r'<div class="proof [\w -]*admonition" id="(?P<id>[^"]+)">\s*<p class="admonition-title">'
    r'<span class="caption-number">(?P<number>[^<]*)</span>(?P<title>.*?)</p>'
    r"\s*(?P<body><section.*?</section>)\s*</div>",
    re.DOTALL,
)
_EQUATION = re.compile(
    r'<div class="[^"]*\bmath\b[^"]*" id="(?P<id>[^"]+)">\s*'
    r'<span class="eqno">(?P<number>\([^<]*\))<a [^>]*>[^<]*</a></span>(?P<body>.*?)</div>',
    re.DOTALL,
)
_CARD = re.compile(
    r'<details class="ledger-card" id="ledger-(?P<id>[^"]+)">\s*<summary>'
    r'(?P<badge><span class="status[^"]*"><span aria-hidden="true">[^<]*</span>[^<]*</span>)'
)
_HEADING = re.compile(
    r'<section [^>]*id="(?P<id>[^"]+)">\s*(?:<span id="[^"]+"></span>\s*)*<h[1-6]>'
    r"(?P<title>(?:(?!</h).)*?)"
    r'<a class="headerlink"',
    re.DOTALL,
)
#: A formula of the text; what stands in a link, a heading or a summary is read away before it.
_FORMULA = re.compile(
    r"<(?P<skipped>a|summary|h[1-6]|nav|head|th)\b.*?</(?P=skipped)>"
    r'|<span class="math notranslate nohighlight">\\\((?P<tex>.*?)\\\)</span>',
    re.DOTALL,
)
_COMMAND = re.compile(r"(?<!from )\bsdtheory (?!import)([a-z]+)\b")
_CODE = re.compile(r"<(?P<tag>pre|code)\b[^>]*>(?P<text>.*?)</(?P=tag)>", re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
#: What a page of the statements' list must hold.
LIST = '<div id="list-of-statements"></div>'
#: Symbols of the table that a chapter uses for something else; K is n here, and in the paper only.
OWN = {
    "filters": {"P_0"},
    "fresh_labels": {"N"},
    "generalisation": {"P_0"},
    "labels_kept": {"D"},
    "tangent_kernel": {"N"},
}
PAPER_ONLY = frozenset({"K"})


@dataclass(frozen=True)
class Place:
    """One thing that can be found, previewed and linked to.

    Attributes
    ----------
    kind : str
        "statement", "equation", "symbol" or "command".
    page : str
        Its page, from the site's root.
    id : str
        Its place on the page.
    name : str
        "Theorem 5", "(12)", a symbol in TeX, or a command.
    title : str
        What else it is called, in plain text.
    words : str
        Further words by which it is found.
    body : str
        Its text, as HTML without links and names of places.
    """

    kind: str
    page: str
    id: str
    name: str
    title: str = ""
    words: str = ""
    body: str = ""

    @property
    def address(self) -> str:
        """The page and the place on it."""
        return f"{self.page}#{self.id}"


@dataclass(frozen=True)
class Symbol:
    """A row of the notation's table, for one of the symbols that it explains.

    Attributes
    ----------
    tex : str
        The symbol.
    row : tuple of str
        The row's cells, as HTML: paper, code, shape, meaning.
    """

    tex: str
    row: tuple[str, ...]

    def stands_in(self, tex: str) -> bool:
        """Whether a formula uses the symbol; an index t or k stands for every index."""
        return bool(_pattern(self.tex).search(_bare(tex)))


def _bare(tex: str) -> str:
    """Return a formula without the words in it, its epsilon always the same."""
    tex = re.sub(
        r"\\(?:text|operatorname\*?|mathrm|label)\s*\{[^{}]*\}|\\math(?:cal|bb)\s*\{?\w\}?",
        " ",
        html.unescape(tex),
    )
    return re.sub(r"\\varepsilon\b", r"\\epsilon", tex)


def _pattern(symbol: str) -> re.Pattern[str]:
    symbol = _bare(symbol).strip()
    start = r"(?<![\\A-Za-z])"
    if match := re.fullmatch(r"(\\?[A-Za-z]+)_\{?(\w+)\}?", symbol):
        base, index = match.groups()
        # the index of a round, of a point, or one that belongs to the name
        others = {"t": r"_(?!\{?[kj]\b)", "k": r"_\{?[kj1n]"}
        after = others.get(index, rf"_\{{?{index}\b")
        return re.compile(start * (base[0] != "\\") + re.escape(base) + r"\s*" + after)
    if match := re.match(r"([A-Za-z])\(", symbol):
        return re.compile(start + match[1] + r"\s*\(")
    end = r"(?![A-Za-z])(?!\s*[_'])"
    return re.compile(start * (symbol[0] != "\\") + re.escape(symbol) + end)


def notation(page: str) -> list[Symbol]:
    """Return the symbols of the table under a page's heading "Notation"."""
    found = re.search(r'<section id="notation">.*?<tbody>(.*?)</tbody>', page, re.DOTALL)
    if found is None:
        return []
    symbols = []
    for row in re.findall(r"<tr\b.*?</tr>", found[1], re.DOTALL):
        cells = tuple(
            re.sub(r"</?p>", "", cell).strip()
            for cell in re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)
        )
        for tex in re.findall(r"\\\((.*?)\\\)", cells[0], re.DOTALL):
            symbols.append(Symbol(html.unescape(tex).partition("=")[0].strip(), cells))
    return symbols


def plain(text: str) -> str:
    """Return the words of HTML."""
    return " ".join(html.unescape(_TAG.sub("", text)).split())


#: How a formula reads where none are set, in this order.
_LETTERS = (
    (r"\\[lr]Vert\s*", "‖"),
    (r"\\sqrt\s*\{([^{}]*)\}", r"√(\1)"),
    (r"(?<=\w)\\varepsilon", " epsilon"),
    (r"\\varepsilon", "epsilon"),
    (r"\\cdots", "…"),
    (r"\\cdot", "·"),
    (r"\\top", "T"),
    (r"\\[(), ]|[\\{}]", ""),
)


def _in_letters(text: str) -> str:
    """Return the words of HTML, with formulas in letters."""
    for tex, letters in _LETTERS:
        text = re.sub(tex, letters, text)
    return plain(text)


def _still(body: str) -> str:
    """Return HTML without links and names of places, to show it a second time."""
    body = re.sub(r'<a class="headerlink".*?</a>| id="[^"]*"', "", body)
    return re.sub(r"</?a\b[^>]*>", "", body).strip()


def collect(pages: Mapping[str, str]) -> list[Place]:
    """Return all that the pages state, in the order of the pages.

    Parameters
    ----------
    pages : mapping of str to str
        HTML of the chapters, by their path from the site's root.
    """
    found: list[Place] = []
    for path, text in pages.items():
        for match in _ENVIRONMENT.finditer(text):
            statement = STATEMENTS.get(match["id"])
            found.append(
                Place(
                    "statement",
                    path,
                    match["id"],
                    match["number"].strip(),
                    plain(match["title"]).strip().removeprefix("(").removesuffix(")"),
                    statement.slogan if statement is not None else "",
                    _still(match["body"]),
                )
            )
        for match in _EQUATION.finditer(text):
            found.append(
                Place("equation", path, match["id"], match["number"], body=match["body"].strip())
            )
        found += _commands(path, text)
    return found


def _commands(path: str, text: str) -> Iterable[Place]:
    """Yield each command once, at the first section of the page that shows it."""
    sections = list(_HEADING.finditer(text))
    seen: set[str] = set()
    for code in _CODE.finditer(text):
        before = [section for section in sections if section.start() < code.start()]
        for command in _COMMAND.findall(plain(code["text"])):
            if command not in seen and before:
                seen.add(command)
                title = f"{plain(before[0]['title'])}: {plain(before[-1]['title'])}"
                yield Place("command", path, before[-1]["id"], f"sdtheory {command}", title)


def badges(ledger: str) -> dict[str, str]:
    """Return the verdict of every statement by id, as the ledger's page shows it."""
    return {match["id"]: match["badge"] for match in _CARD.finditer(ledger)}


def mark(text: str, verdicts: Mapping[str, str], ledger: str) -> str:
    """Give every statement of a page a link to itself, and a badge that leads to its evidence.

    Parameters
    ----------
    text : str
        HTML of the page.
    verdicts : mapping of str to str
        From `badges`.
    ledger : str
        Address of the ledger, from this page.
    """

    def marked(match: re.Match[str]) -> str:
        whole, id_ = match[0], match["id"]
        added = f'<a class="headerlink" href="#{id_}" title="Link to this statement">#</a>'
        if id_ in verdicts:
            added += (
                f' <a class="evidence" href="{ledger}#ledger-{id_}"><span class="visually-hidden">'
                f"Evidence: </span>{verdicts[id_]}</a>"
            )
        return whole.replace("</p>", f"{added}</p>", 1)

    return _link_checks(_ENVIRONMENT.sub(marked, text), ledger)


def _link_checks(text: str, ledger: str) -> str:
    """Link "see ledger" in a table of checks to the statement of its row."""
    for statement in STATEMENTS.values():
        at = text.find(f">{html.escape(broken(statement.claim))}</th>")
        if at >= 0:
            end = text.index("</tr>", at)
            link = f'<a href="{ledger}#ledger-{statement.id}">see ledger</a>'
            text = text[:at] + text[at:end].replace(">see ledger<", f">{link}<") + text[end:]
    return text


def explain(text: str, symbols: list[Symbol], own: Set[str] = frozenset()) -> str:
    """Mark the formulas of a page with the rows of the notation that they use.

    The first formula of the page with a symbol can be reached by keyboard.

    Parameters
    ----------
    text : str
        HTML of the page.
    symbols : list of Symbol
        From `notation`.
    own : set of str
        Symbols to which the page gives a meaning of its own.
    """
    seen: set[int] = set()

    def marked(match: re.Match[str]) -> str:
        if match["tex"] is None:
            return match[0]
        used = {
            k
            for k, symbol in enumerate(symbols)
            if symbol.tex not in own and symbol.stands_in(match["tex"])
        }
        if not used:
            return match[0]
        reached = ' role="button" tabindex="0"' if used - seen else ""
        seen.update(used)
        rows = " ".join(map(str, sorted(used)))
        return match[0].replace("<span ", f'<span data-notation="{rows}"{reached} ', 1)

    start = text.find('<article class="bd-article"')
    end = text.find("</article>", start)
    if start < 0:
        return text
    return text[:start] + _FORMULA.sub(marked, text[start:end]) + text[end:]


def listing(places: list[Place], titles: Mapping[str, str], verdicts: Mapping[str, str]) -> str:
    """Return the tables of all statements and of all numbered equations, as HTML.

    Parameters
    ----------
    places : list of Place
        From `collect`; the list's page lies beside those of the statements.
    titles : mapping of str to str
        Of the pages.
    verdicts : mapping of str to str
        From `badges`.
    """

    def link(place: Place, words: str) -> str:
        return f'<a href="{place.page.rpartition("/")[2]}#{place.id}">{html.escape(words)}</a>'

    statements = [place for place in places if place.kind == "statement"]
    rows = [
        [
            link(p, f"{p.name} ({p.title})" if p.title else p.name),
            html.escape(p.words),
            f'<a href="ledger.html#ledger-{p.id}">{verdicts[p.id]}</a>'
            if p.id in verdicts
            else "not in the ledger",
            html.escape(titles[p.page]),
        ]
        for p in statements
    ]
    equations = [place for place in places if place.kind == "equation"]
    owners = {e: s for s in STATEMENTS.values() for e in s.equations}
    lines = []
    for p in equations:
        owner = owners.get(p.id.removeprefix("equation-"))
        stated = next((s for s in statements if owner is not None and s.id == owner.id), None)
        name = link(stated, stated.name) if stated is not None else "checked in its chapter"
        lines.append([link(p, p.name), name, html.escape(titles[p.page])])
    return html_table(
        ("Statement", "In words", "Evidence", "Chapter"),
        rows,
        f"All {len(rows)} statements",
        words=[True, True, False, True],
    ) + html_table(
        ("Equation", "Part of", "Chapter"),
        lines,
        f"All {len(lines)} numbered equations",
        words=[False, True, True],
    )


def script(places: list[Place], symbols: list[Symbol], preface: str) -> str:
    """Return the file that the browser reads: every place, and the notation.

    Parameters
    ----------
    places : list of Place
        From `collect`.
    symbols : list of Symbol
        From `notation`.
    preface : str
        The page that holds the notation.
    """
    every = [
        *places,
        *(
            Place(
                "symbol",
                preface,
                "notation",
                s.tex.replace(r"\varepsilon", r"\epsilon"),  # as the search shows it
                plain(s.row[1]),
                _in_letters(s.row[-1]),
            )
            for s in symbols
        ),
    ]
    listed = [
        {
            "kind": p.kind,
            "to": p.address,
            "name": p.name,
            "title": p.title,
            "words": f"{p.words} {p.id}",
            "body": p.body,
        }
        for p in every
    ]
    rows = [[s.tex, *map(_still, s.row)] for s in symbols]
    content = json.dumps({"places": listed, "notation": rows}, ensure_ascii=False)
    return f"globalThis.sdPlaces = {content};\n"


def connect(site: Path, order: Sequence[str]) -> None:
    """Connect the pages of a built site with each other.

    Parameters
    ----------
    site : Path
        Holds the pages.
    order : sequence of str
        The chapters' pages from the site's root, in the order of the contents;
        a book without a ledger has no badges.
    """
    pages = {name: (site / name).read_text(encoding="utf-8") for name in order}
    places = collect(pages)
    symbols = notation(pages.get("book/preface.html", ""))
    verdicts = badges(pages.get("book/ledger.html", ""))
    titles = {name: title_of(text) for name, text in pages.items()}
    for name, text in pages.items():
        connected = mark(text, verdicts, "ledger.html")
        if name != "book/preface.html":
            stem = Path(name).stem
            connected = explain(connected, symbols, PAPER_ONLY | OWN.get(stem, set()))
        connected = connected.replace(LIST, listing(places, titles, verdicts))
        (site / name).write_text(connected, encoding="utf-8")
    static = site / "_static"
    static.mkdir(exist_ok=True)
    text = script(places, symbols, "book/preface.html")
    (static / "places.js").write_text(text, encoding="utf-8")


def title_of(text: str) -> str:
    """Return the title of a page."""
    found = re.search(r'<h1>((?:(?!</h1>).)*?)<a class="headerlink"', text, re.DOTALL)
    return plain(found[1]) if found else ""
