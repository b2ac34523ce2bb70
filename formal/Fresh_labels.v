(** Fresh labels and fresh noise, in one direction of the eigenbasis with the entry [s] of the
    smoother. *)
From Coq Require Import Reals Lra Lia Psatz Arith.
From SD Require Import Setting Sums.
Local Open Scope R_scope.

(** Bias and variance that one more generation leaves as they are. *)
Definition fresh_bias (s w theta : R) := theta * ((1 - s) / (1 - (1 - w) * s)).
Definition fresh_variance (s w sigma : R) :=
  sigma^2 * s^2 * ((w^2 + (1 - w)^2) / (1 - (1 - w)^2 * s^2)).

Lemma geometric_limit q a b : 0 <= q < 1 -> Un_cv (fun t => a + q^t * b) a.
Proof.
  intros Hq. replace a with (a + 0 * b) at 1 by ring.
  apply (CV_plus (fun _ => a) (fun t => q^t * b)).
  - intros e He. exists 0%nat. intros t _. unfold R_dist. rewrite Rminus_diag_eq, Rabs_R0 by reflexivity. exact He.
  - apply (CV_mult (fun t => q^t) (fun _ => b)).
    + intros e He. destruct (pow_lt_1_zero q ltac:(rewrite Rabs_right; lra) e He) as [N HN].
      exists N. intros t Ht. unfold R_dist. rewrite Rminus_0_r. now apply HN.
    + intros e He. exists 0%nat. intros t _. unfold R_dist. rewrite Rminus_diag_eq, Rabs_R0 by reflexivity. exact He.
Qed.

(** With a share w of new labels both parts of the risk converge geometrically to them. *)
Theorem prop_fresh_stationary : forall s w theta sigma (b v : nat -> R),
  0 <= s <= 1 -> 0 <= w <= 1 -> 0 < w \/ s < 1 ->
  (forall t, b (S t) = (1 - s) * theta + (1 - w) * s * b t) ->
  (forall t, v (S t) = s^2 * (w^2 * sigma^2 + (1 - w)^2 * (v t + sigma^2))) ->
  fresh_bias s w theta = (1 - s) * theta + (1 - w) * s * fresh_bias s w theta /\
  fresh_variance s w sigma
  = s^2 * (w^2 * sigma^2 + (1 - w)^2 * (fresh_variance s w sigma + sigma^2)) /\
  (forall t, b t = fresh_bias s w theta + ((1 - w) * s)^t * (b 0%nat - fresh_bias s w theta)) /\
  (forall t, v t = fresh_variance s w sigma
                   + ((1 - w)^2 * s^2)^t * (v 0%nat - fresh_variance s w sigma)) /\
  Un_cv b (fresh_bias s w theta) /\ Un_cv v (fresh_variance s w sigma).
