(** The recursion of self-distillation: equal steps, the number of rounds for any
    kernel, existence and uniqueness of the chain. *)
From Coq Require Import Reals Lra Lia Psatz Arith ZArith.
From SD Require Import Setting Sums Problem Kkt.
Local Open Scope R_scope.

(** One round is y' = G (c I + G)^{-1} y = V^T A V y with A = D (c I + D)^{-1}. *)
Theorem thm_recursion : forall n V d rho y c y' alpha,
  orthogonal n V -> (forall k, (k < n)%nat -> 0 <= d k) ->
  round n d rho (to_eigenbasis n V y) c (to_eigenbasis n V y') ->
  (forall i, (i < n)%nat -> c * alpha i + times n (gram n V d) alpha i = y i) ->
  (forall k, (k < n)%nat -> d k / (c + d k) * to_eigenbasis n V y k = to_eigenbasis n V y' k) /\
  (forall i, (i < n)%nat -> y' i = times n (gram n V d) alpha i) /\
  (forall i, (i < n)%nat -> y' i = from_eigenbasis n V (fun k => d k / (c + d k) * to_eigenbasis n V y k) i).
Proof.
  intros n V d rho y c y' alpha HV Hd [_ Hc _ Hn] Ha.
  assert (Hy : forall i, (i < n)%nat ->
    y' i = from_eigenbasis n V (fun k => d k / (c + d k) * to_eigenbasis n V y k) i).
  { intros i Hi. rewrite <- (from_to n V HV y' i Hi). apply from_ext. intros k Hk. now apply Hn. }
  split; [intros k Hk; symmetry; now apply Hn|]. split; [|exact Hy].
  intros i Hi. rewrite (Hy i Hi).
  pose proof (proj1 (solution n V d HV c Hc Hd alpha y) Ha) as Hs.
  rewrite (times_ext n _ alpha _ i Hs), (gram_from n V d HV). apply from_ext. intros k Hk.
  pose proof (Hd k Hk). field. lra.
Qed.

Section Rounds.
Variables (n : nat) (d : nat -> R) (rho : R).
Hypothesis d_nonneg : forall k, (k < n)%nat -> 0 <= d k.
Hypothesis rho_pos : 0 < rho.

Section One.
Variables (z : nat -> R) (c : R) (z' : nat -> R).
Hypothesis H : round n d rho z c z'.

Lemma step_triangle : norm n z - rho <= norm n z'.
Proof.
  pose proof (norm_step n z z') as Ht. rewrite (step_length n d rho d_nonneg rho_pos z c z' H) in Ht. lra.
Qed.

(** y' . (y - y') >= 0, eigendirection by eigendirection. *)
Lemma step_pythagoras : energy n z' + rho^2 <= energy n z.
Proof.
  rewrite <- (step_energy n d rho d_nonneg z c z' H). unfold energy. rewrite <- rsum_plus.
  apply rsum_le. intros k Hk. destruct H as [_ Hc _ Hz]. rewrite (Hz k Hk).
  pose proof (share_range c (d k) Hc (d_nonneg k Hk)). pose proof (pow2_ge_0 (z k)).
  assert (0 <= d k / (c + d k) * (1 - d k / (c + d k))) by nra. nra.
Qed.

Lemma step_shrinks : norm n z' <= norm n z.
Proof.
  apply le_of_sqr; [apply norm_nonneg|]. rewrite !norm_sqr. pose proof step_pythagoras. nra.
Qed.

Lemma reachable_part : exists k, (k < n)%nat /\ 0 < d k /\ z k <> 0.
Proof.
  destruct (reachable_dec n d z) as [E|E]; [assumption|exfalso].
  destruct H as [Ha Hc Hs _]. rewrite (secular_flat n d z c Hc d_nonneg E) in Hs.
  rewrite <- norm_sqr in Hs. pose proof (norm_nonneg n z). nra.
Qed.

Lemma next_in_range : null_energy n d z' = 0.
Proof.
  apply rsum_zero. intros k Hk. destruct (Req_EM_T (d k) 0) as [E|E]; [|reflexivity].
  rewrite (round_reachable n d rho z c z' H k Hk E). ring.
Qed.

Lemma next_energy_pos : 0 < energy n z'.
Proof.
  destruct reachable_part as [k [Hk [Hdk Hz]]]. apply Rlt_le_trans with ((z' k)^2).
  - destruct H as [_ Hc _ Hn]. rewrite (Hn k Hk), Rpow_mult_distr.
    apply Rmult_lt_0_compat; [apply pow_lt, Rdiv_lt_0_compat; lra|nra].
  - apply (rsum_term n (fun k => (z' k)^2)); [intros; apply pow2_ge_0|assumption].
Qed.

(** Every non-trivial round moves the labels by exactly rho, at an acute angle to zero. *)
Theorem prop_step : norm n (fun k => z k - z' k) = rho /\
  norm n z - rho <= norm n z' <= sqrt ((norm n z)^2 - rho^2).
Proof.
  split; [exact (step_length n d rho d_nonneg rho_pos z c z' H)|]. split; [exact step_triangle|].
  rewrite <- (sqrt_pow2 (norm n z')) by apply norm_nonneg. apply sqrt_le_1_alt.
  rewrite !norm_sqr. pose proof step_pythagoras. lra.
Qed.
End One.

(** The multiplier strictly increases: at the ridge c_t the next round's labels, which
    are smaller in every direction, leave a smaller residual than rho. *)
Theorem multiplier_grows z c z' c' z'' :
  round n d rho z c z' -> round n d rho z' c' z'' -> c < c'.
Proof.
  intros H H'. destruct (Rlt_dec c c') as [E|E]; [assumption|exfalso].
  assert (Hlt : secular n d z' c < rho^2).
  { destruct H as [_ Hc Hs Hz]. rewrite <- Hs.
    assert (Hterm : forall k, (k < n)%nat ->
      (c * z' k / (c + d k))^2 = (d k / (c + d k))^2 * (c * z k / (c + d k))^2).
    { intros k Hk. rewrite (Hz k Hk). pose proof (d_nonneg k Hk). field. lra. }
    assert (Hw : forall k, (k < n)%nat -> 0 <= (d k / (c + d k))^2 < 1).
    { intros k Hk. pose proof (d_nonneg k Hk) as Hd. split; [apply pow2_ge_0|].
      assert (0 <= d k / (c + d k)).
      { apply Rmult_le_pos; [assumption|]. apply Rlt_le, Rinv_0_lt_compat. lra. }
      assert (d k / (c + d k) < 1).
      { replace 1 with (1 / 1) by lra. apply div_lt_cross; lra. }
      nra. }
    apply rsum_lt.
    - intros k Hk. rewrite (Hterm k Hk). specialize (Hw k Hk).
      pose proof (pow2_ge_0 (c * z k / (c + d k))). nra.
    - destruct (rsum_pos_ex n (fun k => (c * z k / (c + d k))^2)) as [k [Hk Hp]].
      { unfold secular in Hs. rewrite Hs. nra. }
      exists k; split; [assumption|]. rewrite (Hterm k Hk). specialize (Hw k Hk). simpl in *. nra. }
  pose proof (round_root _ _ _ _ _ _ H') as Hs'. pose proof (round_pos _ _ _ _ _ _ H') as Hc'.
  pose proof (secular_mono n d z' c' c ltac:(lra) d_nonneg). lra.
Qed.

Lemma secular_unique z c c' : (exists k, (k < n)%nat /\ 0 < d k /\ z k <> 0) ->
  0 < c -> 0 < c' -> secular n d z c = secular n d z c' -> c = c'.
Proof.
  intros Hex Hc Hc' E. destruct (Rtotal_order c c') as [Hlt|[Heq|Hlt]]; [|assumption|]; exfalso.
  - pose proof (secular_strict n d z c c' ltac:(lra) d_nonneg Hex). lra.
  - pose proof (secular_strict n d z c' c ltac:(lra) d_nonneg Hex). lra.
Qed.

Section Chains.
Variables (z : nat -> nat -> R) (c : nat -> R) (N : nat).
Hypothesis H : chain n d rho z c N.

Lemma norm_after t : (t <= N)%nat -> norm n (z 0%nat) - INR t * rho <= norm n (z t).
Proof.
  induction t as [|t IH]; intros Ht; [simpl; lra|].
  pose proof (step_triangle _ _ _ (H t ltac:(lia))). specialize (IH ltac:(lia)).
  rewrite S_INR. lra.
Qed.

Lemma energy_after t : (t <= N)%nat -> energy n (z t) + INR t * rho^2 <= energy n (z 0%nat).
Proof.
  induction t as [|t IH]; intros Ht; [simpl; lra|].
  pose proof (step_pythagoras _ _ _ (H t ltac:(lia))). specialize (IH ltac:(lia)).
  rewrite S_INR. lra.
Qed.

Lemma norm_decreases s t : (s <= t <= N)%nat -> norm n (z t) <= norm n (z s).
Proof.
  intros [Hst Ht]. induction t as [|t IH].
  - replace s with 0%nat by lia. lra.
  - destruct (Nat.eq_dec s (S t)) as [->|E]; [lra|].
    pose proof (step_shrinks _ _ _ (H t ltac:(lia))). specialize (IH ltac:(lia) ltac:(lia)). lra.
Qed.

Lemma multiplier_increases s t : (s < t < N)%nat -> c s < c t.
Proof.
  intros [Hst Ht]. induction t as [|t IH]; [lia|].
  pose proof (multiplier_grows _ _ _ _ _ (H t ltac:(lia)) (H (S t) ltac:(lia))) as Hg.
  destruct (Nat.eq_dec s t) as [->|E]; [assumption|]. specialize (IH ltac:(lia) ltac:(lia)). lra.
Qed.

Lemma B_range t k : (t <= N)%nat -> (k < n)%nat -> 0 <= B d c t k <= 1.
Proof.
  intros Ht Hk. unfold B. induction t as [|t IH]; simpl; [lra|]. specialize (IH ltac:(lia)).
  pose proof (round_pos _ _ _ _ _ _ (H t ltac:(lia))). pose proof (d_nonneg k Hk).
  assert (0 <= d k / (c t + d k) <= 1) by (split; [apply div_nonneg; lra|apply div_le_1; lra]). nra.
Qed.

(** All rounds together are one diagonal matrix. *)
Lemma product : forall t k, (t <= N)%nat -> (k < n)%nat -> z t k = B d c t k * z 0%nat k.
Proof.
  induction t as [|t IH]; intros k Ht Hk; [unfold B; simpl; ring|].
  rewrite (round_next _ _ _ _ _ _ (H t ltac:(lia)) k Hk), IH by lia.
  unfold B. simpl. ring.
Qed.

(** ... and the coefficients of the fit are D^+ B_t V y_0, where d_k > 0. *)
Theorem thm_product : forall t k, (t < N)%nat -> (k < n)%nat ->
  B d c (S t) k * z 0%nat k = z (S t) k /\
  (0 < d k -> z t k / (c t + d k) = / d k * B d c (S t) k * z 0%nat k).
Proof.
  intros t k Ht Hk. split; [symmetry; apply product; [lia|assumption]|]. intros Hd.
  rewrite (product t k) by lia. pose proof (round_pos _ _ _ _ _ _ (H t Ht)).
  change (B d c (S t) k) with (B d c t k * (d k / (c t + d k))). field. lra.
Qed.

(** Directions with smaller eigenvalues shrink more, and every round shrinks further. *)
Theorem prop_ordered : forall t j k, (t < N)%nat -> (j < n)%nat -> (k < n)%nat -> d j <= d k ->
  0 <= B d c (S t) j /\ B d c (S t) j <= B d c (S t) k /\ B d c (S t) k < 1 /\
  B d c (S t) k <= B d c t k /\
  (0 < d j < d k -> B d c t k / B d c t j < B d c (S t) k / B d c (S t) j).
Proof.
  intros t j k Ht Hj Hk Hjk. pose proof (d_nonneg j Hj) as Hdj. pose proof (d_nonneg k Hk) as Hdk.
  pose proof (B_range (S t) j ltac:(lia) Hj) as Hbj. pose proof (B_range t k ltac:(lia) Hk) as Hbk.
  pose proof (round_pos _ _ _ _ _ _ (H t Ht)) as Hc.
  pose proof (share_range (c t) (d k) Hc Hdk) as Hs.
  assert (E : forall l, B d c (S t) l = B d c t l * (d l / (c t + d l))) by reflexivity.
  repeat split; [lra| | | |].
  - apply rprod_le. intros i Hi. pose proof (round_pos _ _ _ _ _ _ (H i ltac:(lia))).
    split; [apply div_nonneg; lra|]. apply div_le_cross; nra.
  - rewrite E. nra.
  - rewrite E. nra.
  - intros [Hj0 Hlt].
    assert (Hpos : forall l m, (m <= N)%nat -> 0 < d l -> 0 < B d c m l).
    { intros l m Hm Hl. apply rprod_pos. intros i Hi. pose proof (round_pos _ _ _ _ _ _ (H i ltac:(lia))).
      apply Rdiv_lt_0_compat; lra. }
    pose proof (Hpos j t ltac:(lia) Hj0). pose proof (Hpos k t ltac:(lia) ltac:(lra)). rewrite !E.
    apply div_lt_cross; [assumption|apply Rmult_lt_0_compat; [assumption|apply Rdiv_lt_0_compat; lra]|].
    replace (B d c t k * (B d c t j * (d j / (c t + d j)))) with (B d c t k * B d c t j * (d j / (c t + d j))) by ring.
    replace (B d c t k * (d k / (c t + d k)) * B d c t j) with (B d c t k * B d c t j * (d k / (c t + d k))) by ring.
    apply Rmult_lt_compat_l; [apply Rmult_lt_0_compat; assumption|]. apply div_lt_cross; nra.
Qed.
End Chains.

Lemma rounds_lower : forall z c N,
  full_chain n d rho z c N -> norm n (z 0%nat) / rho - 1 <= INR N.
Proof.
  intros z c N [H Hend]. pose proof (norm_after z c N H N ltac:(lia)) as Hn.
  apply Rmult_le_reg_r with rho; [assumption|].
  replace ((norm n (z 0%nat) / rho - 1) * rho) with (norm n (z 0%nat) - rho) by (field; lra).
  lra.
Qed.

Lemma rounds_upper : forall z c N,
  chain n d rho z c N -> (0 < N)%nat -> INR N < (norm n (z 0%nat) / rho)^2.
Proof.
  intros z c N H HN. destruct N as [|m]; [lia|].
  pose proof (energy_after z c (S m) H m ltac:(lia)) as He.
  pose proof (round_alive _ _ _ _ _ _ (H m ltac:(lia))) as Ha.
  assert (rho^2 < energy n (z m)).
  { rewrite <- norm_sqr. nra. }
  replace ((norm n (z 0%nat) / rho)^2) with (energy n (z 0%nat) / rho^2)
    by (rewrite <- norm_sqr; field; lra).
  rewrite S_INR. apply Rmult_lt_reg_r with (rho^2); [nra|].
  replace (energy n (z 0%nat) / rho^2 * rho^2) with (energy n (z 0%nat)) by (field; lra). lra.
Qed.

Lemma ceil_spec x m : (ceil x <= m)%Z <-> x <= IZR m.
Proof.
  unfold ceil. destruct (archimed (- x)) as [H1 H2]. split; intros H.
  - apply IZR_le in H. rewrite minus_IZR in H. lra.
  - assert (IZR (- m) < IZR (up (- x))) by (rewrite opp_IZR; lra). apply lt_IZR in H0. lia.
Qed.

(** The labels last for at least r_0 - 1 rounds, and for fewer than r_0^2. *)
Theorem cor_rounds_any_kernel : forall z c N, full_chain n d rho z c N ->
  1 < norm n (z 0%nat) / rho ->
  (forall t, (t <= N)%nat ->
    norm n (z 0%nat) / rho - INR t <= norm n (z t) / rho
    <= sqrt ((norm n (z 0%nat) / rho)^2 - INR t)) /\
  (ceil (norm n (z 0%nat) / rho - 1) <= Z.of_nat N <= ceil ((norm n (z 0%nat) / rho)^2 - 1))%Z.
Proof.
  intros z c N Hf Hr. pose proof Hf as [H Hend].
  assert (HN : (0 < N)%nat).
  { destruct N as [|m]; [exfalso|lia]. assert (norm n (z 0%nat) / rho <= 1) by now apply div_le_1. lra. }
  split.
  - intros t Ht. split.
    + pose proof (norm_after z c N H t Ht). apply Rmult_le_reg_r with rho; [assumption|].
      replace ((norm n (z 0%nat) / rho - INR t) * rho) with (norm n (z 0%nat) - INR t * rho) by (field; lra).
      replace (norm n (z t) / rho * rho) with (norm n (z t)) by (field; lra). lra.
    + pose proof (energy_after z c N H t Ht) as He. rewrite <- !norm_sqr in He.
      assert (0 <= norm n (z t) / rho) by (apply div_nonneg; [apply norm_nonneg|assumption]).
      rewrite <- (sqrt_pow2 (norm n (z t) / rho)) by assumption. apply sqrt_le_1_alt.
      apply Rmult_le_reg_r with (rho^2); [nra|].
      replace ((norm n (z t) / rho)^2 * rho^2) with ((norm n (z t))^2) by (field; lra).
      replace (((norm n (z 0%nat) / rho)^2 - INR t) * rho^2)
        with ((norm n (z 0%nat))^2 - INR t * rho^2) by (field; lra). lra.
  - split.
    + apply ceil_spec. rewrite <- INR_IZR_INZ. exact (rounds_lower z c N Hf).
    + pose proof (rounds_upper z c N H HN) as Hu.
      set (m := ceil ((norm n (z 0%nat) / rho)^2 - 1)).
      pose proof (proj1 (ceil_spec ((norm n (z 0%nat) / rho)^2 - 1) m) (Z.le_refl _)) as Hm.
      rewrite INR_IZR_INZ in Hu. assert (Hlt : IZR (Z.of_nat N) < IZR (m + 1)) by (rewrite plus_IZR; lra).
      apply lt_IZR in Hlt. lia.
Qed.

(** ** The chain exists, is finite, and is unique *)

Lemma chain_exists_aux m : forall z0, null_energy n d z0 < rho^2 ->
  energy n z0 <= INR m * rho^2 ->
  exists z c N, z 0%nat = z0 /\ self_distillation n d rho z c N.
Proof.
  induction m as [|m IH]; intros z0 Hnull Hen.
  - exists (fun t => match t with O => z0 | _ => fun _ => 0 end), (fun _ => 1), 0%nat.
    split; [reflexivity|]. split; [split; [intros t Ht; lia|]|reflexivity].
    apply le_of_sqr; [lra|]. rewrite norm_sqr. simpl in Hen. nra.
  - destruct (Rle_dec (norm n z0) rho) as [Hend|Halive].
    + exists (fun t => match t with O => z0 | _ => fun _ => 0 end), (fun _ => 1), 0%nat.
      split; [reflexivity|]. split; [split; [intros t Ht; lia|assumption]|reflexivity].
    + destruct (fit_exists n d rho d_nonneg rho_pos z0 Hnull) as [z1 [[c0 Hr]|[Hz _]]]; [|contradiction].
      destruct (IH z1) as [z [c [N [Hz [[Hch Hend] Hafter]]]]].
      * rewrite (next_in_range _ _ _ Hr). nra.
      * pose proof (step_pythagoras _ _ _ Hr). rewrite S_INR in Hen. lra.
      * exists (fun t => match t with O => z0 | S t' => z t' end).
        exists (fun t => match t with O => c0 | S t' => c t' end).
        exists (S N). split; [reflexivity|]. split; [split; [|assumption]|].
        -- intros t Ht. destruct t as [|t]; [rewrite Hz; assumption|]. apply Hch. lia.
        -- intros t Ht k Hk. destruct t as [|t]; [lia|]. apply Hafter; [lia|assumption].
Qed.

(** From any labels whose part in the null space is within the tolerance. So no theorem
    about chains is empty. *)
Theorem chain_exists : forall z0, null_energy n d z0 < rho^2 ->
  exists z c N, z 0%nat = z0 /\ self_distillation n d rho z c N.
Proof.
  intros z0 Hnull. destruct (above_nat (energy n z0 / rho^2)) as [m Hm].
  apply (chain_exists_aux m); [assumption|].
  replace (energy n z0) with (energy n z0 / rho^2 * rho^2) by (field; lra).
  apply Rmult_le_compat_r; [nra|lra].
Qed.

Lemma round_unique z w c c' z' w' : (forall k, (k < n)%nat -> z k = w k) ->
  round n d rho z c z' -> round n d rho w c' w' ->
  c = c' /\ forall k, (k < n)%nat -> z' k = w' k.
Proof.
  intros E H H'.
  assert (Hc : c = c').
  { apply (secular_unique z); [eapply reachable_part; eauto|apply H|apply H'|].
    rewrite (round_root _ _ _ _ _ _ H), <- (round_root _ _ _ _ _ _ H').
    apply rsum_ext. intros k Hk. now rewrite E. }
  split; [assumption|]. intros k Hk.
  rewrite (round_next _ _ _ _ _ _ H k Hk), (round_next _ _ _ _ _ _ H' k Hk), Hc, E; auto.
Qed.

Theorem chain_unique : forall z c N w b M,
  (forall k, (k < n)%nat -> z 0%nat k = w 0%nat k) ->
  full_chain n d rho z c N -> full_chain n d rho w b M ->
  N = M /\ (forall t, (t < N)%nat -> c t = b t) /\
  (forall t k, (t <= N)%nat -> (k < n)%nat -> z t k = w t k).
Proof.
  intros z c N w b M E0 [H He] [H' He'].
  assert (Eq : forall t, (t <= N)%nat -> (t <= M)%nat -> forall k, (k < n)%nat -> z t k = w t k).
  { induction t as [|t IH]; intros HN HM; [assumption|].
    eapply round_unique; [apply IH; lia|apply H; lia|apply H'; lia]. }
  assert (E : N = M).
  { destruct (Nat.lt_trichotomy N M) as [L|[L|L]]; [exfalso|assumption|exfalso].
    - pose proof (round_alive _ _ _ _ _ _ (H' N L)) as Ha.
      rewrite <- (norm_ext n (z N) (w N)) in Ha by (apply Eq; lia). lra.
    - pose proof (round_alive _ _ _ _ _ _ (H M L)) as Ha.
      rewrite (norm_ext n (z M) (w M)) in Ha by (apply Eq; lia). lra. }
  subst M. split; [reflexivity|]. split.
  - intros t Ht.
    exact (proj1 (round_unique _ _ _ _ _ _ (Eq t ltac:(lia) ltac:(lia)) (H t Ht) (H' t Ht))).
  - intros t k Ht Hk. apply Eq; auto.
Qed.

(** Every round of a self-distillation is the fit of its labels. *)
Lemma every_round : forall z c N, self_distillation n d rho z c N ->
  forall t, fit n d rho (z t) (z (S t)).
Proof.
  intros z c N [[H Hend] Hafter] t. destruct (Nat.lt_ge_cases t N) as [Ht|Ht].
  - left. exists (c t). now apply H.
  - right. split; [|now apply Hafter]. destruct (Nat.eq_dec t N) as [->|E]; [assumption|].
    destruct t as [|t]; [lia|]. rewrite (norm_zero n (z (S t))); [lra|]. apply Hafter. lia.
Qed.
End Rounds.
