"""Makes the book: runs chapters, shows checks and figures, builds pages."""

import sys

# jsonschema, below nbformat, checks IRIs only where this package is there, whose grammar takes a
# second to build in every process; no notebook holds an IRI
sys.modules.setdefault("rfc3987_syntax", None)  # pyright: ignore[reportArgumentType]
