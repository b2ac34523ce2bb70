"""The ledger: all claims, their evidence, and what is taken on trust.

Everything here is computed from a `Report` and from the pages of the book; no
status is written down anywhere. A statement that the book states and the
registry does not check has a row of its own, in red.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdtheory.book.display import breakable, html_table
from sdtheory.book.markup import checked_equations, numbered
from sdtheory.book.notebooks import list_chapters
from sdtheory.evidence.formal import LEFT_OUT, TIES, Formal
from sdtheory.evidence.proofs import Extent
from sdtheory.evidence.report import HEADERS, Report, Row
from sdtheory.evidence.verdict import Verdict
from sdtheory.experiments.results import by_seed, chosen, course, direction, interval, read
from sdtheory.statements import STATEMENTS, Statement
from sdtheory.validation import counted

#: Class of a row -> its sign, so that colour is never alone.
_SIGNS = {
    "checked": "\u25a0",
    "proved": "\u25c6",
    "step": "\u25c7",
    "holds": "\u2713",
    "refuted": "\u2298",
    "bad": "\u2717",
    "unchecked": "\u2717",
}
_MEANINGS = {
    "checked": "holds in all evidence; the theorem itself machine-checked, for all reals and all n",
    "proved": "holds in all evidence; cores cover the full claim, for all reals",
    "step": "holds in all evidence; cores cover steps of the proof, for all reals",
    "holds": "holds in all evidence; cores cover side calculations, or none is declared",
    "refuted": "refuted: certified to fail at its counterexample",
    "bad": "fails, is empty, cannot fail, or was not decided",
    "unchecked": "stated in the book, checked by nothing",
}
#: Numbered equations that define a symbol and so claim nothing.
DEFINITIONS = frozenset({"eq-regulariser", "eq-problem", "eq-lagrangian"})


@dataclass(frozen=True)
class Entry:
    """One statement of the book or of the registry.

    Attributes
    ----------
    id : str
        Label of its environment.
    chapter : str
        Page that states it; empty where no page does.
    row : Row or None
        Its evidence; None where the registry has no such statement.
    """

    id: str
    chapter: str
    row: Row | None

    @property
    def statement(self) -> Statement | None:
        """The registry's record."""
        return None if self.row is None else self.row.statement

    @property
    def standing(self) -> str:
        """Return the class of its status, a key of the legend."""
        if self.row is None or not self.chapter:
            return "unchecked"
        if not self.row.verdict.good:
            return "bad"
        if self.row.statement.refuted:
            return "refuted"
        if self.row.evidence.formal is not None:
            return "checked"
        proved = self.row.evidence.proved
        if proved is None or proved.extent is Extent.AUXILIARY:
            return "holds"
        return "proved" if proved.extent is Extent.FULL else "step"

    @property
    def verdict(self) -> Verdict:
        """The outcome of all that is known about it."""
        if self.row is None:
            return Verdict.NOT_CHECKED
        return self.row.verdict if self.chapter else Verdict.IN_NO_CHAPTER


def labels(root: Path) -> dict[str, str]:
    """Return the label of every statement on the book's pages, with its page.

    An environment without a label is listed by its kind and line. A numbered
    equation that nothing checks is listed, too. Neither has evidence, so both are
    red.

    Parameters
    ----------
    root : Path
        Folder that holds ``_toc.yml``.
    """
    found: dict[str, str] = {}
    for name, chapter in list_chapters(root).items():
        text = chapter.path.read_text(encoding="utf-8")
        bound = {e for s in STATEMENTS.values() if s.chapter == name for e in s.equations}
        bound |= checked_equations(text) | DEFINITIONS
        for item in numbered(text):
            if item.label not in bound or not item.is_equation:
                found[item.label or f"{item.kind} without a label, line {item.line}"] = name
    return found


def entries(report: Report, pages: Mapping[str, str]) -> list[Entry]:
    """Join the report with the pages: everything that either knows.

    Parameters
    ----------
    report : Report
        From `sdtheory.evidence.verify`.
    pages : mapping of str to str
        From `labels`.
    """
    rows = {row.statement.id: row for row in report.rows}
    known = [Entry(id_, pages.get(id_, ""), row) for id_, row in rows.items()]
    return known + [Entry(id_, page, None) for id_, page in pages.items() if id_ not in rows]


def _codes(ids: Iterable[str]) -> str:
    return ", ".join(f"<code>{html.escape(i)}</code>" for i in ids) or "–"


