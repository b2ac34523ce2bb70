"""Every refusal of the library's lower modules is provoked, and its message matched.

One table: a call and the message that it must raise. The coverage test reads
the sources for `raise` statements and the tracebacks of the calls, and fails
when a statement is reached by no call.
"""

import ast
import re
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse.linalg import aslinearoperator
from sklearn.gaussian_process.kernels import RBF

import sdtheory
from sdtheory import distill
from sdtheory.kernels import (
    BrownianBridge,
    PeriodicSobolev,
    SimplySupportedBeam,
    gram,
    kernel_by_name,
)
from sdtheory.multiplier import residual_energy
from sdtheory.recursion import trajectory
from sdtheory.spectrum import Spectrum
from sdtheory.validation import (
    InfeasibleToleranceError,
    InvalidInputError,
    as_epsilon,
    as_gram,
    as_inputs,
    as_labels,
    as_number,
    as_real_array,
    as_rounds,
)

LIBRARY = Path(sdtheory.__file__).parent
MODULES = (
    "validation",
    "kernels",
    "spectrum",
    "recursion",
    "solvers/chain",
    "solvers/__init__",
    "datasets",
)
NAN, INF = float("nan"), float("inf")
I2 = np.eye(2)


def chain():
    return distill(np.diag([1.0, 2.0]), [1.0, 2.0], 0.1, rounds=2)


