"""Print the built book as one PDF, in a browser.

The chapters are taken from the pages as they are, put into one page, and that
page is printed. So the PDF holds what the site shows: the same numbers of
figures and theorems, the same formulas. Proofs are open; folded code is left out.
"""

from __future__ import annotations

import argparse
import io
import re
import shutil
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path, PurePosixPath
from tempfile import NamedTemporaryFile

import yaml
from bs4 import BeautifulSoup, Tag
from playwright.sync_api import Browser, Page, Playwright, sync_playwright
from pypdf import PdfReader, PdfWriter

from sdtheory.book.notebooks import find_book, parts
from sdtheory.files import replacing
from sdtheory.validation import InvalidInputError

#: Commands that start Chromium or Chrome.
BROWSERS = ("chromium", "google-chrome", "google-chrome-stable", "chromium-browser")
#: A browser that asks nothing of other hosts, also in a container.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
#: Pixels of CSS between the margins of A4 that print.css leaves: 210 mm less 16 mm on each side.
WIDTH = int((210 - 32) / 25.4 * 96)
#: What only a screen can use, and what the site keeps.
SCREEN_ONLY = (
    "script, a.headerlink, details.hide, button, noscript, link, div.toctree-wrapper, "
    "details:has(> pre.coq)"
)


class PrintError(Exception):
    """The book cannot be printed; the message says why."""


class _Names:
    """Names and addresses within the one page."""

    def __init__(self, pages: list[str]) -> None:
        self.pages = set(pages)

    def name(self, page: str, part: str = "") -> str:
        """Return the id of a part of a page, or of the page."""
        start = PurePosixPath(page).name
        return f"{start}.{part}" if part else start

    def address(self, page: str, target: str) -> str | None:
        """Return where a link of a page leads in the one page; None if not into the book."""
        if re.match(r"[a-z]+:", target):
            return target
        path, _, part = target.partition("#")
        parent = PurePosixPath(page).parent
        other = page if not path else str(parent / path.removesuffix(".html"))
        return f"#{self.name(other, part)}" if other in self.pages else None


def chapter(soup: BeautifulSoup, page: str, names: _Names) -> Tag:
    """Take a chapter out of its page, with names that no other chapter has."""
    article = soup.select_one("article.bd-article")
    if article is None:
        raise PrintError(f"the page of {page} has no article. Build the book again.")
    for element in [*article.select(SCREEN_ONLY), *article.find_all(re.compile("^sd-"))]:
        element.decompose()
    for details in article.find_all("details"):
        # a theorem of Coq keeps its line and leaves its text to the site
        if not details.get_text().strip().startswith("Machine-checked"):
            details["open"] = ""
    for element in article.find_all(True):
        for key in ("aria-labelledby", "aria-describedby"):
            if key in element.attrs:
                ids = str(element[key]).split()
                element[key] = " ".join(names.name(page, part) for part in ids)
        if "id" in element.attrs:
            element["id"] = names.name(page, str(element["id"]))
    for link in article.find_all("a", href=True):
        address = names.address(page, str(link["href"]))
        if address is None:
            # only the site has that page
            del link["href"]
        else:
            link["href"] = address
    article["id"] = names.name(page)
    article["class"] = "bd-article printed-chapter"
    return article


def one_page(root: Path, site: Path, day: date) -> str:
    """Return the HTML of all chapters in one page, to be read in the folder of the chapters.

    Parameters
    ----------
    root : Path
        Holds the book's sources.
    site : Path
        Holds its pages.
    day : date
        Shown on the title page.

    Raises
    ------
    PrintError
        If a page is missing.
    """
    book = parts(root)
    names = _Names([page for part in book for page in part.chapters])
    config = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
    sheet = BeautifulSoup("<!DOCTYPE html><html><head></head><body></body></html>", "html.parser")
    html, head, body = (sheet.select_one(name) for name in ("html", "head", "body"))
    assert html is not None and head is not None and body is not None  # noqa: PT018
    html.attrs = {"lang": "en", "data-theme": "light"}
    main = sheet.new_tag("main", attrs={"class": "bd-content bd-article-container"})
    listed = sheet.new_tag("nav", attrs={"class": "printed-contents", "aria-label": "Contents"})
    listed.append(_tag(sheet, "h1", "Contents"))
    for part in book:
        if part.caption:
            listed.append(_tag(sheet, "p", part.caption))
        lines = sheet.new_tag("ul")
        for page in part.chapters:
            path = site / f"{page}.html"
            try:
                soup = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
            except FileNotFoundError:
                raise PrintError(f"{path} is missing. Run make book first.") from None
            if not head.contents:
                head.extend(_head(soup, config["title"]))
            article = chapter(soup, page, names)
            heading = article.find("h1")
            assert isinstance(heading, Tag)
            line = sheet.new_tag("a", href=f"#{names.name(page)}")
            line.extend([_tag(sheet, "span", heading.get_text()), sheet.new_tag("span")])
            item = sheet.new_tag("li")
            item.append(line)
            lines.append(item)
            main.append(article)
        listed.append(lines)
    title = sheet.new_tag("section", attrs={"class": "printed-title"})
    name, _, kind = config["title"].partition(": ")
    title.extend(
        [
            _tag(sheet, "p", name),
            _tag(sheet, "p", kind),
            _tag(sheet, "p", config["author"]),
            _tag(sheet, "p", f"{day:%d %B %Y}".lstrip("0")),
        ]
    )
    body.extend([title, listed, main])
    return str(sheet)


