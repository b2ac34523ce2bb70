"""Green's functions are what their own data say; Gram matrices carry the paper's 1/n.

The symbolic checks read an object's `operator`, `boundary_conditions` and
`branch`, and nothing else, so that an edit of any one of them alone fails.
"""

from dataclasses import dataclass

import mpmath
import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.gaussian_process.kernels import RBF, Matern

from sdtheory.kernels import (
    GREENS_FUNCTIONS,
    BrownianBridge,
    PeriodicSobolev,
    SimplySupportedBeam,
    gram,
    kernel_by_name,
)
from sdtheory.spectrum import Spectrum

ULP = np.finfo(float).eps
X, Y, A = (
    sympy.Symbol("x", real=True),
    sympy.Symbol("y", real=True),
    sympy.Symbol("a", positive=True),
)
S, T, U = sympy.symbols("s t u", positive=True)


def periodic(weight):
    """Return the periodic kernel with a weight in exact or symbolic arithmetic."""
    kernel = PeriodicSobolev()
    object.__setattr__(kernel, "a", weight)
    return kernel


#: The periodic one at every a > 0.
KERNELS = {"beam": SimplySupportedBeam(), "bridge": BrownianBridge(), "periodic": periodic(A)}
named = pytest.mark.parametrize("kernel", KERNELS.values(), ids=KERNELS)


def is_zero(expression):
    """Expand over a common denominator; in exponentials, so that hyperbolic functions cancel."""
    exponentials = sympy.sympify(expression).rewrite(sympy.exp)
    return sympy.expand(sympy.numer(sympy.together(sympy.expand(exponentials)))) == 0


def apply(operator, f):
    return sum(a * sympy.diff(f, X, order) for order, a in enumerate(operator))


def boundary_value(condition, pieces):
    """Return sum weight f^(order)(point), with f given left and right of an inner point."""
    return sum(
        weight * sympy.diff(pieces[point], X, order).subs(X, point)
        for point, order, weight in condition
    )


def greens_failures(kernel):
    """Return in words what keeps a kernel from being the Green's function that it declares."""
    operator = [sympy.nsimplify(a) for a in kernel.operator]
    order, leading = len(operator) - 1, operator[-1]
    left = kernel.branch(X, Y, sympy)  # x <= y
    right = kernel.branch(Y, X, sympy)  # by symmetry
    failures = [
        f"L g != 0 for x {side} y"
        for side, f in (("<", left), (">", right))
        if not is_zero(apply(operator, f))
    ]
    for k in range(order):
        jump = (sympy.diff(right, X, k) - sympy.diff(left, X, k)).subs(X, Y)
        if not is_zero(jump - (1 / leading if k == order - 1 else 0)):
            failures.append(f"jump of derivative {k}")
    failures += [
        f"boundary condition {condition}"
        for condition in kernel.boundary_conditions
        if not is_zero(boundary_value(condition, (left, right)))
    ]
    if len(kernel.boundary_conditions) != order:
        failures.append("number of boundary conditions")
    return failures


def smallest_pivot(kernel, points):
    """Return the smallest pivot of the matrix at exact points, to 100 digits.

    Elimination stops at a pivot below 10^-40, which is a zero or worse: those of distinct points
    are no smaller than a power of their distance.
    """
    with mpmath.workdps(100):
        rows = [
            [mpmath.mpf(sympy.N(kernel.branch(min(p, q), max(p, q), sympy), 100)) for q in points]
            for p in points
        ]
        smallest = mpmath.inf
        while rows and smallest > 1e-40:
            (pivot, *first), *rest = rows
            smallest = min(smallest, pivot)
            if pivot:
                rows = [
                    [b - a * c / pivot for b, c in zip(row, first, strict=True)] for a, *row in rest
                ]
    return smallest


@named
def test_a_greens_function_satisfies_its_operator_jumps_and_boundary_conditions(kernel):
    assert greens_failures(kernel) == []


@pytest.mark.parametrize(
    ("kernel", "flaw", "expected"),
    [
        (KERNELS["beam"], lambda g, x, y: -g, "jump of derivative 3"),
        (KERNELS["beam"], lambda g, x, y: g + x**2 * (1 - y) ** 2, "boundary condition"),
        (KERNELS["beam"], lambda g, x, y: g + x * (1 - y) ** 2, "jump of derivative 1"),
        (KERNELS["beam"], lambda g, x, y: g + x**5 * (1 - y), "L g != 0 for x < y"),
        (KERNELS["bridge"], lambda g, x, y: x, "boundary condition"),
        (KERNELS["bridge"], lambda g, x, y: 2 * g, "jump of derivative 1"),
        (KERNELS["bridge"], lambda g, x, y: g + x**2 * (1 - y) ** 2, "L g != 0 for x > y"),
        (KERNELS["periodic"], lambda g, x, y: 2 * g, "jump of derivative 1"),
        (KERNELS["periodic"], lambda g, x, y: g + sympy.cosh(A * (y - x)), "boundary condition"),
        (KERNELS["periodic"], lambda g, x, y: g + 1, "L g != 0 for x < y"),
    ],
)
def test_a_wrong_greens_function_fails_the_same_check(kernel, flaw, expected):
    class Flawed:
        operator = kernel.operator
        boundary_conditions = kernel.boundary_conditions

        @staticmethod
        def branch(x, y, functions):
            return flaw(kernel.branch(x, y, functions), x, y)

    assert any(failure.startswith(expected) for failure in greens_failures(Flawed))


