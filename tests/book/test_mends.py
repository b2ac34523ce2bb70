"""What is mended in the theme's pages."""

import pytest

from sdtheory.book.pages import MENDS, mend, mend_site

WRONG = {
    '<script defer src="../_static/scripts/fontawesome.js?digest=55c2"></script>': "",
    '<summary aria-label="Toggle hidden content">': "<summary>",
    '<button class="btn search-button-field" title="Search" aria-label="Search" x>': (
        '<button class="btn search-button-field" title="Search" x>'
    ),
    '<i class="theme-switch fa-sun"  data-mode="light" title="Light"></i>': (
        '<i class="theme-switch fa-sun"  data-mode="light"></i>'
    ),
    '<div id="pst-primary-sidebar" class="bd-sidebar">': (
        '<div id="pst-primary-sidebar" class="bd-sidebar" role="complementary" aria-label="Book">'
    ),
    '<div id="id3" role="doc-biblioentry">': '<div id="id3" role="listitem">',
    "<ul><li>a</li>\n<ul><li>b</li>\n</ul>\n<li>c</li></ul>": (
        "<ul><li>a</li>\n<li>b</li>\n<li>c</li></ul>"
    ),
    '<section class="theorem-content" id="proof-content">': '<section class="theorem-content">',
}


@pytest.mark.parametrize("wrong", WRONG)
def test_it_is_mended(wrong):
    assert mend(f"<p>{wrong}</p>") == f"<p>{WRONG[wrong]}</p>"
    assert mend(WRONG[wrong]) == WRONG[wrong]  # pages that did not change are mended again


def test_everything_has_an_example():
    assert all(any(pattern.search(wrong) for wrong in WRONG) for pattern, _ in MENDS)


def test_what_is_right_stays():
    text = '<button aria-label="Search"></button><summary>More</summary><p id="proof">Words</p>'
    assert mend(text) == text


def test_a_site_is_mended_everywhere(tmp_path):
    scripts = tmp_path / "_static" / "scripts"
    scripts.mkdir(parents=True)
    (scripts / "fontawesome.js").touch()
    (scripts / "bootstrap.js").touch()
    for page in ("index.html", "book/chapter.html"):
        (tmp_path / page).parent.mkdir(exist_ok=True)
        (tmp_path / page).write_text("".join(WRONG), encoding="utf-8")
    mend_site(tmp_path)
    for page in ("index.html", "book/chapter.html"):
        assert (tmp_path / page).read_text(encoding="utf-8") == "".join(WRONG.values())
    assert [path.name for path in scripts.iterdir()] == ["bootstrap.js"]
