"""What is written in JupyterLab lands in the chapter's source, and changes nothing else."""

import shutil

import pytest
from tiny_book import REPOSITORY

SOURCES = REPOSITORY / "book"
CHAPTERS = [p.name for p in SOURCES.glob("*.md") if "\nkernelspec:" in p.read_text("utf-8")]


@pytest.fixture(scope="module")
def manager(tmp_path_factory):
    import jupytext

    folder = tmp_path_factory.mktemp("book")
    for name in (*CHAPTERS, "jupytext.toml"):
        shutil.copy(SOURCES / name, folder)
    made = jupytext.TextFileContentsManager()
    made.root_dir = str(folder)
    return made, folder


@pytest.mark.parametrize("name", CHAPTERS)
def test_an_edited_cell_is_the_only_difference(manager, name):
    made, folder = manager
    before = (folder / name).read_text(encoding="utf-8")
    model = made.get(name, type="notebook", content=True)
    made.save(model, name)
    assert (folder / name).read_text(encoding="utf-8") == before
    cell = next(c for c in model["content"]["cells"] if c["cell_type"] == "code")
    lines = before.splitlines()
    cell["source"] += "\nedited = True"
    made.save(model, name)
    after = (folder / name).read_text(encoding="utf-8").splitlines()
    assert len(after) == len(lines) + 1
    assert set(after) - set(lines) == {"edited = True"}
