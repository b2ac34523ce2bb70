"""Statements, equations, symbols and commands are found in pages and connected."""

import html
import json
import re
from pathlib import Path

import pytest

from sdtheory.book import places
from sdtheory.book.display import broken
from sdtheory.book.notebooks import list_chapters
from sdtheory.book.places import LIST, OWN, PAPER_ONLY, Symbol, connect
from sdtheory.statements import STATEMENTS

ROOT = Path(__file__).parents[2]
STATEMENT = STATEMENTS["thm-labels-kept"]
CHAPTER = rf"""<html><head></head><body><article class="bd-article">
<section id="kept"><h1>Kept labels<a class="headerlink" href="#kept">#</a></h1>
<p>A tolerance <span class="math notranslate nohighlight">\(\varepsilon\)</span>, again
<span class="math notranslate nohighlight">\(\varepsilon = c_0\)</span>, no symbol
<span class="math notranslate nohighlight">\(q\)</span>, and in a link
<a href="#x"><span class="math notranslate nohighlight">\(\varepsilon\)</span></a>.</p>
<div class="proof theorem admonition" id="thm-labels-kept">
<p class="admonition-title"><span class="caption-number">Theorem 7 </span> (Labels kept)</p>
<section class="theorem-content">
<p>See <a href="#y" id="y">here</a>.</p>
<div class="math notranslate nohighlight" id="equation-eq-labels-kept">
<span class="eqno">(12)<a class="headerlink" href="#e">#</a></span>\[a = b\]</div>
</section>
</div>
<section id="shell"><h2>From a shell<a class="headerlink" href="#shell">#</a></h2>
<pre>from sdtheory import gram
<span>sdtheory</span> <span>verify</span> ID</pre></section>
<table><tr><th scope="row">{html.escape(broken(STATEMENT.claim))}</th>
<td>see ledger</td></tr><tr><th scope="row">Something else</th><td>see ledger</td></tr></table>
</section></article></body></html>"""
BADGE = '<span class="status status-proved"><span aria-hidden="true">◆</span> holds</span>'
LEDGER = (
    '<article class="bd-article"><h1>The ledger<a class="headerlink" href="#l">#</a></h1>'
    '<details class="ledger-card" id="ledger-thm-labels-kept">'
    f"<summary>{BADGE} <code>thm-labels-kept</code></summary></details></article>"
)
PREFACE = r"""<section id="notation"><h2>Notation</h2><table><tbody>
<tr><td><p><span class="math notranslate nohighlight">\(\epsilon\)</span></p></td>
<td><p><code>epsilon</code></p></td><td><p></p></td><td><p>tolerance</p></td></tr>
<tr><td><p><span class="math notranslate nohighlight">\(c_t\)</span>,
<span class="math notranslate nohighlight">\(z_t = V y_t\)</span></p></td>
<td><p><code>c</code></p></td><td><p><code>(T,)</code></p></td><td><p>multiplier</p></td></tr>
</tbody></table></section>"""


ORDER = [f"book/{name}.html" for name in ("preface", "kept", "statements", "ledger")]


@pytest.fixture
def site(tmp_path):
    (tmp_path / "book").mkdir()
    for name, text in zip(ORDER, (PREFACE, CHAPTER, LIST, LEDGER), strict=True):
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def page(site, name):
    return (site / "book" / f"{name}.html").read_text(encoding="utf-8")


def test_all_that_a_page_states_is_found():
    statement, equation, command = places.collect({"book/kept.html": CHAPTER})
    assert statement.address == "book/kept.html#thm-labels-kept"
    assert (statement.name, statement.title) == ("Theorem 7", "Labels kept")
    assert statement.words == STATEMENT.slogan
    assert "<a" not in statement.body
    assert "#" not in statement.body
    assert 'id="' not in statement.body
    assert (equation.name, equation.body) == ("(12)", r"\[a = b\]")
    assert (command.name, command.id) == ("sdtheory verify", "shell")
    assert command.title == "Kept labels: From a shell"


def test_every_statement_has_a_link_to_itself_and_a_badge_that_leads_to_its_evidence(site):
    connect(site, ORDER)
    text = page(site, "kept")
    assert 'href="#thm-labels-kept" title="Link to this statement"' in text
    assert '<a class="evidence" href="ledger.html#ledger-thm-labels-kept"><span' in text
    assert text.count(BADGE) == 1


def test_without_evidence_there_is_no_badge(site):
    (site / "book" / "ledger.html").unlink()
    connect(site, [name for name in ORDER if "ledger" not in name])
    assert "Link to this statement" in page(site, "kept")
    assert "evidence" not in page(site, "kept")


