"""What page.js does, on a small page of its own."""

import json
import shutil
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import pytest
from browsing import tab

ASSETS = Path(__file__).parents[2] / "book" / "assets"
PAGE = """<!DOCTYPE html><html lang="en" data-theme="dark"><head><meta charset="utf-8">
<title>A page</title><link rel="stylesheet" href="custom.css">
<link rel="stylesheet" href="print.css">
<script defer src="page.js"></script></head><body class="bd-content">
<div class="article-header-buttons"></div><main class="bd-content">
<div class="cell_input" id="code">code</div>
<details class="hide above-input" id="folded"><summary>Show code cell source</summary>
<div class="cell_input">more</div></details>
<details class="sd-dropdown" id="closed"><summary>Proof</summary><p>Words.</p></details>
<details class="sd-dropdown" id="open" open><summary>Idea</summary><p>Words.</p></details>
<div class="math" id="wide"><div style="width: 3000px">formula</div></div>
<div class="math" id="small">x</div>
<p><a id="cited" href="book/other.html#thm-a">Theorem 5</a>
<a id="elsewhere" href="book/other.html#part">A part</a>
<span class="math" id="symbol" data-notation="0 1" role="button" tabindex="0">x</span></p>
<details id="card"><summary>A card</summary><p id="ledger-a">Evidence.</p></details>
<table><tr><th><mjx-container><mjx-assistive-mml>r0</mjx-assistive-mml></mjx-container></th></tr>
</table>
</main></body></html>"""


PLACES = {
    "places": [
        {
            "kind": "statement",
            "to": "book/other.html#thm-a",
            "name": "Theorem 5",
            "title": "Rounds bound",
            "words": "Many rounds are non-trivial. thm-a",
            "body": "<p>The claim itself.</p>",
        },
        {
            "kind": "statement",
            "to": "book/other.html#thm-b",
            "name": "Theorem 50",
            "title": "Another",
            "words": "Something about 5 rounds. thm-b",
            "body": "<p>Another claim.</p>",
        },
        {
            "kind": "equation",
            "to": "book/other.html#equation-eq-a",
            "name": "(12)",
            "title": "",
            "words": " equation-eq-a",
            "body": "a",
        },
        {
            "kind": "symbol",
            "to": "book/preface.html#notation",
            "name": "\\kappa",
            "title": "kappa",
            "words": "condition number notation",
            "body": "",
        },
        {
            "kind": "symbol",
            "to": "book/preface.html#notation",
            "name": "B_t",
            "title": "A, B",
            "words": "diagonals notation",
            "body": "",
        },
        {
            "kind": "command",
            "to": "book/guide.html#try",
            "name": "sdtheory trial",
            "title": "Your data: Try it",
            "words": " try",
            "body": "",
        },
    ],
    "notation": [
        ["\\kappa", "k", "<code>kappa</code>", "", "condition number"],
        ["B_t", "B", "<code>B</code>", "<code>(T, n)</code>", "diagonals"],
    ],
}


@contextmanager
def opened(browser, folder, text=PAGE, after="", **context):
    for name in ("custom.css", "print.css", "page.js"):
        shutil.copy(ASSETS / name, folder)
    (folder / "page.html").write_text(text, encoding="utf-8")
    (folder / "_static").mkdir(exist_ok=True)
    places = f"globalThis.sdPlaces = {json.dumps(PLACES)};"
    (folder / "_static" / "places.js").write_text(places, encoding="utf-8")
    wrong = []
    listeners = [("pageerror", lambda error: wrong.append(str(error)))]
    with tab(browser, listeners=listeners, **context) as page:
        page.goto((folder / "page.html").as_uri() + after)
        yield page
        assert wrong == []


@pytest.fixture
def page(browser, tmp_path):
    with opened(browser, tmp_path) as page:
        yield page


def is_open(page, name):
    return page.evaluate(f"document.getElementById('{name}').open")


def theme(page):
    return page.evaluate("document.documentElement.dataset.theme")


def test_proofs_are_open_and_light_on_paper_and_back_afterwards(page):
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert theme(page) == "light"
    assert is_open(page, "closed")
    assert is_open(page, "open")
    assert not is_open(page, "folded")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert theme(page) == "dark"
    assert not is_open(page, "closed")
    assert is_open(page, "open")


def test_folded_code_is_left_out_on_paper(page):
    assert page.is_visible("#folded")
    page.emulate_media(media="print")
    assert not page.is_visible("#folded")
    assert page.is_visible("#code")


