"""A browser for the tests of pages."""

import os

import pytest


def missing(what: str) -> None:
    """Skip, or fail where the browser tests are required."""
    if os.environ.get("SDTHEORY_REQUIRE_BROWSER") == "1":
        pytest.fail(f"{what} SDTHEORY_REQUIRE_BROWSER=1 forbids to skip this.")
    pytest.skip(what)


@pytest.fixture(scope="session")
def browser():
    try:
        from playwright.sync_api import sync_playwright

        from sdtheory.book.pdf import PrintError, browse
    except ModuleNotFoundError:
        missing("playwright is not installed: pip install 'sdtheory[test]'.")
    with sync_playwright() as playwright:
        try:
            browser = browse(playwright)
        except PrintError as error:
            missing(f"{error}")
        yield browser
        browser.close()
