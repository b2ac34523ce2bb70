(** The constrained problem: when the fit is zero, and when the constraint is active. *)
From Coq Require Import Reals Lra Lia Psatz Arith.
From SD Require Import Setting Sums.
Local Open Scope R_scope.

Section Problem.
Variables (n : nat) (d : nat -> R) (rho : R).
Hypothesis d_nonneg : forall k, (k < n)%nat -> 0 <= d k.

(** R is not negative, and zero for functions only that vanish at the data. *)

Lemma cost_term f k : (k < n)%nat -> (d k = 0 -> f k = 0) -> 0 <= (f k)^2 / d k.
Proof.
  intros Hk Hf. destruct (Rle_lt_or_eq_dec 0 (d k) (d_nonneg k Hk)) as [Hd|Hd].
  - apply div_nonneg; [apply pow2_ge_0|assumption].
  - rewrite Hf by auto. unfold Rdiv. right. ring.
Qed.

Lemma cost_nonneg f : (forall k, (k < n)%nat -> d k = 0 -> f k = 0) -> 0 <= cost n d f.
Proof. intros Hf. apply rsum_nonneg. intros k Hk. apply cost_term; auto. Qed.

Lemma cost_zero f : (forall k, (k < n)%nat -> d k = 0 -> f k = 0) -> cost n d f <= 0 ->
  forall k, (k < n)%nat -> f k = 0.
Proof.
  intros Hf H k Hk. destruct (Rle_lt_or_eq_dec 0 (d k) (d_nonneg k Hk)) as [Hd|Hd]; [|now apply Hf].
  assert (Ht : (f k)^2 / d k <= cost n d f).
  { apply (rsum_term n (fun k => (f k)^2 / d k)); [|assumption].
    intros i Hi. apply cost_term; auto. }
  assert (Hz : (f k)^2 <= 0).
  { replace ((f k)^2) with ((f k)^2 / d k * d k) by (field; lra). nra. }
  nra.
Qed.

Lemma cost_of_zero : cost n d (fun _ => 0) = 0.
Proof. apply rsum_zero. intros k _. unfold Rdiv. ring. Qed.

Lemma cost_scal s f : cost n d (fun k => s * f k) = s^2 * cost n d f.
Proof. unfold cost. rewrite <- rsum_scal. apply rsum_ext. intros; unfold Rdiv; ring. Qed.

Lemma zero_admissible z : norm n z <= rho -> admissible n d z rho (fun _ => 0).
Proof.
  intros Hz. split; [reflexivity|]. rewrite (norm_ext n _ z); [assumption|]. intros; ring.
Qed.

(** The solution is zero exactly when zero is admissible. *)
Theorem prop_collapse : forall z f, minimiser n d z rho f ->
  ((forall k, (k < n)%nat -> f k = 0) <-> norm n z <= rho).
Proof.
  intros z f [[Hr Ha] Hmin]. split.
  - (* if the solution is zero, zero is admissible, as a solution is *)
    intros Hz. rewrite (norm_ext n z (fun k => z k - f k)); [assumption|].
    intros k Hk. rewrite Hz by assumption. ring.
  - (* if zero is admissible, the solution costs nothing, and so it is zero *)
    intros Hz. apply cost_zero; [assumption|]. rewrite <- cost_of_zero.
    apply Hmin, zero_admissible, Hz.
Qed.

(** A solution with tolerance to spare could be shrunk a little and would cost less. *)
Theorem prop_active : forall z f, 0 < rho -> rho < norm n z -> minimiser n d z rho f ->
  norm n (fun k => z k - f k) = rho.
Proof.
  intros z f Hrho Halive Hsol. pose proof Hsol as [[Hr Ha] Hmin].
  destruct (Rle_lt_or_eq_dec _ _ Ha) as [Hspare|E]; [exfalso|exact E].
  set (gap := rho - norm n (fun k => z k - f k)). assert (Hgap : 0 < gap) by (unfold gap; lra).
  (* the solution is not zero, so it costs something *)
  assert (Hcost : 0 < cost n d f).
  { destruct (Rle_lt_or_eq_dec 0 _ (cost_nonneg f Hr)) as [P|P]; [assumption|exfalso].
    assert (norm n z <= rho); [|lra]. apply (prop_collapse z f Hsol). apply cost_zero; [assumption|lra]. }
  (* shrink it by a share s that the spare tolerance allows *)
  pose proof (norm_nonneg n f) as Hf.
  set (s := gap / (gap + norm n f)).
  assert (Hs : 0 < s <= 1).
  { unfold s. split; [apply Rdiv_lt_0_compat; lra|apply div_le_1; lra]. }
  assert (Hle : cost n d f <= cost n d (fun k => (1 - s) * f k)).
  { apply Hmin. split; [intros k Hk E; rewrite Hr by assumption; ring|].
    rewrite (norm_ext n _ (fun k => (z k - f k) + s * f k)) by (intros; ring).
    apply Rle_trans with (norm n (fun k => z k - f k) + s * norm n f).
    - rewrite <- (norm_scal n s f) by lra. apply norm_triangle.
    - assert (s * norm n f <= gap); [|unfold gap in *; lra].
      unfold s. replace (gap / (gap + norm n f) * norm n f) with (gap * (norm n f / (gap + norm n f)))
        by (field; lra).
      assert (norm n f / (gap + norm n f) <= 1) by (apply div_le_1; lra). nra. }
  rewrite cost_scal in Hle. assert ((1 - s)^2 < 1) by nra. nra.
Qed.
End Problem.
