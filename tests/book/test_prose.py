"""Chapters, docstrings, help and messages keep to those rules of plain English that are tested."""

import inspect
import re

import pytest
from prose import (
    BOOK,
    SPOKEN,
    cells,
    measure,
    paragraphs,
    prose,
    sentences,
    spoken,
    stated_minutes,
    words,
)

from sdtheory import gram

LONGEST = 25
#: The page is generated, so that the time to read it is not in its source.
GENERATED = {"errata"}
#: Forms to avoid, with what to write instead.
BANNED = {
    r"\\ker\b|\b[Kk]ernels? of (?:\$G|the (?:Gram )?matrix|the smoother)": "null space",
    r"\bregular\b(?! (?:simplex|polygon|grid))": "nonsingular",
    r"\b[Rr]otated (?:labels|values)\b": "in the eigenbasis",
    r"(?<![Tt]here )\b(?:is|are|was|were) no (?!(?:more|less|worse|fewer|long|short|larg|small|bett"
    r"|weak|strong|low|high|clos|rough)(?:er)?\b)[a-z]+": "'is not a', not 'is no'",
    r"^What (?![^?]*\?$)": "a subject that is a thing or a person, not a clause with 'what'",
    r"\b(?:theorem|proposition|lemma|bound|norm|formula|table|card|interval|rule|reason|example)s?"
    r" (?:says?|knows?|sees?|speaks?|asks?|promises?|wants?|remembers?|minds?|is silent)\b": (
        "a person, or a mathematical object that does something mathematical"
    ),
    r"\bridge (?:parameter )?\$c": "multiplier $c$",
    r"multipliers? \$\\lambda|\$\\lambda\$,? the multiplier": "price $\\lambda$",
    r"\bcap (?:is )?\$\(d_k/d_j\)\^": "ceiling",
    r"\bCode under\b": "a sentence with a verb",
}
CHAPTERS = [
    pytest.param(path.read_text(encoding="utf-8"), id=path.stem)
    for path in sorted(BOOK.glob("*.md"))
]


def long_sentences(text):
    return [(line.number, line.text) for line in prose(text) if words(line.text) > LONGEST]


def not_one_a_line(text):
    """Return the paragraphs whose lines are not its sentences."""
    return [
        [line.number for line in paragraph]
        for paragraph in paragraphs(text)
        if sentences(" ".join(line.text for line in paragraph)) != [line.text for line in paragraph]
    ]


def banned(text):
    return [
        (line.number, found[0], instead)
        for line in prose(text)
        for pattern, instead in BANNED.items()
        if (found := re.search(pattern, line.text))
    ]


def visible_imports(text):
    return [
        cell.number
        for cell in cells(text)
        if not cell.hidden and re.search(r"^(?:from \S+ )?import ", "\n".join(cell.lines), re.M)
    ]


@pytest.mark.parametrize("text", CHAPTERS)
def test_no_sentence_is_long(text):
    assert long_sentences(text) == []


@pytest.mark.parametrize("text", CHAPTERS)
def test_every_line_is_one_sentence(text):
    assert not_one_a_line(text) == []


@pytest.mark.parametrize("text", CHAPTERS)
def test_no_form_is_used_that_has_a_better_one(text):
    assert banned(text) == []


@pytest.mark.parametrize("text", CHAPTERS)
def test_imports_are_hidden(text):
    assert visible_imports(text) == []


@pytest.mark.parametrize("text", [c for c in CHAPTERS if c.id not in GENERATED])
def test_the_stated_time_is_the_measured_one(text):
    stated = stated_minutes(text)
    assert (stated is None) == ("**You need**" not in text)
    assert stated is None or abs(stated - measure(text).minutes) <= 5


def test_the_preface_lists_the_words_that_chapters_use():
    preface = (BOOK / "preface.md").read_text(encoding="utf-8")
    table = preface[preface.index("| Word | Meaning |") :].splitlines()[2:]
    listed = [row.split("|")[1].strip() for row in table[: table.index("")]]
    assert {"multiplier", "price", "null space", "nonsingular", "cap", "ceiling"} <= set(listed)
    assert "| $P_0$ |" in preface
    others = [path for path in BOOK.glob("*.md") if path.stem != "preface"]
    used = " ".join(line.text for path in others for line in prose(path.read_text("utf-8")))
    assert [word for word in listed if not re.search(rf"\b{word}\b", used, re.IGNORECASE)] == []


