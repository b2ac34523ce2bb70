"""Environments and numbered equations are found as MyST reads them."""

from pathlib import Path

import pytest
import yaml

from sdtheory.book.markup import EXTENSIONS, checked_equations, numbered

ROOT = Path(__file__).parent.parent.parent

STATEMENTS = (
    "````{prf:theorem} T\n:label: thm-x\n````",
    "````{prf:theorem} T\n:class: dropdown\n:label: thm-x\n````",
    "````{prf:theorem} T\n:nonumber:\n:label: thm-x\n````",
    ":::{prf:lemma} T\n:label: thm-x\n:::",
    "~~~{prf:theorem} T\n:label: thm-x\n~~~",
    "````{prf:theorem} T\n---\nlabel: thm-x\n---\n````",
    "````{prf:theorem}\n:label: thm-x\n````",
    "```{dropdown} More\n\n:::{prf:theorem} T\n:label: thm-x\n:::\n```",
    "> ```{prf:theorem} T\n> :label: thm-x\n> ```",
    "```{eval-rst}\n.. prf:theorem:: T\n   :label: thm-x\n```",
)
EQUATIONS = (
    "```{math}\n:label: eq-x\na\n```",
    ":::{math}\n:label: eq-x\na\n:::",
    "$$ a $$ (eq-x)",
    "$$\na\n$$ (eq-x)",
    "\\begin{equation}\\label{eq-x}\na\n\\end{equation}",
    "````{prf:proof}\n$$ a $$ (eq-x)\n````",
    "- item\n\n  ```{math}\n  :label: eq-x\n  a\n  ```",
)


@pytest.mark.parametrize("text", STATEMENTS)
def test_an_environment_is_found_in_every_syntax(text):
    (item,) = numbered(text)
    assert (item.label, item.is_equation) == ("thm-x", False)


@pytest.mark.parametrize("text", EQUATIONS)
def test_an_equation_is_found_in_every_syntax(text):
    (item,) = numbered(text)
    assert (item.label, item.is_equation) == ("eq-x", True)


def test_what_has_no_label_is_found_with_its_line():
    text = "Text.\n\n````{prf:theorem} T\nno label\n````\n\n\\begin{align}\na\n\\end{align}\n"
    assert [(i.kind, i.label, i.line) for i in numbered(text)] == [
        ("prf:theorem", "", 3),
        ("equation", "", 7),
    ]


def test_code_and_proofs_state_nothing():
    text = (
        '```{code-cell} ipython3\nx = """\n$$ a $$ (eq-x)\n"""\n```\n\n```{prf:proof}\nText.\n```\n'
    )
    assert numbered(text) == []
    assert numbered("{prf:ref}`thm-x` and $$ a $$ in a line") == []


def test_the_extensions_are_those_of_the_book():
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    assert set(config["parse"]["myst_enable_extensions"]) == EXTENSIONS


def test_equations_named_by_checks_are_read_from_the_code():
    cell = '```{code-cell} ipython3\n:tags: [x]\n\nchecks.add("a", equation="eq-x")\n```\n'
    assert checked_equations(cell + 'equation="eq-y"\n') == {"eq-x"}