@pytest.mark.parametrize(
    ("operator", "conditions", "expected"),
    [
        ((0, 0, 0, 0, -1), None, "jump of derivative 3"),
        ((1, 0, 0, 0, 1), None, "L g != 0"),
        (None, SimplySupportedBeam.boundary_conditions[:3], "number of boundary conditions"),
        (None, (((0, 1, 1),), *SimplySupportedBeam.boundary_conditions[1:]), "boundary condition"),
    ],
)
def test_wrong_declarations_about_a_right_formula_fail_it_too(operator, conditions, expected):
    @dataclass(frozen=True)
    class Misdeclared(SimplySupportedBeam):
        boundary_conditions = conditions or SimplySupportedBeam.boundary_conditions

        @property
        def operator(self):
            return operator or super().operator

    assert any(failure.startswith(expected) for failure in greens_failures(Misdeclared()))


def test_the_operator_of_the_periodic_kernel_follows_its_weight():
    assert greens_failures(periodic(sympy.Rational(7, 2))) == []


@pytest.mark.parametrize(
    "kernel",
    [KERNELS["beam"], KERNELS["bridge"], periodic(sympy.Integer(1)), periodic(sympy.Integer(9))],
)
def test_positive_definite_on_distinct_interior_points(kernel):
    rng = np.random.default_rng(5)
    for n in (1, 2, 5, 7):
        points = sorted(sympy.Rational(int(k), 997) for k in rng.choice(range(1, 997), n, False))
        assert smallest_pivot(kernel, points) > 1e-40


@pytest.mark.parametrize("kernel", [KERNELS["beam"], KERNELS["bridge"]], ids=["beam", "bridge"])
def test_every_pair_of_interior_points_is_positive_definite(kernel):
    """Symbolically: x = s/(s+t+u), y = (s+t)/(s+t+u) parametrise 0 < x < y < 1."""
    x, y = S / (S + T + U), (S + T) / (S + T + U)
    minor = kernel.branch(x, x) * kernel.branch(y, y) - kernel.branch(x, y) ** 2
    for value in (kernel.branch(x, x), minor):
        numerator, denominator = sympy.fraction(sympy.factor(value))
        for polynomial in (numerator, denominator):
            assert min(sympy.Poly(polynomial, S, T, U).coeffs()) > 0


@pytest.mark.parametrize(
    ("branch", "points"),
    [
        (lambda x, y, _: -x * (1 - y), (1, 2)),
        (lambda x, y, _: y * (1 - x), (1, 2)),  # the other branch: indefinite
        (lambda x, y, _: x * y, (1, 2)),  # rank one
    ],
)
def test_indefinite_formulas_fail_that_check(branch, points):
    kernel = type("Wrong", (), {"branch": staticmethod(branch)})
    assert smallest_pivot(kernel, [sympy.Rational(p, 5) for p in points]) <= 1e-40


@pytest.mark.parametrize("kernel", [KERNELS["beam"], KERNELS["bridge"]], ids=["beam", "bridge"])
def test_points_where_the_kernel_vanishes_make_it_singular(kernel):
    for end in (sympy.Integer(0), sympy.Integer(1)):
        assert smallest_pivot(kernel, [end, sympy.Rational(1, 2)]) == 0


def test_the_beam_equals_the_papers_written_form():
    """max((x-x')^3, 0)/6 - x(1-x')(x^2-2x'+x'^2)/6, on both sides of the diagonal."""
    polynomial = -X * (1 - Y) * (X**2 - 2 * Y + Y**2) / 6
    beam = KERNELS["beam"]
    assert is_zero(beam.branch(X, Y, sympy) - polynomial)
    assert is_zero(beam.branch(Y, X, sympy) - polynomial - (X - Y) ** 3 / 6)
    # without the cube the written form is not even symmetric
    assert not is_zero(beam.branch(Y, X, sympy) - polynomial)
    x = np.linspace(0, 1, 41)
    row, column = x[:, None], x[None, :]
    written = np.maximum((row - column) ** 3, 0) / 6
    written = written - row * (1 - column) * (row**2 - 2 * column + column**2) / 6
    assert np.max(np.abs(beam(x, x) - written)) <= 4 * ULP


