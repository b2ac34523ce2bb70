"""Shows figures with caption and alt text, numbers in prose, and tables.

The outputs carry their labels as metadata; the book's driver turns it into
numbered figures. In JupyterLab the same outputs show without it.
"""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from itertools import count, zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np
from IPython.display import display
from numpy.typing import ArrayLike

from sdtheory.validation import InvalidInputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from nbformat import NotebookNode

#: Key of an output's metadata under which a figure's label, caption and alt text stand.
FIGURE_METADATA = "sdtheory_figure"
#: Key under which stands what an output claims, for the manifest.
CLAIM_METADATA = "sdtheory_claim"
#: Accuracy of what a figure shows, relative to the largest number of its series.
FIGURE_ACCURACY = 1e-6
#: A column with a cell longer than this holds words, which wrap; the others do not.
_WORDS = 24


def _required(text: str, name: str, what: str) -> str:
    if not isinstance(text, str) or not text.strip():
        raise InvalidInputError(f"{name} is missing. Pass {what}.")
    return text


def figure(fig: Figure, *, label: str, caption: str, alt: str, varies: str = "") -> None:
    """Show a figure as SVG and close it.

    Parameters
    ----------
    fig : matplotlib Figure
    label : str
        Target of references, ``fig-...``, unique in the book.
    caption : str
        What the figure claims; may hold MyST markup and ``$TeX$``.
    alt : str
        What the figure shows, in plain words, for those who cannot see it.
    varies : str, optional
        Why its data differ between runs by nature, such as times, or rounding errors.

    Raises
    ------
    InvalidInputError
        If one of the three texts is blank, or the alt text repeats the
        caption.
    """
    _required(label, "label", "the name by which the text refers to the figure")
    _required(caption, "caption", "a sentence that says what the figure claims")
    _required(alt, "alt", "a description for readers who cannot see the figure")
    if alt.strip() == caption.strip():
        raise InvalidInputError(
            "alt repeats caption. The caption says what the figure claims; describe in alt what it "
            "shows."
        )
    claim = {
        "kind": "figure",
        "name": label,
        "series": drawn(fig),
        "accuracy": FIGURE_ACCURACY,
        "varies": varies,
    }
    target = io.StringIO()
    plt = import_module("matplotlib.pyplot")  # the driver, which draws nothing, waits for none
    with plt.rc_context({"svg.hashsalt": label, "svg.fonttype": "path"}):
        fig.savefig(target, format="svg", metadata={"Date": None, "Creator": None})
    plt.close(fig)
    display(
        {"image/svg+xml": target.getvalue(), "text/plain": alt},
        raw=True,
        metadata={
            FIGURE_METADATA: {"label": label, "caption": caption, "alt": alt},
            CLAIM_METADATA: claim,
        },
    )


def drawn(fig: Figure) -> dict[str, list[float | None]]:
    """Return the numbers behind a figure, read from its axes, by kind and place.

    Parameters
    ----------
    fig : matplotlib Figure
    """
    found: dict[str, Any] = {}
    for number, axes in enumerate(fig.axes):
        for k, line in enumerate(axes.lines):
            found[f"axes {number}, line {k}, x"] = line.get_xdata(orig=False)
            found[f"axes {number}, line {k}, y"] = line.get_ydata(orig=False)
        for k, group in enumerate(axes.collections):
            found[f"axes {number}, collection {k}, places"] = group.get_offsets()
            for i, path in enumerate(group.get_paths()):
                found[f"axes {number}, collection {k}, path {i}"] = path.vertices
            found[f"axes {number}, collection {k}, values"] = group.get_array()
        for k, patch in enumerate(axes.patches):
            corners = patch.get_patch_transform().transform(patch.get_path().vertices)
            found[f"axes {number}, patch {k}"] = corners
        for k, image in enumerate(axes.images):
            found[f"axes {number}, image {k}"] = image.get_array()
    return {
        name: [None if not np.isfinite(v) else float(v) for v in np.ma.filled(flat, np.nan)]
        for name, values in found.items()
        if values is not None
        and (flat := np.ma.asarray(np.ma.masked_invalid(np.asarray(values, float))).ravel()).size
    }


