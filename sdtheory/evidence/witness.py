"""One instance, exactly: what a report stores and `sdtheory verify --replay` reruns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sdtheory.statements import Instance
from sdtheory.validation import InvalidInputError, as_integer, counted


@dataclass(frozen=True)
class Witness:
    """An instance in hexadecimal floats, which lose nothing in a text file.

    Attributes
    ----------
    d : tuple of str
        Eigenvalues, ascending.
    z : tuple of tuple of str
        Labels in the eigenbasis; one row for each eigenvalue, one entry for each output.
    epsilon : str
        Tolerance.
    rounds : int
        Rounds that were run.
    origin : str
        Where it was found, in words.
    """

    d: tuple[str, ...]
    z: tuple[tuple[str, ...], ...]
    epsilon: str
    rounds: int
    origin: str

    @classmethod
    def of(cls, instance: Instance, index: int, origin: str) -> Witness:
        """Take one instance out of a batch of floats."""
        path = instance.path
        return cls(
            d=tuple(float(v).hex() for v in path.d[index]),
            z=tuple(tuple(float(v).hex() for v in row) for row in path.z[index, 0]),
            epsilon=float(path.epsilon[index]).hex(),
            rounds=max(int(path.c.shape[-1]), 1),
            origin=origin,
        )

    @classmethod
    def from_json(cls, fields: dict[str, object]) -> Witness:
        """Read what `dataclasses.asdict` wrote.

        Raises
        ------
        InvalidInputError
            If a field is missing or is not what it should be.
        """
        try:
            witness = cls(
                d=tuple(fields["d"]),  # type: ignore[arg-type]
                z=tuple(tuple(row) for row in fields["z"]),  # type: ignore[attr-defined]
                epsilon=fields["epsilon"],  # type: ignore[arg-type]
                rounds=as_integer(fields["rounds"], "rounds"),
                origin=str(fields["origin"]),
            )
            witness.arrays()
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InvalidInputError(
                f"the report holds an instance that cannot be read ({error}). Pass a file that "
                f"`sdtheory verify --json FILE` wrote, unchanged."
            ) from error
        return witness

    def arrays(self) -> tuple[np.ndarray, np.ndarray, float]:
        """Return d of shape (n,), z of shape (n, q) and epsilon."""
        d = np.array([float.fromhex(v) for v in self.d])
        z = np.array([[float.fromhex(v) for v in row] for row in self.z])
        return d, z, float.fromhex(self.epsilon)

    def instance(self) -> Instance:
        """Run the recursion; the instance is the first of a batch of two.

        A batch ends when all its labels have collapsed. The second instance,
        whose labels last, has the first one run on, as in the batch where it
        was found.
        """
        d, z, epsilon = self.arrays()
        # at kappa = 1 the labels last for r_0 - 1 rounds
        lasting = np.full_like(z, 2.0 * self.rounds + 2)
        return Instance.of(
            np.stack([d, np.ones_like(d)]),
            np.stack([z, lasting]),
            [epsilon, 1.0],
            self.rounds,
            outputs=True,
        )

    def __str__(self) -> str:
        return f"n = {len(self.d)}, {counted(len(self.z[0]), 'output')}, {self.origin}"
