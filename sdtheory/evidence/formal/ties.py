"""What the theorem of Coq that bears a statement's id covers of it, and how the two compare.

A `Tie` finds a claim of the theorem in the registry's margin. Its `entries` map
the number of a claim, in the order of the theorem, to the index of the margin for
a case. A claim without an entry must only hold at real chains, where it can be
evaluated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from sdtheory.evidence.formal.instances import Case, Drawn, Off
from sdtheory.evidence.formal.terms import LARGEST

#: A place in a margin: the name of a case and a place in it, or a place in the array of all cases.
Index = tuple[Any, ...]

#: What limits every theorem: how it covers less than a statement about functions and outputs.
EVERYWHERE = (
    "One output; several outputs are one output with n q directions (file Outputs.v).\n"
    "The eigenbasis of G is given: numbers d_k and z_k, with the eigenvectors V where a statement "
    "needs them.\n"
    "Values at the data stand for the function of least R that has them."
)
NON_TRIVIAL = "Non-trivial rounds; after the collapse the labels are zero and the claim is trivial."
ANY_BOUNDS = "$d_{\\min}$ is any lower bound of the eigenvalues, $d_{\\max}$ any upper bound"


@dataclass(frozen=True)
class Tie:
    """How the theorem of a statement is compared with it.

    Attributes
    ----------
    scope : str
        What it covers of the statement, in words and TeX.
    over : str
        What a case chooses: "t" a round, "j" an eigenvalue, "p" one of two
        neighbouring eigenvalues, digits another choice of so many.
    entries : mapping of int to callable
        Number of a claim -> index of the margin, for a case.
    shift : int
        What the theorem's t exceeds the margin's round by.
    off : Off
        How to draw off the chain.
    extra : callable
        Variables besides those that `instances.environment` knows.
    non_trivial : bool
        Whether it speaks of non-trivial rounds only.
    wider : bool
        Whether it speaks of every round, whatever the statement's hypotheses.
    only : callable
        Cases that it speaks of, among those in the scope of the statement.
    """

    scope: str = "The whole statement."
    over: str = "t"
    entries: Mapping[int, Callable[[Case], Index]] = field(default_factory=dict)
    shift: int = 0
    off: Off = field(default_factory=Off)
    extra: Callable[[Drawn, Case], Mapping[str, Any]] = lambda drawn, case: {}
    non_trivial: bool = True
    wider: bool = False
    only: Callable[[Drawn, Case], bool] = lambda drawn, case: True

    def cases(self, n: int, rounds: int) -> Iterator[Case]:
        """Yield the cases of instances with n eigenvalues."""
        choices = {"j": n, "p": n - 1}
        letter = self.over.replace("t", "") or "1"
        count = choices[letter] if letter in choices else int(letter)
        for t in range(rounds if "t" in self.over else 1):
            for j in range(count):
                yield Case(n, rounds, t, j)


def _labels_by_choice(drawn: Drawn, case: Case) -> Mapping[str, Any]:
    """Return the two truths of the discrepancy principle's margin."""
    d, c, z = drawn.d, drawn.c[case.t], drawn.z[case.t]
    if not np.isfinite(c):
        c = 1.0
        fit = np.zeros(len(d))
    else:
        fit = d * z / (c + d)
    ridge = z / (c + d)
    half = z / (c / 2 + d)
    reversal = np.where(d > 0, 2 * c / np.where(d > 0, d, 1), 0) * ridge
    a = half if case.j == 0 else ridge + reversal
    return {
        "f": lambda k: float(fit[k]),
        "a": lambda k: float(a[k]),
        "truth": lambda k: float(d[k] * a[k]),
    }


def _exchanged(drawn: Drawn, case: Case) -> Mapping[str, Any]:
    """Return the competitor whose residual exchanges two parts of the fit's."""
    residual = drawn.residual(case.t)
    change = residual[case.j] - residual[case.k]
    f = drawn.labels(case.t + 1)
    move = {case.j: change, case.k: -change}
    return {"h": lambda k: f(k) + float(move.get(k, 0.0))}


#: Starts of Newton's iteration in the registry's margin.
_STARTS = (0.0, 0.25, 0.75, 2.0)


def _newton(drawn: Drawn, case: Case) -> Mapping[str, Any]:
    root = 1 / float(drawn.c[case.t])
    return {"mu": _STARTS[case.j] * root, "mu'": root}


def _direction(drawn: Drawn, case: Case) -> Mapping[str, Any]:
    return {"k": case.j, "i": case.j}


def _convex(drawn: Drawn, case: Case) -> Mapping[str, Any]:
    start, now = float(drawn.r[0]), float(drawn.r[case.t])
    kappa = float(drawn.d[-1] / drawn.d[0]) if drawn.d[0] > 0 else np.inf
    return {"kappa": kappa, "r0": start, "s": start, "r": now, "w": 0.5}


def _wider(drawn: Drawn, case: Case) -> Mapping[str, Any]:
    """Return twice the multiplier, and the radius of which it is the multiplier."""
    c, d, z = 2 * float(drawn.c[case.t]), drawn.d, drawn.z[case.t]
    radius = float(np.linalg.norm(z * c / (c + d))) if np.isfinite(c) else np.inf
    return {"c'": c, "rho'": radius}


def _times(drawn: Drawn, case: Case) -> Mapping[str, Any]:
    c = float(drawn.c[case.t]) if np.isfinite(drawn.c[case.t]) else 1.0
    return {"s": 1 / (2 * c), "s'": 1 / c, "c": c}


def _flow(drawn: Drawn, case: Case) -> Mapping[str, Any]:
    c = float(drawn.c[case.t]) if np.isfinite(drawn.c[case.t]) else 1.0
    return {"s": 1 / c, "c": c, "m": 3}


#: Values of s - 1 in the registry's margin of the number of rounds.
_THRESHOLDS = (0.5, 2.0, 10.0, 100.0)


def _distinct(drawn: Drawn, case: Case) -> bool:
    return bool(drawn.d[case.j] < drawn.d[case.k])


