"""A browser for the tests of pages."""

import os
import shutil

import pytest


def missing(what: str) -> None:
    """Skip, or fail where the browser tests are required."""
    if os.environ.get("SDTHEORY_REQUIRE_BROWSER") == "1":
        pytest.fail(f"{what} SDTHEORY_REQUIRE_BROWSER=1 forbids to skip this.")
    pytest.skip(what)


@pytest.fixture(scope="session")
def browser():
    from sdtheory.book.pdf import BROWSERS, FLAGS

    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        missing("playwright is not installed: pip install 'sdtheory[test]'.")
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        missing(f"there is no browser: none of {', '.join(BROWSERS)} is installed.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(FLAGS))
        yield browser
        browser.close()