def _tag(sheet: BeautifulSoup, name: str, text: str) -> Tag:
    tag = sheet.new_tag(name)
    tag.string = text
    return tag


def _head(soup: BeautifulSoup, title: str) -> Iterator[Tag]:
    """Yield what a page needs to look as it does: its styles, and what sets formulas."""
    yield _tag(soup, "title", title)
    yield soup.new_tag("meta", charset="utf-8")
    for element in soup.select("head link[rel=stylesheet], head script"):
        text = element.get_text() + str(element.get("src", ""))
        if element.name == "link" or "MathJax" in text or "mathjax" in text:
            yield element


#: Sets what is wider than the paper in smaller letters, and returns what stays wider. It measures
#: all before it changes any: every change lays the whole book out again.
_FIT = """() => {
  const edge = document.querySelector("main").getBoundingClientRect().right + 1;
  const boxes = "mjx-container[display=true], span.math, table, pre, svg, img";
  let wide = [...document.querySelectorAll(`main :is(${boxes})`)];
  for (let size = 100; size >= 40 && wide.length; size -= 5) {
    if (size < 100) wide.forEach(box => { box.style.fontSize = `${size}%`; });
    wide = wide.filter(box => [box, ...box.children].some(
      part => part.getBoundingClientRect().right > edge));
  }
  return wide.map(box => `${box.closest("article").id}: ${box.textContent.slice(0, 60)}`);
}"""
#: Writes the numbers of pages into the contents.
_NUMBER = """numbers => document.querySelectorAll(".printed-contents a").forEach(
  (line, place) => { line.lastChild.textContent = numbers[place]; })"""
_FOOTER = (
    '<div style="width: 100%; text-align: center; font: 8pt sans-serif; color: #555">'
    '<span class="pageNumber"></span></div>'
)


def browse(playwright: Playwright) -> Browser:
    """Start the browser of this machine.

    Raises
    ------
    PrintError
        If there is none.
    """
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        raise PrintError(f"there is no browser. Install one of {', '.join(BROWSERS)}.")
    return playwright.chromium.launch(executable_path=found, args=list(FLAGS))


def page_of(reader: PdfReader, name: str) -> int:
    """Return the number of the page, from 1, where a named part begins."""
    destination = reader.named_destinations.get(f"/{name}") or reader.named_destinations.get(name)
    if destination is None:
        raise PrintError(f"the printed book has no place named {name}.")
    number = reader.get_destination_page_number(destination)
    assert number is not None
    return number + 1


def print_page(page: Page, chapters: list[str]) -> bytes:
    """Print the page that a browser shows, with the numbers of pages in its contents.

    Raises
    ------
    PrintError
        If anything is wider than the paper, however small it is set.
    """
    page.emulate_media(media="print", color_scheme="light")
    page.evaluate("Promise.resolve(window.MathJax?.startup?.promise)")
    page.evaluate("document.fonts.ready.then(() => null)")
    wide = page.evaluate(_FIT)
    if wide:
        raise PrintError("wider than the paper:\n  " + "\n  ".join(wide))
    page.evaluate(_NUMBER, ["000"] * len(chapters))
    draft = PdfReader(io.BytesIO(_pdf(page)))
    page.evaluate(_NUMBER, [str(page_of(draft, name)) for name in chapters])
    return _pdf(page)


def _pdf(page: Page) -> bytes:
    return page.pdf(
        prefer_css_page_size=True,
        format="A4",
        outline=True,
        tagged=True,
        print_background=True,
        display_header_footer=True,
        header_template="<span></span>",
        footer_template=_FOOTER,
    )


def make_pdf(root: Path, site: Path, target: Path, browser: Browser) -> int:
    """Print a built book; return the number of pages.

    Parameters
    ----------
    root : Path
        Holds the book's sources.
    site : Path
        Holds its pages, as `sdtheory.book.build.build` made them.
    target : Path
        The PDF to write.
    browser : Browser

    Raises
    ------
    PrintError
        If a page is missing, or something does not fit the paper.
    """
    text = one_page(root, site, date.today())
    pages = [page for part in parts(root) for page in part.chapters]
    folder = (site / pages[0]).parent
    # beside the chapters, where the addresses of their images and styles lead
    with NamedTemporaryFile("w", dir=folder, prefix=".pdf-", suffix=".html") as sheet:
        sheet.write(text)
        sheet.flush()
        page = browser.new_page(viewport={"width": WIDTH, "height": 1000})
        page.set_default_timeout(0)
        page.goto(Path(sheet.name).resolve().as_uri(), timeout=0)
        printed = print_page(page, [PurePosixPath(name).name for name in pages])
        page.close()
    writer = PdfWriter(clone_from=io.BytesIO(printed))
    writer.page_mode = "/UseOutlines"
    config = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
    writer.add_metadata({"/Author": config["author"], "/Title": config["title"]})
    with replacing(target) as partial:
        writer.write(partial)
    return len(writer.pages)


def main() -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(description="Print the built book as one PDF.")
    parser.add_argument("--book", type=Path, help="folder that holds _toc.yml (default: found)")
    parser.add_argument("--output", type=Path, help="default: _build/book.pdf in that folder")
    arguments = parser.parse_args()
    try:
        root = find_book(arguments.book)
        target = arguments.output or root / "_build" / "book.pdf"
        with sync_playwright() as playwright:
            number = make_pdf(root, root / "_build" / "html", target, browse(playwright))
    except (PrintError, InvalidInputError, OSError) as error:
        print(f"\nThe book was not printed.\n{error}", file=sys.stderr)
        return 1
    print(f"The book on {number} pages: {target}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
