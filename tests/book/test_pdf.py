"""The book as one PDF, on pages of its own."""

import re
import shutil
from datetime import date
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from pypdf import PdfReader

from sdtheory.book import pdf

ASSETS = Path(__file__).parents[2] / "book" / "assets"
CONTENTS = """root: book/first
parts:
  - caption: The rest
    chapters: [{file: book/second}, {file: book/third}]
"""
SITE = """<!DOCTYPE html><html lang="en"><head><title>A page</title>
<link rel="stylesheet" href="print.css"><script src="elsewhere.js"></script></head><body>
<div class="bd-header">the theme's</div><article class="bd-article">
<section id="top"><h1>%s<a class="headerlink" href="#top">#</a></h1>%s</section>
</article></body></html>"""
FIRST = """<p>See <a href="second.html#again">the second</a>, <a href="#here">here</a>,
<a href="third.html">the third</a>, <a href="../_modules/x.html">a source</a> and
<a href="https://example.org/">outside</a>.</p><h2 id="here">Here</h2>"""
SECOND = """<h2 id="here">Here again</h2><p id="again">Words.</p>
<details class="hide"><summary>Show code</summary><pre>folded()</pre></details>
<details><summary>Proof</summary><p>A step.</p></details>
<details><summary>Machine-checked: formal/x.v</summary><p>Theorem</p></details>
<details><summary>The theorem as Coq prints it</summary><pre class="coq">forall</pre></details>
<sd-chain></sd-chain><button>Copy</button>"""
THIRD = "<table><tr><td style='white-space: pre'>" + "wide " * 45 + "</td></tr></table>"


@pytest.fixture
def root(tmp_path):
    site = tmp_path / "html" / "book"
    site.mkdir(parents=True)
    (tmp_path / "_toc.yml").write_text(CONTENTS, encoding="utf-8")
    (tmp_path / "_config.yml").write_text("title: 'A book: of pages'\nauthor: us\n")
    shutil.copy(ASSETS / "print.css", site)
    for name, text in {"first": FIRST, "second": SECOND, "third": THIRD}.items():
        page = SITE % (f"The {name}", text)
        (site / f"{name}.html").write_text(page, encoding="utf-8")
    return tmp_path


def read(root):
    text = pdf.one_page(root, root / "html", date(2020, 2, 3))
    return BeautifulSoup(text, "html.parser")


def test_every_link_leads_to_one_place_or_nowhere(root):
    sheet = read(root)
    ids = [element["id"] for element in sheet.find_all(id=True)]
    assert len(ids) == len(set(ids))
    links = [link.get("href") for link in sheet.select("main a")]
    assert links == ["#second.again", "#first.here", "#third", None, "https://example.org/"]
    inner = [link[1:] for link in links if link and link.startswith("#")]
    assert set(inner) <= set(ids)


def test_proofs_are_open_and_what_needs_a_screen_is_gone(root):
    sheet = read(root)
    second = sheet.select_one("#second")
    words = second.get_text()
    assert "A step." in words
    assert all(gone not in words for gone in ("folded()", "Copy", "#", "forall"))
    assert second.find("sd-chain") is None
    proof, checked = second.find_all("details")
    assert proof.has_attr("open")
    assert not checked.has_attr("open")
    assert "the theme's" not in sheet.get_text()
    assert "elsewhere.js" not in str(sheet)
    assert sheet.select_one(".printed-title").get_text(" ") == "A book of pages us 3 February 2020"


def test_a_page_that_is_not_built_is_named(root):
    (root / "html" / "book" / "third.html").unlink()
    with pytest.raises(pdf.PrintError, match=r"third.html is missing. Run make book first"):
        read(root)


@pytest.mark.browser
def test_the_print_has_chapters_on_new_pages_numbers_and_links(root, browser):
    target = root / "book.pdf"
    count = pdf.make_pdf(root, root / "html", target, browser)
    reader = PdfReader(target)
    assert count == len(reader.pages) == 5
    texts = [page.extract_text() for page in reader.pages]
    assert [text.split("\n")[0] for text in texts[2:]] == ["The first", "The second", "The third"]
    assert all(re.search(rf"The {name}\s*{3 + k}\n", texts[1] + "\n") for k, name in enumerate(
        ("first", "second", "third")))  # fmt: skip
    titles = [entry.title for entry in reader.outline if not isinstance(entry, list)]
    assert titles == ["Contents", "The first", "The second", "The third"]
    assert reader.metadata.title == "A book: of pages"
    # every link within the book has its place
    places = {name.lstrip("/") for name in reader.named_destinations}
    links = [
        note.get_object()["/Dest"].lstrip("/")
        for page in reader.pages
        for note in page.get("/Annots", [])
        if "/Dest" in note.get_object()
    ]
    assert len(links) >= 6
    assert set(links) <= places
    # a line of 225 letters is set smaller, and is whole
    assert texts[4].split().count("wide") == 45
    assert not list((root / "html" / "book").glob(".pdf*"))


@pytest.mark.browser
def test_what_does_not_fit_the_paper_is_refused(root, browser):
    page = root / "html" / "book" / "third.html"
    page.write_text(page.read_text().replace("wide " * 45, "wide " * 900), encoding="utf-8")
    with pytest.raises(pdf.PrintError, match="wider than the paper:\n  third: wide wide"):
        pdf.make_pdf(root, root / "html", root / "book.pdf", browser)
    assert not (root / "book.pdf").exists()
