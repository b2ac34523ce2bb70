"""The estimators against scikit-learn's conventions and against chains fitted one by one."""

import importlib
import inspect
import pickle
import re
import warnings
from fractions import Fraction
from functools import cached_property

import joblib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import scipy.sparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.gaussian_process.kernels import Matern
from sklearn.kernel_ridge import KernelRidge
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.model_selection import GridSearchCV, KFold, ValidationCurveDisplay, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from sdtheory import (
    AccuracyError,
    InfeasibleToleranceError,
    InvalidInputError,
    KernelOperator,
    SimplySupportedBeam,
    Spectrum,
    distill,
    gram,
)
from sdtheory.datasets import load_example
from sdtheory.estimator import SelfDistilledKernelRidge, SelfDistilledKernelRidgeClassifier
from sdtheory.estimator.inputs import KernelValues
from sdtheory.plotting import DistillationDisplay

Regressor, Classifier = SelfDistilledKernelRidge, SelfDistilledKernelRidgeClassifier
EPS = np.finfo(float).eps


def sample(n=12, p=2, q=None, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p))
    y = np.sin(X[:, 0]) + 0.3 * rng.normal(size=n)
    return X, y if q is None else np.column_stack([y, rng.normal(size=(n, q - 1))])


def close(found, expected, digits=1e-9):
    np.testing.assert_allclose(
        found, expected, rtol=0, atol=digits * max(np.max(np.abs(expected)), 1e-300)
    )


# no check is expected to fail; scikit-learn itself skips check_array_api_input (no array API)
@parametrize_with_checks([Regressor(), Classifier()])
def test_scikit_learn_conventions(estimator, check):
    check(estimator)


@pytest.mark.parametrize("q", [None, 1, 3])
@pytest.mark.parametrize("kernel", ["rbf", "laplacian", "poly", Matern(nu=1.5)])
def test_one_round_is_kernel_ridge(kernel, q):
    X, y = sample(q=q)
    model = Regressor(kernel, gamma=0.3, degree=2).fit(X, y)
    alpha = len(X) * model.multipliers_[0]
    if isinstance(kernel, str):
        ridge = KernelRidge(alpha=alpha, kernel=kernel, gamma=0.3, degree=2).fit(X, y)
        found, expected = model.predict(X + 0.1), ridge.predict(X + 0.1)
    else:
        ridge = KernelRidge(alpha=alpha, kernel="precomputed").fit(kernel(X), y)
        found, expected = model.predict(X + 0.1), ridge.predict(kernel(X + 0.1, X))
    assert found.shape == expected.shape == (len(X), *y.shape[1:])
    condition = 1 + model.eigenvalues_[-1] / model.multipliers_[0]
    close(found, expected, 100 * len(X) * EPS * condition)
    # the control: without the factor n it is another model
    assert not np.allclose(
        expected, KernelRidge(alpha=alpha / len(X)).fit(X, y).predict(X + 0.1), rtol=1e-3
    )


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("q", [None, 2])
def test_rounds_are_chained_fits_each_at_its_tolerance(q, weighted):
    X, y = sample(q=q)
    weights = np.random.default_rng(1).uniform(0.5, 2, len(X)) if weighted else np.ones(len(X))
    model = Regressor(rounds=4, gamma=0.3, epsilon=0.05).fit(X, y, weights)
    labels, grid = y, X + 0.2
    assert model.n_rounds_ == 4
    stages = list(model.staged_predict(grid))
    for t, c in enumerate(model.multipliers_):
        ridge = KernelRidge(alpha=c * np.sum(weights) / np.max(weights), kernel="rbf", gamma=0.3)
        ridge.fit(X, labels, sample_weight=weights / np.max(weights))
        fitted = ridge.predict(X)
        residual = ((fitted - labels).reshape(len(X), -1) ** 2).sum(axis=1)
        assert np.average(residual, weights=weights) == pytest.approx(model.epsilon_, rel=1e-8)
        distance = ((fitted - y).reshape(len(X), -1) ** 2).sum(axis=1)
        assert np.average(distance, weights=weights) == pytest.approx(model.training_loss_[t])
        close(stages[t], ridge.predict(grid), 1e-8)
        labels = fitted
    close(model.predict(grid), stages[-1], 0)


def test_it_is_the_chain_of_distill():
    data = load_example()
    chain = distill(gram(SimplySupportedBeam(), data.x), data.y, data.epsilon, 4)
    model = Regressor("beam", epsilon=data.epsilon, epsilon_unit="absolute", rounds=4)
    model.fit(data.x[:, None], data.y)
    close(model.multipliers_, chain.c, 1e-12)
    close(model.shrinkage_, chain.B, 1e-12)
    grid = np.linspace(0, 1, 7)
    rows = gram(SimplySupportedBeam(), data.x, grid)
    for t, stage in enumerate(model.staged_predict(grid[:, None])):
        close(stage, chain.predict(rows, t), 1e-12)
    assert model.epsilon_ == data.epsilon


@pytest.mark.parametrize(
    "parameters",
    [
        {"rounds": 3, "epsilon": 0.05},
        {"rounds": 3, "epsilon": 0.05, "epsilon_unit": "absolute"},
        {"c": [0.1, 0.2, 0.3], "rounds": 3},
        {"rounds": None, "epsilon": 0.3},
        {"rounds": 3, "epsilon": 0.05, "mixing": 0.3},
        {"rounds": "rougher", "epsilon": 0.02, "roughness": 5.0},
    ],
)
def test_integer_weights_are_repetitions(parameters):
    X, y = sample()
    weights = np.array([1, 2, 3, 0] * 3)
    weighted = Regressor(gamma=0.3, **parameters).fit(X, y, weights)
    repeated = Regressor(gamma=0.3, **parameters).fit(X.repeat(weights, 0), y.repeat(weights))
    assert weighted.n_rounds_ == repeated.n_rounds_
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        close(weighted.predict(X), repeated.predict(X), 1e-8)
    close(weighted.training_loss_, repeated.training_loss_, 1e-8)
    scaled = Regressor(gamma=0.3, **parameters).fit(X, y, 1e-250 * weights)
    close(scaled.predict(X), weighted.predict(X), 1e-12)
    unweighted = Regressor(gamma=0.3, **parameters).fit(X, y)
    assert not np.allclose(unweighted.predict(X), weighted.predict(X), rtol=1e-3)


def chained(X, y, multipliers, alpha_per_c, gamma=0.3):
    """Return the chain's last ridge regression."""
    for c in multipliers:
        ridge = KernelRidge(alpha=alpha_per_c * c, kernel="rbf", gamma=gamma).fit(X, y)
        y = ridge.predict(X)
    return ridge