def _positive(drawn: Drawn, case: Case) -> bool:
    return bool(0 < drawn.d[case.j] < drawn.d[case.k])


def _gap(drawn: Drawn, case: Case) -> bool:
    """Two rounds, and eigenvalues whose difference survives rounding."""
    return bool(case.t >= 1 and 0 < 1.1 * drawn.d[case.j] < drawn.d[case.k])


def _multipliers(drawn: Drawn, t: int) -> np.ndarray:
    """Return the multipliers up to a round, 1 where there is none."""
    c = drawn.c[: t + 1]
    return np.where(np.isfinite(c), c, 1.0)


def _ridge(drawn: Drawn, t: int, x: float) -> float:
    """Return m(x) of the rounds up to one."""
    return float(x * np.expm1(np.sum(np.log1p(_multipliers(drawn, t) / x))))


def _place(drawn: Drawn, case: Case) -> float:
    """Return an eigenvalue, the largest in place of zero."""
    d = float(drawn.d[case.j])
    return d if d > 0 else float(drawn.d[-1])


def _meeting(drawn: Drawn, case: Case) -> Mapping[str, Any]:
    """Return a place at which one round meets several, and filters of the first labels."""
    y, c = _place(drawn, case), _multipliers(drawn, case.t)
    return {
        "y": y,
        "b": _ridge(drawn, case.t, y),
        "l": (case.j + case.t) % case.n + 1,
        "z": drawn.labels(0),
        "phi": lambda x: float(np.prod(x / (c + x))),
    }


def _ends(drawn: Drawn, case: Case) -> Mapping[str, Any]:
    positive = drawn.d[drawn.d > 0]
    return {"z": drawn.labels(0), "d_min": float(positive[0]), "d_max": float(drawn.d[-1])}


def _signal(theta: np.ndarray, sigma: float) -> dict[str, Any]:
    return {"theta": lambda k: float(theta[k]), "sigma": sigma}


def _noisy(drawn: Drawn, case: Case) -> Mapping[str, Any]:
    """Return the labels as a signal, noise of its size, and the filter of the rounds so far."""
    theta = drawn.z[0]
    sigma = float(np.sqrt(theta @ theta / case.n))
    B = drawn.instance.path.B[drawn.index, case.t]
    return {
        **_signal(theta, sigma),
        "phi": lambda k: float(B[k]),
        # two outcomes of equal weight
        "m": 2,
        "p": lambda o: 0.5,
        "e": lambda o: lambda k: sigma if o else -sigma,
    }


def _rough(drawn: Drawn, case: Case) -> Mapping[str, Any]:
    """Return the registry's signal with theta^2/d non-increasing, and the best single ridge."""
    d, energy = drawn.d, drawn.z[0] ** 2
    theta2 = d * np.cumsum(energy[::-1])[::-1]
    sigma2 = np.sum(_multipliers(drawn, case.t)) * np.sum(energy)
    positive = theta2 > 0
    least = [
        min(_ridge(drawn, case.t, x), sigma2 * x / theta) if seen else _ridge(drawn, case.t, x)
        for x, theta, seen in zip(d, theta2, positive, strict=True)
        if x > 0
    ]
    return {**_signal(np.sqrt(theta2), float(np.sqrt(sigma2))), "b": max(least)}


#: Least theta^2/d of a smooth signal in the registry's margin, as a share of the energy.
_BASE = 2.0**-4


def _smooth(drawn: Drawn, case: Case) -> Mapping[str, Any]:
    """Return the registry's signal with theta^2/d non-decreasing, and mu at a place."""
    d, energy = drawn.d, drawn.z[0] ** 2
    ratio = np.sum(energy) * _BASE + np.cumsum(energy)
    sigma2 = float(_multipliers(drawn, case.t)[-1] * np.sum(energy))
    found = _signal(np.sqrt(ratio * d), float(np.sqrt(sigma2)))
    return {**found, "c": sigma2 / float(ratio[case.j]), "x": float(d[case.j])}


#: Multiples of a multiplier in the registry's margin of the single rounds' floor.
_STRENGTHS = (0.5, 0.75, 1.0, 1.5, 2.0)


def _between(drawn: Drawn, case: Case) -> Mapping[str, Any]:
    c = float(_multipliers(drawn, case.t)[-1])
    return {
        **_noisy(drawn, case),
        "a": c * _STRENGTHS[0],
        "c": c * _STRENGTHS[case.j],
        "b": c * _STRENGTHS[-1],
    }


def _one_output(drawn: Drawn, case: Case) -> Mapping[str, Any]:
    """Return labels of one output as the matrix of several; it is turned by its sign."""
    now, later = drawn.labels(case.t), drawn.labels(case.t + 1)
    ridge = float(drawn.c[case.t]) * (0.5, 2.0)[case.j % 2]
    return {
        "q": 1,
        "k": case.j,
        "w": lambda k: lambda a: now(k),
        "w'": lambda k: lambda a: later(k),
        "Q": lambda a: lambda b: -1.0,
        "h": lambda k: lambda a: float(drawn.d[k] / (ridge + drawn.d[k])) * now(k),
    }


def _tolerances(drawn: Drawn, case: Case) -> Mapping[str, Any]:
    q = float(drawn.r[0]) - 1
    q = q if q > 0 else 1.0
    return {"q": q, "q'": 2 * q}


#: Roughness of the truths in the registry's margin, over that of the new labels; number of truths.
_ROUGHNESS, _TRUTHS = (0.25, 1 - 2.0**-30, 4.0), 10


