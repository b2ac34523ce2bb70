"""Judge a page by axe-core: WCAG 2 A and AA and its best practices."""

from pathlib import Path

SCRIPT = (Path(__file__).parent / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
#: Marked experimental by axe, and yet a rule of WCAG 2.1 A.
ALSO = ["label-content-name-mismatch"]


def violations(page, selector="html", *, colours=False):
    """Return the violations that axe finds in a part of a page: rule and offender.

    With `colours`, only the rules of its category colour run: in another theme a page differs in
    nothing else. Of a formula axe sees the letters that a screen reader reads, and not its
    hundreds of parts, whose contrast the checks of pages compute, and which have no controls.
    """
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(SCRIPT)
    found = page.evaluate(
        """([selector, tags, also, colours]) => {
            const formulas = document.querySelectorAll('mjx-container:has(> mjx-assistive-mml)');
            formulas.forEach(e => Object.defineProperty(e, 'childNodes', {configurable: true,
                value: [new Text(e.querySelector('mjx-assistive-mml').textContent)]}));
            const colour = axe.getRules(['cat.color'])
                .filter(rule => rule.tags.some(tag => tags.includes(tag)));
            return axe.run(selector, {
                runOnly: colours ? {type: 'rule', values: colour.map(rule => rule.ruleId)}
                    : {type: 'tag', values: tags},
                resultTypes: ['violations'], preload: false,
                rules: colours ? {}
                    : Object.fromEntries(also.map(rule => [rule, {enabled: true}]))})
                .finally(() => formulas.forEach(e => { delete e.childNodes; }))}""",
        [selector, TAGS, ALSO, colours],
    )
    return [
        f"{rule['id']}: {node['html'][:120]}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]