def _link(id_: str, chapter: str) -> str:
    text = f"<code>{html.escape(id_)}</code>"
    return f'<a href="{chapter}.html#{html.escape(id_)}">{text}</a>' if chapter else text


def _badge(entry: Entry) -> str:
    kind = entry.standing
    return (
        f'<span class="status status-{kind}"><span aria-hidden="true">{_SIGNS[kind]}</span> '
        f"{html.escape(entry.verdict.value)}</span>"
    )


def overview(ledger: list[Entry]) -> str:
    """Return the table of all statements, as HTML: one row each, kinds of evidence apart."""

    def cells(entry: Entry) -> list[str]:
        row = ("",) * len(HEADERS) if entry.row is None else entry.row.cells()
        link = _link(entry.id, entry.chapter)
        return [link, _badge(entry), *(html.escape(cell) or "\u2013" for cell in row[2:])]

    words = [header in ("sampled", "controls") for header in HEADERS]
    title = "Every statement, and what speaks for it"
    return html_table(HEADERS, map(cells, ledger), title, words=words, folds=True)


def _inline(text: str) -> str:
    """Escape words in which TeX stands between dollars, for MathJax."""
    parts = html.escape(text).split("$")
    return "".join(p if k % 2 == 0 else rf"\({p}\)" for k, p in enumerate(parts))


def _formula(tex: str) -> str:
    """Return a formula that may break into lines, for MathJax."""
    return html.escape(breakable(tex))


def cards(ledger: list[Entry], trusted: Mapping[str, tuple[str, ...]]) -> str:
    r"""Return all there is to say about each statement, folded, as HTML.

    Parameters
    ----------
    ledger : list of Entry
        From `entries`.
    trusted : mapping of str to tuple of str
        What the algebraic cores leave to the written proof, by id.
    """
    return "".join(_card(entry, trusted.get(entry.id, ())) for entry in ledger)


def _card(entry: Entry, trusted: tuple[str, ...]) -> str:
    statement, row = entry.statement, entry.row
    if statement is None or row is None:
        body = "<p>The book states it; no check of that name exists in the registry.</p>"
        slogan = ""
    else:
        slogan = html.escape(statement.slogan)
        body = "".join(
            f"<dt>{term}</dt><dd>{words}</dd>"
            for term, words in _definitions(statement, row, trusted)
        )
        body = f"<dl>{body}</dl>"
    return (
        f'<details class="ledger-card" id="ledger-{html.escape(entry.id)}">'
        f"<summary>{_badge(entry)} <code>{html.escape(entry.id)}</code> {slogan}</summary>"
        f'<div class="mathjax_process"><p>{_link(entry.id, entry.chapter)} in the chapter.</p>'
        f"{body}</div></details>"
    )


def _definitions(
    statement: Statement, row: Row, trusted: tuple[str, ...]
) -> Iterable[tuple[str, str]]:
    e = row.evidence
    yield "Statement", _formula(statement.tex)
    yield "Source", html.escape(statement.source)
    for hypothesis in statement.hypotheses:
        words = f"{_inline(hypothesis.words)}. Needed: {_inline(hypothesis.needed_for)}."
        for control in e.controls:
            if control.hypothesis == hypothesis.id:
                words += f" Control: {html.escape(str(control))}."
        yield f"Hypothesis <em>{html.escape(hypothesis.id)}</em>", words
    if statement.rests_on:
        yield "Rests on", _codes(statement.rests_on)
    if statement.attained:
        yield "Attained", _inline(statement.attained)
    if statement.counterexample is not None:
        x = statement.counterexample
        yield (
            "Counterexample",
            (
                f"{_inline(x.words)} Eigenvalues {', '.join(map(str, x.d))}; labels "
                f"{', '.join(map(str, x.z))}; tolerance {x.epsilon}."
            ),
        )
        if e.refuted is not None:
            yield "Certified failure", f"{html.escape(e.refuted.reason)}, at {e.refuted.bits} bits"
        yield (
            "What holds",
            ", ".join(f"<code>{html.escape(b)}</code>" for b in statement.repaired_by),
        )
    if e.sampled is not None and not statement.refuted:
        s = e.sampled
        yield (
            "Sampled",
            (
                f"{s.cases:,} cases in {s.met:,} of {s.instances:,} instances; {s.suspects:,} "
                f"negative beyond rounding, of which ball arithmetic cleared {s.cleared:,}. "
                f"Covered: {html.escape(str(s.coverage))}. Worst: {html.escape(str(s.witness))}."
            ),
        )
    if e.searched is not None:
        yield (
            "Searched",
            (
                f"best margin {e.searched.best:.2e} in {e.searched.evaluations:,} instances; "
                f"{html.escape(str(e.searched.witness))}."
            ),
        )
    if e.certified is not None:
        verdicts = ", ".join(f"{n} {html.escape(v)}" for v, n in e.certified.verdicts.items())
        yield "Certified at exact points", f"{verdicts}; up to {e.certified.bits} bits."
        for reason in e.certified.reasons:
            yield "Not decided", html.escape(reason)
    if e.mutation is not None:
        m = e.mutation
        yield (
            "Mutants",
            (
                f"{m.killed} of {len(m.fates)} killed, {m.implied} claim less, "
                f"{len(m.survivors)} not noticed here."
            ),
        )
    if e.formal is not None:
        yield "Machine-checked", _formal_words(e.formal)
    elif not statement.refuted:
        yield "Not machine-checked", _inline(LEFT_OUT.get(statement.id, "no theorem of Coq yet."))
    if e.proved is not None:
        cores, controls = counted(e.proved.cores, "core"), counted(e.proved.controls, "control")
        yield f"Proved by machine: {e.proved.extent.value}", f"{cores}, {controls} caught."
        for words in trusted:
            yield "Left to the written proof", _inline(words)


