"""The built pages in a browser: each check on each page, and each check on a page that breaks it.

Needs the pages that ``make book`` leaves in ``_build/html`` and a Chromium or Chrome; is skipped
where one is missing, unless SDTHEORY_REQUIRE_BROWSER=1 makes that a failure.
"""

import functools
import html
import http.server
import json
import re
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import unquote, urldefrag, urlencode, urlsplit
from urllib.request import urlopen

import axe
import pytest
from browsing import missing, tab

from sdtheory.book.notebooks import list_chapters

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parent.parent.parent
HTML = ROOT / "_build" / "html"
PAGES = [
    chapter.path.relative_to(ROOT).with_suffix(".html").as_posix()
    for chapter in list_chapters(ROOT).values()
]
WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
#: The width of A4 between its margins.
PAPER = {"width": 672, "height": 950}


@dataclass
class Visit:
    """A page in the browser, and what happened while it was loaded."""

    page: object
    base: str
    medium: str = "screen"
    errors: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def run(self, script: str):
        """Evaluate JavaScript in the page."""
        return self.page.evaluate(f"() => {{ {HELPERS} {script} }}")

    def settle(self) -> None:
        """Let parts that move be where they end, however slow the machine."""
        self.run("""
            for (let rest = 100; document.getAnimations().length; rest--) {
                if (!rest) throw new Error('something on this page moves without end');
                document.getAnimations().forEach(animation => animation.cancel());
            }
        """)


HELPERS = r"""
const shown = e => e.checkVisibility({checkOpacity: true, checkVisibilityCSS: true});
const words = e => e.textContent.trim().replace(/\s+/g, ' ').slice(0, 60);
const outer = e => e.outerHTML.replace(/\s+/g, ' ').slice(0, 120);
const all = selector => [...document.querySelectorAll(selector)];
function* texts() {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) if (walker.currentNode.data.trim()) yield walker.currentNode;
}
"""


