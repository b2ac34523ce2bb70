"""The icons that the pages use, in a font that holds no others."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

_FACE = re.compile(r"@font-face\{[^}]*?/(fa-[\w-]+)\.woff2[^}]*\}")
_SOURCES = re.compile(r"src:url\([^)]*/(fa-[\w-]+)\.woff2\)[^;}]*")
#: The rule that gives classes their icon, by its code or by the character itself.
_RULE = re.compile(r"((?:\.fa-[\w-]+:{1,2}before,?\s*)+)\{content:\"(\\[0-9a-f]{1,5}|[^\\\"])\"\}")
#: What styles show by themselves, with a character of the range in which icons lie.
_SHOWN = re.compile(r"(?:content|--[\w-]+):\s*\"(\\[ef][0-9a-f]{3}|[\ue000-\uf8ff])\"")
_CLASS = re.compile(r"\bfa-[\w-]+")


def lighten(site: Path) -> None:
    """Reduce the icon fonts of a built site to the icons that its pages and styles use.

    Parameters
    ----------
    site : Path
        A site without the theme's icon fonts, or with reduced ones, stays as it is.
    """
    static = site / "_static"
    style = static / "styles" / "pydata-sphinx-theme.css"
    fonts = static / "vendor" / "fontawesome" / "webfonts"
    if not style.is_file() or not list(fonts.glob("*.ttf")):
        return
    # loaded here, as all processes of a build read this module, and one cuts fonts
    subset, tt_font = import_module("fontTools.subset"), import_module("fontTools.ttLib").TTFont
    text = style.read_text(encoding="utf-8")
    names = _names(site)
    text = _RULE.sub(lambda rule: rule[0] if names & set(_CLASS.findall(rule[1])) else "", text)
    sheets = [p.read_text(encoding="utf-8") for p in static.rglob("*.css") if p != style]
    wanted = {
        _character(code)
        for code in [
            *(rule[2] for rule in _RULE.finditer(text)),
            *(code for sheet in [text, *sheets] for code in _SHOWN.findall(sheet)),
        ]
    }
    for path in sorted(fonts.glob("*.ttf")):
        # without today's date, so that two builds are alike
        font = tt_font(path, recalcTimestamp=False)
        here = wanted & set(font.getBestCmap() or ())
        if here:
            subsetter = subset.Subsetter(subset.Options(desubroutinize=True))
            subsetter.populate(unicodes=here)
            subsetter.subset(font)
            font.flavor = "woff"
            font.save(path.with_suffix(".woff"))
    kept = {path.stem for path in fonts.glob("*.woff")}
    text = _FACE.sub(lambda face: face[0] if face[1] in kept else "", text)
    text = _SOURCES.sub(r'src:url(../vendor/fontawesome/webfonts/\1.woff) format("woff")', text)
    style.write_text(text, encoding="utf-8")
    for path in [*fonts.glob("*.ttf"), *fonts.glob("*.woff2")]:
        path.unlink()


def _names(site: Path) -> set[str]:
    """Return the classes of icons that pages and scripts name."""
    files = [*site.rglob("*.html"), *(site / "_static").glob("*.js")]
    return {n for path in files for n in _CLASS.findall(path.read_text(encoding="utf-8"))}


def _character(code: str) -> int:
    """Return the number of a character that a style sheet gives by its code or as itself."""
    return int(code[1:], 16) if code.startswith("\\") else ord(code)