def _formal_words(formal: Formal) -> str:
    axioms = ", ".join(f"<code>{html.escape(a.rpartition('.')[2])}</code>" for a in formal.axioms)
    return (
        f"<code>formal/{html.escape(formal.file)}</code>, "
        f"<code>{html.escape(formal.theorem)}</code>. Scope: {_inline(formal.scope)} Axioms: "
        f"{axioms}. {html.escape(formal.reason[:1].upper() + formal.reason[1:])}."
        f"<details><summary>The theorem as Coq prints it</summary>"
        f'<pre class="coq">{html.escape(formal.printed)}</pre></details>'
    )


def formal_table(ledger: list[Entry]) -> str:
    """Return the table of all theorems of Coq, as HTML: statement, theorem, scope and axioms."""
    found = [e.row.evidence.formal for e in ledger if e.row is not None]
    chapters = {entry.id: entry.chapter for entry in ledger}
    rows = [
        [
            _link(f.statement, chapters[f.statement]),
            f"<code>{html.escape(f.file)}</code>: <code>{html.escape(f.theorem)}</code>",
            _inline(f.scope),
            ", ".join(html.escape(a.rpartition(".")[2]) for a in f.axioms),
        ]
        for f in found
        if f is not None
    ]
    return html_table(
        ("Statement", "Theorem", "What it covers", "Axioms"),
        rows,
        "Theorems checked by Coq",
        words=[False, False, True, False],
        folds=True,
    )


def left_out(ledger: list[Entry]) -> str:
    """Return the table of statements that no theorem of Coq covers, with the reason, as HTML."""
    rows = [
        [_link(entry.id, entry.chapter), _inline(LEFT_OUT.get(entry.id, "no theorem of Coq yet."))]
        for entry in ledger
        if entry.statement is not None and not entry.statement.refuted and entry.id not in TIES
    ]
    return html_table(
        ("Statement", "Why it is left to the page"),
        rows,
        "Statements without a theorem of Coq",
        words=[False, True],
    )


def legend() -> str:
    """Return what the signs mean, as HTML."""
    items = "".join(
        f'<li><span class="status status-{kind}"><span aria-hidden="true">{sign}</span></span> '
        f"{_MEANINGS[kind]}</li>"
        for kind, sign in _SIGNS.items()
        if kind != "unchecked"
    )
    return f'<ul class="ledger-legend">{items}</ul>'


_WIDTH, _LABEL, _NODE, _HEIGHT, _GAP, _LINE = 688, 120, 185, 26, 6, 58


