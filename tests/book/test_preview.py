"""One chapter's page, beside pages that have not run; and what runs again when it is edited."""

import subprocess
import sys
import time

import pytest
from tiny_book import chapter, write_book

from sdtheory.book.preview import Writing

pytestmark = pytest.mark.book

GLUE = (
    "from sdtheory.book.display import glue, table\nglue('twice', f'{2 * epsilon:.3f}')\n"
    "table(('a', 'b'), [('1', '2')], caption='Two numbers')"
)
TABLE = "second-cell-2-1.csv"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    pages = {
        "first": chapter("First", "print('never run')", text="{glue:text}`nowhere`"),
        "second": chapter("Second", GLUE, text="It is {glue:text}`twice`; see {doc}`first`."),
        "third": chapter("Third", "1 / 0"),
    }
    return write_book(tmp_path_factory.mktemp("preview"), pages)


def make(root, *names):
    return subprocess.run(
        [sys.executable, "-m", "sdtheory.book.preview", "--book", str(root), *names],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def made(root):
    done = make(root, "second")
    assert done.returncode == 0, done.stderr
    return root / "_build" / "preview" / "html" / "book"


def test_the_page_shows_what_ran_and_links_to_the_rest(made):
    page = (made / "second.html").read_text(encoding="utf-8")
    assert ">0.090<" in page
    assert 'href="first.html"' in page
    assert "never run" in (made / "first.html").read_text(encoding="utf-8")


def test_the_pages_are_connected_and_offer_their_data(made):
    page = (made / "second.html").read_text(encoding="utf-8")
    assert "fontawesome.js" not in page
    assert f'href="../data/{TABLE}" download' in page
    assert (made.parent / "data" / TABLE).read_text(encoding="utf-8").split() == ["a,b", "1,2"]
    assert (made.parent / "_static" / "places.js").is_file()


def test_nothing_is_published(root, made):
    assert not (root / "_build" / "html").exists()
    assert not (root / "_build" / "manifest.json").exists()


def test_what_is_edited_runs_again_and_nothing_else(root, made):
    writing = Writing(root, root / "_build", None)
    writing.since = time.time()
    assert writing.chosen() == []
    path = root / "book" / "second.md"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("2 * epsilon", "3 * epsilon"), encoding="utf-8")
    assert [c.name for c in writing.chosen()] == ["second"]
    path.write_text(text, encoding="utf-8")
    assert [c.name for c in Writing(root, root / "_build", "first").chosen()] == ["first"]


def test_a_chapter_that_fails_is_named(root, made):
    done = make(root, "third")
    assert done.returncode == 1
    assert "book/third.md, line 24 (code cell 2): ZeroDivisionError" in done.stderr
    assert (made / "third.html").exists()


@pytest.mark.parametrize("names", [(), ("nowhere",)])
def test_an_unknown_chapter_is_refused(root, names):
    done = make(root, *names)
    assert done.returncode == 1
    assert "Choose one of: first, second, third." in done.stderr
