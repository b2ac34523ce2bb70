"""``make proofs``: let Coq check the proofs, and write its output to formal/export.json."""

from __future__ import annotations

import sys

from sdtheory.evidence.formal import INSTALL, Export, missing_tools
from sdtheory.evidence.formal.coq import EXPORT, FOLDER, CoqError
from sdtheory.evidence.formal.recheck import differences, found_controls, recheck
from sdtheory.validation import InvalidInputError, counted


def main() -> int:
    """Run the command; return the exit code."""
    missing = missing_tools()
    if missing:
        print(
            f"make proofs: skipped, as {' and '.join(missing)} is not installed. "
            f"formal/export.json says what Coq printed for which files.\n{INSTALL}"
        )
        return 0
    try:
        checked = recheck()
        controls = found_controls()
    except CoqError as error:
        print(f"Coq refuses the proofs:\n{error}", file=sys.stderr)
        return 1
    times = ", ".join(f"{what} {seconds:.0f} s" for what, seconds in checked.seconds.items())
    files, theorems = len(checked.export.files), len(checked.export.theorems)
    version = checked.export.versions["coq"]
    print(f"Coq {version}: {theorems} theorems of the book in {files} files; {times}")
    for words, how in controls.items():
        print(f"control: {words}: {f'found, {how}' if how else 'NOT FOUND'}")
    for objection in checked.objections:
        print(f"objection: {objection}", file=sys.stderr)
    if checked.objections or not all(controls.values()):
        return 1
    try:
        changes = differences(Export.read(), checked.export)
    except InvalidInputError:
        changes = ["there was no export"]
    if changes:
        checked.export.write(FOLDER / EXPORT)
        print(f"formal/{EXPORT} is written anew: {counted(len(changes), 'change')}, commit it")
        print(*(f"  {change}" for change in changes[:20]), sep="\n")
    else:
        print(f"formal/{EXPORT} is what Coq prints.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
