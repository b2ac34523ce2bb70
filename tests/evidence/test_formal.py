"""Theorems of Coq are the registry's statements, and what differs is noticed."""

from dataclasses import replace
from functools import cache

import pytest
from changed_theorems import GIVEN, Changed, changed_definitions, length_agrees, mutants

from sdtheory.evidence.formal import (
    ALLOWED,
    EVERYWHERE,
    LEFT_OUT,
    TIES,
    machine_checked,
    theorem_of,
)
from sdtheory.evidence.formal import coq as coq_module
from sdtheory.evidence.formal.compared import Tied
from sdtheory.evidence.formal.coq import FOLDER, CoqError, Export, missing_tools
from sdtheory.evidence.formal.recheck import differences
from sdtheory.evidence.formal.terms import (
    NotEvaluableError,
    World,
    parts,
    read,
    read_definition,
    read_theorem,
    written,
)
from sdtheory.statements import STATEMENTS
from sdtheory.validation import InvalidInputError

needs_coq = pytest.mark.skipif(
    bool(missing_tools()), reason=f"not installed: {', '.join(missing_tools())}"
)

#: Changes of a claim that are the claim, or whose difference no instance shows, with the reason.
EQUAL = {
    # true for any filters w in place of Wiener's, as the weights are then non-negative
    ("thm-second-round-helps", "(Rplus (single c (d k)) (wiener theta sigma k))"),
    # f (h - f) and f/(h - f) have the same sign in each direction, and a margin of 0 <= x has no
    # size but 1
    ("prop-minimum", "(Rdiv (Rdiv (f k) (Rminus (h k) (f k))) (d k))"),
}


@cache
def export():
    return Export.read()


@cache
def tied(id_):
    return Changed(STATEMENTS[id_], TIES[id_], export())


@pytest.mark.parametrize("id_", TIES)
def test_the_theorem_is_the_statement(id_):
    compared = tied(id_).compare()
    assert compared.good, compared.words


@pytest.mark.parametrize("id_", TIES)
def test_every_change_of_a_claim_is_noticed(id_):
    survivors = [words for words, noticed in tied(id_).mutants() if not noticed]
    assert [w for w in survivors if not any(i == id_ and e in w for i, e in EQUAL)] == []


def test_every_change_of_a_definition_is_noticed():
    everything = [tied(id_) for id_ in TIES]
    changes = list(changed_definitions(everything))
    survivors = [(name, words) for name, words, noticed in changes if not noticed()]
    # outputs are compared one at a time, where an orthogonal Q is a sign: w Q = w/Q
    assert [pair for pair in survivors if pair[0] != "turned"] == []
    assert len(survivors) <= 1
    used = set().union(*(t.used for t in everything))
    # these name a sum and two ways to count, and have no operation that could be changed
    plain = {"flat", "freedom", "spread"}
    assert {name for name, _, _ in changes} == used - GIVEN.keys() - plain


def test_ties_are_claims_of_the_registry_under_their_own_names():
    for id_, tie in TIES.items():
        assert not STATEMENTS[id_].refuted
        assert tie.scope.endswith(".")
        assert tie.scope[0].isupper()
    assert EVERYWHERE
    assert [id_ for id_ in STATEMENTS if id_ in TIES] == list(TIES)


def test_every_claim_has_a_theorem_or_a_reason_why_not():
    claims = {s.id for s in STATEMENTS.values() if not s.refuted}
    assert set(TIES) <= claims
    assert set(LEFT_OUT) == claims - set(TIES)


def test_every_theorem_stands_in_the_file_of_its_chapter():
    for id_ in TIES:
        file = export().theorems[theorem_of(id_)]["file"]
        assert file == f"{STATEMENTS[id_].chapter.capitalize()}.v"


def test_the_export_is_of_these_files_and_rests_on_the_axioms_of_the_reals():
    assert export().changed() == ()
    assert set(export().theorems) == set(map(theorem_of, TIES))
    assert all(set(t["axioms"]) <= ALLOWED for t in export().theorems.values())
    assert coq_module.forbidden(FOLDER) == []


def test_a_changed_export_is_noticed():
    theorems = dict(export().theorems)
    theorems["prop_step"] = {**theorems["prop_step"], "axioms": []}
    changed = replace(export(), theorems=theorems)
    assert differences(export(), export()) == []
    assert differences(export(), changed) == ["theorems: prop_step is different"]


def test_a_wrong_margin_is_noticed():
    bounds = STATEMENTS["prop-multiplier-bounds"]

    def exchanged(i):
        return dict(zip(("lower", "upper"), reversed(bounds.margin(i).values()), strict=True))

    wrong = replace(bounds, margin=exchanged)
    checked = machine_checked(wrong)
    assert checked is not None
    assert not checked.good
    assert "differs" in checked.reason


def test_a_theorem_with_one_more_hypothesis_is_noticed():
    text = export().theorems["prop_step"]["term"]
    narrower = text.replace("round n d rho z c z'), and", "round n d rho z c z') (_ : le n 1), and")
    narrower = narrower.replace("(_ : le n 1)", "(_ : le n (S O))")
    assert narrower != text
    theorems = {
        **export().theorems,
        "prop_step": {**export().theorems["prop_step"], "term": narrower},
    }
    changed = replace(export(), theorems=theorems)
    compared = Tied(STATEMENTS["prop-step"], TIES["prop-step"], changed).compare()
    assert not compared.good
    assert "(le n (S O)) fails" in compared.words


