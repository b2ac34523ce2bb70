"""What collection does for all tests."""

import gc
import re

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Look for no garbage: what collection imports stays."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """Mark the tests that open a browser; put the longest first where processes share them."""
    for item in items:
        if "browser" in item.fixturenames:
            item.add_marker(pytest.mark.browser)
    if hasattr(config, "workerinput"):
        marks = ("browser", "book", "slow")
        ranks: dict[object, int] = {}
        for item in items:
            rank = next((k for k, mark in enumerate(marks) if item.get_closest_marker(mark)), 3)
            ranks[item.path] = min(rank, ranks.get(item.path, rank))
        items.sort(key=lambda item: ranks[item.path])


def pytest_xdist_make_scheduler(config, log):
    """Give a file to one process, but share the book's pages between the two.

    The checks of pages take longer than all other files of tests. Names of even and of odd length
    split them about in half.
    """
    from xdist.scheduler import LoadFileScheduling

    class Scheduler(LoadFileScheduling):
        def _split_scope(self, nodeid):
            page = re.search(r"test_page\[(.*)\.html", nodeid)
            return super()._split_scope(nodeid) + (f", {len(page[1]) % 2}" if page else "")

    return Scheduler(config, log) if config.getvalue("dist") == "loadfile" else None
