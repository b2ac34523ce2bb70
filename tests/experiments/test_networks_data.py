"""Digits with label noise; CIFAR's files, checked before they are opened."""

import hashlib
import os
import pickle
import struct

import numpy as np
import pytest

from sdtheory.validation import InvalidInputError


@pytest.fixture(scope="module", autouse=True)
def late_imports():
    """Imported when a test runs: JAX takes seconds to load, and collection does not need it."""
    global data, DIGITS  # noqa: PLW0603
    from sdtheory.experiments.networks import data

    DIGITS = data.load_images("digits")


def content(layout, n, rng):
    """Return what one published file holds, as Python 2 wrote it."""
    return {
        b"data": rng.integers(0, 256, (n, 3072), dtype=np.uint8),
        layout.key: [int(k) for k in rng.integers(0, layout.classes, n)],
        b"batch_label": b"a batch",
    }


def opcodes(value):
    """Return a value as Python 2 pickled it, which Python 3's pickler cannot."""
    if isinstance(value, bytes):
        return b"T" + struct.pack("<i", len(value)) + value
    if isinstance(value, int):
        return b"J" + struct.pack("<i", value)
    if isinstance(value, list):
        return b"](" + b"".join(map(opcodes, value)) + b"e"
    if isinstance(value, dict):
        return b"}(" + b"".join(opcodes(v) for pair in value.items() for v in pair) + b"u"
    if isinstance(value, np.ndarray):
        shape = b"(" + b"".join(map(opcodes, value.shape)) + b"t"
        kind = b"cnumpy\ndtype\n" + opcodes(value.dtype.str[1:].encode()) + b"K\x00K\x01\x87R"
        order = opcodes(value.dtype.str[:1].encode())
        kind += b"(K\x03" + order + b"NNN" + opcodes(-1) * 2 + b"K\x00tb"
        empty = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        return empty + b"(K\x01" + shape + kind + b"\x89" + opcodes(value.tobytes()) + b"tb"
    return pickle.dumps(value, protocol=2)[2:-1]


def dumps(value):
    return b"\x80\x02" + opcodes(value) + b"."


def write(root, name, contents):
    """Write files in the published format; return their checksums."""
    layout = data.FORMATS[name]
    folder = root / layout.folder
    folder.mkdir(exist_ok=True)
    sums = {}
    for file, held in zip([*layout.train, *layout.test], contents, strict=True):
        raw = held if isinstance(held, bytes) else dumps(held)
        (folder / file).write_bytes(raw)
        sums[file] = hashlib.md5(raw).hexdigest()
    return sums


@pytest.fixture
def tiny(tmp_path):
    rng = np.random.default_rng(0)
    held = [content(data.FORMATS["cifar100"], n, rng) for n in (6, 4)]
    return tmp_path, held, write(tmp_path, "cifar100", held)


def test_digits_are_standardised_and_labelled():
    assert DIGITS.x.shape == (1797, 1, 8, 8)
    assert DIGITS.x.dtype == np.float32
    assert abs(DIGITS.x.mean()) < 1e-5
    assert abs(DIGITS.x.std() - 1) < 1e-5
    assert sorted(set(DIGITS.y.tolist())) == list(range(10))


def test_parts_are_disjoint_and_test_labels_are_true():
    sample = data.draw_sample(DIGITS, 3, label_noise=0.5, train=500, validation=200, test=700)
    parts = np.concatenate([sample.train, sample.validation, sample.test])
    assert len(parts) == len(set(parts.tolist())) == 1400
    assert np.array_equal(sample.noisy[sample.test], DIGITS.y[sample.test])


def test_noise_is_symmetric_and_seeded():
    draws = [data.draw_sample(DIGITS, seed, label_noise=0.4, train=1500) for seed in range(20)]
    wrong = np.concatenate([s.noisy[s.train] != DIGITS.y[s.train] for s in draws])
    assert abs(wrong.mean() - 0.4) < 4 * np.sqrt(0.24 / len(wrong))
    shift = np.concatenate([(s.noisy - DIGITS.y)[s.train] % 10 for s in draws])[wrong]
    counts = np.bincount(shift, minlength=10)
    assert counts[0] == 0
    assert np.all(abs(counts[1:] - len(shift) / 9) < 5 * np.sqrt(len(shift) / 9))
    again = data.draw_sample(DIGITS, 7, label_noise=0.4, train=1500)
    assert np.array_equal(again.noisy, draws[7].noisy)
    assert not np.array_equal(again.noisy, draws[8].noisy)


def test_no_noise_keeps_all_labels():
    sample = data.draw_sample(DIGITS, 0, label_noise=0.0, train=1000)
    assert np.array_equal(sample.noisy, DIGITS.y)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"label_noise": 1.0}, "label_noise must be in"),
        ({"label_noise": 0.1, "train": 1797}, "do not fit"),
        ({"label_noise": 0.1, "train": 100, "validation": -1}, "do not fit"),
    ],
)
def test_a_sample_that_cannot_be_drawn_is_refused(wrong, says):
    with pytest.raises(InvalidInputError, match=says):
        data.draw_sample(DIGITS, 0, **wrong)


