import os

from browsing import browser  # noqa: F401 (a fixture)

import sdtheory.book  # noqa: F401 (before nbformat, which it makes lighter)


def pytest_collection_modifyitems(config, items):
    """Keep of the slow checks of built pages a third, unless all are required."""
    if os.environ.get("SDTHEORY_REQUIRE_BROWSER") == "1":
        return
    left_out = [item for item in items if _is_left_out(item)]
    if left_out:
        items[:] = [item for item in items if not _is_left_out(item)]
        config.hook.pytest_deselected(items=left_out)


def _is_left_out(item) -> bool:
    if getattr(item, "originalname", "") != "test_page":
        return False
    pages, slow, parameters = item.module.PAGES, item.module.SLOW_CHECKS, item.callspec.params
    page = pages.index(parameters["visit"])
    # another third for each group of checks, so that every page is looked at
    return any(
        parameters["check"] in group and (page + number) % 3 != 0
        for number, group in enumerate(slow)
    )
