(** Early stopping is one filter of another family: what it can and cannot do. *)
From Coq Require Import Reals Lra Lia Psatz Arith.
From SD Require Import Setting Sums Problem Kkt Multiplier Recursion Sparsification.
Local Open Scope R_scope.

(** ** One round with a larger tolerance *)

(** The multiplier increases with the tolerance, and with it the ratio, between 1 and
    d_k/d_j; it comes as near to either as one likes, for small and for large ridges. *)
Theorem prop_early_stopping : forall n d z rho rho' c c' dj dk,
  (forall k, (k < n)%nat -> 0 <= d k) -> 0 < rho < rho' -> rho' < norm n z ->
  0 < c -> secular n d z c = rho^2 -> 0 < c' -> secular n d z c' = rho'^2 -> 0 < dj < dk ->
  c < c' /\ 1 < single c dk / single c dj /\
  single c dk / single c dj < single c' dk / single c' dj /\
  single c' dk / single c' dj < dk / dj.
Proof.
  intros n d z rho rho' c c' dj dk Hd Hrho Ha Hc Hs Hc' Hs' Hjk.
  assert (Hlt : c < c').
  { destruct (Rlt_dec c c') as [E|E]; [assumption|exfalso].
    pose proof (secular_mono n d z c' c ltac:(lra) Hd). nra. }
  destruct (lem_ratio c c' dj dk ltac:(lra) Hjk) as [E [[H1 H2] H3]].
  destruct (lem_ratio c' (c' + 1) dj dk ltac:(lra) Hjk) as [E' _].
  unfold single. rewrite E, E'. auto.
Qed.

(** ** Gradient flow *)

(** exp is convex: its chord from 0 lies above it. *)
Lemma exp_chord x y : 0 < x <= y -> y * (exp x - 1) <= x * (exp y - 1).
Proof.
  intros Hxy.
  assert (H1 : exp x * (1 + (y - x)) <= exp y).
  { replace (exp y) with (exp x * exp (y - x)) by (rewrite <- exp_plus; f_equal; ring).
    apply Rmult_le_compat_l; [apply Rlt_le, exp_pos|]. apply exp_ineq1_le. }
  assert (H0 : exp x * (1 - x) <= 1).
  { replace 1 with (exp x * exp (- x)) at 2 by (rewrite <- exp_plus, Rplus_opp_r; apply exp_0).
    apply Rmult_le_compat_l; [apply Rlt_le, exp_pos|]. pose proof (exp_ineq1_le (- x)). lra. }
  pose proof (exp_pos x).
  assert (x * (exp x * (1 + (y - x))) <= x * exp y) by (apply Rmult_le_compat_l; lra).
  assert ((y - x) * (exp x * (1 - x)) <= (y - x) * 1) by (apply Rmult_le_compat_l; lra). nra.
Qed.

(** The filter of gradient flow at the time s. *)
Definition flowed (s x : R) := 1 - exp (- x * s).

Lemma flowed_pos s x : 0 < s -> 0 < x -> 0 < flowed s x < 1.
Proof.
  intros Hs Hx. unfold flowed. pose proof (exp_pos (- x * s)).
  assert (exp (- x * s) < 1) by (rewrite <- exp_0; apply exp_increasing; nra). lra.
Qed.

(** The share kept per unit of the eigenvalue falls with the eigenvalue. *)
Lemma flowed_cap s x y : 0 < s -> 0 < x <= y -> x * flowed s y <= y * flowed s x.
Proof.
  intros Hs Hxy. unfold flowed.
  (* the chord inequality at - y s <= - x s < 0, in the form of a tangent from 0 *)
  assert (H1 : exp (- x * s) * (1 - (y - x) * s) <= exp (- y * s)).
  { replace (exp (- y * s)) with (exp (- x * s) * exp (- (y - x) * s)) by (rewrite <- exp_plus; f_equal; ring).
    apply Rmult_le_compat_l; [apply Rlt_le, exp_pos|]. pose proof (exp_ineq1_le (- (y - x) * s)). lra. }
  assert (H0 : exp (- x * s) * (1 + x * s) <= 1).
  { replace 1 with (exp (- x * s) * exp (x * s)) at 2
      by (rewrite <- exp_plus; replace (- x * s + x * s) with 0 by ring; apply exp_0).
    apply Rmult_le_compat_l; [apply Rlt_le, exp_pos|]. pose proof (exp_ineq1_le (x * s)). lra. }
  assert (x * (exp (- x * s) * (1 - (y - x) * s)) <= x * exp (- y * s)) by (apply Rmult_le_compat_l; lra).
  assert ((y - x) * (exp (- x * s) * (1 + x * s)) <= (y - x) * 1) by (apply Rmult_le_compat_l; lra). nra.
Qed.

(** d/(e^{d s} - 1), the rate of growth of log(1 - e^{-d s}), falls with d; so the ratio
    falls with the time, from below d_k/d_j to above 1. *)
Theorem prop_flow_stopping : forall dj dk s s', 0 < dj < dk -> 0 < s < s' ->
  flowed s' dk / flowed s' dj <= flowed s dk / flowed s dj /\
  flowed s dk / flowed s dj <= dk / dj /\ 1 < flowed s dk / flowed s dj.
Proof.
  intros dj dk s s' Hd Hs. pose proof (flowed_pos s dj ltac:(lra) ltac:(lra)) as Hj.
  pose proof (flowed_pos s dk ltac:(lra) ltac:(lra)) as Hk. split; [|split].
  - set (g := fun x => flowed x dk / flowed x dj).
    set (dg := fun x => (dk * exp (- dk * x) * flowed x dj - flowed x dk * (dj * exp (- dj * x))) / (flowed x dj)^2).
    assert (Hder : forall x, s <= x <= s' -> derivable_pt_lim g x (dg x)).
    { intros x Hx. pose proof (flowed_pos x dj ltac:(lra) ltac:(lra)) as Hf.
      assert (Hone : forall y, derivable_pt_lim (fun t => flowed t y) x (y * exp (- y * x))).
      { intros y. unfold flowed.
        replace (y * exp (- y * x)) with (0 - exp (- y * x) * (- y * 1)) by ring.
        apply (derivable_pt_lim_minus (fun _ => 1) (fun t => exp (- y * t))); [apply derivable_pt_lim_const|].
        apply (derivable_pt_lim_comp (fun t => - y * t) exp); [|apply derivable_pt_lim_exp].
        apply (derivable_pt_lim_scal (fun t => t) (- y)), derivable_pt_lim_id. }
      unfold dg. replace ((flowed x dj)^2) with (Rsqr (flowed x dj)) by (unfold Rsqr; ring).
      replace (dk * exp (- dk * x) * flowed x dj - flowed x dk * (dj * exp (- dj * x)))
        with (dk * exp (- dk * x) * flowed x dj - dj * exp (- dj * x) * flowed x dk) by ring.
      apply (derivable_pt_lim_div (fun t => flowed t dk) (fun t => flowed t dj)); [apply Hone|apply Hone|lra]. }
    destruct (MVT_cor2 g dg s s' ltac:(lra) Hder) as [x [E Hx]].
    fold (g s') (g s). enough (dg x <= 0) by nra.
    pose proof (flowed_pos x dj ltac:(lra) ltac:(lra)) as Hf. unfold dg, Rdiv.
    assert (Hp : 0 < / (flowed x dj)^2) by (apply Rinv_0_lt_compat, pow_lt; lra).
    enough (dk * exp (- dk * x) * flowed x dj - flowed x dk * (dj * exp (- dj * x)) <= 0) by nra.
    (* d_k (e^{d_j x} - 1) <= d_j (e^{d_k x} - 1), times e^{-(d_j + d_k) x} *)
    assert (Hxj : 0 < dj * x <= dk * x) by nra.
    pose proof (exp_chord (dj * x) (dk * x) Hxj) as Hc.
    assert (Hj1 : exp (dj * x) * exp (- dj * x) = 1)
      by (rewrite <- exp_plus; replace (dj * x + - dj * x) with 0 by ring; apply exp_0).
    assert (Hk1 : exp (dk * x) * exp (- dk * x) = 1)
      by (rewrite <- exp_plus; replace (dk * x + - dk * x) with 0 by ring; apply exp_0).
    assert (Hc' : dk * (exp (dj * x) - 1) <= dj * (exp (dk * x) - 1)).
    { apply Rmult_le_reg_l with x; [lra|]. lra. }
    unfold flowed. set (a := exp (- dj * x)) in *. set (b := exp (- dk * x)) in *.
    assert (0 < a) by apply exp_pos. assert (0 < b) by apply exp_pos.
    assert (Hm : dk * (exp (dj * x) - 1) * (a * b) <= dj * (exp (dk * x) - 1) * (a * b))
      by (apply Rmult_le_compat_r; nra).
    replace (dk * (exp (dj * x) - 1) * (a * b)) with (dk * b * (exp (dj * x) * a - a)) in Hm by ring.
    replace (dj * (exp (dk * x) - 1) * (a * b)) with (dj * a * (exp (dk * x) * b - b)) in Hm by ring.
    rewrite Hj1, Hk1 in Hm. lra.
  - pose proof (flowed_cap s dj dk ltac:(lra) ltac:(lra)). apply div_le_cross; lra.
  - apply div_gt_1; [lra|]. unfold flowed.
    assert (exp (- dk * s) < exp (- dj * s)) by (apply exp_increasing; nra). lra.
Qed.

(** ** The cap *)

(** 1 - q^m is (1 - q) times a geometric sum. *)
Lemma geometric_factor q m : 1 - q^m = (1 - q) * rsum m (fun i => q^i).
Proof. induction m as [|m IH]; [simpl; ring|]. simpl rsum. rewrite Rmult_plus_distr_l, <- IH. simpl. ring. Qed.

(** A filter that keeps no more per unit of a larger eigenvalue has the cap d_k/d_j; so
    have Tikhonov's filter, iterated Tikhonov regularisation, and gradient flow. *)
Theorem prop_filter_cap : forall dj dk c s m, 0 < dj < dk -> 0 < c -> 0 < s -> (1 <= m)%nat ->
  (forall phi : R -> R, 0 < phi dj -> phi dk / dk <= phi dj / dj -> phi dk / phi dj <= dk / dj) /\
  single c dk / single c dj <= dk / dj /\
  (1 - (c / (c + dk))^m) / (1 - (c / (c + dj))^m) <= dk / dj /\
  flowed s dk / flowed s dj <= dk / dj.
Proof.
  intros dj dk c s m Hd Hc Hs Hm.
  assert (Hcap : forall phi : R -> R, 0 < phi dj -> phi dk / dk <= phi dj / dj -> phi dk / phi dj <= dk / dj).
  { intros phi Hp H. apply div_le_cross; [assumption|lra|].
    apply Rmult_le_compat_r with (r := dk * dj) in H; [|nra].
    replace (phi dk / dk * (dk * dj)) with (phi dk * dj) in H by (field; lra).
    replace (phi dj / dj * (dk * dj)) with (dk * phi dj) in H by (field; lra). lra. }
  split; [exact Hcap|]. split; [|split].
  - apply (Hcap (single c)); unfold single; [apply Rdiv_lt_0_compat; lra|].
    replace (dk / (c + dk) / dk) with (1 / (c + dk)) by (field; lra).
    replace (dj / (c + dj) / dj) with (1 / (c + dj)) by (field; lra). apply div_le_cross; lra.
  - assert (Hw : forall x, 0 < x -> 0 < c / (c + x) < 1).
    { intros x Hx. split; [apply Rdiv_lt_0_compat; lra|apply div_lt_1; lra]. }
    apply (Hcap (fun x => 1 - (c / (c + x))^m)).
    + pose proof (Hw dj ltac:(lra)). assert (0 <= (c / (c + dj))^m < 1); [|lra]. apply pow_lt_1_compat; [lra|lia].
    + rewrite !geometric_factor.
      replace ((1 - c / (c + dk)) * rsum m (fun i => (c / (c + dk))^i) / dk)
        with (/ (c + dk) * rsum m (fun i => (c / (c + dk))^i)) by (field; lra).
      replace ((1 - c / (c + dj)) * rsum m (fun i => (c / (c + dj))^i) / dj)
        with (/ (c + dj) * rsum m (fun i => (c / (c + dj))^i)) by (field; lra).
      apply Rmult_le_compat.
      * apply Rlt_le, Rinv_0_lt_compat; lra.
      * apply rsum_nonneg. intros i _. apply pow_le. pose proof (Hw dk ltac:(lra)). lra.
      * apply Rinv_le_contravar; lra.
      * apply rsum_le. intros i _. apply pow_incr. split; [pose proof (Hw dk ltac:(lra)); lra|].
        apply weight_anti; lra.
  - apply (Hcap (flowed s)); [apply flowed_pos; lra|].
    pose proof (flowed_cap s dj dk Hs ltac:(lra)). apply div_le_cross; lra.
Qed.

(** ** Two rounds, and the end of a chain *)

(** The difference of the two sides is (d_k - d_j)(c c' - d_j d_k), times a positive number. *)
Theorem lem_two_rounds : forall c c' dj dk, 0 < c -> 0 < c' -> 0 < dj < dk ->
  (dk / dj < single c dk * single c' dk / (single c dj * single c' dj) <-> dj * dk < c * c').
Proof.
  intros c c' dj dk Hc Hc' Hd. unfold single.
  assert (E : dk / (c + dk) * (dk / (c' + dk)) / (dj / (c + dj) * (dj / (c' + dj))) - dk / dj
    = (dk - dj) * (c * c' - dj * dk) * (dk / (dj * dj * ((c + dk) * (c' + dk))))) by (field; repeat split; lra).
  assert (Hp : 0 < dk / (dj * dj * ((c + dk) * (c' + dk)))).
  { apply Rdiv_lt_0_compat; [lra|]. apply Rmult_lt_0_compat; nra. }
  set (p := dk / (dj * dj * ((c + dk) * (c' + dk)))) in *.
  split; intros H.
  - destruct (Rlt_dec (dj * dk) (c * c')) as [P|P]; [assumption|exfalso].
    assert (0 <= (dk - dj) * (dj * dk - c * c') * p) by (apply Rmult_le_pos; [apply Rmult_le_pos|]; lra). lra.
  - assert (0 < (dk - dj) * (c * c' - dj * dk) * p) by (apply Rmult_lt_0_compat; [apply Rmult_lt_0_compat|]; lra). lra.
Qed.

Lemma rprod_ge1 t f : (forall i, (i < t)%nat -> 1 <= f i) -> 1 <= rprod t f.
Proof.
  induction t as [|t IH]; intros H; simpl; [lra|].
  assert (1 <= rprod t f) by (apply IH; intros; apply H; lia). specialize (H t ltac:(lia)). nra.
Qed.

Lemma rprod_first t f : rprod (S t) f = f 0%nat * rprod t (fun i => f (S i)).
Proof. induction t as [|t IH]; [simpl; ring|]. change (rprod (S (S t)) f) with (rprod (S t) f * f (S t)). rewrite IH. simpl. ring. Qed.

(** Self-distillation close enough to its collapse passes the cap: the first and the last
    round alone do, and every other round multiplies the ratio by more than 1. *)
Theorem thm_beyond_cap : forall n d rho d_min d_max z c N j k t,
  0 < rho -> 0 <= d_min -> (forall i, (i < n)%nat -> d_min <= d i <= d_max) ->
  chain n d rho z c N -> (j < n)%nat -> (k < n)%nat -> 0 < d j < d k -> (2 <= t <= N)%nat ->
  (norm n (z 0%nat) / rho - 1) * (norm n (z (t - 1)%nat) / rho - 1) < d_min^2 / (d j * d k) ->
  d k / d j < B d c t k / B d c t j.
Proof.
  intros n d rho m M z c N j k t Hrho Hm0 Hd H Hj Hk Hjk [Ht2 Ht] Hnear.
  destruct t as [|[|t]]; [lia|lia|]. replace (S (S t) - 1)%nat with (S t) in Hnear by lia.
  assert (Hr : forall i, (i < N)%nat -> 0 < norm n (z i) / rho - 1).
  { intros i Hi. pose proof (div_gt_1 _ rho Hrho (round_alive _ _ _ _ _ _ (H i Hi))). lra. }
  pose proof (Hr 0%nat ltac:(lia)) as Hr0. pose proof (Hr (S t) ltac:(lia)) as Hrt.
  assert (Hm : 0 < m).
  { destruct (Rle_lt_or_eq_dec 0 m Hm0) as [P|P]; [assumption|exfalso]. rewrite <- P in Hnear.
    replace (0^2 / (d j * d k)) with 0 in Hnear by (unfold Rdiv; ring). nra. }
  assert (Hc : forall i, (i < N)%nat -> 0 < c i) by (intros i Hi; apply (round_pos _ _ _ _ _ _ (H i Hi))).
  assert (Hlow : forall i, (i < N)%nat -> m / (norm n (z i) / rho - 1) <= c i).
  { intros i Hi. destruct (H i Hi) as [Ha Hci Hs _].
    apply (prop_multiplier_bounds n d (z i) rho m M (c i)); auto. }
  assert (Hbig : d j * d k < c 0%nat * c (S t)).
  { apply Rlt_le_trans with (m / (norm n (z 0%nat) / rho - 1) * (m / (norm n (z (S t)) / rho - 1))).
    - set (q := norm n (z 0%nat) / rho - 1) in *. set (q' := norm n (z (S t)) / rho - 1) in *.
      replace (m / q * (m / q')) with (m^2 / (q * q')) by (field; lra).
      replace (d j * d k) with (d j * d k / 1) by field. apply div_lt_cross; [lra|nra|].
      apply Rmult_lt_compat_r with (r := d j * d k) in Hnear; [|nra].
      replace (m^2 / (d j * d k) * (d j * d k)) with (m^2) in Hnear by (field; lra). lra.
    - apply Rmult_le_compat; try (apply div_nonneg; lra); apply Hlow; lia. }
  rewrite (B_ratio n d rho m M Hm Hd z c N H j k Hj Hk ltac:(lra) (S (S t)) Ht).
  change (rprod (S (S t)) (fun i => ratio (c i) (d j) (d k)))
    with (rprod (S t) (fun i => ratio (c i) (d j) (d k)) * ratio (c (S t)) (d j) (d k)).
  rewrite rprod_first.
  assert (Hmid : 1 <= rprod t (fun i => ratio (c (S i)) (d j) (d k))).
  { apply rprod_ge1. intros i Hi. pose proof (Hc (S i) ltac:(lia)). apply ratio_ge1; lra. }
  assert (Htwo : d k / d j < ratio (c 0%nat) (d j) (d k) * ratio (c (S t)) (d j) (d k)).
  { pose proof (proj2 (lem_two_rounds (c 0%nat) (c (S t)) (d j) (d k) (Hc 0%nat ltac:(lia)) (Hc (S t) ltac:(lia)) Hjk) Hbig) as H2.
    pose proof (Hc 0%nat ltac:(lia)). pose proof (Hc (S t) ltac:(lia)).
    replace (ratio (c 0%nat) (d j) (d k) * ratio (c (S t)) (d j) (d k))
      with (single (c 0%nat) (d k) * single (c (S t)) (d k) / (single (c 0%nat) (d j) * single (c (S t)) (d j)));
      [exact H2|]. unfold single, ratio. field. repeat split; lra. }
  pose proof (ratio_ge1 (c 0%nat) (d j) (d k) ltac:(pose proof (Hc 0%nat ltac:(lia)); lra) ltac:(lra)).
  pose proof (ratio_ge1 (c (S t)) (d j) (d k) ltac:(pose proof (Hc (S t) ltac:(lia)); lra) ltac:(lra)).
  apply Rlt_le_trans with (1 := Htwo).
  set (a := ratio (c 0%nat) (d j) (d k)) in *. set (b := ratio (c (S t)) (d j) (d k)) in *.
  assert (0 <= a * b) by nra. nra.
Qed.

(** ** No single filter *)

Section Filters.
Variables (c : nat -> R).

Lemma several_range t x : (forall i, (i < t)%nat -> 0 < c i) -> 0 < x -> 0 < several c t x <= 1.
Proof.
  intros Hc Hx. unfold several. induction t as [|t IH]; simpl; [lra|].
  assert (0 < rprod t (fun i => x / (c i + x)) <= 1) by (apply IH; intros; apply Hc; lia).
  pose proof (Hc t ltac:(lia)) as Hct.
  assert (0 < x / (c t + x) <= 1) by (split; [apply Rdiv_lt_0_compat; lra|apply div_le_1; lra]). nra.
Qed.

(** One more round: m_{t+1}(x) = m_t(x) + c_t/F_t(x). *)
Lemma ridge_step t x : (forall i, (i < S t)%nat -> 0 < c i) -> 0 < x ->
  ridge c (S t) x = ridge c t x + c t / several c t x.
Proof.
  intros Hc Hx. pose proof (several_range t x ltac:(intros; apply Hc; lia) Hx) as HF.
  pose proof (Hc t ltac:(lia)). unfold ridge.
  change (several c (S t) x) with (several c t x * (x / (c t + x))). field. repeat split; lra.
Qed.

Lemma several_mono t x y : (forall i, (i < t)%nat -> 0 < c i) -> 0 < x <= y ->
  several c t x <= several c t y.
Proof.
  intros Hc Hxy. apply rprod_le. intros i Hi. specialize (Hc i Hi).
  split; [apply Rlt_le, Rdiv_lt_0_compat; lra|]. apply div_le_cross; nra.
Qed.

(** m(d) is at least the sum of the multipliers. *)
Theorem ridge_ge_sum : forall t x, (forall i, (i < t)%nat -> 0 < c i) -> 0 < x ->
  rsum t c <= ridge c t x.
Proof.
  induction t as [|t IH]; intros x Hc Hx.
  - unfold ridge, several. simpl. right. field.
  - rewrite ridge_step by assumption. simpl.
    specialize (IH x ltac:(intros; apply Hc; lia) Hx).
    pose proof (several_range t x ltac:(intros; apply Hc; lia) Hx) as HF. pose proof (Hc t ltac:(lia)).
    assert (c t <= c t / several c t x).
    { replace (c t) with (c t / 1) at 1 by field. apply div_le_cross; nra. } lra.
Qed.

(** 1/F = 1 + m/x, so one more round adds c_t + c_t m_t(x)/x; and m_t(x)/x - m_t(y)/y
    is at least the sum of the multipliers times 1/x - 1/y. *)
Lemma ridge_gap : forall t x y, (forall i, (i < t)%nat -> 0 < c i) -> 0 < x <= y ->
  pairs c t * (1 / x - 1 / y) <= ridge c t x - ridge c t y.
Proof.
  induction t as [|t IH]; intros x y Hc Hxy.
  - unfold pairs, ridge, several. simpl. right. field. lra.
  - rewrite !ridge_step by (try assumption; lra).
    specialize (IH x y ltac:(intros; apply Hc; lia) Hxy).
    change (pairs c (S t)) with (pairs c t + c t * rsum t c).
    pose proof (Hc t ltac:(lia)) as Hct.
    pose proof (several_range t x ltac:(intros; apply Hc; lia) ltac:(lra)) as HFx.
    pose proof (several_range t y ltac:(intros; apply Hc; lia) ltac:(lra)) as HFy.
    pose proof (ridge_ge_sum t y ltac:(intros; apply Hc; lia) ltac:(lra)) as Hs.
    assert (Hu : 0 <= 1 / x - 1 / y) by (assert (1 / y <= 1 / x) by (apply div_le_cross; lra); lra).
    assert (Hpairs : 0 <= pairs c t).
    { apply rsum_nonneg. intros l Hl. apply Rmult_le_pos; [apply Rlt_le, Hc; lia|].
      apply rsum_nonneg. intros i Hi. apply Rlt_le, Hc; lia. }
    assert (Hle : ridge c t y <= ridge c t x) by nra.
    assert (E : c t / several c t x - c t / several c t y
                = c t * (ridge c t x / x - ridge c t y / y)).
    { unfold ridge. field. repeat split; lra. }
    assert (Hg : rsum t c * (1 / x - 1 / y) <= ridge c t x / x - ridge c t y / y).
    { replace (ridge c t x / x - ridge c t y / y)
        with ((ridge c t x - ridge c t y) * (1 / x) + ridge c t y * (1 / x - 1 / y)) by (field; lra).
      assert (0 <= (ridge c t x - ridge c t y) * (1 / x)).
      { apply Rmult_le_pos; [lra|]. apply div_nonneg; lra. }
      assert (rsum t c * (1 / x - 1 / y) <= ridge c t y * (1 / x - 1 / y)) by (apply Rmult_le_compat_r; lra). lra. }
    assert (c t * (rsum t c * (1 / x - 1 / y)) <= c t * (ridge c t x / x - ridge c t y / y))
      by (apply Rmult_le_compat_l; lra). nra.
Qed.

Lemma ridge_decreases : forall t x y, (forall i, (i < t)%nat -> 0 < c i) -> 0 < x <= y ->
  ridge c t y <= ridge c t x.
Proof.
  intros t x y Hc Hxy. pose proof (ridge_gap t x y Hc Hxy) as Hg.
  assert (Hu : 0 <= 1 / x - 1 / y) by (assert (1 / y <= 1 / x) by (apply div_le_cross; lra); lra).
  assert (0 <= pairs c t).
  { apply rsum_nonneg. intros l Hl. apply Rmult_le_pos; [apply Rlt_le, Hc; lia|].
    apply rsum_nonneg. intros i Hi. apply Rlt_le, Hc; lia. }
  nra.
Qed.

Lemma pairs_pos t : (forall i, (i < t)%nat -> 0 < c i) -> (2 <= t)%nat -> 0 < pairs c t.
Proof.
  intros Hc Ht. destruct t as [|[|t]]; [lia|lia|]. unfold pairs.
  apply Rlt_le_trans with (c (S t) * rsum (S t) c).
  - apply Rmult_lt_0_compat; [apply Hc; lia|]. apply Rlt_le_trans with (c 0%nat); [apply Hc; lia|].
    apply (rsum_term (S t) c 0%nat); [|lia]. intros i Hi. apply Rlt_le, Hc; lia.
  - apply (rsum_term (S (S t)) (fun l => c l * rsum l c) (S t)); [|lia].
    intros l Hl. apply Rmult_le_pos; [apply Rlt_le, Hc; lia|].
    apply rsum_nonneg. intros i Hi. apply Rlt_le, Hc; lia.
Qed.

(** F(x) in terms of m(x). *)
Lemma several_ridge t x : (forall i, (i < t)%nat -> 0 < c i) -> 0 < x ->
  several c t x = single (ridge c t x) x /\ 0 < ridge c t x + x.
Proof.
  intros Hc Hx. pose proof (several_range t x Hc Hx) as HF.
  assert (E : ridge c t x + x = x / several c t x) by (unfold ridge; field; lra).
  split; [unfold single; rewrite E; field; repeat split; lra|]. rewrite E. apply Rdiv_lt_0_compat; lra.
Qed.

(** F and the single round with the ridge b compare as b and m(x) do. *)
Lemma several_single t x b : (forall i, (i < t)%nat -> 0 < c i) -> 0 < x -> 0 < b ->
  (ridge c t x <= b -> single b x <= several c t x) /\
  (b <= ridge c t x -> several c t x <= single b x).
Proof.
  intros Hc Hx Hb. destruct (several_ridge t x Hc Hx) as [E Hp]. rewrite E. unfold single.
  split; intros H; apply div_le_cross; nra.
Qed.

(** No single round does what several do, at two positive eigenvalues at once. *)
Theorem thm_no_filter : forall t x y b, (forall i, (i < t)%nat -> 0 < c i) -> 0 < x < y -> 0 < b ->
  pairs c t * (1 / x - 1 / y) <= ridge c t x - ridge c t y /\
  rsum t c <= ridge c t x /\
  ((2 <= t)%nat -> several c t x = single b x -> several c t y = single b y -> False).
Proof.
  intros t x y b Hc Hxy Hb. pose proof (ridge_gap t x y Hc ltac:(lra)) as Hg.
  split; [exact Hg|]. split; [apply ridge_ge_sum; [assumption|lra]|].
  intros Ht Ex Ey. pose proof (pairs_pos t Hc Ht) as Hp.
  assert (Hu : 0 < 1 / x - 1 / y) by (assert (1 / y < 1 / x) by (apply div_lt_cross; lra); lra).
  unfold ridge in Hg. rewrite Ex, Ey in Hg. unfold single in Hg.
  replace (x * (/ (x / (b + x)) - 1)) with b in Hg by (field; split; lra).
  replace (y * (/ (y / (b + y)) - 1)) with b in Hg by (field; split; lra). nra.
Qed.
End Filters.
