"""What the samples say: medians, ratios, exponents, and each goal met or not."""

from __future__ import annotations

from typing import Any

import numpy as np

#: A record of `measure.measure`, and a report as it stands in the file.
Record = dict[str, Any]
Report = dict[str, Any]

#: Sizes whose costs an exponent is fitted to: the largest ones.
_FITTED = 3


def find(report: Report, suite: str, contender: str, problem: str | None = None) -> list[Record]:
    """Return the records that hold samples, by ascending n."""
    found = [
        r
        for r in report["measurements"]
        if r["suite"] == suite
        and r["contender"] == contender
        and problem in (None, r["problem"])
        and r["samples"]
    ]
    return sorted(found, key=lambda r: r["n"])


def summarise(record: Record) -> None:
    """Add the medians of a record's samples."""
    for key in ("wall", "cpu"):
        if record["samples"]:
            record[f"median_{key}"] = float(np.median([s[key] for s in record["samples"]]))


def ratio(slow: Record, fast: Record) -> tuple[float, float, float]:
    """Return median, smallest and largest quotient of samples taken next to each other.

    Each sample of the one that has fewer is divided by, or divides, the sample
    of the other that is nearest in time, so that a load on the machine, or its
    absence, meets both.
    """
    few, many = sorted((slow, fast), key=lambda r: len(r["samples"]))
    quotients = []
    for sample in few["samples"]:
        nearest = min(many["samples"], key=lambda s: abs(s["start"] - sample["start"]))
        quotient = sample["wall"] / nearest["wall"]
        quotients.append(quotient if few is slow else 1 / quotient)
    return float(np.median(quotients)), min(quotients), max(quotients)


def ratios(report: Report) -> list[dict[str, Any]]:
    """Return the ratio of every pair that a goal or a figure compares, measured in one group."""
    pairs = {
        "dense": [
            *((name, "bare eigh") for name in ("eigh", "krylov", "auto")),
            *(("auto", name) for name in ("eigh", "krylov")),
            *((slow, name) for slow in _SLOW for name in ("eigh", "krylov")),
        ],
        "choice": [
            ("krylov lazy", "eigh points"),
            *(("auto points", name) for name in ("eigh points", "krylov lazy")),
        ],
        "doors": [
            ("path", "auto points"),
            ("estimator", "auto points"),
            *(
                (ours, name)
                for ours in ("estimator", "auto points")
                for name in ("KernelRidge.fit", "GaussianProcess.fit", "RidgeCV")
            ),
            ("kernel ridge points", "estimator"),
        ],
        "sweep": [("sweep", "bare eigh")],
        "products": [("lazy products", "krylov lazy")],
        "spline": [
            ("spline", "bare eigh at 2000"),
            ("make_smoothing_spline", "spline"),
            ("csaps", "spline"),
        ],
    }
    pairs["cloud"] = pairs["dense"]
    rows = []
    for suite, couples in pairs.items():
        for name, against in couples:
            for record in find(report, suite, name):
                for other in find(report, suite, against, record["problem"]):
                    if other["n"] == record["n"]:
                        median, low, high = ratio(record, other)
                        rows.append(
                            {
                                "suite": suite,
                                "problem": record["problem"],
                                "n": record["n"],
                                "contender": name,
                                "against": against,
                                "median": median,
                                "low": low,
                                "high": high,
                            }
                        )
    return rows


_SLOW = ("kernel ridge", "cholesky")


#: What "auto" chooses among, by suite.
_CHOICES = {
    "dense": ("auto", ("eigh", "krylov")),
    "cloud": ("auto", ("eigh", "krylov")),
    "choice": ("auto points", ("eigh points", "krylov lazy")),
}


def regrets(report: Report) -> list[dict[str, Any]]:
    """Return, for each suite and size, the time of "auto" over that of the best solver."""
    rows = []
    for suite, (auto, others) in _CHOICES.items():
        for record in find(report, suite, auto):
            against = {
                r["against"]: r["median"]
                for r in report["ratios"]
                if (r["suite"], r["contender"], r["n"]) == (suite, auto, record["n"])
                and r["problem"] == record["problem"]
                and r["against"] in others
            }
            if against:
                best = max(against, key=lambda name: against[name])
                rows.append(
                    {
                        "suite": suite,
                        "problem": record["problem"],
                        "n": record["n"],
                        "chosen": record.get("solver"),
                        "best": best,
                        "regret": max(against.values()),
                    }
                )
    return rows


def exponent(n: Any, cost: Any) -> float | None:
    """Return the slope of log cost over log n at the largest sizes; None without two of them."""
    n, cost = np.asarray(n, dtype=float)[-_FITTED:], np.asarray(cost, dtype=float)[-_FITTED:]
    if len(np.unique(n)) < 2 or not np.all(cost > 0):
        return None
    return float(np.polyfit(np.log(n), np.log(cost), 1)[0])


def exponents(report: Report) -> list[dict[str, Any]]:
    """Return the fitted exponent of time, and of memory, of every contender."""
    rows = []
    keys = dict.fromkeys((r["suite"], r["problem"], r["contender"]) for r in report["measurements"])
    for suite, problem, name in keys:
        records = find(report, suite, name, problem)
        if len(records) < 2:
            continue
        sizes = [r["n"] for r in records]
        for quantity, key in (("time", "median_wall"), ("memory", "memory")):
            if all(key in r for r in records):
                rows.append(
                    {
                        "suite": suite,
                        "problem": problem,
                        "contender": name,
                        "of": quantity,
                        "sizes": sizes[-_FITTED:],
                        "exponent": exponent(sizes, [r[key] for r in records]),
                    }
                )
    return rows