def graph(ledger: list[Entry]) -> str:
    """Return the graph of what rests on what, as an SVG that links to the statements.

    One row of nodes for each chapter, in the order of the book. A node's own
    edges light up when it is pointed at or has the keyboard's focus.
    """
    across = (_WIDTH - _LABEL + _GAP) // (_NODE + _GAP)
    by_chapter: dict[str, list[Entry]] = {}
    for entry in ledger:
        by_chapter.setdefault(entry.chapter or "no chapter", []).append(entry)
    places: dict[str, tuple[float, float]] = {}
    texts, y = [], 20
    for chapter, members in by_chapter.items():
        name = html.escape(chapter.replace("_", " "))
        texts.append(f'<text class="chapter" x="0" y="{y + 17}">{name}</text>')
        for number, entry in enumerate(members):
            if number and number % across == 0:
                y += _LINE
            places[entry.id] = (_LABEL + number % across * (_NODE + _GAP), y)
        y += _LINE
    edges = [
        (entry.id, base)
        for entry in ledger
        if entry.statement is not None
        for base in entry.statement.rests_on
        if base in places
    ]
    # lines lie under the nodes, so that a rule for each node has to find its own
    lines = "".join(_line(edge, edges, places) for edge in edges)
    rules = "".join(
        f".statement-graph:has(#node-{e.id}:is(:hover,:focus-within)) .from-{e.id}"
        "{stroke:var(--pst-color-link);stroke-opacity:1;stroke-width:2}"
        for e in ledger
    )
    nodes = "".join(_node(entry, places[entry.id]) for entry in ledger)
    return (
        f'<div class="table-scroll" tabindex="0" role="region" aria-label="Dependency graph">'
        f'<svg class="statement-graph" viewBox="0 0 {_WIDTH} {y}" width="{_WIDTH}" role="group" '
        f'aria-label="Graph of {len(ledger)} statements and {len(edges)} dependencies; the same '
        f'in words stands in the table below it"><style>{rules}</style>{"".join(texts)}{lines}'
        f"{nodes}</svg></div>"
    )


def _node(entry: Entry, place: tuple[float, float]) -> str:
    x, y = place
    kind = entry.standing
    corner = 4 if kind == "holds" else 13 if kind in ("checked", "proved", "step") else 0
    label = html.escape(entry.id)
    bases = ", ".join(entry.statement.rests_on) if entry.statement is not None else ""
    title = f"{entry.id}: {entry.verdict.value}" + (f"; rests on {bases}" if bases else "")
    target = f"{entry.chapter}.html#{label}" if entry.chapter else f"#ledger-{label}"
    return (
        f'<g class="node status-{kind}" id="node-{label}">'
        f'<a href="{target}" aria-label="{html.escape(title, quote=True)}">'
        f"<title>{html.escape(title)}</title>"
        f'<rect x="{x}" y="{y}" width="{_NODE}" height="{_HEIGHT}" rx="{corner}"/>'
        f'<text x="{x + 7}" y="{y + 17}">{_SIGNS[kind]} {label}</text></a></g>'
    )


def _line(
    edge: tuple[str, str],
    edges: list[tuple[str, str]],
    places: Mapping[str, tuple[float, float]],
) -> str:
    """Return the path from a node up to its base, or over the top to one beside it.

    The ends of a node's lines are spread over its width.
    """
    leaving = [e for e in edges if e[0] == edge[0]]
    arriving = [e for e in edges if e[1] == edge[1]]
    (x, y), (base_x, base_y) = places[edge[0]], places[edge[1]]
    x += _NODE * (leaving.index(edge) + 1) / (len(leaving) + 1)
    base_x += _NODE * (arriving.index(edge) + 1) / (len(arriving) + 1)
    beside = base_y == y
    end = y if beside else base_y + _HEIGHT
    bend = y - 26 if beside else (y + end) / 2
    curve = f"M{x:.1f},{y} C{x:.1f},{bend:.1f} {base_x:.1f},{bend:.1f} {base_x:.1f},{end}"
    return f'<path class="from-{html.escape(edge[0])}" d="{curve}"/>'


def dependencies(ledger: list[Entry]) -> str:
    """Return the graph in words, as HTML."""
    used: dict[str, list[str]] = {}
    for entry in ledger:
        for base in entry.statement.rests_on if entry.statement is not None else ():
            used.setdefault(base, []).append(entry.id)

    rows = [
        [
            _link(entry.id, entry.chapter),
            _codes(entry.statement.rests_on if entry.statement is not None else ()),
            _codes(used.get(entry.id, ())),
        ]
        for entry in ledger
    ]
    return html_table(("Statement", "Rests on", "Used by"), rows, "What rests on what")