Proof.
  intros s w theta sigma b v Hs Hw Hsw Hb Hv.
  assert (Hq : 0 <= (1 - w) * s < 1) by (split; [nra|destruct Hsw; nra]).
  assert (Hq2 : 0 <= (1 - w)^2 * s^2 < 1).
  { replace ((1 - w)^2 * s^2) with (((1 - w) * s)^2) by ring. nra. }
  assert (Fb : fresh_bias s w theta = (1 - s) * theta + (1 - w) * s * fresh_bias s w theta)
    by (unfold fresh_bias; field; lra).
  assert (Fv : fresh_variance s w sigma
    = s^2 * (w^2 * sigma^2 + (1 - w)^2 * (fresh_variance s w sigma + sigma^2)))
    by (unfold fresh_variance; field; lra).
  assert (Cb : forall t, b t = fresh_bias s w theta + ((1 - w) * s)^t * (b 0%nat - fresh_bias s w theta)).
  { intros t. set (F := fresh_bias s w theta) in *. induction t as [|t IH]; [simpl; ring|].
    rewrite Hb, IH. replace (((1 - w) * s)^(S t)) with ((1 - w) * s * ((1 - w) * s)^t) by (simpl; ring).
    set (p := ((1 - w) * s)^t). replace ((1 - s) * theta + (1 - w) * s * (F + p * (b 0%nat - F)))
      with ((1 - s) * theta + (1 - w) * s * F + (1 - w) * s * p * (b 0%nat - F)) by ring.
    rewrite <- Fb. ring. }
  assert (Cv : forall t, v t = fresh_variance s w sigma
    + ((1 - w)^2 * s^2)^t * (v 0%nat - fresh_variance s w sigma)).
  { intros t. set (q := (1 - w)^2 * s^2) in *. set (F := fresh_variance s w sigma) in *.
    assert (Fv' : F = s^2 * (w^2 * sigma^2 + (1 - w)^2 * sigma^2) + q * F)
      by (rewrite Fv at 1; unfold q; ring).
    induction t as [|t IH]; [simpl; ring|]. rewrite Hv, IH.
    replace (q^(S t)) with (q * q^t) by (simpl; ring).
    replace (s^2 * (w^2 * sigma^2 + (1 - w)^2 * (F + q^t * (v 0%nat - F) + sigma^2)))
      with (s^2 * (w^2 * sigma^2 + (1 - w)^2 * sigma^2) + q * F + q * (q^t * (v 0%nat - F)))
      by (unfold q; ring).
    rewrite <- Fv'. ring. }
  repeat split; try assumption.
  - apply Un_cv_ext with (fun t => fresh_bias s w theta + ((1 - w) * s)^t * (b 0%nat - fresh_bias s w theta));
      [intros; now rewrite <- Cb|now apply geometric_limit].
  - apply Un_cv_ext with (fun t => fresh_variance s w sigma + ((1 - w)^2 * s^2)^t * (v 0%nat - fresh_variance s w sigma));
      [intros; now rewrite <- Cv|now apply geometric_limit].
Qed.

(** Below one half more new labels lower bias and variance, for every smoother. *)
Theorem thm_fresh_half : forall s w w' theta sigma, 0 <= s < 1 -> 0 <= w < w' -> w' <= / 2 ->
  (fresh_bias s w' theta)^2 + fresh_variance s w' sigma
  <= (fresh_bias s w theta)^2 + fresh_variance s w sigma.
Proof.
  intros s w w' theta sigma Hs Hw Hh. unfold fresh_bias, fresh_variance.
  assert (H1 : 0 < 1 - (1 - w) * s <= 1 - (1 - w') * s) by nra.
  assert (Hq : 0 <= (1 - w') * s <= (1 - w) * s) by nra. assert ((1 - w) * s < 1) by nra.
  apply Rplus_le_compat.
  - rewrite !(Rpow_mult_distr theta). apply Rmult_le_compat_l; [apply pow2_ge_0|]. apply sqr_le.
    split; [apply div_nonneg; lra|]. apply div_le_cross; nra.
  - apply Rmult_le_compat_l; [apply Rmult_le_pos; apply pow2_ge_0|].
    replace ((1 - w')^2 * s^2) with (((1 - w') * s)^2) by ring.
    replace ((1 - w)^2 * s^2) with (((1 - w) * s)^2) by ring.
    assert (Hd : 0 < 1 - ((1 - w) * s)^2 <= 1 - ((1 - w') * s)^2) by nra.
    assert (Hn : 0 <= w'^2 + (1 - w')^2 <= w^2 + (1 - w)^2) by nra.
    apply div_le_cross; [lra|lra|]. apply Rmult_le_compat; lra.
Qed.

(** For the noise alone the best share of new labels has a closed form. *)
Theorem prop_golden : forall s w, 0 <= s < 1 -> 0 <= w <= 1 ->
  (s^2 - 2 + sqrt (4 + s^4)) / 2 <= fresh_variance s w 1 /\
  fresh_variance s (1 - 2 / (2 + s^2 + sqrt (4 + s^4))) 1 = (s^2 - 2 + sqrt (4 + s^4)) / 2.
Proof.
  intros s w Hs Hw. set (g := (s^2 - 2 + sqrt (4 + s^4)) / 2).
  assert (H4 : 0 <= s^4) by (replace (s^4) with ((s^2)^2) by ring; apply pow2_ge_0).
  assert (Hr : (sqrt (4 + s^4))^2 = 4 + s^4) by (apply pow2_sqrt; lra).
  assert (Hr0 : 2 <= sqrt (4 + s^4)).
  { apply le_of_sqr; [apply sqrt_pos|]. rewrite Hr. lra. }
  (* g is the root of a quadratic, for which the excess is a square *)
  assert (Hg : g^2 + (2 - s^2) * g = s^2).
  { unfold g. replace (((s^2 - 2 + sqrt (4 + s^4)) / 2)^2 + (2 - s^2) * ((s^2 - 2 + sqrt (4 + s^4)) / 2))
      with (((sqrt (4 + s^4))^2 - (s^2 - 2)^2) / 4) by field. rewrite Hr. field. }
  assert (Hg0 : 0 <= g) by (unfold g; pose proof (pow2_ge_0 s); lra).
  assert (Hs2 : 0 <= s^2 < 1) by nra.
  assert (Hsum : 2 + s^2 + sqrt (4 + s^4) = 2 * (2 + g)) by (unfold g; field).
  assert (Hgap : forall u, s^2 * ((1 - u)^2 + u^2) - g * (1 - u^2 * s^2) = s^2 * (2 + g) * (u - / (2 + g))^2).
  { intros u. replace (s^2 * (2 + g) * (u - / (2 + g))^2)
      with (s^2 * (2 + g) * u^2 - 2 * s^2 * u + s^2 / (2 + g)) by (field; lra).
    replace (s^2 / (2 + g)) with (s^2 - g); [ring|].
    apply Rmult_eq_reg_r with (2 + g); [|lra].
    replace (s^2 / (2 + g) * (2 + g)) with (s^2) by (field; lra).
    replace ((s^2 - g) * (2 + g)) with (2 * s^2 - (g^2 + (2 - s^2) * g)) by ring. rewrite Hg. ring. }
  unfold fresh_variance. split.
  - specialize (Hgap (1 - w)). assert (Hd : 0 < 1 - (1 - w)^2 * s^2).
    { assert (0 <= (1 - w)^2 <= 1) by nra. nra. }
    assert (0 <= s^2 * (2 + g) * (1 - w - / (2 + g))^2).
    { apply Rmult_le_pos; [nra|apply pow2_ge_0]. }
    apply Rmult_le_reg_r with (1 - (1 - w)^2 * s^2); [assumption|].
    replace (1^2 * s^2 * ((w^2 + (1 - w)^2) / (1 - (1 - w)^2 * s^2)) * (1 - (1 - w)^2 * s^2))
      with (s^2 * (w^2 + (1 - w)^2)) by (field; lra).
    replace (1 - (1 - w)) with w in Hgap by ring. lra.
  - rewrite Hsum. set (u := / (2 + g)). replace (1 - 2 / (2 * (2 + g))) with (1 - u) by (unfold u; field; lra).
    replace (1 - (1 - u)) with u by ring. specialize (Hgap u).
    replace (s^2 * (2 + g) * (u - / (2 + g))^2) with 0 in Hgap by (unfold u; ring).
    assert (Hu : 0 < u <= / 2) by (unfold u; split; [apply Rinv_0_lt_compat; lra|apply Rinv_le_contravar; lra]).
    assert (Hd : 0 < 1 - u^2 * s^2).
    { assert (0 <= u^2 <= 1) by nra. nra. }
    apply Rmult_eq_reg_r with (1 - u^2 * s^2); [|lra].
    replace (1^2 * s^2 * (((1 - u)^2 + u^2) / (1 - u^2 * s^2)) * (1 - u^2 * s^2))
      with (s^2 * ((1 - u)^2 + u^2)) by (field; lra). lra.
Qed.

(** Bootstrapped values are a ridge fit with the multiplier c/(1 - gamma), in the limit. *)
Theorem prop_bootstrapped : forall c d gamma (q : nat -> R), 0 < c -> 0 <= d -> 0 <= gamma < 1 ->
  q 0%nat = 0 -> (forall k, q (S k) = single c d * (1 + gamma * q k)) ->
  (forall k, q k = d / (c + (1 - gamma) * d) * (1 - (gamma * single c d)^k)) /\
  Un_cv q (d / (c + (1 - gamma) * d)).
Proof.
  intros c d gamma q Hc Hd Hg H0 H.
  assert (Hq : forall k, q k = d / (c + (1 - gamma) * d) * (1 - (gamma * single c d)^k)).
  { induction k as [|k IH]; [rewrite H0; simpl; ring|]. rewrite H, IH. simpl pow.
    generalize ((gamma * single c d)^k). intros p. unfold single. field. split; nra. }
  split; [exact Hq|]. pose proof (share_range c d Hc Hd) as Hs.
  apply Un_cv_ext with (fun k => d / (c + (1 - gamma) * d)
    + (gamma * single c d)^k * (- (d / (c + (1 - gamma) * d)))); [intros k; rewrite Hq; ring|].
  apply geometric_limit. unfold single. nra.
Qed.

(** A gradient step on mixed labels is a shorter gradient step on the labels. *)
Theorem prop_descent_in_disguise : forall d eta y (a f : nat -> R), f 0%nat = 0 ->
  (forall t, f (S t) = f t + eta * d * (a t * y + (1 - a t) * f t - f t)) ->
  forall t, y - f t = rprod t (fun i => 1 - eta * a i * d) * y.
Proof.
  intros d eta y a f H0 H t. induction t as [|t IH]; [rewrite H0; simpl; ring|].
  simpl rprod. rewrite H. replace (y - (f t + eta * d * (a t * y + (1 - a t) * f t - f t)))
    with ((1 - eta * a t * d) * (y - f t)) by ring. rewrite IH. ring.
Qed.

(** The predictive distribution that is passed on adds up the precisions 1/gamma_i. *)
Theorem prop_posterior_passed : forall d y (gamma m v : nat -> R), 0 <= d -> (forall t, 0 < gamma t) ->
  m 0%nat = 0 -> v 0%nat = d ->
  (forall t, m (S t) = m t + v t / (v t + gamma t) * (y - m t)) ->
  (forall t, v (S t) = v t * gamma t / (v t + gamma t)) ->
  forall t, m (S t) = single (/ rsum (S t) (fun i => / gamma i)) d * y /\
            v (S t) = / rsum (S t) (fun i => / gamma i) * single (/ rsum (S t) (fun i => / gamma i)) d.
Proof.
  intros d y gamma m v Hd Hg Hm Hv Sm Sv.
  set (P := fun t => rsum t (fun i => / gamma i)).
  assert (HP : forall t, 0 <= P t).
  { intros t. apply rsum_nonneg. intros i _. now apply Rlt_le, Rinv_0_lt_compat. }
  assert (Hall : forall t, m t = d * P t / (1 + d * P t) * y /\ v t = d / (1 + d * P t)).
  { induction t as [|t [IHm IHv]].
    - rewrite Hm, Hv. unfold P. simpl. split; field.
    - specialize (HP t). specialize (Hg t). rewrite Sm, Sv, IHm, IHv.
      replace (P (S t)) with (P t + / gamma t) by reflexivity.
      assert (0 <= d * P t) by (apply Rmult_le_pos; assumption).
      assert (0 < gamma t * (1 + d * P t)) by (apply Rmult_lt_0_compat; lra).
      split; field; repeat split; nra. }
  intros t. destruct (Hall (S t)) as [Em Ev]. fold (P (S t)).
  assert (HPt : 0 < P (S t)).
  { unfold P. simpl rsum. specialize (HP t). unfold P in HP. pose proof (Rinv_0_lt_compat _ (Hg t)). lra. }
  assert (0 <= d * P (S t)) by (apply Rmult_le_pos; lra).
  rewrite Em, Ev. unfold single. split; field; repeat split; nra.
Qed.
