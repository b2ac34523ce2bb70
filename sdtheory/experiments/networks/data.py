"""Images with label noise: the bundled digits, and CIFAR-10 or CIFAR-100 where the reader has it.

The CIFAR files are pickles, that is, untrusted programs. Their checksums are
compared before anything is read, and the reader that follows builds NumPy
arrays and plain containers only.
"""

from __future__ import annotations

import hashlib
import io
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import fetch_openml

from sdtheory import datasets
from sdtheory.validation import InvalidInputError

Images32 = NDArray[np.float32]
Labels = NDArray[np.int32]


@dataclass(frozen=True)
class Images:
    """Standardised images with their true labels.

    Attributes
    ----------
    x : ndarray of float32, shape (n, channels, height, width)
        Each channel has mean 0 and variance 1 over the pixels of the training
        part (over all images where there is no such part).
    y : ndarray of int32, shape (n,)
        True classes.
    classes : int
    n_train : int or None
        The first so many images are the published training part, the others
        the test part; None where nobody has published a division.
    provenance : str
    """

    x: Images32
    y: Labels
    classes: int
    n_train: int | None
    provenance: str


@dataclass(frozen=True)
class Sample:
    """One seed's division of the images, with its noisy labels.

    Attributes
    ----------
    train, validation, test : ndarray of int32
        Numbers of the images.
    noisy : ndarray of int32, shape (n,)
        Labels that training and validation may see; those of test images are true.
    seed : int
    """

    train: Labels
    validation: Labels
    test: Labels
    noisy: Labels
    seed: int


@dataclass(frozen=True)
class _Format:
    """Where the published python version of a data set keeps what."""

    folder: str
    archive: str
    archive_md5: str
    train: Mapping[str, str]
    test: Mapping[str, str]
    key: bytes
    classes: int
    openml: int


#: MD5 sums of the archives and of the files in them as torchvision's loader states them.
FORMATS = {
    "cifar10": _Format(
        folder="cifar-10-batches-py",
        archive="cifar-10-python.tar.gz",
        archive_md5="c58f30108f718f92721af3b95e74349a",
        train={
            "data_batch_1": "c99cafc152244af753f735de768cd75f",
            "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
            "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
            "data_batch_4": "634d18415352ddfa80567beed471001a",
            "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
        },
        test={"test_batch": "40351d587109b95175f43aff81a1287e"},
        key=b"labels",
        classes=10,
        openml=40927,
    ),
    "cifar100": _Format(
        folder="cifar-100-python",
        archive="cifar-100-python.tar.gz",
        archive_md5="eb9058c3a382ffc7106e4002c42a8d85",
        train={"train": "16019d7e3df5f24257cddd939b257f8d"},
        test={"test": "f0ef6b0ae62326f3e7ffdfab6717acfc"},
        key=b"fine_labels",
        classes=100,
        openml=41983,
    ),
}
NAMES = ("digits", *FORMATS)
#: Images of CIFAR, and those of them to train on.
ROWS, TRAINED = 60_000, 50_000


def load_images(name: str, folder: Path | None = None, *, openml: bool = False) -> Images:
    """Return a data set by its name.

    Parameters
    ----------
    name : {"digits", "cifar10", "cifar100"}
    folder : Path, optional
        Holds the unpacked CIFAR folder (``cifar-10-batches-py`` or
        ``cifar-100-python``), or is it; ``data`` by default. Unused for the digits.
    openml : bool, default=False
        Fetch CIFAR through `sklearn.datasets.fetch_openml` instead.

    Returns
    -------
    Images

    Raises
    ------
    InvalidInputError
        If the name is unknown, or files are missing, have another checksum
        than the published one, or do not hold what the format promises.
    """
    if name == "digits":
        return load_digits()
    if name not in FORMATS:
        raise InvalidInputError(
            f"data is {name!r}, which is not a data set. Choose one of: {', '.join(NAMES)}."
        )
    return load_openml(name) if openml else load_cifar(name, folder or Path("data"))


def load_digits() -> Images:
    """Return scikit-learn's 1797 handwritten digits of 8 x 8 pixels."""
    digits = datasets.load_digits()
    return Images(
        x=_standardised(digits.x.reshape(-1, 1, 8, 8), None),
        y=np.argmax(digits.y, axis=1).astype(np.int32),
        classes=10,
        n_train=None,
        provenance=digits.provenance,
    )


