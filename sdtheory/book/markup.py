"""Labelled environments and numbered equations of a page, as MyST reads them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from docutils.parsers.rst import Directive, directives
from markdown_it.renderer import RendererHTML
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.directives import parse_directive_text
from myst_parser.parsers.mdit import create_md_parser

#: Extensions of MyST that the book switches on, as in _config.yml.
EXTENSIONS = frozenset(
    {"colon_fence", "deflist", "dollarmath", "amsmath", "substitution", "tasklist"}
)
_DIRECTIVE = re.compile(r"\{([^}\s]+)\}\s*(.*)", re.DOTALL)
#: Directives whose content is not Markdown.
_VERBATIM = {"code-cell", "code-block", "code", "sourcecode", "raw", "literalinclude", "mermaid"}
#: Environments of sphinx-proof that are not numbered.
_UNNUMBERED = {"prf:proof"}
_RST = re.compile(r"^\s*\.\.\s+(prf:\w+|math)::.*(?:\n\s+:label:\s*(\S+))?", re.MULTILINE)
_TEX_LABEL = re.compile(r"\\label\{([^}]+)\}")


@dataclass(frozen=True)
class Numbered:
    """An environment or an equation of a page.

    Attributes
    ----------
    kind : str
        The directive's name such as "prf:theorem", or "equation".
    label : str
        Its label; empty where it has none.
    line : int
        Line of the page, from 1.
    """

    kind: str
    label: str
    line: int

    @property
    def is_equation(self) -> bool:
        """Whether it is an equation, not an environment."""
        return self.kind == "equation"


class _AnyDirective(Directive):
    """Stands for a directive of which only options and content matter."""

    optional_arguments = 1
    final_argument_whitespace = True
    has_content = True
    option_spec: ClassVar = {"label": directives.unchanged}


def numbered(text: str) -> list[Numbered]:
    """Return the environments and numbered equations of a page, in order.

    Parameters
    ----------
    text : str
        MyST Markdown.
    """
    config = MdParserConfig(enable_extensions=set(EXTENSIONS))
    return list(_walk(create_md_parser(config, RendererHTML), text, 1))


def _walk(parser: Any, text: str, first: int) -> Iterator[Numbered]:
    for token in parser.parse(text):
        line = first + (token.map[0] if token.map else 0)
        if token.type == "math_block_label":
            yield Numbered("equation", token.info, line)
        elif token.type == "amsmath":
            if not token.meta.get("numbered"):  # a star, where the environment is not numbered
                label = _TEX_LABEL.search(token.content)
                yield Numbered("equation", label.group(1) if label else "", line)
        elif token.type in ("fence", "colon_fence"):
            yield from _directive(parser, token.info, token.content, line)


def _directive(parser: Any, info: str, content: str, line: int) -> Iterator[Numbered]:
    match = _DIRECTIVE.match(info.strip())
    if match is None or match.group(1) in _VERBATIM:
        return
    name, argument = match.groups()
    if name == "eval-rst":
        for kind, label in _RST.findall(content):
            yield Numbered("equation" if kind == "math" else kind, label, line)
        return
    parsed = parse_directive_text(_AnyDirective, argument, content, validate_options=False)
    label = str(parsed.options.get("label", "")).strip()
    if name == "math":
        if label:
            yield Numbered("equation", label, line)
        return
    if name.startswith("prf:") and name not in _UNNUMBERED:
        yield Numbered(name, label, line)
    yield from _walk(parser, "\n".join(parsed.body), line + 1 + parsed.body_offset)


def checked_equations(text: str) -> set[str]:
    """Return the labels of the equations that the checks in a page's code name.

    Parameters
    ----------
    text : str
        MyST Markdown with code cells.
    """
    config = MdParserConfig(enable_extensions=set(EXTENSIONS))
    found: set[str] = set()
    for token in create_md_parser(config, RendererHTML).parse(text):
        if token.type == "fence" and token.info.startswith("{code-cell}"):
            parsed = parse_directive_text(_AnyDirective, "", token.content, validate_options=False)
            for node in ast.walk(ast.parse("\n".join(parsed.body))):
                if isinstance(node, ast.keyword) and node.arg == "equation":
                    value = node.value
                    if isinstance(value, ast.Constant) and isinstance(value.value, str):
                        found.add(value.value)
    return found
