(** What becomes of the bound on the sparsity index, and of the index, as the tolerance falls. *)
From Coq Require Import Reals Lra Lia Psatz Arith.
From SD Require Import Setting Sums Problem Kkt Multiplier Recursion Sparsification.
Local Open Scope R_scope.

(** ** The bound *)

(** log(1 + x) lies between x/(1 + x) and x; here for a quotient. *)
Lemma ln_between q a b : 0 < q + b -> b <= a -> (a - b) / (q + a) <= ln ((q + a) / (q + b)) <= (a - b) / (q + b).
Proof.
  intros Hb Hab. assert (Ha : 0 < q + a) by lra.
  assert (Hx : 0 < (q + a) / (q + b)) by (apply Rdiv_lt_0_compat; assumption).
  assert (Hln : forall x, 0 < x -> ln x <= x - 1).
  { intros x P. pose proof (exp_ineq1_le (ln x)) as He. rewrite exp_ln in He by assumption. lra. }
  split.
  - pose proof (Hln ((q + b) / (q + a)) ltac:(apply Rdiv_lt_0_compat; assumption)) as H.
    replace ((q + b) / (q + a)) with (/ ((q + a) / (q + b))) in H at 1 by (field; lra).
    rewrite ln_Rinv in H by assumption.
    replace ((a - b) / (q + a)) with (- ((q + b) / (q + a) - 1)) by (field; lra). lra.
  - pose proof (Hln _ Hx) as H. replace ((a - b) / (q + b)) with ((q + a) / (q + b) - 1) by (field; lra). lra.
Qed.

Lemma ln_quotient x y : 0 < x -> 0 < y -> ln (x / y) = ln x - ln y.
Proof.
  intros Hx Hy. unfold Rdiv. rewrite ln_mult, ln_Rinv; [ring|assumption|assumption|].
  now apply Rinv_0_lt_compat.
Qed.

(** t log((kappa t + a)/(kappa t + b)) grows with t: t' log(kappa t' + u) - t log(kappa t + u)
    grows with u, at the rate (t' - t) u/((kappa t + u)(kappa t' + u)). *)
Lemma bound_grows kappa a b t t' : 0 < kappa -> 0 < b <= a -> 0 < t <= t' ->
  t * ln ((kappa * t + a) / (kappa * t + b)) <= t' * ln ((kappa * t' + a) / (kappa * t' + b)).
Proof.
  intros Hk Hab Ht. assert (Hpos : forall s u, 0 < s -> 0 < u -> 0 < kappa * s + u) by (intros; nra).
  rewrite !ln_quotient by (apply Hpos; lra).
  destruct (Rle_lt_or_eq_dec b a ltac:(lra)) as [Hlt|E]; [|rewrite E; lra].
  set (g := fun u => t' * ln (kappa * t' + u) - t * ln (kappa * t + u)).
  set (dg := fun u => t' * (/ (kappa * t' + u) * (0 + 1)) - t * (/ (kappa * t + u) * (0 + 1))).
  assert (Hder : forall u, b <= u <= a -> derivable_pt_lim g u (dg u)).
  { intros u Hu. unfold g, dg.
    assert (Hone : forall s, 0 < s -> derivable_pt_lim (fun u => s * ln (kappa * s + u)) u (s * (/ (kappa * s + u) * (0 + 1)))).
    { intros s Hs. apply (derivable_pt_lim_scal (fun u => ln (kappa * s + u)) s).
      apply (derivable_pt_lim_comp (fun u => kappa * s + u) ln).
      - apply (derivable_pt_lim_plus (fun _ => kappa * s) (fun u => u)); [apply derivable_pt_lim_const|apply derivable_pt_lim_id].
      - apply derivable_pt_lim_ln. apply Hpos; lra. }
    apply (derivable_pt_lim_minus (fun u => t' * ln (kappa * t' + u)) (fun u => t * ln (kappa * t + u))); apply Hone; lra. }
  destruct (MVT_cor2 g dg b a Hlt Hder) as [u [E Hu]].
  assert (Hd : 0 <= dg u).
  { unfold dg. pose proof (Hpos t u ltac:(lra) ltac:(lra)). pose proof (Hpos t' u ltac:(lra) ltac:(lra)).
    replace (t' * (/ (kappa * t' + u) * (0 + 1)) - t * (/ (kappa * t + u) * (0 + 1)))
      with ((t' - t) * u / ((kappa * t' + u) * (kappa * t + u))) by (field; lra).
    apply div_nonneg; [apply Rmult_le_pos; lra|apply Rmult_lt_0_compat; assumption]. }
  assert (0 <= g a - g b) by (rewrite E; apply Rmult_le_pos; lra). unfold g in *. lra.
