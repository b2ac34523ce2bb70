"""The explorables in a browser, from file://: the library's numbers, usable by everyone."""

import functools
import itertools
import re
import shutil
from contextlib import contextmanager
from pathlib import Path

import axe
import numpy as np
import pytest
from browsing import tab
from scipy.optimize import brentq

from sdtheory import Spectrum, distill, gram, trajectory
from sdtheory.book import explorables
from sdtheory.datasets import load_example
from sdtheory.formulas import bounds
from sdtheory.formulas.filters import (
    gradient_flow,
    iterated_tikhonov,
    match,
    self_distillation,
    tikhonov,
)
from sdtheory.formulas.mixing import kept_labels, mixing_parts
from sdtheory.formulas.path_length import path_length
from sdtheory.formulas.risk import fixed_design_risk, wiener
from sdtheory.kernels import kernel_by_name
from sdtheory.validation import InvalidInputError

SCRIPTS = Path(__file__).parents[2] / "book" / "explorables"
ASSETS = Path(__file__).parent / "assets"
#: Agreement asked for, relative to the number; of a curve, relative to its largest value.
AGREEMENT = 1e-12
#: A round is within rounding of collapse below this r - 1: its count is not compared.
UNDECIDED = 1e-12
#: Where a reference says how well the library knows its multipliers.
ERROR = "error"

data = load_example()
GRID = np.linspace(0, 1, 41)


def example_chain(kernel, inside=slice(None), epsilon=data.epsilon):
    g, x, y = kernel_by_name(kernel), data.x[inside], data.y[inside]
    spectrum = Spectrum.from_gram(gram(g, x))
    return explorables.chain(spectrum, x, y, epsilon, grid=GRID, g=gram(g, x, GRID))


def example_filters(epsilon=data.epsilon):
    x, y = data.x[1:-1], data.y[1:-1]
    spectrum = Spectrum.from_gram(gram(kernel_by_name("bridge"), x))
    return explorables.filters(spectrum, y, epsilon, 3)


PROBLEMS = {
    "sd-chain": example_chain("beam"),
    "sd-walk": explorables.walk(20, [88, 70, 45, 20, 4], 10),
    "sd-filters": example_filters(),
    "sd-risk": explorables.risk(np.arange(1.0, 41)[::-1] ** -2, 1, 4, 0.15, 12),
    "sd-kept": explorables.kept(
        np.geomspace(1e-3, 1, 12),
        np.arange(1.0, 13),
        c=0.05,
        a=0.25,
        xi=0.5,
        snr=4,
        rounds=8,
    ),
}


# what the library says


def chain_reference(problem, epsilon, t):
    d, V = np.array(problem["d"]), np.array(problem["V"])
    spectrum, positive = Spectrum(d, V, 0.0), d[d > 0]
    chain = distill(spectrum, problem["y"], epsilon)
    N, r_minus_1 = chain.n_rounds, chain.trajectory.r_minus_1
    reached = (np.arange(N) > 0) | (len(positive) == len(d))
    low, high = bounds.multiplier_bounds(
        np.where(reached, positive[0], 0), positive[-1], r_minus_1[:N]
    )
    kappa = positive[-1] / positive[0]
    return {
        "N": N,
        "t": min(t, max(N - 1, 0)),
        "c": chain.c,
        "r": chain.r,
        "rMinus1": r_minus_1,
        "low": low,
        "high": high,
        "one": np.where(reached, bounds.one_round_bound(r_minus_1[:N], kappa), 0),
        "B": chain.B,
        "freedom": chain.B.sum(axis=1),
        "fits": [chain.predict(problem["g"], k) for k in range(N)],
        ERROR: float(np.max(chain.c_error, initial=0)),
    }


def walk_reference(problem, r, angle, kappa):
    d, y = np.array([1 / kappa, 1]), r * np.array([np.sin(a := np.deg2rad(angle)), np.cos(a)])
    path = trajectory(d, y, 1 / 2, 1000)
    N = int(path.n_rounds)
    return {
        "N": N,
        "c": path.c[:N],
        "z": path.z[: N + 1],
        "rMinus1": path.r_minus_1[: N + 1],
        "length": path_length(d, y**2),
        "guaranteed": bounds.guaranteed_rounds(path.r_minus_1[0], kappa),
    }


