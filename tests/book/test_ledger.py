"""The ledger shows what the report and the pages say, and nothing else."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from tiny_book import REPOSITORY

from sdtheory.book import ledger
from sdtheory.book.notebooks import list_chapters
from sdtheory.evidence.certified import Certificate
from sdtheory.evidence.formal import machine_checked
from sdtheory.evidence.proofs import Extent, ProofResult
from sdtheory.evidence.report import Evidence, Report, Row
from sdtheory.evidence.sampled import Tally
from sdtheory.evidence.searched import BUDGET
from sdtheory.evidence.verdict import Verdict
from sdtheory.statements import STATEMENTS

GOOD = Tally(
    instances=100,
    met=90,
    cases=90,
    worst=0.25,
    tightest=0.25,
    ordinary=100,
    ordinary_met=90,
    equations=frozenset(e for s in STATEMENTS.values() for e in s.equations),
)


def row(name, **evidence):
    return Row(STATEMENTS[name], Evidence(**({"sampled": GOOD} | evidence)))


@pytest.fixture
def report():
    judged = Certificate("claim-floor", Verdict.FAILS, 128, 1, 0, -0.1, "margin -0.1 in 1 case")
    rows = (
        row("prop-collapse"),
        row("prop-active"),
        row("prop-step", sampled=replace(GOOD, failures=1)),
        row("claim-floor", refuted=judged),
    )
    return Report(rows, {"seed": 0}, {"date": "today"})


PAGES = {
    "prop-collapse": "problem",
    "prop-active": "problem",
    "prop-step": "recursion",
    "claim-floor": "near_interpolation",
    "thm-nobody-checks": "recursion",
}


def standing(report, pages=PAGES):
    return {entry.id: entry.standing for entry in ledger.entries(report, pages)}


def test_standing_is_computed_from_the_evidence(report):
    assert standing(report) == {
        "prop-collapse": "holds",
        "prop-active": "holds",
        "prop-step": "bad",
        "claim-floor": "refuted",
        "thm-nobody-checks": "unchecked",
    }


def test_a_theorem_of_coq_shows_in_the_row_the_card_and_the_table(report):
    checked = machine_checked(STATEMENTS["prop-active"])
    rows = (row("prop-active", formal=checked), *report.rows)
    ledger_entries = ledger.entries(Report(rows[:1], {}, {}), {"prop-active": "problem"})
    assert [entry.standing for entry in ledger_entries] == ["checked"]
    assert "Problem.v: prop_active" in ledger.overview(ledger_entries)
    card = ledger.cards(ledger_entries, {})
    assert "<code>prop_active</code>" in card
    assert "norm n (fun k : nat =&gt; z k - f k) = rho" in card
    assert "functional_extensionality_dep" in ledger.formal_table(ledger_entries)


def test_a_theorem_of_coq_that_is_not_the_statement_turns_the_row_red():
    bounds = STATEMENTS["prop-multiplier-bounds"]
    wrong = replace(bounds, margin=lambda i: {name: -m for name, m in bounds.margin(i).items()})
    bad = Row(bounds, Evidence(sampled=GOOD, formal=machine_checked(wrong)))
    assert ledger.Entry(bounds.id, "multiplier", bad).standing == "bad"
    assert "differs" in bad.cells()[6]


def test_statements_without_a_theorem_are_listed_with_the_reason(report):
    html = ledger.left_out(ledger.entries(report, PAGES))
    assert "prop-active" not in html
    risk = ledger.Entry("thm-risk-bound", "generalisation", row("thm-risk-bound"))
    assert "probability" in ledger.left_out([risk])


def test_a_statement_that_loses_its_check_turns_red(report):
    without = Report(report.rows[1:], report.settings, report.circumstances)
    assert standing(without)["prop-collapse"] == "unchecked"
    html = ledger.overview(ledger.entries(without, PAGES))
    assert re.search(
        r"prop-collapse</code></a></th><td[^>]*><span class=\"status status-unchecked", html
    )


def test_a_statement_that_no_page_states_is_not_good(report):
    assert standing(report, {})["prop-collapse"] == "unchecked"


class Balance(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.links, self.ids = [], [], []

    def handle_starttag(self, tag, attrs):
        if tag not in {"path", "rect", "br"}:
            self.open.append(tag)
        self.links += [v for k, v in attrs if k == "href"]
        self.ids += [v for k, v in attrs if k == "id"]

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.mark.parametrize("part", ["overview", "graph", "dependencies", "errata"])
def test_html_is_balanced_and_links_to_the_pages(report, part):
    parser = Balance()
    parser.feed(getattr(ledger, part)(ledger.entries(report, PAGES)))
    assert parser.open == []
    known = {s.id: s.chapter for s in STATEMENTS.values()} | PAGES
    assert parser.links
    assert set(parser.links) <= {f"{page}.html#{label}" for label, page in known.items()}


def test_an_erratum_says_what_survives(report):
    html = ledger.errata(ledger.entries(report, PAGES))
    assert "near_interpolation.html#thm-near-interpolation" in html
    assert STATEMENTS["thm-near-interpolation"].slogan in html


def test_cards_have_one_target_each(report):
    parser = Balance()
    parser.feed(ledger.cards(ledger.entries(report, PAGES), {"prop-collapse": ("a step",)}))
    assert parser.open == []
    assert len(parser.ids) == len(set(parser.ids)) == len(PAGES)


def test_the_graph_says_status_in_words_and_not_by_colour_alone(report):
    html = ledger.graph(ledger.entries(report, PAGES))
    assert 'aria-label="prop-step: FAILS; rests on prop-active, thm-recursion"' in html
    assert "✗ prop-step" in html


def test_labels_are_those_of_the_pages(tmp_path):
    (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: book/a\n", encoding="utf-8")
    (tmp_path / "book").mkdir()
    page = "# A\n\n````{prf:theorem} Name\n:label: thm-a\nText {prf:ref}`thm-b`.\n````\n"
    (tmp_path / "book" / "a.md").write_text(page, encoding="utf-8")
    assert ledger.labels(tmp_path) == {"thm-a": "a"}


def test_what_has_no_label_and_what_nothing_checks_is_red(tmp_path, report):
    (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: book/a\n", encoding="utf-8")
    (tmp_path / "book").mkdir()
    page = "# A\n\n~~~{prf:theorem} Name\nText.\n~~~\n\n$$ a $$ (eq-nobody-checks)\n"
    (tmp_path / "book" / "a.md").write_text(page, encoding="utf-8")
    pages = ledger.labels(tmp_path)
    assert set(pages) == {"prf:theorem without a label, line 3", "eq-nobody-checks"}
    found = {e.id: e for e in ledger.entries(report, pages)}
    assert all(found[name].standing == "unchecked" for name in pages)
    assert all(found[name].verdict is Verdict.NOT_CHECKED for name in pages)


def test_a_badge_says_how_much_the_cores_cover(report):
    def proved(name, extent):
        return ProofResult(name, True, 1, 1, 0.0, "", extent)

    for extent, standing_ in (
        (Extent.FULL, "proved"),
        (Extent.STEP, "step"),
        (Extent.AUXILIARY, "holds"),
    ):
        rows = (row("prop-active", proved=proved("prop-active", extent)),)
        alone = Report(rows, report.settings, report.circumstances)
        assert standing(alone, {"prop-active": "problem"}) == {"prop-active": standing_}
        assert extent.value in str(alone)


def test_errata_and_ledger_collect_with_one_effort():
    # else neither could use the evidence that the other has kept
    chapters = list_chapters(REPOSITORY)
    errata, whole = (chapters[name].parameters() for name in ("errata", "ledger"))
    assert {p.name: p.default for p in errata.values()} == {n: whole[n].default for n in errata}
    assert (whole["certify"].default, whole["mutate"].default) == (True, True)
    assert whole["budget"].default == BUDGET
