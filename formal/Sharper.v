(** Sharper bounds: of the multiplier by the labels, monotone quantities, the distance
    from the data, and sparsification without a limit on t. *)
From Coq Require Import Reals Lra Lia Psatz Arith.
From SD Require Import Setting Sums Problem Kkt Multiplier Recursion Sparsification.
Local Open Scope R_scope.

Section Multiplier.
Variables (n : nat) (d z : nat -> R) (rho c : R).
Hypothesis rho_pos : 0 < rho.
Hypothesis c_pos : 0 < c.
Hypothesis alive : rho < norm n z.
Hypothesis root : secular n d z c = rho^2.

Lemma norm_pos : 0 < norm n z. Proof. lra. Qed.

(** By Jensen's inequality: one tangent of x -> (c/(c + x))^2, at the mean eigenvalue. *)
Lemma multiplier_by_mean : (forall k, (k < n)%nat -> 0 <= d k) ->
  c * (norm n z / rho - 1) <= rsum n (fun k => d k * (z k)^2) / (norm n z)^2.
Proof.
  intros Hd. pose proof norm_pos as HZ. set (Z := norm n z) in *.
  set (m := rsum n (fun k => d k * (z k)^2) / Z^2).
  assert (Hm : 0 <= m).
  { apply div_nonneg; [|apply pow_lt; assumption]. apply rsum_nonneg. intros k Hk.
    apply Rmult_le_pos; [now apply Hd|apply pow2_ge_0]. }
  assert (HmZ : rsum n (fun k => d k * (z k)^2) = m * Z^2) by (unfold m; field; lra).
  (* the tangent of x -> (c/(c+x))^2 at the mean m *)
  assert (Hsum : (c / (c + m))^2 * Z^2 <= rho^2).
  { rewrite <- root.
    assert (Hlin : rsum n (fun k => (c / (c + m))^2 * (z k)^2
                     + - (2 * (c / (c + m))^2 / (c + m)) * (d k * (z k)^2 + - m * (z k)^2))
                   = (c / (c + m))^2 * Z^2).
    { rewrite rsum_plus, !rsum_scal, rsum_plus, rsum_scal, HmZ. fold (energy n z).
      rewrite <- norm_sqr. fold Z. field. lra. }
    rewrite <- Hlin. apply rsum_le. intros k Hk. specialize (Hd k Hk).
    rewrite term_weight by lra. set (a := c + m). set (b := c + d k).
    assert (Ha : 0 < a) by (unfold a; lra). assert (Hb : 0 < b) by (unfold b; lra).
    replace (d k * (z k)^2 + - m * (z k)^2) with ((b - a) * (z k)^2) by (unfold a, b; ring).
    assert (Ht : (c / b)^2 - ((c / a)^2 - 2 * (c / a)^2 / a * (b - a))
                 = c^2 * ((a - b)^2 * (a + 2 * b)) / (a^3 * b^2)) by (field; lra).
    assert (0 <= c^2 * ((a - b)^2 * (a + 2 * b)) / (a^3 * b^2)).
    { apply div_nonneg.
      - apply Rmult_le_pos; [apply pow2_ge_0|]. apply Rmult_le_pos; [apply pow2_ge_0|lra].
      - apply Rmult_lt_0_compat; apply pow_lt; assumption. }
    pose proof (pow2_ge_0 (z k)). nra. }
  rewrite <- Rpow_mult_distr in Hsum. apply le_of_sqr in Hsum; [|lra].
  apply Rmult_le_reg_r with rho; [assumption|].
  replace (c * (Z / rho - 1) * rho) with (c * Z - c * rho) by (field; lra).
  assert (c * Z <= rho * (c + m)); [|lra].
  replace (c * Z) with (c / (c + m) * Z * (c + m)) by (field; lra).
  apply Rmult_le_compat_r; lra.
Qed.

(** By the concavity of the parallel sum: |w| <= th^2 |y| + (1 - th)^2 c |H y|. *)
Lemma multiplier_by_pull : (forall k, (k < n)%nat -> 0 < d k) ->
  norm n z / norm n (fun k => z k / d k) <= c * (norm n z / rho - 1).
Proof.
  intros Hd. pose proof norm_pos as HZ.
  set (a := norm n z) in *. set (p := norm n (fun k => z k / d k)).
  assert (Hp : 0 < p).
  { destruct (Rle_lt_or_eq_dec 0 p (norm_nonneg _ _)) as [P|P]; [assumption|exfalso].
    assert (He : energy n (fun k => z k / d k) = 0) by (rewrite <- norm_sqr; fold p; rewrite <- P; ring).
    assert (Hz : energy n z <= 0).
    { right. apply rsum_zero. intros k Hk. specialize (Hd k Hk).
      pose proof (rsum_term n (fun k => (z k / d k)^2) k (fun i _ => pow2_ge_0 _) Hk) as Ht.
      fold (energy n (fun k => z k / d k)) in Ht. rewrite He in Ht. simpl in Ht.
      assert (Hq : z k / d k = 0) by nra.
      replace (z k) with (z k / d k * d k) by (field; lra). rewrite Hq. ring. }
    rewrite <- norm_sqr in Hz. fold a in Hz. nra. }
  set (b := c * p). assert (Hb : 0 < b) by (unfold b; nra).
  set (th := b / (a + b)). assert (Hth : 1 - th = a / (a + b)) by (unfold th; field; lra).
  (* rho = ||w|| <= th^2 a + (1 - th)^2 b = a b/(a + b) *)
  assert (Hr : rho <= a * b / (a + b)).
  { replace (a * b / (a + b)) with (th^2 * a + (1 - th)^2 * b) by (rewrite Hth; unfold th; field; lra).
    apply Rle_trans with (norm n (fun k => th^2 * z k + (1 - th)^2 * c * (z k / d k))).
    - apply le_of_sqr; [apply norm_nonneg|]. rewrite norm_sqr, <- root. apply rsum_le. intros k Hk.
      specialize (Hd k Hk). rewrite term_weight by lra.
      replace (th^2 * z k + (1 - th)^2 * c * (z k / d k))
        with ((th^2 + (1 - th)^2 * c / d k) * z k) by (field; lra).
      rewrite Rpow_mult_distr. apply Rmult_le_compat_r; [apply pow2_ge_0|]. apply sqr_le. split.
      + apply Rlt_le, weight_pos; lra.
      + replace (th^2 + (1 - th)^2 * c / d k) with ((th^2 * d k + (1 - th)^2 * c) / d k) by (field; lra).
        apply div_le_cross; try lra. pose proof (pow2_ge_0 (th * d k - (1 - th) * c)). nra.
    - eapply Rle_trans; [apply norm_triangle|]. rewrite norm_scal by apply pow2_ge_0.
      rewrite norm_scal by (apply Rmult_le_pos; [apply pow2_ge_0|lra]). fold a p. unfold b. lra. }
  assert (Hrab : rho * (a + b) <= a * b).
  { replace (a * b) with (a * b / (a + b) * (a + b)) by (field; lra). apply Rmult_le_compat_r; lra. }
  replace (c * (a / rho - 1)) with (c * (a - rho) / rho) by (field; lra).
  apply div_le_cross; try assumption. unfold b in Hrab. nra.
Qed.
End Multiplier.

Theorem prop_multiplier_lower : forall n d z rho c d_min, 0 < d_min ->
  (forall k, (k < n)%nat -> d_min <= d k) ->
  0 < rho < norm n z -> 0 < c -> secular n d z c = rho^2 ->
  norm n z / norm n (fun k => z k / d k) <= c * (norm n z / rho - 1) /\
  d_min <= norm n z / norm n (fun k => z k / d k).
Proof.
  intros n d z rho c m Hm Hd [Hrho Ha] Hc Hs.
  assert (Hdp : forall k, (k < n)%nat -> 0 < d k) by (intros k Hk; specialize (Hd k Hk); lra).
  split; [exact (multiplier_by_pull n d z rho c Hrho Hc Ha Hs Hdp)|].
  assert (Hle : m * norm n (fun k => z k / d k) <= norm n z).
  { rewrite <- norm_scal by lra. apply le_of_sqr; [apply norm_nonneg|]. rewrite !norm_sqr.
    apply rsum_le. intros k Hk. pose proof (Hdp k Hk). specialize (Hd k Hk).
    replace (m * (z k / d k)) with (m / d k * z k) by (field; lra). rewrite Rpow_mult_distr.
    assert (0 <= m / d k <= 1) by (split; [apply div_nonneg; lra|apply div_le_1; lra]).
    pose proof (pow2_ge_0 (z k)). assert ((m / d k)^2 <= 1) by nra. nra. }
  assert (Hp : 0 < norm n (fun k => z k / d k)).
  { destruct (Rle_lt_or_eq_dec 0 _ (norm_nonneg n (fun k => z k / d k))) as [P|P]; [assumption|exfalso].
    assert (He : energy n (fun k => z k / d k) = 0) by (rewrite <- norm_sqr, <- P; ring).
    assert (Hz : norm n z = 0); [|lra]. apply norm_zero. intros k Hk. pose proof (Hdp k Hk).
    pose proof (energy_zero n _ He k Hk) as E. simpl in E.
    replace (z k) with (z k / d k * d k) by (field; lra). rewrite E. ring. }
  replace m with (m * norm n (fun k => z k / d k) / norm n (fun k => z k / d k)) by (field; lra).
  apply div_le_cross; try assumption. apply Rmult_le_compat_r; lra.
Qed.

Theorem prop_multiplier_upper : forall n d z rho c d_max,
  (forall k, (k < n)%nat -> 0 <= d k <= d_max) ->
  0 < rho < norm n z -> 0 < c -> secular n d z c = rho^2 ->
  c * (norm n z / rho - 1) <= rsum n (fun k => d k * (z k)^2) / (norm n z)^2 /\
  rsum n (fun k => d k * (z k)^2) / (norm n z)^2 <= d_max.
Proof.
  intros n d z rho c M Hd [Hrho Ha] Hc Hs. split.
  - apply (multiplier_by_mean n d z rho c Hrho Hc Ha Hs). intros k Hk. apply Hd, Hk.
  - assert (Hp : 0 < (norm n z)^2) by (apply pow_lt; lra).
    apply Rmult_le_reg_r with ((norm n z)^2); [assumption|].
    replace (rsum n (fun k => d k * (z k)^2) / (norm n z)^2 * (norm n z)^2)
      with (rsum n (fun k => d k * (z k)^2)) by (field; lra).
    rewrite norm_sqr. unfold energy. rewrite <- rsum_scal. apply rsum_le. intros k Hk.
    apply Rmult_le_compat_r; [apply pow2_ge_0|]. apply Hd, Hk.
Qed.

(** Every round needs a larger ridge than the one before. *)
Theorem prop_multiplier_grows : forall n d rho z c z' c' z'',
  (forall k, (k < n)%nat -> 0 <= d k) -> 0 < rho ->
  round n d rho z c z' -> round n d rho z' c' z'' -> c < c'.
Proof. intros n d rho z c z' c' z'' Hd Hrho. exact (multiplier_grows n d rho Hd Hrho z c z' c' z''). Qed.

Section Smoother.
Variables (n : nat) (d : nat -> R) (rho : R).
Hypothesis d_pos : forall k, (k < n)%nat -> 0 < d k.
Hypothesis rho_pos : 0 < rho.
Variables (z : nat -> R) (c : R) (z' : nat -> R).
Hypothesis H : round n d rho z c z'.

Theorem smoother_cost : cost n d z' <= cost n d z.
Proof.
  destruct H as [_ Hc _ Hz]. apply rsum_le. intros k Hk. rewrite (Hz k Hk). pose proof (d_pos k Hk).
  apply Rmult_le_compat_r; [now apply Rlt_le, Rinv_0_lt_compat|]. rewrite Rpow_mult_distr.
  assert (0 <= d k / (c + d k) <= 1).
  { split; [apply div_nonneg; lra|apply div_le_1; lra]. }
  pose proof (pow2_ge_0 (z k)). assert ((d k / (c + d k))^2 <= 1) by nra. nra.
Qed.

Lemma smoother_quotient : cost n d z' / energy n z' <= cost n d z / energy n z.
Proof.
  assert (HZ : 0 < energy n z).
  { apply norm_pos_energy. destruct H as [Ha _ _ _]. lra. }
  destruct H as [_ Hc _ Hz].
  set (lam := cost n d z / energy n z).
  assert (Hcost : 0 <= cost n d z).
  { apply rsum_nonneg. intros k Hk. apply div_nonneg; [apply pow2_ge_0|now apply d_pos]. }
  assert (Hlam : 0 <= lam) by (apply div_nonneg; lra).
  assert (Hkey : cost n d z' - lam * energy n z' <= 0).
  { replace 0 with ((/ (1 + c * lam))^2 * (cost n d z - lam * energy n z))
      by (unfold lam; field; repeat split; try lra; intros E; assert (0 <= c * cost n d z) by nra; nra).
    unfold cost, energy. rewrite <- !rsum_scal, <- !rsum_minus, <- rsum_scal. apply rsum_le.
    intros k Hk. rewrite (Hz k Hk). pose proof (d_pos k Hk) as Hd.
    set (h := / d k). assert (Hh : 0 < h) by (apply Rinv_0_lt_compat, Hd).
    replace (d k / (c + d k)) with (/ (1 + c * h)) by (unfold h; field; lra).
    unfold Rdiv. fold h. pose proof (pow2_ge_0 (z k)) as Hzk.
    assert (Hp : 0 < 1 + c * h) by nra. assert (Hq : 0 < 1 + c * lam) by nra.
    assert (Hterm : ((/ (1 + c * h))^2 - (/ (1 + c * lam))^2) * (h - lam) <= 0).
    { replace (((/ (1 + c * h))^2 - (/ (1 + c * lam))^2) * (h - lam))
        with (- (c * ((h - lam)^2 * (2 + c * h + c * lam)) / ((1 + c * h)^2 * (1 + c * lam)^2)))
        by (field; split; lra).
      assert (0 <= c * ((h - lam)^2 * (2 + c * h + c * lam)) / ((1 + c * h)^2 * (1 + c * lam)^2)); [|lra].
      apply div_nonneg.
      - apply Rmult_le_pos; [lra|]. apply Rmult_le_pos; [apply pow2_ge_0|nra].
      - apply Rmult_lt_0_compat; apply pow_lt; assumption. }
    rewrite Rpow_mult_distr. nra. }
  destruct (Rle_lt_or_eq_dec 0 (energy n z') (energy_nonneg n z')) as [E|E].
  - apply Rmult_le_reg_r with (energy n z'); [assumption|].
    replace (cost n d z' / energy n z' * energy n z') with (cost n d z') by (field; lra). lra.
  - rewrite <- E. unfold Rdiv at 1. rewrite Rinv_0, Rmult_0_r. assumption.
Qed.
End Smoother.

(** Every round is cheaper, even for its size. The quotient falls by Chebyshev's sum
    inequality, here with one sum: each term against its value at the mean. *)
Theorem prop_smoother : forall n d rho z c z', (forall k, (k < n)%nat -> 0 < d k) -> 0 < rho ->
  round n d rho z c z' ->
  cost n d z' <= cost n d z /\
  cost n d z' / (norm n z')^2 <= cost n d z / (norm n z)^2.
Proof.
  intros n d rho z c z' Hd Hrho H. split; [exact (smoother_cost n d rho Hd z c z' H)|].
  rewrite !norm_sqr. exact (smoother_quotient n d rho Hd Hrho z c z' H).
Qed.

Section Data.
Variables (n : nat) (d : nat -> R) (rho : R).
Hypothesis d_nonneg : forall k, (k < n)%nat -> 0 <= d k.
Hypothesis rho_pos : 0 < rho.
Variables (z : nat -> nat -> R) (c : nat -> R) (N : nat).
Hypothesis H : chain n d rho z c N.

Lemma leaves_data_upper : forall t, (t <= N)%nat ->
  norm n (fun k => z t k - z 0%nat k) <= INR t * rho.
Proof.
  induction t as [|t IH]; intros Ht.
  - right. simpl. rewrite Rmult_0_l. apply norm_zero. intros; ring.
  - rewrite S_INR. specialize (IH ltac:(lia)).
    pose proof (step_length n d rho d_nonneg rho_pos _ _ _ (H t ltac:(lia))) as Hs.
    replace (norm n (fun k => z (S t) k - z 0%nat k))
      with (norm n (fun k => (z t k - z 0%nat k) + -1 * (z t k - z (S t) k))) by (apply norm_ext; intros; ring).
    eapply Rle_trans; [apply norm_triangle|].
    replace (norm n (fun k => -1 * (z t k - z (S t) k))) with (norm n (fun k => z t k - z (S t) k)); [lra|].
    unfold norm. f_equal. apply rsum_ext. intros; ring.
Qed.

(** The fit moves away from the data in every round, by at most rho a round. *)
Theorem prop_leaves_data : forall t, (t < N)%nat ->
  norm n (fun k => z t k - z 0%nat k) <= norm n (fun k => z (S t) k - z 0%nat k) <= INR (S t) * rho.
Proof.
  intros t Ht. split; [|apply leaves_data_upper; lia].
  apply le_of_sqr; [apply norm_nonneg|]. rewrite !norm_sqr. apply rsum_le. intros k Hk.
  rewrite (product n d rho z c N H t) by lia. rewrite (product n d rho z c N H (S t)) by lia.
  pose proof (B_range n d rho d_nonneg z c N H t k ltac:(lia) Hk) as Hb.
  pose proof (B_range n d rho d_nonneg z c N H (S t) k ltac:(lia) Hk) as Hb'.
  assert (Hle : B d c (S t) k <= B d c t k).
  { change (B d c (S t) k) with (B d c t k * (d k / (c t + d k))).
    pose proof (share_range (c t) (d k) (round_pos _ _ _ _ _ _ (H t Ht)) (d_nonneg k Hk)). nra. }
  replace ((B d c t k * z 0%nat k - z 0%nat k)^2) with ((1 - B d c t k)^2 * (z 0%nat k)^2) by ring.
  replace ((B d c (S t) k * z 0%nat k - z 0%nat k)^2) with ((1 - B d c (S t) k)^2 * (z 0%nat k)^2) by ring.
  apply Rmult_le_compat_r; [apply pow2_ge_0|]. apply sqr_le. lra.
Qed.
End Data.

(** The diagonal's spread is bounded on both sides for as long as the chain lives. *)
Theorem thm_sparsification_all_rounds : forall n d rho d_min d_max z c N j k t,
  0 < rho -> 0 < d_min -> (forall i, (i < n)%nat -> d_min <= d i <= d_max) ->
  chain n d rho z c N -> (j < n)%nat -> (k < n)%nat -> d j <= d k -> (1 <= t <= N)%nat ->
  rprod t (fun i => (sqrt ((norm n (z 0%nat) / rho)^2 - INR i) - 1 + d_min / d j)
                    / (sqrt ((norm n (z 0%nat) / rho)^2 - INR i) - 1 + d_min / d k))
    <= B d c t k / B d c t j /\
  ((1 + c 0%nat / d j) / (1 + c 0%nat / d k))^t <= B d c t k / B d c t j /\
  B d c t k / B d c t j <= exp (rsum t (fun i => c i * (1 / d j - 1 / d k))) /\
  B d c t k / B d c t j <= (d k / d j)^t.
Proof.
  intros n d rho m M z c N j k t Hrho Hm Hd H Hj Hk Hjk [Ht1 Ht].
  split; [exact (sparsification_round_by_round n d rho m M Hrho Hm Hd z c N H j k Hj Hk Hjk t Ht)|].
  split; [exact (sparsification_first_multiplier n d rho m M Hrho Hm Hd z c N H j k Hj Hk Hjk t Ht ltac:(lia))|].
  split; [exact (sparsification_exponential n d rho m M Hm Hd z c N H j k Hj Hk Hjk t Ht)|].
  exact (proj2 (prop_sparsification_cap n d rho m M Hm Hd z c N H j k Hj Hk Hjk t Ht)).
Qed.