def _truth(drawn: Drawn, case: Case) -> Mapping[str, Any]:
    """Return a truth of the registry: as rough as wanted, the last with a part out of reach."""
    d, before, after = drawn.d, drawn.z[case.t], drawn.z[case.t + 1]
    reached = d > 0

    def roughness(z: np.ndarray) -> float:
        return float(np.sum(z[reached] ** 2 / d[reached]))

    number = case.j if case.j < _TRUTHS - 1 else 1
    direction = (after, d * before, d * before[::-1])[number // len(_ROUGHNESS)]
    found = roughness(direction)
    scale = np.sqrt(_ROUGHNESS[number % len(_ROUGHNESS)] * roughness(after) / found) if found else 0
    theta = scale * direction
    if case.j == _TRUTHS - 1:
        theta = theta + np.where(reached, 0, before)
    return {"theta": lambda k: float(theta[k])}


#: Of the registry's margins on chains with labels: their rounds, shares of the labels, shares of
#: the student, shares of new labels, discounts, and plans with their rounds.
_KEPT_ROUNDS = 6
_SHARES, _MIXTURES = (0.125, 0.5, 1.0), (-1.0, 0.5, 2.0)
_FRESH = (0.0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 1.0)
_DISCOUNTS = (0.25, 0.9375)
_PLANS = ((1, 1), (2, 1), (2, 2), (3, 1), (3, 2), (3, 3))


def _shares(drawn: Drawn, t: int) -> np.ndarray:
    """Return the smoother of a round, and that with multiplier 1 where there is none."""
    c = float(_multipliers(drawn, t)[-1])
    return drawn.d / (c + drawn.d)


def _rows(first: Any, step: Callable[[int, Any], Any]) -> Callable[[int], Any]:
    """Return a sequence by its recursion: of numbers, or of functions of a direction."""
    rows = [np.asarray(first, dtype=float)]
    for t in range(LARGEST + 1):
        rows.append(np.asarray(step(t, rows[-1]), dtype=float))
    if rows[0].ndim:
        return lambda t: lambda k: float(rows[t][k])
    return lambda t: float(rows[t])


def _fixed(drawn: Drawn, case: Case) -> Mapping[str, Any]:
    """Return the labels of a chain that keeps the first multiplier."""
    s, d = _shares(drawn, 0), drawn.d
    return {
        "z": _rows(drawn.z[0], lambda t, z: s * z),
        "c": float(_multipliers(drawn, 0)[-1]),
        "t": _kept_round(case),
        "k": case.j,
        "m": case.n - 1,
        "x": float(d[-2:][0]),
    }


def _share(case: Case) -> int:
    return (case.t + case.j) % len(_SHARES)


def _kept_round(case: Case) -> int:
    return (case.t + 2 * case.j) % (_KEPT_ROUNDS + 1)


def _kept_place(case: Case) -> int:
    """Return where the registry's margin has the share and the round of a case."""
    return _share(case) * (_KEPT_ROUNDS + 1) + _kept_round(case)


def _kept(drawn: Drawn, case: Case) -> Mapping[str, Any]:
    """Return the filters of a chain that keeps labels; as labels they are the chain from ones."""
    s, a = _shares(drawn, case.t), _SHARES[_share(case)]
    return {
        "phi": _rows(1 + 0 * s, lambda t, phi: s * (a + (1 - a) * phi)),
        "c": float(_multipliers(drawn, case.t)[-1]),
        "a": a,
        "t": _kept_round(case),
    }


def _kept_labels(drawn: Drawn, case: Case) -> Mapping[str, Any]:
    """Return the labels of such a chain, after at least one round."""
    s, a, labels = _shares(drawn, case.t), _SHARES[_share(case)], drawn.z[case.t]
    return {
        **_kept(drawn, case),
        "z": _rows(labels, lambda t, z: s * (a * labels + (1 - a) * z)),
        "t": 1 + case.j % _KEPT_ROUNDS,
        "k": case.j,
    }


def _mixed(drawn: Drawn, case: Case) -> Mapping[str, Any]:
    """Return the fits to the labels and to their fit, and the registry's target."""
    s, labels = _shares(drawn, case.t), drawn.z[case.t]
    return {
        "u": lambda k: float(s[k] * labels[k]),
        "v": lambda k: float(s[k] ** 2 * labels[k]),
        "theta": lambda k: 2 * float(labels[::-1][k]),
        "a": _MIXTURES[case.j],
    }


def _student(drawn: Drawn, case: Case) -> Mapping[str, Any]:
    return {
        **_noisy(drawn, case),
        "c": float(_multipliers(drawn, case.t)[-1]),
        "xi": _MIXTURES[case.j % len(_MIXTURES)],
    }


def _one_direction(drawn: Drawn, case: Case) -> Mapping[str, Any]:
    return {"d": float(drawn.d[case.j]), "c": float(_multipliers(drawn, case.t)[-1])}


#: Distinct entries of a smoother in the registry's margin.
_ENTRIES = (0.25, 0.5, 0.75)


def _steps(drawn: Drawn, case: Case) -> Mapping[str, Any]:
    """Return mixed steps to Wiener's filter, by the coefficients of the polynomial."""
    s, energy = np.array(_ENTRIES), drawn.z[0] ** 2
    total, r = np.sum(energy), len(_ENTRIES)
    signal = total + np.array([energy[0], 0, energy[-1]])
    w = signal / (signal + total / case.n)
    q = np.linalg.solve(np.vander([*s, 1.0], increasing=True), [*(w / s), 1.0])
    shares = q[:r] / (1 - np.concatenate([[0.0], np.cumsum(q[: r - 1])]))

    def step(t: int, phi: Any) -> Any:
        # the steps after the last are of no account
        share = shares[r - 1 - t] if t < r else 1.0
        return s * (share + (1 - share) * phi)

    return {
        "r": r,
        "s": lambda j: float(s[j]),
        "w": lambda j: float(w[j]),
        "q": lambda i: float(q[i]),
        "xi": lambda i: float(shares[r - i]),
        "phi": _rows(s, step),
    }


def _returned(drawn: Drawn, case: Case) -> Mapping[str, Any]:
    """Return the first labels, what is left of them, and a share."""
    before = drawn.instance.path.B[drawn.index, case.t - 1] if case.t else np.ones(case.n)
    return {"z0": drawn.labels(0), "b": lambda k: float(before[k]), "a": _SHARES[case.j]}


def _planned(drawn: Drawn, case: Case) -> Mapping[str, Any]:
    """Return norms that follow a plan with equality."""
    plan, t = _PLANS[case.j]
    first = 2 * np.sqrt(plan) * float(drawn.r[0])

    def step(t: int, r: Any) -> Any:
        share = (t + 1) / plan
        return np.hypot((1 - share) * max(float(r) - 1, 0), share * first)

    return {"r": _rows(first, step), "T": plan, "t": t}


def _fresh_share(case: Case, count: int = len(_FRESH)) -> int:
    return (case.t + 3 * case.j) % count


def _renewed(drawn: Drawn, case: Case) -> Mapping[str, Any]:
    """Return bias and variance of a chain that begins with nothing fitted."""
    s, number = float(_shares(drawn, case.t)[case.j]), _fresh_share(case)
    theta = abs(float(drawn.z[0][case.j]))
    sigma = float(np.sqrt(drawn.z[0] @ drawn.z[0] / case.n))
    w = _FRESH[number]
    own = 1 - w
    return {
        **{"s": s, "w": w, "theta": theta, "sigma": sigma},
        "b": _rows(theta, lambda t, b: (1 - s) * theta + own * s * b),
        "v": _rows(0, lambda t, v: s**2 * (w**2 * sigma**2 + own**2 * (v + sigma**2))),
    }


def _fresher(drawn: Drawn, case: Case) -> Mapping[str, Any]:
    """Return two neighbouring shares of new labels, of at most one half."""
    number = _fresh_share(case, 4)
    return {**_renewed(drawn, case), "w": _FRESH[number], "w'": _FRESH[number + 1]}


def _kept_step(case: Case) -> int:
    return (case.t + 2 * case.j) % _KEPT_ROUNDS


def _rewarded(drawn: Drawn, case: Case) -> Mapping[str, Any]:
    """Return values that are fitted to a reward of one and their own discount."""
    s, gamma = float(_shares(drawn, case.t)[case.j]), _DISCOUNTS[(case.t + case.j) % 2]
    return {
        **_one_direction(drawn, case),
        "gamma": gamma,
        "q": _rows(0, lambda k, q: s * (1 + gamma * q)),
        "k": 1 + _kept_step(case),
    }


def _descending(drawn: Drawn, case: Case) -> Mapping[str, Any]:
    """Return gradient steps on mixed labels, half as long as they may be."""
    d, y = float(drawn.d[case.j]), float(drawn.z[case.t][case.j])
    eta = 0.5 / float(np.max(drawn.d))

    def share(t: int) -> float:
        return _FRESH[min(t + 1, len(_FRESH) - 1)]

    def step(t: int, f: Any) -> Any:
        return f + eta * d * (share(t) * y + (1 - share(t)) * f - f)

    return {
        **{"d": d, "y": y, "eta": eta, "a": share},
        "f": _rows(0, step),
        "t": 1 + _kept_step(case),
    }


def _passed_on(drawn: Drawn, case: Case) -> Mapping[str, Any]:
    """Return mean and variance that are passed on, with a noise that grows."""
    found = _one_direction(drawn, case)
    d, c, y = found["d"], found["c"], float(drawn.z[case.t][case.j])
    v = _rows(d, lambda t, v: v * c * (t + 1) / (v + c * (t + 1)))
    return {
        **{"d": d, "y": y, "t": _kept_step(case)},
        "gamma": lambda t: c * (t + 1),
        "m": _rows(0, lambda t, m: m + v(t) / (v(t) + c * (t + 1)) * (y - m)),
        "v": v,
    }


def theorem_of(statement: str) -> str:
    """Return the name in Coq of the theorem that is a statement."""
    return statement.replace("-", "_")


_FOLLOW, _ORDERED = Off(follow=True), Off(ordered=True)
#: What some ties share: one round meets several at an eigenvalue, or a fit is beside a truth.
_MET = Tie(
    over="tj",
    entries={0: lambda e: (f"meeting at eigenvalue {e.j}", e.t)},
    shift=1,
    extra=_meeting,
)
_OF_TRUTHS = Tie(
    "The whole statement, for every truth in the range of $G$.",
    over=f"t{_TRUTHS}",
    entries={0: lambda e: (e.t, e.j)},
    extra=_truth,
)

#: Statement id -> its theorem, in the order of the book.
TIES: dict[str, Tie] = {
    "prop-collapse": Tie(
        "For every solution of the constrained problem, singular $G$ included.",
        entries={0: lambda e: (e.t,)},
        off=Off(alive=False),
        non_trivial=False,
    ),
    "prop-active": Tie(
        "For every solution of the constrained problem, singular $G$ included.",
        entries={0: lambda e: (e.t,)},
        extra=lambda drawn, case: {"f": drawn.fitted(case.t)},
    ),
    "prop-stationarity": Tie(
        "For the solution, where $\\|P_0 y\\|^2 < n\\varepsilon < \\|y\\|^2$: some $c > 0$ gives "
        "the equation of the values. The equivalence for a given $\\lambda$, in function space, "
        "is left to the page.",
        over="tj",
        entries={1: lambda e: (e.t, e.j, 0)},
        extra=_direction,
    ),
    "thm-closed-form": Tie(
        "The values at the data; $\\alpha = (cI + G)^{-1} y$ is given. Another theorem of the "
        "file, solution, proves that it exists and is unique.",
        over="tj",
        extra=_direction,
    ),
    "prop-energy": Tie(
        "The whole statement, with $V$ given.",
        over="tj",
        entries={1: lambda e: (e.t, e.j)},
        extra=_direction,
    ),
    "prop-minimum": Tie(
        "The gap, for the fit that the KKT conditions give. Another theorem of the file, "
        "minimiser_unique, proves that $f$ is the only solution.",
        over="tp",
        entries={0: lambda e: (e.t, e.j)},
        extra=_exchanged,
        non_trivial=False,
        only=lambda drawn, case: bool(drawn.d[case.j] > 0),
    ),
    "prop-secular": Tie("The whole statement, singular $G$ included.", wider=True),
    "prop-dual-feasible": Tie(
        "The whole statement, at the data; the multiplier is unique.",
        entries={0: lambda e: (e.t,)},
    ),
    "prop-multiplier-bounds": Tie(
        f"The whole statement, singular $G$ included; {ANY_BOUNDS}. Where they are attained: "
        "prop_multiplier_bounds_left, prop_multiplier_bounds_right.",
        entries={0: lambda e: (e.t, 0), 1: lambda e: (e.t, 1)},
    ),
    "prop-newton-concave": Tie(
        "The signs of the two formulas, the tangents above $\\phi$, and every step of Newton. The "
        "derivatives, equality, the first step and convergence are left to the page.",
        over="t4",
        entries={1: lambda e: (e.t, 2 * e.j), 3: lambda e: (e.t, 2 * e.j + 1)},
        extra=_newton,
    ),
    "prop-morozov": Tie(
        "The whole statement, at the data, in every round with $\\|P_0 y\\| < \\rho$ or "
        "$\\|y\\| \\le \\rho$.",
        over="t2",
        entries={0: lambda e: (e.t, 2 * e.j), 1: lambda e: (e.t, 2 * e.j + 1)},
        extra=_labels_by_choice,
        non_trivial=False,
    ),
    "thm-recursion": Tie(
        f"{NON_TRIVIAL} $V$ is given. A round is defined by its closed form; prop_dual_feasible "
        "proves that the solution of the problem is such a round.",
        over="tj",
        entries={0: lambda e: ("labels", e.t, e.j, 0)},
        extra=_direction,
    ),
    "thm-product": Tie(
        f"{NON_TRIVIAL} For $f_t$, the coefficients where $d_k > 0$. A round is defined by its "
        "closed form.",
        over="tj",
        entries={0: lambda e: ("labels", e.t, e.j, 0)},
        extra=_direction,
    ),
    "prop-step": Tie(
        "The whole statement, singular $G$ included.",
        entries={0: lambda e: (e.t, 0), 1: lambda e: (e.t, 2), 2: lambda e: (e.t, 3)},
        off=_FOLLOW,
    ),
    "cor-rounds-any-kernel": Tie(
        "The whole statement, for $r_0 > 1$, singular $G$ included.",
        entries={0: lambda e: (e.t, 0), 1: lambda e: (e.t, 1)},
        shift=1,
    ),
    "prop-ordered": Tie(
        NON_TRIVIAL,
        over="tp",
        entries={
            1: lambda e: ("by eigenvalue", e.t, e.j),
            3: lambda e: ("by round", e.t, e.k),
        },
    ),
    "lem-one-round": Tie(
        f"Every round, $G$ nonsingular; {ANY_BOUNDS}. Equality is left to the page.",
        entries={0: lambda e: (e.t,)},
        off=Off(alive=False),
        non_trivial=False,
        only=lambda drawn, case: bool(drawn.d[0] > 0),
    ),
    "lem-one-round-convex": Tie(
        "All inequalities, with $h' \\ge 1/\\kappa$ and $h' \\le 1$ as bounds of differences; the "
        "formula of $h'$ and the equality case are left to the page.",
        entries={0: lambda e: ("chord", e.t), 1: lambda e: ("below", e.t)},
        extra=_convex,
        only=lambda drawn, case: bool(drawn.r[0] >= 1),
    ),
    "prop-norm-bound": Tie(
        f"Every round; {ANY_BOUNDS}. The paper's form, with the quotient: prop_norm_bound_paper. "
        "Equality is left to the page.",
        entries={0: lambda e: (e.t,)},
        shift=1,
        off=Off(alive=False),
        non_trivial=False,
    ),
    "prop-rounds-bound": Tie(
        f"Every round, any $r_0$; {ANY_BOUNDS}. Equality is left to the page.",
        entries={0: lambda e: (e.t, 0)},
        shift=1,
        off=Off(alive=False),
        non_trivial=False,
    ),
    "cor-step-dominates": Tie(
        "The inequalities, in every round; strictness, and the labels with $N = \\lceil r_0 - 1 "
        "\\rceil$, are left to the page.",
        entries={0: lambda e: (e.t, 0), 1: lambda e: (e.t, 1)},
        shift=1,
        off=Off(alive=False),
        non_trivial=False,
    ),
    "lem-ratio": Tie(
        "The whole statement; how near the ratio comes to $d_k/d_j$: ratio_limit. The limit 1 at "
        "$c \\to 0$ is left to the page.",
        over="tp",
        extra=_wider,
        only=_positive,
    ),
    "lem-one-round-ratio": Tie(
        f"Both inequalities; {ANY_BOUNDS}. Where they are attained is left to the page.",
        over="tp",
        entries={0: lambda e: ("lower", e.t, e.j), 1: lambda e: ("upper", e.t, e.j)},
        off=_ORDERED,
    ),
    "thm-sparsification": Tie(
        "The whole statement, every pair of eigenvalues, with the existence of the rounds; "
        f"{ANY_BOUNDS}.",
        over="tp",
        entries={1: lambda e: (e.t, e.j)},
        shift=1,
        off=_ORDERED,
        only=_distinct,
    ),
    "cor-sparsification-every-round": Tie(
        f"The whole statement, every pair of eigenvalues; {ANY_BOUNDS}.",
        over="tp",
        entries={0: lambda e: (e.t, e.j)},
        shift=1,
        off=_ORDERED,
    ),
    "prop-sparsification-cap": Tie(
        f"{NON_TRIVIAL} $G$ nonsingular; {ANY_BOUNDS}.",
        over="tp",
        entries={0: lambda e: ("lower", e.t, e.j), 1: lambda e: ("upper", e.t, e.j)},
        shift=1,
        only=lambda drawn, case: bool(drawn.d[0] > 0),
    ),
    "thm-near-interpolation": Tie(
        "The inequalities, for every pair of neighbours, which keeps the minimum over the pairs; "
        "strictness is left to the page.",
        over="tp",
        entries={0: lambda e: ("in t", e.t, e.j)},
        shift=1,
        off=_ORDERED,
        extra=lambda drawn, case: {"kappa": float(drawn.d[-1] / drawn.d[0])},
        non_trivial=False,
    ),
    "prop-fixed-rounds": Tie(
        "The inequalities; strictness, the limit 1, and that $r_0$ grows as the tolerance falls "
        "are left to the page.",
        over="tp",
        entries={
            0: lambda e: ("falls", e.t, e.j),
            1: lambda e: ("upper", e.t, e.j),
            2: lambda e: ("lower", e.t, e.j),
        },
        shift=1,
        off=_ORDERED,
        extra=_tolerances,
        non_trivial=False,
    ),
    "lem-flow-step": Tie(
        f"The whole statement; {ANY_BOUNDS}.",
        entries={0: lambda e: (e.t, 0), 1: lambda e: (e.t, 1)},
        off=_FOLLOW,
        extra=lambda drawn, case: {"i": case.t},
    ),
    "thm-index-limit": Tie(
        f"Both bounds of the index, for every pair; {ANY_BOUNDS}. The limit and $s^*$ are left to "
        "the page.",
        over="tp",
        entries={0: lambda e: ("lower", e.t, e.j), 1: lambda e: ("upper", e.t, e.j)},
        off=_ORDERED,
        extra=lambda drawn, case: {"i": case.t},
    ),
    "prop-early-stopping": Tie(
        "The inequalities, for two tolerances; both limits in the tolerance are left to the page "
        "(in $c$, the upper one: ratio_limit).",
        over="tp",
        entries={
            2: lambda e: ("ratio grows", e.t, e.j),
            3: lambda e: ("cap", e.t, e.j),
        },
        extra=_wider,
        only=_positive,
    ),
    "prop-flow-stopping": Tie(
        "Non-increasing, between 1 and $d_k/d_j$; strictness and the limits are left to the page.",
        over="tp",
        entries={0: lambda e: ("ratio falls with time", e.t, e.j), 1: lambda e: ("cap", e.t, e.j)},
        extra=_times,
        non_trivial=False,
        only=_positive,
    ),
    "prop-filter-cap": Tie(
        "The whole statement: any filter whose $\\phi(d)/d$ does not increase, and the three of "
        "the statement.",
        over="tp",
        entries={
            1: lambda e: ("Tikhonov, cap", e.t, e.j),
            2: lambda e: ("iterated Tikhonov, cap", e.t, e.j),
            3: lambda e: ("gradient flow, cap", e.t, e.j),
        },
        extra=_flow,
        non_trivial=False,
        only=_positive,
    ),
    "lem-two-rounds": Tie(
        over="tp",
        entries={0: lambda e: (e.t, e.j)},
        extra=lambda drawn, case: {"c'": float(drawn.c[max(case.t - 1, 0)])},
        only=_positive,
    ),
    "thm-beyond-cap": Tie(
        f"The inequality; {ANY_BOUNDS}.",
        over="tp",
        entries={0: lambda e: (e.t, e.j)},
        shift=1,
        off=_ORDERED,
        only=lambda drawn, case: _positive(drawn, case) and _distinct(drawn, case),
    ),
    "thm-no-filter": Tie(
        "Both inequalities and (1); (2), strict, and (3), with the existence of $d^*$, are left "
        "to the page.",
        over="tp",
        entries={0: lambda e: ("falls", e.t, e.j), 1: lambda e: ("below the sum", e.t, e.j)},
        shift=1,
        extra=lambda drawn, case: {"b": 1.0},
        only=_gap,
    ),
    "prop-shared-tolerance": Tie(
        "The secular equation and the energies: several outputs are one, with $n q$ directions. "
        "Compared at one output. That the fit is a round with one root: prop_secular, "
        "prop_dual_feasible.",
        over="tj",
        entries={0: lambda e: ("tolerance", e.t), 1: lambda e: ("energies", e.t, e.j)},
        extra=_one_output,
    ),
    "prop-outputs-rotation": Tie(
        "One non-trivial round; the chain by induction. The only root: prop_secular.",
        extra=_one_output,
    ),
    "prop-one-price": Tie(
        "The inequality, against all outputs $h$; the separate fits are left to the page. "
        "Compared at one output.",
        over="t2",
        entries={0: lambda e: (e.t, e.j)},
        off=_FOLLOW,
        extra=_one_output,
    ),
    "thm-equivalent-kernel": Tie(
        "The values at the data; the kernel between the data, and its space, are left to the page.",
        over="tj",
        entries={0: lambda e: ("labels", e.t, e.j, 0)},
        extra=_direction,
    ),
    "prop-equivalent-shrinks": Tie(
        "All inequalities, for $d_k > 0$ and $t \\ge 1$; the asymptotics as $d \\to 0$ are left "
        "to the page.",
        over="tp",
        entries={
            0: lambda e: ("by round", e.t, e.j),
            2: lambda e: ("by the sum", e.t, e.j),
            3: lambda e: ("by the count", e.t, 0),
            4: lambda e: ("small ones most", e.t, e.j),
        },
        off=_ORDERED,
        only=lambda drawn, case: bool(case.t >= 1 and drawn.d[case.j] > 0),
    ),
    "prop-balls": Tie(
        f"{NON_TRIVIAL} For every function, by its values at the data.",
        entries={0: lambda e: (e.t, 0), 1: lambda e: (e.t, 1)},
    ),
    "prop-example-ends": Tie(
        "All but the last sentence on the example's labels, for any kernel.",
        entries={0: lambda e: (e.t, 0), 1: lambda e: (e.t, 1)},
        off=Off(singular=True),
    ),
    "thm-length-falls": Tie(
        "The whole statement, for nonsingular $G$.",
        entries={0: lambda e: ("round", e.t)},
        only=lambda drawn, case: bool(drawn.d[0] > 0),
    ),
    "prop-length-bounds": Tie(
        "All but the second expression in $K$, which is left to the page; the length exists: "
        "length_exists.",
        over="1",
        entries={0: lambda e: (0, 0), 1: lambda e: (0, 1)},
        extra=lambda drawn, case: {"a": drawn.labels(0)},
        non_trivial=False,
    ),
    "prop-length-falls-at-most": Tie(
        f"{NON_TRIVIAL} $K$ is any factor with $L(y) \\le K \\|y\\|$ for all $y$.",
        entries={0: lambda e: (e.t,)},
    ),
    "prop-length-falls-slowly": Tie(
        f"The whole statement; {ANY_BOUNDS}.",
        entries={0: lambda e: ("by c", e.t)},
    ),
    "thm-rounds-limit": Tie(
        "The whole statement: both bounds at every tolerance and the limit; $K$ is any factor "
        "with $L(y) \\le K \\|y\\|$ for all $y$.",
        over="4",
        entries={0: lambda e: ("by K", 0), 1: lambda e: (f"q = {1 + _THRESHOLDS[e.j]:g}", 0)},
        extra=lambda drawn, case: {"s": 1 + _THRESHOLDS[case.j]},
    ),
    "prop-singular-first-step": Tie(
        "The inequality, for every non-trivial round. The bounds of $N$ that follow are left to "
        "the page.",
        over="1",
        entries={1: lambda e: (0,)},
        off=Off(singular=True),
    ),
    "prop-multiplier-lower": Tie(
        f"The whole statement; {ANY_BOUNDS}.",
        entries={0: lambda e: (e.t,)},
    ),
    "prop-multiplier-upper": Tie(
        f"The whole statement, singular $G$ included; {ANY_BOUNDS}.",
        entries={0: lambda e: (e.t,)},
    ),
    "prop-multiplier-grows": Tie(
        "The whole statement, singular $G$ included.",
        entries={0: lambda e: (e.t,)},
        only=lambda drawn, case: case.t + 1 < drawn.rounds,
    ),
    "prop-smoother": Tie(
        entries={0: lambda e: (e.t, 0), 1: lambda e: (e.t, 1)},
    ),
    "prop-leaves-data": Tie(
        NON_TRIVIAL,
        entries={0: lambda e: (e.t, 0), 1: lambda e: (e.t, 1)},
        off=_FOLLOW,
    ),
    "thm-sparsification-all-rounds": Tie(
        f"All four bounds for every pair, for nonsingular G; {ANY_BOUNDS}.",
        over="tp",
        entries={p: (lambda e, p=p: (e.t, e.j, p)) for p in range(4)},
        shift=1,
        off=_ORDERED,
    ),
    "thm-crossing": Tie(
        "The inequalities; $d_{\\min}$ and $d_{\\max}$ bound all positive eigenvalues (directions "
        "without energy are dropped first). Strictness, the one $c$ and $d^*$ are left to the "
        "page.",
        entries={p: (lambda e, p=p: (e.t, p)) for p in range(8)},
        shift=1,
        extra=_ends,
    ),
    "prop-steepness": Tie(
        "The whole statement, with the derivative; equality and strictness are left to the page.",
        over="tj",
        entries={p + 1: (lambda e, p=p: (e.t, e.j, p)) for p in range(3)},
        shift=1,
        only=lambda drawn, case: bool(drawn.d[case.j] > 0),
    ),
    "thm-majorises": Tie(
        over="tj",
        entries={0: lambda e: (f"meeting at eigenvalue {e.j}", e.t, (e.j + e.t) % e.n)},
        shift=1,
        extra=_meeting,
    ),
    "cor-variance": replace(_MET, scope="The inequality; strictness is left to the page."),
    "prop-lagrangian": Tie(
        "The whole statement, for every filter that is zero at zero.",
        over="tj",
        shift=1,
        extra=_meeting,
    ),
    "thm-off-front": replace(
        _MET,
        scope="The inequality; equality for $t = 2$, the positive right side, and what follows at "
        "equal residual or equal $R$ are left to the page.",
    ),
    "prop-equal-norm": replace(
        _MET, scope="The inequality; strictness and the residual are left to the page."
    ),
    "prop-equal-residual": replace(_MET, scope="The inequality; strictness is left to the page."),
    "prop-duality": Tie(
        over="tj",
        shift=1,
        only=lambda drawn, case: bool(drawn.d[case.j] > 0),
    ),
    "prop-qualification": Tie(
        "Both inequalities; the supremum is left to the page.",
        over="tj",
        entries={0: lambda e: (e.t, e.j, 0), 1: lambda e: (e.t, e.j, 1)},
        shift=1,
        only=lambda drawn, case: bool(drawn.d[case.j] > 0),
    ),
    "prop-risk": Tie(
        "The whole statement, on finite probability spaces.",
        extra=_noisy,
        non_trivial=False,
    ),
    "prop-oracle": Tie(
        extra=_noisy,
        non_trivial=False,
    ),
    "thm-one-more-round": Tie(
        "The identity; when a round lowers the risk follows term by term.",
        extra=_noisy,
    ),
    "thm-one-round-suffices": Tie(
        "The inequality; strictness is left to the page.",
        entries={0: lambda e: (e.t,)},
        shift=1,
        off=_ORDERED,
        extra=_rough,
    ),
    "thm-second-round-helps": Tie(
        "The inequality, for nonsingular G; that $c^*$ exists and that two rounds are then "
        "strictly better is left to the page.",
        over="tj",
        entries={0: lambda e: (f"meeting at eigenvalue {e.j}", e.t)},
        off=_ORDERED,
        extra=_smooth,
        only=lambda drawn, case: bool(drawn.d[0] > 0),
    ),
    "prop-single-floor": Tie(
        over="t5",
        entries={p: (lambda e, p=p: (e.t, 3 * e.j + p)) for p in range(3)},
        extra=_between,
    ),
    "prop-round-balance": replace(_OF_TRUTHS, off=_FOLLOW),
    "prop-round-projects": replace(_OF_TRUTHS, off=_FOLLOW),
    "thm-rougher": replace(
        _OF_TRUTHS,
        scope="The whole statement, for every truth in the range of $G$ and all labels; nothing is "
        "assumed of the noise.",
    ),
    "cor-rougher-rounds": replace(_OF_TRUTHS, scope="The whole statement, with $k = t + 1$."),
    "prop-fixed-power": Tie(
        "The whole statement; and the labels never reach zero, if a direction that the kernel "
        "reaches has energy.",
        over="tj",
        entries={0: lambda e: (0, e.j, 0, _kept_round(e))},
        extra=_fixed,
        non_trivial=False,
    ),
    "prop-fixed-direction": Tie(
        "The inequality, in every round, for any bound of the other eigenvalues; the limit of the "
        "direction is left to the page.",
        over="tj",
        entries={0: lambda e: (0, _kept_round(e))},
        extra=_fixed,
        non_trivial=False,
    ),
    "prop-fixed-above": Tie(
        f"{NON_TRIVIAL} Singular $G$ included.",
        over="tj",
        entries={0: lambda e: (e.t, e.j)},
    ),
    "thm-labels-kept": Tie(
        "The whole statement, in the eigenbasis, singular $G$ included.",
        over="tj",
        entries={0: lambda e: (e.t, e.j, _share(e) * _KEPT_ROUNDS + e.j % _KEPT_ROUNDS)},
        extra=_kept_labels,
        non_trivial=False,
    ),
    "cor-kept-limit": Tie(
        "Both inequalities, in every direction and round, singular $G$ included; the limit in $t$ "
        "is left to the page.",
        over="tj",
        entries={p: (lambda e, p=p: (e.t, e.j, 2 * _kept_place(e) + p)) for p in range(2)},
        off=_ORDERED,
        extra=lambda drawn, case: {**_kept(drawn, case), "k": case.j},
        non_trivial=False,
    ),
    "prop-overshoot": Tie(
        "The whole statement, for any two directions. From which round on the ratio is above its "
        "limit is left to the page.",
        over="tp",
        entries={0: lambda e: (e.t, e.j, _kept_place(e))},
        off=_ORDERED,
        extra=_kept,
        non_trivial=False,
    ),
    "prop-best-share": Tie(
        "The whole statement, for any two fits that differ and any target.",
        over="t3",
        entries={0: lambda e: (e.t, e.j)},
        extra=_mixed,
    ),
    "lem-tangent": Tie(
        "The whole statement, in each direction, with the derivative.",
        over="tj",
        entries={0: lambda e: (e.t, e.j)},
        extra=_one_direction,
        non_trivial=False,
    ),
    "thm-optimal-mixing": Tie(
        "The parabola, its value at $\\xi^*$, and the derivative $R'(c)$, for $n R$. That no "
        "share does better, as $D > 0$, is left to the page.",
        over="t3",
        entries={1: lambda e: (e.t, e.j), 2: lambda e: (e.t, 3)},
        extra=_student,
        non_trivial=False,
    ),
    "thm-mixing-reaches": Tie(
        "The whole statement, for the coefficients of such a polynomial; where the entries are "
        "distinct it exists: mixing_polynomial.",
        over="3",
        entries={0: lambda e: (0, e.j)},
        extra=_steps,
    ),
    "prop-renewed-step": Tie(
        "The whole statement, singular $G$ included.",
        over="t3",
        entries={0: lambda e: (e.t, e.j)},
        extra=_returned,
    ),
    "thm-renewed-plan": Tie(
        "The whole statement on numbers $r_t$, with both lower bounds of the proof. That a chain "
        "satisfies the plan: prop_renewed_step.",
        over=f"{len(_PLANS)}",
        entries={p: (lambda e, p=p: (0, 3 * e.j + p)) for p in range(3)},
        extra=_planned,
    ),
    "prop-fresh-stationary": Tie(
        "For the recursions of bias and variance: both fixed points, the distance to them after "
        "$t$ rounds, and both limits. That independent noise gives the recursions is left to the "
        "page.",
        over="tj",
        entries={p: (lambda e, p=p: (e.t, e.j, 2 * _fresh_share(e) + p)) for p in range(2)},
        extra=_renewed,
        non_trivial=False,
    ),
    "thm-fresh-half": Tie(
        "The inequality in each direction, of which $R$ is the sum.",
        over="tj",
        entries={0: lambda e: (e.t, e.j, _fresh_share(e, 4))},
        extra=_fresher,
        non_trivial=False,
    ),
    "prop-golden": Tie(
        "The whole statement. The limit of the share for $s \\to 1$ is left to the page.",
        over="tj",
        entries={0: lambda e: (e.t, e.j, _fresh_share(e)), 1: lambda e: (e.t, e.j, len(_FRESH))},
        extra=_renewed,
        non_trivial=False,
    ),
    "prop-bootstrapped": Tie(
        "The whole statement in each direction, with the limit.",
        over="tj",
        entries={0: lambda e: (e.t, e.j, (e.t + e.j) % 2 * _KEPT_ROUNDS + _kept_step(e))},
        extra=_rewarded,
        non_trivial=False,
    ),
    "prop-descent-in-disguise": Tie(
        "The whole statement in each direction, for any shares and any step.",
        over="tj",
        entries={0: lambda e: (e.t, e.j, _kept_step(e))},
        extra=_descending,
        non_trivial=False,
    ),
    "prop-posterior-passed": Tie(
        "The formula of the mean, and of the variance, from the update in each direction; that "
        "conditioning a normal distribution is this update is left to the page.",
        over="tj",
        entries={0: lambda e: (e.t, e.j, _kept_step(e))},
        extra=_passed_on,
        non_trivial=False,
    ),
}

#: Statement id -> why no theorem of Coq is that statement.
LEFT_OUT = {
    "thm-rademacher": "its lower bound needs Fourier analysis over signs; not written yet.",
    "thm-risk-bound": "it speaks of probability on function spaces, of which no library is here.",
    "prop-example-green": "it speaks of integrals of second derivatives of one kernel.",
    "thm-example-spectrum": "it speaks of one kernel on one grid; trigonometric sums are not "
    "written yet.",
    "thm-bounded-loss": "a page of analysis of the chain prolonged; not written yet.",
    "thm-lost-rounds": "it is a limit of integrals along the flow; not written yet.",
    "prop-quarter": "it bounds an integral along the flow; not written yet.",
    "prop-longest-path": "it speaks of the limit over all spectra; not written yet.",
}