def load_cifar(name: str, folder: Path, checksums: Mapping[str, str] | None = None) -> Images:
    """Return CIFAR-10 or CIFAR-100 from the published files in the python format.

    Parameters
    ----------
    name : {"cifar10", "cifar100"}
    folder : Path
        Holds the unpacked folder, or is it.
    checksums : mapping of str to str, optional
        MD5 sum of each file; the published ones by default.

    Returns
    -------
    Images

    Raises
    ------
    InvalidInputError
        As for `load_images`.
    """
    layout = FORMATS[name]
    names = [*layout.train, *layout.test]
    sums = {**layout.train, **layout.test} if checksums is None else checksums
    root = folder if folder.name == layout.folder else folder / layout.folder
    missing = [file for file in names if not (root / file).is_file()]
    if missing:
        raise InvalidInputError(
            f"data {name}: {root} lacks {', '.join(missing)}. Download the python version of the "
            f"data set from its authors' page, {layout.archive} (MD5 {layout.archive_md5}). Unpack "
            f"it into {root.parent} so that {root / names[0]} exists, or name its place with "
            f"--data-folder. With --openml, scikit-learn downloads a copy from OpenML (number "
            f"{layout.openml}) instead."
        )
    pixels, labels = zip(*(_batch(root / file, sums[file], layout) for file in names), strict=True)
    n_train = sum(len(part) for part in labels[: len(layout.train)])
    return Images(
        x=_standardised(np.concatenate(pixels).reshape(-1, 3, 32, 32) / np.float32(255), n_train),
        y=np.concatenate(labels),
        classes=layout.classes,
        n_train=n_train,
        provenance=f"{layout.folder}: python version by A. Krizhevsky, MD5 sums verified",
    )


def load_openml(name: str) -> Images:
    """Return CIFAR-10 or CIFAR-100 as OpenML keeps it; scikit-learn verifies its checksum.

    The last 10,000 rows are taken as the test part. That they are the
    published test images was not verified.
    """
    layout = FORMATS[name]
    try:
        fetched: Any = fetch_openml(data_id=layout.openml, as_frame=False, parser="liac-arff")
        pixels = np.asarray(fetched.data, dtype=np.float32)
        labels = np.asarray(fetched.target).astype(np.int32)
    except (OSError, ValueError) as error:
        raise InvalidInputError(
            f"data {name}: OpenML's data set {layout.openml} could not be fetched ({error}). "
            f"Put {layout.archive} on this machine instead and name its folder with --data-folder."
        ) from error
    if pixels.shape != (ROWS, 3072) or labels.min() < 0 or labels.max() >= layout.classes:
        raise InvalidInputError(
            f"data {name}: OpenML's data set {layout.openml} has {pixels.shape} pixels and classes "
            f"{labels.min()} to {labels.max()}, which is not CIFAR. Use the published files "
            f"({layout.archive}) with --data-folder."
        )
    return Images(
        x=_standardised(pixels.reshape(-1, 3, 32, 32) / np.float32(255), TRAINED),
        y=labels,
        classes=layout.classes,
        n_train=TRAINED,
        provenance=f"OpenML data set {layout.openml}; its last 10,000 rows as test part",
    )


def draw_sample(
    images: Images,
    seed: int,
    *,
    label_noise: float,
    train: int | None = None,
    validation: int = 0,
    test: int | None = None,
) -> Sample:
    """Divide the images at random and make the labels of the training images noisy.

    Parameters
    ----------
    images : Images
    seed : int
    label_noise : float
        Probability, independent for each image, that its label is replaced by
        one of the other classes, all equally likely (symmetric noise).
    train, validation, test : int, optional
        Numbers of images. By default, without a published division: 1000 to
        train and the rest to test; with one: all that it allows.

    Returns
    -------
    Sample

    Raises
    ------
    InvalidInputError
        If the noise is not in [0, 1), or there are not so many images.
    """
    if not 0 <= label_noise < 1:
        raise InvalidInputError(
            f"label_noise must be in [0, 1), but is {label_noise!r}. It is the probability that a "
            f"label is replaced by another class."
        )
    rng = np.random.default_rng([seed, 0])
    n = len(images.y)
    if images.n_train is None:
        order = rng.permutation(n)
        train = 1000 if train is None else train
        test = n - train - validation if test is None else test
        learn, judge = order[: train + validation], order[train + validation :]
    else:
        learn = rng.permutation(images.n_train)
        judge = rng.permutation(np.arange(images.n_train, n))
        train = len(learn) - validation if train is None else train
        test = len(judge) if test is None else test
    if not (train >= 1 and validation >= 0 and test >= 1) or (
        train + validation > len(learn) or test > len(judge)
    ):
        raise InvalidInputError(
            f"train = {train}, validation = {validation}, test = {test} do not fit: there are "
            f"{n} images"
            + ("" if images.n_train is None else f", of which {images.n_train} to train on")
            + ". Each must be positive (validation may be 0), and their sum must not exceed that."
        )
    noisy = images.y.copy()
    learn = learn[: train + validation]
    flipped = learn[rng.random(len(learn)) < label_noise]
    shift = rng.integers(1, images.classes, size=len(flipped))
    noisy[flipped] = (noisy[flipped] + shift) % images.classes
    return Sample(
        train=learn[:train].astype(np.int32),
        validation=learn[train:].astype(np.int32),
        test=judge[:test].astype(np.int32),
        noisy=noisy,
        seed=seed,
    )