def test_the_periodic_kernel_equals_its_written_form():
    a = KERNELS["periodic"].a
    written = sympy.cosh(a * (sympy.Rational(1, 2) - (Y - X))) / (2 * a * sympy.sinh(a / 2))
    assert is_zero(KERNELS["periodic"].branch(X, Y, sympy) - written)


# --- evaluation in floats ---------------------------------------------------------------------


@pytest.mark.parametrize("name", GREENS_FUNCTIONS)
@settings(max_examples=25, deadline=None)
@given(x=st.floats(0, 1), y=st.floats(0, 1))
def test_floats_agree_with_exact_arithmetic_to_a_few_ulps(name, x, y):
    kernel = kernel_by_name(name)
    low, high = sorted((x, y))
    found = kernel([x], [y])[0, 0]
    exact = periodic(sympy.Integer(1)) if name == "periodic" else kernel
    expected = exact.branch(*(sympy.Rational(*v.as_integer_ratio()) for v in (low, high)), sympy)
    error = abs(sympy.Rational(*float(found).as_integer_ratio()) - expected)
    # the smallest positive float bounds the error where the value itself underflows
    assert sympy.N(error - 16 * sympy.Float(ULP) * expected, 30) <= 5e-324
    assert found == kernel([y], [x])[0, 0]


def test_the_beam_keeps_its_digits_near_the_ends():
    """As x -> 0 on the diagonal, g -> x^2/3; 1 - x^2 - (1-x)^2 would lose half the digits."""
    x = 2.0**-40
    expected = x**2 * (1 - x) ** 2 / 3
    assert abs(SimplySupportedBeam()([x], [x])[0, 0] - expected) <= 8 * ULP * expected
    cancelling = x * (1 - x) * (1 - x**2 - (1 - x) ** 2) / 6
    assert abs(cancelling - expected) > 8 * ULP * expected


@pytest.mark.parametrize("a", [1e-100, 1e-3, 1.0, 50.0, 2000.0, 1e100])
def test_the_periodic_kernel_neither_overflows_nor_cancels(a):
    kernel = PeriodicSobolev(a)
    with mpmath.workdps(250):
        for distance in (0.0, 0.25, 0.5):
            weight = mpmath.mpf(a)
            expected = mpmath.cosh(weight * (mpmath.mpf(0.5) - distance))
            expected = expected / (2 * weight * mpmath.sinh(weight / 2))
            found = kernel([0.0], [distance])[0, 0]
            # exp(-a d) turns half an ulp of its argument into a d/2 ulps
            bound = (8 + a) * ULP * expected + 5e-324
            assert abs(mpmath.mpf(float(found)) - expected) <= bound
    assert np.isfinite(kernel.operator).all()


def test_all_pairs_in_rows_and_columns():
    g = BrownianBridge()
    values = g([0.1, 0.2, 0.9], [[0.5], [0.7]])
    assert values.shape == (3, 2)
    assert values[2, 0] == g([0.9], [0.5])[0, 0] == 0.5 * (1 - 0.9)


def test_a_circle_closes():
    g = PeriodicSobolev(3.0)
    assert np.allclose(g([0.0], [0.2, 0.7]), g([1.0], [0.2, 0.7]), rtol=8 * ULP)


# --- Mercer pairs ------------------------------------------------------------------------------

