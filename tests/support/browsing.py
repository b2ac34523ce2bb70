"""A browser for the tests of pages."""

import os
from contextlib import contextmanager

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


_tabs: dict = {}


@contextmanager
def tab(browser, *, width=1280, height=800, listeners=(), **context):
    """Yield an empty page, the same for all tests that ask for the same context.

    To start a context takes longer than most tests do. Pairs of an event and a function are
    `listeners`. Afterwards the page's origin has nothing stored. A test that changes what no next
    page resets, such as the clock, gives the context a name of its own as `user_agent`.
    """
    key = (browser, *sorted(context.items()))
    if key not in _tabs:
        _tabs[key] = browser.new_context(**context).new_page()
        _tabs[key].set_default_timeout(120_000)
    page = _tabs[key]
    page.goto("about:blank")
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(media="screen")
    page.mouse.move(0, 0)
    for event, function in listeners:
        page.on(event, function)
    try:
        yield page
    finally:
        for event, function in listeners:
            page.remove_listener(event, function)
        page.evaluate("location.protocol === 'about:' || localStorage.clear()")
