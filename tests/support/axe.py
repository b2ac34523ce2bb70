"""Judge a page by axe-core: WCAG 2 A and AA and its best practices."""

from pathlib import Path

SCRIPT = (Path(__file__).parent / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
#: Marked experimental by axe, and yet a rule of WCAG 2.1 A.
ALSO = ["label-content-name-mismatch"]


def violations(page, selector="html", *, colours=False):
    """Return the violations that axe finds in a part of a page: rule and offender.

    With `colours`, only the rules of its category colour run: in another theme a page differs in
    nothing else. Of a formula axe sees the letters that a screen reader reads, and of all code one
    word of each class. Their thousands of other parts have no controls, and `text_stands_out` of
    the pages' checks computes the contrast of each.
    """
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(SCRIPT)
    found = page.evaluate(
        """([selector, tags, also, colours]) => {
            const seen = new Set();
            const isNew = e => e.nodeType != 1 || e.tagName != 'SPAN' || e.children.length
                || !seen.has(e.className) && seen.add(e.className);
            const parts = [
                ...[...document.querySelectorAll('mjx-container:has(> mjx-assistive-mml)')].map(e =>
                    [e, [new Text(e.querySelector('mjx-assistive-mml').textContent)]]),
                ...[...document.querySelectorAll('pre')].map(e =>
                    [e, [...e.childNodes].filter(isNew)]),
            ];
            parts.forEach(([e, value]) =>
                Object.defineProperty(e, 'childNodes', {value, configurable: true}));
            // axe goes through the page in this way too
            const walker = Document.prototype.createTreeWalker;
            document.createTreeWalker = (root, what) => walker.call(document, root, what, e =>
                Object.hasOwn(e.parentNode, 'childNodes') && !e.parentNode.childNodes.includes(e)
                    ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT);
            const colour = axe.getRules(['cat.color'])
                .filter(rule => rule.tags.some(tag => tags.includes(tag)));
            return axe.run(selector, {
                runOnly: colours ? {type: 'rule', values: colour.map(rule => rule.ruleId)}
                    : {type: 'tag', values: tags},
                resultTypes: ['violations'], preload: false,
                rules: colours ? {}
                    : Object.fromEntries(also.map(rule => [rule, {enabled: true}]))})
                .finally(() => {
                    parts.forEach(([e]) => { delete e.childNodes; });
                    delete document.createTreeWalker;
                })}""",
        [selector, TAGS, ALSO, colours],
    )
    return [
        f"{rule['id']}: {node['html'][:120]}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]