def offered(cell: NotebookNode, chapter: str) -> Iterator[tuple[NotebookNode, str]]:
    """Yield the figures and tables that a cell shows, each with the name of its file of data.

    Parameters
    ----------
    cell : NotebookNode
        An executed code cell.
    chapter : str
        Its chapter, for the names of the files.
    """
    numbers = count(1)
    for output in cell.outputs:
        claim = output.get("metadata", {}).get(CLAIM_METADATA, {})
        if claim.get("kind") == "figure":
            yield output, f"{claim['name']}.csv"
        elif claim.get("kind") == "table":
            yield output, f"{chapter}-cell-{cell.execution_count}-{next(numbers)}.csv"


def data_of(output: NotebookNode) -> str:
    """Return the comma-separated values behind a figure or table of `offered`.

    A figure's columns are its series, a table's are its own.
    """
    claim, text = output.metadata[CLAIM_METADATA], io.StringIO()
    if claim["kind"] == "figure":
        series = claim["series"]
        csv.writer(text).writerows([list(series), *zip_longest(*series.values())])
    else:
        rows = output.data["text/plain"].splitlines()[1:]
        csv.writer(text).writerows(row.split("\t") for row in rows)
    return text.getvalue()


#: Outputs of this kind are pasted and not shown.
_PASTED = "application/papermill.record/"


def glue(name: str, text: str, *, varies: str = "") -> None:
    """Make a computed text available to the prose as ``{glue:text}`name```.

    Parameters
    ----------
    name : str
        Unique within the page.
    text : str
        The number, formatted.
    varies : str, optional
        Why it differs between runs by nature, such as seconds.

    Raises
    ------
    InvalidInputError
        If the name is blank or the text is not a string.
    """
    _required(name, "name", "the name that the prose uses")
    if not isinstance(text, str):
        raise InvalidInputError(
            f"text must be a string, but is {type(text).__name__}. Format the number, for example "
            f"f'{{value:.3g}}'."
        )
    # The metadata that MyST-NB reads; its own helper would load Sphinx into the kernel. With the
    # prefix the page shows the text only where it is pasted, and a notebook beside its cell. As a
    # literal, because MyST-NB evaluates what it pastes: 20,000 would become a pair of numbers.
    display(
        {"text/plain": text, f"{_PASTED}text/plain": repr(text)},
        raw=True,
        metadata={
            "scrapbook": {"name": name, "mime_prefix": _PASTED},
            CLAIM_METADATA: {"kind": "number", "name": name, "text": text, "varies": varies},
        },
    )


def median_range(values: ArrayLike, digits: int = 3) -> str:
    """Return the median of draws and, in brackets, the quantiles that hold 90 % of them.

    Parameters
    ----------
    values : array_like of shape (m,)
        One number for each draw; if they agree, the text has no brackets.
    digits : int
        Significant digits.

    Returns
    -------
    str

    Examples
    --------
    >>> median_range([1, 2, 3])
    '2 [1.1, 2.9]'
    """
    low, middle, high = np.quantile(np.asarray(values, dtype=float), [0.05, 0.5, 0.95])
    text = f"{middle:.{digits}g}"
    return f"{text} [{low:.{digits}g}, {high:.{digits}g}]" if high > low * (1 + 1e-9) else text


_FORMULA = re.compile(r"\\\((.*?)\\\)", re.DOTALL)
_DELIMITER = r"\b\s*(?:\\[A-Za-z]+|\\?.)"
#: What opens and closes a group of a formula, and where the formula may break between groups.
_TEX = re.compile(
    rf"(?P<open>[{{(\[]|\\{{|\\begin\b|\\(?:left|[bB]igg?l){_DELIMITER})"
    rf"|(?P<close>[}})\]]|\\}}|\\end\b|\\(?:right|[bB]igg?r){_DELIMITER})"
    r"|(?P<before>[=<>]|\\(?:le|ge|ne|leq|geq|neq|to|iff|implies|approx|text)\b)"
    r"|(?P<after>[,;](?:\s|\\[ ,;])*)|(?P<wide>\s*\\q?quad\b\s*)|\\[A-Za-z]+|\\?.",
    re.DOTALL,
)


def breakable(tex: str) -> str:
    r"""Return a formula as several, between which a line of text may break.

    It breaks as TeX breaks a formula in a paragraph: before a relation or a word, after
    a comma, and at a wide space. It never breaks inside brackets.

    Parameters
    ----------
    tex : str
        Without dollars or brackets.

    Returns
    -------
    str
        The parts, each between ``\(`` and ``\)``.
    """
    made, depth, bare = "", 0, True  # bare: the part holds no more than a relation
    for token in _TEX.finditer(tex):
        kind, text = token.lastgroup, token[0]
        depth += (kind == "open") - (kind == "close")
        if depth or kind not in ("before", "after", "wide"):
            made += text
            bare = bare and text.isspace()
            continue
        if kind == "before":  # the empty group keeps the relation's distance
            made += text if bare else f"\\)\u200b\\({{}}{text}"
        elif kind == "after":
            made += f"{text[0]}\\) \\("
        else:
            made = made.removesuffix("\\) \\(") + "\\)\u2003\\("
        bare = True
    return f"\\({made}\\)"