def test_the_keyboard_reaches_a_formula_that_scrolls_and_no_other(page):
    page.wait_for_function("document.getElementById('wide').tabIndex === 0")
    assert page.get_attribute("#small", "tabindex") is None
    page.focus("#wide")
    page.keyboard.press("ArrowRight")
    page.wait_for_function("document.getElementById('wide').scrollLeft > 0")
    page.set_viewport_size({"width": 3100, "height": 800})
    page.wait_for_function("!document.getElementById('wide').hasAttribute('tabindex')")


def test_a_formula_that_is_a_little_too_wide_is_set_smaller(browser, tmp_path):
    formula = (
        '<mjx-container display="true" style="display: block">'
        '<mjx-math style="display: inline-block; width: 1150px">x</mjx-math></mjx-container>'
    )
    text = PAGE.replace("</main>", f"{formula}</main>")
    with opened(browser, tmp_path, text) as page:
        size = "Number(getComputedStyle(document.querySelector('mjx-math')).zoom)"
        fits = "(e => e.scrollWidth <= e.clientWidth)(document.querySelector('mjx-container'))"
        assert page.evaluate(size) == 1
        page.set_viewport_size({"width": 1000, "height": 800})
        page.wait_for_function(f"{size} < 1")
        assert page.evaluate(size) >= 0.75
        assert page.evaluate(fits)
        page.set_viewport_size({"width": 390, "height": 800})
        page.wait_for_function(f"{size} === 1")
        page.wait_for_function("document.querySelector('mjx-container[display]').tabIndex === 0")


#: Stands for MathJax: marks what it sets, and keeps the order.
SETTER = """<script>
const order = [], put = boxes => boxes.forEach(box => {
  order.push(box.id);
  box.innerHTML = '<mjx-container></mjx-container>';
});
window.MathJax = {typeset: put, typesetPromise: async boxes => put(boxes)};
</script></head>"""
FORMULAS = """<p id="far" class="math" style="margin-top: 5000px">x</p>
<p id="seen" class="math" style="position: fixed; top: 0">x</p>
<details id="fold"><summary>More</summary><p id="inner" class="math">x</p></details>
<details class="sd-dropdown"><summary>Proof</summary><p id="proof" class="math">x</p></details>
</main>"""


def test_formulas_in_view_are_set_first_and_folded_ones_when_they_unfold(browser, tmp_path):
    text = PAGE.replace("</head>", SETTER).replace("</main>", FORMULAS)
    with opened(browser, tmp_path, text) as page:
        page.evaluate("MathJax.startup.pageReady()")
        order = page.evaluate("order")
        assert order.index("seen") < order.index("far")
        assert not {"inner", "proof"} & set(order)
        assert page.evaluate("document.documentElement.classList.contains('formulas')")
        page.evaluate("document.getElementById('fold').open = true")
        page.wait_for_function("order.includes('inner')")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert page.evaluate("order").count("proof") == 1
        assert len(set(page.evaluate("order"))) == len(page.evaluate("order"))


def test_words_wait_for_the_formulas_above_but_not_for_long(browser, tmp_path):
    words = '<p id="above">First.</p><p id="words">So <span class="math">x</span>.</p>'
    words += '<section><p id="below">Then.</p></section>'
    text = PAGE.replace("</main>", f'<article class="bd-article">{words}</article></main>')
    look = "['above', 'words', 'below'].map(i => "
    look += "getComputedStyle(document.getElementById(i)).visibility).join(' ')"
    switch = "document.documentElement.classList.toggle('formulas')"
    seen = "visible visible visible"
    with opened(browser, tmp_path, text) as page:
        assert page.evaluate(look) == seen  # nothing here sets formulas
        assert page.evaluate(f"{switch}; {look}") == "visible hidden hidden"
        page.wait_for_function(f"{look} === '{seen}'")
    with opened(browser, tmp_path, text, java_script_enabled=False) as page:
        assert page.evaluate(look) == seen


def test_a_formula_in_a_header_has_a_name(page):
    page.wait_for_function("document.querySelector('th mjx-container').ariaLabel === 'r0'")
    assert page.get_attribute("th mjx-container", "role") == "math"


def test_all_code_is_hidden_by_one_button_that_is_remembered(page):
    button = page.get_by_role("button", name="Hide all code")
    assert button.get_attribute("aria-pressed") == "false"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert button.get_attribute("aria-pressed") == "true"
    assert not page.is_visible("#code")
    assert not page.is_visible("#folded")
    assert page.is_visible("#closed")
    page.reload()
    assert not page.is_visible("#code")
    button.click()
    assert page.is_visible("#code")
    page.reload()
    assert page.is_visible("#code")


