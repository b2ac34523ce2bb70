r"""Degrees of freedom of a chain from products with G, without eigenvectors.

For z with independent entries of 1 and -1, :math:`z^\top B z` has mean
:math:`\operatorname{tr} B` and variance at most :math:`2 \|B\|_F^2`. Lanczos runs
from m such probes give the forms of all rounds at once.

References
----------
M. F. Hutchinson, A stochastic estimator of the trace of the influence matrix for Laplacian
smoothing splines, Commun. Statist. Simula. 18 (1989).
S. Ubaru, J. Chen and Y. Saad, Fast estimation of tr(f(A)) via stochastic Lanczos quadrature,
SIAM J. Matrix Anal. Appl. 38 (2017).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sdtheory.linalg.lanczos import Lanczos, Quadrature
from sdtheory.validation import Array

#: Probes, and numbers that one block of them may hold: with more points there are fewer probes,
#: of which each says more.
_PROBES, _BLOCK = 16, 2**21
#: Blocks at most; and the share of the standard error that the quadrature may add.
_MOST, _SHARE = 64, 0.1


def lost_shares(gram: Any, ulp: float, c: Array) -> tuple[Array, Array]:
    r"""Estimate :math:`\operatorname{tr}(I - B_t) / n`, the share of degrees of freedom lost.

    Parameters
    ----------
    gram, ulp
        As for `Lanczos`.
    c : ndarray of shape (T,)
        Multipliers.

    Returns
    -------
    shares : ndarray of shape (T,)
    errors : ndarray of shape (T,)
        Their standard errors, and by how much the two rules of quadrature differ.
        Rounding of products is not included.
    """
    n = gram.shape[0]
    probes = max(2, min(_PROBES, _BLOCK // n))
    signs = np.random.default_rng(0).choice([-1.0, 1.0], (n, probes))
    run = Lanczos(gram, signs, ulp)
    while True:
        run.extend()
        shares, errors, gap = _estimates(run.quadrature(), c, n * probes)
        if run.exhausted or run.blocks >= _MOST or np.all(gap <= _SHARE * errors):
            return shares, errors + gap


def _estimates(rule: Quadrature, c: Array, entries: int) -> tuple[Array, Array, Array]:
    """Return the shares, their standard errors and the distance between the rules."""
    both = []
    for nodes, roots in ((rule.nodes, rule.roots), (rule.radau_nodes, rule.radau_roots)):
        B = np.cumprod(nodes / (c[:, None] + nodes), axis=0)
        weights = np.sum(roots**2, axis=1) / entries
        both.append(((1 - B) @ weights, B**2 @ weights))
    (shares, squares), (radau, _) = both
    # with weights that sum to 1, squares is ||B||_F^2 / n
    return shares, np.sqrt(2 * squares / entries), np.abs(radau - shares)
