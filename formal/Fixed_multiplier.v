(** A fixed multiplier: the chain is a power of one smoother. *)
From Coq Require Import Reals Lra Lia Psatz Arith.
From SD Require Import Setting Sums Problem Kkt Recursion.
Local Open Scope R_scope.

Lemma fixed_power n d (z : nat -> nat -> R) c :
  (forall t k, (k < n)%nat -> z (S t) k = single c (d k) * z t k) ->
  forall t k, (k < n)%nat -> z t k = (single c (d k))^t * z 0%nat k.
Proof.
  intros H t k Hk. induction t as [|t IH]; [simpl; ring|]. rewrite (H t k Hk), IH. simpl. ring.
Qed.

(** The labels are S^t y_0. Their energy is positive for ever, if a direction that the
    kernel reaches has some. *)
Theorem prop_fixed_power : forall n d (z : nat -> nat -> R) c, 0 < c ->
  (forall k, (k < n)%nat -> 0 <= d k) ->
  (forall t k, (k < n)%nat -> z (S t) k = single c (d k) * z t k) ->
  forall t k, (k < n)%nat ->
  z t k = (single c (d k))^t * z 0%nat k /\
  energy n (z t) = rsum n (fun i => (single c (d i))^(2 * t) * (z 0%nat i)^2) /\
  (0 < d k -> z 0%nat k <> 0 -> 0 < energy n (z t)).
Proof.
  intros n d z c Hc Hd H t k Hk. pose proof (fixed_power n d z c H t) as Hp.
  split; [now apply Hp|]. split.
  - apply rsum_ext. intros i Hi. rewrite (Hp i Hi), Rpow_mult_distr, <- pow_mult.
    f_equal. f_equal. lia.
  - intros P Hz. apply Rlt_le_trans with ((z t k)^2).
    + rewrite (Hp k Hk). apply pow2_pos. apply Rmult_integral_contrapositive_currified; [|assumption].
      apply pow_nonzero. unfold single. apply Rgt_not_eq, Rdiv_lt_0_compat; lra.
    + apply (rsum_term n (fun k => (z t k)^2)); [intros; apply pow2_ge_0|assumption].
Qed.

(** The direction tends to the top eigenvector, number m, at a geometric rate: x is any bound
    of the other eigenvalues. *)
Theorem prop_fixed_direction : forall m d (z : nat -> nat -> R) c x, 0 < c ->
  (forall k, (k < m)%nat -> 0 <= d k <= x) -> 0 < d m ->
  (forall t k, (k < S m)%nat -> z (S t) k = single c (d k) * z t k) ->
  forall t, energy m (z t) * (z 0%nat m)^2
            <= (single c x / single c (d m))^(2 * t) * energy m (z 0%nat) * (z t m)^2.
Proof.
  intros m d z c x Hc Hd Hm H t. pose proof (fixed_power (S m) d z c H t) as Hp.
  assert (Hs : 0 < single c (d m)) by (unfold single; apply Rdiv_lt_0_compat; lra).
  rewrite (Hp m ltac:(lia)), Rpow_mult_distr, <- pow_mult. replace (t * 2)%nat with (2 * t)%nat by lia.
  replace ((single c x / single c (d m))^(2 * t) * energy m (z 0%nat)
           * ((single c (d m))^(2 * t) * (z 0%nat m)^2))
    with ((single c x)^(2 * t) * energy m (z 0%nat) * (z 0%nat m)^2).
  2: { unfold Rdiv. rewrite Rpow_mult_distr, pow_inv. field. apply pow_nonzero. lra. }
  apply Rmult_le_compat_r; [apply pow2_ge_0|]. unfold energy. rewrite <- rsum_scal. apply rsum_le. intros k Hk.
  rewrite (Hp k ltac:(lia)), Rpow_mult_distr, <- pow_mult. replace (t * 2)%nat with (2 * t)%nat by lia.
  apply Rmult_le_compat_r; [apply pow2_ge_0|]. pose proof (Hd k Hk). apply pow_incr. unfold single. split.
  - apply div_nonneg; lra.
  - apply div_le_cross; nra.
Qed.

(** The chain of the paper, whose multiplier grows, shrinks every direction at least as fast. *)
Theorem prop_fixed_above : forall n d rho z c N, (forall k, (k < n)%nat -> 0 <= d k) -> 0 < rho ->
  chain n d rho z c N -> forall t j, (t < N)%nat -> (j < n)%nat ->
  B d c (S t) j <= (d j / (c 0%nat + d j))^(S t).
Proof.
  intros n d rho z c N Hd Hrho H t j Ht Hj. rewrite <- (rprod_const (S t) (d j / (c 0%nat + d j))).
  apply rprod_le. intros i Hi. pose proof (Hd j Hj).
  pose proof (round_pos _ _ _ _ _ _ (H 0%nat ltac:(lia))) as Hc0.
  assert (Hle : c 0%nat <= c i).
  { destruct i as [|i]; [lra|].
    pose proof (multiplier_increases n d rho Hd Hrho z c N H 0%nat (S i) ltac:(lia)). lra. }
  split; [apply div_nonneg; lra|apply div_le_cross; nra].
Qed.
