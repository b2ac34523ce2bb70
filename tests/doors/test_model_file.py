"""Model files: whole, data only, and refused when altered or unknown."""

import io
import json
import os
import pickle
import tracemalloc
import zipfile

import numpy as np
import pytest
from sklearn.gaussian_process.kernels import RBF

from sdtheory import InvalidInputError, PeriodicSobolev, SimplySupportedBeam
from sdtheory.estimator import SelfDistilledKernelRidge, SelfDistilledKernelRidgeClassifier
from sdtheory.files import replacing
from sdtheory.model_file import VERSION, Model, load, save


def fitted(kernel="rbf", *, q=None, **parameters):
    rng = np.random.default_rng(0)
    x = rng.uniform(size=(8, 1))
    y = rng.normal(size=8 if q is None else (8, q))
    parameters = {"rounds": 2, "epsilon": 0.1, "fit_intercept": q is not None, **parameters}
    estimator = SelfDistilledKernelRidge(kernel, **parameters).fit(x, y)
    return Model(
        estimator,
        ("hour",),
        tuple(f"y{k}" for k in range(q or 1)),
        np.array([0.25]),
        np.array([2.0]),
    )


def same(a, b):
    """Whether two models are equal in every number and word."""
    if a.estimator.get_params() != b.estimator.get_params():
        return False
    names = ("inputs", "targets", "shift", "scale")
    pairs = [(getattr(a, name), getattr(b, name)) for name in names]
    state, other = ({k: v for k, v in vars(m.estimator).items() if k.endswith("_")} for m in (a, b))
    if state.keys() != other.keys():
        return False
    pairs += [(state[name], other[name]) for name in state]
    return all(np.array_equal(x, y, equal_nan=np.asarray(x).dtype.kind == "f") for x, y in pairs)


KERNELS = ["rbf", "beam", PeriodicSobolev(2.5), SimplySupportedBeam()]


@pytest.mark.parametrize("q", [None, 1, 2])
@pytest.mark.parametrize("kernel", KERNELS, ids=str)
def test_a_model_comes_back_to_the_last_bit(tmp_path, kernel, q):
    model = fitted(kernel, q=q)
    save(model, tmp_path / "model.npz")
    back = load(tmp_path / "model.npz")
    assert same(model, back)
    x = np.array([[0.25], [1.0], [2.0]])
    np.testing.assert_array_equal(back.predict(x), model.predict(x))
    assert back.predict(x).shape == (3, q or 1)
    np.testing.assert_array_equal(back.staged_predict(x), model.staged_predict(x))
    assert back.staged_predict(x).shape == (2, 3, q or 1)
    np.testing.assert_array_equal(back.staged_predict(x)[-1], back.predict(x))
    # the estimator is whole: it can be refitted and pickled
    assert same(model, pickle.loads(pickle.dumps(back)))


@pytest.mark.parametrize(
    "parameters",
    [
        {"c": [0.1, 0.2]},
        {"c": np.array([0.1, 0.2])},
        {"c": 0.1},
        {"rounds": "auto", "criterion": "loo"},
        {"kernel_params": {"gamma": 0.5}},
        {"c": 0.1, "rounds": 3, "mixing": "optimal"},
        {"rounds": 3, "mixing": [0.5, 0.25]},
        {"rounds": "rougher", "roughness": 2.0},
        {"epsilon": np.float64(0.1), "rounds": np.int64(2)},
    ],
    ids=str,
)
def test_parameters_come_back(tmp_path, parameters):
    model = fitted(**parameters)
    save(model, tmp_path / "model.npz")
    back = load(tmp_path / "model.npz")
    for name, value in parameters.items():
        np.testing.assert_array_equal(getattr(back.estimator, name), value)
    np.testing.assert_array_equal(back.predict([[0.5]]), model.predict([[0.5]]))


def test_the_affine_maps_are_applied():
    model = fitted(q=2)
    x = np.array([[0.5], [1.5]])
    inner = model.estimator.predict((x - 0.25) / 2)
    np.testing.assert_array_equal(model.predict(x), inner)
    with pytest.raises(InvalidInputError, match=r"x has shape \(3, 2\).*: hour"):
        model.predict(np.ones((3, 2)))


def test_what_is_not_data_is_refused(tmp_path):
    path = tmp_path / "model.npz"
    with pytest.raises(InvalidInputError, match=r"RBF.* data only.* joblib"):
        save(fitted(RBF(1.0)), path)
    with pytest.raises(InvalidInputError, match="cannot stand in a model file"):
        save(fitted(kernel_params={"gamma": 0.5, "note": object()}), path)
    classifier = SelfDistilledKernelRidgeClassifier().fit([[0.0], [1.0]], [0, 1])
    for estimator in (classifier, SelfDistilledKernelRidge()):
        model = Model(estimator, ("x",), ("y",), np.zeros(1), np.ones(1))
        with pytest.raises(InvalidInputError, match="holds a fitted SelfDistilledKernelRidge"):
            save(model, path)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def content(tmp_path):
    save(fitted(), tmp_path / "original.npz")
    return (tmp_path / "original.npz").read_bytes()