def goals(report: Report) -> list[dict[str, Any]]:
    """Return each goal with its measured value; ``met`` is None where it was not measured."""

    def worst(contender: str, against: str, least: int, sense: str, suite: str) -> Any:
        found = [
            r
            for r in report["ratios"]
            if (r["contender"], r["against"], r["suite"]) == (contender, against, suite)
            and r["n"] >= least
        ]
        if not found:
            return None, None
        chosen = (max if sense == "<=" else min)(found, key=lambda r: r["median"])
        return chosen["median"], chosen["n"]

    def value(suite: str, contender: str, least: int, key: str, problem: str | None = None) -> Any:
        found = [r for r in find(report, suite, contender, problem) if r["n"] >= least]
        return (found[-1].get(key), found[-1]["n"]) if found else (None, None)

    def slope(contender: str, least: int) -> Any:
        for row in report["exponents"]:
            large = row["sizes"][-1] >= least
            if row["of"] == "memory" and row["contender"] == contender and large:
                return row["exponent"], row["sizes"][-1]
        return None, None

    def regret(suite: str) -> Any:
        found = [(r["regret"], r["n"]) for r in report["regrets"] if r["suite"] == suite]
        return max(found, default=(None, None))

    def at(contender: str, against: str, n: int) -> Any:
        """Return the ratio at one size only."""
        found = worst(contender, against, n, "<=", "doors")
        return found if found[1] == n else (None, None)

    def ridge_fit(n: int, limit: float) -> Any:
        what = f"estimator, five rounds, in fits of KernelRidge at one alpha, n = {n}"
        return f"estimator-{n}", what, at("estimator", "KernelRidge.fit", n), "<=", limit

    table = value("doors", "table", 20_000, "peak")
    lazy = value("memory", "krylov lazy", 100_000, "products")
    if lazy[0] is None:
        lazy = value("products", "krylov lazy", 100_000, "products")
    rows = [
        (
            "krylov-ridge",
            "KernelRidge in brentq, in trajectories by Krylov with G stored, n >= 1000",
            worst("kernel ridge", "krylov", 1000, ">=", "dense"),
            ">=",
            100.0,
        ),
        (
            "products",
            "products with a G that is never stored, one dimension, n = 100000",
            lazy,
            "<=",
            25.0,
        ),
        (
            "spline",
            "spline trajectory at n = 1000000, in bare eigendecompositions at n = 2000",
            worst("spline", "bare eigh at 2000", 1_000_000, "<=", "spline"),
            "<=",
            2.0,
        ),
        (
            "spline-error",
            "its relative error in c against the exact sine transform",
            value("spline", "spline", 1_000_000, "error", "beam"),
            "<=",
            1e-9,
        ),
        (
            "memory-krylov",
            "exponent of Krylov's peak memory up to n = 100000, G never stored (linear: up to 1.1)",
            slope("krylov lazy", 100_000),
            "<=",
            1.1,
        ),
        (
            "memory-spline",
            "exponent of the spline's peak memory up to n = 1000000 (linear: up to 1.1)",
            slope("spline", 1_000_000),
            "<=",
            1.1,
        ),
        (
            "estimator",
            "estimator, five rounds, in fits of KernelRidge at one alpha, n >= 500",
            worst("estimator", "KernelRidge.fit", 500, "<=", "doors"),
            "<=",
            1.3,
        ),
        ridge_fit(4000, 0.3),
        ridge_fit(10_000, 0.25),
        (
            "estimator-20000",
            "estimator in chains by distill from points, n = 20000",
            at("estimator", "auto points", 20_000),
            "<=",
            1.1,
        ),
        (
            "path",
            "50 tolerances in chains at the smallest of them, n >= 2000",
            worst("path", "auto points", 2000, "<=", "doors"),
            "<=",
            2.0,
        ),
        *(
            (
                f"regret-{suite}",
                f"automatic choice in times of the best solver, suite {suite}",
                regret(suite),
                "<=",
                1.5,
            )
            for suite in _CHOICES
        ),
        (
            "table",
            "peak memory in GB of sdtheory fit from CSV, n = 20000",
            (table[0] and table[0] / 1e9, table[1]),
            "<=",
            1.5,
        ),
        (
            "duration",
            f"minutes for this {report['form']} run",
            (report["seconds"] / 60 if not report["only"] else None, None),
            "<=",
            {"full": 10.0, "short": 2.0}.get(report["form"]),
        ),
    ]
    return [
        {
            "name": name,
            "what": what,
            "measured": measured,
            "n": n,
            "sense": sense,
            "limit": limit,
            "met": met(measured, sense, limit),
        }
        for name, what, (measured, n), sense, limit in rows
    ]


def met(measured: float | None, sense: str, limit: float | None) -> bool | None:
    """Return whether a goal is met; None where nothing was measured."""
    if measured is None or limit is None:
        return None
    return bool(measured <= limit if sense == "<=" else measured >= limit)


def complete(report: Report) -> Report:
    """Add medians, ratios, exponents and goals to raw measurements."""
    for record in report["measurements"]:
        summarise(record)
    report["ratios"] = ratios(report)
    report["regrets"] = regrets(report)
    report["exponents"] = exponents(report)
    report["goals"] = goals(report)
    return report
