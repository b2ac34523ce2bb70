r"""The self-distillation recursion in the eigenbasis, for one instance or a batch.

Round t fits the labels y_t under the tolerance, with multiplier c_t, and its
fitted values are the next labels:

.. math:: y_{t+1} = V^\top A_t V y_t, \qquad A_t = D (c_t I + D)^{-1},
          \qquad B_t = A_t \cdots A_0 .

Options of `trajectory` give two variants: given multipliers instead of a
tolerance, and labels that come back in every round,

.. math:: y_{t+1} = a_{t+1}\, y_0 + (1 - a_{t+1})\, V^\top A_t V y_t, \qquad
          B_t = A_t \bigl(a_t I + (1 - a_t)\, B_{t-1}\bigr) .

References
----------
K. Borup and L. N. Andersen (2021), labels kept in the loop; H. Dang, P. Patil
and A. Rinaldo (2026), the optimal share; both as restated in this book.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sdtheory import multiplier
from sdtheory.multiplier import as_batch
from sdtheory.validation import (
    Array,
    InfeasibleToleranceError,
    InvalidInputError,
    as_integer,
    as_real_array,
    counted,
)

#: Each round at level DEBUG, so that callers can show progress.
_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trajectory:
    """The recursion in the eigenbasis; leading axes are a batch of instances.

    After the collapse the fit is the zero function: c is infinite, and A, B, z
    and r are zero. Labels that are mixed in may end such rounds of zeros.

    Attributes
    ----------
    d : ndarray of shape (..., n)
        Eigenvalues.
    epsilon : ndarray of shape (...)
        Tolerance.
    c : ndarray of shape (..., T)
        Ridge multiplier of each round.
    A, B : ndarray of shape (..., T, n)
        Diagonals of A_t and of B_t. The fit of round t is ``V^T B_t V y_0``, and
        B_t = A_t ... A_0 unless labels are mixed in. With fresh labels, B_t acts
        on the part that all labels share.
    z : ndarray of shape (..., T+1, n) or (..., T+1, n, q)
        Labels V y_t in the eigenbasis. Row 0 is the data; the last row would be
        the labels of a further round.
    r : ndarray of shape (..., T+1)
        ``||y_t|| / sqrt(n epsilon)``.
    r_minus_1 : ndarray of shape (..., T+1)
        ``r - 1``, without the cancellation of that subtraction.
    sensitivity : ndarray of shape (..., T)
        Relative change of c_t per relative change of sqrt(n epsilon), at
        fixed labels y_t.
    shares : ndarray of shape (..., T) or None
        Entry t is the share of the labels in y_{t+1}; None for the plain chain.

    Epsilon, r, r_minus_1 and sensitivity are NaN where the multipliers are given.
    """

    d: Array
    epsilon: Array
    c: Array
    A: Array
    B: Array
    z: Array
    r: Array
    r_minus_1: Array
    sensitivity: Array
    shares: Array | None = None

    @property
    def n_rounds(self) -> Array:
        """Number of non-trivial fits among the rounds run."""
        return np.sum(np.isfinite(self.c), axis=-1)


def trajectory(
    d: ArrayLike,
    z: ArrayLike,
    epsilon: ArrayLike | None,
    rounds: int,
    *,
    outputs: bool = False,
    c: ArrayLike | None = None,
    mixing: ArrayLike | str = 0.0,
    fresh: ArrayLike | None = None,
) -> Trajectory:
    """Run the recursion in the eigenbasis.

    Parameters
    ----------
    d : array_like of shape (..., n)
        Eigenvalues of G, non-negative.
    z : array_like of shape (..., n), or (..., n, q) with ``outputs=True``
        Labels V y in the eigenbasis.
    epsilon : array_like of shape (...), or None
        Tolerance on the mean squared residual; None where `c` is given.
    rounds : int
        Most rounds to run; fewer if every instance collapses earlier.
    outputs : bool, default=False
        Whether the last axis of z counts outputs, which share the multiplier.
    c : array_like of shape () or (..., T), optional
        Multipliers instead of a tolerance: one for all T rounds, or one each.
    mixing : float, array_like of shape (..., T-1) or "optimal", default=0.0
        Share of the labels that each round after the first mixes in: one number,
        or one for each, in [0, 1]; with `c` any numbers. "optimal", which needs
        `c`, minimises generalised cross-validation in each round; see
        `gcv_mixing`.
    fresh : array_like of the shape (..., T-1, n) or (..., T-1, n, q), optional
        Labels in the eigenbasis that each later round mixes in instead of z, for
        example new measurements at the same inputs.

    Returns
    -------
    Trajectory

    Raises
    ------
    InvalidInputError
        If an argument is unusable.
    InfeasibleToleranceError
        If an instance has no admissible function in some round.

    Examples
    --------
    >>> from sdtheory import trajectory
    >>> path = trajectory([0.1, 1.0], [1.0, 1.0], None, 50, c=1.0, mixing=0.25)
    >>> path.B[-1].round(4).tolist()  # one ridge fit with the multiplier c / 0.25
    [0.0244, 0.2]
    """
    if (epsilon is None) == (c is None):
        raise InvalidInputError(
            f"epsilon is {epsilon!r} and c is {c!r}. Pass exactly one of them, and None for the "
            f"other."
        )
    eigenvalues, labels, tolerance = as_batch(
        d, z, 1.0 if epsilon is None else epsilon, outputs=outputs
    )
    if epsilon is None:
        tolerance = np.full_like(tolerance, np.nan)
    as_integer(rounds, "rounds")
    options = Options.checked(rounds, c, mixing, fresh, labels.shape, outputs=outputs)
    return run(eigenvalues, labels if outputs else labels[..., 0], tolerance, options)


@dataclass(frozen=True)
class Options:
    """How many rounds to run, and how the chain differs from the paper's; checked.

    Attributes
    ----------
    rounds : int
        Most rounds to run.
    c : ndarray of shape (..., T) or None
        Given multipliers.
    mixing : ndarray of shape (..., T), "optimal" or None
        Entry t is the share of the labels in y_{t+1}; a round after the last
        would get the last share again. None says that no labels are mixed in.
    fresh : ndarray of shape (..., T, n, q) or None
        Entry t is mixed into y_{t+1}, in the place of the data.
    ends : bool
        Whether the first fit of zero is the last one, even if later labels are not zero.
    """

    rounds: int
    c: Array | None = None
    mixing: Array | str | None = None
    fresh: Array | None = None
    ends: bool = False

    @classmethod
    def checked(
        cls,
        rounds: int | None,
        c: ArrayLike | None,
        mixing: ArrayLike | str,
        fresh: ArrayLike | None,
        shape: tuple[int, ...],
        *,
        outputs: bool,
    ) -> Options:
        """Check the options of `trajectory`, for labels of shape (..., n, q).

        `rounds` may be left out where `c` or `mixing` has a number for each.
        """
        *batch, n, q = shape
        ndim = tuple(range(len(batch) + 2))
        if c is not None:
            c = as_real_array(c, "c", ndim=ndim)
        if not isinstance(mixing, str):
            remedy = "Pass one share, or one for each round after the first."
            mixing = as_real_array(mixing, "mixing", ndim=ndim, remedy=remedy)
        rounds = as_integer(_rounds_given(rounds, c, mixing), "rounds")
        if c is not None:
            if not np.all(c > 0):
                raise InvalidInputError(f"c must hold positive numbers, but is {c}.")
            _check_count(c, "c", rounds)
            c = _for_all(c, "c", batch, (rounds,))
        shares = _shares(mixing, rounds, fixed=c is not None)
        if isinstance(shares, np.ndarray):
            shares = _for_all(shares, "mixing", batch, (rounds,))
        if fresh is None:
            return cls(rounds, c, shares)
        if shares is None or isinstance(shares, str):
            raise InvalidInputError(
                f"fresh is given, but mixing is {np.asarray(mixing).tolist()!r}. Pass the share of "
                f"the fresh labels in each round as mixing."
            )
        new = as_real_array(fresh, "fresh", ndim=tuple(range(2, 8)))
        new = new if outputs else new[..., None]
        if new.shape[-3:] != (rounds - 1, n, q):
            raise InvalidInputError(
                f"fresh has shape {np.shape(fresh)}. Pass {counted(rounds - 1, 'set')} of labels, "
                f"one for each round after the first, of shape {(n, q) if outputs else (n,)}."
            )
        new = np.concatenate([new, new[..., -1:, :, :]], axis=-3)
        return cls(rounds, c, shares, _for_all(new, "fresh", batch, (rounds, n, q)))


def _rounds_given(rounds: Any, c: Any, mixing: Any) -> Any:
    """Return the number of rounds: as given, or as there are multipliers or shares."""
    if rounds is not None:
        return rounds
    if np.ndim(c) == 1:
        return np.size(c)
    if np.ndim(mixing) == 1:
        return np.size(mixing) + 1
    raise InvalidInputError(
        "rounds is missing: with one multiplier, or one share of the labels, the chain need not "
        "collapse. Pass the number of rounds, or one number for each round."
    )


def _shares(mixing: Array | str, rounds: int, *, fixed: bool) -> Array | str | None:
    """Return the share of the labels in y_1, ..., y_T, "optimal", or None for no labels.

    `fixed` says whether the multipliers are given, as "optimal" needs.
    """
    if isinstance(mixing, str):
        if mixing != "optimal":
            raise InvalidInputError(f'mixing must be numbers or "optimal", but is {mixing!r}.')
        if not fixed:
            raise InvalidInputError(
                'mixing is "optimal", which compares fits of one multiplier, but a tolerance '
                "gives each round its own. Pass c instead of epsilon."
            )
        return mixing
    if not fixed and not np.all((mixing >= 0) & (mixing <= 1)):
        raise InvalidInputError(
            f"mixing must hold shares from 0 to 1, but is {mixing.tolist()}. With given "
            f"multipliers c it may be any number."
        )
    if mixing.ndim == 0:
        return np.broadcast_to(mixing, (rounds,)) if mixing else None
    _check_count(mixing, "mixing", rounds - 1)
    return np.concatenate([mixing, mixing[..., -1:]], axis=-1) if np.any(mixing) else None


def _check_count(values: Array, name: str, count: int) -> None:
    if values.ndim and values.shape[-1] != count:
        raise InvalidInputError(
            f"{name} has {counted(values.shape[-1], 'number')}, but {count} rounds need one. "
            f"Give one number for all, or one for each."
        )


def _for_all(values: Array, name: str, batch: list[int], rest: tuple[int, ...]) -> Array:
    """Return the values of each instance, where they may be given once for all."""
    try:
        return np.broadcast_to(values, (*batch, *rest))
    except ValueError as error:
        raise InvalidInputError(
            f"{name} is given for instances of shape {values.shape[: -len(rest)]}, but there are "
            f"instances of shape {tuple(batch)}. Give it once for all, or once for each."
        ) from error


def run(d: Array, labels: Array, epsilon: Array, options: Options) -> Trajectory:
    """Run the recursion for arguments of `trajectory` that were checked, d and epsilon whole."""
    *batch, n = d.shape
    shape = labels.shape[len(batch) :]
    labels = labels.reshape(*d.shape, -1)
    q = labels.shape[-1]
    data, mixing, rounds = labels, options.mixing, options.rounds
    planned = mixing if isinstance(mixing, np.ndarray) else None
    repeated = np.broadcast_to(d[..., None], labels.shape).reshape(*batch, n * q)

    c, a, b, sensitivity, z_rows, r, r_minus_1 = [], [], [], [], [labels], [], []
    shares: list[Array] = []
    # what acts on the data in the labels of the round
    kept = np.ones_like(d)
    mean = np.full(batch, np.nan)
    for t in range(rounds + 1):
        _LOGGER.debug("round %d", t)
        if options.c is None:
            flat = labels.reshape(*batch, n * q)
            root = multiplier.roots(repeated.copy(), flat, epsilon, n, mean)
            solved, ended = np.isfinite(root.c), False
            if not solved.all():
                if np.isnan(root.c).any():
                    _raise_infeasible(d, labels, epsilon, np.isnan(root.c))
                ended = not solved.any()
            now, lost = root.c, root.sensitivity
            r.append(root.r)
            r_minus_1.append(root.r_minus_1)
            mean = np.where(solved, root.c, np.nan) * root.r_minus_1
        else:
            now, lost, ended = options.c[..., min(t, rounds - 1)], np.full(batch, np.nan), False
            r.append(lost)
            r_minus_1.append(lost)
        # labels that are still to come end a round of zeros
        returning = planned is not None and not options.ends and np.any(planned[..., t:])
        if t == rounds or (ended and not returning):
            break
        with np.errstate(over="ignore"):  # refused below
            shifted = now[..., None] + d
        if np.any(np.isinf(shifted) & np.isfinite(now)[..., None]):
            raise InvalidInputError(
                f"eigenvalues up to {np.max(d):.6g} and the multiplier of round {t} add up to "
                f"more than a float holds. Divide G by a constant, which also divides c."
            )
        ratio = d / shifted
        filtered = ratio * kept
        fit = ratio[..., None] * labels
        if mixing is None:
            kept, labels = filtered, fit
        else:
            if planned is not None:
                share = planned[..., t]
            elif options.c is not None and t + 1 < rounds:
                s = d / (options.c[..., t + 1, None] + d)
                share = 1 - gcv_mixing(np.linalg.norm(data, axis=-1), s, s * filtered)
            else:
                share = shares[-1] if shares else np.zeros(batch)
            shares.append(share)
            source = data if options.fresh is None else options.fresh[..., t, :, :]
            with np.errstate(over="ignore", invalid="ignore"):  # refused below
                kept = share[..., None] + (1 - share[..., None]) * filtered
                labels = share[..., None, None] * source + (1 - share[..., None, None]) * fit
            if not np.all(np.isfinite(labels)):
                raise InvalidInputError(
                    f"mixing: the labels of round {t + 1} overflow, because shares outside of "
                    f"[0, 1] make them grow. Pass smaller shares or fewer rounds."
                )
        for column, value in zip(
            (c, a, b, sensitivity, z_rows), (now, ratio, filtered, lost, labels), strict=True
        ):
            column.append(value)

    def stacked(rows: list[Array], *shape: int) -> Array:
        return np.moveaxis(np.reshape(np.array(rows), (len(rows), *batch, *shape)), 0, len(batch))

    return Trajectory(
        d=d,
        epsilon=epsilon,
        c=stacked(c),
        A=stacked(a, n),
        B=stacked(b, n),
        z=stacked(z_rows, *shape),
        r=stacked(r),
        r_minus_1=stacked(r_minus_1),
        sensitivity=stacked(sensitivity),
        shares=None if mixing is None else stacked(shares),
    )


def gcv_mixing(z: ArrayLike, teacher: ArrayLike, student: ArrayLike) -> Any:
    r"""Return the share of the student that minimises generalised cross-validation.

    The share has a closed form, because the mixture ``(1 - xi) teacher + xi student``
    mixes the two scaled residuals in the same way:

    .. math:: \xi = \frac{A - C}{A + B - 2C}, \qquad A = \frac1n \|e_1\|^2, \
              B = \frac1n \|e_2\|^2, \ C = \frac1n e_1^\top e_2, \qquad
              e_i = \frac{(I - H_i)\, y}{1 - \operatorname{tr} H_i / n}

    For the smoother S and its own student the filters are s and s^2. Filters that
    depend on the labels, as in a chain of such choices, count as fixed.

    Parameters
    ----------
    z : array_like of shape (..., n)
        Labels in the eigenbasis; for q outputs their norms over the outputs.
    teacher, student : array_like of shape (..., n)
        Filters, whose mean is not 1.

    Returns
    -------
    ndarray of shape (...)
        Zero where both residuals are the same: every share is then as good.

    References
    ----------
    Dang, Patil and Rinaldo (2026); as restated here.
    """
    rows = np.asarray(z)
    n = rows.shape[-1]
    filters = np.asarray(teacher), np.asarray(student)
    with np.errstate(invalid="ignore", divide="ignore"):  # filters that are 1 to rounding
        first, second = ((1 - f) * rows / (1 - np.mean(f, axis=-1, keepdims=True)) for f in filters)
        away = first - second
        size = np.sum(np.square(away), axis=-1)
    rounding = (n * np.finfo(float).eps) ** 2 * np.sum(np.square(first), axis=-1)
    apart = size > rounding
    return np.where(apart, np.sum(first * away, axis=-1) / np.where(apart, size, 1.0), 0.0)


def _raise_infeasible(d: Array, labels: Array, epsilon: Array, infeasible: Array) -> None:
    first = tuple(np.argwhere(infeasible)[0])
    unreachable = np.where(d[first][:, None] > 0, 0.0, labels[first])
    raise InfeasibleToleranceError(
        float(epsilon[first]), float(np.sum(unreachable**2) / d.shape[-1])
    )