Qed.

(** For every pair of neighbours: the logarithm of the bound grows with t and tends to
    (d_min/kappa)(1/d_j - 1/d_k), at the rate 1/r_0. *)
Theorem thm_near_interpolation : forall d_min dj dk kappa t,
  0 < d_min -> 1 <= kappa -> d_min <= dj <= dk -> (1 <= t)%nat ->
  INR t * ln ((kappa * INR t + d_min / dj) / (kappa * INR t + d_min / dk))
    <= INR (S t) * ln ((kappa * INR (S t) + d_min / dj) / (kappa * INR (S t) + d_min / dk)) /\
  INR t * ln ((kappa * INR t + d_min / dj) / (kappa * INR t + d_min / dk))
    <= d_min / kappa * (1 / dj - 1 / dk) /\
  (1 - 1 / (1 + kappa * INR t)) * (d_min / kappa * (1 / dj - 1 / dk))
    <= INR t * ln ((kappa * INR t + d_min / dj) / (kappa * INR t + d_min / dk)) /\
  (forall eta, 0 < eta -> exists t0, forall s, (t0 <= s)%nat -> (1 <= s)%nat ->
    Rabs (INR s * ln ((kappa * INR s + d_min / dj) / (kappa * INR s + d_min / dk))
          - d_min / kappa * (1 / dj - 1 / dk)) < eta).
Proof.
  intros m dj dk kappa t Hm Hk Hd Ht.
  set (a := m / dj). set (b := m / dk).
  assert (Hb : 0 < b) by (apply Rdiv_lt_0_compat; lra).
  assert (Hab : b <= a) by (apply div_le_cross; nra).
  assert (Ha : a <= 1) by (apply div_le_1; lra).
  assert (El : m / kappa * (1 / dj - 1 / dk) = (a - b) / kappa) by (unfold a, b; field; lra).
  rewrite El. set (l := (a - b) / kappa). assert (Hl : 0 <= l) by (apply div_nonneg; lra).
  assert (Hboth : forall s, (1 <= s)%nat ->
    (1 - 1 / (1 + kappa * INR s)) * l <= INR s * ln ((kappa * INR s + a) / (kappa * INR s + b)) <= l).
  { intros s Hs. assert (Hs1 : 1 <= INR s) by (replace 1 with (INR 1) by reflexivity; now apply le_INR).
    assert (Hq : 1 <= kappa * INR s) by nra.
    destruct (ln_between (kappa * INR s) a b ltac:(lra) Hab) as [H1 H2]. split.
    - apply Rle_trans with (INR s * ((a - b) / (kappa * INR s + a))); [|apply Rmult_le_compat_l; lra].
      replace ((1 - 1 / (1 + kappa * INR s)) * l) with (INR s * ((a - b) / (kappa * INR s + 1))) by (unfold l; field; lra).
      apply Rmult_le_compat_l; [lra|]. apply div_le_cross; [lra|lra|]. apply Rmult_le_compat_l; lra.
    - apply Rle_trans with (INR s * ((a - b) / (kappa * INR s + b))); [apply Rmult_le_compat_l; lra|].
      replace l with (INR s * ((a - b) / (kappa * INR s))) by (unfold l; field; lra).
      apply Rmult_le_compat_l; [lra|]. apply div_le_cross; [lra|lra|]. apply Rmult_le_compat_l; lra. }
  split; [|split; [apply Hboth, Ht|split; [apply Hboth, Ht|]]].
  - apply bound_grows; [lra|lra|]. split; [apply lt_0_INR; lia|]. rewrite S_INR. lra.
  - intros eta He. destruct (above_nat (l / eta)) as [t0 Ht0]. exists t0. intros s Hs Hs1.
    destruct (Hboth s Hs1) as [H1 H2]. apply Rabs_def1; [lra|].
    assert (HI : INR t0 <= INR s) by now apply le_INR.
    assert (Hs2 : 1 <= INR s) by (replace 1 with (INR 1) by reflexivity; now apply le_INR).
    assert (Hq : INR s < 1 + kappa * INR s) by nra.
    assert (l <= eta * INR s).
    { apply Rle_trans with (l / eta * eta); [right; field; lra|].
      rewrite (Rmult_comm eta). apply Rmult_le_compat_r; lra. }
    assert (l / (1 + kappa * INR s) < eta).
    { apply Rmult_lt_reg_r with (1 + kappa * INR s); [lra|].
      replace (l / (1 + kappa * INR s) * (1 + kappa * INR s)) with l by (field; lra). nra. }
    replace ((1 - 1 / (1 + kappa * INR s)) * l) with (l - l / (1 + kappa * INR s)) in H1 by (field; lra). lra.