def test_files_in_the_published_format_are_read(tiny):
    root, held, sums = tiny
    images = data.load_cifar("cifar100", root, sums)
    assert images.x.shape == (10, 3, 32, 32)
    assert images.n_train == 6
    assert images.y.tolist() == held[0][b"fine_labels"] + held[1][b"fine_labels"]
    # channel by channel, row by row; standardised by the training part
    raw = held[1][b"data"][2].reshape(3, 32, 32) / 255
    known = held[0][b"data"].reshape(-1, 3, 32, 32) / 255
    expected = (raw - known.mean((0, 2, 3))[:, None, None]) / known.std((0, 2, 3))[:, None, None]
    assert np.allclose(images.x[8], expected, atol=1e-5)
    sample = data.draw_sample(images, 0, label_noise=0.0, validation=2)
    assert set(sample.test.tolist()) == {6, 7, 8, 9}
    assert len(sample.train) == 4


def test_the_tests_own_pickles_are_what_numpy_reads(tiny):
    _, held, _ = tiny
    raw = dumps(held[0]).replace(b"numpy.core.", b"numpy._core.")  # as it is called today
    read = pickle.loads(raw, encoding="bytes")
    assert read.keys() == held[0].keys()
    assert np.array_equal(read[b"data"], held[0][b"data"])


def test_the_folder_itself_may_be_named_and_cifar10_has_six_files(tmp_path):
    rng = np.random.default_rng(1)
    sums = write(tmp_path, "cifar10", [content(data.FORMATS["cifar10"], 2, rng) for _ in range(6)])
    images = data.load_cifar("cifar10", tmp_path / "cifar-10-batches-py", sums)
    assert (len(images.y), images.n_train, images.classes) == (12, 10, 10)


def test_another_checksum_is_refused_before_the_file_is_opened(tiny, monkeypatch):
    root, _, _ = tiny
    monkeypatch.setattr(data, "restricted_loads", lambda *_: pytest.fail("opened"))
    with pytest.raises(InvalidInputError, match="it was not opened"):
        data.load_images("cifar100", root)


class Malicious:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("place", ["whole", "inside"])
def test_a_malicious_pickle_is_refused_and_does_not_run(tiny, place):
    root, held, _ = tiny
    trap = root / "executed"
    evil = Malicious(trap)
    first = evil if place == "whole" else {**held[0], b"data": evil}
    pickle.loads(dumps(first), encoding="bytes")
    assert trap.exists()  # the pickle does what it should not
    trap.rmdir()
    sums = write(root, "cifar100", [first, held[1]])
    with pytest.raises(InvalidInputError, match="do not trust the file"):
        data.load_cifar("cifar100", root, sums)
    assert not trap.exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda held: dumps(held)[:-100],
        lambda held: b"not a pickle",
        lambda held: [held],
        lambda held: {**held, b"data": held[b"data"].astype(float)},
        lambda held: {**held, b"data": held[b"data"][:, :100]},
        lambda held: {**held, b"fine_labels": [100] * 6},
        lambda held: {**held, b"fine_labels": [0] * 5},
    ],
)
def test_a_file_that_holds_something_else_is_refused(tiny, change):
    root, held, _ = tiny
    sums = write(root, "cifar100", [change(held[0]), held[1]])
    with pytest.raises(InvalidInputError, match=r"is not a pickle of arrays|does not hold"):
        data.load_cifar("cifar100", root, sums)


def test_missing_files_are_named_with_what_to_do(tmp_path):
    with pytest.raises(InvalidInputError) as caught:
        data.load_images("cifar10", tmp_path)
    said = str(caught.value)
    for word in ("data_batch_1", "cifar-10-python.tar.gz", "c58f30108f71", "--data-folder"):
        assert word in said
    assert str(tmp_path / "cifar-10-batches-py" / "data_batch_1") in said


class Fetched:
    def __init__(self, n):
        self.data = np.zeros((n, 3072))
        self.data[::2] = 255
        self.target = np.array([str(k % 10) for k in range(n)])


def test_openml_is_asked_by_number_and_its_answer_checked(monkeypatch):
    assert (data.ROWS, data.TRAINED) == (60_000, 50_000)
    monkeypatch.setattr(data, "ROWS", 60)
    monkeypatch.setattr(data, "TRAINED", 50)
    asked = []
    monkeypatch.setattr(data, "fetch_openml", lambda **k: asked.append(k) or Fetched(60))
    images = data.load_images("cifar10", openml=True)
    assert asked[0]["data_id"] == 40927
    assert (images.n_train, images.y[13], len(images.x)) == (50, 3, 60)
    monkeypatch.setattr(data, "fetch_openml", lambda **_: Fetched(10))
    with pytest.raises(InvalidInputError, match="which is not CIFAR"):
        data.load_images("cifar10", openml=True)

    def offline(**_):
        raise OSError("no route")

    monkeypatch.setattr(data, "fetch_openml", offline)
    with pytest.raises(InvalidInputError, match="could not be fetched"):
        data.load_images("cifar10", openml=True)


def test_an_unknown_name_is_refused():
    with pytest.raises(InvalidInputError, match="Choose one of: digits, cifar10, cifar100"):
        data.load_images("mnist")
