(** All rounds together are one ridge regression with another kernel. *)
From Coq Require Import Reals Lra Lia Psatz Arith.
From SD Require Import Setting Sums Problem Kkt Multiplier Recursion Sparsification Early_stopping.
Local Open Scope R_scope.

(** The equivalent eigenvalue after t rounds. *)
Definition equivalent (c : nat -> R) (t : nat) (x : R) :=
  if Req_EM_T x 0 then 0 else c 0%nat / (rprod t (fun i => 1 + c i / x) - 1).

(** The product is the reciprocal of F, and d/d^+ is m(d)/c_0. *)
Lemma equivalent_ridge c t x : (forall i, (i < t)%nat -> 0 < c i) -> 0 < x ->
  equivalent c t x = c 0%nat * x / ridge c t x.
Proof.
  intros Hc Hx. unfold equivalent. destruct (Req_EM_T x 0) as [E|_]; [lra|].
  assert (E : rprod t (fun i => 1 + c i / x) = / several c t x).
  { induction t as [|t IH]; [unfold several; simpl; field|].
    pose proof (Hc t ltac:(lia)). specialize (IH ltac:(intros; apply Hc; lia)).
    pose proof (several_range c t x ltac:(intros; apply Hc; lia) Hx).
    change (rprod (S t) (fun i => 1 + c i / x)) with (rprod t (fun i => 1 + c i / x) * (1 + c t / x)).
    change (several c (S t) x) with (several c t x * (x / (c t + x))). rewrite IH. field. repeat split; lra. }
  rewrite E. unfold ridge, Rdiv. rewrite Rinv_mult, <- Rmult_assoc.
  replace (c 0%nat * x * / x) with (c 0%nat) by (field; lra). reflexivity.
Qed.

Section Chain.
Variables (n : nat) (d : nat -> R) (rho : R) (z : nat -> nat -> R) (c : nat -> R) (N : nat).
Hypothesis d_nonneg : forall k, (k < n)%nat -> 0 <= d k.
Hypothesis rho_pos : 0 < rho.
Hypothesis H : chain n d rho z c N.

Lemma c_positive i : (i < N)%nat -> 0 < c i.
Proof. intros Hi. apply (round_pos _ _ _ _ _ _ (H i Hi)). Qed.

Lemma c_first i : (i < N)%nat -> c 0%nat <= c i.
Proof.
  intros Hi. destruct i as [|i]; [lra|].
  pose proof (multiplier_increases n d rho d_nonneg rho_pos z c N H 0%nat (S i) ltac:(lia)). lra.
Qed.

Lemma ridge_positive t x : (0 < t <= N)%nat -> 0 < x -> 0 < ridge c t x.
Proof.
  intros Ht Hx. assert (Hc : forall i, (i < t)%nat -> 0 < c i) by (intros i Hi; apply c_positive; lia).
  apply Rlt_le_trans with (rsum t c); [|now apply ridge_ge_sum].
  apply Rlt_le_trans with (c 0%nat); [apply c_positive; lia|].
  apply (rsum_term t c 0%nat); [|lia]. intros i Hi. now apply Rlt_le, Hc.
Qed.

(** B_t[k] = d_k^+/(c_0 + d_k^+): the labels of the next round are the fitted values of
    one ridge regression, with the ridge c_0 and the equivalent eigenvalues. *)
Theorem thm_equivalent_kernel : forall t k, (t < N)%nat -> (k < n)%nat ->
  equivalent c (S t) (d k) / (c 0%nat + equivalent c (S t) (d k)) * z 0%nat k = z (S t) k /\
  0 <= equivalent c (S t) (d k).
Proof.
  intros t k Ht Hk. rewrite (product n d rho z c N H (S t) k ltac:(lia) Hk).
  pose proof (c_positive 0%nat ltac:(lia)) as Hc0.
  destruct (Rle_lt_or_eq_dec 0 (d k) (d_nonneg k Hk)) as [P|P].
  - assert (Hc : forall i, (i < S t)%nat -> 0 < c i) by (intros i Hi; apply c_positive; lia).
    rewrite equivalent_ridge by assumption. pose proof (ridge_positive (S t) (d k) ltac:(lia) P) as Hm.
    destruct (several_ridge c (S t) (d k) Hc P) as [E _].
    change (B d c (S t) k) with (several c (S t) (d k)). rewrite E. unfold single.
    split; [field; repeat split; nra|]. apply div_nonneg; [nra|assumption].
  - change (B d c (S t) k) with (B d c t k * (d k / (c t + d k))).
    unfold equivalent. rewrite <- P. destruct (Req_EM_T 0 0) as [_|E]; [|lra]. unfold Rdiv. split; [ring|lra].
Qed.

(** Every round lowers the equivalent eigenvalues, the small ones most. *)
Theorem prop_equivalent_shrinks : forall t x y, (1 <= t < N)%nat -> 0 < x <= y ->
  equivalent c (S t) x <= equivalent c t x /\ equivalent c t x <= x /\
  equivalent c (S t) x <= c 0%nat / rsum (S t) c * x /\
  c 0%nat / rsum (S t) c * x <= x / INR (S t) /\
  equivalent c (S t) x / x <= equivalent c (S t) y / y.
