(** How many rounds: the one-round map, the norm bound, the rounds bound, and the
    bound by equal steps that dominates both. *)
From Coq Require Import Reals Lra Lia Psatz Arith.
From SD Require Import Setting Sums Problem Kkt Multiplier Recursion.
Local Open Scope R_scope.

(** ** The one-round map and its tangent *)

Section Map.
Variables (kappa : R).
Hypothesis kappa_ge1 : 1 <= kappa.

Lemma tangent_gap r r0 : 1 <= r -> 1 <= r0 ->
  one_round_map kappa r - (slope r0 kappa * r - offset r0 kappa)
  = kappa * (kappa - 1) * (r - r0)^2 / ((r - 1 + kappa) * (r0 - 1 + kappa)^2).
Proof. intros. unfold one_round_map, slope, offset. field. split; lra. Qed.

Lemma tangent_below : forall r r0, 1 <= r -> 1 <= r0 ->
  slope r0 kappa * r - offset r0 kappa <= one_round_map kappa r.
Proof.
  intros r r0 Hr H0. pose proof (tangent_gap r r0 Hr H0) as Hg.
  assert (0 <= kappa * (kappa - 1) * (r - r0)^2 / ((r - 1 + kappa) * (r0 - 1 + kappa)^2)).
  { apply div_nonneg.
    - apply Rmult_le_pos; [nra|apply pow2_ge_0].
    - apply Rmult_lt_0_compat; [lra|]. apply pow_lt; lra. }
  lra.
Qed.

Lemma tangent_touches r0 : 1 <= r0 -> one_round_map kappa r0 = slope r0 kappa * r0 - offset r0 kappa.
Proof.
  intros H. pose proof (tangent_gap r0 r0 H H) as Hg.
  replace (kappa * (kappa - 1) * (r0 - r0)^2 / ((r0 - 1 + kappa) * (r0 - 1 + kappa)^2)) with 0 in Hg
    by (field; lra). lra.
Qed.

Lemma slope_nonneg r0 : 1 <= r0 -> 0 <= slope r0 kappa.
Proof.
  intros. unfold slope. apply div_nonneg; [|apply pow_lt; lra].
  pose proof (pow2_ge_0 (r0 - 1)). nra.
Qed.

Lemma slope_le1 r0 : 1 <= r0 -> slope r0 kappa <= 1.
Proof.
  intros. unfold slope. apply div_le_1; [apply pow_lt; lra|nra].
Qed.

Lemma slope_ge r0 : 1 <= r0 -> / kappa <= slope r0 kappa.
Proof.
  intros H. unfold slope. replace (/ kappa) with (1 / kappa) by (field; lra).
  apply div_le_cross; [lra|apply pow_lt; lra|].
  assert (0 <= (kappa - 1) * ((r0 - 1) * (r0 - 1 + 2 * kappa))) by (apply Rmult_le_pos; nra). nra.
Qed.

(** The map is convex, it increases at a rate between 1/kappa and 1, and it lies above
    its tangent at r_0, which touches it there. *)
Theorem lem_one_round_convex : forall r s w r0, 1 <= r -> 1 <= s -> 0 <= w <= 1 -> 1 <= r0 ->
  one_round_map kappa (w * s + (1 - w) * r)
    <= w * one_round_map kappa s + (1 - w) * one_round_map kappa r /\
  slope r0 kappa * r - offset r0 kappa <= one_round_map kappa r /\
  slope r0 kappa * r0 - offset r0 kappa = one_round_map kappa r0 /\
  (s <= r -> / kappa * (r - s) <= one_round_map kappa r - one_round_map kappa s <= r - s).
Proof.
  intros r s w r0 Hr Hs Hw H0. split; [|split; [now apply tangent_below|split; [symmetry; now apply tangent_touches|]]].
  - set (m := w * s + (1 - w) * r). assert (Hm : 1 <= m) by (unfold m; nra).
    rewrite (tangent_touches m Hm).
    pose proof (tangent_below r m Hr Hm). pose proof (tangent_below s m Hs Hm).
    assert (w * (slope m kappa * s - offset m kappa) <= w * one_round_map kappa s) by (apply Rmult_le_compat_l; lra).
    assert ((1 - w) * (slope m kappa * r - offset m kappa) <= (1 - w) * one_round_map kappa r) by (apply Rmult_le_compat_l; lra).
    unfold m at 2. lra.
  - intros Hsr. pose proof (tangent_below r s Hr Hs) as H1. pose proof (tangent_below s r Hs Hr) as H2.
    rewrite (tangent_touches s Hs) in *. rewrite (tangent_touches r Hr) in *.
    pose proof (slope_ge s Hs) as Ha. pose proof (slope_le1 r Hr) as Hb.
    assert (/ kappa * (r - s) <= slope s kappa * (r - s)) by (apply Rmult_le_compat_r; lra).
    assert (slope r kappa * (r - s) <= 1 * (r - s)) by (apply Rmult_le_compat_r; lra). lra.
