"""Why a mutant may survive: an explanation for each that does.

The key is the statement's id and the mutant's name, as `sdtheory verify --mutants`
prints them.
"""

from __future__ import annotations

EXPLANATIONS: dict[tuple[str, str], str] = {}
