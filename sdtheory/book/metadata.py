"""Metadata of the site for machines: descriptions, dates, a citation, a list of pages, a map."""

from __future__ import annotations

import html
import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import yaml

from sdtheory.book.notebooks import pages_of, parts
from sdtheory.book.places import plain, title_of

PAPER = "https://arxiv.org/abs/2002.05715"
#: Longest description, in characters.
_LONGEST = 200
_PARAGRAPH = re.compile(r"</h1>.*?<p>(.*?)</p>", re.DOTALL)
_FORMULA = re.compile(r"\\\(.*?\\\)", re.DOTALL)
_FIGURE = re.compile(r"<figure\b.*?</figure>", re.DOTALL)
_FOOTER = re.compile(r'<div class="footer-item">\s*</div>')


def describe(site: Path, root: Path, repository: str | None = None) -> None:
    """Add metadata to a built site.

    Every page gets a description, OpenGraph properties, the date of its last
    change, and external links. The site gets ``citation.bib``, ``llms.txt`` and, if
    its address is known, ``sitemap.xml``.

    Parameters
    ----------
    site : Path
        The pages.
    root : Path
        The book's folder.
    repository : str, optional
        Owner and name on GitHub; by default what the workflow says.
    """
    owner = os.environ.get("GITHUB_REPOSITORY", "") if repository is None else repository
    address = "https://{}.github.io/{}/".format(*owner.split("/", 1)) if owner else ""
    config = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
    changed = dates(root)
    pages = pages_of(root)
    texts = {page: (site / page).read_text(encoding="utf-8") for page in pages}
    about = {page: description(text) for page, text in texts.items()}
    titles = {page: title_of(text) for page, text in texts.items()}
    for page, text in texts.items():
        properties = {
            "og:title": titles[page],
            "og:type": "article",
            "og:site_name": config["title"],
            "og:description": about[page],
            "og:url": f"{address}{page}" if address else "",
        }
        names = {"description": about[page], "date": changed.get(Path(page).stem, "")}
        head = "".join(
            f'<meta {kind}="{key}" content="{html.escape(value, quote=True)}" />\n'
            for kind, values in (("name", names), ("property", properties))
            for key, value in values.items()
            if value
        )
        if address:
            head += f'<link rel="canonical" href="{properties["og:url"]}" />\n'
        described = text.replace("</head>", f"{head}</head>", 1)
        linked = _FOOTER.sub(_links(owner), described, count=1)
        (site / page).write_text(linked, encoding="utf-8")
    (site / "citation.bib").write_text(citation(root, config), encoding="utf-8")
    listed = overview(root, config["title"], titles, about)
    (site / "llms.txt").write_text(listed, encoding="utf-8")
    if address:
        urls = "".join(
            f"<url><loc>{address}{page}</loc>"
            + (f"<lastmod>{day}</lastmod>" if (day := changed.get(Path(page).stem)) else "")
            + "</url>"
            for page in pages
        )
        (site / "sitemap.xml").write_text(
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{urls}</urlset>\n',
            encoding="utf-8",
        )


def description(text: str) -> str:
    """Return the first paragraph of a page, in whole sentences as far as they fit, or cut."""
    found = _PARAGRAPH.search(_FIGURE.sub("", text))
    words = plain(_FORMULA.sub("…", found[1])) if found else ""
    if len(words) <= _LONGEST:
        return words
    end = words.rfind(". ", 0, _LONGEST)
    return words[: end + 1] if end > 0 else words[: words.rfind(" ", 0, _LONGEST)] + "…"


def dates(root: Path) -> dict[str, str]:
    """Return the day of the last change of each chapter, by name, as far as git knows."""
    try:
        log = subprocess.run(
            ["git", "log", "--format=day %cs", "--name-only", "--", "book"],
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return {}
    found: dict[str, str] = {}
    day = ""
    for line in log.splitlines():
        if line.startswith("day "):
            day = line.removeprefix("day ")
        elif line.endswith(".md"):
            found.setdefault(Path(line).stem, day)
    return found


def citation(root: Path, config: Mapping[str, str]) -> str:
    """Return how to cite the book and its paper, in BibTeX, from ``CITATION.cff``."""
    path, bibliography = root / "CITATION.cff", root / "book" / "references.bib"
    entries = []
    if path.is_file():
        known = yaml.safe_load(path.read_text(encoding="utf-8"))
        authors = " and ".join(f"{{{author['name']}}}" for author in known["authors"])
        entries.append(
            f"@software{{sdtheory,\n  author  = {{{authors}}},\n  title   = {{{known['title']}}},\n"
            f"  version = {{{known['version']}}},\n  year    = {{{config['copyright']}}}\n}}\n"
        )
    paper = re.search(r"@\w+\{mobahi2020self,.*?\n\}\n", bibliography.read_text("utf-8"), re.DOTALL)
    return "\n".join([*entries, *([paper[0]] if paper else [])])


def overview(root: Path, title: str, titles: Mapping[str, str], about: Mapping[str, str]) -> str:
    """Return the list of all pages with their descriptions, for readers that are programs.

    Parameters
    ----------
    root : Path
        Holds the table of contents.
    title : str
        The book's.
    titles, about : mapping of str to str
        Title and description of each page.
    """
    lines = [f"# {title}\n"]
    for part in parts(root):
        lines += [f"\n## {part.caption}\n"] if part.caption else []
        for chapter in part.chapters:
            page = f"{chapter}.html"
            lines.append(f"- [{titles[page]}]({page}): {about[page]}")
    return "\n".join(lines) + "\n"


def _links(repository: str) -> str:
    links = {"The paper": PAPER, "Cite (BibTeX)": "../citation.bib"}
    if repository:
        source = f"https://github.com/{repository}"
        links |= {"Repository": source, "Report a problem": f"{source}/issues/new"}
    listed = " · ".join(f'<a href="{to}">{words}</a>' for words, to in links.items())
    return f'<div class="footer-item"><p class="links-out">{listed}</p></div>'
