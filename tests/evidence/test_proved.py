"""Algebraic cores are proved, and the machinery that proves them can also fail."""

import itertools
from dataclasses import replace

import pytest

from sdtheory.statements import STATEMENTS
from sdtheory.validation import InvalidInputError


@pytest.fixture(scope="module", autouse=True)
def late_imports():
    """Imported when a test runs: SymPy and Z3 take seconds, and collection does not need them."""
    global sympy, z3, arguments, Identity, Implication, MatrixIdentity, Sign  # noqa: PLW0603
    global PROOFS, Proof, ProofFailedError, prove  # noqa: PLW0603
    global x, y, u, v, P, Q, PQ  # noqa: PLW0603
    import sympy
    import z3

    from sdtheory.evidence.proofs import arguments
    from sdtheory.evidence.proofs.arguments import Identity, Implication, MatrixIdentity, Sign
    from sdtheory.evidence.proved import PROOFS, Proof, ProofFailedError, prove

    x, y = z3.Reals("x y")
    u, v = sympy.symbols("u v", positive=True)
    P, Q = sympy.symbols("P Q", commutative=False)
    PQ = {P: sympy.Matrix([[0, 1], [0, 0]]), Q: sympy.Matrix([[0, 0], [1, 0]])}


@pytest.mark.parametrize("statement", STATEMENTS)
def test_every_core_is_proved_and_every_control_caught(statement):
    if statement not in PROOFS:
        pytest.skip("has no core")
    result = prove(statement)
    assert result.proved, result.reason
    assert result.cores == len(PROOFS[statement])


def test_every_core_has_a_control_and_shows_what_the_machine_saw_and_left_open():
    for proof in itertools.chain(*PROOFS.values()):
        assert list(proof.argument.controls()), proof.core
        assert proof.core.endswith(".")
        assert proof.missing.endswith("."), proof.core
        assert any(sign in proof.formula for sign in ("=>", "=", ">")), proof.core
        assert "\n" not in proof.formula


def test_cores_belong_to_statements_that_are_claimed():
    assert set(PROOFS) <= {s.id for s in STATEMENTS.values() if not s.refuted}


@pytest.mark.parametrize(
    ("argument", "counterexample"),
    [
        (lambda: Implication(given=(x > 0, y > 0), claim=x <= y), r"x = .*, y = "),
        (lambda: Identity((u + v) ** 2, u**2 + v**2, wrong=()), r"u = .*, v = "),
        (lambda: Sign(u - v, wrong=()), r"u = .*, v = "),
        (lambda: Sign(u - v**2 - 1, wrong=()), r"u = .*, v = "),
        (lambda: Sign((u - v) ** 2, wrong=(), strict=False), None),
        (lambda: Sign(-(u**2), wrong=()), r"u = "),
        (lambda: Sign(u * (1 - 2 * v) ** 2, wrong=(), strict=True), r"v = 1/2"),
        (lambda: Sign(0 * u, wrong=(), strict=True), r"= 0"),
        (lambda: MatrixIdentity(P * Q, Q * P, (), PQ, wrong=()), "difference Matrix"),
    ],
)
def test_a_wrong_claim_is_not_proved_and_comes_with_a_counterexample(argument, counterexample):
    argument = argument()
    if counterexample is None:
        argument.prove()
        return
    with pytest.raises(ProofFailedError, match=counterexample) as failure:
        argument.prove()
    assert failure.value.counterexample
    result = prove("wrong", {"wrong": (Proof("wrong.", argument, "all."),)})
    assert not result.proved
    assert result.reason.startswith("core 1 of 1")
    assert failure.value.counterexample in result.reason


def test_contradicting_hypotheses_prove_nothing():
    with pytest.raises(ProofFailedError, match="vacuous"):
        Implication(given=(x > 0, x < 0), claim=y > 0).prove()


def test_a_denominator_that_may_vanish_proves_nothing():
    # in Z3 x/0 is some number, so that this quotient equals itself
    argument = Implication(given=(y >= 0,), claim=x / y == x / y + 0)
    with pytest.raises(ProofFailedError, match=r"denominator vanishes: .*y = 0"):
        argument.prove()


def test_what_z3_cannot_decide_is_not_proved(monkeypatch):
    monkeypatch.setattr(arguments, "TIMEOUT", 200)
    k, m, n = z3.Ints("k m n")
    for given, claim, reason in (
        ((x > 1,), z3.RealVal(2) ** x > 1, "unknown"),
        ((k > 0, m > 0, n > 0), k**3 + m**3 != n**3, "timeout"),
    ):
        with pytest.raises(ProofFailedError, match=f"Z3 gave up: {reason}") as failure:
            Implication(given, claim).prove()
        assert not failure.value.counterexample


def test_an_idle_hypothesis_is_found():
    idle = Proof("c.", Implication(given=(x > 1, y > 0), claim=x > 0), "m.")
    with pytest.raises(ProofFailedError, match=r"still proved without the hypothesis y > 0"):
        idle.run()


def test_a_control_that_is_true_is_found():
    proof = Proof("c.", Identity(u + v, v + u, wrong=(u + v + 0,)), "m.")
    with pytest.raises(ProofFailedError, match="control not caught"):
        proof.run()


def test_the_formula_is_the_claim_of_the_machine():
    proof = Proof("c.", Implication(given=(x > 0, y > 0), claim=x + y > 0), "m.")
    assert proof.formula == "x > 0, y > 0 => x + y > 0"


def test_what_is_not_rational_has_no_sign_of_factors():
    with pytest.raises(ProofFailedError, match="not a rational function"):
        Sign(sympy.exp(u) - 1, wrong=()).prove()


def test_symbols_of_unknown_sign_are_refused():
    with pytest.raises(ProofFailedError, match="declared positive"):
        Sign(sympy.Symbol("w") ** 2, wrong=()).prove()


def test_a_model_that_breaks_the_relations_is_found():
    argument = MatrixIdentity(P * Q, sympy.Integer(1), ((P * Q, sympy.Integer(1)),), PQ, wrong=())
    with pytest.raises(ProofFailedError, match="model does not meet"):
        argument.prove()


def test_what_holds_in_the_model_alone_is_not_proved():
    # P Q P = P for these two matrices, but not by any relation given
    with pytest.raises(ProofFailedError, match="does not cancel") as failure:
        MatrixIdentity(P * Q * P, P, (), PQ, wrong=()).prove()
    assert not failure.value.counterexample


def test_flipping_the_claim_of_any_implication_refutes_it():
    flipped = 0
    for proofs in PROOFS.values():
        for proof in proofs:
            if isinstance(proof.argument, Implication):
                with pytest.raises(ProofFailedError) as failure:
                    replace(proof.argument, claim=z3.Not(proof.argument.claim)).prove()
                assert failure.value.counterexample
                flipped += 1
    assert flipped > 0


def test_a_statement_without_cores_lists_those_that_have_them():
    with pytest.raises(InvalidInputError, match=r"'thm-nonsense' has no.*prop-collapse"):
        prove("thm-nonsense")
