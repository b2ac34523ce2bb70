(** Bounds of the multiplier, Newton's iteration for it, the discrepancy principle. *)
From Coq Require Import Reals Lra Lia Psatz Arith.
From SD Require Import Setting Sums Problem Kkt.
Local Open Scope R_scope.

(** ** Between two eigenvalues *)

(** Replace every eigenvalue by the largest: the residual falls. *)
Lemma sqrt_secular_upper n d z rho M c : 0 < rho -> 0 < c -> 
  (forall k, (k < n)%nat -> 0 <= d k <= M) -> 0 <= M -> secular n d z c = rho^2 ->
  c * norm n z <= rho * (c + M).
Proof.
  intros Hrho Hc Hd HM Hs. pose proof (secular_ge n d z M c Hc Hd) as H.
  rewrite Hs, <- norm_sqr, <- Rpow_mult_distr in H.
  apply le_of_sqr in H; [|lra].
  replace (c * norm n z) with (c / (c + M) * norm n z * (c + M)) by (field; lra).
  apply Rmult_le_compat_r; lra.
Qed.

(** Replace every eigenvalue by the smallest: the residual grows. *)
Lemma sqrt_secular_lower n d z rho m c : 0 < rho -> 0 < c -> 0 <= m ->
  (forall k, (k < n)%nat -> m <= d k) -> secular n d z c = rho^2 ->
  rho * (c + m) <= c * norm n z.
Proof.
  intros Hrho Hc Hm Hd Hs. pose proof (secular_le n d z m c Hc Hm Hd) as H.
  rewrite Hs, <- norm_sqr, <- Rpow_mult_distr in H.
  pose proof (weight_pos c m Hc Hm). pose proof (norm_nonneg n z).
  apply le_of_sqr in H; [|nra].
  replace (c * norm n z) with (c / (c + m) * norm n z * (c + m)) by (field; lra).
  apply Rmult_le_compat_r; lra.
Qed.

(** A singular G is allowed: the lower bound is zero then. *)
Theorem prop_multiplier_bounds : forall n (d z : nat -> R) (rho d_min d_max c : R),
  (forall k, (k < n)%nat -> d_min <= d k <= d_max) -> 0 <= d_min -> 0 < rho < norm n z ->
  0 < c -> secular n d z c = rho^2 ->
  d_min / (norm n z / rho - 1) <= c <= d_max / (norm n z / rho - 1).
Proof.
  intros n d z rho m M c Hd Hm [Hrho Hn] Hc Hs.
  assert (Hr : 0 < norm n z / rho - 1).
  { replace (norm n z / rho - 1) with ((norm n z - rho) / rho) by (field; lra).
    apply Rdiv_lt_0_compat; lra. }
  assert (HM : 0 <= M).
  { destruct n as [|n0].
    - exfalso. unfold norm, energy in Hn. simpl in Hn. rewrite sqrt_0 in Hn. lra.
    - specialize (Hd 0%nat ltac:(lia)). lra. }
  assert (Hlo : rho * (c + m) <= c * norm n z).
  { apply (sqrt_secular_lower n d z rho m c); auto. intros; apply Hd; auto. }
  assert (Hup : c * norm n z <= rho * (c + M)).
  { apply (sqrt_secular_upper n d z rho M c); auto. intros k Hk. specialize (Hd k Hk); lra. }
  split.
  - apply Rmult_le_reg_r with (norm n z / rho - 1); [assumption|].
    replace (m / (norm n z / rho - 1) * (norm n z / rho - 1)) with m by (field; lra).
    apply Rmult_le_reg_r with rho; [assumption|].
    replace (c * (norm n z / rho - 1) * rho) with (c * norm n z - c * rho) by (field; lra). lra.
  - apply Rmult_le_reg_r with (norm n z / rho - 1); [assumption|].
    replace (M / (norm n z / rho - 1) * (norm n z / rho - 1)) with M by (field; lra).
    apply Rmult_le_reg_r with rho; [assumption|].
    replace (c * (norm n z / rho - 1) * rho) with (c * norm n z - c * rho) by (field; lra). lra.
Qed.

(** The bounds are attained by labels in one eigenspace, and by no others. *)

Section Attained.
Variables (n : nat) (d z : nat -> R) (rho d_min d_max c : R).
Hypothesis d_range : forall k, (k < n)%nat -> d_min <= d k <= d_max.
Hypothesis alive : 0 < rho < norm n z.
Hypothesis c_pos : 0 < c.
Hypothesis root : secular n d z c = rho^2.

Lemma r_minus_1_pos : 0 < norm n z / rho - 1.
Proof. pose proof (div_gt_1 (norm n z) rho ltac:(lra) ltac:(lra)). lra. Qed.

Lemma root_of_bound M : 0 < c + M -> c = M / (norm n z / rho - 1) ->
  secular n d z c = (c / (c + M))^2 * energy n z.
Proof.
  intros HM E. pose proof r_minus_1_pos as Hr. rewrite root, <- norm_sqr.
  assert (HE : c * norm n z = rho * (c + M)).
  { assert (Hc : c * (norm n z / rho - 1) = M) by (rewrite E; field; lra).
    replace (c * norm n z) with (rho * (c * (norm n z / rho - 1) + c)) by (field; lra). rewrite Hc. ring. }
  replace ((c / (c + M))^2 * (norm n z)^2) with ((c * norm n z / (c + M))^2) by (field; lra).
  rewrite HE. field. lra.
Qed.

Lemma bound_of_root M : 0 <= M -> secular n d z c = (c / (c + M))^2 * energy n z ->
  c = M / (norm n z / rho - 1).
Proof.
  intros HM E. pose proof r_minus_1_pos as Hr. rewrite root, <- norm_sqr, <- Rpow_mult_distr in E.
  apply eq_of_sqr in E; [|lra|apply Rmult_le_pos; [apply div_nonneg; lra|apply norm_nonneg]].
  assert (HE : rho * (c + M) = c * norm n z).
  { rewrite E. field. lra. }
  apply Rmult_eq_reg_r with (norm n z / rho - 1); [|lra].
  replace (M / (norm n z / rho - 1) * (norm n z / rho - 1)) with M by (field; lra).
  replace (c * (norm n z / rho - 1)) with ((c * norm n z - c * rho) / rho) by (field; lra).
  rewrite <- HE. field. lra.
Qed.

Theorem prop_multiplier_bounds_right : 0 <= d_min ->
  (c = d_max / (norm n z / rho - 1) <-> forall k, (k < n)%nat -> z k <> 0 -> d k = d_max).
Proof.
  intros Hm. assert (HM : 0 <= d_max).
  { destruct n as [|m].
    - exfalso. unfold norm, energy in alive. simpl in alive. rewrite sqrt_0 in alive. lra.
    - specialize (d_range 0%nat ltac:(lia)). lra. }
  split.
  - intros E k Hk Hz. apply root_of_bound in E; [|lra].
    destruct (Req_EM_T (d k) d_max) as [D|D]; [assumption|exfalso].
    assert (Hlt : (c / (c + d_max))^2 * energy n z < secular n d z c); [|lra].
    unfold energy, secular. rewrite <- rsum_scal. apply rsum_lt.
    + intros i Hi. specialize (d_range i Hi). rewrite term_weight by lra.
      apply Rmult_le_compat_r; [apply pow2_ge_0|]. apply sqr_le.
      split; [apply Rlt_le, weight_pos; lra|apply weight_anti; lra].
    + exists k; split; [assumption|]. specialize (d_range k Hk). rewrite term_weight by lra.
      apply Rmult_lt_compat_r; [nra|].
      assert (0 < c / (c + d_max)) by (apply weight_pos; lra).
      assert (c / (c + d_max) < c / (c + d k)) by (apply div_lt_cross; nra). nra.
  - intros Hall. apply bound_of_root; [assumption|]. unfold secular, energy. rewrite <- rsum_scal.
    apply rsum_ext. intros k Hk. specialize (d_range k Hk).
    destruct (Req_EM_T (z k) 0) as [E|E]; [rewrite E; field; lra|].
    rewrite (Hall k Hk E). field. lra.
Qed.

Theorem prop_multiplier_bounds_left : 0 < d_min ->
  (c = d_min / (norm n z / rho - 1) <-> forall k, (k < n)%nat -> z k <> 0 -> d k = d_min).
Proof.
  intros Hm. split.
  - intros E k Hk Hz. apply root_of_bound in E; [|lra].
    destruct (Req_EM_T (d k) d_min) as [D|D]; [assumption|exfalso].
    assert (Hlt : secular n d z c < (c / (c + d_min))^2 * energy n z); [|lra].
    unfold energy, secular. rewrite <- rsum_scal. apply rsum_lt.
    + intros i Hi. specialize (d_range i Hi). rewrite term_weight by lra.
      apply Rmult_le_compat_r; [apply pow2_ge_0|]. apply sqr_le.
      split; [apply Rlt_le, weight_pos; lra|apply weight_anti; lra].
    + exists k; split; [assumption|]. specialize (d_range k Hk). rewrite term_weight by lra.
      apply Rmult_lt_compat_r; [nra|].
      assert (0 < c / (c + d k)) by (apply weight_pos; lra).
      assert (c / (c + d k) < c / (c + d_min)) by (apply div_lt_cross; nra). nra.
  - intros Hall. apply bound_of_root; [lra|]. unfold secular, energy. rewrite <- rsum_scal.
    apply rsum_ext. intros k Hk. specialize (d_range k Hk).
    destruct (Req_EM_T (z k) 0) as [E|E]; [rewrite E; field; lra|].
    rewrite (Hall k Hk E). field. lra.
Qed.
End Attained.

(** ** Newton's iteration *)

(** With mu = 1/c: S(mu) = ||(I + mu G)^{-1} y||^2, and the sums of its derivatives. *)
Definition shrunk n (d z : nat -> R) mu := rsum n (fun k => (z k / (1 + mu * d k))^2).
Definition pull n (d z : nat -> R) mu := rsum n (fun k => (z k / (1 + mu * d k))^2 * (d k / (1 + mu * d k))).
Definition bend n (d z : nat -> R) mu := rsum n (fun k => (z k / (1 + mu * d k))^2 * (d k / (1 + mu * d k))^2).

(** phi = S^(-1/2) lies below its tangents, which is what concave means. *)
Lemma phi_below_tangent : forall n d z mu mu', (forall k, (k < n)%nat -> 0 <= d k) ->
  0 <= mu -> 0 <= mu' -> 0 < energy n z ->
  / sqrt (shrunk n d z mu')
  <= / sqrt (shrunk n d z mu)
     + (mu' - mu) * (pull n d z mu / (shrunk n d z mu * sqrt (shrunk n d z mu))).
Proof.
  intros n d z mu mu' Hd Hm Hm' Hz.
  assert (Hw : forall m k, 0 <= m -> (k < n)%nat -> 0 < 1 + m * d k).
  { intros m k Hmm Hk. specialize (Hd k Hk). nra. }
  set (w := fun k => z k / (1 + mu * d k)). set (w' := fun k => z k / (1 + mu' * d k)).
  assert (Hpos : forall m, 0 <= m -> 0 < norm n (fun k => z k / (1 + m * d k))).
  { intros m Hmm. apply sqrt_lt_R0. destruct (rsum_pos_ex _ _ Hz) as [k [Hk Hp]]. simpl in Hp.
    apply Rlt_le_trans with ((z k / (1 + m * d k))^2).
    - unfold Rdiv. rewrite Rpow_mult_distr. apply Rmult_lt_0_compat; [simpl; lra|].
      apply pow_lt, Rinv_0_lt_compat, Hw; assumption.
    - apply (rsum_term n (fun k => (z k / (1 + m * d k))^2)); [intros; apply pow2_ge_0|assumption]. }
  pose proof (Hpos mu Hm) as HP. pose proof (Hpos mu' Hm') as HP'.
  change (sqrt (shrunk n d z mu)) with (norm n w). change (sqrt (shrunk n d z mu')) with (norm n w').
  fold w in HP. fold w' in HP'.
  replace (shrunk n d z mu) with ((norm n w)^2) by (rewrite norm_sqr; reflexivity).
  set (P := norm n w) in *. set (P' := norm n w') in *. set (T := pull n d z mu).
  (* sum w^3/w' = P^2 + (mu' - mu) T ; by Hoelder/Jensen it is at least P^3/P' *)
  assert (Hjen : P^3 <= P' * (P^2 + (mu' - mu) * T)).
  { (* sum over k of w_k^2 (1 + mu' d)/(1 + mu d) against the tangent of 1/sqrt *)
    assert (Hsum : 0 <= rsum n (fun k => (w k)^2 * ((1 + mu' * d k) / (1 + mu * d k)) * (2 * P')
                      + - (3 * P) * (w k)^2 + P^3 * / P'^2 * (w' k)^2)).
    { apply rsum_nonneg. intros k Hk. pose proof (Hw mu k Hm Hk). pose proof (Hw mu' k Hm' Hk).
      set (x := (1 + mu' * d k) / (1 + mu * d k)).
      assert (Hx : 0 < x) by (apply Rdiv_lt_0_compat; assumption).
      replace (w' k) with (w k * / x) by (unfold w', w, x; field; lra).
      replace ((w k)^2 * x * (2 * P') + - (3 * P) * (w k)^2 + P^3 * / P'^2 * (w k * / x)^2)
        with ((w k)^2 * ((P' * x - P)^2 * (2 * P' * x + P) / (P'^2 * x^2)))
        by (field; lra).
      apply Rmult_le_pos; [apply pow2_ge_0|]. apply Rmult_le_pos.
      - apply Rmult_le_pos; [apply pow2_ge_0|nra].
      - apply Rlt_le, Rinv_0_lt_compat. apply Rmult_lt_0_compat; apply pow_lt; assumption. }
    rewrite !rsum_plus, !rsum_scal in Hsum.
    rewrite (rsum_ext n (fun k => (w k)^2 * ((1 + mu' * d k) / (1 + mu * d k)) * (2 * P'))
      (fun k => 2 * P' * ((w k)^2 + (mu' - mu) * ((w k)^2 * (d k / (1 + mu * d k)))))) in Hsum.
    2: { intros k Hk. pose proof (Hw mu k Hm Hk). field. lra. }
    rewrite rsum_scal, rsum_plus, rsum_scal in Hsum.
    change (rsum n (fun k => (w k)^2 * (d k / (1 + mu * d k)))) with T in Hsum.
    change (rsum n (fun k => (w k)^2)) with (energy n w) in Hsum.
    change (rsum n (fun k => (w' k)^2)) with (energy n w') in Hsum.
    rewrite <- !norm_sqr in Hsum. fold P P' in Hsum.
    replace (P^3 * / P'^2 * P'^2) with (P^3) in Hsum by (field; lra). nra. }
  apply Rmult_le_reg_r with (P^3 * P'); [apply Rmult_lt_0_compat; [apply pow_lt|]; assumption|].
  replace (/ P' * (P^3 * P')) with (P^3) by (field; lra).
  replace ((/ P + (mu' - mu) * (T / (P^2 * P))) * (P^3 * P')) with (P' * (P^2 + (mu' - mu) * T))
    by (field; lra).
  assumption.
Qed.

(** phi' > 0, phi'' <= 0 (in the form S_1^2 <= S_0 S_2), phi lies below its tangents,
    and so a Newton step for phi(mu) = 1/rho ends at or below the root 1/c. *)
Theorem prop_newton_concave : forall n d z rho c mu mu',
  (forall k, (k < n)%nat -> 0 <= d k) -> 0 < rho < norm n z -> 0 < c ->
  secular n d z c = rho^2 -> 0 <= mu -> 0 <= mu' ->
  0 < pull n d z mu / (shrunk n d z mu * sqrt (shrunk n d z mu)) /\
  (pull n d z mu)^2 <= shrunk n d z mu * bend n d z mu /\
  / sqrt (shrunk n d z mu') <= / sqrt (shrunk n d z mu)
    + pull n d z mu / (shrunk n d z mu * sqrt (shrunk n d z mu)) * (mu' - mu) /\
  (/ rho - / sqrt (shrunk n d z mu)) / (pull n d z mu / (shrunk n d z mu * sqrt (shrunk n d z mu)))
    <= / c - mu.
Proof.
  intros n d z rho c mu mu' Hd [Hrho Ha] Hc Hs Hmu Hmu'.
  assert (Hz : 0 < energy n z) by (apply norm_pos_energy; lra).
  assert (Hw : forall m k, 0 <= m -> (k < n)%nat -> 0 < 1 + m * d k).
  { intros m k Hm Hk. specialize (Hd k Hk). nra. }
  (* some d_k z_k is not zero, as otherwise the residual would be |y| at every ridge *)
  assert (Hex : exists k, (k < n)%nat /\ 0 < d k /\ z k <> 0).
  { destruct (reachable_dec n d z) as [E|E]; [assumption|exfalso].
    rewrite (secular_flat n d z c Hc Hd E), <- norm_sqr in Hs. pose proof (norm_nonneg n z). nra. }
  destruct Hex as [j [Hj [Hdj Hzj]]].
  assert (HS0 : 0 < shrunk n d z mu).
  { apply Rlt_le_trans with ((z j / (1 + mu * d j))^2).
    - apply pow2_pos. unfold Rdiv. apply Rmult_integral_contrapositive_currified; [assumption|].
      apply Rinv_neq_0_compat. specialize (Hw mu j Hmu Hj). lra.
    - apply (rsum_term n (fun k => (z k / (1 + mu * d k))^2)); [intros; apply pow2_ge_0|assumption]. }
  assert (HS1 : 0 < pull n d z mu).
  { apply Rlt_le_trans with ((z j / (1 + mu * d j))^2 * (d j / (1 + mu * d j))).
    - apply Rmult_lt_0_compat; [|apply Rdiv_lt_0_compat; [assumption|now apply Hw]].
      apply pow2_pos. unfold Rdiv. apply Rmult_integral_contrapositive_currified; [assumption|].
      apply Rinv_neq_0_compat. specialize (Hw mu j Hmu Hj). lra.
    - apply (rsum_term n (fun k => (z k / (1 + mu * d k))^2 * (d k / (1 + mu * d k)))); [|assumption].
      intros k Hk. apply Rmult_le_pos; [apply pow2_ge_0|]. apply div_nonneg; [now apply Hd|now apply Hw]. }
  pose proof (sqrt_lt_R0 _ HS0) as Hroot.
  assert (Hphi : 0 < pull n d z mu / (shrunk n d z mu * sqrt (shrunk n d z mu))).
  { apply Rdiv_lt_0_compat; [assumption|]. apply Rmult_lt_0_compat; assumption. }
  assert (Htangent : forall m, 0 <= m -> / sqrt (shrunk n d z m) <= / sqrt (shrunk n d z mu)
    + pull n d z mu / (shrunk n d z mu * sqrt (shrunk n d z mu)) * (m - mu)).
  { intros m Hm. pose proof (phi_below_tangent n d z mu m Hd Hmu Hm Hz). lra. }
  split; [assumption|]. split; [|split; [now apply Htangent|]].
  - (* Cauchy-Schwarz for z/(1 + mu d) and z d/(1 + mu d)^2 *)
    pose proof (cauchy_schwarz_sqr n (fun k => z k / (1 + mu * d k))
      (fun k => z k / (1 + mu * d k) * (d k / (1 + mu * d k)))) as H.
    replace (pull n d z mu) with (dot n (fun k => z k / (1 + mu * d k))
      (fun k => z k / (1 + mu * d k) * (d k / (1 + mu * d k)))) by (apply rsum_ext; intros; ring).
    replace (bend n d z mu) with (energy n (fun k => z k / (1 + mu * d k) * (d k / (1 + mu * d k))))
      by (apply rsum_ext; intros; ring). exact H.
  - (* at the root 1/c the residual has the length rho *)
    assert (Hat : / sqrt (shrunk n d z (/ c)) = / rho).
    { f_equal. replace (shrunk n d z (/ c)) with (rho^2).
      - apply sqrt_pow2. lra.
      - rewrite <- Hs. apply rsum_ext. intros k Hk. specialize (Hd k Hk). f_equal. field. split; nra. }
    assert (Hic : 0 <= / c) by now apply Rlt_le, Rinv_0_lt_compat.
    pose proof (Htangent (/ c) Hic) as Ht. rewrite Hat in Ht.
    set (p := pull n d z mu / (shrunk n d z mu * sqrt (shrunk n d z mu))) in *.
    apply Rmult_le_reg_r with p; [assumption|].
    replace ((/ rho - / sqrt (shrunk n d z mu)) / p * p) with (/ rho - / sqrt (shrunk n d z mu))
      by (field; repeat split; lra). lra.
Qed.

(** ** The discrepancy principle *)

(** If the noise is within the tolerance, the truth is admissible; so the fit is no
    rougher than the truth, and with truth = G a it is near to it. *)
Theorem prop_morozov : forall n d rho z f truth a,
  (forall k, (k < n)%nat -> 0 <= d k) -> 0 < rho -> fit n d rho z f ->
  (forall k, (k < n)%nat -> d k = 0 -> truth k = 0) -> norm n (fun k => z k - truth k) <= rho ->
  cost n d f + cost n d (fun k => truth k - f k) <= cost n d truth /\
  ((forall k, (k < n)%nat -> truth k = d k * a k) ->
   cost n d (fun k => truth k - f k) <= 2 * rho * norm n a).
Proof.
  intros n d rho z f truth a Hd Hrho Hf Hr Hn.
  destruct (prop_minimum n d rho Hd Hrho z f truth Hf (conj Hr Hn)) as [Hin Hm].
  split; [exact Hm|]. intros Ha.
  pose proof (fit_admissible n d rho Hd Hrho z f Hf) as [Hfr Hfa].
  (* |truth - f|^2 = <truth, truth - f> - <f, truth - f> <= <truth, truth - f> = a . (truth - f) *)
  apply Rle_trans with (dot n a (fun k => truth k - f k)).
  - assert (E : cost n d (fun k => truth k - f k) + rsum n (fun k => f k * (truth k - f k) / d k)
                = dot n a (fun k => truth k - f k)); [|lra].
    unfold cost, dot. rewrite <- rsum_plus. apply rsum_ext. intros k Hk.
    destruct (Req_EM_T (d k) 0) as [D|D].
    + rewrite (Hr k Hk D), (Hfr k Hk D). unfold Rdiv. ring.
    + rewrite (Ha k Hk). field. assumption.
  - eapply Rle_trans; [apply cauchy_schwarz|].
    rewrite (Rmult_comm (2 * rho)). apply Rmult_le_compat_l; [apply norm_nonneg|].
    rewrite (norm_ext n _ (fun k => (z k - f k) + -1 * (z k - truth k))) by (intros; ring).
    eapply Rle_trans; [apply norm_triangle|].
    replace (norm n (fun k => -1 * (z k - truth k))) with (norm n (fun k => z k - truth k)); [lra|].
    unfold norm. f_equal. apply rsum_ext. intros; ring.
Qed.
