"""Figures, tables and glue: what they put out, and each message of refusal."""

import ast
import re
from html.parser import HTMLParser

import matplotlib.pyplot as plt
import nbformat
import pytest

from sdtheory.book import display
from sdtheory.validation import InvalidInputError


@pytest.fixture
def shown(monkeypatch):
    """Return what is displayed: pairs of data and metadata."""
    outputs = []

    def keep(data, *, raw, metadata=None):
        assert raw
        outputs.append((data, metadata))

    monkeypatch.setattr(display, "display", keep)
    return outputs


@pytest.fixture
def fig():
    figure, axes = plt.subplots()
    axes.plot([0, 1], [0, 1])
    yield figure
    plt.close(figure)


TEXTS = {"label": "fig-line", "caption": "It rises.", "alt": "A straight line."}


def test_a_figure_carries_its_texts_and_is_closed(shown, fig):
    display.figure(fig, **TEXTS)
    ((data, metadata),) = shown
    assert data["image/svg+xml"].startswith("<?xml")
    assert data["text/plain"] == TEXTS["alt"]
    claim = metadata.pop(display.CLAIM_METADATA)
    assert (claim["kind"], claim["name"]) == ("figure", "fig-line")
    assert claim["series"]["axes 0, line 0, y"] == [0.0, 1.0]
    assert metadata == {display.FIGURE_METADATA: TEXTS}
    assert not plt.fignum_exists(fig.number)


def test_figures_drawn_alike_are_the_same_bytes_whatever_the_day(shown, monkeypatch):
    for day in ("0", "86400"):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", day)
        figure, axes = plt.subplots()
        axes.plot([0, 1], [0, 1])
        display.figure(figure, **TEXTS)
    figure, axes = plt.subplots()
    axes.plot([0, 1], [0, 2])
    display.figure(figure, **TEXTS)
    first, second, other = (data["image/svg+xml"] for data, _ in shown)
    assert first == second
    assert first != other


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("blank", ["", " \n", None])
def test_a_figure_without_one_of_its_texts_is_refused(shown, fig, name, blank):
    with pytest.raises(InvalidInputError, match=rf"^{name} is missing\. Pass "):
        display.figure(fig, **(TEXTS | {name: blank}))
    assert shown == []


def test_an_alt_text_that_repeats_the_caption_is_refused(shown, fig):
    with pytest.raises(InvalidInputError, match=r"^alt repeats caption\."):
        display.figure(fig, label="fig-line", caption="A line.", alt=" A line. ")
    assert shown == []


@pytest.mark.parametrize("text", ["0.0450", "20,000", "it's 5 %", r"\kappa"])
def test_glue_stores_the_text_where_the_page_looks_for_it(shown, text):
    display.glue("slope", text)
    ((data, metadata),) = shown
    assert data["text/plain"] == text
    # what MyST-NB makes of it: "20,000" itself would come out as (20, 0)
    prefix = metadata["scrapbook"].pop("mime_prefix")
    claim = metadata.pop(display.CLAIM_METADATA)
    assert (claim["kind"], claim["name"], claim["text"]) == ("number", "slope", text)
    assert metadata == {"scrapbook": {"name": "slope"}}
    pasted = {kind[len(prefix) :]: value for kind, value in data.items()}
    assert prefix
    assert str(ast.literal_eval(pasted["text/plain"])) == text


def test_glue_refuses_what_is_not_named_or_not_formatted(shown):
    with pytest.raises(InvalidInputError, match=r"^name is missing\. Pass the name"):
        display.glue(" ", "0.045")
    with pytest.raises(InvalidInputError, match=r"^text must be a string, but is float\. Format"):
        display.glue("slope", 0.045)  # pyright: ignore[reportArgumentType]
    assert shown == []