def broken(text: str) -> str:
    r"""Return a text whose formulas, between ``\(`` and ``\)``, may break into lines."""
    return _FORMULA.sub(lambda match: breakable(match[1]), text)


def html_table(
    headers: Sequence[str],
    rows: Iterable[Sequence[str]],
    caption: str,
    *,
    words: Sequence[bool] | None = None,
    folds: bool = False,
) -> str:
    """Return a table that scrolls by itself, as HTML.

    Parameters
    ----------
    headers : sequence of str
        Column headers, in plain text; the first column holds row headers.
    rows : iterable of sequence of str
        Cells, in HTML.
    caption : str
        In plain text.
    words : sequence of bool, optional
        Which columns hold running text, which wraps.
    folds : bool, default=False
        Whether the cells of a row stand below each other, each after its header.

    Returns
    -------
    str
    """
    marks = [' class="words"' if long else "" for long in words or [False] * len(headers)]
    head = "".join(
        f'<th scope="col"{mark}>{html.escape(header)}</th>' if header else f"<td{mark}></td>"
        for header, mark in zip(headers, marks, strict=True)
    )
    body = []
    for row in rows:
        (first, mark), *others = zip(row, marks, strict=True)
        cells = "".join(
            f'<td{mark} data-header="{html.escape(header, quote=True)}">{cell}</td>'
            if folds
            else f"<td{mark}>{cell}</td>"
            for (cell, mark), header in zip(others, headers[1:], strict=True)
        )
        start = f'<th scope="row"{mark}>{first}</th>' if first else f"<td{mark}></td>"
        body.append(f"<tr>{start}{cells}</tr>")
    return (
        f'<div class="table-scroll{" folds" * folds} mathjax_process" tabindex="0" role="region" '
        f'aria-label="{html.escape(caption, quote=True)}"><table>'
        f"<caption>{html.escape(caption)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )


def table(
    headers: Sequence[str],
    rows: Iterable[Sequence[str]],
    caption: str,
    *,
    varies: str = "",
    checks: Sequence[Mapping[str, Any]] = (),
    folds: bool = False,
) -> None:
    r"""Show a table.

    Cells are plain text, in which TeX stands between ``\(`` and ``\)``.

    Parameters
    ----------
    headers : sequence of str
        Column headers; the first column holds row headers.
    rows : iterable of sequence of str
        Each as long as the headers.
    caption : str
        What the table claims.
    varies : str, optional
        Why its cells differ between runs by nature, such as dates.
    checks : sequence of mapping, optional
        The rows as claims of their own, each with a name and an accuracy.
    folds : bool, default=False
        Whether the cells of a row stand below each other, each after its header.

    Raises
    ------
    InvalidInputError
        If the caption is blank, there are no headers, a row's length differs
        from theirs, or a cell is not a string.
    """
    _required(caption, "caption", "a sentence that says what the table shows")
    if not headers:
        raise InvalidInputError("headers is empty. Pass one header for each column.")
    body = [list(row) for row in rows]
    for number, row in enumerate(body):
        if len(row) != len(headers):
            raise InvalidInputError(
                f"rows[{number}] has {len(row)} cells, but there are {len(headers)} headers. "
                f"Pass one cell for each header."
            )
        for cell in row:
            if not isinstance(cell, str):
                raise InvalidInputError(
                    f"rows[{number}] holds {cell!r}, which is not a string. Format it, for example "
                    f"f'{{value:.3g}}'."
                )
    long = [any(len(row[k]) > _WORDS for row in body) for k in range(len(headers))]
    shown = ([broken(cell) for cell in row] if folds else row for row in body)
    escaped = [[html.escape(cell) for cell in row] for row in shown]
    layout = html_table(headers, escaped, caption, words=long, folds=folds)
    plain = "\n".join([caption, *("\t".join(row) for row in [list(headers), *body])])
    claim = {"kind": "table", "name": caption, "varies": varies}
    claim |= {"checks": list(checks)} if checks else {"text": plain}
    display({"text/html": layout, "text/plain": plain}, raw=True, metadata={CLAIM_METADATA: claim})