@pytest.mark.parametrize("q", [None, 2])
def test_leave_one_out_is_the_chain_rerun_without_each_point(q):
    X, y = sample(q=q)
    n = len(X)
    model = Regressor(gamma=0.3, epsilon=0.05, rounds=4, criterion="loo").fit(X, y)
    brute, shortcut = [], []
    for t in range(1, 5):
        errors = []
        for i in range(n):
            rest = np.arange(n) != i
            # n in alpha = n c stays that of all points, as the multiplier is held fixed
            ridge = chained(X[rest], y[rest], model.multipliers_[:t], n)
            errors.append(np.sum((ridge.predict(X[[i]])[0] - y[i]) ** 2))
        brute.append(np.mean(errors))
        smoother = chained(X, np.eye(n), model.multipliers_[:t], n).predict(X)
        leverage = np.diag(smoother).reshape(n, *(1,) * (y.ndim - 1))
        shortcut.append(np.sum(((y - smoother @ y) / (1 - leverage)) ** 2) / n)
    close(model.criterion_, brute, 1e-9)
    # the formula for one ridge regression is right for one round and for no more
    close(shortcut[0], brute[0], 1e-9)
    assert np.all(np.abs(np.array(shortcut[1:]) / brute[1:] - 1) > 1e-3)


@pytest.mark.parametrize("q", [None, 2])
def test_generalised_cross_validation_uses_the_trace_of_the_smoother(q):
    X, y = sample(q=q)
    n = len(X)
    model = Regressor(gamma=0.3, epsilon=0.05, rounds=4).fit(X, y)
    brute = []
    for t in range(1, 5):
        smoother = chained(X, np.eye(n), model.multipliers_[:t], n).predict(X)
        rest = np.eye(n) - smoother
        brute.append(np.sum((rest @ y) ** 2) / n / (np.trace(rest) / n) ** 2)
    close(model.criterion_, brute, 1e-9)


@pytest.mark.parametrize("criterion", ["gcv", "loo"])
def test_auto_takes_the_round_of_smallest_criterion(criterion):
    X, y = sample(n=30, seed=3)
    model = Regressor(gamma=0.3, epsilon=0.01, rounds="auto", criterion=criterion).fit(X, y)
    every = Regressor(gamma=0.3, epsilon=0.01, rounds=None, criterion=criterion).fit(X, y)
    assert every.collapsed_
    assert len(model.criterion_) == every.n_rounds_ > model.n_rounds_ > 1
    assert model.n_rounds_ == np.argmin(model.criterion_) + 1
    assert not model.collapsed_
    again = Regressor(gamma=0.3, epsilon=0.01, rounds=model.n_rounds_).fit(X, y)
    close(model.predict(X), again.predict(X), 0)


def test_a_chain_of_given_multipliers():
    X, y = sample()
    model = Regressor(gamma=0.3, c=0.1, rounds=3).fit(X, y)
    np.testing.assert_array_equal(model.multipliers_, [0.1] * 3)
    assert np.isnan(model.epsilon_)
    assert not model.collapsed_
    same = Regressor(gamma=0.3, c=[0.1] * 3, rounds=None).fit(X, y)
    close(same.predict(X), model.predict(X), 0)
    close(chained(X, y, [0.1] * 3, len(X)).predict(X), model.predict(X), 1e-10)
    auto = Regressor(gamma=0.3, c=[1e-3] * 30, rounds="auto").fit(X, y)
    assert len(auto.criterion_) == 30 > auto.n_rounds_


def test_units_of_epsilon():
    X, y = sample(n=40)
    energy = Regressor(epsilon=0.2).fit(X, y)
    assert energy.epsilon_ == pytest.approx(0.2 * np.mean(y**2))
    beam = Regressor("beam", epsilon=0.2)
    with pytest.warns(UserWarning, match="8.75 is above the variance of the labels, 2.1875"):
        beam.fit([[0.0], [0.3], [0.7], [1.0]], [3.0, 1.0, 2.0, 5.0])
    # the beam cannot move at its supports
    assert beam.epsilon_ == pytest.approx((9 + 25) / 4 + 0.2 * (1 + 4) / 4)
    share = Regressor(epsilon=0.2, epsilon_unit="variance", fit_intercept=True).fit(X, y)
    assert share.epsilon_ == pytest.approx(0.2 * np.var(y))
    assert share.score(X, y) == pytest.approx(0.8)
    q, weights = np.column_stack([y, X[:, 0]]), np.arange(1.0, 41.0)
    several = Regressor(epsilon=0.2, epsilon_unit="variance").fit(X, q, weights)
    moved = (q - np.average(q, axis=0, weights=weights)) ** 2
    assert several.epsilon_ == pytest.approx(0.2 * np.average(moved.sum(axis=1), weights=weights))
    with pytest.raises(InvalidInputError, match="or they are all the same"):
        Regressor(epsilon_unit="variance").fit(X, np.ones(40))
    noise = [Regressor(epsilon=e, epsilon_unit="noise").fit(X, y).epsilon_ for e in (1, 2)]
    assert noise[1] == 2 * noise[0]
    assert 0.3**2 / 3 < noise[0] < 0.3**2 * 3


def test_the_noise_level_is_unbiased_in_order_of_magnitude_over_draws():
    rng = np.random.default_rng(5)
    x = np.linspace(0, 1, 60)[:, None]
    levels = [
        Regressor(gamma=20, epsilon=1, epsilon_unit="noise")
        .fit(x, np.sin(6 * x[:, 0]) + 0.3 * rng.normal(size=60))
        .epsilon_
        for _ in range(30)
    ]
    assert 0.8 < np.mean(levels) / 0.09 < 1.2


def test_outputs_share_one_tolerance():
    X, y = sample(q=3)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    model, turned = (Regressor(rounds=3).fit(X, labels) for labels in (y, y @ turn))
    close(turned.multipliers_, model.multipliers_, 1e-10)
    close(turned.predict(X), model.predict(X) @ turn, 1e-10)
    alone = Regressor(rounds=3).fit(X, y[:, 0])
    assert not np.allclose(alone.multipliers_, model.multipliers_, rtol=1e-3)


@pytest.mark.parametrize("power", [-200, -3, 150])
def test_powers_of_two_in_labels_and_kernel_change_nothing_else(power):
    X, y = sample()
    K = rbf_kernel(X)
    model = Regressor("precomputed", rounds=3).fit(K, y)
    labels = Regressor("precomputed", rounds=3).fit(K, np.ldexp(y, power))
    np.testing.assert_array_equal(labels.predict(K), np.ldexp(model.predict(K), power))
    kernel = Regressor("precomputed", rounds=3).fit(np.ldexp(K, power), y)
    np.testing.assert_array_equal(kernel.multipliers_, np.ldexp(model.multipliers_, power))
    close(kernel.predict(np.ldexp(K, power)), model.predict(K), 1e-12)


def test_rbf_keeps_its_digits_far_from_the_origin():
    X = np.arange(8.0)[:, None] / 8
    y = np.sin(X[:, 0])
    near, far = Regressor(gamma=3, rounds=2).fit(X, y), Regressor(gamma=3, rounds=2)
    far.fit(X + 2**40, y)
    close(far.predict(X + 2**40), near.predict(X), 1e-12)
    assert not np.allclose(rbf_kernel(X + 2**40, gamma=3), rbf_kernel(X, gamma=3), atol=1e-3)


def test_the_training_inputs_are_kept_as_they_were():
    X, y = sample()
    model = Regressor().fit(X, y)
    grid = X + 0.1
    before = model.predict(grid)
    X += 1
    np.testing.assert_array_equal(model.predict(grid), before)


