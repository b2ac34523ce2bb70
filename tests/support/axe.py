"""Judge a page by axe-core: WCAG 2 A and AA and its best practices."""

from pathlib import Path

SCRIPT = (Path(__file__).parent / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
#: Marked experimental by axe, and yet a rule of WCAG 2.1 A.
ALSO = ["label-content-name-mismatch"]


def violations(page, selector="html"):
    """Return the violations that axe finds in a part of a page: rule and offender."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(SCRIPT)
    found = page.evaluate(
        """([selector, tags, also]) => axe.run(document.querySelector(selector), {
            runOnly: {type: 'tag', values: tags}, resultTypes: ['violations'], preload: false,
            rules: Object.fromEntries(also.map(rule => [rule, {enabled: true}]))})""",
        [selector, TAGS, ALSO],
    )
    return [
        f"{rule['id']}: {node['html'][:120]}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]
