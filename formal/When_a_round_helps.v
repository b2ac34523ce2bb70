(** A round helps while its fit is rougher than the truth. *)
From Coq Require Import Reals Lra Lia Psatz Arith.
From SD Require Import Setting Sums Problem Kkt Recursion.
Local Open Scope R_scope.

Section Truth.
Variables (n : nat) (d : nat -> R) (rho : R) (theta : nat -> R).
Hypothesis d_nonneg : forall k, (k < n)%nat -> 0 <= d k.
Hypothesis rho_pos : 0 < rho.
(** The truth lies in the range of G. Its roughness is [cost n d theta], which is n R(theta). *)
Hypothesis in_range : forall k, (k < n)%nat -> d k = 0 -> theta k = 0.

Section Round.
Variables (z : nat -> R) (c : R) (z' : nat -> R).
Hypothesis H : round n d rho z c z'.

(** The step s = y_t - y_{t+1} is c D^+ y_{t+1} on the range of G. *)
Lemma step_price : 2 * dot n (fun k => z k - z' k) (fun k => z' k - theta k)
  = c * (cost n d z' - cost n d theta + cost n d (fun k => z' k - theta k)).
Proof.
  unfold dot, cost. rewrite <- rsum_minus, <- rsum_plus, <- !rsum_scal. apply rsum_ext. intros k Hk.
  destruct H as [_ Hc _ Hz]. destruct (Rle_lt_or_eq_dec 0 (d k) (d_nonneg k Hk)) as [P|P].
  - rewrite (Hz k Hk). field. lra.
  - rewrite (in_range k Hk (eq_sym P)), (Hz k Hk), <- P. unfold Rdiv. rewrite Rinv_0. ring.
Qed.

(** The gain of a round is the tolerance plus a balance of three roughnesses. *)
Theorem prop_round_balance :
  energy n (fun k => z k - theta k) - energy n (fun k => z' k - theta k)
  = rho^2 + c * (cost n d z' - cost n d theta + cost n d (fun k => z' k - theta k)).
Proof.
  rewrite <- step_price, <- (step_energy n d rho d_nonneg z c z' H).
  unfold energy, dot. rewrite <- rsum_minus, <- rsum_scal, <- rsum_plus.
  apply rsum_ext. intros; ring.
Qed.

(** A round helps while its fit is rougher than the truth: the balance is not negative. *)
Theorem thm_rougher : cost n d theta <= cost n d z' ->
  energy n (fun k => z' k - theta k) + rho^2 <= energy n (fun k => z k - theta k).
Proof.
  intros Hr. pose proof prop_round_balance as E. pose proof (round_pos _ _ _ _ _ _ H) as Hc.
  assert (Hw : 0 <= cost n d (fun k => z' k - theta k)).
  { apply cost_nonneg; [assumption|]. intros k Hk Hd.
    rewrite (in_range k Hk Hd), (round_reachable n d rho z c z' H k Hk Hd). ring. }
  assert (0 <= c * (cost n d z' - cost n d theta + cost n d (fun k => z' k - theta k)))
    by (apply Rmult_le_pos; lra). lra.
Qed.

(** The new labels are the nearest point that is as smooth as they are, at the distance rho. *)
Theorem prop_round_projects : cost n d theta <= cost n d z' ->
  rho <= norm n (fun k => z k - theta k) /\ norm n (fun k => z k - z' k) = rho.
Proof.
  intros Hr. split; [|exact (step_length n d rho d_nonneg rho_pos z c z' H)].
  apply le_of_sqr; [apply norm_nonneg|]. rewrite norm_sqr.
  pose proof (thm_rougher Hr). pose proof (energy_nonneg n (fun k => z' k - theta k)). lra.
Qed.

(** A round makes the fit smoother, direction by direction. *)
Lemma round_smoother : (forall k, (k < n)%nat -> d k = 0 -> z k = 0) -> cost n d z' <= cost n d z.
Proof.
  intros Hz0. apply rsum_le. intros k Hk. destruct H as [_ Hc _ Hz].
  destruct (Rle_lt_or_eq_dec 0 (d k) (d_nonneg k Hk)) as [P|P].
  - apply Rmult_le_compat_r; [now apply Rlt_le, Rinv_0_lt_compat|]. rewrite (Hz k Hk), Rpow_mult_distr.
    pose proof (share_range c (d k) Hc (d_nonneg k Hk)). pose proof (pow2_ge_0 (z k)).
    assert ((d k / (c + d k))^2 <= 1) by nra. nra.
  - rewrite (Hz k Hk), (Hz0 k Hk (eq_sym P)). right. f_equal. ring.
Qed.
End Round.

Section Chain.
Variables (z : nat -> nat -> R) (c : nat -> R) (N : nat).
Hypothesis H : chain n d rho z c N.

Lemma roughness_falls i t : (1 <= i <= t)%nat -> (t <= N)%nat -> cost n d (z t) <= cost n d (z i).
Proof.
  intros Hi Ht. induction t as [|t IH]; [lia|]. destruct (Nat.eq_dec i (S t)) as [->|E]; [lra|].
  apply Rle_trans with (cost n d (z t)); [|apply IH; lia].
  apply (round_smoother _ _ _ (H t ltac:(lia))). destruct t as [|t]; [lia|].
  exact (round_reachable n d rho _ _ _ (H t ltac:(lia))).
Qed.

(** If fit k is rougher than the truth, so are the fits before it, and every round gains. *)
Theorem cor_rougher_rounds : forall t, (t < N)%nat -> cost n d theta <= cost n d (z (S t)) ->
  energy n (fun k => z (S t) k - theta k) + INR (S t) * rho^2 <= energy n (fun k => z 0%nat k - theta k) /\
  INR (S t) <= energy n (fun k => z 0%nat k - theta k) / rho^2.
Proof.
  intros t Ht Hr.
  assert (Hall : forall s, (s <= S t)%nat ->
    energy n (fun k => z s k - theta k) + INR s * rho^2 <= energy n (fun k => z 0%nat k - theta k)).
  { induction s as [|s IH]; intros Hs; [simpl; lra|]. specialize (IH ltac:(lia)).
    pose proof (roughness_falls (S s) (S t) ltac:(lia) ltac:(lia)).
    pose proof (thm_rougher _ _ _ (H s ltac:(lia)) ltac:(lra)). rewrite S_INR. lra. }
  specialize (Hall (S t) ltac:(lia)). split; [assumption|].
  pose proof (energy_nonneg n (fun k => z (S t) k - theta k)).
  assert (0 < rho^2) by (apply pow_lt; assumption). apply Rmult_le_reg_r with (rho^2); [assumption|].
  replace (energy n (fun k => z 0%nat k - theta k) / rho^2 * rho^2)
    with (energy n (fun k => z 0%nat k - theta k)) by (field; lra). lra.
Qed.
End Chain.
End Truth.