def test_pipeline_grid_search_clone_and_pickle():
    X, y = sample(n=30)
    grid = {
        "selfdistilledkernelridge__epsilon": [0.05, 0.2],
        "selfdistilledkernelridge__rounds": [1, 2, "auto"],
    }
    search = GridSearchCV(make_pipeline(StandardScaler(), Regressor()), grid, cv=3).fit(X, y)
    assert np.all(np.isfinite(search.cv_results_["mean_test_score"]))
    best = search.best_estimator_
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(best)).predict(X), best.predict(X))
    copy = clone(best)
    with pytest.raises(NotFittedError):
        copy.predict(X)
    np.testing.assert_array_equal(copy.fit(X, y).predict(X), best.predict(X))


def test_a_precomputed_kernel_is_cut_on_both_axes_in_cross_validation():
    X, y = sample(n=30)
    folds = KFold(5)
    own = cross_val_score(Regressor(gamma=0.5, rounds=2), X, y, cv=folds)
    given = Regressor("precomputed", rounds=2)
    np.testing.assert_allclose(
        cross_val_score(given, rbf_kernel(X, gamma=0.5), y, cv=folds), own, rtol=1e-9
    )


def test_a_callable_returns_the_matrix():
    X, y = sample()
    named = Regressor(gamma=0.5, rounds=2).fit(X, y)
    own = Regressor(lambda a, b: rbf_kernel(a, b, gamma=0.5), rounds=2).fit(X, y)
    close(own.predict(X), named.predict(X), 1e-10)
    given = Regressor(kernel_params={"gamma": 0.5}, rounds=2).fit(X, y)
    np.testing.assert_array_equal(given.predict(X), named.predict(X))