Proof.
  intros t x y [Ht1 Ht] Hxy.
  assert (Hc : forall i, (i < S t)%nat -> 0 < c i) by (intros i Hi; apply c_positive; lia).
  assert (Hc' : forall i, (i < t)%nat -> 0 < c i) by (intros i Hi; apply c_positive; lia).
  pose proof (Hc 0%nat ltac:(lia)) as Hc0. pose proof (Hc t ltac:(lia)) as Hct.
  rewrite !equivalent_ridge by (try assumption; lra).
  pose proof (ridge_positive (S t) x ltac:(lia) ltac:(lra)) as Hm1.
  pose proof (ridge_positive t x ltac:(lia) ltac:(lra)) as Hm0.
  pose proof (ridge_positive (S t) y ltac:(lia) ltac:(lra)) as Hm2.
  pose proof (ridge_step c t x Hc ltac:(lra)) as Hstep.
  pose proof (several_range c t x Hc' ltac:(lra)) as HF.
  assert (Hgain : 0 <= c t / several c t x) by (apply div_nonneg; lra).
  pose proof (ridge_ge_sum c (S t) x Hc ltac:(lra)) as Hs1.
  pose proof (ridge_ge_sum c t x Hc' ltac:(lra)) as Hs0.
  assert (Hs : forall m, (m <= S t)%nat -> INR m * c 0%nat <= rsum m c).
  { induction m as [|m IH]; intros Hm; [simpl; lra|]. specialize (IH ltac:(lia)). rewrite S_INR. simpl rsum.
    pose proof (c_first m ltac:(lia)). lra. }
  pose proof (Hs (S t) ltac:(lia)) as Hst. pose proof (Hs 1%nat ltac:(lia)) as H1.
  assert (Hn : 0 < INR (S t)) by (apply lt_0_INR; lia).
  assert (Hsum : 0 < rsum (S t) c) by nra.
  assert (Hle0 : c 0%nat <= ridge c t x).
  { apply Rle_trans with (rsum t c); [|assumption]. apply (rsum_term t c 0%nat); [|lia].
    intros i Hi. now apply Rlt_le, Hc'. }
  repeat split.
  - apply div_le_cross; [assumption|assumption|]. apply Rmult_le_compat_l; nra.
  - replace x with (x / 1) at 3 by field. apply div_le_cross; nra.
  - replace (c 0%nat / rsum (S t) c * x) with (c 0%nat * x / rsum (S t) c) by (field; lra).
    apply div_le_cross; [assumption|assumption|]. apply Rmult_le_compat_l; nra.
  - replace (c 0%nat / rsum (S t) c * x) with (c 0%nat * x / rsum (S t) c) by (field; lra).
    apply div_le_cross; [assumption|assumption|]. nra.
  - replace (c 0%nat * x / ridge c (S t) x / x) with (c 0%nat / ridge c (S t) x) by (field; lra).
    replace (c 0%nat * y / ridge c (S t) y / y) with (c 0%nat / ridge c (S t) y) by (field; lra).
    apply div_le_cross; [assumption|assumption|]. apply Rmult_le_compat_l; [lra|].
    apply ridge_decreases; assumption.
Qed.

(** Each fit is in a smaller ball than the last, and the new kernel's ball is inside the
    old one's. *)
Theorem prop_balls : forall t f, (t < N)%nat -> (forall k, (k < n)%nat -> d k = 0 -> f k = 0) ->
  cost n d (z (S t)) <= cost n d (z t) /\
  cost n d f <= rsum n (fun k => (f k)^2 / equivalent c (S t) (d k)).
Proof.
  intros t f Ht Hf. split; apply rsum_le; intros k Hk; pose proof (d_nonneg k Hk) as Hd.
  - rewrite (round_next _ _ _ _ _ _ (H t Ht) k Hk). pose proof (c_positive t Ht) as Hc.
    pose proof (share_range (c t) (d k) Hc Hd) as Hs. rewrite Rpow_mult_distr. unfold Rdiv at 1 3.
    apply Rmult_le_compat_r.
    + destruct (Rle_lt_or_eq_dec 0 (d k) Hd) as [P|P]; [now apply Rlt_le, Rinv_0_lt_compat|].
      rewrite <- P, Rinv_0. lra.
    + pose proof (pow2_ge_0 (z t k)). assert ((d k / (c t + d k))^2 <= 1) by nra. nra.
  - destruct (Rle_lt_or_eq_dec 0 (d k) Hd) as [P|P].
    2: { rewrite (Hf k Hk (eq_sym P)). unfold Rdiv. right. ring. }
    assert (Hc : forall i, (i < S t)%nat -> 0 < c i) by (intros i Hi; apply c_positive; lia).
    rewrite equivalent_ridge by assumption.
    pose proof (ridge_positive (S t) (d k) ltac:(lia) P) as Hm. pose proof (c_positive 0%nat ltac:(lia)) as Hc0.
    pose proof (ridge_ge_sum c (S t) (d k) Hc P) as Hs.
    assert (c 0%nat <= rsum (S t) c).
    { apply (rsum_term (S t) c 0%nat); [|lia]. intros i Hi. now apply Rlt_le, Hc. }
    unfold Rdiv at 1 2. apply Rmult_le_compat_l; [apply pow2_ge_0|].
    replace (/ (c 0%nat * d k / ridge c (S t) (d k))) with (ridge c (S t) (d k) / c 0%nat * / d k)
      by (field; repeat split; lra).
    rewrite <- (Rmult_1_l (/ d k)) at 1. apply Rmult_le_compat_r; [now apply Rlt_le, Rinv_0_lt_compat|].
    apply div_ge_1; lra.
Qed.
End Chain.