def test_as_restated_leads_to_where_it_is_explained():
    for path in BOOK.glob("*.md"):
        text = path.read_text(encoding="utf-8")
        plain = re.search(r"(?<!`)[Aa]s restated here", "\n".join(s.text for s in prose(text)))
        if plain and path.stem != "preface":
            assert "<as-restated>`" in text, path.stem


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("One sentence. Two sentences.", ["One sentence.", "Two sentences."]),
        ("Let $a = 1.5$. $b$ is 2.", ["Let $a = 1.5$.", "$b$ is 2."]),
        ("By P. L. Bartlett, i.e. Peter. Next.", ["By P. L. Bartlett, i.e. Peter.", "Next."]),
        ("**1.** Show it. Check it.", ["**1.** Show it.", "Check it."]),
        ("See `a. B` and {prf:ref}`thm-x`. Then", ["See `a. B` and {prf:ref}`thm-x`.", "Then"]),
        ("(Not here.) Why? Here!", ["(Not here.)", "Why?", "Here!"]),
        ("Slices of 0.5 to 1.5 are fine.", ["Slices of 0.5 to 1.5 are fine."]),
    ],
)
def test_sentences_are_found(text, found):
    assert sentences(text) == found


def test_a_formula_a_reference_and_a_piece_of_code_are_one_word_each():
    assert words("The norm $\\|a + b\\|^2$ of {prf:ref}`thm-x` by `f(x, y)`.") == 7


PAGE = """---
kernelspec: x
---

# A heading with a full stop. And more

A first line. A second sentence.

* An item that is
  broken.

````{prf:theorem} Name
:label: thm-x
The null space of $G$. We end.
```{math}
:label: eq-x
a. B
```
````

```{code-cell} ipython3
import numpy
```

```{code-cell} ipython3
:tags: [hide-input]

import numpy
```
"""


def test_what_breaks_a_rule_is_found():
    assert not_one_a_line(PAGE) == [[7], [9, 10], [14]]
    assert visible_imports(PAGE) == [21]
    assert [
        n for n, _ in long_sentences("A " + "word " * 24 + "x.\n\nA " + "word " * 23 + "x.")
    ] == [1]


@pytest.mark.parametrize(
    "text",
    [
        "Project on the kernel of $G$.",
        "Let $G$ be regular.",
        "This is no number of rounds.",
        "What remains is the sum.",
        "The theorem says nothing there.",
        "A ridge $c$ decides.",
        "The multiplier $\\lambda$ is positive.",
    ],
)
def test_a_banned_form_is_found(text):
    assert len(banned(text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "Take a kernel of rank one, and the reproducing kernel of $\\mathcal S$.",
        "The corners of a regular simplex.",
        "The norm is no larger, and there is no proof.",
        "What is the limit?",
        "The null space of $G$ has dimension two.",
        "We say what this means, and whatever it costs is not the question.",
    ],
)
def test_a_good_form_is_left_alone(text):
    assert banned(text) == []


#: In docstrings a phrase such as "What is drawn." describes an argument.
ELSEWHERE = {pattern: words for pattern, words in BANNED.items() if "ode under" not in pattern}
IN_DOCSTRINGS = {pattern: words for pattern, words in ELSEWHERE.items() if "What" not in pattern}


@pytest.mark.parametrize("kind", SPOKEN)
def test_texts_outside_of_the_chapters_keep_to_the_same_rules(kind):
    patterns = IN_DOCSTRINGS if kind == "docstrings" else ELSEWHERE
    found = [
        (place, sentence)
        for place, text in SPOKEN[kind]()
        for sentence in spoken(text)
        if words(sentence) > LONGEST or any(re.search(pattern, sentence) for pattern in patterns)
    ]
    assert found == []


def test_the_sentences_of_a_docstring_are_read_and_nothing_else():
    text = """Return the root. It is unique.

    .. math:: a. B

        c. D

    * one
      item;
    * another.

    ===== =====
    a. A  table
    ===== =====

    Parameters
    ----------
    d, z : ndarray of shape (n,)
        Two. Sentences.

    References
    ----------
    A. Author. A title.

    Examples
    --------
    >>> f("A. B")
    """
    assert spoken(text) == [
        "Return the root.",
        "It is unique.",
        "* one item;",
        "* another.",
        "Two.",
        "Sentences.",
    ]


def test_every_kind_of_text_is_found():
    read = {kind: list(source()) for kind, source in SPOKEN.items()}
    assert any("README.md" in place for place, _ in read["documents"])
    assert ("sdtheory/kernels.py: gram", inspect.getdoc(gram)) in read["docstrings"]
    assert any(place == "sdtheory fit --epsilon" for place, _ in read["help"])
    said = [text for place, text in read["messages"] if place.startswith("sdtheory/validation")]
    assert any(text.startswith("`x` is empty (shape `x`).") for text in said)
    assert len(said) > 10