@pytest.mark.parametrize("labels", [[0, 1], ["no", "yes"], ["a", "b", "c"]])
def test_classifier_is_regression_on_one_hot_labels(labels):
    rng = np.random.default_rng(2)
    X = rng.normal(size=(30, 2))
    y = np.array(labels)[np.argsort(np.argsort(X[:, 0])) * len(labels) // 30]
    model = Classifier(gamma=1.0, epsilon=0.2, rounds=2).fit(X, y)
    one_hot = (y[:, None] == np.array(labels)).astype(float)
    values = Regressor(gamma=1.0, epsilon=0.2, rounds=2).fit(X, one_hot).predict(X)
    np.testing.assert_array_equal(model.predict(X), np.array(labels)[np.argmax(values, axis=1)])
    assert model.score(X, y) > 0.7
    assert model.decision_function(X).shape == ((30,) if len(labels) == 2 else (30, 3))
    precomputed = Classifier("precomputed", epsilon=0.2, rounds=2)
    scores = cross_val_score(precomputed, rbf_kernel(X), y, cv=3)
    assert np.all(np.isfinite(scores))


def test_more_rounds_than_there_are_predict_zero_with_a_warning():
    X, y = sample()
    with pytest.warns(ConvergenceWarning, match=r"collapsed to zero before round \d+"):
        model = Regressor(epsilon=0.5, rounds=50).fit(X, y)
    assert model.collapsed_
    assert 0 < model.n_rounds_ < 50
    assert not np.any(model.predict(X))
    assert len(list(model.staged_predict(X))) == model.n_rounds_
    for labels in (y, np.zeros_like(y)):
        with pytest.warns(ConvergenceWarning, match="before round 0"):
            trivial = Regressor(epsilon=1.5, rounds=None).fit(X, labels)
        assert (trivial.n_rounds_, trivial.collapsed_) == (0, True)
        assert not np.any(trivial.predict(X))


def test_an_ill_defined_number_of_rounds_is_said():
    # kappa = 1 and r_0 = 3: the third fit exists or not by the last digit
    K, y = 3 * np.eye(3), [2.0, -2.0, 1.0]
    model = Regressor("precomputed", epsilon=1 / 3, epsilon_unit="absolute", rounds=None)
    with pytest.warns(ConvergenceWarning, match="within rounding of collapse: whether round 2 is"):
        model.fit(K, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.set_params(rounds=2).fit(K, y)


def test_a_chain_too_long_to_hold_is_refused_before_it_is_run():
    X, y = sample()
    for parameters in (
        {"c": 1.0, "rounds": 10**12},
        {"c": 1.0, "rounds": 10**400},
        {"rounds": 10**400, "epsilon": 1e-30},
        {"rounds": 10**12, "epsilon": 1e-30},
    ):
        with pytest.raises(InvalidInputError, match=r"^rounds: .* too many to keep"):
            Regressor(**parameters).fit(X, y)


DIAGONAL = np.diag([1.0, 2.0, 3.0])
WRONG = {
    "epsilon zero": ({"epsilon": 0}, "epsilon must be positive"),
    "epsilon negative": ({"epsilon": -1.0}, "epsilon must be positive"),
    "epsilon NaN": ({"epsilon": np.nan}, "epsilon must be one finite number"),
    "epsilon infinite": ({"epsilon": np.inf}, "epsilon must be one finite number"),
    "epsilon text": ({"epsilon": "small"}, "epsilon must be one finite number"),
    "epsilon array": ({"epsilon": [0.1, 0.2]}, "epsilon must be one finite number"),
    "epsilon huge": ({"epsilon": 10**400}, "epsilon must be one finite number"),
    "unit": ({"epsilon_unit": "percent"}, "epsilon_unit is 'percent'. Choose one of: relative"),
    "unit array": ({"epsilon_unit": np.ones(2)}, "epsilon_unit is array"),
    "criterion": ({"criterion": "aic"}, "criterion is 'aic'. Choose one of: gcv, loo"),
    "rounds zero": ({"rounds": 0}, "rounds must be a positive integer"),
    "rounds float": ({"rounds": 1.5}, "rounds must be a positive integer"),
    "rounds bool": ({"rounds": True}, "rounds must be a positive integer"),
    "rounds text": ({"rounds": "all"}, "rounds must be a positive integer"),
    "rounds array": ({"rounds": np.ones(2)}, "rounds must be a positive integer"),
    "c zero": ({"c": 0.0}, "c must hold multipliers"),
    "c text": ({"c": "one"}, "c must hold real numbers"),
    "c empty": ({"c": []}, "c is empty"),
    "c matrix": ({"c": [[1.0]]}, "c must be of dimension 0 or 1"),
    "c ragged": ({"c": [[1.0], 2.0]}, "c is ragged"),
    "c length": ({"c": [1.0, 2.0], "rounds": 3}, "c has 2 numbers, but 3 rounds need one"),
    "c open": ({"c": 1.0, "rounds": None}, "rounds is missing: with one multiplier"),
    "kernel name": ({"kernel": "rbff"}, "kernel 'rbff' is unknown. Did you mean 'rbf'?"),
    "kernel class": ({"kernel": SimplySupportedBeam}, "kernel must be a name or callable"),
    "kernel number": ({"kernel": 3}, "kernel must be a name or callable"),
    "kernel shape": ({"kernel": lambda a, _: a}, "kernel gives kernel values of shape"),
    "kernel scalar": ({"kernel": lambda *_: 1.0}, "kernel: the matrix of kernel values must be"),
    "kernel NaN": ({"kernel": lambda a, b: a @ b.T * np.nan}, "kernel: the matrix of kernel val"),
    "kernel indefinite": ({"kernel": lambda a, b: -(a @ b.T)}, "kernel gives an unusable Gram"),
    "kernel asymmetric": (
        {"kernel": lambda a, b: a @ b.T + np.arange(len(b))},
        "kernel gives an unusable Gram matrix: gram is not symmetric",
    ),
    "kernel huge": ({"kernel": lambda a, b: 1e200 * a @ b.T}, "kernel gives a Gram matrix with en"),
    "kernel zero": ({"kernel": lambda a, b: 0 * a @ b.T}, "kernel: no function of its space"),
    "gamma negative": ({"gamma": -1.0}, "gamma must not be negative"),
    "gamma text": ({"gamma": "scale"}, "gamma must be one finite number"),
    "degree": ({"kernel": "poly", "degree": None}, "degree must be one finite number"),
    "coef0": ({"kernel": "poly", "coef0": np.inf}, "coef0 must be one finite number"),
    "kernel_params": ({"kernel_params": [1]}, "kernel_params must be a dictionary"),
    "kernel_params value": (
        {"kernel": "poly", "kernel_params": {"degree": "two"}},
        "kernel 'poly' cannot be evaluated",
    ),
    "beam outside": ({"kernel": "beam"}, "columns, but SimplySupportedBeam is defined on"),
}


@pytest.mark.parametrize("model", [Regressor, Classifier])
@pytest.mark.parametrize("case", WRONG)
def test_unusable_parameters_are_named(case, model):
    parameters, message = WRONG[case]
    X = np.arange(6.0).reshape(3, 2)
    with pytest.raises(InvalidInputError) as raised:
        model(**parameters).fit(X, [1, 0, 1])
    assert str(raised.value).startswith(message) or message in str(raised.value)


DATA = {
    "X text": (([["a"], ["b"]], [1.0, 2.0]), "X: could not convert string to float"),
    "X object": (([[object()], [1.0]], [1.0, 2.0]), "X: float() argument must be a string or"),
    "X ragged": (([[1.0], [1.0, 2.0]], [1.0, 2.0]), "X: setting an array element with a seq"),
    "X NaN": (([[np.nan], [1.0]], [1.0, 2.0]), "X: Input X contains NaN"),
    "X huge int": (([[10**400], [1.0]], [1.0, 2.0]), "X: int too large to convert to float"),
    "X complex": ((np.array([[1j], [1.0]]), [1.0, 2.0]), "X: Complex data not supported"),
    "X empty": ((np.empty((0, 1)), []), "X: Found array with 0 sample"),
    "X one dimension": (([1.0, 2.0], [1.0, 2.0]), "X: Expected 2D array, got 1D array"),
    "X masked": ((np.ma.masked_invalid([[np.nan], [1]]), [1.0, 2.0]), "X has masked entries"),
    "y text": (([[1.0], [2.0]], ["a", "b"]), "y must hold real numbers that fit a float"),
    "y infinite": (([[1.0], [2.0]], [1.0, np.inf]), "y: Input y contains infinity"),
    "y length": (([[1.0], [2.0]], [1.0]), "y: Found input variables with inconsistent numbers"),
    "y missing": (([[1.0], [2.0]], None), "requires y to be passed"),
    "y masked": (([[1.0], [2.0]], np.ma.masked_equal([1, 2], 1)), "y has masked entries"),
    "y huge": (([[1.0], [2.0]], [1e200, 1.0]), "y has entries up to 1e+200"),
    "y tiny": (([[1.0], [2.0]], [1e-200, 0.0]), "y has entries up to 1e-200"),
    "weight negative": (([[1.0], [2.0]], [1.0, 2.0], [1.0, -1.0]), "sample_weight"),
    "weight NaN": (([[1.0], [2.0]], [1.0, 2.0], [1.0, np.nan]), "sample_weight"),
    "weight zero": (([[1.0], [2.0]], [1.0, 2.0], [0.0, 0.0]), "non-zero number"),
    "weight length": (([[1.0], [2.0]], [1.0, 2.0], [1.0]), "sample_weight"),
}


@pytest.mark.parametrize("case", DATA)
def test_unusable_data_are_named(case):
    arguments, message = DATA[case]
    with pytest.raises(ValueError) as raised:  # noqa: PT011 (the message is compared below)
        Regressor().fit(*arguments)
    assert message in str(raised.value)


def test_unusable_class_labels_are_named():
    X = np.arange(4.0)[:, None]
    for labels, message in (
        ([0.5, 1.5, 2.5, 3.5], "y cannot be used as class labels: Unknown label type"),
        ([1, 1, 1, 1], r"y holds one class only \(.*1.*\)"),
        (np.array([1, "a", None, 2], dtype=object), "^y"),
    ):
        with pytest.raises(InvalidInputError, match=message):
            Classifier().fit(X, labels)


def test_a_precomputed_kernel_that_is_not_one():
    model = Regressor("precomputed")
    for K, message in (
        (np.ones((3, 2)), r"X gives kernel values of shape \(3, 2\) instead of \(3, 3\)"),
        (-DIAGONAL, "X gives an unusable Gram matrix: gram is indefinite"),
        (DIAGONAL + np.eye(3, k=1), "X gives an unusable Gram matrix: gram is not symmetric"),
    ):
        with pytest.raises(InvalidInputError, match=message):
            model.fit(K, np.arange(len(K)) + 1.0)
    with pytest.raises(InvalidInputError, match="X has 2 features, but"):
        model.fit(DIAGONAL, [1.0, 2.0, 3.0]).predict(np.ones((1, 2)))


def test_an_infeasible_tolerance_tells_the_smallest_one():
    X, y = [[0.0], [0.5], [1.0]], [2.0, 1.0, 1.0]
    model = Regressor("beam", epsilon=1.0, epsilon_unit="absolute")
    with pytest.raises(InfeasibleToleranceError, match="epsilon = 1 is infeasible") as raised:
        model.fit(X, y)
    assert Fraction(raised.value.smallest_feasible).limit_denominator(100) == Fraction(5, 3)


@pytest.mark.parametrize(
    ("K", "y", "message"),
    [
        ([[2.0]], [1.0], "the same at every multiplier"),
        (np.eye(3), [1.0, 2.0, 3.0], "the same at every multiplier"),
        (np.diag([1.0, 100.0]), [0.0, 1.0], "smallest at exact interpolation"),
    ],
)
def test_labels_that_do_not_tell_the_noise_are_refused(K, y, message):
    with pytest.raises(InvalidInputError, match=f'epsilon_unit is "noise", but .* {message}'):
        Regressor("precomputed", epsilon_unit="noise").fit(K, y)


def test_the_remedies_for_lost_digits_are_those_that_an_estimator_has():
    X, y = np.array([[0.1], [0.4], [0.6], [0.8]]), np.array([-1.0, 1.0, -1.0, 1.0])
    model = Regressor("bridge", epsilon=1 - 1e-14, epsilon_unit="absolute")
    with pytest.raises(AccuracyError, match='an estimator solver="spline" and an absolute'):
        model.fit(X, y)
    assert model.set_params(solver="spline").fit(X, y).n_rounds_ == 1
    model = Regressor("beam", epsilon=1e-3, epsilon_unit="absolute")
    X[1] = X[0] + 1e-9
    with pytest.raises(InfeasibleToleranceError, match='an estimator solver="spline" and an abs'):
        model.fit(X, y)
    assert model.set_params(solver="spline").fit(X, y).n_rounds_ == 1


def test_a_multiplier_below_rounding_is_warned_of():
    X = np.linspace(0, 1, 40)[:, None]
    y = np.sin(5 * X[:, 0]) + 0.3 * np.random.default_rng(0).standard_normal(40)
    with pytest.warns(ConvergenceWarning, match="c = 1e-16 is so small that rounding"):
        Regressor(c=[1e-2, 1e-16], rounds=2).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Regressor(c=1e-10).fit(X, y)
        Regressor("bridge", c=1e-16).fit(X[1:-1], y[1:-1])  # well conditioned


def test_too_few_multipliers_are_not_blamed_on_epsilon():
    X, y = sample(n=20)
    with pytest.warns(ConvergenceWarning, match="tries. Give more multipliers or shares"):
        Regressor(c=[1.0, 1e-3], mixing=[0.9], rounds="auto").fit(X, y)


@pytest.mark.parametrize("criterion", ["gcv", "loo"])
def test_labels_that_grow_until_no_fit_can_be_judged_are_refused(criterion):
    X, y = sample(n=20)
    model = Regressor(c=1e-3, mixing=1e3, rounds=80, criterion=criterion)
    with pytest.raises(InvalidInputError, match=r"the loss of round \d+ is inf.*fewer"):
        model.fit(X, y)
    model.set_params(rounds=20).fit(X, y)
    assert np.all(np.isfinite(model.criterion_))


def test_a_prediction_that_overflows_is_refused():
    model = Regressor("poly", degree=9).fit([[1.0], [2.0], [-1.0]], [1.0, 2.0, 0.5])
    with pytest.raises(InvalidInputError, match="kernel values"):
        model.predict([[1e200]])


def test_prediction_outside_of_the_domain_is_refused():
    model = Regressor("beam").fit([[0.2], [0.5], [0.7]], [1.0, 2.0, 0.5])
    with pytest.raises(InvalidInputError, match=r"spans \[1.5, 1.5\]"):
        model.predict([[1.5]])


def test_memory_that_cannot_be_had_is_an_error_with_a_remedy():
    def exhausting(a, b):
        if len(b) == 3:
            raise MemoryError
        return a @ b.T

    with pytest.raises(InvalidInputError, match=r"X has 3 points: .* Fit a random subset"):
        Regressor(exhausting).fit([[1.0], [2.0], [3.0]], [1.0, 2.0, 3.0])


@pytest.mark.parametrize("rounds", [1, 3, "auto", None])
def test_the_display_shows_the_fitted_numbers(rounds):
    X, y = sample(n=20)
    model = Regressor(gamma=0.3, epsilon=0.05, rounds=rounds).fit(X, y)
    display = DistillationDisplay.from_estimator(model)
    multipliers, spectrum, loss = display.axes_
    np.testing.assert_array_equal(multipliers.lines[0].get_ydata(), model.multipliers_)
    for line, B in zip(spectrum.lines, model.shrinkage_, strict=False):
        np.testing.assert_array_equal(line.get_ydata(), B[model.eigenvalues_ > 0])
    np.testing.assert_array_equal(loss.lines[0].get_ydata(), model.training_loss_)
    np.testing.assert_array_equal(loss.lines[1].get_ydata(), model.criterion_)
    display.figure_.canvas.draw()
    plt.close(display.figure_)


def test_the_display_takes_axes_and_classifiers_and_refuses_the_rest():
    X = np.arange(6.0)[:, None]
    model = Classifier(epsilon=0.2).fit(X, [0, 0, 0, 1, 1, 1])
    figure, axes = plt.subplots(1, 3)
    display = DistillationDisplay.from_estimator(model, axes=axes)
    assert display.figure_ is figure
    with pytest.raises(InvalidInputError, match="axes must be 3, but are 2"):
        DistillationDisplay.from_estimator(model, axes=axes[:2])
    with pytest.raises(InvalidInputError, match="estimator has no multipliers_"):
        DistillationDisplay.from_estimator(Regressor())
    with pytest.warns(ConvergenceWarning):
        zero = Regressor(epsilon=2.0).fit(X, X[:, 0])
    DistillationDisplay.from_estimator(zero, axes=axes)
    figure.canvas.draw()
    plt.close(figure)


def test_the_display_shows_the_data_where_they_are_given():
    X, y = sample(n=20, p=1)
    model = Regressor(gamma=0.3, epsilon=0.05, rounds=1).fit(X, y)
    display = DistillationDisplay.from_estimator(model, X, y)
    fits, multipliers, *_ = display.axes_
    curve, data = fits.lines[1], fits.lines[0]
    np.testing.assert_array_equal(data.get_ydata(), y)
    np.testing.assert_array_equal(curve.get_ydata(), model.predict(curve.get_xdata()[:, None]))
    assert multipliers.get_xticks().tolist() == [0]
    X, y = sample(n=20, p=2)
    several = Regressor(epsilon=0.05, rounds=2).fit(X, y)
    against = DistillationDisplay.from_estimator(several, X, y).axes_[0].lines[1]
    np.testing.assert_array_equal(against.get_ydata(), several.predict(X))
    with pytest.raises(InvalidInputError, match="y is of length 19, but x of 20"):
        DistillationDisplay.from_estimator(several, X, y[1:])
    plt.close("all")


def times(kind):
    pandas = pytest.importorskip("pandas")
    when = pandas.Series(pandas.date_range("2024", periods=6, freq="h"))
    missing = when.copy()
    missing[3] = pandas.NaT
    return {
        "times": when.to_frame(),
        "a missing time": missing.to_frame(),
        "durations": (when - when[0]).to_frame(),
        "times with a zone": when.dt.tz_localize("UTC").to_frame(),
        "among numbers": when.to_frame().assign(x=1.0),
        "objects": when.to_numpy()[:, None].astype(object),
        "an array": when.to_numpy()[:, None],
        "stamps": [[value] for value in when],
    }[kind]


@pytest.mark.parametrize(
    "kind",
    ["times", "a missing time", "durations", "times with a zone", "among numbers", "objects",
     "an array", "stamps"],
)  # fmt: skip
def test_times_are_no_numbers(kind):
    with pytest.raises(InvalidInputError, match=r"X holds times|X: .*Timestamp|X: .*datetime"):
        Regressor().fit(times(kind), np.arange(6.0))
    labels = times("a missing time").iloc[:, 0]
    X = np.arange(6.0)[:, None]
    with pytest.raises(InvalidInputError, match="y holds times"):
        Regressor().fit(X, labels)
    with pytest.raises(InvalidInputError, match="labels are missing"):
        Classifier().fit(X, labels)


def test_integers_that_do_not_fit_a_float_are_refused():
    X = np.array([2**53 + 1, 2, 3])[:, None]
    with pytest.raises(InvalidInputError, match="X holds integers that do not fit"):
        Regressor().fit(X, [1.0, 2.0, 3.0])
    with pytest.raises(InvalidInputError, match="y holds integers that do not fit"):
        Regressor().fit(X - X + 1, [2**53 + 1, 2, 3])


def test_predictions_are_made_in_batches(monkeypatch):
    X, y = sample(n=30, q=2)
    model = Regressor(gamma=0.3, epsilon=0.05, rounds=2).fit(X, y)
    whole = model.predict(X), list(model.staged_predict(X))
    monkeypatch.setattr("sdtheory.estimator._BATCH", 100)
    sizes = []
    inner = KernelValues.__call__
    monkeypatch.setattr(
        KernelValues, "__call__", lambda self, a, b: sizes.append(len(a)) or inner(self, a, b)
    )
    # sums in another order differ by rounding of their terms, which cancel
    rounding = len(X) * np.finfo(float).eps * np.max(np.abs(model.duals_))
    np.testing.assert_allclose(model.predict(X), whole[0], rtol=0, atol=rounding)
    np.testing.assert_allclose(list(model.staged_predict(X)), whole[1], rtol=0, atol=rounding)
    assert max(sizes) == 3


def test_the_intercept_is_the_weighted_mean_and_moves_nothing_else():
    X, y = sample(q=2)
    weights = np.arange(1.0, 13.0)
    model = Regressor(gamma=0.3, rounds=2, fit_intercept=True).fit(X, y + 7, weights)
    mean = np.average(y + 7, axis=0, weights=weights)
    close(model.intercept_, mean)
    plain = Regressor(gamma=0.3, rounds=2).fit(X, y + 7 - mean, weights)
    close(model.multipliers_, plain.multipliers_)
    close(model.predict(X[:3]), plain.predict(X[:3]) + mean)
    close(list(model.staged_predict(X)), np.array(list(plain.staged_predict(X))) + mean)
    assert np.ndim(Regressor(fit_intercept=True).fit(X, y[:, 0]).intercept_) == 0


def test_what_distill_refuses_is_refused_here_in_the_same_words():
    K, y = 9 * np.diag(np.geomspace(1e-14, 1, 9)), np.ones(9)
    refused = 0
    for epsilon in np.linspace(0.02, 0.9, 40):
        model = Regressor("precomputed", epsilon=epsilon, epsilon_unit="absolute", rounds=1)
        try:
            chain = distill(K / 9, y, epsilon, 1)
        except AccuracyError as error:
            refused += 1
            with pytest.raises(AccuracyError, match=re.escape(str(error))):
                model.fit(K, y)
        else:
            np.testing.assert_allclose(model.fit(K, y).multipliers_, chain.c, rtol=1e-12)
    assert 0 < refused < 40


def test_the_error_of_each_multiplier_is_that_of_the_chain():
    X, y = sample(n=30)
    model = Regressor(gamma=0.3, epsilon=0.05, rounds=3).fit(X, y)
    K = np.exp(-0.3 * np.sum((X[:, None] - X) ** 2, axis=-1)) / 30
    chain = distill(K, y, model.epsilon_, 3)
    np.testing.assert_allclose(model.c_error_, chain.c_error, rtol=1e-3)
    assert np.all(np.abs(model.multipliers_ / chain.c - 1) <= chain.c_error)
    given = Regressor(gamma=0.3, c=[0.1, 0.2], rounds=2).fit(X, y)
    assert not np.any(given.c_error_)


def test_rounds_whose_multipliers_rounding_hides_are_not_tried():
    X, y = sample(n=30)
    auto = Regressor(gamma=0.3, epsilon=0.05, rounds="auto").fit(X, y)
    whole = Regressor(gamma=0.3, epsilon=0.05, rounds=None).fit(X, y)
    tried = len(auto.criterion_)
    assert tried == len(auto.tried_multipliers_) == len(auto.tried_loss_)
    np.testing.assert_array_equal(auto.tried_multipliers_, whole.multipliers_[:tried])


def test_sparse_inputs_are_as_good_as_dense():
    X, y = sample(n=30, p=3)
    X[np.abs(X) < 0.5] = 0
    for kernel in ("rbf", "linear", "cosine"):
        dense = Regressor(kernel, epsilon=0.2, rounds=1).fit(X, y)
        thin = Regressor(kernel, epsilon=0.2, rounds=1).fit(scipy.sparse.csr_matrix(X), y)
        close(thin.multipliers_, dense.multipliers_)
        close(thin.predict(scipy.sparse.csr_matrix(X)), dense.predict(X))
    with pytest.raises(InvalidInputError, match=r"X: .*[Ss]parse"):
        Regressor("beam").fit(scipy.sparse.csr_matrix(np.abs(X) / 10), y)


class AsKernelRidge:
    """scikit-learn's KernelRidge, by one round of ours at c = alpha over the sum of the weights."""

    def __init__(self, alpha=1, kernel="linear"):
        self.alpha, self.kernel = alpha, kernel

    def fit(self, X, y, sample_weight=None):
        total = X.shape[0] if sample_weight is None else np.sum(sample_weight)
        self.model = Regressor(self.kernel, c=self.alpha / total).fit(X, y, sample_weight)
        return self

    def predict(self, X):
        return self.model.predict(X)


peer = importlib.import_module("sklearn.tests.test_kernel_ridge")
PEER = sorted(name for name in vars(peer) if name.startswith("test_"))


@pytest.mark.parametrize("name", PEER)
def test_the_tests_of_kernel_ridge(name, monkeypatch):
    monkeypatch.setattr(peer, "KernelRidge", AsKernelRidge)
    if name == "test_kernel_ridge_singular_kernel":
        # alpha = 0 interpolates, where there is no multiplier
        with pytest.raises(InvalidInputError, match="c must hold multipliers between"):
            vars(peer)[name]()
        return
    needed = inspect.signature(vars(peer)[name]).parameters
    kinds = (*peer.CSR_CONTAINERS, *peer.CSC_CONTAINERS) if needed else (None,)
    for kind in kinds:
        vars(peer)[name](*[kind] * bool(needed))


@pytest.mark.parametrize("kernel", ["rbf", "beam", "laplacian", Matern(nu=1.5)])
def test_a_solver_without_eigenvectors_gives_the_same_chain(kernel, monkeypatch):
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(60, 1))
    y = np.sin(6 * X[:, 0]) + 0.3 * rng.normal(size=60)
    given = {"gamma": 3.0, "epsilon": 0.1, "epsilon_unit": "absolute", "rounds": 2}
    exact = Regressor(kernel, **given, solver="eigh", fit_intercept=True).fit(X, y)
    assert exact.solver_ == "eigh"
    assert Regressor(kernel, **given).fit(X, y).solver_ == "eigh"  # few points
    monkeypatch.setattr("sdtheory.estimator.CROSSING", 10)
    wanted = "spline" if kernel == "beam" else "krylov"
    for solver in (wanted, "auto"):
        model = Regressor(kernel, **given, solver=solver, fit_intercept=True).fit(X, y)
        assert solver == "auto" or model.solver_ == wanted
        np.testing.assert_allclose(model.multipliers_, exact.multipliers_, rtol=1e-6)
        assert np.all(model.c_error_ <= 1e-3)
        close(model.predict(X), exact.predict(X), 1e-3)
        close(model.training_loss_, exact.training_loss_, 1e-3)
    assert Regressor(kernel, rounds="auto").fit(X, y).solver_ == "eigh"


def drawn(n, p=3, noise=0.3, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p))
    return X, np.sin(X[:, 0]) + X[:, 1] / 2 + noise * rng.standard_normal(n)


