"""What page.js does, on a small page of its own."""

import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest

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
<table><tr><th><mjx-container><mjx-assistive-mml>r0</mjx-assistive-mml></mjx-container></th></tr>
</table>
</main></body></html>"""


@contextmanager
def opened(browser, folder, text=PAGE):
    for name in ("custom.css", "print.css", "page.js"):
        shutil.copy(ASSETS / name, folder)
    (folder / "page.html").write_text(text, encoding="utf-8")
    with browser.new_context(viewport={"width": 1280, "height": 800}) as context:
        page, wrong = context.new_page(), []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto((folder / "page.html").as_uri())
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
        assert page.get_by_role("button").count() == 0