Qed.

(** At a fixed number of rounds the bound falls as r_0 grows, to 1. *)
Theorem prop_fixed_rounds : forall d_min dj dk q q' t, 0 < d_min -> 0 < dj <= dk -> 0 < q <= q' ->
  ((q' + d_min / dj) / (q' + d_min / dk))^t <= ((q + d_min / dj) / (q + d_min / dk))^t /\
  INR t * ln ((q + d_min / dj) / (q + d_min / dk)) <= INR t * (d_min / dj - d_min / dk) / (q + d_min / dk) /\
  INR t * (d_min / dj - d_min / dk) / (q + d_min / dj) <= INR t * ln ((q + d_min / dj) / (q + d_min / dk)).
Proof.
  intros m dj dk q q' t Hm Hd Hq. set (a := m / dj). set (b := m / dk).
  assert (Hb : 0 < b) by (apply Rdiv_lt_0_compat; lra).
  assert (Hab : b <= a) by (apply div_le_cross; nra).
  destruct (ln_between q a b ltac:(lra) Hab) as [H1 H2]. pose proof (pos_INR t) as Ht. split; [|split].
  - apply pow_incr. split; [apply div_nonneg; lra|]. apply div_le_cross; [lra|lra|]. nra.
  - replace (INR t * (a - b) / (q + b)) with (INR t * ((a - b) / (q + b))) by (unfold Rdiv; ring).
    apply Rmult_le_compat_l; assumption.
  - replace (INR t * (a - b) / (q + a)) with (INR t * ((a - b) / (q + a))) by (unfold Rdiv; ring).
    apply Rmult_le_compat_l; assumption.
Qed.

(** ** The index *)

(** ||D^{-1} e^{-tau D^{-1}} z||. *)
Definition pace n (d z : nat -> R) (tau : R) := norm n (fun k => exp (- tau / d k) * z k / d k).

Lemma norm_weights n (u v w : nat -> R) : (forall k, (k < n)%nat -> 0 <= u k <= v k) ->
  norm n (fun k => u k * w k) <= norm n (fun k => v k * w k).
Proof.
  intros H. apply le_of_sqr; [apply norm_nonneg|]. rewrite !norm_sqr. apply rsum_le. intros k Hk.
  rewrite !Rpow_mult_distr. apply Rmult_le_compat_r; [apply pow2_ge_0|]. apply sqr_le. now apply H.
Qed.

