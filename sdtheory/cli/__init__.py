"""Command line: one module for each command."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from sdtheory.cli import explain, fit, nn, notebooks, predict, reproduce, run, verify
from sdtheory.validation import InfeasibleToleranceError, InvalidInputError

_EPILOG = (
    "exit codes: 0 done, 1 a check failed or a chapter raised, 2 wrong usage or input, "
    "130 interrupted"
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments; those of the process by default.

    Returns
    -------
    int
        Exit code: 0 done, 1 a check failed or a chapter raised, 2 wrong usage
        or input, 130 interrupted.
    """
    parser = argparse.ArgumentParser(
        prog="sdtheory",
        description="Companion to 'Self-Distillation Amplifies Regularization in Hilbert Space': "
        "verify its statements, rerun its chapters, fit and explain your own data, self-distil "
        "networks.",
        epilog=_EPILOG,
    )
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in (verify, run, reproduce, notebooks, fit, predict, explain, nn):
        command.add_parser(subparsers)
    arguments = parser.parse_args(argv)
    try:
        return arguments.action(arguments)
    except ModuleNotFoundError as error:
        print(
            f"sdtheory: error: {error.name} is not installed. This command needs the 'book' "
            f"extra: pip install 'sdtheory[book]'.",
            file=sys.stderr,
        )
        return 2
    except ImportError as error:
        # what lacks an extra of its own says so
        print(f"sdtheory: error: {error}", file=sys.stderr)
        return 2
    except (InvalidInputError, InfeasibleToleranceError) as error:
        print(f"sdtheory: error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(
            f"sdtheory: error: {error}. Name a place that you may write to (--output, --save, "
            f"--json).",
            file=sys.stderr,
        )
        return 2
    except KeyboardInterrupt:
        print("sdtheory: interrupted", file=sys.stderr)
        return 130