def test_rounds_are_chosen_without_eigenvectors_by_an_estimated_trace():
    off = []
    for seed in range(6):
        X, y = drawn(300, seed=seed)
        given = {"gamma": 0.1, "epsilon": 0.08, "epsilon_unit": "absolute", "rounds": "auto"}
        exact = Regressor(**given, solver="eigh").fit(X, y)
        assert not np.any(exact.criterion_error_)
        model = Regressor(**given).fit(X, y)
        assert model.solver_ == "krylov"
        assert len(model.criterion_) == len(exact.criterion_) > 1
        off.extend((model.criterion_ - exact.criterion_) / model.criterion_error_)
        chosen = int(np.argmin(exact.criterion_)) + 1
        doubt = np.max(model.criterion_error_)
        sure = np.sort(exact.criterion_)[1] - np.min(exact.criterion_) > 6 * doubt
        assert model.n_rounds_ == chosen or not sure
    # errors are standard errors: seldom above three, and no shrug
    assert np.mean(np.abs(off) < 3) > 0.95
    assert np.mean(np.abs(off) > 0.2) > 0.2
    with pytest.raises(InvalidInputError, match='criterion="loo", which needs the eigenvectors'):
        Regressor(**given, criterion="loo", solver="krylov").fit(X, y)


@pytest.mark.parametrize("how", ["weights", "sparse", "precomputed"])
def test_products_serve_weights_sparse_inputs_and_precomputed_kernels(how):
    X, y = drawn(420)
    X[np.abs(X) < 0.3] = 0
    weights = np.random.default_rng(1).integers(0, 4, 420) if how == "weights" else None
    kernel, inputs = "rbf", X
    if how == "sparse":
        inputs = scipy.sparse.csc_matrix(X)
    elif how == "precomputed":
        kernel, inputs = "precomputed", rbf_kernel(X, gamma=0.1)
    given = {"gamma": 0.1, "epsilon": 0.3, "epsilon_unit": "variance", "rounds": "auto"}
    model = Regressor(kernel, **given).fit(inputs, y, weights)
    exact = Regressor(**given, solver="eigh").fit(X, y, weights)
    assert (model.solver_, exact.solver_) == ("krylov", "eigh")
    tried = len(exact.tried_multipliers_)
    np.testing.assert_allclose(model.tried_multipliers_, exact.tried_multipliers_, rtol=1e-6)
    assert np.all(np.abs(model.criterion_ - exact.criterion_) < 5 * model.criterion_error_)
    pairs = zip(model.staged_predict(inputs), exact.staged_predict(X), strict=False)
    assert tried > 0
    for found, expected in pairs:
        close(found, expected, 1e-3)