def filters_reference(problem, held, rounds, epsilon):
    d, z = np.array(problem["d"]), np.array(problem["z"])
    chain = trajectory(d, z, epsilon, 1000)
    N = int(chain.n_rounds)
    c = chain.c[: min(rounds, N)]
    t, positive = len(c), d[d > 0]
    measures = {
        "residual": lambda phi: np.sum(z**2 * (1 - phi) ** 2),
        "size": lambda phi: np.sum(z**2 * phi**2),
        "roughness": lambda phi: np.sum((z**2 * phi**2)[d > 0] / positive),
        "freedom": np.sum,
    }
    families = (tikhonov, gradient_flow, lambda d, s: iterated_tikhonov(d, s, t))
    several = self_distillation(d, c)
    # equal residuals, from the part of the energy that is removed, which is small where phi is
    equal = measures | {"residual": lambda phi: np.sum(z**2 * phi * (2 - phi))}
    strengths = [match(f, d, equal[held], equal[held](several)) for f in families]
    values = [several, *(f(d, s) for f, s in zip(families, strengths, strict=True))]
    reference = {
        "N": N,
        "c": c,
        "strengths": strengths,
        "dMin": positive[0],
        "dMax": positive[-1],
        "values": values,
        "measured": {key: [float(m(v)) for v in values] for key, m in measures.items()},
    }
    if t < 2:
        return reference

    def above(log_d):
        single = tikhonov(np.exp(log_d), strengths[0])
        return np.log(self_distillation(np.exp([log_d]), c)[0] / single)

    ends = np.log(positive[[0, -1]])
    crossing = np.exp(brentq(above, *ends, xtol=1e-15, rtol=1e-14))
    share = self_distillation(np.array([crossing]), c)[0]
    return reference | {
        "crossing": crossing,
        "share": share,
        "slope": np.sum(c / (c + crossing)),
        "steepest": t * (1 - share ** (1 / t)),
    }


def risk_reference(problem, beta, snr, share):
    d, n = np.array(problem["d"]), len(problem["d"])
    theta2 = d ** (1 + beta) / np.mean(d ** (1 + beta))
    sigma2 = 1 / snr
    # two outputs, the truth and the noise, in every direction
    labels = np.stack([np.sqrt(theta2), np.full(n, np.sqrt(sigma2))], axis=1)
    path = trajectory(d, labels, share * sigma2, problem["rounds"], outputs=True)
    N = int(path.n_rounds)
    shares = np.concatenate([np.ones((1, n)), path.B[:N]])
    risks = fixed_design_risk(shares, theta2, sigma2)
    w = wiener(theta2, sigma2)
    rough = np.mean(np.sum(path.z[: N + 1] ** 2, axis=-1) / d, axis=-1)
    truth = np.mean(theta2 / d)
    return {
        "N": N,
        "ended": bool(path.r_minus_1[-1] <= 0),
        "epsilon": share * sigma2,
        "sigma2": sigma2,
        "shares": shares,
        "risks": risks,
        "bias": fixed_design_risk(shares, theta2, 0),
        "variance": fixed_design_risk(shares, np.zeros(n), sigma2),
        "best": int(np.argmin(risks)),
        "wiener": w,
        "least": fixed_design_risk(w, theta2, sigma2),
        "rough": rough,
        "truth": truth,
        "promised": int(np.sum(rough[1:] >= truth)),
    }


def kept_reference(problem, a, xi, c, snr):
    d, theta2, sigma2 = np.array(problem["d"]), np.array(problem["theta2"]), 1 / snr
    s, limit = tikhonov(d, c), tikhonov(d, c / a)
    phi = np.array([kept_labels(d, c, a, t) for t in range(problem["rounds"] + 1)])
    ratios = phi[:, -1] / phi[:, 0]
    slope, curvature = mixing_parts(d, c, theta2, sigma2)
    best = -slope / (2 * curvature)

    def mixed(share):
        return fixed_design_risk((1 - share) * s + share * s**2, theta2, sigma2)

    chain = fixed_design_risk(phi, theta2, sigma2)
    return {
        "sigma2": sigma2,
        "limit": limit,
        "phi": phi,
        "ratios": ratios,
        "limitRatio": limit[-1] / limit[0],
        "crossing": np.log(d[-1] / d[0]) / np.log(s[-1] / s[0]),
        "bias": fixed_design_risk(phi, theta2, 0),
        "variance": fixed_design_risk(phi, 0 * theta2, sigma2),
        "chain": chain,
        "last": fixed_design_risk(limit, theta2, sigma2),
        "smallest": int(np.argmin(chain)),
        "slope": slope,
        "curvature": curvature,
        "best": best,
        "teacher": mixed(0),
        "student": mixed(1),
        "mixture": mixed(xi),
        "least": mixed(best),
    }


