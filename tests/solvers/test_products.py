"""Products that never store G against the stored matrix, in extended precision."""

import math
import os
import pickle
import sys
import threading
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose
from sklearn.gaussian_process.kernels import (
    RBF,
    ConstantKernel,
    DotProduct,
    Matern,
    RationalQuadratic,
    WhiteKernel,
)

from sdtheory import KernelOperator, distill
from sdtheory.kernels import BrownianBridge, PeriodicSobolev, SimplySupportedBeam, gram
from sdtheory.linalg import scheduling
from sdtheory.solvers import operator as products
from sdtheory.solvers.operator import Sums, Tiles
from sdtheory.validation import InvalidInputError

LINES = {1: BrownianBridge(), 2: SimplySupportedBeam()}
RADIAL = [
    RBF(0.7),
    RBF([0.5, 1.0, 2.0]),
    Matern(0.7, nu=0.5),
    Matern(0.7, nu=1.5),
    Matern([0.5, 1.0, 2.0], nu=2.5),
    Matern(0.7, nu=math.inf),
    ConstantKernel(3.0) * RBF(0.7),
    Matern(0.7, nu=1.5) * ConstantKernel(0.2),
]


@pytest.fixture(autouse=True)
def _tiled(monkeypatch):
    """Have tiles for few points too."""
    monkeypatch.setattr(products, "_THREADED", 0)


@pytest.fixture
def alone(monkeypatch):
    """Return a function that leaves the work to one thread."""
    pool = ThreadPoolExecutor(1)
    yield lambda: monkeypatch.setattr(products, "_pool", lambda _: pool)
    pool.shutdown()


class Halved(RBF):
    """A kernel that is no RBF, although it derives from it."""

    def __call__(self, *given, **named):
        return super().__call__(*given, **named) / 2


def cloud(n):
    rng = np.random.default_rng(n)
    return rng.standard_normal((n, 3)), rng.standard_normal((n, 2))


def distance(product, G, V):
    """Error of a product, against ||G|| ||v||, in the worst of the columns."""
    exact = (G.astype(np.longdouble) @ V.astype(np.longdouble)).astype(float)
    errors = np.linalg.norm(product(V) - exact, axis=0) / np.linalg.norm(V, axis=0)
    return float(np.max(errors) / np.max(np.abs(np.linalg.eigvalsh(G))))


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("place", ["random", "grid", "clustered", "repeated", "ends", "centre"])
@pytest.mark.parametrize("n", [1, 2, 5, 700])
def test_sums_are_the_product_to_rounding(order, place, n):
    rng = np.random.default_rng(n)
    x = {
        "random": rng.random(n),
        "grid": np.arange(1, n + 1) / (n + 1),
        "clustered": rng.random(n) ** 4,
        "repeated": np.round(rng.random(n) * 8 + 1) / 10,
        "ends": np.concatenate([[0.0, 1.0], rng.random(n)])[2 * (n == 1) :],
        "centre": 0.5 + 1e-9 * rng.random(n),
    }[place]
    k = np.arange(len(x))
    vectors = [np.ones(len(x)), (-1.0) ** k, np.sin(3 * x + 1), rng.standard_normal(len(x))]
    V = np.stack(vectors, axis=1)
    product = products.of(LINES[order], x[:, None])
    assert isinstance(product, Sums) or n <= 5
    G = gram(LINES[order], x)
    assert distance(product, G, V) < 2e-14
    assert distance(Sums.through(x, 3 - order), G, V) > 1e-2


@pytest.mark.parametrize("order", [1, 2])
def test_points_near_both_ends_go_by_tiles(order):
    rng = np.random.default_rng(0)
    x = np.concatenate([1e-9 * rng.random(50), 1 - 1e-9 * rng.random(50)])
    V = rng.standard_normal((100, 1))
    product, G = products.of(LINES[order], x[:, None]), gram(LINES[order], x)
    assert isinstance(product, Tiles)
    assert distance(product, G, V) < 1e-14
    assert distance(Sums.through(x, order), G, V) > 1e-9


@pytest.mark.parametrize("kernel", [PeriodicSobolev(2.0), RBF(0.3), Halved(0.3)], ids=repr)
@pytest.mark.parametrize("tile", [7, 50, 100, 1000])
def test_tiles_are_the_gram_matrix(kernel, tile, monkeypatch):
    monkeypatch.setattr(products, "_TILE", tile)
    x, V = np.random.default_rng(5).random((100, 1)), np.random.default_rng(6).random((100, 2))
    product = products.of(kernel, x)
    assert isinstance(product, Tiles)
    assert distance(product, gram(kernel, x), V) < 1e-14
    monkeypatch.setattr(products, "N_PARTS", 3)
    assert_allclose(Tiles(x, kernel)(V), product(V), rtol=1e-12)


@pytest.mark.parametrize(("kept", "again"), [(2**26, 0), (3 * 7**2, 117), (0, 120)])
def test_a_fixed_number_of_kernel_values_is_kept(kept, again, monkeypatch):
    monkeypatch.setattr(products, "_TILE", 7)
    monkeypatch.setattr(products, "_KEPT", kept)
    calls = []

    def kernel(x, y):
        calls.append(1)
        return RBF(0.3)(x, y)

    x, V = cloud(100)
    product = products.of(kernel, x)
    first = product(V)
    assert len(calls) == 120  # 15 tiles in a row
    assert np.array_equal(product(V), first)
    assert len(calls) == 120 + again
    used = Tiles(x, RBF(0.3))
    used(V)
    assert len(pickle.dumps(used)) < 2 * x.nbytes + 1000


