"""What machines read of the site."""

import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from sdtheory.book.metadata import PAPER, dates, describe, description

ROOT = Path(__file__).parents[2]
PAGE = """<html><head><title>One</title></head><body>
<h1>One<a class="headerlink" href="#one">#</a></h1>
<figure><figcaption><p>A caption.</p></figcaption></figure>
<p><em>Words</em> about &amp; <span>\\(x\\)</span>.</p>
<div class="footer-item">
</div><div class="footer-item"> </div></body></html>"""


CONTENTS = """\
root: book/one
parts:
  - caption: More
    chapters:
      - file: book/two
"""


@pytest.fixture
def site(tmp_path):
    (tmp_path / "site" / "book").mkdir(parents=True)
    for name in ("One", "Two"):
        page = tmp_path / "site" / "book" / f"{name.lower()}.html"
        page.write_text(PAGE.replace("One", name), encoding="utf-8")
    (tmp_path / "book").mkdir()
    (tmp_path / "_toc.yml").write_text(CONTENTS, encoding="utf-8")
    for name in ("_config.yml", "CITATION.cff", "book/references.bib"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path / "site"


def read(site, name):
    return (site / name).read_text(encoding="utf-8")


def test_a_page_describes_itself(site):
    describe(site, site.parent, "")
    text = read(site, "book/one.html")
    assert '<meta name="description" content="Words about &amp; …." />' in text
    assert '<meta property="og:title" content="One" />' in text
    assert 'property="og:description"' in text
    assert text.count(f'href="{PAPER}"') == 1
    assert 'href="../citation.bib"' in text
    assert "github" not in text
    assert not (site / "sitemap.xml").exists()


def test_where_the_address_is_known_there_are_a_map_and_links_to_the_repository(site):
    describe(site, site.parent, "owner/name")
    text = read(site, "book/one.html")
    pages = [f"https://owner.github.io/name/book/{name}.html" for name in ("one", "two")]
    assert f'<link rel="canonical" href="{pages[0]}" />' in text
    assert 'href="https://github.com/owner/name/issues/new"' in text
    urls = [
        e.text for e in ET.fromstring(read(site, "sitemap.xml")).iter() if e.tag.endswith("loc")
    ]
    assert urls == pages


def test_the_citation_is_that_of_the_file(site):
    describe(site, site.parent, "")
    text = read(site, "citation.bib")
    version = re.search(r"^version: (.*)$", read(ROOT, "CITATION.cff"), re.MULTILINE)[1]
    assert f"version = {{{version}}}" in text
    assert "@inproceedings{mobahi2020self," in text
    assert text.count("@") == 2
    assert text.count("{") == text.count("}")


def test_programs_get_a_list_of_the_pages(site):
    describe(site, site.parent, "")
    lines = read(site, "llms.txt").splitlines()
    described = "Words about & …."
    assert lines[2:4] == [f"- [One](book/one.html): {described}", ""]
    assert lines[4:] == ["## More", "", f"- [Two](book/two.html): {described}"]


def test_a_long_description_ends_with_a_sentence_or_a_word():
    sentence = "A sentence of some words. "
    cut = description(f"<h1>T</h1><p>{sentence * 20}</p>")
    assert cut.endswith("words.")
    assert 100 < len(cut) <= 200
    cut = description(f"<h1>T</h1><p>{'word ' * 100}</p>")
    assert cut.endswith("word…")
    assert len(cut) <= 201


def test_the_date_is_that_of_the_last_change(tmp_path):
    def git(*arguments, day="2024-05-06"):
        subprocess.run(
            ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments],
            cwd=tmp_path,
            check=True,
            capture_output=True,
            env={"PATH": "/usr/bin:/bin", "GIT_COMMITTER_DATE": f"{day}T12:00:00Z"},
        )

    assert dates(tmp_path) == {}
    git("init")
    (tmp_path / "book").mkdir()
    for name, day in (("a", "2024-05-06"), ("b", "2024-05-07")):
        (tmp_path / "book" / f"{name}.md").touch()
        git("add", ".")
        git("commit", "-m", name, day=day)
    assert dates(tmp_path) == {"a": "2024-05-06", "b": "2024-05-07"}