def _standardised(x: NDArray[Any], n_train: int | None) -> Images32:
    known = x[:n_train]
    mean = known.mean(axis=(0, 2, 3), keepdims=True, dtype=np.float64)
    deviation = known.std(axis=(0, 2, 3), keepdims=True, dtype=np.float64)
    return ((x - mean) / deviation).astype(np.float32)


def _batch(path: Path, checksum: str, layout: _Format) -> tuple[NDArray[np.uint8], Labels]:
    raw = path.read_bytes()
    found = hashlib.md5(raw, usedforsecurity=False).hexdigest()
    if found != checksum:
        raise InvalidInputError(
            f"{path} has MD5 {found}, but the published file has {checksum}. It is damaged or "
            f"another file; it was not opened. Unpack {layout.archive} again."
        )
    content = restricted_loads(raw, path)
    pixels = content.get(b"data") if isinstance(content, dict) else None
    labels = content.get(layout.key) if isinstance(content, dict) else None
    if (
        not isinstance(pixels, np.ndarray)
        or pixels.dtype != np.uint8
        or pixels.ndim != 2
        or pixels.shape[1] != 3072
        or not isinstance(labels, list)
        or len(labels) != len(pixels)
        or not all(type(k) is int and 0 <= k < layout.classes for k in labels)
    ):
        raise InvalidInputError(
            f"{path} does not hold 'data' (n rows of 3072 bytes) and {layout.key.decode()!r} (n "
            f"classes below {layout.classes}). Unpack {layout.archive} again."
        )
    return pixels, np.array(labels, dtype=np.int32)


def restricted_loads(raw: bytes, path: Path) -> Any:
    """Unpickle NumPy arrays and plain containers, and nothing else.

    Parameters
    ----------
    raw : bytes
    path : Path
        For messages.

    Raises
    ------
    InvalidInputError
        If the pickle names any other class or function, or is not a pickle.
    """
    try:
        return _Restricted(io.BytesIO(raw), encoding="bytes").load()
    except InvalidInputError as error:
        raise InvalidInputError(f"{path} {error}") from error
    except Exception as error:  # a damaged pickle can raise anything
        raise InvalidInputError(
            f"{path} is not a pickle of arrays ({type(error).__name__}: {error})."
        ) from error


def _empty_array(kind: Any, shape: Any, _code: Any) -> NDArray[Any]:
    """Stand in for NumPy's own function, whose caller sets the content afterwards."""
    if kind is not np.ndarray or shape != (0,):
        raise InvalidInputError("builds an array in a way that NumPy's own pickles do not.")
    return np.ndarray(0, np.int8)


#: In the spellings of NumPy 1 and 2, and of the Python 2 that wrote the published files.
_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _empty_array,
    ("numpy._core.multiarray", "_reconstruct"): _empty_array,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}


class _Restricted(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str, /) -> Any:
        try:
            return _ALLOWED[module_name, global_name]
        except KeyError:
            raise InvalidInputError(
                f"asks for {module_name}.{global_name}, which a file of images does not need. It "
                f"was not run; do not trust the file."
            ) from None

    def persistent_load(self, pid: Any, /) -> Any:
        raise InvalidInputError(f"asks for the outside object {pid!r}. Do not trust the file.")
