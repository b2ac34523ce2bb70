(** How fast the diagonal of B_t becomes sparse: the paper's Theorem 5, for as long as
    there are rounds. *)
From Coq Require Import Reals Lra Lia Psatz Arith.
From SD Require Import Setting Sums Problem Kkt Multiplier Recursion Rounds.
Local Open Scope R_scope.

(** ** The ratio after one round *)

Lemma ratio_form c dj dk : 0 <= c -> 0 < dj -> 0 < dk ->
  ratio c dj dk = dk * (c + dj) / (dj * (c + dk)).
Proof. intros. unfold ratio. field. repeat split; lra. Qed.

Lemma ratio_mono c c' dj dk : 0 <= c <= c' -> 0 < dj <= dk -> ratio c dj dk <= ratio c' dj dk.
Proof.
  intros Hc Hd. rewrite !ratio_form by lra. apply div_le_cross.
  - apply Rmult_lt_0_compat; lra.
  - apply Rmult_lt_0_compat; lra.
  - assert (0 <= (dk * dj) * ((c' - c) * (dk - dj))).
    { apply Rmult_le_pos; [nra|]. apply Rmult_le_pos; lra. }
    nra.
Qed.

Lemma ratio_ge1 c dj dk : 0 <= c -> 0 < dj <= dk -> 1 <= ratio c dj dk.
Proof.
  intros. rewrite ratio_form by lra. apply div_ge_1; [apply Rmult_lt_0_compat; lra|nra].
Qed.

Lemma ratio_cap c dj dk : 0 <= c -> 0 < dj <= dk -> ratio c dj dk <= dk / dj.
Proof.
  intros. rewrite ratio_form by lra. apply div_le_cross; [apply Rmult_lt_0_compat; lra|lra|].
  assert (0 <= dk * dj) by nra. nra.
Qed.

(** The quotient of two entries of A, and how it depends on the multiplier: for
    d_j < d_k it increases strictly, from 1 at c = 0, and stays below d_k/d_j. *)
Theorem lem_ratio : forall c c' dj dk, 0 < c < c' -> 0 < dj < dk ->
  dk / (c + dk) / (dj / (c + dj)) = ratio c dj dk /\
  1 < ratio c dj dk < ratio c' dj dk /\ ratio c' dj dk < dk / dj.
Proof.
  intros c c' dj dk Hc Hd. split; [unfold ratio; field; repeat split; lra|].
  rewrite !ratio_form by lra. repeat split.
  - apply div_gt_1; [apply Rmult_lt_0_compat; lra|nra].
  - apply div_lt_cross; [apply Rmult_lt_0_compat; lra|apply Rmult_lt_0_compat; lra|].
    assert (0 < (dk * dj) * ((c' - c) * (dk - dj))).
    { apply Rmult_lt_0_compat; [nra|]. apply Rmult_lt_0_compat; lra. }
    nra.
  - apply div_lt_cross; [apply Rmult_lt_0_compat; lra|lra|]. assert (0 < dk * dj) by nra. nra.
Qed.

(** ... and it comes as near to d_k/d_j as one likes. *)
Lemma ratio_limit : forall dj dk eta, 0 < dj < dk -> 0 < eta ->
  forall c, dk / dj * (dk - dj) / eta <= c -> dk / dj - eta < ratio c dj dk.
Proof.
  intros dj dk eta Hd He c Hc.
  assert (H0 : 0 < dk / dj * (dk - dj) / eta).
  { apply Rdiv_lt_0_compat; [|assumption]. apply Rmult_lt_0_compat; [apply Rdiv_lt_0_compat; lra|lra]. }
  rewrite ratio_form by lra.
  assert (E : dk / dj - dk * (c + dj) / (dj * (c + dk)) = dk / dj * (dk - dj) / (c + dk))
    by (field; lra).
  assert (dk / dj * (dk - dj) / (c + dk) < eta); [|lra].
  assert (Hm : dk / dj * (dk - dj) <= c * eta).
  { apply Rmult_le_compat_r with (r := eta) in Hc; [|lra].
    replace (dk / dj * (dk - dj) / eta * eta) with (dk / dj * (dk - dj)) in Hc by (field; lra). exact Hc. }
  apply Rmult_lt_reg_r with (c + dk); [lra|].
  replace (dk / dj * (dk - dj) / (c + dk) * (c + dk)) with (dk / dj * (dk - dj)) by (field; lra). nra.
Qed.

(** A bound d_min/q of the multiplier becomes the paper's form. *)
Lemma ratio_of_bound m q dj dk : 0 <= m -> 0 < q -> 0 < dj -> 0 < dk ->
  ratio (m / q) dj dk = (q + m / dj) / (q + m / dk).
Proof.
  intros. unfold ratio.
  assert (0 <= m / dk) by (apply div_nonneg; lra).
  assert (0 < q * dk + m) by nra. field. repeat split; lra.
Qed.

(** ** Chains *)

Section Sparsification.
Variables (n : nat) (d : nat -> R) (rho d_min d_max : R).
Hypothesis rho_pos : 0 < rho.
Hypothesis d_min_pos : 0 < d_min.
Hypothesis d_range : forall k, (k < n)%nat -> d_min <= d k <= d_max.
Variables (z : nat -> nat -> R) (c : nat -> R) (N : nat).
Hypothesis H : chain n d rho z c N.
Let r t := norm n (z t) / rho.

Lemma dn k : (k < n)%nat -> 0 <= d k.
Proof. intros Hk. specialize (d_range k Hk). lra. Qed.

Variables (j k : nat).
Hypothesis Hj : (j < n)%nat.
Hypothesis Hk : (k < n)%nat.
Hypothesis Hjk : d j <= d k.

Lemma dj_pos : 0 < d j. Proof. specialize (d_range j Hj). lra. Qed.
Lemma dk_pos : 0 < d k. Proof. specialize (d_range k Hk). lra. Qed.

Lemma c_pos i : (i < N)%nat -> 0 < c i.
Proof. intros Hi. apply (round_pos _ _ _ _ _ _ (H i Hi)). Qed.

(** The ratio of two entries of B is the product of the ratios of its rounds. *)
Lemma B_ratio t : (t <= N)%nat -> B d c t k / B d c t j = rprod t (fun i => ratio (c i) (d j) (d k)).
Proof.
  pose proof dj_pos. pose proof dk_pos.
  assert (Hp : forall l m, (m <= N)%nat -> 0 < d l -> 0 < B d c m l).
  { intros l m Hm Hl. apply rprod_pos. intros i Hi. pose proof (c_pos i ltac:(lia)).
    apply Rdiv_lt_0_compat; lra. }
  induction t as [|t IH]; intros Ht; [unfold B; simpl; field|].
  simpl. rewrite <- IH by lia. pose proof (c_pos t ltac:(lia)).
  rewrite ratio_form by lra. pose proof (Hp k t ltac:(lia) ltac:(lra)). pose proof (Hp j t ltac:(lia) ltac:(lra)).
  change (B d c (S t) k) with (B d c t k * (d k / (c t + d k))).
  change (B d c (S t) j) with (B d c t j * (d j / (c t + d j))).
  field. repeat split; lra.
Qed.

(** The bounds on the multiplier are bounds on what one round does to a ratio. *)
Theorem lem_one_round_ratio : forall t, (t < N)%nat ->
  (norm n (z t) / rho - 1 + d_min / d j) / (norm n (z t) / rho - 1 + d_min / d k)
  <= d k / (c t + d k) / (d j / (c t + d j))
  <= (norm n (z t) / rho - 1 + d_max / d j) / (norm n (z t) / rho - 1 + d_max / d k).
Proof.
  intros t Ht. pose proof dj_pos. pose proof dk_pos. destruct (H t Ht) as [Ha Hc Hs _]. fold (r t).
  assert (Hr : 0 < r t - 1) by (unfold r; pose proof (div_gt_1 (norm n (z t)) rho rho_pos Ha); lra).
  destruct (prop_multiplier_bounds n d (z t) rho d_min d_max (c t)) as [Hlo Hup]; auto; try lra.
  fold (r t) in Hlo, Hup.
  assert (HM : 0 < d_max) by (specialize (d_range j Hj); lra).
  replace (d k / (c t + d k) / (d j / (c t + d j))) with (ratio (c t) (d j) (d k))
    by (unfold ratio; field; repeat split; lra).
  rewrite <- !ratio_of_bound by lra. split; apply ratio_mono; try lra.
  split; [apply div_nonneg; lra|assumption].
Qed.

(** Theorem 5 for every non-trivial round: the multipliers grow, so every round's
    ratio is at least the bound for the first. *)
Theorem cor_sparsification_every_round : forall t, (1 <= t <= N)%nat ->
  ((norm n (z 0%nat) / rho - 1 + d_min / d j) / (norm n (z 0%nat) / rho - 1 + d_min / d k))^t
  <= B d c t k / B d c t j.
Proof.
  intros t [Ht1 Ht]. rewrite B_ratio by assumption. pose proof dj_pos. pose proof dk_pos.
  assert (HN : (0 < N)%nat) by lia. fold (r 0%nat).
  destruct (H 0%nat HN) as [Ha Hc Hs _].
  assert (Hr : 0 < r 0%nat - 1)
    by (unfold r; pose proof (div_gt_1 (norm n (z 0%nat)) rho rho_pos Ha); lra).
  destruct (prop_multiplier_bounds n d (z 0%nat) rho d_min d_max (c 0%nat)) as [Hlo _]; auto; try lra.
  fold (r 0%nat) in Hlo.
  rewrite <- rprod_const. apply rprod_le. intros i Hi.
  rewrite <- ratio_of_bound by lra.
  assert (0 <= d_min / (r 0%nat - 1)) by (apply div_nonneg; lra). split.
  - pose proof (ratio_ge1 (d_min / (r 0%nat - 1)) (d j) (d k) ltac:(lra) ltac:(lra)). lra.
  - apply ratio_mono; [|lra]. split; [assumption|].
    destruct i as [|i]; [lra|].
    pose proof (multiplier_increases n d rho dn rho_pos z c N H 0%nat (S i) ltac:(lia)). lra.
Qed.

(** No round multiplies a ratio by less than 1, or by more than d_k/d_j. *)
Theorem prop_sparsification_cap : forall t, (t <= N)%nat ->
  1 <= B d c t k / B d c t j <= (d k / d j)^t.
Proof.
  intros t Ht. rewrite B_ratio by assumption. pose proof dj_pos. pose proof dk_pos.
  rewrite <- rprod_const. split.
  - replace 1 with (rprod t (fun _ => 1)) by (rewrite rprod_const; apply pow1).
    apply rprod_le. intros i Hi. pose proof (c_pos i ltac:(lia)). split; [lra|].
    apply ratio_ge1; lra.
  - apply rprod_le. intros i Hi. pose proof (c_pos i ltac:(lia)). split.
    + pose proof (ratio_ge1 (c i) (d j) (d k) ltac:(lra) ltac:(lra)). lra.
    + apply ratio_cap; lra.
Qed.

(** By the first multiplier, and by q_i = sqrt(r_0^2 - i) - 1 in every round. *)
Lemma sparsification_first_multiplier : forall t, (t <= N)%nat -> (0 < N)%nat ->
  (ratio (c 0%nat) (d j) (d k))^t <= B d c t k / B d c t j.
Proof.
  intros t Ht HN. rewrite B_ratio by assumption. pose proof dj_pos. pose proof dk_pos.
  pose proof (c_pos 0%nat HN).
  rewrite <- rprod_const. apply rprod_le. intros i Hi. split.
  - pose proof (ratio_ge1 (c 0%nat) (d j) (d k) ltac:(lra) ltac:(lra)). lra.
  - apply ratio_mono; [|lra]. split; [lra|]. destruct i as [|i]; [lra|].
    pose proof (multiplier_increases n d rho dn rho_pos z c N H 0%nat (S i) ltac:(lia)). lra.
Qed.

Lemma sparsification_round_by_round : forall t, (t <= N)%nat ->
  rprod t (fun i => (sqrt ((r 0%nat)^2 - INR i) - 1 + d_min / d j)
                    / (sqrt ((r 0%nat)^2 - INR i) - 1 + d_min / d k))
  <= B d c t k / B d c t j.
Proof.
  intros t Ht. rewrite B_ratio by assumption. pose proof dj_pos. pose proof dk_pos.
  apply rprod_le. intros i Hi. destruct (H i ltac:(lia)) as [Ha Hc Hs _].
  assert (Hri : 1 < r i) by (apply div_gt_1; assumption).
  pose proof (energy_after n d rho dn z c N H i ltac:(lia)) as He.
  assert (Hsq : (r i)^2 <= (r 0%nat)^2 - INR i).
  { unfold r. rewrite <- !norm_sqr in He.
    replace ((norm n (z i) / rho)^2) with ((norm n (z i))^2 * / rho^2) by (field; lra).
    replace ((norm n (z 0%nat) / rho)^2 - INR i) with (((norm n (z 0%nat))^2 - INR i * rho^2) * / rho^2)
      by (field; lra).
    apply Rmult_le_compat_r; [apply Rlt_le, Rinv_0_lt_compat; nra|lra]. }
  set (q := sqrt ((r 0%nat)^2 - INR i)).
  assert (Hq : r i <= q).
  { unfold q. rewrite <- (sqrt_pow2 (r i)) by lra. apply sqrt_le_1_alt. assumption. }
  destruct (prop_multiplier_bounds n d (z i) rho d_min d_max (c i)) as [Hlo _]; auto; try lra.
  fold (r i) in Hlo.
  rewrite <- ratio_of_bound by lra.
  assert (Hq0 : 0 <= d_min / (q - 1)) by (apply div_nonneg; lra). split.
  - pose proof (ratio_ge1 (d_min / (q - 1)) (d j) (d k) ltac:(lra) ltac:(lra)). lra.
  - apply ratio_mono; [|lra]. split; [assumption|].
    apply Rle_trans with (d_min / (r i - 1)); [|assumption]. apply div_le_cross; nra.
Qed.

Lemma sparsification_exponential : forall t, (t <= N)%nat ->
  B d c t k / B d c t j <= exp (rsum t (fun i => c i * (1 / d j - 1 / d k))).
Proof.
  intros t Ht. rewrite B_ratio by assumption. pose proof dj_pos. pose proof dk_pos.
  induction t as [|t IH]; [simpl; rewrite exp_0; lra|].
  simpl. rewrite exp_plus. pose proof (c_pos t ltac:(lia)) as Hc. specialize (IH ltac:(lia)).
  pose proof (ratio_ge1 (c t) (d j) (d k) ltac:(lra) ltac:(lra)) as Hge.
  assert (Hone : ratio (c t) (d j) (d k) <= exp (c t * (1 / d j - 1 / d k))).
  { apply Rle_trans with (1 + c t * (1 / d j - 1 / d k)); [|apply exp_ineq1_le].
    unfold ratio. assert (Hx : 0 <= c t / d k) by (apply div_nonneg; lra).
    replace (1 + c t * (1 / d j - 1 / d k)) with (1 + c t / d j - c t / d k) by (field; lra).
    assert (Hxy : c t / d k <= c t / d j) by (apply div_le_cross; nra).
    apply Rmult_le_reg_r with (1 + c t / d k); [lra|].
    replace ((1 + c t / d j) / (1 + c t / d k) * (1 + c t / d k)) with (1 + c t / d j) by (field; split; lra).
    nra. }
  apply Rmult_le_compat; [|lra|assumption|assumption].
  apply Rlt_le, rprod_pos. intros i Hi. pose proof (c_pos i ltac:(lia)).
  pose proof (ratio_ge1 (c i) (d j) (d k) ltac:(lra) ltac:(lra)). lra.
Qed.
End Sparsification.

(** Theorem 5 as the paper states it: t <= (r_0 - 1)/kappa guarantees that the rounds exist. *)
Theorem thm_sparsification : forall n (d : nat -> R) (rho d_min d_max : R) z c N (j k t : nat),
  0 < rho -> 0 < d_min -> (forall k, (k < n)%nat -> d_min <= d k <= d_max) ->
  full_chain n d rho z c N -> (j < n)%nat -> (k < n)%nat -> d j < d k ->
  (1 <= t)%nat -> INR t <= (norm n (z 0%nat) / rho - 1) / (d_max / d_min) ->
  (t <= N)%nat /\
  ((norm n (z 0%nat) / rho - 1 + d_min / d j) / (norm n (z 0%nat) / rho - 1 + d_min / d k))^t
  <= B d c t k / B d c t j.
Proof.
  intros n d rho d_min d_max z c N j k t Hrho Hm Hd [H Hend] Hj Hk Hjk Ht1 Ht.
  assert (Hn : (0 < n)%nat) by lia.
  assert (Hdn : forall i, (i < n)%nat -> 0 <= d i) by (intros i Hi; specialize (Hd i Hi); lra).
  pose proof (rounds_lower n d rho Hdn Hrho z c N (conj H Hend)) as HN.
  pose proof (kappa_ge1 n d d_min d_max Hm Hd Hn) as Hk1.
  assert (Hr : 0 < norm n (z 0%nat) / rho - 1).
  { assert (1 <= INR t) by (replace 1 with (INR 1) by reflexivity; now apply le_INR).
    destruct (Rlt_dec 0 (norm n (z 0%nat) / rho - 1)) as [P|P]; [assumption|exfalso].
    assert ((norm n (z 0%nat) / rho - 1) / (d_max / d_min) <= 0); [|lra].
    apply Rmult_le_reg_r with (d_max / d_min); [lra|].
    replace ((norm n (z 0%nat) / rho - 1) / (d_max / d_min) * (d_max / d_min))
      with (norm n (z 0%nat) / rho - 1) by (field; specialize (Hd j Hj); split; lra). lra. }
  assert (Hle : (norm n (z 0%nat) / rho - 1) / (d_max / d_min) <= norm n (z 0%nat) / rho - 1).
  { replace (norm n (z 0%nat) / rho - 1) with ((norm n (z 0%nat) / rho - 1) / 1) at 2 by (field; lra).
    apply div_le_cross; [lra|lra|]. apply Rmult_le_compat_l; lra. }
  assert (HtN : (t <= N)%nat) by (apply INR_le; lra).
  split; [assumption|].
  exact (cor_sparsification_every_round n d rho d_min d_max Hrho Hm Hd z c N H j k Hj Hk ltac:(lra) t (conj Ht1 HtN)).
Qed.