#: What is called, and what the message must say (a regular expression, from its beginning).
REFUSED = [
    # arrays of numbers
    (lambda: distill(I2, np.ma.array([1.0, 2.0], mask=[0, 1]), 1), "y has masked entries. Fill"),
    (lambda: distill([[1, 2], [3]], [1, 2], 1), "gram is ragged.*Pass a rectangular array"),
    (lambda: distill(I2, ["a", "b"], 1), "y must hold real numbers.*dtype <U1.*Convert"),
    (lambda: distill(I2, [1j, 2], 1), "y must hold real numbers.*dtype complex128"),
    (lambda: distill(I2, [None, 2], 1), "y holds 1 NaN"),
    (lambda: distill(I2, [2**53 + 1, 2], 1), r"y holds integers that do not.*first at index \(0\)"),
    (
        lambda: distill(I2, np.array([np.int64(2**53 + 1), 2], dtype=object), 1),
        "y holds integers that do not fit a float",
    ),
    (lambda: distill(I2, np.array(["1", "2"], dtype=object), 1), "y must hold real numbers"),
    (lambda: distill(I2, np.array([1, 2], dtype="M8[s]"), 1), "y must hold real.*datetime64"),
    (lambda: distill(I2, [10**400, 2], 1), "y must hold real numbers that fit a float"),
    (lambda: distill(I2, np.zeros((2, 1, 1)), 1), r"y must be of dimension 1 or 2.*\(2, 1, 1\)"),
    (lambda: trajectory(1.0, [1.0], 1, 1), r"d must be of dimension 1 to 7.*shape \(\). Reshape"),
    (lambda: distill(2.0, [1], 1), r"gram must be of dimension 2, but has shape \(\)"),
    (lambda: distill(np.zeros((0, 0)), [1], 1), r"gram is empty \(shape \(0, 0\)\). Pass at least"),
    (lambda: distill(I2, [], 1), "y is empty"),
    (lambda: distill(I2, [1, NAN], 1), r"y holds 1 NaN.*first at index \(1\). Remove or impute"),
    (lambda: distill([[1, INF], [INF, 1]], [1, 2], 1), r"gram holds 2 NaN.*index \(0, 1\)"),
    (lambda: as_inputs([[NAN]]), r"x holds 1 NaN or infinite"),
    (lambda: as_real_array(np.array([np.longdouble("1e400")]), "v", ndim=(1,)), "v holds 1 NaN"),
    # labels
    (lambda: distill(I2, [1, 2, 3], 1), r"y is of length 3, but there are 2 points. Pass one"),
    (lambda: distill(I2, [[1, 2]], 1), r"y is of length 1, but there are 2 points"),
    (lambda: as_real_array(NAN, "v", ndim=(0,)), r"v holds 1 NaN.*index \(\)"),
    (lambda: as_labels([1e200, 1], 2), r"y is too large \(1e\+200\).*Divide y by a constant"),
    (lambda: distill(I2, [1e200, 1], 1e300, 3), "y is too large.*and epsilon by its square"),
    (lambda: Spectrum.from_gram(I2).to_eigenbasis([1, 2, 3]), r"y is of length 3"),
    (lambda: Spectrum.from_gram(I2).unreachable([1, NAN]), "y holds 1 NaN"),
    # numbers
    (lambda: distill(I2, [1, 2], "0.1"), "epsilon must be one finite number, but is '0.1'. Pass"),
    (lambda: distill(I2, [1, 2], [0.1]), r"epsilon must be one finite number, but is \[0.1\]"),
    (lambda: as_epsilon(True), "epsilon must be one finite number, but is True. Pass a float"),
    (lambda: as_epsilon(None), "epsilon must be one finite number, but is None"),
    (lambda: as_epsilon(NAN), "epsilon must be one finite number, but is nan"),
    (lambda: as_epsilon(10**400), "epsilon must be one finite number, but is 1000"),
    (lambda: as_number(np.complex128(1), "v"), "v must be one finite number"),
    (lambda: distill(I2, [1, 2], 0), "epsilon must be positive, but is 0.0.*nearly interpolates"),
    (lambda: distill(I2, [1, 2], -1), "epsilon must be positive, but is -1.0"),
    (lambda: distill(I2, [1, 2], 1, 0), "rounds must be an integer of at least 1, but is 0. Leave"),
    (lambda: as_rounds(2.0), "rounds must be an integer of at least 1, but is 2.0"),
    (lambda: as_rounds(True), "rounds must be an integer of at least 1, but is True"),
    (lambda: trajectory([1.0], [1.0], 0.1, "3"), "rounds must be an integer.*'3'"),
    # Gram matrices
    (lambda: distill(np.ones((2, 3)), [1, 2], 1), r"gram must be square.*\(2, 3\).*divided by n"),
    (lambda: as_gram([[1, 0.5], [0.4, 1]]), r"gram is not symmetric.*up to 0.1.*\(gram \+ gram.T"),
    (lambda: distill([[1, 2], [2, 1]], [1, 2], 1), "gram is indefinite.*-1 .*check the kernel"),
    (lambda: Spectrum.from_gram(-I2, 0), "gram is indefinite"),
    (lambda: Spectrum.from_gram(I2, 1.0), r"tolerance must lie in \[0, 1\), but is 1.0"),
    (lambda: Spectrum.from_gram(I2, -1e-9), r"tolerance must lie in \[0, 1\)"),
    (lambda: Spectrum.from_gram(I2, "a"), "tolerance must be one finite number, but is 'a'"),
    (lambda: Spectrum.from_gram(np.full((9, 9), 1e308)), "gram is too large.*Divide the kernel"),
    (lambda: Spectrum(np.ones(2), np.eye(3), 0), r"d and V must have shapes.*\(3, 3\).*from_gram"),
    (lambda: Spectrum(np.ones((2, 2)), I2, 0), "d must be of dimension 1"),
    (lambda: Spectrum(np.array([2.0, 1.0]), I2, 0), "d must hold non-negative.*ascending.*Sort"),
    (lambda: Spectrum(np.array([-1.0, 1.0]), I2, 0), "d must hold non-negative"),
    (lambda: Spectrum(np.array([1.0, NAN]), I2, 0), "d holds 1 NaN"),
    (lambda: Spectrum(np.ones(2), 2 * I2, 0), "V must be orthogonal.*Normalise"),
    (lambda: Spectrum(np.ones(2), NAN * I2, 0), "V holds 4 NaN"),
    # kernels
    (lambda: SimplySupportedBeam()([[0, 0]], [0]), "x has 2 columns, but SimplySupp.*RBF, Matern"),
    (lambda: gram(SimplySupportedBeam(), [0, 1.5]), r"x spans \[0, 1.5\], but Simply.*Rescale"),
    (lambda: SimplySupportedBeam()([0.5], [-1]), r"x_new spans \[-1, -1\]"),
    (lambda: BrownianBridge()([0, 1 + 2.0**-52], [0.5]), r"x spans \[0, 1.0000000000000002\]"),
    (lambda: SimplySupportedBeam().eigenvalue(0), r"m must hold positive integers, but is 0"),
    (lambda: PeriodicSobolev().eigenvalue([1, 1.5]), r"m must hold positive integers.*\[1, 1.5\]"),
    (
        lambda: PeriodicSobolev().eigenfunction(-1, [0.5]),
        "m must be an integer.*-1",
    ),
    (lambda: PeriodicSobolev(0), r"a must lie between 1e-100 and 1e\+100, but is 0. At a = 0"),
    (lambda: PeriodicSobolev(-1.0), "a must lie between"),
    (lambda: PeriodicSobolev(1e200), "a must lie between"),
    (lambda: PeriodicSobolev("a"), "a must be one finite number, but is 'a'"),
    (lambda: kernel_by_name("rbf"), "kernel 'rbf' is unknown. Choose one of: beam, bridge, perio"),
    (lambda: kernel_by_name(["beam"]), r"kernel \['beam'\] is unknown"),
    (lambda: gram(RBF(), [[1, 2]], [[1]]), r"x_new has 1 column, but x has 2. Pass the same"),
    (lambda: gram("beam", [0.5]), r"kernel must be callable as kernel\(X, Y\), but is 'beam'"),
    (lambda: gram(SimplySupportedBeam, [0.5]), "kernel must be callable.*Pass an instance"),
    (lambda: gram(lambda x, y: x, [1, 2]), r"kernel returned shape \(2, 1\) instead of \(2, 2\)"),
    (
        lambda: gram(lambda x, y: None, [1, 2]),
        r"kernel\(X, Y\) must be of dimension 2.*must return",
    ),
    (lambda: gram(lambda x, y: x / 0 * y, [0.0]), r"kernel\(X, Y\) holds 1 NaN.*check it"),
    (lambda: gram(lambda x, y: 1j * x @ y.T, [1]), r"kernel\(X, Y\) must hold real.*complex128"),
    (lambda: gram(RBF(), []), "x is empty"),
    (lambda: BrownianBridge().eigenfunction(1, ["a"]), "x must hold real numbers"),
    (lambda: BrownianBridge().eigenfunction(1, [2.0]), r"x spans \[2, 2\], but BrownianBridge"),
    (lambda: BrownianBridge().eigenfunction(1.5, 0.1), "m must be an integer of at least 1"),
    # the spectrum
    (lambda: Spectrum([1, 2], [[1]], 0), r"d and V must have shapes .* have \(2,\) and \(1, 1\)"),
    (lambda: Spectrum([1, "a"], I2, 0), "d must hold real numbers"),
    (
        lambda: Spectrum.from_gram(I2).from_eigenbasis([1, 2, 3]),
        r"z has 3 rows",
    ),
    (lambda: Spectrum.from_gram(I2).from_eigenbasis([1, NAN]), "z holds 1 NaN"),
    # the secular equation
    (lambda: residual_energy(-1, [1], [1]), "c must hold positive numbers, but holds -1"),
    # the recursion
    (
        lambda: trajectory([1, 2, 3], [1, 2], 1, 1),
        r"d \(3,\), z \(2,\) and epsilon \(\) do not fit",
    ),
    (lambda: trajectory([1], [1, 2], 1, 1), r"d \(1,\), z \(2,\) and epsilon.*Pass d"),
    (lambda: trajectory([1, 2], [[1, 2]] * 3, [1, 2], 1), "d .* do not fit together"),
    (lambda: trajectory([1, 2], [1, 2], 1, 1, outputs=True), "z must be of dimension 2 to 8"),
    (lambda: trajectory([1, NAN], [1, 2], 1, 1), "d holds 1 NaN"),
    (lambda: trajectory([-1, 1], [1, 2], 1, 1), "d holds a negative eigenvalue"),
    (lambda: trajectory([0, 1], [2, 1], 0.5, 1), "epsilon = 0.5 is infeasible.*above 2"),
    (
        lambda: distill(1e308 * I2, [3.0, 1.0], 0.5),
        r"eigenvalues up to 1e\+308 and the multiplier of round 1 add up to more",
    ),
    (lambda: trajectory([1], [1], None, 1), "epsilon is None and c is None"),
    (lambda: trajectory([1], [1], None, 1, c=0), "c must hold positive numbers, but is 0"),
    (lambda: trajectory([1], [1], None, 3, c=[1, 2]), r"c has 2 numbers, but 3 rounds"),
    (lambda: trajectory([1], [1], None, 2, c=np.ones((3, 2))), "c must be of dimension 0 or 1"),
    (
        lambda: trajectory([[1]] * 2, [1], None, 2, c=np.ones((3, 2))),
        r"c is given for .* \(3,\), but .* \(2,\)",
    ),
    (
        lambda: trajectory([[1]] * 2, [1], 0.1, 2, mixing=[[0.5]] * 3),
        r"mixing is given for .* \(3,\)",
    ),
    (
        lambda: trajectory([[1]] * 2, [[1]] * 2, None, 2, c=1, mixing=0.5, fresh=[[[1]]] * 3),
        r"fresh is given for instances of shape \(3,\), but there are instances of shape \(2,\)",
    ),
    (lambda: distill(I2, [1, 2], 0.1, 2, mixing=[[0.5]] * 3), "mixing must be of dimension 0 or 1"),
    (lambda: trajectory([1], [1], 0.1, 2, mixing=2), "mixing must hold shares from 0 to 1"),
    (lambda: trajectory([1], [1], 0.1, 2, mixing="all"), "mixing must be numbers or .optimal."),
    (lambda: trajectory([1], [1], 0.1, 2, mixing="optimal"), "mixing is .optimal., which compares"),
    (
        lambda: trajectory([1], [1], None, 9, c=1, mixing=1e60),
        "mixing: the labels of round .* over",
    ),
    (lambda: trajectory([1], [1], None, 2, c=1, fresh=[[1]]), "fresh is given, but mixing is 0.0"),
    (
        lambda: trajectory([1], [1], None, 2, c=1, mixing=0.5, fresh=[[1], [2]]),
        r"fresh has shape \(2, 1\). Pass 1 set of labels",
    ),
    (lambda: distill(I2, [1, 2], None), "epsilon is missing. Pass the tolerance, or multipliers"),
    (lambda: distill(I2, [1, 2], 1, c=1), "epsilon is 1 and c is 1"),
    (lambda: distill(I2, [1, 2], None, c=1), "rounds is missing: with one multiplier"),
    (
        lambda: distill(I2, [1, 2], None, 1, c=1, solver="krylov"),
        "solver='krylov' does not work with c or mixing",
    ),
    (lambda: distill(I2, [1, 2], 1e-30), r"rounds must be given.*at least 1.58e\+15 rounds"),
    (lambda: distill(I2, [1, 2], 1e-300), "epsilon .1e-300. is too small against the labels"),
    (lambda: distill(I2, [1, 2], 1, solver="qr"), "solver must be one of 'auto'.*but is 'qr'"),
    (lambda: distill(I2, [1, 2], 1, solver="spline"), "solver='spline' cannot start.*a matrix"),
    (lambda: distill(I2, [1, 2], 1, tolerance=1.0), "tolerance must lie between 9e-16 and 1"),
    (
        lambda: distill(I2, [1, 2], 1, solver="krylov", tolerance=INF),
        "tolerance must be finite for solver 'krylov'",
    ),
    (
        lambda: distill(aslinearoperator(np.ones((3, 2))), [1, 2, 3], 1),
        "gram must be a square, real, non-empty operator",
    ),
    (lambda: chain().dual(-1), "t must be a round number from 0 on, but is -1"),
    (lambda: chain().dual(True), "t must be a round number from 0 on, but is True"),
    (lambda: chain().dual(1.0), "t must be a round number from 0 on, but is 1.0"),
    (lambda: chain().predict(I2, 2), "round t = 2 was not run.*rounds 0 to 1. Call distill with"),
    (
        lambda: distill(I2, [1, 2], 2, 9, mixing=0.01).dual(8),
        "round t = 8 was not run: this chain ends with round .* may bring later fits back",
    ),
    (lambda: chain().predict(np.ones((2, 3)), 0), "g_x has 3 columns, but there are 2 training"),
    (
        lambda: chain().predict([1, 2], 0),
        r"g_x must be of dimension 2.*Pass gram\(kernel, x, x_",
    ),
    (lambda: chain().predict([[1, NAN]], 0), r"g_x holds 1 NaN.*Pass gram\(kernel"),
    (lambda: distill(np.ones((2, 2)), [1, -1], 0.5), "epsilon = 0.5 is infeasible.*above 1"),
]