Qed.

Lemma map_le r : 1 <= r -> one_round_map kappa r <= r - 1.
Proof.
  intros. unfold one_round_map.
  replace (r * (r - 1) / (r - 1 + kappa)) with ((r - 1) * (r / (r - 1 + kappa))) by (field; lra).
  assert (r / (r - 1 + kappa) <= 1) by (apply div_le_1; lra). nra.
Qed.

(** Iterates of the tangent, in closed form. *)

Lemma geometric_step a t : rsum (S t) (fun i => a ^ i) = 1 + a * rsum t (fun i => a ^ i).
Proof.
  induction t as [|t IH]; [simpl; ring|].
  change (rsum (S (S t)) (fun i => a ^ i)) with (rsum (S t) (fun i => a ^ i) + a * a ^ t).
  rewrite IH at 1. change (rsum (S t) (fun i => a ^ i)) with (rsum t (fun i => a ^ i) + a ^ t). ring.
Qed.

Lemma line_closed r0 t :
  line kappa r0 t = slope r0 kappa ^ t * r0 - offset r0 kappa * rsum t (fun i => slope r0 kappa ^ i).
Proof.
  induction t as [|t IH]; [simpl; ring|].
  rewrite geometric_step. simpl line. rewrite IH, <- tech_pow_Rmult.
  generalize (slope r0 kappa) (offset r0 kappa). intros. ring.
Qed.

Lemma geometric a t : a <> 1 -> rsum t (fun i => a ^ i) = (a ^ t - 1) / (a - 1).
Proof.
  intros Ha. induction t as [|t IH]; [simpl; field; lra|].
  simpl rsum. rewrite IH. simpl. field. lra.
Qed.

Lemma line_le_start r0 t : 1 <= r0 -> line kappa r0 t <= r0.
Proof.
  intros H0. induction t as [|t IH]; [simpl; lra|]. simpl line.
  pose proof (slope_nonneg r0 H0). pose proof (tangent_below r0 r0 H0 H0).
  pose proof (map_le r0 H0). nra.
Qed.

(** u_t <= max(r_0 - t, 0): an iterate above 1 falls by at least 1, an iterate below 1
    falls to at most h(1) = 0. *)
Lemma line_dominated : forall r0 t, 1 <= r0 -> line kappa r0 t <= Rmax (r0 - INR t) 0.
Proof.
  intros r0 t H0. pose proof (slope_nonneg r0 H0) as Ha.
  induction t as [|t IH]; [simpl; pose proof (Rmax_l (r0 - 0) 0); lra|].
  simpl line. rewrite S_INR. destruct (Rle_dec 1 (line kappa r0 t)) as [E|E].
  - pose proof (tangent_below (line kappa r0 t) r0 E H0). pose proof (map_le _ E).
    assert (line kappa r0 t <= r0 - INR t).
    { destruct (Rle_dec 0 (r0 - INR t)); [rewrite Rmax_left in IH; lra|rewrite Rmax_right in IH; lra]. }
    pose proof (Rmax_l (r0 - (INR t + 1)) 0). lra.
  - pose proof (tangent_below 1 r0 ltac:(lra) H0) as Hl.
    unfold one_round_map in Hl. replace (1 * (1 - 1) / (1 - 1 + kappa)) with 0 in Hl by (field; lra).
    pose proof (Rmax_r (r0 - (INR t + 1)) 0). nra.
Qed.

