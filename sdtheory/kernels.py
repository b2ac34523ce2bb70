"""Green's functions as objects, and the Gram matrix of any kernel.

A Green's function carries its operator and boundary conditions *as data*. So
``L g(., x') = delta_{x'}`` can be checked symbolically from the same object that
evaluates the kernel. Every function here also accepts scikit-learn's kernels, and
any callable ``k(X, Y)`` that returns the (m, n) matrix of kernel values.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from sdtheory.validation import (
    Array,
    InvalidInputError,
    as_inputs,
    as_integer,
    as_number,
    as_real_array,
    counted,
    machine_epsilon,
)

#: Of a in a^2 - d^2/dx^2; beyond it and its reciprocal the operator leaves the float range.
_SMALLEST_WEIGHT = 1e-100

#: Anything that maps (m, p) and (n, p) inputs to the (m, n) matrix of kernel values.
Kernel = Callable[[Any, Any], Any]
#: One linear condition sum_i weight_i * f^(order_i)(point_i) = 0.
BoundaryCondition = tuple[tuple[float, int, int], ...]


@dataclass(frozen=True)
class GreensFunction(ABC):
    """Green's function on [0, 1] of a linear differential operator.

    A subclass states the branch of the formula on ``x <= x'``; symmetry gives
    the other one.

    Attributes
    ----------
    operator : tuple of float
        Coefficients ``a_j`` of ``L = sum_j a_j (d/dx)^j``, lowest order first.
    boundary_conditions : tuple of BoundaryCondition
        Each a linear functional of ``f`` that vanishes.
    """

    boundary_conditions: ClassVar[tuple[BoundaryCondition, ...]]

    @property
    @abstractmethod
    def operator(self) -> tuple[float, ...]:
        """Coefficients of the operator, lowest order first."""

    @abstractmethod
    def branch(self, x: Any, x_prime: Any, functions: ModuleType = np) -> Any:
        """Return g(x, x') for x <= x', in the arithmetic of its arguments.

        Parameters
        ----------
        x, x_prime : float, ndarray or symbolic expression
            With ``x <= x_prime``.
        functions : module, optional
            Where ``cosh`` and its like come from; pass SymPy for symbols.

        Returns
        -------
        float, ndarray or symbolic expression
        """

    def frequency(self, m: ArrayLike) -> Array:
        """Return the angular frequency of the m-th Mercer eigenfunction, a sine or a cosine."""
        return np.pi * _orders(m)

    def eigenvalue(self, m: ArrayLike) -> Array:
        """Return the m-th Mercer eigenvalue, m = 1, 2, ...; L has one over it."""
        # d^2/dx^2 multiplies the eigenfunction by minus the squared frequency
        return 1 / np.polynomial.polynomial.polyval(-(self.frequency(m) ** 2), self.operator[::2])

    def eigenfunction(self, m: int, x: ArrayLike) -> Array:
        """Return the m-th Mercer eigenfunction, orthonormal in L2[0, 1], at x.

        By default a sine, which vanishes at both ends, as do its even derivatives.
        """
        return np.sqrt(2) * np.sin(self._angle(m, x))

    def _angle(self, m: int, x: ArrayLike) -> Array:
        points = self._inside(as_real_array(x, "x", ndim=(0, 1, 2)), "x")
        return self.frequency(as_integer(m, "m", remedy="Pairs count from 1.")) * points

    def __call__(self, x: ArrayLike, x_new: ArrayLike) -> Array:
        """Evaluate all pairs.

        Parameters
        ----------
        x : array_like of shape (m,) or (m, 1)
        x_new : array_like of shape (n,) or (n, 1)

        Returns
        -------
        ndarray of shape (m, n)

        Raises
        ------
        InvalidInputError
            If an input is not one-dimensional or lies outside [0, 1].
        """
        row, column = self._points(x, "x"), self._points(x_new, "x_new")
        pair = row[:, None], column[None, :]
        return np.asarray(self.branch(np.minimum(*pair), np.maximum(*pair)))

    def _points(self, x: ArrayLike, name: str) -> Array:
        points = as_inputs(x, name)
        if points.shape[1] != 1:
            raise InvalidInputError(
                f"{name} has {points.shape[1]} columns, but {type(self).__name__} is defined on "
                f"[0, 1]. Pass one column, or choose a kernel for several (RBF, Matern)."
            )
        return self._inside(points[:, 0], name)

    def _inside(self, points: Array, name: str) -> Array:
        low, high = points.min(), points.max()
        if low < 0 or high > 1:
            raise InvalidInputError(
                f"{name} spans [{low:.17g}, {high:.17g}], but {type(self).__name__} is defined on "
                f"[0, 1]. Rescale the inputs."
            )
        return points


def _orders(m: ArrayLike) -> Array:
    """Return the numbers of Mercer pairs, counted from 1, as floats."""
    orders = as_real_array(m, "m", ndim=(0, 1))
    if np.any((orders < 1) | (orders % 1 != 0)):
        raise InvalidInputError(f"m must hold positive integers, but is {m!r}. Pairs count from 1.")
    return orders


def _fixed(*conditions: tuple[float, int]) -> tuple[BoundaryCondition, ...]:
    return tuple(((point, order, 1),) for point, order in conditions)


@dataclass(frozen=True)
class SimplySupportedBeam(GreensFunction):
    r"""Green's function of d^4/dx^4 with f = f'' = 0 at both ends.

    .. math:: g(x, x') = \tfrac16 x (1 - x')\,\bigl((x' - x)(x' + x) + 2 x' (1 - x')\bigr),
              \qquad x \le x',

    with :math:`R(f) = \int_0^1 f''(x)^2\,dx`. It is the kernel of the paper's
    illustrative example: the deflection at x of a beam on two supports under a
    unit load at x'. It equals ``max((x-x')^3, 0)/6 - x(1-x')(x^2-2x'+x'^2)/6``.
    The form above adds only non-negative terms, so it keeps its digits near the
    ends. It vanishes at x = 0 and x = 1: points there make the Gram matrix
    singular.

    References
    ----------
    Mobahi et al. (2020), the illustrative example.
    """

    boundary_conditions = _fixed((0, 0), (0, 2), (1, 0), (1, 2))

    @property
    def operator(self) -> tuple[float, ...]:
        return (0, 0, 0, 0, 1)

    def branch(self, x: Any, x_prime: Any, functions: ModuleType = np) -> Any:
        u = 1 - x_prime
        return x * u * ((x_prime - x) * (x_prime + x) + 2 * x_prime * u) / 6


@dataclass(frozen=True)
class BrownianBridge(GreensFunction):
    r"""Green's function of -d^2/dx^2 with f = 0 at both ends.

    .. math:: g(x, x') = x (1 - x'), \qquad x \le x',

    with :math:`R(f) = \int_0^1 f'(x)^2\,dx`; also the covariance of the
    Brownian bridge. It vanishes at x = 0 and x = 1.
    """

    boundary_conditions = _fixed((0, 0), (1, 0))

    @property
    def operator(self) -> tuple[float, ...]:
        return (0, 0, -1)

    def branch(self, x: Any, x_prime: Any, functions: ModuleType = np) -> Any:
        return x * (1 - x_prime)


@dataclass(frozen=True)
class PeriodicSobolev(GreensFunction):
    r"""Green's function of a^2 - d^2/dx^2 on the circle [0, 1).

    .. math:: g(x, x') = \frac{\cosh\bigl(a(\tfrac12 - |x - x'|)\bigr)}
              {2 a \sinh(a/2)},

    with :math:`R(f) = \int_0^1 f'(x)^2 + a^2 f(x)^2\,dx` over periodic f. It
    has no zeros: distinct points in [0, 1) give a positive definite Gram
    matrix.

    Parameters
    ----------
    a : float, default=1.0
        Positive weight of the function's size against its slope, between
        1e-100 and 1e100.

    Raises
    ------
    InvalidInputError
        If ``a`` is not a number in that range.
    """

    a: float = 1.0

    boundary_conditions = (((0, 0, 1), (1, 0, -1)), ((0, 1, 1), (1, 1, -1)))

    def __post_init__(self) -> None:
        if not _SMALLEST_WEIGHT <= as_number(self.a, "a") <= 1 / _SMALLEST_WEIGHT:
            raise InvalidInputError(
                f"a must lie between {_SMALLEST_WEIGHT:g} and {1 / _SMALLEST_WEIGHT:g}, but is "
                f"{self.a!r}. At a = 0 constants would cost nothing and R would not be definite."
            )

    @property
    def operator(self) -> tuple[float, ...]:
        return (self.a**2, 0, -1)

    def branch(self, x: Any, x_prime: Any, functions: ModuleType = np) -> Any:
        a, distance = self.a, x_prime - x
        decay = functions.exp(-a * distance) + functions.exp(-a * (1 - distance))
        # cosh and sinh divided by exp(a/2), so that large a does not overflow;
        # 1 - exp(-a) = 2 tanh(a/2) / (1 + tanh(a/2)) does not cancel for small a
        tanh = functions.tanh(a / 2)
        return decay * (1 + tanh) / (4 * a * tanh)

    def frequency(self, m: ArrayLike) -> Array:
        return 2 * np.pi * (_orders(m) // 2)

    def eigenfunction(self, m: int, x: ArrayLike) -> Array:
        angle = self._angle(m, x)
        if m == 1:
            return np.ones_like(angle)
        return np.sqrt(2) * (np.cos(angle) if m % 2 == 0 else np.sin(angle))


#: Own Green's functions by name, for command lines and chapter parameters.
GREENS_FUNCTIONS: dict[str, type[GreensFunction]] = {
    "beam": SimplySupportedBeam,
    "bridge": BrownianBridge,
    "periodic": PeriodicSobolev,
}


def kernel_by_name(name: str) -> GreensFunction:
    """Return the Green's function of that name with its default parameters.

    Raises
    ------
    InvalidInputError
        If the name is unknown; the message lists the known ones.
    """
    try:
        return GREENS_FUNCTIONS[name]()
    except (KeyError, TypeError):
        known = ", ".join(sorted(GREENS_FUNCTIONS))
        raise InvalidInputError(f"kernel {name!r} is unknown. Choose one of: {known}.") from None


def gram(kernel: Kernel, x: ArrayLike, x_new: ArrayLike | None = None) -> Array:
    r"""Return G, or the rows g_x at new inputs; both carry the paper's 1/n.

    ``G[j, k] = g(x_j, x_k) / n`` and ``g_x[k] = g(x, x_k) / n``, with n the
    number of *training* points in both.

    Parameters
    ----------
    kernel : GreensFunction, scikit-learn kernel or callable
        Maps (m, p) and (n, p) inputs to the (m, n) matrix of kernel values.
    x : array_like of shape (n,) or (n, p)
        Training inputs.
    x_new : array_like of shape (m,) or (m, p), optional
        New inputs; the training inputs when left out.

    Returns
    -------
    ndarray of shape (m, n)
        In double precision, or in the kernel's own if that is lower.

    Raises
    ------
    InvalidInputError
        If inputs are unusable, or the kernel does not return a matrix of
        finite real numbers of this shape.
    """
    train = as_inputs(x)
    rows = train if x_new is None else as_inputs(x_new, "x_new")
    if rows.shape[1] != train.shape[1]:
        raise InvalidInputError(
            f"x_new has {counted(rows.shape[1], 'column')}, but x has {train.shape[1]}. "
            f"Pass the same features in both."
        )
    check_callable(kernel)
    return evaluated(kernel, rows, train) / len(train)


def check_callable(kernel: Any) -> None:
    """Refuse what is not a kernel."""
    if not callable(kernel) or isinstance(kernel, type):
        raise InvalidInputError(
            f"kernel must be callable as kernel(X, Y), but is {kernel!r}. Pass an instance of a "
            f"Green's function of sdtheory.kernels or of a scikit-learn kernel."
        )


def evaluated(kernel: Kernel, rows: Any, columns: Any) -> Array:
    """Return the kernel's values between checked inputs, or refuse them."""
    expected = (rows.shape[0], columns.shape[0])
    found = kernel(rows, columns)
    values = as_real_array(
        found,
        "kernel(X, Y)",
        ndim=(2,),
        remedy=f"The kernel must return a matrix of shape {expected} of finite numbers here; "
        f"check it, its parameters and the inputs' scale.",
        copy=False,
    )
    if values.shape != expected:
        raise InvalidInputError(
            f"kernel returned shape {values.shape} instead of {expected}. "
            f"It must evaluate all pairs of its two arguments' rows."
        )
    # single precision stays visible, as solvers count its machine epsilon
    single = machine_epsilon(found) > np.finfo(float).eps
    return values.astype(found.dtype) if single else values