def test_any_flipped_byte_is_refused_or_changes_nothing(tmp_path, content):
    path = tmp_path / "model.npz"
    original = load(tmp_path / "original.npz")
    rng = np.random.default_rng(1)
    refused = 0
    for position in rng.choice(len(content), 400, replace=False):
        damaged = bytearray(content)
        damaged[position] ^= int(rng.integers(1, 256))
        path.write_bytes(damaged)
        try:
            found = load(path)
        except InvalidInputError:
            refused += 1
        else:
            # a zip archive has bytes that say nothing, such as its dates
            assert same(found, original)
    assert refused > 200


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_cut_file_is_refused(tmp_path, content, share):
    path = tmp_path / "model.npz"
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(InvalidInputError, match="not a model file"):
        load(path)


def rewritten(content, change):
    """Return the archive with its arrays changed, each still a sound NPY file."""
    with np.load(io.BytesIO(content)) as archive:
        arrays = {name: archive[name] for name in archive.files}
    change(arrays)
    target = io.BytesIO()
    np.savez(target, **arrays)
    return target.getvalue()


def manifest_with(**entries):
    def change(arrays):
        manifest = json.loads(arrays["manifest"].tobytes()) | entries
        arrays["manifest"] = np.frombuffer(json.dumps(manifest).encode(), np.uint8)

    return change


CHANGES = {
    "an array more": (lambda arrays: arrays.update(extra=np.ones(1)), "has no 'extra'"),
    "an array less": (lambda arrays: arrays.pop("shift"), "'shift'"),
    "another type": (
        lambda arrays: arrays.update(dual_coef_=arrays["dual_coef_"].astype(np.float32)),
        "dual_coef_ should hold float64",
    ),
    "complex numbers": (
        lambda arrays: arrays.update(dual_coef_=arrays["dual_coef_"] * 1j),
        "dual_coef_ should hold float64",
    ),
    "an earlier version": (manifest_with(version=VERSION - 1), f"version {VERSION - 1}, but this"),
    "a later version": (manifest_with(version=VERSION + 1), f"version {VERSION + 1}, but this"),
    "another format": (manifest_with(format="other"), "of format 'other'"),
    "no manifest": (lambda arrays: arrays.pop("manifest"), "was altered or damaged"),
    "no JSON": (
        lambda arrays: arrays.update(manifest=np.frombuffer(b"{", np.uint8)),
        "was altered or damaged",
    ),
}


@pytest.mark.parametrize("case", CHANGES)
def test_an_altered_file_is_refused(tmp_path, content, case):
    change, message = CHANGES[case]
    path = tmp_path / "model.npz"
    path.write_bytes(rewritten(content, change))
    with pytest.raises(InvalidInputError) as raised:
        load(path)
    assert message in str(raised.value)
    # the control: rewriting alone does no harm
    path.write_bytes(rewritten(content, lambda _: None))
    load(path)


#: Archives that are sound, with the checksums of a zip file, but whose parts make no model.
MISFITS = {
    "key less": lambda m, _: m["fitted"].pop("n_rounds_"),
    "method": lambda m, _: m["fitted"].update(predict=1),
    "class": lambda m, _: m["fitted"].update(__class__=1),
    "parameter more": lambda m, _: m["parameters"].update(alpha=1),
    "kernel": lambda m, _: m["parameters"].update(kernel="spline"),
    "kernel of another kind": lambda m, _: m["parameters"].update(kernel={"green": "open"}),
    "kernel's argument": lambda m, _: m["parameters"].update(kernel={"green": "beam", "a": 1}),
    "rounds": lambda m, _: m["parameters"].update(rounds="many"),
    "number": lambda m, _: m["fitted"].update(n_rounds_="2"),
    "count": lambda m, _: m["fitted"].update(n_rounds_=3),
    "more names": lambda m, _: m.update(targets=["a", "b"]),
    "words": lambda m, _: m.update(inputs="hour"),
    "shape": lambda _, a: a.update(dual_coef_=np.ones(7)),
    "rounds of another shape": lambda _, a: a.update(duals_=np.ones((2, 7))),
    "dimension": lambda _, a: a.update(X_fit_=np.ones(8)),
    # empty arrays of any length, over which a loop would not end
    "rounds without end": lambda m, a: (
        m["fitted"].update(n_rounds_=10**12),
        a.update(dual_coef_=np.empty((8, 0)), duals_=np.empty((10**12, 8, 0))),
    ),
    "points without end": lambda _, a: a.update(X_fit_=np.empty((10**12, 0))),
    "scale of another shape": lambda _, a: a.update(scale=np.ones(2)),
    "NaN": lambda _, a: a["dual_coef_"].__setitem__(0, np.nan),
    "NaN in the scale": lambda _, a: a["scale"].__setitem__(0, np.nan),
}


