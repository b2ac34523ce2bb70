"""Mends the theme's pages in the HTML that Sphinx wrote."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from sdtheory.book.icons import lighten
from sdtheory.book.places import connect

#: Parts of MathJax that its first script asks for one after the other, as _config.yml lists them.
_MATHJAX = ("core", "input/tex", "output/chtml", "output/chtml/fonts/tex", "a11y/assistive-mml")
_FORMULA = r'<span class="math notranslate nohighlight">[^<]*</span>'
#: What is wrong, how to find it, and what takes its place.
MENDS = (
    # the icons come as a font too, at a tenth of the weight
    (re.compile(r'<script defer src="[^"]*scripts/fontawesome\.js[^"]*"></script>'), ""),
    # so that the browser asks for all of them at once
    (
        re.compile(r'(<script defer="defer" src="([^"]*mathjax/)startup\.js)'),
        "".join(rf'<link rel="preload" as="script" href="\2{part}.js">' for part in _MATHJAX)
        + r"\1",
    ),
    # labels that hide what the control itself says
    (re.compile(r'<summary aria-label="Toggle hidden content">'), "<summary>"),
    (re.compile(r'(<button class="btn search-button-field[^>]*) aria-label="Search"'), r"\1"),
    (re.compile(r'(<i class="theme-switch [^>]*?)\s+title="[^"]*"'), r"\1"),
    # the sidebar's name of the book and search field belong to no part of the page
    (
        re.compile(r'(<div id="pst-primary-sidebar" class="[^"]*")>'),
        r'\1 role="complementary" aria-label="Book">',
    ),
    # a role that is no longer one, in a list whose items must be items
    (re.compile(r' role="doc-biblioentry"'), ' role="listitem"'),
    # a list within a list, where only items may be
    (re.compile(r"</li>\s*<ul>"), "</li>\n"),
    (re.compile(r"</ul>\s*(?=<li>|</ul>)"), ""),
    # a number and its error stay on one line
    (re.compile(r"(?<=\d) ± (?=\d)"), "\u00a0±\u00a0"),
    # no full stop stands alone at the start of a line, and no opening bracket at its end
    (
        re.compile(rf"([(\[]+{_FORMULA}[)\].,;:?!]*|{_FORMULA}[)\].,;:?!]+)"),
        r'<span class="unbroken">\1</span>',
    ),
    # one name for the contents of every theorem
    (re.compile(r' id="proof-content"'), ""),
)
#: Files that no page asks for any more.
UNUSED = ("fontawesome.js", "fontawesome.js.map", "fontawesome.js.LICENSE.txt")


def mend(text: str) -> str:
    """Return the text of a page with all of `MENDS` applied."""
    for wrong, right in MENDS:
        text = wrong.sub(right, text)
    return text


#: Scripts that only the search needs, and that the theme puts on every page.
_SEARCH = re.compile(
    r'\s*<script src="[^"]*(?:_static/searchtools|_static/language_data|searchindex)\.js"></script>'
)


def mend_site(site: Path, pages: Sequence[str]) -> None:
    """Mend every page of a built site, and connect the chapters' pages.

    Parameters
    ----------
    site : Path
        As Sphinx wrote it: what is mended is not mended again.
    pages : sequence of str
        The chapters' pages from the site's root, in the order of the contents.
    """
    for page in site.rglob("*.html"):
        text = mend(page.read_text(encoding="utf-8"))
        if page.name != "search.html":
            text = _SEARCH.sub("", text)
        page.write_text(text, encoding="utf-8")
    connect(site, pages)


def lighten_site(site: Path) -> None:
    """Remove what a mended site does not use: icons, and scripts."""
    lighten(site)
    for name in UNUSED:
        (site / "_static" / "scripts" / name).unlink(missing_ok=True)