def test_a_check_of_a_statement_leads_to_the_ledger_and_no_other_does(site):
    connect(site, ORDER)
    assert (
        page(site, "kept").count('<a href="ledger.html#ledger-thm-labels-kept">see ledger</a>') == 1
    )
    assert page(site, "kept").count("<td>see ledger</td>") == 1


def test_the_order_is_that_of_the_contents(site):
    for name in ("kept", "other"):
        text = CHAPTER.replace("Theorem 7", name)
        (site / "book" / f"{name}.html").write_text(text, encoding="utf-8")
    connect(site, ["book/other.html", *ORDER])
    listed = re.findall(r'<a href="(\w+).html#thm-labels-kept">', page(site, "statements"))
    assert listed[:2] == ["other", "kept"]


def test_formulas_know_their_symbols_and_the_keyboard_reaches_each_symbol_once(site):
    connect(site, ORDER)
    marks = re.findall(
        r'<span data-notation="([\d ]+)"( role="button" tabindex="0")?', page(site, "kept")
    )
    assert marks == [("0", ' role="button" tabindex="0"'), ("0 1", ' role="button" tabindex="0"')]


def test_formulas_read_in_letters_where_none_are_set():
    text = r"<p>\(\rho = \sqrt{n\varepsilon}\), \(\lVert y_t\rVert / d_{\max}\)</p>"
    assert places._in_letters(text) == "rho = √(n epsilon), ‖y_t‖/ d_max"


def test_a_chapter_s_own_letters_are_not_explained():
    symbols = places.notation(PREFACE)
    assert 'data-notation="1"' in places.explain(CHAPTER, symbols, {r"\epsilon"})


def test_the_notation_is_the_table_row_by_row():
    symbols = places.notation(PREFACE)
    assert [s.tex for s in symbols] == [r"\epsilon", "c_t", "z_t"]
    assert [s.row[-1] for s in symbols] == ["tolerance", "multiplier", "multiplier"]


@pytest.mark.parametrize(
    ("symbol", "yes", "no"),
    [
        ("c_t", ["c_0", r"\frac{c_{t+1}}2", "c_tI"], ["c", "cI", "c_k", r"\mathrm{c}_0"]),
        (r"\kappa", [r"\kappa t", r"1/\kappa"], [r"\kappa_0"]),
        ("N", [r"t \le N"], [r"\mathcal N", "N_1", r"\text{N}"]),
        ("g(x, x')", ["g(x, s)"], ["g_x", r"\log(x)"]),
        ("g_x", [r"g_x^\top", "g_{x'}"], ["g_k", "g"]),
        (r"\epsilon", [r"\varepsilon", r"\epsilon'"[:-1]], ["e"]),
        ("D", ["D^+", r"V^\top D V"], ["D_1", r"\Delta", r"\mathcal{D}"]),
        ("r_t", ["r_0", "r_{t-1}"], [r"\operatorname{tr}_0", "r"]),
    ],
)
def test_a_symbol_is_recognised_in_formulas(symbol, yes, no):
    assert [tex for tex in yes if not Symbol(symbol, ()).stands_in(tex)] == []
    assert [tex for tex in no if Symbol(symbol, ()).stands_in(tex)] == []


def test_exceptions_are_symbols_of_the_table_that_their_chapters_use():
    table = (ROOT / "book" / "preface.md").read_text(encoding="utf-8").partition("## Notation")[2]
    assert all(f"${letter}$" in table for letter in PAPER_ONLY)
    for chapter, letters in OWN.items():
        text = list_chapters(ROOT)[chapter].path.read_text(encoding="utf-8")
        formulas = re.findall(r"\$([^$\n]+)\$", text)
        for letter in letters:
            assert f"${letter}$" in table
            assert any(Symbol(letter, ()).stands_in(tex) for tex in formulas)


def test_the_list_holds_everything(site):
    connect(site, ORDER)
    text = page(site, "statements")
    assert '<a href="kept.html#thm-labels-kept">Theorem 7 (Labels kept)</a>' in text
    assert '<a href="kept.html#equation-eq-labels-kept">(12)</a>' in text
    assert '<a href="kept.html#thm-labels-kept">Theorem 7</a>' in text
    assert STATEMENT.slogan in text
    assert BADGE in text


def test_the_browser_gets_what_was_found(site):
    connect(site, ORDER)
    script = (site / "_static" / "places.js").read_text(encoding="utf-8")
    content = json.loads(script.removeprefix("globalThis.sdPlaces = ").removesuffix(";\n"))
    assert [(p["kind"], p["name"]) for p in content["places"]] == [
        ("statement", "Theorem 7"),
        ("equation", "(12)"),
        ("command", "sdtheory verify"),
        ("symbol", r"\epsilon"),
        ("symbol", "c_t"),
        ("symbol", "z_t"),
    ]
    assert content["notation"][1][0] == "c_t"
    assert content["notation"][1][-1] == "multiplier"