REFERENCES = {
    "sd-chain": chain_reference,
    "sd-walk": walk_reference,
    "sd-filters": filters_reference,
    "sd-risk": risk_reference,
    "sd-kept": kept_reference,
}


def tolerances(problem, number, last=0.99):
    """Tolerances between the slider's ends, even above the smallest feasible one."""
    smallest = problem["smallest"]
    ends = problem["from"] - smallest, last * (problem["to"] - smallest)
    return smallest + np.geomspace(*ends, number)


@functools.cache
def expected(element):
    """Return the grid of states that are compared, and what the library says for each."""
    problem = PROBLEMS[element]
    return [(state, REFERENCES[element](problem, **state)) for state in states(element, problem)]


def states(element, problem):
    product = {
        "sd-chain": lambda: ({"epsilon": e, "t": 2} for e in tolerances(problem, 300, 0.999999)),
        "sd-walk": lambda: (
            {"r": r, "angle": a, "kappa": k}
            for r in np.linspace(1.05, 12, 12)
            for a in (0, 1, 17, 45, 88, 90)
            for k in (1, 3.7, 20, 100)
        ),
        "sd-filters": lambda: (
            {"held": h, "rounds": t, "epsilon": e}
            for h in ("residual", "size", "roughness", "freedom")
            for t in (1, 2, 3, 5)
            for e in tolerances(problem, 25)
        ),
        "sd-risk": lambda: (
            {"beta": b, "snr": s, "share": e}
            for b in np.linspace(-1, 3, 9)
            for s in (0.1, 1, 4, 100)
            for e in (0.01, 0.15, 0.5, 1)
        ),
        "sd-kept": lambda: (
            {"a": a, "xi": x, "c": c, "snr": s}
            for a in (0.01, 0.13, 0.5, 1)
            for x in (-2, 0.3, 4)
            for c in (1e-3, 0.02, 0.4, 10)
            for s in (0.1, 3, 100)
        ),
    }
    return [
        {key: v.item() if isinstance(v, np.generic) else v for key, v in state.items()}
        for state in product[element]()
    ]


# the page


def write(folder, element, problem, scripts=SCRIPTS):
    """Write a page with one explorable; return its address."""
    shutil.copytree(scripts, folder / "_static")
    page = folder / "book" / "page.html"
    page.parent.mkdir()
    page.write_text(
        '<!DOCTYPE html><html lang="en" data-theme="light"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><title>A page</title><style>'
        'html[data-theme="dark"] { background: #121212; color: #ced6dd }'
        "* { box-sizing: border-box } figure { margin: 0 } .table-scroll { overflow-x: auto }"
        "main { max-width: 42.5rem; line-height: 1.65 }"  # as in the book
        "</style></head><body><main><h1>A page</h1>"
        '<figure id="fig-a"><img alt="A dot" src="data:image/gif;base64,'
        'R0lGODlhAQABAAAAACwAAAAAAQABAAA="><figcaption>A figure.</figcaption></figure>'
        f'<div class="cell">{explorables.markup(element, "fig-a", problem)}</div>'
        "</main></body></html>",
        encoding="utf-8",
    )
    return page.as_uri()


@contextmanager
def opened(browser, address, *, width=1280, **context):
    """Open a page; nothing may go wrong in it, and no other file or host may be asked."""
    wrong = []
    listeners = (
        ("console", lambda m: m.type in ("error", "warning") and wrong.append(m.text)),
        ("pageerror", lambda error: wrong.append(str(error))),
        ("requestfailed", lambda request: wrong.append(request.url)),
        ("request", lambda r: r.url.startswith(("file:", "data:")) or wrong.append(r.url)),
    )
    with tab(browser, width=width, height=900, listeners=listeners, **context) as page:
        page.goto(address, wait_until="load")
        yield page
        assert wrong == []


