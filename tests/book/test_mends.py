"""What is mended in the theme's pages."""

import shutil
from pathlib import Path

import pydata_sphinx_theme
import pytest
import yaml
from fontTools.ttLib import TTFont

from sdtheory.book.icons import lighten
from sdtheory.book.pages import _MATHJAX, MENDS, lighten_site, mend, mend_site

STARTUP = '<script defer="defer" src="../_static/mathjax/startup.js?v=1"></script>'
PRELOADED = "".join(
    f'<link rel="preload" as="script" href="../_static/mathjax/{part}.js">' for part in _MATHJAX
)
WRONG = {
    STARTUP: PRELOADED + STARTUP,
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
    "<td>0.1282 ± 0.0091</td>": "<td>0.1282\u00a0±\u00a00.0091</td>",
    r'<span class="math notranslate nohighlight">\(n\)</span>.': (
        r'<span class="unbroken"><span class="math notranslate nohighlight">\(n\)</span>.</span>'
    ),
    r'set (<span class="math notranslate nohighlight">\(n\)</span>), and': (
        r'set <span class="unbroken">(<span class="math notranslate nohighlight">\(n\)</span>),'
        "</span> and"
    ),
    '<section class="theorem-content" id="proof-content">': '<section class="theorem-content">',
}


@pytest.mark.parametrize("wrong", WRONG)
def test_it_is_mended(wrong):
    assert mend(f"<p>{wrong}</p>") == f"<p>{WRONG[wrong]}</p>"


def test_everything_has_an_example():
    assert all(any(pattern.search(wrong) for wrong in WRONG) for pattern, _ in MENDS)


def test_what_is_preloaded_is_what_mathjax_asks_for():
    root = Path(__file__).parents[2]
    config = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
    load = config["sphinx"]["config"]["mathjax3_config"]["loader"]["load"]
    assert set(load) | {"output/chtml/fonts/tex"} == set(_MATHJAX)
    assert all((root / "book" / "assets" / "mathjax" / f"{p}.js").is_file() for p in _MATHJAX)


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
    mend_site(tmp_path, ["book/chapter.html"])
    lighten_site(tmp_path)
    for page in ("index.html", "book/chapter.html"):
        assert (tmp_path / page).read_text(encoding="utf-8") == "".join(WRONG.values())
    assert [path.name for path in scripts.iterdir()] == ["bootstrap.js"]


def test_only_the_icons_that_are_used_stay(tmp_path):
    theme = Path(pydata_sphinx_theme.__file__).parent / "theme/pydata_sphinx_theme/static"
    shutil.copytree(theme, tmp_path / "_static")
    (tmp_path / "index.html").write_text('<i class="fas fa-bars"></i>', encoding="utf-8")
    fonts = tmp_path / "_static/vendor/fontawesome/webfonts"
    before = (fonts / "fa-solid-900.woff2").stat().st_size
    lighten(tmp_path)
    assert {path.suffix for path in fonts.iterdir()} == {".woff"}
    assert (fonts / "fa-solid-900.woff").stat().st_size < before / 20
    characters = TTFont(fonts / "fa-solid-900.woff").getBestCmap()
    bars, lightbulb, anchor = 0xF0C9, 0xF0EB, 0xF13D  # of the page, of the theme, of nobody
    assert {bars, lightbulb} <= set(characters)
    assert anchor not in characters
    style = (tmp_path / "_static/styles/pydata-sphinx-theme.css").read_text(encoding="utf-8")
    assert ".fa-bars:before" in style
    assert ".fa-anchor:before" not in style
    assert ".ttf" not in style
    lighten(tmp_path)
    assert (tmp_path / "_static/styles/pydata-sphinx-theme.css").read_text("utf-8") == style


def test_only_the_search_loads_the_search(tmp_path):
    scripts = "".join(
        f'<script src="../{name}.js"></script>'
        for name in ("_static/searchtools", "_static/language_data", "searchindex")
    )
    for name in ("page", "search"):
        (tmp_path / f"{name}.html").write_text(f"<p>{scripts}</p>", encoding="utf-8")
    mend_site(tmp_path, [])
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == "<p></p>"
    assert (tmp_path / "search.html").read_text(encoding="utf-8") == f"<p>{scripts}</p>"