@contextmanager
def served(folder: Path):
    """Serve a folder on this machine; yield the address."""

    class Silent(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format, *args):  # noqa: A002
            pass

    handler = functools.partial(Silent, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@contextmanager
def visiting(browser, base: str, path: str, **context):
    """Load a light page, and wait until its formulas are set."""
    visit = Visit(None, base)
    listeners = (
        ("console", lambda m: m.type == "error" and visit.errors.append(m.text)),
        ("pageerror", lambda error: visit.errors.append(str(error))),
        ("request", lambda request: visit.asked.append(request.url)),
        ("response", lambda r: r.status >= 400 and visit.refused.append(f"{r.status} {r.url}")),
    )
    with tab(browser, listeners=listeners, color_scheme="light", **context) as visit.page:
        visit.page.goto(base + path, wait_until="load")
        # while colours fade, the style of the whole page is computed again and again
        visit.page.add_style_tag(content="*, ::before, ::after { transition: none !important }")
        visit.run("return window.MathJax?.startup?.promise")
        yield visit


@pytest.fixture(scope="session")
def site():
    if not (HTML / "index.html").is_file():
        missing("there is no built book: run make book.")
    with served(HTML) as base:
        yield base


@pytest.fixture(scope="module", params=PAGES)
def visit(request, browser, site):
    with visiting(browser, site, request.param, **NARROW) as opened:
        yield opened


def no_errors_in_the_console(visit):
    return visit.errors


def nothing_is_refused(visit):
    return visit.refused


def no_other_host_is_asked(visit):
    own = (visit.base, "data:", "blob:", "about:")
    return [url for url in visit.asked if not url.startswith(own)]


def formulas_are_set(visit):
    return visit.run(r"""
        const raw = () => [...texts()].filter(t =>
            /\$\$|\\[(\[]|\\begin\{/.test(t.data)
            && !t.parentElement.closest('pre, code, script, style, noscript, mjx-container'));
        all('details').forEach(e => e.open = true);
        // those in folded places are set as they unfold
        return new Promise(done => { const end = Date.now() + (window.MathJax ? 30000 : 0);
            (function look() { if (raw().length && Date.now() < end) setTimeout(look, 50);
                else done([...raw().map(t => 'not set: ' + t.data.trim().slice(0, 80)),
                    ...all('mjx-merror, [data-mjx-error]').map(e => 'error: ' + words(e))]);
            })() });
    """)


def images_say_what_they_show(visit):
    return visit.run("return all('img').filter(e => !e.alt.trim()).map(outer)")


def there_is_one_title_and_no_level_is_skipped(visit):
    return visit.run("""
        const found = all('h1, h2, h3, h4, h5, h6').filter(shown);
        const titles = found.filter(e => e.tagName == 'H1');
        const levels = found.map(e => +e.tagName[1]);
        return [...(titles.length == 1 && words(titles[0]) ? [] : [`${titles.length} titles`]),
                ...found.filter((e, i) => i && levels[i] > levels[i - 1] + 1).map(outer)];
    """)


def figures_have_captions(visit):
    return visit.run("""
        return all('figure').filter(e => !e.querySelector('figcaption')?.textContent.trim())
            .map(outer)
    """)


def nothing_is_cut_off(visit):
    unfold(visit)
    return visit.run("""
        const hider = e => {
            const how = e && getComputedStyle(e).overflowX;
            return !e || /auto|scroll/.test(how) ? null
                : /hidden|clip/.test(how) ? e : hider(e.parentElement);
        };
        const cut = (e, box) => {
            const edge = hider(e)?.getBoundingClientRect();
            return edge && edge.width > 1 && box.width && box.right > edge.right + 2;
        };
        const range = document.createRange();
        const lost = [...texts()].map(t => {
            range.selectNodeContents(t);
            return [t.parentElement, range.getBoundingClientRect()];
        }).filter(([e]) => !e.closest('mjx-container'));
        all('mjx-container').forEach(e =>
            lost.push([e.parentElement, e.getBoundingClientRect()]));
        return lost.filter(([e, box]) => shown(e) && cut(e, box)).map(([e]) => outer(e));
    """)


def unfold(visit) -> None:
    visit.run("all('details').forEach(e => e.open = true)")


def a_narrow_page_does_not_scroll_sideways(visit):
    unfold(visit)
    return visit.run("""
        const root = document.scrollingElement;
        if (root.scrollWidth <= innerWidth) return [];
        const clipped = e => e.parentElement != document.documentElement
            && (getComputedStyle(e.parentElement).overflowX != 'visible'
                || clipped(e.parentElement));
        return [`${root.scrollWidth} px wide`, ...all('body *').filter(e =>
            e.getBoundingClientRect().right > innerWidth + 1 && shown(e) && !clipped(e))
            .slice(0, 5).map(outer)];
    """)


def tables_scroll_in_a_box_that_the_keyboard_reaches(visit):
    unfold(visit)
    problems = visit.run("""
        const box = e => !e ? null
            : /auto|scroll/.test(getComputedStyle(e).overflowX) ? e : box(e.parentElement);
        const tables = all('main table, body > table, body > div table').filter(shown);
        new Set(tables.map(box)).forEach(e => {
            if (e && e.scrollWidth > e.clientWidth + 40) e.dataset.scrolls = '';
        });
        const bare = () => tables.filter(e =>
            e.getBoundingClientRect().width > innerWidth && box(e)?.tabIndex !== 0);
        // the theme takes a while to look for boxes that scroll now
        return new Promise(done => { const end = Date.now() + 3000;
            (function look() { !bare().length || Date.now() > end
                ? done(bare().map(outer)) : setTimeout(look, 20) })() });
    """)
    for box in visit.page.locator("[data-scrolls]").all():
        box.focus()
        visit.page.keyboard.press("ArrowRight")
        try:
            box.evaluate(
                "e => new Promise((done, fail) => { const end = Date.now() + 2000;"
                "(function look() { e.scrollLeft > 0 ? done() : Date.now() > end"
                " ? fail('still') : setTimeout(look, 20) })() })"
            )
        except Exception as error:  # playwright's own class, which may not be installed
            problems.append(f"{box.get_attribute('class')} does not scroll: {error}")
    return problems


@functools.cache
def answer(address: str) -> tuple[int, str]:
    """Return the status of an address and the text of its page, asked for once for all visits."""
    try:
        with urlopen(address) as reply:
            page = "html" in reply.headers.get("content-type", "")
            return reply.status, reply.read().decode("utf-8") if page else ""
    except HTTPError as error:
        return error.code, ""


def links_inside_the_site_lead_somewhere(visit):
    problems = []
    # an SVG's links have no text as their href
    resolved = "new URL(e.getAttribute('href'), document.baseURI).href"
    for link in visit.run(f"return [...new Set(all('a[href]').map(e => {resolved}))]"):
        address, fragment = urldefrag(link)
        if not address.startswith(visit.base):
            if urlsplit(link).scheme not in ("http", "https", "mailto"):
                problems.append(f"{link} leads nowhere")
            continue
        status, text = answer(address)
        if status >= 400:
            problems.append(f"{link}: {status}")
        elif fragment and text and f'id="{unquote(fragment)}"' not in text:
            problems.append(f"{link}: there is no such place on that page")
    return problems


def is_dark(visit) -> bool:
    return visit.run("return document.documentElement.dataset.theme") == "dark"


def turn(visit, *, dark: bool) -> None:
    """Turn the page dark with its own button, or back."""
    for _ in range(3):  # light, dark, as the system
        if is_dark(visit) is not dark:
            visit.run("document.querySelector('.theme-switch-button')?.click()")
            visit.settle()


def the_page_turns_dark_and_figures_with_it(visit):
    problems = [] if is_dark(visit) else ["the button does not turn the page dark"]
    return problems + visit.run("""
        const channels = getComputedStyle(document.body).backgroundColor.match(/[0-9.]+/g);
        const bright = channels.slice(0, 3).some(c => c > 80) || channels[3] === '0';
        return [...(bright ? ['the ground stays bright'] : []),
                ...all('main figure img').filter(e =>
                    !getComputedStyle(e).filter.includes('invert')).map(outer)];
    """)


def the_keyboard_reaches_the_text_and_shows_where_it_is(visit):
    keyboard, problems = visit.page.keyboard, []
    # the keyboard goes on from the place of the last focus: here the top
    visit.run("""
        const top = document.createElement('button');
        document.body.prepend(top);
        top.focus();
        top.remove();
        scrollTo(0, 0);
    """)
    keyboard.press("Tab")
    visit.settle()
    skips = visit.run("""
        const e = document.activeElement, box = e.getBoundingClientRect();
        return e.matches('a[href^="#"]') && box.top >= 0 && box.bottom > 0 && /skip/i.test(words(e))
    """)
    if not skips:
        problems.append("the first stop is not a link that skips to the text")
    look = """
        const style = getComputedStyle(document.activeElement);
        const ring = style.outlineStyle != 'none' && parseFloat(style.outlineWidth) >= 2;
        return document.activeElement == document.body || ring
            ? null : outer(document.activeElement)
    """
    for _ in range(30):
        hidden = visit.run(look)
        if hidden:
            problems.append(f"no sign of the focus: {hidden}")
        keyboard.press("Tab")
    if skips:
        visit.run("document.querySelector('a[href^=\"#\"]').focus()")
        keyboard.press("Enter")
        if not visit.run("return location.hash && document.querySelector(location.hash) != null"):
            problems.append("the link that skips leads nowhere")
    return problems


CONTRAST = r"""
const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
const rgba = colour => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
};
const over = (top, under) => [0, 1, 2].map(i => top[i] * top[3] + under[i] * (1 - top[3]));
const ground = e => {
    if (!e) return [255, 255, 255];
    const own = rgba(getComputedStyle(e).backgroundColor);
    return own[3] == 1 ? own.slice(0, 3) : over(own, ground(e.parentElement));
};
const luminance = colour => {
    const [r, g, b] = colour.map(c => c / 255).map(
        c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const poor = new Map();
for (const text of texts()) {
    const e = text.parentElement, style = getComputedStyle(e);
    if (!shown(e) || e.closest('.headerlink, .visually-hidden, svg, mjx-assistive-mml')) continue;
    const under = ground(e), ink = over(rgba(style.color), under);
    const [low, high] = [luminance(under), luminance(ink)].sort((a, b) => a - b);
    const ratio = (high + 0.05) / (low + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    if (ratio < (large ? 3 : 4.5))
        poor.set(style.color + e.className, `${ratio.toFixed(2)}: ${style.color} ${outer(e)}`);
}
return [...poor.values()];
"""


def text_stands_out_in_the_light(visit):
    return visit.run(CONTRAST)


def text_stands_out_in_the_dark(visit):
    return visit.run(CONTRAST)


def the_language_and_every_control_are_named(visit):
    return visit.run("""
        const named = e => words(e) || e.ariaLabel || e.title || e.placeholder
            || e.labels?.length || e.getAttribute('aria-labelledby')
            || e.querySelector('img[alt]:not([alt=""]), svg title');
        return [...(document.documentElement.lang ? [] : ['the page names no language']),
                ...(document.title.trim() ? [] : ['the window has no title']),
                ...(all('main').length == 1 ? [] : [`${all('main').length} main parts`]),
                ...all('a[href], button, input, summary, select, textarea')
                    .filter(e => shown(e) && !named(e)).map(outer)];
    """)


def axe_finds_nothing_in_the_light(visit):
    visit.settle()
    return axe.violations(visit.page)


def axe_finds_nothing_in_the_dark(visit):
    return axe.violations(visit.page, colours=True)


def every_name_of_a_place_is_given_once(visit):
    return visit.run("""
        const names = all('[id]').map(e => e.id);
        return [...new Set(names.filter((name, k) => names.indexOf(name) < k))];
    """)


def paper_shows_everything(visit):
    """On paper nothing scrolls, unfolds or glows."""
    visit.run("all('details.sd-dropdown').forEach(e => e.open = false)")
    visit.run("dispatchEvent(new Event('beforeprint'))")
    problems = visit.run("""
        const edge = document.querySelector('main').getBoundingClientRect().right + 2;
        const wide = e => e.getBoundingClientRect().right > edge;
        const {theme} = document.documentElement.dataset;
        return [...(theme == 'light' ? [] : ['dark paper']),
                ...all('details.sd-dropdown:not([open])').map(outer),
                ...all('main :is(table, pre, mjx-container, img, svg, p, li)')
                    .filter(e => shown(e) && wide(e)).map(outer)];
    """)
    visit.run("dispatchEvent(new Event('afterprint'))")
    return problems + visit.run("""
        return [...(document.documentElement.dataset.theme == 'dark' ? [] : ['stays light']),
                ...all('details.sd-dropdown[open]').map(outer)];
    """)


def statements_link_to_themselves_and_to_their_evidence(visit):
    return visit.run("""
        const links = (e, part) => [...e.querySelectorAll('.admonition-title a')]
            .some(a => shown(a) && a.getAttribute('href').includes(part));
        return all('div.proof[id]').filter(e => e.checkVisibility())
            .filter(e => !links(e, '#' + e.id) || !links(e, '#ledger-' + e.id)).map(outer);
    """)


def figures_and_tables_offer_their_data(visit):
    return visit.run("""
        return all('main .made-by').filter(e => !e.querySelector('a[download]')).map(outer)
    """)


def nothing_scrolls_sideways_on_a_laptop(visit):
    """Code may: its lines are not broken."""
    unfold(visit)
    return visit.run("""
        const wide = () => all('main :is(.table-scroll, .folds th, div.math, '
                + '.pst-scrollable-table-container, mjx-container[display="true"])')
            .filter(e => e.scrollWidth > e.clientWidth + 1 && e.clientWidth);
        // the page sets smaller what is a little too wide, once it has heard of it
        return new Promise(done => { const end = Date.now() + 1000;
            (function look() { const found = wide();
                if (found.length && Date.now() < end) setTimeout(look, 20);
                else done(found.map(e => `${e.scrollWidth} of ${e.clientWidth} px: ${outer(e)}`));
            })() });
    """)


def the_page_describes_itself(visit):
    if "/book/" not in visit.page.url and "page.html" not in visit.page.url:
        return []
    return visit.run("""
        const content = name =>
            document.querySelector(`meta[name="${name}"], meta[property="${name}"]`)?.content;
        return ['description', 'og:title', 'og:type', 'og:description', 'og:site_name']
            .filter(name => !content(name)?.trim());
    """)


def only_what_is_used_is_loaded(visit):
    """The search index is for the search, and the icons are those of the pages."""
    if "search.html" in visit.page.url:
        return []
    problems = [url for url in visit.asked if "searchindex" in url or "searchtools" in url]
    heavy = visit.run("""
        return performance.getEntriesByType('resource')
            .filter(e => /fontawesome|fa-/.test(e.name) && e.decodedBodySize > 10000)
            .map(e => `${e.decodedBodySize} bytes: ${e.name}`);
    """)
    return problems + heavy


def no_path_of_the_machine_is_shown(visit):
    text = visit.page.content()
    return [place for place in {str(ROOT), sys.prefix, str(Path.home())} if place + "/" in text]


#: Checks of the page on a telephone, where it is loaded, and of the dark page. They stand beside
#: each other, as to lay out a page anew takes longer than most checks.
NARROW_CHECKS = (
    formulas_are_set,
    a_narrow_page_does_not_scroll_sideways,
    nothing_is_cut_off,
    tables_scroll_in_a_box_that_the_keyboard_reaches,
)
DARK_CHECKS = (
    the_page_turns_dark_and_figures_with_it,
    text_stands_out_in_the_dark,
    axe_finds_nothing_in_the_dark,
    paper_shows_everything,
)
CHECKS = (
    *NARROW_CHECKS,
    no_errors_in_the_console,
    nothing_is_refused,
    no_other_host_is_asked,
    images_say_what_they_show,
    there_is_one_title_and_no_level_is_skipped,
    figures_have_captions,
    links_inside_the_site_lead_somewhere,
    the_keyboard_reaches_the_text_and_shows_where_it_is,
    text_stands_out_in_the_light,
    the_language_and_every_control_are_named,
    axe_finds_nothing_in_the_light,
    every_name_of_a_place_is_given_once,
    statements_link_to_themselves_and_to_their_evidence,
    figures_and_tables_offer_their_data,
    nothing_scrolls_sideways_on_a_laptop,
    the_page_describes_itself,
    only_what_is_used_is_loaded,
    no_path_of_the_machine_is_shown,
    *DARK_CHECKS,
)


def problems(visit, check) -> list[str]:
    """Return what a check finds on the page as it asks for it: its size, colours and medium."""
    paper = check is paper_shows_everything
    size = PAPER if paper else NARROW if check in NARROW_CHECKS else WIDE
    turn(visit, dark=check in DARK_CHECKS)
    if visit.page.viewport_size != size:
        visit.page.set_viewport_size(size)
    medium = "print" if paper else "screen"
    if visit.medium != medium:
        visit.page.emulate_media(media=medium)
        visit.medium = medium
    return check(visit)


#: They take most of the time. Unless SDTHEORY_REQUIRE_BROWSER=1, each group visits a third of the
#: pages (conftest.py).
SLOW_CHECKS = (
    (axe_finds_nothing_in_the_light,),
    (axe_finds_nothing_in_the_dark,),
    NARROW_CHECKS[1:],
    (the_keyboard_reaches_the_text_and_shows_where_it_is,),
    (paper_shows_everything,),
)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_page(visit, check):
    assert problems(visit, check) == []


GOOD = """\
<!DOCTYPE html>
<html lang="en" data-theme="light">
<head><meta charset="utf-8"><title>A page</title><link rel="icon" href="data:,">
<meta name="viewport" content="width=device-width">
<meta name="description" content="A page."><meta property="og:title" content="A page">
<meta property="og:type" content="article"><meta property="og:site_name" content="A site">
<meta property="og:description" content="A page.">
<style>
  body { background: white; color: black; }
  .box { overflow-x: auto; }
  td { min-width: 60rem; }
  :focus-visible { outline: 2px solid blue; }
  a, button { display: inline-block; padding: 6px; }
  body, button { transition: color 9s, background 9s; }
  html[data-theme="dark"] body { background: black; color: white; }
  html[data-theme="dark"] a { color: #9cf; }
  html[data-theme="dark"] img { filter: invert(1); }
  @media print { td { min-width: 0; } }
</style>
<script>
  const root = document.documentElement, unfold = open =>
    document.querySelectorAll('details.sd-dropdown').forEach(e => { e.open = open; });
  let theme;
  addEventListener('beforeprint', () => {
    unfold(true); theme = root.dataset.theme; root.dataset.theme = 'light';
  });
  addEventListener('afterprint', () => { unfold(false); root.dataset.theme = theme; });
</script></head>
<body><a href="#main">Skip to the text</a>
<header><button class="theme-switch-button" onclick="const d = document.documentElement.dataset;
  d.theme = d.theme == 'dark' ? 'light' : 'dark'">Colours</button></header>
<main id="main"><h1>Title</h1><h2>Part</h2><p>Words, <code>\\(x\\)</code> and more.</p>
<figure><img src="data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA=" alt="A dot">
<figcaption>A dot. <small class="made-by"><a href="page.html" download>Data</a></small></figcaption>
</figure>
<div class="proof theorem" id="thm-a"><p class="admonition-title">Theorem 1
<a href="#thm-a">link</a> <a href="#ledger-thm-a">holds</a></p></div><p id="ledger-thm-a">All.</p>
<div class="table-scroll"><table><tr><th>x</th></tr></table></div>
<div class="box" tabindex="0"><table><tr><td>wide</td></tr></table></div>
<details class="sd-dropdown"><summary>Proof</summary><p>Words.</p></details>
</main></body></html>
"""

#: One of the words is pale.
CODE = '<pre><span class="n">one</span> = <span class="m" style="color: #999">two</span></pre>'
#: For each check, changes of the good page that it must notice.
BREAKS = {
    no_errors_in_the_console: [
        ("</main>", "<script>console.error('careful')</script></main>"),
        ("</main>", "<script>nothing.at.all</script></main>"),
    ],
    nothing_is_refused: [("</main>", '<script src="missing.js"></script></main>')],
    no_other_host_is_asked: [
        ("</main>", '<img src="http://localhost:9/a.png" alt="elsewhere"></main>'),
    ],
    formulas_are_set: [
        ("Words", r"Words \(x\)"),
        ("Words", "Words $$x$$"),
        ("Words", r"Words <code>x</code>\[y\]"),
        ("Words", "<mjx-merror>Undefined control sequence</mjx-merror>"),
    ],
    images_say_what_they_show: [(' alt="A dot"', ""), ('alt="A dot"', 'alt=" "')],
    there_is_one_title_and_no_level_is_skipped: [
        ("<h1>Title</h1>", ""),
        ("<h2>Part</h2>", "<h1>Another</h1>"),
        ("<h2>Part</h2>", "<h3>Part</h3>"),
    ],
    figures_have_captions: [
        ("<figcaption>A dot. ", "<figcaption hidden></figcaption><figcaption>"),
        ("<figcaption>", "<figcaption> </figcaption><figcaption>"),
    ],
    a_narrow_page_does_not_scroll_sideways: [
        ("Words", '<span style="white-space: nowrap">' + "Words " * 30 + "</span>"),
        ("overflow-x: auto", "overflow-x: visible"),
        ("</main>", '<details><div style="width: 900px">wide</div></details></main>'),
    ],
    nothing_is_cut_off: [
        ("<p>Words", '<p style="overflow: hidden; white-space: nowrap">' + "Words " * 30),
        (
            "<p>Words",
            '<p style="overflow: clip"><mjx-container style="display: block; width: 90rem">'
            "x</mjx-container>",
        ),
    ],
    tables_scroll_in_a_box_that_the_keyboard_reaches: [
        (' tabindex="0"', ""),
        (' tabindex="0"', ' tabindex="0" onkeydown="event.preventDefault()"'),
        ("overflow-x: auto", "overflow-x: visible"),
    ],
    links_inside_the_site_lead_somewhere: [
        ("Words", '<a href="missing.html">Words</a>'),
        ("Words", '<a href="#nowhere">Words</a>'),
        ("Words", '<a href="javascript:void(0)">Words</a>'),
    ],
    the_page_turns_dark_and_figures_with_it: [
        ("? 'light' : 'dark'", "? 'light' : 'light'"),
        ("background: black", "background: white"),
        ("filter: invert(1)", "opacity: 1"),
    ],
    the_keyboard_reaches_the_text_and_shows_where_it_is: [
        ('<a href="#main">Skip to the text</a>', ""),
        ('href="#main"', 'href="#elsewhere"'),
        ("outline: 2px solid blue", "outline: none"),
    ],
    text_stands_out_in_the_light: [("color: black", "color: #888")],
    text_stands_out_in_the_dark: [("color: white; }", "color: #666; }")],
    the_language_and_every_control_are_named: [
        (' lang="en"', ""),
        ("<title>A page</title>", "<title></title>"),
        (">Colours<", "><"),
        ("</main>", '<a href="#main"></a></main>'),
        ('<main id="main">', '<div id="main">'),
    ],
    axe_finds_nothing_in_the_light: [
        ("color: black", "color: #888"),
        ("Colours<", 'Colours</button><button aria-label="Other words">Colours<'),
        (' alt="A dot"', ""),
        ("</main>", "</main><p>Words outside.</p>"),
        ("<h2>Part</h2>", "<h4>Part</h4>"),
        ("</main>", f"{CODE}</main>"),
    ],
    axe_finds_nothing_in_the_dark: [("color: white; }", "color: #666; }")],
    every_name_of_a_place_is_given_once: [("<h2>", '<h2 id="main">')],
    paper_shows_everything: [
        ("td { min-width: 0; }", ""),
        ("unfold(true);", ""),
        ("unfold(false);", ""),
        ("root.dataset.theme = 'light'", ""),
        ("root.dataset.theme = theme", ""),
    ],
    statements_link_to_themselves_and_to_their_evidence: [
        ('<a href="#thm-a">link</a>', ""),
        ('<a href="#ledger-thm-a">holds</a>', ""),
        ('<a href="#thm-a">', '<a href="#thm-a" style="visibility: hidden">'),
    ],
    figures_and_tables_offer_their_data: [(" download>Data</a>", ">Data</a>")],
    nothing_scrolls_sideways_on_a_laptop: [
        ("<th>x</th>", '<th style="min-width: 99rem">x</th>'),
        ("Words", '<div class="math" style="overflow: auto"><p style="width: 99rem">x</p></div>'),
    ],
    the_page_describes_itself: [
        ('<meta name="description" content="A page.">', ""),
        ('<meta property="og:title" content="A page">', '<meta property="og:title" content=" ">'),
    ],
    only_what_is_used_is_loaded: [
        ("</main>", '<script src="searchindex.js"></script></main>'),
        ("</main>", '<img src="fa-heavy.svg" alt="Heavy"></main>'),
    ],
    no_path_of_the_machine_is_shown: [("Words", f"{ROOT}/sdtheory")],
}


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A folder for pages, each in a folder of its own, and where it is served."""
    folder = tmp_path_factory.mktemp("pages")
    with served(folder) as base:
        yield folder, base


@contextmanager
def written(browser, desk, text):
    """Visit a page with this text."""
    folder, base = desk
    name = str(len(list(folder.iterdir())))
    (folder / name).mkdir()
    (folder / name / "page.html").write_text(text, encoding="utf-8")
    heavy = f"<svg><!--{'x' * 20_000}--></svg>"
    (folder / name / "fa-heavy.svg").write_text(heavy, encoding="utf-8")
    with visiting(browser, base, f"{name}/page.html", **NARROW) as visit:
        yield visit


@pytest.fixture(scope="module")
def good(browser, desk):
    with written(browser, desk, GOOD) as visit:
        yield visit


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_good_page_passes(good, check):
    assert problems(good, check) == []


@pytest.mark.parametrize(
    ("check", "change"),
    [
        pytest.param(check, change, id=f"{check.__name__}-{number}")
        for check in CHECKS
        for number, change in enumerate(BREAKS[check])
    ],
)
def test_a_page_that_breaks_it_does_not_pass(browser, desk, check, change):
    old, new = change
    assert old in GOOD
    with written(browser, desk, GOOD.replace(old, new, 1)) as visit:
        assert problems(visit, check) != []


def test_the_pages_are_those_of_the_table_of_contents(site):
    built = {path.relative_to(HTML).as_posix() for path in (HTML / "book").rglob("*.html")}
    assert built == set(PAGES), "run make book: _build/html is not the book of this _toc.yml"


def test_the_site_opens_at_the_first_page(browser, site):
    with browser.new_page() as page:
        page.goto(site)
        page.wait_for_url(site + PAGES[0])


def test_the_index_fits_a_telephone(browser, site):
    with visiting(browser, site, "genindex.html") as visit:
        assert a_narrow_page_does_not_scroll_sideways(visit) == []


def test_the_search_finds_what_is_there_and_only_that(browser, site):
    for query, found in (("distill", True), ("xylophone", False)):
        with visiting(browser, site, "search.html") as visit:
            field = visit.page.locator("main input[type=search], .bd-content input[name=q]").first
            field.fill(query)
            field.press("Enter")
            visit.page.wait_for_url(f"**q={query}*")
            visit.page.wait_for_function(
                "/finished|did not match/.test(document.querySelector('#search-results').innerText)"
            )
            assert bool(visit.run("return all('#search-results li a').length")) is found
            for check in (
                no_errors_in_the_console,
                no_other_host_is_asked,
                formulas_are_set,
                a_narrow_page_does_not_scroll_sideways,
                links_inside_the_site_lead_somewhere,
            ):
                assert problems(visit, check) == []


QUERIES = {
    "Theorem 5": "Theorem 5",
    "thm-labels-kept": None,
    "rounds bound": None,
    "epsilon": "epsilon",
    "B_t": "B_t",
    "kappa": "kappa",
    "sdtheory verify": "sdtheory verify",
}


@pytest.mark.parametrize("query", QUERIES)
def test_the_search_finds_statements_symbols_and_commands(browser, site, query):
    first = QUERIES[query]
    with visiting(browser, site, f"search.html?{urlencode({'q': query})}") as visit:
        visit.page.wait_for_selector(".places a")
        link = visit.page.locator(".places a").first
        assert link.inner_text() == (first or link.inner_text())
        words = visit.page.locator(".places li").first.inner_text().lower()
        assert first or all(word in words for word in query.split("-")[-1].split())
        link.click()
        visit.page.wait_for_url("**/book/**")
        assert visit.run("return document.getElementById(location.hash.slice(1)) != null")


def test_a_page_lists_every_statement_and_equation(browser, site):
    listed = "return all('main th a').map(e => new URL(e.href).hash)"
    stated = "return all('div.proof[id], .math[id^=equation]').map(e => '#' + e.id)"
    with visiting(browser, site, "book/statements.html") as visit:
        found = visit.run(listed)
        texts = [answer(f"{site}{page}")[1] for page in PAGES]
    pattern = re.compile(r'<div class="(?:proof [^"]*|[^"]*\bmath\b[^"]*)" id="([^"]+)"')
    assert sorted(found) == sorted(f"#{id_}" for text in texts for id_ in pattern.findall(text))
    with visiting(browser, site, "book/rounds.html") as visit:
        assert set(visit.run(stated)) <= set(found)


def test_the_notation_in_place_is_the_preface_s_table(site):
    preface = (ROOT / "book" / "preface.md").read_text(encoding="utf-8")
    table = preface.partition("## Notation\n\n")[2].partition("\n\n")[0]
    rows = [line.split("|")[1:-1] for line in table.splitlines() if line.startswith("| ")][1:]
    script = (HTML / "_static" / "places.js").read_text(encoding="utf-8")
    content = json.loads(script.removeprefix("globalThis.sdPlaces = ").removesuffix(";\n"))

    def words(cell):
        """The text without marks: those of MyST, of HTML, and what escapes them."""
        plain = html.unescape(cell).replace("’", "'")
        return re.sub(r"<[^>]*>|[`$*\\()\s]|\|", "", plain)

    shown = [tuple(map(words, row[1:])) for row in content["notation"]]
    assert list(dict.fromkeys(shown)) == [tuple(map(words, row)) for row in rows]
