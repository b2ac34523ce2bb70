"""Pages say under each proof by which theorem of Coq it was checked."""

from sdtheory.book.formal import annotate, notes
from sdtheory.book.ledger import labels
from sdtheory.book.notebooks import find_book, list_chapters
from sdtheory.evidence.formal import TIES, Export

PAGE = """\
````{prf:theorem} One
:label: thm-one
Text with
```{math}
:label: eq-one
1 = 1
```
````

Between.

```{dropdown} Proof
Trivial. $\\square$
```

After.

````{prf:lemma} Two
:label: lem-two
No proof here.
````

The end.
"""


def test_the_line_stands_under_the_proof_or_under_a_statement_without_one():
    page = annotate(PAGE, {"thm-one": "LINE ONE", "lem-two": "LINE TWO"})
    assert page.index("square") < page.index("LINE ONE") < page.index("After.")
    assert page.index("No proof") < page.index("LINE TWO") < page.index("The end.")
    assert page.replace("\n\nLINE ONE\n", "").replace("\n\nLINE TWO\n", "") == PAGE


def test_a_page_without_a_statement_is_left_alone():
    assert annotate(PAGE, {"thm-other": "LINE"}) == PAGE


def test_every_theorem_gets_its_line_in_its_chapter():
    lines = notes(Export.read())
    pages = labels(find_book())
    assert set(lines) == set(TIES)
    for name, chapter in list_chapters(find_book()).items():
        text = annotate(chapter.path.read_text(encoding="utf-8"), lines)
        own = [id_ for id_ in lines if pages[id_] == name]
        assert text.count("{dropdown} Machine-checked: formal/") == len(own)


def test_a_line_shows_the_theorem_as_coq_prints_it():
    line = notes(Export.read())["prop-step"]
    assert "formal/Recursion.v, prop_step" in line
    assert "norm n (fun k : nat => z k - z' k) = rho" in line