#: Per kernel: the m-th eigenfunction in symbols, to which floats are compared below.
EIGENFUNCTIONS = {
    "beam": lambda m: sympy.sqrt(2) * sympy.sin(m * sympy.pi * X),
    "bridge": lambda m: sympy.sqrt(2) * sympy.sin(m * sympy.pi * X),
    "periodic": lambda m: (
        sympy.Integer(1)
        if m == 1
        else sympy.sqrt(2) * (sympy.sin if m % 2 else sympy.cos)(2 * sympy.pi * (m // 2) * X)
    ),
}
ORDERS = range(1, 8)


@pytest.mark.parametrize("name", GREENS_FUNCTIONS)
def test_eigenfunctions_solve_the_eigenproblem_of_the_declared_operator(name):
    kernel = kernel_by_name(name)
    x = np.linspace(0, 1, 29)
    for m in ORDERS:
        phi = EIGENFUNCTIONS[name](m)
        values = sympy.lambdify(X, phi)(x) * np.ones_like(x)
        # the argument m pi x is rounded: half an ulp of m pi, in each
        assert np.max(np.abs(kernel.eigenfunction(m, x) - values)) <= 8 * m * np.pi * ULP
        for condition in kernel.boundary_conditions:
            assert sympy.simplify(boundary_value(condition, (phi, phi))) == 0
        factor = sympy.simplify(apply([int(a) for a in kernel.operator], phi) / phi)
        assert not factor.free_symbols
        assert abs(float(kernel.eigenvalue(m) * factor) - 1) <= 16 * ULP
        wrong = kernel.eigenvalue(m + 2) * float(factor)
        assert abs(wrong - 1) > 16 * ULP


@pytest.mark.parametrize("name", GREENS_FUNCTIONS)
def test_eigenfunctions_are_orthonormal(name):
    nodes, weights = np.polynomial.legendre.leggauss(60)
    x, w = (nodes + 1) / 2, weights / 2
    phi = np.stack([kernel_by_name(name).eigenfunction(m, x) for m in ORDERS])
    assert np.max(np.abs((phi * w) @ phi.T - np.eye(len(ORDERS)))) <= 1000 * ULP


def mercer_violation(kernel, terms, factor=1.0):
    """Return how far |g - partial sum| exceeds the tail 2 sum_{m > terms} lambda_m, at worst."""
    x = np.linspace(0, 1, 17)
    m = np.arange(1, 200_001)
    phi = np.stack([kernel.eigenfunction(int(k), x) for k in m[:terms]])
    partial = phi.T * (factor * kernel.eigenvalue(m[:terms])) @ phi
    # |phi_m|^2 <= 2; lambda_m <= lambda_M (M/m)^2 bounds what lies beyond the last term
    tail = 2 * (np.sum(kernel.eigenvalue(m[terms:])) + m[-1] * kernel.eigenvalue(m[-1]))
    return np.max(np.abs(kernel(x, x) - partial)) - tail - 100 * ULP * np.max(kernel(x, x))


@pytest.mark.parametrize("name", GREENS_FUNCTIONS)
@pytest.mark.parametrize("terms", [1, 9, 101])
def test_the_mercer_sum_converges_to_the_kernel_within_its_tail(name, terms):
    kernel = kernel_by_name(name)
    assert mercer_violation(kernel, terms) <= 0
    # nor is the tail so wide that anything fits in it
    assert mercer_violation(kernel, terms, factor=0.5) > 0


def test_eigenvalues_of_an_array_of_orders_are_those_of_each():
    for name in GREENS_FUNCTIONS:
        kernel = kernel_by_name(name)
        values = kernel.eigenvalue(np.array([1, 2, 3, 50_000]))
        each = [kernel.eigenvalue(m) for m in (1, 2, 3, 50_000)]
        assert values == pytest.approx(each, rel=8 * ULP, abs=0)
        assert np.all(np.diff(values) <= 0)


# --- Gram matrices ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kernel",
    [
        SimplySupportedBeam(),
        PeriodicSobolev(2.0),
        RBF(0.3),
        Matern(0.4, nu=1.5),
        2.0 * Matern(0.4, nu=2.5) + RBF(0.1),
        lambda x, y: x @ y.T,
    ],
    ids=["beam", "periodic", "rbf", "matern", "sum", "callable"],
)
def test_the_gram_matrix_and_its_rows_at_new_inputs_are_divided_by_the_training_size(kernel):
    x, x_new = np.linspace(0.05, 0.9, 5), np.array([0.2, 0.4, 0.95])
    G, rows = gram(kernel, x), gram(kernel, x, x_new)
    assert G.shape == (5, 5)
    assert rows.shape == (3, 5)
    for j, k in ((0, 0), (1, 3), (4, 2)):
        assert G[j, k] == pytest.approx(kernel(x[[j], None], x[[k], None])[0, 0] / 5, rel=8 * ULP)
    assert rows[2, 1] == pytest.approx(
        kernel(x_new[[2], None], x[[1], None])[0, 0] / 5, rel=8 * ULP
    )
    assert np.array_equal(gram(kernel, x, x), G)


def test_scikit_learn_kernels_take_inputs_of_several_columns():
    x = np.random.default_rng(0).standard_normal((6, 3))
    distance2 = np.sum((x[:, None] - x[None]) ** 2, axis=-1)
    assert np.allclose(gram(RBF(1.5), x), np.exp(-distance2 / (2 * 1.5**2)) / 6, rtol=64 * ULP)


@pytest.mark.parametrize("n", [2, 40, 200])
@pytest.mark.parametrize(
    "kernel",
    [*(cls() for cls in GREENS_FUNCTIONS.values()), PeriodicSobolev(1e-6), RBF(1.0), Matern(0.5)],
    ids=[*GREENS_FUNCTIONS, "nearly constant", "rbf", "matern"],
)
def test_no_gram_matrix_of_a_kernel_is_taken_for_indefinite(kernel, n):
    x = np.sort(np.random.default_rng(n).random(n))
    assert 1 <= Spectrum.from_gram(gram(kernel, np.append(x, x[:3]))).rank <= n