@pytest.fixture(params=PROBLEMS)
def element(request):
    return request.param


@pytest.fixture
def address(tmp_path, element):
    return write(tmp_path, element, PROBLEMS[element])


def computed(page, element, cases):
    """Return what the element computes for each state, without its functions."""
    return page.evaluate(
        """([name, cases]) => { const e = document.querySelector(name); return cases.map(state => {
            const {filters, ...numbers} = e.compute(state); return numbers; }); }""",
        [element, cases],
    )


def apart(name, got, expected):
    """Yield the relative differences of numbers, arrays and dictionaries of them."""
    if isinstance(expected, dict):
        for key, value in expected.items():
            yield from apart(f"{name}.{key}", got[key], value)
    elif name == ".fits":
        for f, g in zip(got, expected, strict=True):
            yield name, float(np.max(np.abs(np.array(f) - g)) / np.max(np.abs(g)))
    else:
        a, b = (np.asarray(v, dtype=float) for v in (got, expected))
        if a.shape != b.shape:
            yield name, np.inf
            return
        with np.errstate(divide="ignore", invalid="ignore"):
            error = np.where(a == b, 0, np.abs(a - b) / np.abs(b))
        yield name, float(np.max(error, initial=0))


def disagreements(page, element):
    """Return the largest relative difference of each number, and the share of undecided states.

    A difference counts in units of the library's own error, where that is above `AGREEMENT`.
    """
    worst, undecided = {}, 0
    cases, references = zip(*expected(element), strict=True)
    for got, reference in zip(computed(page, element, cases), references, strict=True):
        # where the library itself knows fewer digits, no more of them are compared
        scale = max(1, reference.pop(ERROR, 0) / AGREEMENT)
        if np.min(np.abs(reference.get("rMinus1", 1))) < UNDECIDED:
            undecided += 1
            continue
        for name, value in apart("", got, reference):
            worst[name] = max(worst.get(name, 0), value / scale)
    return worst, undecided / len(cases)


def test_every_number_is_the_library_s(browser, element, address):
    with opened(browser, address) as page:
        worst, undecided = disagreements(page, element)
    assert {name: error for name, error in worst.items() if not error <= AGREEMENT} == {}
    assert undecided < 0.05


@pytest.mark.parametrize(
    ("element", "script", "change"),
    [
        ("sd-chain", "sd-core.js", ("[dMin / rMinus1,", "[dMax / rMinus1,")),
        ("sd-chain", "sd-core.js", ("return high + low;", "return high;")),  # ordinary sums
        ("sd-chain", "sd-core.js", ("kappa) => (1 + rMinus1) *", "kappa) => ")),
        ("sd-chain", "sd-chain.js", ("k > 0 || positive", "positive")),
        ("sd-walk", "sd-core.js", ("+ 3.8,", "+ 1,")),
        ("sd-walk", "sd-walk.js", ("sd.guaranteedRounds(rMinus1[0]", "sd.guaranteedRounds(r")),
        ("sd-filters", "sd-core.js", ("(-m * Math", "(-(m + 1) * Math")),
        ("sd-filters", "sd-filters.js", ("share ** (1 / t)", "share ** t")),
        ("sd-risk", "sd-core.js", ("(1 - phi[k]) ** 2", "(1 - phi[k])")),
        ("sd-risk", "sd-risk.js", ("rough.slice(1)", "rough")),
        ("sd-kept", "sd-core.js", ("tikhonov(d, c / a)", "tikhonov(d, c * a)")),
        ("sd-kept", "sd-core.js", ("- s[k] * sigma2)", "+ s[k] * sigma2)")),
        ("sd-kept", "sd-kept.js", ("share * v * v", "share * v")),
    ],
)
def test_a_planted_error_is_noticed(browser, tmp_path, element, script, change):
    right, wrong = change
    scripts = shutil.copytree(SCRIPTS, tmp_path / "scripts")
    text = (scripts / script).read_text(encoding="utf-8")
    assert text.count(right) == 1
    (scripts / script).write_text(text.replace(right, wrong), encoding="utf-8")
    with opened(browser, write(tmp_path, element, PROBLEMS[element], scripts)) as page:
        worst, _ = disagreements(page, element)
    assert not max(worst.values()) <= 10 * AGREEMENT