class Cells(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.texts, self.attributes = [], {}, {}

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes.setdefault(tag, []).append(dict(attrs))

    def handle_data(self, data):
        if data.strip():
            self.texts.setdefault(self.tags[-1], []).append(data)


def parsed(shown):
    ((data, _),) = shown
    cells = Cells()
    cells.feed(data["text/html"])
    return cells


def test_a_table_has_a_caption_headers_and_a_box_that_the_keyboard_reaches(shown):
    display.table(("Name", "Value"), [("slope", "1"), ("shift", "2")], caption="Two numbers")
    cells = parsed(shown)
    assert cells.texts["caption"] == ["Two numbers"]
    assert cells.texts["th"] == ["Name", "Value", "slope", "shift"]
    assert cells.texts["td"] == ["1", "2"]
    assert [a["scope"] for a in cells.attributes["th"]] == ["col", "col", "row", "row"]
    box = cells.attributes["div"][0]
    assert (box["tabindex"], box["role"], box["aria-label"]) == ("0", "region", "Two numbers")
    assert shown[0][0]["text/plain"] == "Two numbers\nName\tValue\nslope\t1\nshift\t2"


def test_an_empty_header_is_no_header(shown):
    display.table(("", "Value"), [("slope", "1"), ("", "2")], caption="Two numbers")
    cells = parsed(shown)
    assert cells.texts["th"] == ["Value", "slope"]
    assert [a["scope"] for a in cells.attributes["th"]] == ["col", "row"]
    assert len(cells.attributes["td"]) == 4


def test_cells_are_text_not_markup(shown):
    hostile = '<script>alert("x")</script> & <b>'
    display.table((hostile, "b"), [(hostile, hostile)], caption=hostile)
    cells = parsed(shown)
    assert not {"script", "b"} & set(cells.tags)
    assert cells.texts["caption"] == cells.texts["td"] == [hostile]
    assert cells.texts["th"] == [hostile, "b", hostile]
    assert cells.attributes["div"][0]["aria-label"] == hostile


def test_formulas_in_cells_reach_mathjax(shown):
    display.table(("a", "b"), [("x", r"\(s < 1\)")], caption="Formulas")
    cells = parsed(shown)
    assert cells.texts["td"] == [r"\(s < 1\)"]
    assert "mathjax_process" in cells.attributes["div"][0]["class"].split()


def test_columns_of_words_are_marked_for_the_page_and_columns_of_numbers_are_not(shown):
    words = "a claim that takes several words"
    display.table(("Claim", "Value"), [("short", "1"), (words, "2")], caption="Claims")
    attributes = parsed(shown).attributes
    assert [a.get("class") for a in attributes["th"]] == ["words", None, "words", "words"]
    assert [a.get("class") for a in attributes["td"]] == [None, None]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"headers": ("a",), "rows": [("1",)], "caption": " "}, r"^caption is missing\."),
        ({"headers": (), "rows": [], "caption": "Empty"}, r"^headers is empty\."),
        (
            {"headers": ("a", "b"), "rows": [("1", "2"), ("1",)], "caption": "Ragged"},
            r"^rows\[1\] has 1 cells, but there are 2 headers\. Pass one",
        ),
        (
            {"headers": ("a", "b"), "rows": [("1", 2.0)], "caption": "Numbers"},
            r"^rows\[0\] holds 2\.0, which is not a string\. Format it",
        ),
    ],
)
def test_a_table_that_is_not_one_is_refused(shown, arguments, message):
    with pytest.raises(InvalidInputError, match=message):
        display.table(**arguments)
    assert shown == []


def test_a_table_without_rows_shows_its_headers(shown):
    display.table(("a", "b"), [], caption="No rows")
    assert parsed(shown).texts["th"] == ["a", "b"]


def test_a_table_folds_with_the_header_before_each_cell(shown):
    display.table(("Claim", "Value", "How"), [("a", "1", "so")], caption="Folded", folds=True)
    attributes = parsed(shown).attributes
    assert "folds" in attributes["div"][0]["class"].split()
    assert [a["data-header"] for a in attributes["td"]] == ["Value", "How"]


@pytest.mark.parametrize(
    ("tex", "parts"),
    [
        ("a", ["a"]),
        (r"a \le b", ["a ", r"{}\le b"]),
        (r"f(a = b) < \sum_{i<t} c_i", ["f(a = b) ", r"{}< \sum_{i<t} c_i"]),
        (r"a, \ b > 0", ["a,", "b ", "{}> 0"]),
        (r"a, \qquad b", ["a,", "b"]),
        (r"a \quad b", ["a", "b"]),
        (
            r"\Bigl\{ a, b \Bigr] = \left. c = d \right|",
            [r"\Bigl\{ a, b \Bigr] ", r"{}= \left. c = d \right|"],
        ),
        (r"a \text{ if } b", ["a ", r"{}\text{ if } b"]),
        (r"= \text{size} + b", [r"= \text{size} + b"]),
        (r"a \to \text{size}, \text{ and } b", ["a ", r"{}\to \text{size},", r"\text{ and } b"]),
        (
            r"\begin{cases} a = b, & c \end{cases} \implies d",
            [r"\begin{cases} a = b, & c \end{cases} ", r"{}\implies d"],
        ),
    ],
)
def test_a_formula_breaks_outside_of_brackets(tex, parts):
    assert re.findall(r"\\\((.*?)\\\)", display.breakable(tex)) == parts


def test_formulas_of_a_folding_table_may_break_and_its_text_keeps_them_whole(shown):
    display.table(("Claim", "b"), [(r"So \(a < b\).", "1")], caption="Folded", folds=True)
    assert "".join(parsed(shown).texts["th"]) == "Claimb" + "So \\(a \\)\u200b\\({}< b\\)."
    assert r"So \(a < b\)." in shown[0][0]["text/plain"]


def test_figures_and_tables_come_with_a_file_of_their_data(shown, fig):
    display.figure(fig, label="fig-a", caption="A claim.", alt="A description.")
    display.table(("a", "b"), [("1, 2", "3")], caption="First")
    display.table(("a",), [("4",)], caption="Second")
    outputs = [
        nbformat.v4.new_output("display_data", data=data, metadata=metadata)
        for data, metadata in shown
    ]
    cell = nbformat.v4.new_code_cell(execution_count=7, outputs=outputs)
    files = {name: display.data_of(output) for output, name in display.offered(cell, "page")}
    assert list(files) == ["fig-a.csv", "page-cell-7-1.csv", "page-cell-7-2.csv"]
    assert files["page-cell-7-1.csv"].splitlines() == ["a,b", '"1, 2",3']
    header, *rows = files["fig-a.csv"].splitlines()
    claim = outputs[0].metadata[display.CLAIM_METADATA]["series"]
    assert len(header.split('","')) == len(claim)
    assert len(rows) == max(map(len, claim.values()))
