"""``python -m sdtheory`` is the command ``sdtheory``."""

import sys

from sdtheory.cli import main

sys.exit(main())