#: States worth a look, and what the columns of the table hold then.
LOOKS = {
    "sd-chain": ["0.045,0", "0.06,1", "0.0425,3"],
    "sd-walk": ["10,45,20", "3.3,80,7"],
    "sd-filters": ["residual,3,0.045", "freedom,2,0.01", "roughness,1,0.1"],
    "sd-risk": ["1,4,0.15", "-0.5,0.5,0.3"],
    "sd-kept": ["0.25,0.5,0.05,4", "1,-1,0.4,0.5"],
}


def table_reference(element, r):
    if element == "sd-chain":
        after = r["r"][1:]
        return [r["r"][:-1], r["low"], r["c"], r["high"], r["one"], after, after - r["one"]]
    if element == "sd-walk":
        return [r["z"][:, 1], r["z"][:, 0], np.linalg.norm(r["z"], axis=1)]
    if element == "sd-filters":
        return [r["measured"][key] for key in ("residual", "size", "roughness", "freedom")]
    if element == "sd-kept":
        return [r["ratios"], r["bias"], r["variance"], r["chain"]]
    return [r["bias"], r["variance"], r["risks"], None, r["rough"]]


#: What the controls of each element are called in its state.
NAMES = {
    "sd-chain": ("epsilon", "t"),
    "sd-walk": ("r", "angle", "kappa"),
    "sd-filters": ("held", "rounds", "epsilon"),
    "sd-risk": ("beta", "snr", "share"),
    "sd-kept": ("a", "xi", "c", "snr"),
}


def read(cell):
    """Return the number that a cell shows."""
    digits = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻−", "0123456789--")
    return float(re.sub(r"\s×\s10(.+)", r"e\1", cell).translate(digits))


def test_the_table_shows_these_numbers(browser, element, address):
    for look in LOOKS[element]:
        values = [v if v.isalpha() else float(v) for v in look.split(",")]
        state = dict(zip(NAMES[element], values, strict=True))
        if "rounds" in state:
            state["rounds"] = int(state["rounds"])
        reference = REFERENCES[element](PROBLEMS[element], **state)
        with opened(browser, f"{address}#fig-a={look}") as page:
            assert page.evaluate(f"document.querySelector('{element}').state") == state
            rows = page.eval_on_selector_all(
                "tbody tr", "rows => rows.map(r => [...r.cells].slice(1).map(c => c.textContent))"
            )
            counted = page.inner_text(".words")
        skipped = 2 if element == "sd-filters" else 1
        assert len(rows) == len(next(filter(None, map(list, table_reference(element, reference)))))
        for k, column in enumerate(table_reference(element, reference)):
            if column is None:
                continue
            shown = [read(row[k + skipped - 1]) for row in rows]
            np.testing.assert_allclose(shown, column, rtol=6e-3, atol=1e-300)
        number = (
            len(reference["c"]) if element == "sd-filters" else reference.get("N", len(rows) - 1)
        )
        assert re.search(rf"\b{'One' if number == 1 else number} (round|step)s?\b", counted)


def state_of(page, element):
    return page.evaluate(f"Object.values(document.querySelector('{element}').state)")


def test_the_keyboard_alone_moves_everything(browser, element, address):
    with opened(browser, address) as page:
        start = state_of(page, element)
        number = len(start)
        seen = [start]
        for _ in range(number):
            page.keyboard.press("Tab")
            assert page.evaluate("document.activeElement.matches('input, select')")
            for key in ("ArrowLeft", "ArrowLeft", "ArrowRight"):
                page.keyboard.press(key)
            seen.append(state_of(page, element))
        moved = [a != b for a, b in itertools.pairwise(seen)]
        assert all(moved)
        words = page.inner_text(".words")
        page.wait_for_function("location.hash.startsWith('#fig-a=')")
        link = page.evaluate("location.href")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        assert state_of(page, element) == start
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        assert page.is_visible("table")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.matches('.table-scroll')")
    with opened(browser, link) as page:
        assert state_of(page, element) == seen[-1]
        assert page.inner_text(".words") != ""
        assert words != ""