(** r_0 - kappa t <= u_t: a step along the tangent loses at most kappa. *)
Lemma line_above : forall r0 t, 1 <= r0 -> r0 - kappa * INR t <= line kappa r0 t.
Proof.
  intros r0 t H0. induction t as [|t IH]; [simpl; lra|]. simpl line. rewrite S_INR.
  pose proof (line_le_start r0 t H0) as Hle. pose proof (slope_le1 r0 H0) as Ha.
  assert (Hdrop : (1 - slope r0 kappa) * r0 + offset r0 kappa <= kappa).
  { pose proof (tangent_gap r0 r0 H0 H0) as Hg.
    assert (Hz : kappa * (kappa - 1) * (r0 - r0)^2 / ((r0 - 1 + kappa) * (r0 - 1 + kappa)^2) = 0)
      by (field; lra).
    rewrite Hz in Hg.
    assert (r0 - one_round_map kappa r0 <= kappa).
    { unfold one_round_map.
      replace (r0 - r0 * (r0 - 1) / (r0 - 1 + kappa)) with (r0 * kappa / (r0 - 1 + kappa)) by (field; lra).
      replace (r0 * kappa / (r0 - 1 + kappa)) with (kappa * (r0 / (r0 - 1 + kappa))) by (field; lra).
      assert (r0 / (r0 - 1 + kappa) <= 1) by (apply div_le_1; lra). nra. }
    lra. }
  nra.
Qed.
End Map.

(** ** Chains *)

Section Rounds.
Variables (n : nat) (d : nat -> R) (rho d_min d_max : R).
Hypothesis rho_pos : 0 < rho.
Hypothesis d_min_pos : 0 < d_min.
Hypothesis d_range : forall k, (k < n)%nat -> d_min <= d k <= d_max.
Hypothesis n_pos : (0 < n)%nat.
Let kappa := d_max / d_min.

Lemma d_nonneg k : (k < n)%nat -> 0 <= d k.
Proof. intros Hk. specialize (d_range k Hk). lra. Qed.

Lemma kappa_ge1 : 1 <= kappa.
Proof. specialize (d_range 0%nat n_pos). unfold kappa. apply div_ge_1; lra. Qed.

(** Every component keeps at least the share of the smallest eigenvalue. *)
Lemma one_round_alive : forall z c z', round n d rho z c z' ->
  one_round_map kappa (norm n z / rho) <= norm n z' / rho.