def test_a_statement_without_a_theorem_has_no_such_evidence():
    assert machine_checked(STATEMENTS["claim-floor"]) is None


def test_a_changed_file_is_noticed(tmp_path):
    for path in FOLDER.glob("*.v"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    assert export().changed(tmp_path) == ()
    with (tmp_path / "Setting.v").open("a", encoding="utf-8") as file:
        file.write("(* more *)\n")
    assert export().changed(tmp_path) == ("Setting.v",)


def test_a_missing_export_is_refused_with_what_to_do(tmp_path):
    with pytest.raises(InvalidInputError, match="run the command in a checkout"):
        Export.read(tmp_path / "export.json")
    (tmp_path / "export.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InvalidInputError, match="Write it by make proofs"):
        Export.read(tmp_path / "export.json")


def test_the_length_of_coq_is_the_length_of_the_library():
    definitions = tied("thm-length-falls").definitions
    assert length_agrees(definitions)
    assert not length_agrees({**definitions, "speed": definitions["energy"]})


# ---- reading and evaluating terms ---------------------------------------------------


def value(text, **env):
    return World({}, {}, (1.0, 2.0)).value(read(text), env)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Reals.Rplus (IZR (Zpos (xO xH))) (IZR Z0)", 2.0),
        ("Rdiv a (IZR Z0)", 0.0),
        ("sqrt (Ropp a)", 0.0),
        ("pow a (S (S O))", 9.0),
        ("(fix f (n : nat) {struct n} : R := match n return R with | O => a "
         "| S m => Rplus (f m) a end) (S (S O))", 9.0),
        ("match Req_EM_T a (IZR Z0) return R with | left _ => a | right _ => Ropp a end", -3.0),
    ],
)  # fmt: skip
def test_terms_have_the_values_of_coq(text, expected):
    assert value(text, a=3.0) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("forall (k : nat) (_ : lt k n), Rle (f k) (IZR (Zpos xH))", True),
        ("forall (k : nat), Rlt (f k) (IZR (Zpos xH))", False),
        ("@ex R (fun c : R => @eq R c (IZR (Zpos (xO xH))))", True),
        ("@ex R (@unique R (fun c : R => Rle (IZR (Zpos xH)) c))", False),
        ("iff (Rle (f O) (f n)) (not (Rlt (f n) (f O)))", True),
        ("or (lt n O) (and (le O n) (lt O n))", True),
    ],
)
def test_propositions_hold_or_not(text, expected):
    found = value(text, n=2, f=lambda k: 1.0 / (k + 1))
    assert (found if isinstance(found, bool) else found.holds()) is expected


def test_a_claim_about_all_reals_is_not_evaluated():
    with pytest.raises(NotEvaluableError):
        value("forall x : R, Rle x x")


def test_a_theorem_splits_into_its_claims():
    theorem = read_theorem(
        "name : forall (x : R) (_ : Rlt a x), and (Rle a x) (forall (k : nat) (_ : lt k n), "
        "and (Rlt x a) (@ex R (fun c : R => @eq R c x)))"
    )
    found = parts(theorem)
    assert [written(part.claim) for part in found] == ["(Rle a x)", "(Rlt x a)", "(eq R c x)"]
    assert [len(part.hypotheses) for part in found] == [1, 2, 2]
    assert [name for name, _ in found[2].variables] == ["x", "k", "c"]


def test_a_record_is_the_conjunction_of_its_fields():
    printed = "Variant r (x : R) : Prop := Build_r : forall (_ : Rle a x) (_ : Rlt x b), r x."
    assert written(read_definition(printed)) == "(fun x => (and (Rle a x) (Rlt x b)))"


def test_what_coq_does_not_print_is_refused():
    with pytest.raises(ValueError, match="ends early"):
        read("Rle (Rplus a b) (")
    with pytest.raises(ValueError, match="'R' where ':' should be"):
        read("fix f (n : nat) {struct n} R := n")


def test_mutants_use_only_variables_that_are_there():
    claim = read("Rle (Rdiv d_min x) c")
    found = {written(m) for m in mutants(claim, frozenset({"d_min", "x", "c"}))}
    assert found == {"(Rle c (Rdiv d_min x))", "(Rle (Rmult d_min x) c)"}
    wider = {written(m) for m in mutants(claim, frozenset({"d_min", "d_max", "x", "c"}))}
    assert wider - found == {"(Rle (Rdiv d_max x) c)"}


# ---- with Coq: what it finds in wrong proofs is told by make proofs -------------------


@needs_coq
def test_a_file_that_does_not_compile_is_refused(tmp_path):
    (tmp_path / "Wrong.v").write_text("Theorem t : 0 = 1. Proof. reflexivity. Qed.\n")
    with pytest.raises(CoqError, match="Unable to unify"):
        coq_module.compile_files(tmp_path, ["Wrong.v"])
