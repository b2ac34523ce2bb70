"""``python -m sdtheory`` is the command ``sdtheory``."""

import os
import signal
import sys
from typing import Any


def main() -> int:
    """Run the command line; an interrupt also ends it cleanly while it loads."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:
        # not an exception: class bodies and libraries that load would wrap or swallow it
        signal.signal(signal.SIGINT, _leave)
    from sdtheory.cli import main as command  # noqa: PLC0415 (under the handler)

    signal.signal(signal.SIGINT, before)
    try:
        return command()
    finally:
        if before is signal.default_int_handler:  # nor while the interpreter ends
            signal.signal(signal.SIGINT, _leave)


def _leave(_number: int, _frame: Any) -> None:
    os.write(2, b"sdtheory: interrupted\n")
    os._exit(130)


if __name__ == "__main__":
    sys.exit(main())