def errata(ledger: list[Entry]) -> str:
    """Return the refuted claims in full, as HTML: claim, counterexample, what survives."""
    parts = []
    for entry in ledger:
        statement, row = entry.statement, entry.row
        if statement is None or row is None or statement.counterexample is None:
            continue
        x, judged = statement.counterexample, row.evidence.refuted
        survivors = "".join(
            f"<li>{_link(s.id, s.chapter)}: {html.escape(s.slogan)} {_formula(s.tex)}</li>"
            for s in (STATEMENTS[i] for i in statement.repaired_by)
        )
        readings = f"<dt>Another reading</dt><dd>{_inline(x.also_read)}.</dd>" * bool(x.also_read)
        certified = (
            "not judged"
            if judged is None
            else f"{judged.verdict.value}: {judged.reason}, at {judged.bits} bits"
        )
        parts.append(
            f'<section class="erratum mathjax_process" id="erratum-{html.escape(entry.id)}">'
            f"<h3>{html.escape(statement.slogan)}</h3><dl>"
            f"<dt>Source</dt><dd>{html.escape(statement.source)}. In this book: "
            f"{_link(entry.id, entry.chapter)}.</dd>"
            f"<dt>Claim</dt><dd>{_formula(statement.tex)}</dd>"
            f"<dt>Counterexample, exact</dt><dd>Eigenvalues {', '.join(map(str, x.d))}; labels "
            f"in the eigenbasis {', '.join(map(str, x.z))}; tolerance {x.epsilon}: "
            f"{_inline(x.words)}.</dd>"
            f"<dt>Certified</dt><dd>{html.escape(certified)}. "
            f"{_badge(entry)}</dd>"
            f"<dt>What survives</dt><dd><ul>{survivors}</ul></dd>"
            f"{readings}"
            f"<dt>Replay</dt><dd><code>sdtheory verify {html.escape(entry.id)}</code></dd>"
            "</dl></section>"
        )
    return "".join(parts)


def experiments(folder: Path) -> str:
    """Return the table of the networks' experiments, as HTML: no theorems, and so kept apart.

    Parameters
    ----------
    folder : Path
        Holds the result files of `sdtheory nn` (``nn_*.json``) and of the
        tangent kernel (``tangent_*.json``).
    """
    rows = []
    for path in sorted(folder.glob("nn_*.json")):
        result = read(path)
        made = result["experiment"]
        fit = made["settings"]
        what = (
            f"{fit['arch']}, {fit['loss']}, {made['data']}, label noise {made['label_noise']}, "
            f"{result['data'].get('train', 0)} images"
        )
        rows.append(
            [
                f"<code>{html.escape(path.name)}</code>",
                "complete" if result["finished"] else "UNFINISHED",
                html.escape(what),
                str(len(made["seeds"])),
                html.escape(_findings(result)),
                f"<code>{html.escape(result['command'])}</code>",
            ]
        )
    for path in sorted(folder.glob("tangent_*.json")):
        content = json.loads(path.read_text(encoding="utf-8"))
        units = content["units"].values()
        rows.append(
            [
                f"<code>{html.escape(path.name)}</code>",
                "complete" if len(units) == content["planned"] else "UNFINISHED",
                f"networks beside their tangent kernels, {len(units)} runs",
                str(len({unit["seed"] for unit in units})),
                '<a href="tangent_kernel.html">see the chapter</a>',
                f"<code>{html.escape(content['configuration']['command'])}</code>",
            ]
        )
    return html_table(
        ("Result file", "Status", "What was run", "Seeds", "What its intervals allow", "Command"),
        rows,
        "Experiments: evidence about these runs only",
        words=[False, False, True, False, True, True],
        folds=True,
    )


def _findings(result: dict[str, Any]) -> str:
    if not result["finished"]:
        return "\u2013"
    if result["kind"] == "chain":
        noisy, test = by_seed(result, "train_noisy"), by_seed(result, "test")
        best, words = course(test)
        return (
            f"{noisy.shape[1]} rounds. Agreement with the given labels: "
            f"{direction(noisy[:, -1] - noisy[:, 0])}. Test accuracy: {words}; best at round {best}"
        )
    tuned = {method: test for method, (_, test) in chosen(result).items()}
    parts = []
    for other in ("epochs", "weight decay"):
        difference = tuned["rounds"] - tuned[other]
        mean, half = interval(difference)
        parts.append(f"tuned rounds less tuned {other}: {mean:+.3f} \u00b1 {half:.3f}")
    return "Test accuracy, " + "; ".join(parts)
