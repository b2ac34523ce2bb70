(** Labels kept in the loop: the anchored chain, its limit, and the best mixture. *)
From Coq Require Import Reals Lra Lia Psatz Arith.
From SD Require Import Setting Sums Problem Kkt Recursion Risk.
Local Open Scope R_scope.

(** The chain y^(t) = S (a y + (1-a) y^(t-1)) is the limit plus a power of the smoother. *)
Theorem thm_labels_kept : forall n d (z : nat -> nat -> R) c a, 0 < c -> 0 < a <= 1 ->
  (forall k, (k < n)%nat -> 0 <= d k) ->
  (forall t k, (k < n)%nat -> z (S t) k = single c (d k) * (a * z 0%nat k + (1 - a) * z t k)) ->
  forall t k, (k < n)%nat ->
  z t k = single (c / a) (d k) * z 0%nat k
          + ((1 - a) * single c (d k))^t * ((1 - single (c / a) (d k)) * z 0%nat k).
Proof.
  intros n d z c a Hc Ha Hd H t k Hk. specialize (Hd k Hk).
  induction t as [|t IH]; [simpl; ring|]. rewrite (H t k Hk), IH. simpl pow.
  generalize (((1 - a) * single c (d k))^t). intros p. unfold single. field.
  split; [nra|split; nra].
Qed.

Section Kept.
Variables (n : nat) (d : nat -> R) (phi : nat -> nat -> R) (c a : R).
Hypothesis c_pos : 0 < c.
Hypothesis share : 0 < a <= 1.
(** The filters of the chain. *)
Hypothesis first : forall k, (k < n)%nat -> phi 0%nat k = 1.
Hypothesis next : forall t k, (k < n)%nat -> phi (S t) k = single c (d k) * (a + (1 - a) * phi t k).

Lemma kept_closed : (forall k, (k < n)%nat -> 0 <= d k) -> forall t k, (k < n)%nat ->
  phi t k = single (c / a) (d k) + ((1 - a) * single c (d k))^t * (1 - single (c / a) (d k)).
Proof.
  intros Hd t k Hk.
  rewrite (thm_labels_kept n d phi c a c_pos share Hd) with (t := t) by
    (try assumption; intros s i Hi; rewrite (first i Hi), (next s i Hi); ring).
  rewrite (first k Hk). ring.
Qed.

(** The limit is ridge regression with the multiplier c/a, and the chain stays above it. *)
Theorem cor_kept_limit : forall d_max, (forall k, (k < n)%nat -> 0 <= d k <= d_max) ->
  forall t k, (k < n)%nat ->
  single (c / a) (d k) <= phi t k /\
  phi t k <= single (c / a) (d k)
             + ((1 - a) * single c d_max)^t * (1 - single (c / a) (d k)).
Proof.
  intros d_max Hd t k Hk. rewrite kept_closed by (try assumption; intros i Hi; apply Hd, Hi).
  specialize (Hd k Hk). assert (Hca : 0 < c / a) by (apply Rdiv_lt_0_compat; lra).
  pose proof (share_range (c / a) (d k) Hca ltac:(lra)) as Hl. fold (single (c / a) (d k)) in Hl.
  pose proof (share_range c (d k) c_pos ltac:(lra)) as Hs. fold (single c (d k)) in Hs.
  assert (Hm : single c (d k) <= single c d_max) by (unfold single; apply div_le_cross; nra).
  assert (H0 : 0 <= (1 - a) * single c (d k)) by (apply Rmult_le_pos; lra).
  split.
  - pose proof (pow_le _ t H0). assert (0 <= ((1 - a) * single c (d k))^t * (1 - single (c / a) (d k)))
      by (apply Rmult_le_pos; lra). lra.
  - apply Rplus_le_compat_l, Rmult_le_compat_r; [lra|]. apply pow_incr. split; [assumption|].
    apply Rmult_le_compat_l; lra.
Qed.