EDGES = [
    *PROBLEMS.items(),
    ("sd-chain", example_chain("bridge", slice(1, -1))),  # G is not singular
    ("sd-chain", example_chain("beam", epsilon=2.0)),  # no round at all
    ("sd-filters", example_filters(epsilon=2.0)),
    ("sd-walk", explorables.walk(1, [45], 1.5)),
    ("sd-risk", explorables.risk([0.5, 1.0], 0, 1, 0.9, 3)),
    ("sd-kept", explorables.kept([0.5, 1.0], [1, 1], c=9, a=1, xi=-3, snr=1, rounds=1)),
]


@pytest.mark.parametrize(("element", "problem"), EDGES)
def test_at_the_ends_of_every_slider_all_numbers_are_numbers(browser, tmp_path, element, problem):
    with opened(browser, write(tmp_path, element, problem), user_agent="clock") as page:
        page.clock.install()
        for control in range(page.locator("input[type=range]").count()):
            for key in ("Home", "End", "ArrowLeft"):
                page.locator("input[type=range]").nth(control).focus()
                page.keyboard.press(key)
                page.clock.run_for(330)  # until the words follow
                text = page.evaluate(f"document.querySelector('{element}').innerHTML")
                assert not re.search("NaN|undefined|Infinity|null", text)


def test_what_is_said_follows_the_control(browser, element, address):
    with opened(browser, address) as page:
        before = page.inner_text("[role=status]")
        control = page.locator("input[type=range]").last
        control.focus()
        said = control.get_attribute("aria-valuetext")
        for _ in range(40):
            page.keyboard.press("ArrowLeft" if element == "sd-walk" else "ArrowRight")
        assert control.get_attribute("aria-valuetext") != said
        page.wait_for_function(
            "old => document.querySelector('[role=status]').textContent != old", arg=before
        )
        assert page.locator("svg[role=img][aria-label]").count() == page.locator("svg").count() > 0


def test_a_bad_link_is_refused_in_words(browser, element, address):
    good = LOOKS[element][0]
    for bad in ("nonsense", "", good + ",1", re.sub(r"[\d.]+$", "1e9", good)):
        with opened(browser, f"{address}#fig-a={bad}") as page:
            assert "does not take" in page.inner_text(".words")
            starts = page.evaluate(
                f"document.querySelector('{element}').list.map(control => control.start)"
            )
            assert state_of(page, element) == starts
    with opened(browser, f"{address}#elsewhere") as page:
        assert "does not take" not in page.inner_text(".words")


def test_the_start_is_dragged(browser, tmp_path):
    address = write(tmp_path, "sd-walk", PROBLEMS["sd-walk"])
    with opened(browser, address, has_touch=True) as page:
        handle = page.locator("circle.handle").bounding_box()
        assert (
            page.eval_on_selector("circle.handle", "e => getComputedStyle(e).touchAction") == "none"
        )
        r, angle, _ = state_of(page, "sd-walk")
        x, y = handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + 60, y + 60, steps=4)
        page.mouse.up()
        page.mouse.move(x, y)
        after = state_of(page, "sd-walk")
        assert after[1] < angle
        assert after[0] != r
        moved = page.locator("circle.handle").bounding_box()
        assert abs(moved["x"] - handle["x"] - 60) < 5
        assert abs(moved["y"] - handle["y"] - 60) < 5


def test_without_scripts_and_in_print_the_image_stays(browser, element, address):
    with opened(browser, address, java_script_enabled=False) as page:
        assert page.is_visible("figure img")
        assert not page.is_visible(".cell")  # an empty box
        assert page.locator("input, svg").count() == 0
        assert page.inner_text("main").split() == ["A", "page", "A", "figure."]
    with opened(browser, address) as page:
        assert not page.is_visible("figure img")
        assert not page.is_visible(".cell")
        assert page.is_visible("figure svg >> nth=0")
        page.emulate_media(media="print")
        assert page.is_visible("figure img")
        assert not page.is_visible("figure svg >> nth=0")


