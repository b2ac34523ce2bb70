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
    check = parameters["check"]
    # another third for each check, so that every page is looked at
    return check in slow and (pages.index(parameters["visit"]) + slow.index(check)) % 3 != 0