@pytest.mark.parametrize("case", MISFITS)
def test_a_file_whose_parts_make_no_model_is_refused(tmp_path, content, case):
    def change(arrays):
        manifest = json.loads(arrays["manifest"].tobytes())
        MISFITS[case](manifest, arrays)
        arrays["manifest"] = np.frombuffer(json.dumps(manifest).encode(), np.uint8)

    path = tmp_path / "model.npz"
    path.write_bytes(rewritten(content, change))
    with pytest.raises(InvalidInputError, match="is not a model file, or was altered"):
        load(path)


def test_deep_nesting_is_refused(tmp_path, content):
    deep = np.frombuffer(b"[" * 200_000 + b"]" * 200_000, np.uint8)
    path = tmp_path / "model.npz"
    path.write_bytes(rewritten(content, lambda arrays: arrays.update(manifest=deep)))
    with pytest.raises(InvalidInputError, match="recursion"):
        load(path)


def test_no_file_takes_more_memory_than_its_size(tmp_path, content):
    path = tmp_path / "model.npz"
    with np.load(io.BytesIO(content)) as archive:
        arrays = {name: archive[name] for name in archive.files}
    # a quarter of a gigabyte of zeros in a small file
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name, array in arrays.items():
            with target.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.save(member, array)
                if name == "criterion_":
                    for _ in range(16):
                        member.write(bytes(2**24))
    header = {"descr": "<f8", "fortran_order": False, "shape": (2**37,)}
    promise = tmp_path / "promise.npz"
    with zipfile.ZipFile(promise, "w") as target:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.save(member, array)
            if name == "criterion_":  # a header that promises a terabyte
                member = io.BytesIO()
                np.lib.format.write_array_header_1_0(member, header)
            target.writestr(f"{name}.npy", member.getvalue())
    tracemalloc.start()
    for bomb in (path, promise):
        with pytest.raises(InvalidInputError, match="altered or damaged"):
            load(bomb)
    assert tracemalloc.get_traced_memory()[1] < 2**24
    tracemalloc.stop()


def test_a_chain_without_eigenvectors_is_saved_as_well(tmp_path):
    model = fitted("beam", epsilon_unit="absolute", solver="spline")
    assert model.estimator.solver_ == "spline"
    save(model, tmp_path / "model.npz")
    assert same(model, load(tmp_path / "model.npz"))


def test_numpy_scalars_in_kernels_can_be_saved(tmp_path):
    for k, model in enumerate(
        (fitted(PeriodicSobolev(np.float64(2.5))), fitted(kernel_params={"gamma": np.float64(2)}))
    ):
        save(model, tmp_path / f"{k}.npz")
        assert same(model, load(tmp_path / f"{k}.npz"))


class Mine:
    """A pickle that runs code."""

    def __reduce__(self):
        return os.abort, ()


def test_a_pickle_inside_is_not_run(tmp_path):
    path = tmp_path / "model.npz"
    with path.open("wb") as target:
        np.savez(target, manifest=np.array([Mine()], dtype=object))
    with pytest.raises(InvalidInputError, match="not a model file"):
        load(path)
    path.write_bytes(pickle.dumps(Mine()))
    with pytest.raises(InvalidInputError, match="not a model file"):
        load(path)


def test_other_files_are_refused(tmp_path):
    array = tmp_path / "array.npy"
    np.save(array, np.ones(3))
    archive = tmp_path / "other.npz"
    with zipfile.ZipFile(archive, "w") as target:
        target.writestr("readme.txt", "nothing")
    for path in (array, archive):
        with pytest.raises(InvalidInputError, match="not a model file"):
            load(path)
    for path in (tmp_path / "nowhere.npz", tmp_path):
        with pytest.raises(InvalidInputError, match="cannot be read"):
            load(path)


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, MemoryError])
def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "model.npz"
    path.write_text("old", encoding="utf-8")

    def write():
        with replacing(path) as partial:
            partial.write_text("half", encoding="utf-8")
            raise error

    with pytest.raises(error):
        write()
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_interrupt_inside_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "model.npz"
    save(fitted(), path)
    before = path.read_bytes()

    def interrupted(target, **_):
        target.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save(fitted("beam"), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    occupied = tmp_path / "file"
    occupied.write_text("", encoding="utf-8")
    for path in (tmp_path / "no" / "model.npz", occupied / "model.npz", tmp_path):
        with pytest.raises(InvalidInputError, match="cannot be written"):
            save(fitted(), path)
    assert list(tmp_path.iterdir()) == [occupied]