Proof.
  intros z c z' [Ha Hc Hs Hz].
  pose proof kappa_ge1 as Hk1. pose proof (div_gt_1 (norm n z) rho rho_pos Ha) as Hr.
  set (r := norm n z / rho) in *.
  destruct (prop_multiplier_bounds n d z rho d_min d_max c) as [_ Hup]; auto; try lra.
  fold r in Hup.
  assert (HM : 0 < d_max) by (specialize (d_range 0%nat n_pos); lra).
  assert (Hshare : d_min / (c + d_min) * norm n z <= norm n z').
  { rewrite <- norm_scal by (apply Rlt_le, Rdiv_lt_0_compat; lra).
    apply le_of_sqr; [apply norm_nonneg|]. rewrite !norm_sqr. apply rsum_le. intros k Hk.
    rewrite (Hz k Hk). specialize (d_range k Hk). rewrite !Rpow_mult_distr.
    apply Rmult_le_compat_r; [apply pow2_ge_0|]. apply sqr_le. split.
    - apply Rlt_le, Rdiv_lt_0_compat; lra.
    - apply div_le_cross; nra. }
  assert (Hw : (r - 1) / (r - 1 + kappa) <= d_min / (c + d_min)).
  { replace ((r - 1) / (r - 1 + kappa)) with (d_min / (d_max / (r - 1) + d_min)).
    - assert (0 < d_max / (r - 1)) by (apply Rdiv_lt_0_compat; lra).
      apply div_le_cross; [lra|lra|]. nra.
    - unfold kappa. field. repeat split; try lra. nra. }
  replace (one_round_map kappa r) with ((r - 1) / (r - 1 + kappa) * r)
    by (unfold one_round_map; field; lra).
  apply Rle_trans with (d_min / (c + d_min) * r); [apply Rmult_le_compat_r; lra|].
  unfold r. replace (d_min / (c + d_min) * (norm n z / rho))
    with (d_min / (c + d_min) * norm n z / rho) by (unfold Rdiv; ring).
  apply Rmult_le_compat_r; [now apply Rlt_le, Rinv_0_lt_compat|assumption].
Qed.

(** After the collapse r_{t+1} = 0, and h(r) <= 0 for r <= 1. *)
Theorem lem_one_round : forall z z', fit n d rho z z' ->
  one_round_map (d_max / d_min) (norm n z / rho) <= norm n z' / rho.
Proof.
  intros z z' [[c Hr]|[Hz Hz']]; [exact (one_round_alive z c z' Hr)|]. fold kappa.
  rewrite (norm_zero n z' Hz'). pose proof kappa_ge1 as Hk.
  assert (Hr : 0 <= norm n z / rho <= 1).
  { split; [apply div_nonneg; [apply norm_nonneg|assumption]|apply div_le_1; assumption]. }
  set (r := norm n z / rho) in *. replace (0 / rho) with 0 by (field; lra). unfold one_round_map.
  destruct (Req_EM_T (r - 1 + kappa) 0) as [E|E].
  - (* kappa = 1 and r = 0: Coq's 0/0 is 0, as the book sets h(0) = 0 *)
    replace r with 0 by lra. rewrite Rmult_0_l. unfold Rdiv. rewrite Rmult_0_l. lra.
  - replace (r * (r - 1) / (r - 1 + kappa)) with (- (r * (1 - r) / (r - 1 + kappa))) by (field; assumption).
    assert (0 <= r * (1 - r) / (r - 1 + kappa)) by (apply div_nonneg; nra). lra.
Qed.

Section Chains.
Variables (z : nat -> nat -> R) (c : nat -> R) (N : nat).
Hypothesis H : self_distillation n d rho z c N.
Let r t := norm n (z t) / rho.

Lemma norm_bound_line : 1 < r 0%nat -> forall t, line kappa (r 0%nat) t <= r t.
Proof.
  intros H0. pose proof kappa_ge1 as Hk.
  pose proof (slope_nonneg kappa Hk (r 0%nat) ltac:(lra)) as Hs.
  pose proof (tangent_below kappa Hk 1 (r 0%nat) ltac:(lra) ltac:(lra)) as H1.
  unfold one_round_map in H1. replace (1 * (1 - 1) / (1 - 1 + kappa)) with 0 in H1 by (field; lra).
  induction t as [|t IH]; [simpl; lra|]. simpl line.
  destruct (every_round n d rho rho_pos z c N H t) as [[b Hr]|[Hz Hz']].
  - (* r_{t+1} >= h(r_t) >= l(r_t) >= l(u_t) *)
    pose proof (one_round_alive _ _ _ Hr) as Hone.
    pose proof (div_gt_1 (norm n (z t)) rho rho_pos (round_alive _ _ _ _ _ _ Hr)) as Hgt.
    fold (r t) in Hone, Hgt. fold (r (S t)) in Hone.
    pose proof (tangent_below kappa Hk (r t) (r 0%nat) ltac:(lra) ltac:(lra)). nra.
  - (* r_{t+1} = 0 = h(1) >= l(1) >= l(r_t) >= l(u_t) *)
    change (r (S t)) with (norm n (z (S t)) / rho). rewrite (norm_zero n _ Hz'). replace (0 / rho) with 0 by (field; lra).
    assert (r t <= 1) by (apply div_le_1; assumption). nra.
Qed.

(** Proposition 3, for every round and with the geometric sum written out. *)
Theorem prop_norm_bound : 1 < norm n (z 0%nat) / rho -> forall t,
  slope (norm n (z 0%nat) / rho) (d_max / d_min) ^ t * (norm n (z 0%nat) / rho)
  - offset (norm n (z 0%nat) / rho) (d_max / d_min)
    * rsum t (fun i => slope (norm n (z 0%nat) / rho) (d_max / d_min) ^ i)
  <= norm n (z t) / rho.
Proof. intros H0 t. rewrite <- line_closed. exact (norm_bound_line H0 t). Qed.

(** ... and in the paper's form, with a quotient, in the units of the labels. *)
Theorem prop_norm_bound_paper : 1 < norm n (z 0%nat) / rho -> forall t,
  slope (norm n (z 0%nat) / rho) (d_max / d_min) <> 1 ->
  slope (norm n (z 0%nat) / rho) (d_max / d_min) ^ t * norm n (z 0%nat)
  - rho * offset (norm n (z 0%nat) / rho) (d_max / d_min)
    * ((slope (norm n (z 0%nat) / rho) (d_max / d_min) ^ t - 1)
       / (slope (norm n (z 0%nat) / rho) (d_max / d_min) - 1))
  <= norm n (z t).
Proof.
  intros H0 t Ha. pose proof (prop_norm_bound H0 t) as Hb. rewrite geometric in Hb by assumption.
  fold kappa. fold kappa in Ha, Hb. fold (r 0%nat). fold (r 0%nat) in Ha, Hb. set (a := slope (r 0%nat) kappa) in *. set (b := offset (r 0%nat) kappa) in *.
  apply Rmult_le_compat_r with (r := rho) in Hb; [|lra]. unfold r in Hb.
  replace ((a ^ t * (norm n (z 0%nat) / rho) - b * ((a ^ t - 1) / (a - 1))) * rho)
    with (a ^ t * norm n (z 0%nat) - rho * b * ((a ^ t - 1) / (a - 1))) in Hb by (field; lra).
  replace (norm n (z t) / rho * rho) with (norm n (z t)) in Hb by (field; lra). assumption.
Qed.

(** Proposition 4. *)
Theorem prop_rounds_bound :
  (forall t, norm n (z 0%nat) / rho - d_max / d_min * INR t <= norm n (z t) / rho) /\
  (norm n (z 0%nat) / rho - 1) / (d_max / d_min) <= INR N.
Proof.
  fold kappa. pose proof kappa_ge1 as Hk.
  assert (Hall : forall t, r 0%nat - kappa * INR t <= r t).
  { intros t. destruct (Rlt_dec 1 (r 0%nat)) as [H0|H0].
    - pose proof (line_above kappa Hk (r 0%nat) t ltac:(lra)). pose proof (norm_bound_line H0 t). lra.
    - assert (0 <= r t) by (apply div_nonneg; [apply norm_nonneg|assumption]).
      destruct t as [|t]; [simpl; lra|]. rewrite S_INR. pose proof (pos_INR t). nra. }
  split; [exact Hall|]. destruct H as [[_ Hend] _].
  assert (HN : r N <= 1) by (apply div_le_1; assumption). specialize (Hall N).
  apply Rmult_le_reg_r with kappa; [lra|].
  replace ((norm n (z 0%nat) / rho - 1) / kappa * kappa) with (r 0%nat - 1) by (unfold r; field; lra). lra.
Qed.

(** Steps of equal length say at least as much as the condition number, everywhere. *)
Theorem cor_step_dominates : 1 < norm n (z 0%nat) / rho -> forall t,
  norm n (z 0%nat) / rho - d_max / d_min * INR t
  <= slope (norm n (z 0%nat) / rho) (d_max / d_min) ^ t * (norm n (z 0%nat) / rho)
     - offset (norm n (z 0%nat) / rho) (d_max / d_min)
       * rsum t (fun i => slope (norm n (z 0%nat) / rho) (d_max / d_min) ^ i) /\
  slope (norm n (z 0%nat) / rho) (d_max / d_min) ^ t * (norm n (z 0%nat) / rho)
  - offset (norm n (z 0%nat) / rho) (d_max / d_min)
    * rsum t (fun i => slope (norm n (z 0%nat) / rho) (d_max / d_min) ^ i)
  <= Rmax (norm n (z 0%nat) / rho - INR t) 0 /\
  Rmax (norm n (z 0%nat) / rho - INR t) 0 <= norm n (z t) / rho.
Proof.
  intros H0 t. fold kappa. pose proof kappa_ge1 as Hk. rewrite <- line_closed. fold (r 0%nat). fold (r 0%nat) in H0.
  split; [now apply line_above; [assumption|lra]|].
  split; [now apply line_dominated; [assumption|lra]|]. fold (r t).
  assert (Hpos : 0 <= r t) by (apply div_nonneg; [apply norm_nonneg|assumption]).
  apply Rmax_lub; [|assumption]. pose proof H as [Hf _].
  destruct (cor_rounds_any_kernel n d rho d_nonneg rho_pos z c N Hf H0) as [Hall _].
  destruct (Nat.le_gt_cases t N) as [Ht|Ht]; [apply Hall, Ht|].
  specialize (Hall N ltac:(lia)). destruct Hf as [_ Hend].
  assert (HN : r N <= 1) by (apply div_le_1; assumption). unfold r in HN at 1.
  apply lt_INR in Ht. destruct t as [|t]; [simpl in Ht; pose proof (pos_INR N); lra|].
  apply INR_lt in Ht. assert (Ht' : INR N <= INR t) by (apply le_INR; lia).
  rewrite S_INR. unfold r in Hpos. unfold r. lra.
Qed.
End Chains.
End Rounds.
