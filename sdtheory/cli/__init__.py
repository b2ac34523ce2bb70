"""Command line: one module for each command."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

from sdtheory import AccuracyError, __version__
from sdtheory.cli import explain, fit, nn, notebooks, predict, reproduce, run, trial, verify
from sdtheory.validation import InfeasibleToleranceError, InvalidInputError

_EPILOG = (
    "exit codes: 0 done, 1 a check failed or a chapter raised, 2 wrong usage or input, "
    "130 interrupted, 141 the pipe was closed"
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
        Exit code. ``sdtheory --help`` lists the codes.
    """
    try:
        with _terminable():
            for stream in (sys.stdout, sys.stderr):
                if hasattr(stream, "reconfigure"):
                    # what a terminal cannot show is escaped, not an error
                    stream.reconfigure(errors="backslashreplace")  # pyright: ignore[reportAttributeAccessIssue]
            return _run(sys.argv[1:] if argv is None else argv)
    except KeyboardInterrupt:
        print("sdtheory: interrupted", file=sys.stderr)
        return 130


def _run(argv: Sequence[str]) -> int:
    parser = _parser()
    # argparse takes -1e-3 for an option; behind a blank it is a value
    arguments = parser.parse_args([f" {a}" if _is_negative_number(a) else a for a in argv])
    for name, value in vars(arguments).items():
        setattr(arguments, name, _as_given(value))
    if arguments.command is None:
        parser.print_help()
        return 0
    try:
        code = arguments.action(arguments)
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except ModuleNotFoundError as error:
        return _failed(
            f"{error.name} is not installed. This command needs the 'book' extra: pip install "
            f"'sdtheory[book]'."
        )
    except (ImportError, InvalidInputError, InfeasibleToleranceError, AccuracyError) as error:
        # what lacks an extra of its own says so
        return _failed(str(error))
    except BrokenPipeError:
        # the reader, such as head, has enough
        _abandon_stdout()
        return 141
    except OSError as error:
        _abandon_stdout()
        return _failed(f"{error}. Name a place that you may write to (--output, --save, --json).")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sdtheory",
        description="Companion to 'Self-Distillation Amplifies Regularization in Hilbert Space': "
        "verify its statements, rerun its chapters, fit and explain your own data, self-distil "
        "networks.",
        epilog=_EPILOG,
    )
    parser.add_argument("--version", action="version", version=f"sdtheory {__version__}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND")
    for command in (verify, run, reproduce, notebooks, fit, trial, predict, explain, nn):
        # a command's docstring is its help: summary, description, and examples after the options
        summary, _, rest = str(command.__doc__).partition("\n\n")
        description, _, examples = rest.partition("\n\n")
        subparser = subparsers.add_parser(
            command.__name__.rpartition(".")[2],
            help=f"{summary[:1].lower()}{summary[1:-1]}",
            description=description,
            epilog=examples,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_options(subparser)
        subparser.set_defaults(action=command.run)
    return parser


def _as_given(value: Any) -> Any:
    """Take away the blank before a text that is a negative number, such as a column's name."""
    if isinstance(value, list):
        return [_as_given(part) for part in value]
    named = isinstance(value, str) and value.startswith(" ") and _is_negative_number(value[1:])
    return value[1:] if named else value


def _is_negative_number(argument: str) -> bool:
    try:
        return argument.startswith("-") and float(argument) == float(argument)
    except ValueError:
        return False


def _failed(message: str) -> int:
    print(f"sdtheory: error: {message}", file=sys.stderr)
    return 2


def _abandon_stdout() -> None:
    """Let what is still buffered go nowhere, lest the interpreter's end complains of it."""
    with suppress(OSError, ValueError, AttributeError):
        sys.stdout.flush()
        return
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def _terminable() -> Iterator[None]:
    """Unwind on SIGTERM as on an interrupt, so that no partial file stays."""

    def leave(number: int, _frame: Any) -> NoReturn:
        raise SystemExit(128 + number)

    try:
        before = signal.signal(signal.SIGTERM, leave)
    except ValueError:  # only the main thread may
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
