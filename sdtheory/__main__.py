"""``python -m sdtheory`` is the command ``sdtheory``."""

import sys

try:
    from sdtheory.cli import main

    code = main()
except KeyboardInterrupt:
    code = 130
sys.exit(code)