(** How far the ratio of two filters is from its limit. *)
Theorem prop_overshoot : (forall k, (k < n)%nat -> 0 < d k) ->
  forall t j k, (j < n)%nat -> (k < n)%nat ->
  phi t k / single (c / a) (d k) - phi t j / single (c / a) (d j)
  = (1 - a)^t * (c / a) * ((single c (d k))^t / d k - (single c (d j))^t / d j).
Proof.
  intros Hd t j k Hj Hk.
  assert (Hone : forall i, (i < n)%nat ->
    phi t i / single (c / a) (d i) = 1 + (1 - a)^t * (c / a) * ((single c (d i))^t / d i)).
  { intros i Hi. rewrite kept_closed by (try assumption; intros l Hl; apply Rlt_le, Hd, Hl).
    specialize (Hd i Hi). rewrite Rpow_mult_distr. generalize ((1 - a)^t) ((single c (d i))^t). intros p q.
    assert (0 < a * d i) by (apply Rmult_lt_0_compat; lra).
    unfold single. field. repeat split; lra. }
  rewrite (Hone j Hj), (Hone k Hk). ring.
Qed.
End Kept.

(** The best share of the labels is a least-squares problem in one number. *)
Theorem prop_best_share : forall n (u v theta : nat -> R) a,
  0 < energy n (fun k => u k - v k) ->
  energy n (fun k => v k + a * (u k - v k) - theta k)
  = energy n (fun k => v k + dot n (fun k => theta k - v k) (fun k => u k - v k)
                             / energy n (fun k => u k - v k) * (u k - v k) - theta k)
    + (a - dot n (fun k => theta k - v k) (fun k => u k - v k) / energy n (fun k => u k - v k))^2
      * energy n (fun k => u k - v k).
Proof.
  intros n u v theta a HE. set (e := fun k => theta k - v k). set (w := fun k => u k - v k) in *.
  assert (Hq : forall b, energy n (fun k => v k + b * (u k - v k) - theta k)
    = b^2 * energy n w - 2 * b * dot n e w + energy n e).
  { intros b. unfold energy at 1. rewrite (rsum_ext n _ (fun k => (b * w k + (-1) * e k)^2))
      by (intros; unfold w, e; ring).
    fold (energy n (fun k => b * w k + (-1) * e k)). rewrite energy_comb.
    replace (dot n w e) with (dot n e w) by (apply rsum_ext; intros; ring). ring. }
  change (energy n (fun k => u k - v k)) with (energy n w). rewrite !Hq. field. lra.
Qed.

(** Student minus teacher is the tangent of the ridge path. *)
Theorem lem_tangent : forall c d, 0 < c -> 0 <= d ->
  (single c d)^2 - single c d = c * - (d / (c + d)^2) /\
  derivable_pt_lim (fun b => single b d) c (- (d / (c + d)^2)).
Proof.
  intros c d Hc Hd. split; [unfold single; field; lra|].
  replace (- (d / (c + d)^2)) with ((0 * (c + d) - (1 + 0) * d) / Rsqr (c + d)) by (unfold Rsqr; field; lra).
  apply (derivable_pt_lim_div (fun _ => d) (fun b => b + d) c 0 (1 + 0)); [apply derivable_pt_lim_const| |lra].
  apply (derivable_pt_lim_plus id (fun _ => d)); [apply derivable_pt_lim_id|apply derivable_pt_lim_const].
Qed.