def lets_others_run(work):
    """Return whether other threads of Python run while the work goes on; 0.5 s at most."""
    start, done = threading.Lock(), threading.Event()

    def other():
        with start:
            done.set()

    interval = sys.getswitchinterval()
    with start:
        thread = threading.Thread(target=other)
        thread.start()
        sys.setswitchinterval(1000)  # nothing is taken, only given
    try:
        end = time.perf_counter() + 0.5
        while not done.is_set() and time.perf_counter() < end:
            work()
        return done.is_set()
    finally:
        sys.setswitchinterval(interval)
        thread.join()


def test_threads_multiply_by_tiles_at_the_same_time():
    tile, V, product = np.ones((200, 256)), np.ones((456, 1)), np.zeros((456, 1))
    rows, columns = slice(0, 200), slice(200, 456)
    assert lets_others_run(lambda: products._multiply(tile, rows, columns, V, product))
    assert not lets_others_run(lambda: tile @ V[columns])  # control


def test_the_matrix_of_few_points_is_kept(monkeypatch):
    monkeypatch.setattr(products, "_THREADED", 41)
    x, V = cloud(40)
    product = products.of(RBF(0.7), x)
    assert not isinstance(product, Tiles)
    assert distance(product, gram(RBF(0.7), x), V) < 1e-14
    with pytest.raises(InvalidInputError, match="not symmetric"):
        products.of(lambda a, b: a @ b.T + np.arange(len(b)), x)
    assert isinstance(products.of(RBF(0.7), cloud(41)[0]), Tiles)


@pytest.mark.parametrize("stored", [False, True])
def test_weights_and_sparse_points_are_in_the_product(stored, monkeypatch):
    x, V = cloud(40)
    x[np.abs(x) < 1] = 0
    weights = np.random.default_rng(1).uniform(0.5, 2, 40)
    monkeypatch.setattr(products, "_THREADED", 41 * stored)
    root = np.sqrt(weights)
    G = root[:, None] * gram(DotProduct(), x) * root
    dense = KernelOperator(DotProduct(), x, weights=weights)

    def kernel(a, b):
        return (a @ b.T).toarray() + 1.0

    thin = KernelOperator(kernel, scipy.sparse.csc_matrix(x), weights=weights)
    for operator in (dense, thin):
        assert distance(operator.matmat, G, V) < 1e-14
        assert_allclose(operator.matrix(), G, rtol=1e-13)
    for bad in (weights[1:], -weights, weights[:, None]):
        with pytest.raises(InvalidInputError, match="weights must"):
            KernelOperator(DotProduct(), x, weights=bad)


def test_threads_give_the_same_bits(monkeypatch, alone):
    monkeypatch.setattr(products, "_TILE", 16)
    x, V = cloud(300)
    places = set()

    def kernel(a, b):
        places.add(threading.get_ident())
        return RBF(0.3)(a, b)

    several = products.of(kernel, x)(V)
    assert threading.get_ident() not in places
    alone()
    assert np.array_equal(products.of(RBF(0.3), x)(V), several)


def peak_of_product(kernel, n):
    operator = KernelOperator(kernel, np.random.default_rng(5).random(n))
    operator @ np.ones(n)  # loads what there is to load
    tracemalloc.start()
    operator @ np.ones(n)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


@pytest.mark.parametrize("kernel", [BrownianBridge(), PeriodicSobolev(), RBF(0.3)])
def test_products_take_little_memory(kernel, monkeypatch, alone):
    monkeypatch.setattr(products, "_KEPT", 0)
    n, cores = 3000, len(os.sched_getaffinity(0))
    threads = peak_of_product(kernel, n)
    alone()
    single = peak_of_product(kernel, n)
    assert single < n**2 * 8 / 10
    # a tile for every thread
    assert threads < 1.2 * cores * single + 2 * products.N_PARTS * n * 8


@pytest.mark.parametrize(
    "kernel",
    [
        *RADIAL,
        Matern(1.0, nu=0.7),
        RationalQuadratic(),
        RBF() + WhiteKernel(),
        RBF() * RBF(),
        DotProduct() * ConstantKernel(2.0),
        Halved(),
    ],
    ids=repr,
)
def test_other_kernels_go_by_tiles(kernel):
    x, V = cloud(40)
    product = products.of(kernel, x)
    assert isinstance(product, Tiles)
    assert distance(product, gram(kernel, x), V) < 1e-14


def test_a_cluster_gives_the_same_bits(monkeypatch):
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(products, "_TILE", 16)
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0"
    ) as cluster:
        for kernel, n in ((RBF(0.7), 400), (RBF(0.7), 40), (PeriodicSobolev(), 400)):
            x, V = cloud(n)
            x = x if n == 40 or isinstance(kernel, RBF) else x[:, :1] % 1
            y = V[:, 0]
            shared = KernelOperator(kernel, x, scheduler=cluster.scheduler_address)
            assert shared._product.scheduler
            own = KernelOperator(kernel, x)
            assert np.array_equal(shared @ V, own @ V)
            epsilon = 0.9 * float(np.mean(y * y))
            chains = [distill(g, y, epsilon, 2, solver="krylov") for g in (shared, own)]
            assert np.array_equal(chains[0].c, chains[1].c)
            assert chains[0].n_rounds > 0
    product = own @ V
    monkeypatch.setattr(products, "N_PARTS", 5)  # sums in another order have other bits
    assert np.any(own @ V != product)


def test_a_scheduler_that_does_not_answer(monkeypatch):
    monkeypatch.setattr(scheduling, "ANSWER_SECONDS", 0.2)
    x, V = cloud(30)
    with pytest.raises(InvalidInputError, match="does not answer"):
        KernelOperator(RBF(), x, scheduler="tcp://127.0.0.1:1") @ V
