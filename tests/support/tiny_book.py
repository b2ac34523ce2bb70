"""A book of a few short chapters, with the configuration of the real one."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent.parent
DRIVER = [sys.executable, "-m", "sdtheory.book.build"]

HEADER = """\
---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

# {title}

"""
PARAMETERS = """\
```{code-cell} ipython3
:tags: [parameters]

epsilon = 0.045  # tolerance
rounds = 3  # how many
kernel = "beam"
quick = True
```
"""

#: A cell whose check fails.
CHECK = """\
import numpy as np
from sdtheory import BrownianBridge, Spectrum, distill, gram
from sdtheory.book.checks import Checks
from sdtheory.statements import Instance

spectrum = Spectrum.from_gram(gram(BrownianBridge(), np.array([0.2, 0.5, 0.7])))
chain = distill(spectrum, np.array([1.0, -1.0, 2.0]), epsilon)
checks = Checks("problem", Instance.of(chain.spectrum.d, chain.z[0], epsilon, 5))
checks.add("two is one", found=2.0, expected=1.0, wrong=3.0, how="by decree")
checks.report()"""


def chapter(title: str, *cells: str, text: str = "", parameters: str = PARAMETERS) -> str:
    """Return the text of a chapter: parameters, one code cell for each source, a last paragraph."""
    code = "\n".join(f"```{{code-cell}} ipython3\n{source}\n```\n" for source in cells)
    return f"{HEADER.format(title=title)}{parameters}\n{code}\n{text}\n"


def write_book(root: Path, pages: dict[str, str]) -> Path:
    """Write a book of these pages, the first as its root, into an empty folder."""
    book = root / "book"
    book.mkdir(parents=True)
    shutil.copy(REPOSITORY / "_config.yml", root)
    shutil.copy(REPOSITORY / "book" / "matplotlibrc", book)
    for folder in ("assets", "explorables"):
        shutil.copytree(REPOSITORY / "book" / folder, book / folder)
    (book / "references.bib").touch()
    for name, text in pages.items():
        (book / f"{name}.md").write_text(text, encoding="utf-8")
    first, *others = pages
    contents = ["format: jb-book", f"root: book/{first}"]
    if others:
        contents += ["chapters:", *(f"  - file: book/{name}" for name in others)]
    (root / "_toc.yml").write_text("\n".join(contents), encoding="utf-8")
    return root


def build(root: Path) -> subprocess.CompletedProcess[str]:
    """Run the driver on a book, as ``make book`` does."""
    return subprocess.run(
        [*DRIVER, "--book", str(root)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