def test_without_code_there_is_no_button(browser, tmp_path):
    with opened(browser, tmp_path, PAGE.replace("cell_input", "cell_output")) as page:
        assert page.get_by_role("button", name="Hide all code").count() == 0


def shown(page):
    """Return what stands beside a link or a symbol."""
    page.wait_for_selector("#preview:not([hidden])")
    return page.inner_text("#preview")


def gone(page):
    return page.wait_for_selector("#preview[hidden]", state="attached")


def test_one_can_go_to_what_a_link_shows_to_read(browser, tmp_path):
    with opened(browser, tmp_path, user_agent="clock") as page:
        page.hover("#cited")
        shown(page)
        page.clock.install()
        page.hover("#preview")
        page.clock.run_for(400)
        assert page.is_visible("#preview")


def test_a_link_to_a_statement_shows_it_on_hover_and_on_focus(page):
    page.hover("#cited")
    assert "Theorem 5 Rounds bound\nThe claim itself." in shown(page).replace("\n\n", "\n")
    page.keyboard.press("Escape")
    gone(page)
    page.hover("#small")
    page.focus("#open summary")
    page.keyboard.press("Tab")
    while page.evaluate("document.activeElement.id") != "cited":
        page.keyboard.press("Tab")
    assert "The claim itself." in shown(page)
    assert page.get_attribute("#cited", "aria-describedby") == "preview"
    page.keyboard.press("Tab")
    gone(page)
    assert page.get_attribute("#cited", "aria-describedby") is None


def test_other_links_show_nothing(page):
    page.hover("#elsewhere")
    page.wait_for_function("'sdPlaces' in window")
    assert not page.is_visible("#preview")


def test_a_symbol_says_what_it_means_on_hover_focus_and_tap(browser, tmp_path):
    meaning = ["condition number. In code: kappa.", "diagonals. In code: B, shape (T, n)."]
    with opened(browser, tmp_path) as page:
        page.hover("#symbol")
        assert all(words in shown(page) for words in meaning)
        page.hover("#small")
        gone(page)
        page.focus("#elsewhere")
        page.keyboard.press("Tab")
        assert all(words in shown(page) for words in meaning)
        page.keyboard.press("Enter")
        gone(page)
        page.keyboard.press("Space")
        assert all(words in shown(page) for words in meaning)
    with opened(browser, tmp_path, has_touch=True) as page:
        page.tap("#symbol")
        assert all(words in shown(page) for words in meaning)
        page.tap("#small")
        gone(page)


def test_it_fits_beside_what_it_is_about_on_a_telephone(page):
    page.set_viewport_size({"width": 390, "height": 500})
    page.focus("#elsewhere")
    page.keyboard.press("Tab")
    shown(page)
    box = page.locator("#preview").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    assert box["y"] >= 0
    assert box["y"] + box["height"] <= 500


def test_nothing_is_asked_for_before_it_is_needed(page):
    assert page.evaluate("'sdPlaces' in window") is False


def test_a_link_into_a_folded_place_opens_it(browser, tmp_path):
    with opened(browser, tmp_path, after="#ledger-a") as page:
        assert is_open(page, "card")
    with opened(browser, tmp_path) as page:
        assert not is_open(page, "card")
        page.evaluate("location.hash = '#ledger-a'")
        page.wait_for_function("document.getElementById('card').open")


SEARCH = PAGE.replace(
    "<main class", '<main><h1>Search</h1><div id="search-results"></div><div class'
)


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("Theorem 5", "Theorem 5"),
        ("rounds bound", "Theorem 5"),
        ("thm-a", "Theorem 5"),
        ("many rounds are non-trivial", "Theorem 5"),
        ("(12)", "(12)"),
        ("kappa", "kappa"),
        ("B_t", "B_t"),
        ("sdtheory trial", "sdtheory trial"),
        ("trial", "sdtheory trial"),
    ],
)
def test_the_search_finds_statements_symbols_and_commands(browser, tmp_path, query, first):
    with opened(browser, tmp_path, SEARCH, "?" + urlencode({"q": query})) as page:
        page.wait_for_selector(".places")
        assert page.locator(".places a").first.inner_text() == first


def test_the_search_adds_nothing_where_it_knows_nothing(browser, tmp_path):
    for query in ("?q=xylophone", ""):
        with opened(browser, tmp_path, SEARCH, query) as page:
            if query:
                page.wait_for_function("'sdPlaces' in window")
            assert page.locator(".places").count() == 0