(** n c R'(c) and n D: slope and curvature of the risk of a mixture. *)
Definition mixing_slope n (d theta : nat -> R) (sigma c : R) :=
  rsum n (fun k => 2 * (single c (d k) * (1 - single c (d k)))
                   * ((1 - single c (d k)) * (theta k)^2 - single c (d k) * sigma^2)).
Definition mixing_curvature n (d theta : nat -> R) (sigma c : R) :=
  rsum n (fun k => (single c (d k) * (1 - single c (d k)))^2 * ((theta k)^2 + sigma^2)).

Lemma risk_derivative n d theta sigma c : 0 < c -> (forall k, (k < n)%nat -> 0 <= d k) ->
  derivable_pt_lim (fun b => risk n theta sigma (fun k => single b (d k))) c
    (mixing_slope n d theta sigma c / c).
Proof.
  intros Hc Hd. unfold risk, mixing_slope. induction n as [|n IH]; cbn [rsum].
  - replace (0 / c) with 0 by (field; lra). apply derivable_pt_lim_const.
  - rewrite Rdiv_plus_distr. apply derivable_pt_lim_plus; [apply IH; intros; apply Hd; lia|].
    specialize (Hd n ltac:(lia)). destruct (lem_tangent c (d n) Hc Hd) as [_ Ht].
    set (s' := - (d n / (c + d n)^2)) in *.
    assert (H1 : derivable_pt_lim (fun b => 1 - single b (d n)) c (0 - s'))
      by (apply (derivable_pt_lim_minus (fun _ => 1)); [apply derivable_pt_lim_const|assumption]).
    pose proof (derivable_pt_lim_mult _ _ c _ _ H1 H1) as H2.
    pose proof (derivable_pt_lim_mult _ _ c _ _ Ht Ht) as H3.
    pose proof (derivable_pt_lim_scal _ ((theta n)^2) c _ H2) as H4.
    pose proof (derivable_pt_lim_scal _ (sigma^2) c _ H3) as H5.
    pose proof (derivable_pt_lim_plus _ _ c _ _ H4 H5) as H6.
    match type of H6 with derivable_pt_lim ?f c ?l =>
      replace (2 * (single c (d n) * (1 - single c (d n)))
        * ((1 - single c (d n)) * (theta n)^2 - single c (d n) * sigma^2) / c) with l end.
    + intros e He. destruct (H6 e He) as [delta Hdelta]. exists delta. intros h Hh Hlt.
      specialize (Hdelta h Hh Hlt). unfold plus_fct, mult_real_fct, mult_fct in Hdelta.
      match goal with |- Rabs (?x / h - ?l) < e =>
        match type of Hdelta with Rabs (?y / h - _) < e => replace x with y by ring end end.
      exact Hdelta.
    + unfold s', single. field. lra.
Qed.

(** Mixing in a share xi of the student: the risk is a parabola, whose slope is c R'(c). *)
Theorem thm_optimal_mixing : forall n d theta sigma c xi, 0 < c ->
  (forall k, (k < n)%nat -> 0 <= d k) -> 0 < mixing_curvature n d theta sigma c ->
  derivable_pt_lim (fun b => risk n theta sigma (fun k => single b (d k))) c
    (mixing_slope n d theta sigma c / c) /\
  risk n theta sigma (fun k => (1 - xi) * single c (d k) + xi * (single c (d k))^2)
  = risk n theta sigma (fun k => single c (d k)) + xi * mixing_slope n d theta sigma c
    + xi^2 * mixing_curvature n d theta sigma c /\
  risk n theta sigma (fun k =>
    (1 - - mixing_slope n d theta sigma c / (2 * mixing_curvature n d theta sigma c)) * single c (d k)
    + - mixing_slope n d theta sigma c / (2 * mixing_curvature n d theta sigma c) * (single c (d k))^2)
  = risk n theta sigma (fun k => single c (d k))
    - (mixing_slope n d theta sigma c)^2 / (4 * mixing_curvature n d theta sigma c).
Proof.
  intros n d theta sigma c xi Hc Hd HD. split; [now apply risk_derivative|].
  assert (Hq : forall x,
    risk n theta sigma (fun k => (1 - x) * single c (d k) + x * (single c (d k))^2)
    = risk n theta sigma (fun k => single c (d k)) + x * mixing_slope n d theta sigma c
      + x^2 * mixing_curvature n d theta sigma c).
  { intros x. unfold risk, mixing_slope, mixing_curvature. rewrite <- !rsum_scal, <- !rsum_plus.
    apply rsum_ext. intros; ring. }
  split; [apply Hq|]. rewrite Hq. field. lra.
Qed.

(** ** Steps that interpolate *)

(** The coefficients of (X - x_0) ... (X - x_{m-1}). *)
Lemma node_polynomial m (x : nat -> R) : exists p : nat -> R,
  forall X, rsum (S m) (fun i => p i * X^i) = rprod m (fun l => X - x l).
Proof.
  induction m as [|m [p IH]]; [exists (fun _ => 1); intros X; simpl; ring|].
  (* times X - x_m: the coefficients move up by one, less x_m times themselves *)
  exists (fun i => (match i with O => 0 | S i' => p i' end)
                   - x m * (if Nat.eq_dec i (S m) then 0 else p i)).
  intros X. simpl rprod. rewrite <- IH.
  rewrite (rsum_ext (S (S m)) _ (fun i => (match i with O => 0 | S i' => p i' end) * X^i
    - x m * ((if Nat.eq_dec i (S m) then 0 else p i) * X^i))) by (intros; ring).
  rewrite rsum_minus, rsum_scal.
  assert (Hup : forall k, rsum (S k) (fun i => (match i with O => 0 | S i' => p i' end) * X^i)
    = X * rsum k (fun i => p i * X^i)).
  { induction k as [|k IHk]; [simpl; ring|].
    change (rsum (S (S k)) (fun i => (match i with O => 0 | S i' => p i' end) * X^i))
      with (rsum (S k) (fun i => (match i with O => 0 | S i' => p i' end) * X^i) + p k * X^(S k)).
    rewrite IHk. simpl. ring. }
  rewrite Hup. cbn [rsum]. destruct (Nat.eq_dec (S m) (S m)) as [_|E]; [|congruence].
  destruct (Nat.eq_dec m (S m)) as [E|_]; [lia|].
  rewrite (rsum_ext m (fun i => (if Nat.eq_dec i (S m) then 0 else p i) * X^i) (fun i => p i * X^i)).
  - ring.
  - intros i Hi. destruct (Nat.eq_dec i (S m)); [lia|reflexivity].
Qed.

(** A polynomial takes any values at distinct places, as many as it has coefficients. *)
Lemma interpolation m (x y : nat -> R) :
  (forall i j, (i < j < m)%nat -> x i <> x j) ->
  exists q, forall j, (j < m)%nat -> rsum m (fun i => q i * (x j)^i) = y j.
Proof.
  induction m as [|m IH]; intros Hx; [exists (fun _ => 0); intros; lia|].
  destruct IH as [q Hq]; [intros; apply Hx; lia|]. destruct (node_polynomial m x) as [p Hp].
  assert (Hm : rprod m (fun l => x m - x l) <> 0).
  { assert (Hall : forall k, (k <= m)%nat -> rprod k (fun l => x m - x l) <> 0).
    { induction k as [|k IHk]; intros Hk; simpl; [lra|].
      apply Rmult_integral_contrapositive_currified; [apply IHk; lia|].
      pose proof (Hx k m ltac:(lia)). lra. }
    now apply Hall. }
  set (b := (y m - rsum m (fun i => q i * (x m)^i)) / rprod m (fun l => x m - x l)).
  exists (fun i => (if Nat.eq_dec i m then 0 else q i) + b * p i).
  assert (Hsum : forall X, rsum (S m) (fun i => ((if Nat.eq_dec i m then 0 else q i) + b * p i) * X^i)
    = rsum m (fun i => q i * X^i) + b * rprod m (fun l => X - x l)).
  { intros X. rewrite (rsum_ext (S m) _ (fun i => (if Nat.eq_dec i m then 0 else q i) * X^i + b * (p i * X^i)))
      by (intros; ring).
    rewrite rsum_plus, rsum_scal, Hp. cbn [rsum]. destruct (Nat.eq_dec m m) as [_|E]; [|congruence].
    rewrite (rsum_ext m (fun i => (if Nat.eq_dec i m then 0 else q i) * X^i) (fun i => q i * X^i)).
    - ring.
    - intros i Hi. destruct (Nat.eq_dec i m); [lia|reflexivity]. }
  intros j Hj. rewrite Hsum. destruct (Nat.eq_dec j m) as [->|E].
  - unfold b. field. assumption.
  - rewrite Hq by lia. assert (Hz : forall k, (j < k)%nat -> rprod k (fun l => x j - x l) = 0).
    { induction k as [|k IHk]; intros Hk; [lia|]. simpl.
      destruct (Nat.eq_dec j k) as [->|E']; [ring|rewrite IHk by lia; ring]. }
    rewrite Hz by lia. ring.
Qed.

(** So the polynomial of the next theorem exists: one more place is 1, where its value is 1. *)
Lemma mixing_polynomial : forall r (s w : nat -> R), (forall j, (j < r)%nat -> 0 < s j < 1) ->
  (forall i j, (i < j < r)%nat -> s i <> s j) ->
  exists q, rsum (S r) q = 1 /\
    forall j, (j < r)%nat -> s j * rsum (S r) (fun i => q i * (s j)^i) = w j.
Proof.
  intros r s w Hs Hd.
  destruct (interpolation (S r) (fun j => if Nat.eq_dec j r then 1 else s j)
    (fun j => if Nat.eq_dec j r then 1 else w j / s j)) as [q Hq].
  - intros i j Hij. destruct (Nat.eq_dec i r) as [E|_]; [lia|]. pose proof (Hs i ltac:(lia)).
    destruct (Nat.eq_dec j r) as [_|E]; [lra|apply Hd; lia].
  - exists q. split.
    + specialize (Hq r ltac:(lia)). destruct (Nat.eq_dec r r) as [_|E]; [|congruence].
      rewrite <- Hq. apply rsum_ext. intros. rewrite pow1. ring.
    + intros j Hj. specialize (Hq j ltac:(lia)). destruct (Nat.eq_dec j r) as [E|_]; [lia|].
      rewrite Hq. specialize (Hs j Hj). field. lra.
Qed.

(** As many mixed steps as there are distinct entries reach any filter: the share of step r - i
    is q_i over what the coefficients before it leave of 1. *)
Theorem thm_mixing_reaches : forall r (s w q xi : nat -> R) (phi : nat -> nat -> R),
  rsum (S r) q = 1 ->
  (forall j, (j < r)%nat -> s j * rsum (S r) (fun i => q i * (s j)^i) = w j) ->
  (forall i, (i < r)%nat -> rsum i q <> 1) ->
  (forall i, (i < r)%nat -> xi (r - i)%nat = q i / (1 - rsum i q)) ->
  (forall j, (j < r)%nat -> phi 0%nat j = s j) ->
  (forall i j, (i < r)%nat -> (j < r)%nat ->
    phi (S i) j = s j * (xi (S i) + (1 - xi (S i)) * phi i j)) ->
  forall j, (j < r)%nat -> phi r j = w j.
Proof.
  intros r s w q xi phi Hone Hw Hleft Hxi Hfirst Hnext j Hj.
  (* after m steps: the last m + 1 coefficients, by Horner's scheme *)
  assert (Hall : forall m, (m <= r)%nat ->
    phi m j * (1 - rsum (r - m) q) = s j * rsum (S m) (fun l => q (r - m + l)%nat * (s j)^l)).
  { induction m as [|m IH]; intros Hm.
    - rewrite Nat.sub_0_r, (Hfirst j Hj). simpl rsum. rewrite Nat.add_0_r. simpl in Hone. simpl.
      replace (1 - rsum r q) with (q r) by lra. ring.
    - specialize (IH ltac:(lia)). rewrite (Hnext m j ltac:(lia) Hj).
      set (i := (r - S m)%nat) in *. replace (r - m)%nat with (S i) in IH by (unfold i; lia).
      specialize (Hxi i ltac:(unfold i; lia)). replace (r - i)%nat with (S m) in Hxi by (unfold i; lia).
      specialize (Hleft i ltac:(unfold i; lia)). rewrite Hxi.
      assert (Hsplit : rsum (S (S m)) (fun l => q (i + l)%nat * (s j)^l)
        = q i + s j * rsum (S m) (fun l => q (S i + l)%nat * (s j)^l)).
      { change (S (S m)) with (1 + S m)%nat. rewrite rsum_app, <- rsum_scal. f_equal.
        - simpl. rewrite Nat.add_0_r. ring.
        - apply rsum_ext. intros l _. replace (i + (1 + l))%nat with (S i + l)%nat by lia. simpl. ring. }
      rewrite Hsplit. cbn [rsum] in IH |- *. cbn [rsum] in IH.
      change (rsum (S i) q) with (rsum i q + q i) in IH.
      replace (s j * (q i / (1 - rsum i q) + (1 - q i / (1 - rsum i q)) * phi m j) * (1 - rsum i q))
        with (s j * (q i + phi m j * (1 - (rsum i q + q i)))) by (field; lra).
      rewrite IH. ring. }
  specialize (Hall r (Nat.le_refl r)). rewrite Nat.sub_diag in Hall. simpl (rsum 0 q) in Hall.
  rewrite <- (Hw j Hj). rewrite Rminus_0_r, Rmult_1_r in Hall. exact Hall.
Qed.

(** ** Labels that return *)

(** Kept labels and fitted labels never cancel: their shares have the same sign. *)
Theorem prop_renewed_step : forall n d rho (z0 b z : nat -> R) c z' a,
  (forall k, (k < n)%nat -> 0 <= d k) -> 0 < rho -> 0 <= a <= 1 ->
  (forall k, (k < n)%nat -> 0 <= b k /\ z k = b k * z0 k) -> round n d rho z c z' ->
  (1 - a)^2 * (norm n z - rho)^2 + a^2 * energy n z0
  <= energy n (fun k => (1 - a) * z' k + a * z0 k).
Proof.
  intros n d rho z0 b z c z' a Hd Hrho Ha Hb H. rewrite energy_comb.
  assert (Hdot : 0 <= dot n z' z0).
  { apply rsum_nonneg. intros k Hk. destruct H as [_ Hc _ Hz]. destruct (Hb k Hk) as [Hbk E].
    rewrite (Hz k Hk), E. pose proof (share_range c (d k) Hc (Hd k Hk)). pose proof (pow2_ge_0 (z0 k)).
    replace (d k / (c + d k) * (b k * z0 k) * z0 k) with (d k / (c + d k) * b k * (z0 k)^2) by ring.
    apply Rmult_le_pos; [apply Rmult_le_pos; lra|assumption]. }
  pose proof (step_triangle n d rho Hd Hrho z c z' H) as Ht. pose proof (round_alive _ _ _ _ _ _ H) as Hal.
  assert (Hn : (norm n z - rho)^2 <= energy n z') by (rewrite <- norm_sqr; apply sqr_le; lra).
  assert (0 <= 2 * (1 - a) * a * dot n z' z0).
  { apply Rmult_le_pos; [apply Rmult_le_pos; lra|assumption]. }
  assert ((1 - a)^2 * (norm n z - rho)^2 <= (1 - a)^2 * energy n z')
    by (apply Rmult_le_compat_l; [apply pow2_ge_0|assumption]). lra.
Qed.

(** Labels that return on a plan of T rounds: early on the first labels last, later the
    returned ones do. *)
Theorem thm_renewed_plan : forall (r : nat -> R) T, (1 <= T)%nat ->
  2 * sqrt (INR T) <= r 0%nat -> (forall t, (t <= T)%nat -> 0 <= r t) ->
  (forall t, (1 <= t <= T)%nat ->
    ((1 - INR t / INR T) * Rmax (r (t - 1)%nat - 1) 0)^2 + (INR t / INR T * r 0%nat)^2 <= (r t)^2) ->
  forall t, (t <= T)%nat ->
  1 < r t /\ INR t / INR T * r 0%nat <= r t /\
  (1 - INR t * (INR t + 1) / (2 * INR T)) * r 0%nat - INR t <= r t.
Proof.
  intros r T HT Hlarge Hpos Hplan.
  assert (HT1 : 1 <= INR T) by (replace 1 with (INR 1) by reflexivity; now apply le_INR).
  pose proof (sqrt_pos (INR T)) as Hs0. assert (Hs : (sqrt (INR T))^2 = INR T) by (apply pow2_sqrt; lra).
  assert (Hr0 : 0 <= r 0%nat) by (apply Hpos; lia).
  assert (Hsq : 4 * INR T <= (r 0%nat)^2) by nra.
  assert (Hshare : forall t, (t <= T)%nat -> 0 <= INR t / INR T <= 1).
  { intros t Ht. pose proof (pos_INR t). apply le_INR in Ht.
    split; [apply div_nonneg; lra|apply div_le_1; lra]. }
  (* both terms of the plan, each by itself *)
  assert (Hone : forall t, (1 <= t <= T)%nat ->
    INR t / INR T * r 0%nat <= r t /\ (1 - INR t / INR T) * (r (t - 1)%nat - 1) <= r t).
  { intros t Ht. specialize (Hplan t Ht). specialize (Hshare t ltac:(lia)).
    pose proof (Hpos t ltac:(lia)) as Hrt.
    set (x := (1 - INR t / INR T) * Rmax (r (t - 1)%nat - 1) 0) in *.
    set (y := INR t / INR T * r 0%nat) in *. pose proof (pow2_ge_0 x). pose proof (pow2_ge_0 y). split.
    - apply le_of_sqr; lra.
    - apply Rle_trans with x; [|apply le_of_sqr; lra]. unfold x.
      apply Rmult_le_compat_l; [lra|apply Rmax_l]. }
  assert (Hearly : forall t, (t <= T)%nat ->
    (1 - INR t * (INR t + 1) / (2 * INR T)) * r 0%nat - INR t <= r t).
  { induction t as [|t IH]; intros Ht.
    - simpl INR. replace (0 * (0 + 1) / (2 * INR T)) with 0 by (field; lra). lra.
    - destruct (Hone (S t) ltac:(lia)) as [_ Hl]. replace (S t - 1)%nat with t in Hl by lia.
      specialize (IH ltac:(lia)). pose proof (Hshare (S t) Ht) as Hsh. rewrite S_INR in *.
      pose proof (pos_INR t) as Hti. set (x := INR t) in *. set (q := (x + 1) / INR T) in *.
      replace ((x + 1) * (x + 1 + 1) / (2 * INR T)) with (q * (x + 2) / 2) by (unfold q; field; lra).
      replace (x * (x + 1) / (2 * INR T)) with (q * x / 2) in IH by (unfold q; field; lra).
      assert ((1 - q) * ((1 - q * x / 2) * r 0%nat - x - 1) <= (1 - q) * (r t - 1))
        by (apply Rmult_le_compat_l; lra).
      assert (0 <= q^2 * x * r 0%nat) by (apply Rmult_le_pos; [apply Rmult_le_pos; [apply pow2_ge_0|lra]|lra]).
      nra. }
  intros t Ht. specialize (Hearly t Ht).
  destruct t as [|t].
  { simpl INR in *. replace (0 / INR T) with 0 by (field; lra).
    replace (0 * (0 + 1) / (2 * INR T)) with 0 by (field; lra). repeat split; nra. }
  destruct (Hone (S t) ltac:(lia)) as [Hlate _]. split; [|split; assumption].
  pose proof (le_INR 1 (S t) ltac:(lia)) as Hx. simpl INR in Hx at 1. set (x := INR (S t)) in *.
  destruct (Rlt_dec 1 (x / INR T * r 0%nat)) as [E|E]; [lra|].
  (* so x r_0 <= T <= r_0^2/4: then r_0 is at least 4 x, and at least 4 *)
  assert (Hxr : x * r 0%nat <= INR T).
  { apply Rnot_lt_le in E. apply Rmult_le_compat_r with (r := INR T) in E; [|lra].
    replace (x / INR T * r 0%nat * INR T) with (x * r 0%nat) in E by (field; lra). lra. }
  assert (H4 : 4 * x <= r 0%nat) by nra.
  replace (x * (x + 1) / (2 * INR T)) with (x / INR T * (x + 1) / 2) in Hearly by (field; lra).
  assert (x / INR T * r 0%nat <= 1) by lra.
  assert (x / INR T * (x + 1) / 2 * r 0%nat <= (x + 1) / 2) by nra. lra.
Qed.