def test_a_search_for_rounds_that_is_cut_off_says_so(monkeypatch):
    X, y = drawn(60)
    given = {"gamma": 0.1, "epsilon": 1e-3, "epsilon_unit": "absolute"}
    whole = Regressor(**given, rounds="auto").fit(X, y)
    assert whole.n_rounds_ > 2
    monkeypatch.setattr("sdtheory.estimator._MOST_TRIED", 1)
    with pytest.warns(ConvergenceWarning, match="gcv is smallest after round 0, the last that"):
        cut = Regressor(**given, rounds="auto").fit(X, y)
    close(cut.criterion_, whole.criterion_[:1])
    Regressor(**given, rounds=1).fit(X, y)  # without a warning


# joblib complains of a slow disk
@pytest.mark.filterwarnings("ignore:Persisting input arguments took:UserWarning")
@pytest.mark.parametrize("unit", ["absolute", "relative"])
def test_a_grid_search_over_epsilon_computes_what_it_shares_once(unit, tmp_path, monkeypatch):
    X, y = drawn(330)
    counted = []
    if unit == "absolute":
        inner = KernelOperator._product.func
        product = cached_property(lambda self: lambda V: counted.append(1) or inner(self)(V))
        product.__set_name__(KernelOperator, "_product")
        monkeypatch.setattr(KernelOperator, "_product", product)
    else:
        of = Spectrum.of
        monkeypatch.setattr(Spectrum, "of", lambda *given: counted.append(1) or of(*given))
    epsilons = {"epsilon": list(np.geomspace(0.12, 0.4, 6))}

    def search(grid, memory):
        counted.clear()
        model = Regressor(gamma=0.1, epsilon_unit=unit, memory=memory)
        found = GridSearchCV(model, grid, cv=3, refit=False).fit(X, y)
        return found.cv_results_["mean_test_score"], len(counted)

    plain, each = search(epsilons, None)
    shared, once = search(epsilons, str(tmp_path / "all"))
    _, smallest = search({"epsilon": epsilons["epsilon"][:1]}, str(tmp_path / "one"))
    np.testing.assert_allclose(shared, plain, rtol=1e-12)
    assert once == smallest < each / 3