@pytest.mark.filterwarnings("ignore:divide by zero|invalid value")  # of the kernel that divides
@pytest.mark.parametrize(("call", "message"), REFUSED, ids=[m[:40] for _, m in REFUSED])
def test_a_bad_input_is_refused_with_a_message(call, message):
    with pytest.raises((InvalidInputError, InfeasibleToleranceError)) as caught:
        call()
    text = str(caught.value)
    assert re.match(message, text), text
    assert text.endswith((".", "`"))


def raises(source):
    """Return the line ranges of the statements that refuse an input."""
    return [
        range(node.lineno, node.end_lineno + 1)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Raise)
        and isinstance(node.exc, ast.Call)
        and getattr(node.exc.func, "id", "") in ("InvalidInputError", "InfeasibleToleranceError")
    ]


def unreached(calls):
    """Return module and line of each refusal that none of the calls ends in."""
    ends = set()
    for call in calls:
        with np.errstate(all="ignore"):
            try:
                call()
            except (InvalidInputError, InfeasibleToleranceError) as error:
                traceback = error.__traceback__
                while traceback.tb_next:
                    traceback = traceback.tb_next
                code = traceback.tb_frame.f_code
                place = Path(code.co_filename).relative_to(LIBRARY).with_suffix("").as_posix()
                ends.add((place, traceback.tb_lineno))
    return [
        (module, lines.start)
        for module in MODULES
        for lines in raises((LIBRARY / f"{module}.py").read_text(encoding="utf-8"))
        if not any((module, line) in ends for line in lines)
    ]


