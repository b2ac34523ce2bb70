from browsing import browser  # noqa: F401 (a fixture)

import sdtheory.book  # noqa: F401 (before nbformat, which it makes lighter)