Section Chain.
Variables (n : nat) (d : nat -> R) (rho d_min d_max : R).
Hypothesis rho_pos : 0 < rho.
Hypothesis d_min_pos : 0 < d_min.
Hypothesis d_range : forall k, (k < n)%nat -> d_min <= d k <= d_max.
Variables (z : nat -> nat -> R) (c : nat -> R) (N : nat).
Hypothesis H : chain n d rho z c N.

Lemma d_nonneg' k : (k < n)%nat -> 0 <= d k.
Proof. intros Hk. specialize (d_range k Hk). lra. Qed.

(** Up to round i, all c_l/d are at most q_i = kappa/(r_i - 1). *)
Lemma small_steps i l k : (i < N)%nat -> (l <= i)%nat -> (k < n)%nat ->
  0 < c l /\ c l / d k <= d_max / d_min / (norm n (z i) / rho - 1).
Proof.
  intros Hi Hl Hk. destruct (H l ltac:(lia)) as [Ha Hc Hs _]. split; [assumption|].
  destruct (prop_multiplier_bounds n d (z l) rho d_min d_max (c l)) as [_ Hup]; auto; try lra.
  pose proof (div_gt_1 _ _ rho_pos (round_alive _ _ _ _ _ _ (H i Hi))) as Hri.
  pose proof (div_gt_1 _ _ rho_pos Ha) as Hrl.
  pose proof (norm_decreases n d rho d_nonneg' z c N H l i ltac:(lia)) as Hdec.
  assert (Hr : norm n (z i) / rho <= norm n (z l) / rho).
  { apply Rmult_le_compat_r; [now apply Rlt_le, Rinv_0_lt_compat|assumption]. }
  set (ri := norm n (z i) / rho) in *. set (rl := norm n (z l) / rho) in *. specialize (d_range k Hk).
  apply Rle_trans with (d_max / (rl - 1) / d_min).
  - unfold Rdiv at 1. unfold Rdiv at 1. apply Rmult_le_compat; try lra.
    + apply Rlt_le, Rinv_0_lt_compat; lra.
    + apply Rinv_le_contravar; lra.
  - replace (d_max / (rl - 1) / d_min) with (d_max / d_min / (rl - 1)) by (field; lra).
    apply div_le_cross; try lra. apply Rmult_le_compat_l; [apply div_nonneg; lra|lra].
Qed.

(** exp(-tau/d) <= B_i <= exp(-tau/((1 + q_i) d)), as u/(1 + u) <= log(1 + u) <= u. *)
Lemma B_between i t k : (i < N)%nat -> (t <= S i)%nat -> (k < n)%nat ->
  exp (- rsum t c / d k) <= B d c t k
  <= exp (- (rsum t c / (1 + d_max / d_min / (norm n (z i) / rho - 1))) / d k).
Proof.
  intros Hi Ht Hk. pose proof (d_range k Hk) as Hd.
  set (q := d_max / d_min / (norm n (z i) / rho - 1)) in *.
  assert (Hq : 0 < 1 + q).
  { pose proof (div_gt_1 _ _ rho_pos (round_alive _ _ _ _ _ _ (H i Hi))) as Hri.
    assert (0 <= q); [|lra]. unfold q. apply div_nonneg; [apply div_nonneg; lra|lra]. }
  induction t as [|t IH].
  - unfold B. simpl. replace (- 0 / d k) with 0 by (unfold Rdiv; ring).
    replace (- (0 / (1 + q)) / d k) with 0 by (unfold Rdiv; ring). rewrite exp_0. lra.
  - specialize (IH ltac:(lia)). destruct (small_steps i t k Hi ltac:(lia) Hk) as [Hc Hx]. fold q in Hx.
    change (B d c (S t) k) with (B d c t k * (d k / (c t + d k))). simpl rsum.
    replace (- (rsum t c + c t) / d k) with (- rsum t c / d k + - (c t / d k)) by (field; lra).
    replace (- ((rsum t c + c t) / (1 + q)) / d k)
      with (- (rsum t c / (1 + q)) / d k + - (c t / d k / (1 + q))) by (field; lra).
    rewrite !exp_plus. set (x := c t / d k) in *.
    assert (Hx0 : 0 < x) by (apply Rdiv_lt_0_compat; lra).
    replace (d k / (c t + d k)) with (/ (1 + x)) by (unfold x; field; lra).
    assert (Hlow : exp (- x) <= / (1 + x)).
    { rewrite exp_Ropp. apply Rinv_le_contravar; [lra|apply exp_ineq1_le]. }
    assert (Hup : / (1 + x) <= exp (- (x / (1 + q)))).
    { replace (/ (1 + x)) with (1 + - (x / (1 + x))) by (field; lra).
      apply Rle_trans with (exp (- (x / (1 + x)))); [apply exp_ineq1_le|].
      destruct (Rle_lt_or_eq_dec (- (x / (1 + x))) (- (x / (1 + q)))) as [L|E].
      - apply Ropp_le_contravar. apply div_le_cross; nra.
      - now apply Rlt_le, exp_increasing.
      - rewrite E. lra. }
    pose proof (exp_pos (- x)). pose proof (exp_pos (- rsum t c / d k)).
    assert (0 < / (1 + x)) by (apply Rinv_0_lt_compat; lra).
    split; apply Rmult_le_compat; lra.
Qed.

(** A round moves the labels about as far as the gradient flow does in time c. *)
Theorem lem_flow_step : forall i, (i < N)%nat ->
  c i * pace n d (z 0%nat) (rsum (S i) c) <= rho /\
  rho <= c i * pace n d (z 0%nat) (rsum (S i) c / (1 + d_max / d_min / (norm n (z i) / rho - 1))).
Proof.
  intros i Hi. pose proof (round_pos _ _ _ _ _ _ (H i Hi)) as Hc.
  assert (E : rho = norm n (fun k => B d c (S i) k * (c i * (z 0%nat k / d k)))).
  { rewrite <- (step_length n d rho d_nonneg' rho_pos _ _ _ (H i Hi)) at 1. apply norm_ext. intros k Hk.
    pose proof (d_range k Hk). rewrite (round_next _ _ _ _ _ _ (H i Hi) k Hk).
    rewrite (product n d rho z c N H i k ltac:(lia) Hk).
    change (B d c (S i) k) with (B d c i k * (d k / (c i + d k))). field. lra. }
  assert (Hpace : forall tau, c i * pace n d (z 0%nat) tau
    = norm n (fun k => exp (- tau / d k) * (c i * (z 0%nat k / d k)))).
  { intros tau. unfold pace. rewrite <- norm_scal by lra. apply norm_ext. intros; unfold Rdiv; ring. }
  rewrite !Hpace. split.
  - eapply Rle_trans; [|right; symmetry; exact E]. apply norm_weights. intros k Hk. split; [apply Rlt_le, exp_pos|].
    apply (B_between i (S i) k Hi ltac:(lia) Hk).
  - eapply Rle_trans; [right; exact E|]. apply norm_weights. intros k Hk.
    destruct (B_between i (S i) k Hi ltac:(lia) Hk) as [Hl Hu]. split; [|exact Hu].
    pose proof (exp_pos (- rsum (S i) c / d k)). lra.
Qed.

(** The index is the exponential of a time, but for a factor that tends to 1. *)
Theorem thm_index_limit : forall i j k, (i < N)%nat -> (j < n)%nat -> (k < n)%nat -> d j <= d k ->
  exp (rsum (S i) c * (1 / d j - 1 / d k) / (1 + d_max / d_min / (norm n (z i) / rho - 1)))
    <= B d c (S i) k / B d c (S i) j /\
  B d c (S i) k / B d c (S i) j <= exp (rsum (S i) c * (1 / d j - 1 / d k)).
Proof.
  intros i j k Hi Hj Hk Hjk. pose proof (d_range j Hj) as Hdj. pose proof (d_range k Hk) as Hdk.
  assert (Hs : forall f g t, (forall l, (l < t)%nat -> f l = g * c l) -> rsum t f = g * rsum t c).
  { intros f g t E. rewrite <- rsum_scal. now apply rsum_ext. }
  split.
  2: { pose proof (sparsification_exponential n d rho d_min d_max d_min_pos d_range z c N H j k Hj Hk Hjk (S i) ltac:(lia)) as He.
       rewrite (Hs _ (1 / d j - 1 / d k)) in He by (intros; ring). rewrite Rmult_comm. exact He. }
  rewrite (B_ratio n d rho d_min d_max d_min_pos d_range z c N H j k Hj Hk Hjk (S i) ltac:(lia)).
  set (q := d_max / d_min / (norm n (z i) / rho - 1)) in *.
  assert (Hq : 0 < 1 + q).
  { pose proof (div_gt_1 _ _ rho_pos (round_alive _ _ _ _ _ _ (H i Hi))) as Hri.
    assert (0 <= q); [|lra]. unfold q. apply div_nonneg; [apply div_nonneg; lra|lra]. }
  assert (Hu : 0 <= 1 / d j - 1 / d k) by (assert (1 / d k <= 1 / d j) by (apply div_le_cross; lra); lra).
  enough (Hall : forall t, (t <= S i)%nat ->
    exp (rsum t c * (1 / d j - 1 / d k) / (1 + q)) <= rprod t (fun l => ratio (c l) (d j) (d k)))
    by (apply Hall; lia).
  induction t as [|t IH]; intros Ht.
  - simpl. replace (0 * (1 / d j - 1 / d k) / (1 + q)) with 0 by (unfold Rdiv; ring). rewrite exp_0. lra.
  - specialize (IH ltac:(lia)). destruct (small_steps i t j Hi ltac:(lia) Hj) as [Hc Hx]. fold q in Hx.
    simpl rsum. replace ((rsum t c + c t) * (1 / d j - 1 / d k) / (1 + q))
      with (rsum t c * (1 / d j - 1 / d k) / (1 + q) + c t * (1 / d j - 1 / d k) / (1 + q)) by (field; lra).
    rewrite exp_plus. change (rprod (S t) (fun l => ratio (c l) (d j) (d k)))
      with (rprod t (fun l => ratio (c l) (d j) (d k)) * ratio (c t) (d j) (d k)).
    apply Rmult_le_compat; try (apply Rlt_le, exp_pos); [assumption|].
    (* 1/y >= exp(1 - y) at y = (1 + c/d_k)/(1 + c/d_j) *)
    set (xj := c t / d j) in *. set (xk := c t / d k).
    assert (Hxj : 0 < xj) by (apply Rdiv_lt_0_compat; lra).
    assert (Hxk : 0 < xk) by (apply Rdiv_lt_0_compat; lra).
    assert (Hxx : xk <= xj) by (apply div_le_cross; nra).
    assert (E : c t * (1 / d j - 1 / d k) = xj - xk) by (unfold xj, xk; field; lra). rewrite E.
    unfold ratio. fold xj xk. set (y := (1 + xk) / (1 + xj)).
    assert (Hy : 0 < y) by (apply Rdiv_lt_0_compat; lra).
    replace ((1 + xj) / (1 + xk)) with (/ y) by (unfold y; field; lra).
    apply Rle_trans with (exp (1 - y)).
    + replace (1 - y) with ((xj - xk) / (1 + xj)) by (unfold y; field; lra).
      assert (Hle : (xj - xk) / (1 + q) <= (xj - xk) / (1 + xj)) by (apply div_le_cross; nra).
      destruct (Rle_lt_or_eq_dec _ _ Hle) as [L|E']; [now apply Rlt_le, exp_increasing|rewrite E'; lra].
    + replace (1 - y) with (- (y - 1)) by ring. rewrite exp_Ropp. apply Rinv_le_contravar; [assumption|].
      pose proof (exp_ineq1_le (y - 1)). lra.
Qed.
End Chain.