def test_it_fits_a_telephone(browser, element, address):
    with opened(browser, address, width=390) as page:
        page.click("summary")
        assert page.evaluate("document.scrollingElement.scrollWidth") <= 390
        edge = page.locator("fieldset").bounding_box()
        assert 0 <= edge["x"] <= 390 - edge["width"]
        for control in page.locator("fieldset :is(input, select, button)").all():
            box = control.bounding_box()
            assert edge["x"] <= box["x"] <= edge["x"] + edge["width"] - box["width"]
            assert box["height"] >= 24
        for row in page.locator(".control:has(output)").all():
            label, output, slider = (
                row.locator(part).bounding_box() for part in ("label", "output", "input")
            )
            assert label["x"] + label["width"] <= output["x"]
            assert max(label["y"] + label["height"], output["y"]) <= slider["y"] + 1


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_jumps_or_moves_by_itself(browser, element, address, width):
    options = {"reduced_motion": "reduce", "user_agent": "clock"}
    with opened(browser, address, width=width, **options) as page:
        page.clock.install()
        heights = set()
        for control in range(page.locator("input[type=range]").count()):
            page.locator("input[type=range]").nth(control).focus()
            for key in ("ArrowRight", "ArrowRight", "PageDown", "PageDown", "ArrowLeft"):
                page.keyboard.press(key)
                assert page.evaluate("document.getAnimations().length") == 0
            page.clock.run_for(350)
            heights.add(round(page.locator("figure").bounding_box()["height"]))
        assert max(heights) - min(heights) <= 1


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(browser, element, address, theme):
    for width in (1280, 390):
        with opened(browser, address, width=width) as page:
            page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
            page.click("summary")
            assert axe.violations(page, "figure", colours=theme == "dark") == []


def test_axe_finds_what_is_wrong(browser, tmp_path):
    address = write(tmp_path, "sd-walk", PROBLEMS["sd-walk"])
    with opened(browser, address) as page:
        page.evaluate("document.querySelector('label').remove()")
        page.evaluate("document.querySelector('.words').style.color = '#bbb'")
        page.evaluate("document.querySelector('button').ariaLabel = 'Other words'")
        found = {line.split(":")[0] for line in axe.violations(page, "figure")}
        assert found == {"label", "color-contrast", "label-content-name-mismatch"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("sd-none", "fig-a", {}), "no such|only sd-chain"),
        (("sd-walk", " ", {}), "figure is blank"),
        (("sd-walk", "fig-a", {"kappa": float("nan")}), "not finite"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(InvalidInputError, match=message):
        explorables.explore(*arguments)


KEPT = functools.partial(explorables.kept, xi=0.5, snr=4, rounds=8)


@pytest.mark.parametrize(
    ("problem", "arguments", "message"),
    [
        (explorables.risk, ([1.0], 0, 1, 0.9, 3), "at least two positive"),
        (explorables.risk, ([1.0, 0.5], 0, 1, 0.9, 3), "ascending"),
        (functools.partial(KEPT, c=1, a=0.5), ([1.0, 1.0], [1, 1]), "equal eigenvalues only"),
        (functools.partial(KEPT, c=1, a=0.5), ([1.0, 2.0], [1, -1]), "none negative"),
        (functools.partial(KEPT, c=1, a=0), ([1.0, 2.0], [1, 1]), "a is 0"),
        (functools.partial(KEPT, c=0, a=0.5), ([1.0, 2.0], [1, 1]), "c is 0"),
        (explorables.walk, (0.5, [45], 10), "kappa is 0.5"),
        (explorables.walk, (20, [95], 10), "between 0 and 90"),
        (explorables.walk, (20, [45], 1), "r above 1"),
    ],
)
def test_a_problem_that_is_none_is_refused(problem, arguments, message):
    with pytest.raises(InvalidInputError, match=message):
        problem(*arguments)


def test_data_cannot_end_the_script():
    assert "</script><b>" not in explorables.markup("sd-walk", "fig-a", {"x": "</script><b>"})


def test_there_is_a_script_for_each_element():
    elements = {path.stem for path in SCRIPTS.glob("sd-*.js")} - set(explorables.SHARED)
    assert elements == set(explorables.ELEMENTS)