def test_every_refusal_in_the_sources_is_in_the_table():
    assert unreached([call for call, _ in REFUSED]) == []


def test_a_refusal_without_a_case_is_found():
    without_two = [c for c, m in REFUSED if not m.startswith(("t must be a round", "gram is"))]
    assert {module for module, _ in unreached(without_two)} == {
        "validation",
        "spectrum",
        "solvers/chain",
    }
    assert len(unreached([])) > 20


def test_what_is_accepted_becomes_floats():
    assert as_inputs([1, 2]).shape == (2, 1)
    assert as_inputs([[True, False]]).dtype == np.float64
    assert as_number(np.float32(0.5), "v") == as_epsilon(np.array(0.5)) == 0.5
    assert as_rounds(np.int64(3)) == 3
    assert as_labels([[1], [2]], 2).shape == (2, 1)
    assert as_labels(np.ma.array([1.0, 2.0]), 2).tolist() == [1.0, 2.0]
    source = np.ones((2, 2))
    assert not np.shares_memory(as_gram(source), source)


def test_an_asymmetry_beyond_rounding_is_refused_and_one_within_is_averaged():
    eps = np.finfo(float).eps
    within = as_gram([[1, 0.5], [0.5 + 4 * eps, 1]])
    assert np.array_equal(within, within.T)
    with pytest.raises(InvalidInputError, match="not symmetric"):
        as_gram([[1, 0.5], [0.5 + 16 * eps, 1]])
