(** When one more round lowers the risk, for filters that do not depend on the labels. *)
From Coq Require Import Reals Lra Lia Psatz Arith.
From SD Require Import Setting Sums Problem Kkt Multiplier Recursion Sparsification Early_stopping.
Local Open Scope R_scope.

(** n times the risk of the filter with the values [phi], and Wiener's filter. *)
Definition risk n (theta : nat -> R) (sigma : R) (phi : nat -> R) :=
  rsum n (fun k => (1 - phi k)^2 * (theta k)^2 + sigma^2 * (phi k)^2).
Definition wiener (theta : nat -> R) (sigma : R) (k : nat) := (theta k)^2 / ((theta k)^2 + sigma^2).

(** On a probability space with m outcomes of weights [p], and noise [e] of mean zero and
    variance sigma^2 in every direction: the mean squared error is the risk. *)
Theorem prop_risk : forall n m (p : nat -> R) (e : nat -> nat -> R) theta phi sigma,
  rsum m p = 1 -> (forall k, (k < n)%nat -> rsum m (fun o => p o * e o k) = 0) ->
  (forall k, (k < n)%nat -> rsum m (fun o => p o * (e o k)^2) = sigma^2) ->
  rsum m (fun o => p o * energy n (fun k => phi k * (theta k + e o k) - theta k)) = risk n theta sigma phi.
Proof.
  intros n m p e theta phi sigma Hp He Hs. unfold risk, energy.
  rewrite (rsum_ext m _ (fun o => rsum n (fun k => p o * (phi k * (theta k + e o k) - theta k)^2)))
    by (intros; now rewrite rsum_scal).
  rewrite rsum_swap. apply rsum_ext. intros k Hk.
  rewrite (rsum_ext m _ (fun o => (1 - phi k)^2 * (theta k)^2 * p o
    + (- (2 * (1 - phi k) * theta k * phi k) * (p o * e o k) + (phi k)^2 * (p o * (e o k)^2))))
    by (intros; ring).
  rewrite !rsum_plus, !rsum_scal, Hp, (He k Hk), (Hs k Hk). ring.
Qed.

(** Wiener's filter has the least risk; that of any other exceeds it by a weighted squared distance. *)
Theorem prop_oracle : forall n theta phi sigma, 0 < sigma ->
  risk n theta sigma phi
  = rsum n (fun k => (theta k)^2 * sigma^2 / ((theta k)^2 + sigma^2))
    + rsum n (fun k => ((theta k)^2 + sigma^2) * (phi k - wiener theta sigma k)^2).
Proof.
  intros n theta phi sigma Hs. unfold risk, wiener. rewrite <- rsum_plus. apply rsum_ext. intros k _.
  pose proof (pow2_ge_0 (theta k)). field. nra.
Qed.

(** One more round lowers the risk where the midpoint of old and new share is above Wiener's. *)
Theorem thm_one_more_round : forall n d c theta sigma t, 0 < sigma ->
  risk n theta sigma (B d c (S t)) - risk n theta sigma (B d c t)
  = 2 * rsum n (fun k => ((theta k)^2 + sigma^2) * (B d c t k - B d c (S t) k)
                         * (wiener theta sigma k - (B d c t k + B d c (S t) k) / 2)).
Proof.
  intros n d c theta sigma t Hs. unfold risk, wiener. rewrite <- rsum_minus, <- rsum_scal.
  apply rsum_ext. intros k _. generalize (B d c (S t) k) (B d c t k). intros b a.
  pose proof (pow2_ge_0 (theta k)). field. nra.
Qed.

(** A filter nearer to Wiener's in every direction has the smaller risk. *)
Lemma risk_nearer n theta sigma phi psi : 0 < sigma ->
  (forall k, (k < n)%nat -> (phi k - wiener theta sigma k)^2 <= (psi k - wiener theta sigma k)^2) ->
  risk n theta sigma phi <= risk n theta sigma psi.
Proof.
  intros Hs H. rewrite !prop_oracle by assumption. apply Rplus_le_compat_l. apply rsum_le. intros k Hk.
  apply Rmult_le_compat_l; [pose proof (pow2_ge_0 (theta k)); nra|now apply H].
Qed.

(** T_b is at most Wiener's filter exactly if mu = sigma^2 d/theta^2 is at most b. *)
Lemma below_wiener theta sigma k b x : 0 < sigma -> 0 < b -> 0 < x ->
  (sigma^2 * x <= b * (theta k)^2 -> single b x <= wiener theta sigma k) /\
  (b * (theta k)^2 <= sigma^2 * x -> wiener theta sigma k <= single b x).
Proof.
  intros Hs Hb Hx. unfold single, wiener. pose proof (pow2_ge_0 (theta k)).
  assert (0 < sigma^2) by (apply pow_lt; assumption).
  split; intros Hmu; apply div_le_cross; nra.
Qed.

(** Where the signal decays no faster than the spectrum, one round is enough. The ridge
    b is the largest min{m(d_k), mu_k}: no such minimum exceeds it, and one reaches it. *)
Theorem thm_one_round_suffices : forall n d theta sigma c t b,
  0 < sigma -> (forall i, (i < t)%nat -> 0 < c i) -> (0 < t)%nat -> 0 < b ->
  (forall k, (k < n)%nat -> 0 <= d k) ->
  (forall j k, (j < n)%nat -> (k < n)%nat -> 0 < d j < d k -> (theta k)^2 / d k <= (theta j)^2 / d j) ->
  (forall k, (k < n)%nat -> 0 < d k -> ridge c t (d k) <= b \/ sigma^2 * d k <= b * (theta k)^2) ->
  (exists k, (k < n)%nat /\ 0 < d k /\ b <= ridge c t (d k) /\ b * (theta k)^2 <= sigma^2 * d k) ->
  risk n theta sigma (fun k => single b (d k)) <= risk n theta sigma (fun k => several c t (d k)).
Proof.
  intros n d theta sigma c t b Hs Hc Ht Hb Hd Hrough Hmax [l [Hl [Hdl [Hml Hmul]]]].
  apply risk_nearer; [assumption|]. intros k Hk.
  destruct (Rle_lt_or_eq_dec 0 (d k) (Hd k Hk)) as [P|P].
  2: { rewrite <- P. right. f_equal. f_equal. destruct t as [|t]; [lia|]. unfold several, single.
       change (rprod (S t) (fun i => 0 / (c i + 0))) with (rprod t (fun i => 0 / (c i + 0)) * (0 / (c t + 0))).
       unfold Rdiv. ring. }
  (* T_b lies between F and w *)
  destruct (below_wiener theta sigma k b (d k) Hs Hb P) as [Hw1 Hw2].
  destruct (several_single c t (d k) b Hc P Hb) as [HF1 HF2].
  set (w := wiener theta sigma k) in *. set (T := single b (d k)) in *. set (F := several c t (d k)) in *.
  destruct (Rle_dec (d k) (d l)) as [E|E].
  - (* below d_l: b <= m(d_k) *)
    assert (Hm : b <= ridge c t (d k)).
    { apply Rle_trans with (1 := Hml). apply ridge_decreases; [assumption|lra]. }
    specialize (HF2 Hm). destruct (Hmax k Hk P) as [H|H].
    + specialize (HF1 H). replace F with T by lra. lra.
    + specialize (Hw1 H). nra.
  - (* above d_l: b <= mu_k *)
    assert (Hmu : b * (theta k)^2 <= sigma^2 * d k).
    { pose proof (Hrough l k Hl Hk ltac:(lra)) as Hr.
      apply Rmult_le_compat_r with (r := d k) in Hr; [|lra].
      replace ((theta k)^2 / d k * d k) with ((theta k)^2) in Hr by (field; lra).
      apply Rle_trans with (b * ((theta l)^2 / d l * d k)); [apply Rmult_le_compat_l; lra|].
      replace (b * ((theta l)^2 / d l * d k)) with (b * (theta l)^2 * (d k / d l)) by (field; lra).
      replace (sigma^2 * d k) with (sigma^2 * d l * (d k / d l)) by (field; lra).
      apply Rmult_le_compat_r; [apply div_nonneg; lra|assumption]. }
    specialize (Hw2 Hmu). destruct (Hmax k Hk P) as [H|H].
    + specialize (HF1 H). nra.
    + specialize (Hw1 H). replace T with w by lra. nra.
Qed.

(** Where the signal decays faster than the spectrum, a second round helps: the weighted
    mean of T_c is at most its value where mu passes c. *)
Theorem thm_second_round_helps : forall n d theta sigma c x, 0 < sigma -> 0 < c -> 0 < x ->
  (forall k, (k < n)%nat -> 0 < d k) ->
  (forall k, (k < n)%nat -> d k < x -> c * (theta k)^2 <= sigma^2 * d k) ->
  (forall k, (k < n)%nat -> x < d k -> sigma^2 * d k <= c * (theta k)^2) ->
  rsum n (fun k => ((theta k)^2 + sigma^2) * (single c (d k) - wiener theta sigma k)
                   * (1 - single c (d k)) * single c (d k))
  <= single c x * rsum n (fun k => ((theta k)^2 + sigma^2) * (single c (d k) - wiener theta sigma k)
                                   * (1 - single c (d k))).
Proof.
  intros n d theta sigma c x Hs Hc Hx Hd Hlow Hhigh. rewrite <- rsum_scal. apply rsum_le. intros k Hk.
  pose proof (Hd k Hk) as P. destruct (below_wiener theta sigma k c (d k) Hs Hc P) as [Hw1 Hw2].
  assert (HT : 0 <= single c (d k) < 1) by (apply share_range; lra).
  assert (Hprod : 0 <= (single c (d k) - wiener theta sigma k) * (single c x - single c (d k))).
  { destruct (Rtotal_order (d k) x) as [L|[E|L]].
    - specialize (Hw2 (Hlow k Hk L)). assert (single c (d k) <= single c x) by (unfold single; apply div_le_cross; nra).
      apply Rmult_le_pos; lra.
    - rewrite E. right. ring.
    - specialize (Hw1 (Hhigh k Hk L)). assert (single c x <= single c (d k)) by (unfold single; apply div_le_cross; nra).
      replace ((single c (d k) - wiener theta sigma k) * (single c x - single c (d k)))
        with ((wiener theta sigma k - single c (d k)) * (single c (d k) - single c x)) by ring.
      apply Rmult_le_pos; lra. }
  pose proof (pow2_ge_0 (theta k)). assert (0 < sigma^2) by (apply pow_lt; assumption). revert HT Hprod.
  generalize (single c (d k)) (single c x) (wiener theta sigma k). intros u v w HT Hprod.
  assert (0 <= ((theta k)^2 + sigma^2) * (1 - u) * ((u - w) * (v - u))).
  { apply Rmult_le_pos; [apply Rmult_le_pos; lra|assumption]. }
  lra.
Qed.

(** What no single round with a ridge between a and b can reach. *)
Theorem prop_single_floor : forall n d theta sigma a c b, 0 < sigma -> 0 < a <= c -> c <= b ->
  (forall k, (k < n)%nat -> 0 <= d k) ->
  rsum n (fun k => (theta k)^2 * sigma^2 / ((theta k)^2 + sigma^2))
    + rsum n (fun k => ((theta k)^2 + sigma^2)
        * ((Rmax (single b (d k) - wiener theta sigma k) 0)^2
           + (Rmax (wiener theta sigma k - single a (d k)) 0)^2))
    <= risk n theta sigma (fun k => single c (d k)) /\
  rsum n (fun k => (theta k)^2 * sigma^2 / ((theta k)^2 + sigma^2))
    + rsum n (fun k => ((theta k)^2 + sigma^2) * (Rmax (single b (d k) - wiener theta sigma k) 0)^2)
    <= risk n theta sigma (fun k => single c (d k)) /\
  rsum n (fun k => (theta k)^2 * sigma^2 / ((theta k)^2 + sigma^2))
    + rsum n (fun k => ((theta k)^2 + sigma^2) * (Rmax (wiener theta sigma k - single a (d k)) 0)^2)
    <= risk n theta sigma (fun k => single c (d k)).
Proof.
  intros n d theta sigma a c b Hs Hac Hcb Hd. rewrite prop_oracle by assumption.
  assert (Hw : forall k, 0 <= (theta k)^2 + sigma^2) by (intros k; pose proof (pow2_ge_0 (theta k)); nra).
  assert (Hall : forall k, (k < n)%nat ->
    (Rmax (single b (d k) - wiener theta sigma k) 0)^2 + (Rmax (wiener theta sigma k - single a (d k)) 0)^2
    <= (single c (d k) - wiener theta sigma k)^2).
  { intros k Hk. pose proof (Hd k Hk).
    assert (H1 : single b (d k) <= single c (d k)) by (unfold single; apply div_le_cross; nra).
    assert (H2 : single c (d k) <= single a (d k)) by (unfold single; apply div_le_cross; nra).
    revert H1 H2. generalize (single a (d k)) (single b (d k)) (single c (d k)) (wiener theta sigma k).
    intros x y u w H1 H2. pose proof (pow2_ge_0 (u - w)).
    destruct (Rle_lt_dec (y - w) 0) as [P|P]; [rewrite (Rmax_right (y - w)) by lra|rewrite (Rmax_left (y - w)) by lra];
      (destruct (Rle_lt_dec (w - x) 0) as [Q|Q]; [rewrite (Rmax_right (w - x)) by lra|rewrite (Rmax_left (w - x)) by lra]);
      try lra.
    - assert ((w - x)^2 <= (w - u)^2) by (apply sqr_le; lra). nra.
    - assert ((y - w)^2 <= (u - w)^2) by (apply sqr_le; lra). nra. }
  repeat split; apply Rplus_le_compat_l; apply rsum_le; intros k Hk; apply Rmult_le_compat_l; try apply Hw;
    specialize (Hall k Hk);
    pose proof (pow2_ge_0 (Rmax (single b (d k) - wiener theta sigma k) 0));
    pose proof (pow2_ge_0 (Rmax (wiener theta sigma k - single a (d k)) 0)); lra.
Qed.