def test_a_path_of_tolerances_is_drawn_from_one_eigendecomposition_a_fold(tmp_path, monkeypatch):
    X, y = drawn(60)
    made = []
    of = Spectrum.of
    monkeypatch.setattr(Spectrum, "of", lambda *given: made.append(1) or of(*given))
    display = ValidationCurveDisplay.from_estimator(
        Regressor(gamma=0.1, memory=str(tmp_path)), X, y,
        param_name="epsilon", param_range=np.geomspace(0.05, 0.4, 5), cv=3,
    )  # fmt: skip
    assert len(made) == 3
    assert display.test_scores.shape == (5, 3)
    plt.close(display.figure_)


def test_what_was_tried_before_is_kept(monkeypatch):
    X, y = drawn(250)
    given = {"gamma": 1.0, "epsilon": 0.05, "epsilon_unit": "absolute"}
    assert Regressor(**given).fit(X, y).fallbacks_ == ()
    monkeypatch.setattr("sdtheory.solvers._TRIED", 3)
    model = Regressor(**given).fit(X, y)
    assert model.solver_ == "eigh"
    assert model.fallbacks_[0].startswith("krylov: after 3 product")
    assert len(model.criterion_) == len(model.eigenvalues_[:1]) == 1


def test_a_cluster_behind_joblib_gives_equal_results():
    distributed = pytest.importorskip("distributed")
    X, y = drawn(90)
    search = GridSearchCV(Regressor(gamma=0.1, rounds=2), {"epsilon": [0.1, 0.15]}, cv=3)
    own = search.fit(X, y).cv_results_["split0_test_score"]
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster) as client,
        joblib.parallel_config("dask", client=client),
    ):
        shared = search.fit(X, y).cv_results_["split0_test_score"]
    assert np.array_equal(own, shared)


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"rounds": "auto", "criterion": "loo", "epsilon_unit": "absolute"}, 'criterion="loo"'),
        ({}, 'epsilon_unit="relative"'),
        ({"c": 0.1}, "c, which"),
        ({"mixing": [0.0, 0.0]}, "mixing, which"),
    ],
)
def test_a_solver_that_cannot_do_what_is_asked_says_why(parameters, reason):
    X = np.eye(4) + 0.1
    with pytest.raises(InvalidInputError, match=f"solver='krylov' does not work with .*{reason}"):
        Regressor(**parameters, solver="krylov").fit(X, np.arange(4.0))
    with pytest.raises(InvalidInputError, match=r"solver is .fast.\. Choose one of: auto, eigh"):
        Regressor(solver="fast").fit(X, np.arange(4.0))


