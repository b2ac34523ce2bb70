"""Ball arithmetic: enclosures contain the true numbers, and doubt is never decided."""

from fractions import Fraction

import mpmath
import numpy as np
import pytest
from flint import arb, ctx

from sdtheory import InfeasibleToleranceError, InvalidInputError
from sdtheory.evidence.balls import Ball, UndecidedError, enclose, rising_precision

DIGITS = 60
SEVENTH = Fraction(1, 7)
#: d, z, epsilon, rounds; exact rationals.
CASES = {
    "two": ((Fraction(1, 3), Fraction(2)), (Fraction(1), Fraction(-2)), Fraction(1, 10), 3),
    "near collapse": ((SEVENTH, Fraction(1)), (Fraction(1), Fraction(1)), Fraction(9999, 10000), 1),
    "ill conditioned": (
        (Fraction(1, 10**12), Fraction(1, 10**3), Fraction(1)),
        (Fraction(1), Fraction(3), Fraction(1, 2)),
        Fraction(1, 100),
        2,
    ),
    "singular": (
        (Fraction(0), Fraction(1), Fraction(5)),
        (Fraction(1, 100), Fraction(1), Fraction(1)),
        Fraction(1, 50),
        3,
    ),
    "one": ((Fraction(3, 2),), (Fraction(2),), Fraction(1, 3), 2),
}


def by_mpmath(d, z, epsilon, rounds):
    """Return multipliers and labels of the recursion, by bisection in mpmath."""
    with mpmath.workdps(DIGITS + 20):
        d, z = ([mpmath.mpf(v.numerator) / v.denominator for v in a] for a in (d, z))
        rho2 = len(d) * mpmath.mpf(epsilon.numerator) / epsilon.denominator
        multipliers, labels = [], [z]
        for _ in range(rounds):

            def r_minus_1(log_c, z=z):
                c = mpmath.exp(log_c)
                return sum((v * c / (c + k)) ** 2 for v, k in zip(z, d, strict=True)) - rho2

            if sum(v * v for v in z) <= rho2:
                break
            low, high = mpmath.mpf(-100), mpmath.mpf(100)
            for _ in range(300):
                middle = (low + high) / 2
                low, high = (middle, high) if r_minus_1(middle) < 0 else (low, middle)
            c = mpmath.exp(low)
            z = [v * k / (c + k) for v, k in zip(z, d, strict=True)]
            multipliers.append(c)
            labels.append(z)
        return multipliers, labels


def contains(ball, number):
    """Whether a ball contains an mpmath number, up to that number's own error."""
    with ctx.workprec(400):
        exact = arb(mpmath.nstr(number, DIGITS))
        tolerance = (abs(exact) * arb(10) ** -(DIGITS - 5)).upper()
        return bool((exact + arb(0, tolerance)).overlaps(ball.value))


@pytest.mark.parametrize("name", CASES)
def test_enclosures_contain_the_roots_and_labels_of_a_60_digit_bisection(name):
    multipliers, labels = by_mpmath(*CASES[name])
    instance, _ = rising_precision(lambda: enclose(*CASES[name]))
    for t, c in enumerate(multipliers):
        assert contains(instance.c[0, t], c)
        radius = (instance.c[0, t].value.rad() / instance.c[0, t].value.mid()).upper()
        assert radius < arb(10) ** -20
    for t, z in enumerate(labels):
        assert all(contains(instance.path.z[0, t, k, 0], v) for k, v in enumerate(z))


def test_a_wrong_root_lies_outside_the_enclosure():
    multipliers, _ = by_mpmath(*CASES["two"])
    instance, _ = rising_precision(lambda: enclose(*CASES["two"]))
    assert not contains(instance.c[0, 0], multipliers[0] * (1 + mpmath.mpf(10) ** -25))


def test_the_secular_equation_changes_sign_across_every_enclosure():
    d, z, epsilon, rounds = CASES["ill conditioned"]
    with ctx.workprec(256):
        instance = enclose(d, z, epsilon, rounds)
        eigenvalues = instance.d[0]
        for t in range(rounds):
            labels = instance.path.z[0, t, :, 0]

            def r_minus_1(c, labels=labels):
                terms = [
                    (v.value * c / (c + k.value)) ** 2
                    for v, k in zip(labels, eigenvalues, strict=True)
                ]
                return sum(terms, arb(0)) - instance.rho2[0].value

            c = instance.c[0, t].value
            assert r_minus_1(c.lower()) < 0
            assert r_minus_1(c.upper()) > 0


def test_after_the_collapse_everything_is_zero():
    instance, _ = rising_precision(lambda: enclose((1, 2), (1, 1), 0.9, 4))
    assert not instance.alive[0, 1:].any()
    assert all(v == 0 for v in instance.path.z[0, 2:].ravel())


def test_an_undecided_comparison_raises():
    with ctx.workprec(64):
        third = Ball(1) / 3
        with pytest.raises(UndecidedError, match="undecided at 64 bits"):
            _ = third < Fraction(1, 3)
        with pytest.raises(UndecidedError):
            _ = third * 3 == 1
        assert third < 1
        assert not third > 1


def test_precision_rises_until_the_task_decides():
    tried = []

    def task():
        tried.append(ctx.prec)
        # 1 + 2^-300 is above 1, which 128 and 256 bits cannot tell
        return (Ball(1) / 3 + Fraction(1, 2**300)) * 3 > 1

    result, bits = rising_precision(task)
    assert result is True
    assert tried == [128, 256, 512]
    assert bits == 512


def test_precision_stops_at_its_limit():
    with pytest.raises(UndecidedError):
        rising_precision(lambda: Ball(1) / 3 * 3 > 1, limit=256)


def test_a_collapse_at_equality_is_not_decided():
    # ||z||^2 = n epsilon exactly, reached through thirds: whether the fit is zero is a tie
    with pytest.raises(UndecidedError):
        rising_precision(
            lambda: enclose((1, 2), (Fraction(1, 3), Fraction(1, 3)), Fraction(1, 9), 1), limit=256
        )


def test_a_ball_does_not_leave_ball_arithmetic():
    with pytest.raises(TypeError):
        float(Ball(1))
    with pytest.raises(TypeError, match="truth value"):
        bool(Ball(1))
    with pytest.raises(InvalidInputError, match="not an exact real number"):
        Ball("1")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (((-1, 1), (1, 1), 0.1, 1), InvalidInputError, "negative eigenvalue"),
        (((1, 1), (1,), 0.1, 1), InvalidInputError, "do not fit together"),
        ((((1, 1),), (1, 1), 0.1, 1), InvalidInputError, "one instance"),
        (((1, 1), (1, 1), 0, 1), InvalidInputError, "epsilon must be positive"),
        (((1, 1), (1, 1), 0.1, 0), InvalidInputError, "rounds"),
        (((0, 1), (1, 1), 0.1, 1), InfeasibleToleranceError, "infeasible"),
    ],
)
def test_bad_input_is_named(arguments, error, message):
    with pytest.raises(error, match=message):
        enclose(*arguments)


@pytest.mark.parametrize("name", ["sqrt", "exp", "expm1", "log", "log1p"])
def test_functions_of_balls_contain_the_true_values(name):
    with ctx.workprec(128), mpmath.workdps(DIGITS + 20):
        (ball,) = getattr(np, name)(np.array([Ball(Fraction(2, 7))], dtype=object))
        assert contains(ball, getattr(mpmath, name)(mpmath.mpf(2) / 7))