def mixed(X, y, model, t):
    """Return the ridge regression of round t at the model's multipliers and shares."""
    labels = y
    for c, share in zip(model.multipliers_[: t + 1], [*model.mixing_, 0.0], strict=False):
        ridge = KernelRidge(alpha=len(X) * c, kernel="rbf", gamma=0.3).fit(X, labels)
        labels = share * y + (1 - share) * ridge.predict(X)
    return ridge


@pytest.mark.parametrize("q", [None, 2])
@pytest.mark.parametrize(
    "parameters",
    [
        {"epsilon": 0.05, "mixing": 0.3},
        {"epsilon": 0.05, "mixing": [0.9, 0.0, 0.4]},
        {"c": 0.01, "mixing": "optimal"},
        {"c": [0.01, 0.2, 0.1, 0.3], "mixing": [-0.5, 1.5, 0.2]},
    ],
)
def test_labels_are_mixed_into_later_rounds(parameters, q):
    X, y = sample(q=q)
    model = Regressor(rounds=4, gamma=0.3, **parameters).fit(X, y)
    assert model.n_rounds_ == 4
    assert np.all(model.mixing_ != 0) or 0.0 in parameters["mixing"]
    for t, stage in enumerate(model.staged_predict(X + 0.1)):
        close(stage, mixed(X, y, model, t).predict(X + 0.1), 1e-8)
    # the filter is that of the fit
    V = Spectrum.from_gram(model.kernel_matrix(X, X) / len(X)).V
    filters = V.T @ np.diag(model.shrinkage_[-1]) @ V
    close(filters @ y, model.predict(X), 1e-8)


@pytest.mark.parametrize("mixing", [0.3, [0.9, -0.4, 1.0]])
def test_both_criteria_follow_the_mixture(mixing):
    X, y = sample(q=2)
    n, c = len(X), [0.01, 0.02, 0.05, 0.1]
    parameters = {"c": c, "rounds": 4, "gamma": 0.3, "mixing": mixing}
    loo = Regressor(criterion="loo", **parameters).fit(X, y)
    gcv = Regressor(criterion="gcv", **parameters).fit(X, y)
    for t in range(4):
        errors = []
        for i in range(n):
            rest = np.arange(n) != i
            left = Regressor(**parameters).set_params(c=(np.array(c) * n / (n - 1)).tolist())
            stages = list(left.fit(X[rest], y[rest]).staged_predict(X[[i]]))
            errors.append(np.sum((stages[t][0] - y[i]) ** 2))
        assert loo.criterion_[t] == pytest.approx(np.mean(errors), rel=1e-8)
        rest = np.eye(n) - mixed(X, np.eye(n), loo, t).predict(X)
        expected = np.sum((rest @ y) ** 2) / n / (np.trace(rest) / n) ** 2
        assert gcv.criterion_[t] == pytest.approx(expected, rel=1e-8)


def test_the_chain_stops_where_its_fit_is_no_longer_rougher_than_the_truth():
    data = load_example()
    x = data.x[:, None]
    parameters = {"epsilon": data.epsilon, "epsilon_unit": "absolute", "rounds": "rougher"}
    model = Regressor("beam", **parameters, roughness=(2 * np.pi) ** 4 / 2).fit(x, data.y)
    assert model.n_rounds_ == 2
    assert not model.collapsed_
    norms = model.roughness_
    assert norms[1] >= model.roughness_bound_ > norms[2]
    # the squared norm is that of the dual coefficients
    matrix = model.kernel_matrix(x, x)
    assert norms[1] == pytest.approx(model.dual_coef_ @ matrix @ model.dual_coef_, rel=1e-8)
    for bound, rounds in ((1e9, 1), (norms[2], 3), (norms[3] / 2, 4)):
        found = Regressor("beam", **parameters, roughness=bound).fit(x, data.y)
        assert found.n_rounds_ == rounds
    truth = np.sin(2 * np.pi * data.x)
    errors = [np.mean((f - truth) ** 2) for f in (data.y, *found.staged_predict(x))]
    assert np.all(-np.diff(errors)[:2] >= data.epsilon)


def test_no_more_rounds_are_run_than_tell_where_to_stop():
    X, y = sample(n=30, seed=3)
    every = Regressor(gamma=0.3, epsilon=1e-4, rounds=None).fit(X, y)
    assert every.n_rounds_ > 40
    for k in (3, 20):
        bound = float(np.sqrt(every.roughness_[k - 1] * every.roughness_[k]))
        model = Regressor(gamma=0.3, epsilon=1e-4, rounds="rougher", roughness=bound).fit(X, y)
        assert model.n_rounds_ == k
        assert len(model.roughness_) == {3: 8, 20: 32}[k]
        close(model.predict(X), list(every.staged_predict(X))[k - 1], 1e-8)


def test_without_a_bound_the_roughness_is_that_of_a_ridge_by_cross_validation():
    X, y = sample(n=40, seed=5)
    model = Regressor(gamma=0.3, epsilon=0.01, rounds="rougher").fit(X, y)
    ridges = [Regressor(gamma=0.3, c=c, rounds=1).fit(X, y) for c in np.logspace(-8, 1, 300)]
    best = min(ridges, key=lambda ridge: ridge.criterion_[0])
    assert model.roughness_bound_ == pytest.approx(best.roughness_[0], rel=0.2)
    assert model.n_rounds_ == max(np.sum(model.roughness_ >= model.roughness_bound_), 1)
    with pytest.raises(InvalidInputError, match='"rougher" without roughness'):
        Regressor("linear", rounds="rougher").fit(np.eye(4), [1.0, -1.0, 1.0, -1.0])


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"mixing": 0.3, "rounds": "auto"}, "need not collapse"),
        ({"mixing": 0.3, "rounds": None}, "need not collapse"),
        ({"mixing": "optimal", "rounds": 3}, "Pass c instead"),
        ({"mixing": 1.2, "rounds": 3}, "from 0 to 1"),
        ({"mixing": [0.2], "rounds": 3}, "1 number"),
        ({"mixing": [[0.1, 0.2]] * 3, "rounds": 3}, "mixing must be of dimension 0 or 1"),
        ({"mixing": [[0.1], [0.1, 0.2]], "rounds": None}, "mixing is ragged"),
        ({"mixing": 0.3, "rounds": 3, "solver": "krylov"}, "mixing"),
        ({"mixing": 0.3, "rounds": "rougher"}, "need not collapse|leave out c and mixing"),
        ({"c": [0.1, 0.2], "rounds": "rougher"}, "Leave out c and mixing"),
        ({"rounds": "rougher", "roughness": -1.0}, "roughness must be positive"),
        ({"mixing": 0.01, "rounds": 20, "epsilon": 0.6}, "may bring later fits back"),
    ],
)
def test_unusable_mixtures_are_refused(parameters, words):
    with pytest.raises(InvalidInputError, match=f"(?i){words}"):
        Regressor(gamma=0.3, **parameters).fit(*sample())


def test_classes_are_learned_from_mixtures_too():
    X, y = sample(n=30)
    classes = np.where(y > 0, "up", "down")
    model = Classifier(gamma=0.3, c=0.01, rounds=3, mixing="optimal").fit(X, classes)
    assert model.regressor_.mixing_.shape == (2,)
    assert clone(model).get_params()["mixing"] == "optimal"
    assert np.mean(model.predict(X) == classes) > 0.8
