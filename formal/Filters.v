(** Several rounds against one, whatever the two have in common. *)
From Coq Require Import Reals Lra Lia Psatz Arith.
From Coquelicot Require Import Coquelicot.
From SD Require Import Setting Sums Problem Kkt Multiplier Recursion Sparsification Early_stopping.
Local Open Scope R_scope.

(** ** The four measures *)

(** The filter of [t] rounds and of one, with no share where d_k = 0. *)
Lemma several_zero c t : (forall i, (i < t)%nat -> 0 < c i) -> (0 < t)%nat -> several c t 0 = 0.
Proof.
  intros Hc Ht. destruct t as [|t]; [lia|]. unfold several.
  change (rprod (S t) (fun i => 0 / (c i + 0))) with (rprod t (fun i => 0 / (c i + 0)) * (0 / (c t + 0))).
  unfold Rdiv. ring.
Qed.

Section Pointwise.
Variables (c : nat -> R) (t : nat).
Hypothesis c_pos : forall i, (i < t)%nat -> 0 < c i.
Hypothesis t_pos : (0 < t)%nat.

Lemma ridge_pos x : 0 < x -> 0 < ridge c t x.
Proof.
  intros Hx. apply Rlt_le_trans with (rsum t c); [|now apply ridge_ge_sum].
  apply Rlt_le_trans with (c 0%nat); [now apply c_pos|].
  apply (rsum_term t c 0%nat); [|assumption]. intros i Hi. now apply Rlt_le, c_pos.
Qed.

Lemma single_range b x : 0 < b -> 0 <= x -> 0 <= single b x <= 1.
Proof. intros Hb Hx. unfold single. pose proof (share_range b x Hb Hx). lra. Qed.

Lemma several_range' x : 0 <= x -> 0 <= several c t x <= 1.
Proof.
  intros Hx. destruct (Rle_lt_or_eq_dec 0 x Hx) as [P|P].
  - pose proof (several_range c t x c_pos P). lra.
  - rewrite <- P, several_zero by assumption. lra.
Qed.

Lemma single_mono b u v : 0 < b -> 0 <= u <= v -> single b u <= single b v.
Proof. intros Hb H. unfold single. apply div_le_cross; nra. Qed.

(** F is below the single round that meets it at a larger eigenvalue, and above the one
    that meets it at a smaller one. *)
Lemma below_later x y : 0 <= x <= y -> 0 < y -> several c t x <= single (ridge c t y) x.
Proof.
  intros Hxy Hy. destruct (Rle_lt_or_eq_dec 0 x ltac:(lra)) as [Hx|Hx].
  - apply (several_single c t x (ridge c t y) c_pos Hx (ridge_pos y Hy)).
    apply ridge_decreases; [assumption|lra].
  - rewrite <- Hx, several_zero by assumption. unfold single, Rdiv. lra.
Qed.

Lemma above_earlier x y : 0 < y <= x -> single (ridge c t y) x <= several c t x.
Proof.
  intros Hxy. apply (several_single c t x (ridge c t y) c_pos ltac:(lra) (ridge_pos y ltac:(lra))).
  apply ridge_decreases; [assumption|lra].
Qed.

Lemma meets y : 0 < y -> several c t y = single (ridge c t y) y.
Proof. intros Hy. apply (several_ridge c t y c_pos Hy). Qed.
End Pointwise.

(** Size, residual, roughness and degrees of freedom of the filter [phi]. *)
Definition size n (d z : nat -> R) (phi : R -> R) := rsum n (fun k => (z k)^2 * (phi (d k))^2).
Definition left_over n (d z : nat -> R) (phi : R -> R) := rsum n (fun k => (z k)^2 * (1 - phi (d k))^2).
Definition roughness n (d z : nat -> R) (phi : R -> R) := rsum n (fun k => (z k)^2 * (phi (d k))^2 / d k).
Definition freedom n (d : nat -> R) (phi : R -> R) := rsum n (fun k => phi (d k)).

Lemma measures_increase n d z (phi psi : R -> R) : (forall k, (k < n)%nat -> 0 <= d k) ->
  (forall k, (k < n)%nat -> 0 <= phi (d k) <= psi (d k) /\ psi (d k) <= 1) ->
  size n d z phi <= size n d z psi /\ left_over n d z psi <= left_over n d z phi /\
  roughness n d z phi <= roughness n d z psi /\ freedom n d phi <= freedom n d psi.
Proof.
  intros Hd H. assert (Hsq : forall k, (k < n)%nat -> (phi (d k))^2 <= (psi (d k))^2).
  { intros k Hk. apply sqr_le. now apply H. }
  repeat split; apply rsum_le; intros k Hk; specialize (H k Hk); specialize (Hsq k Hk);
    pose proof (pow2_ge_0 (z k)).
  - apply Rmult_le_compat_l; assumption.
  - apply Rmult_le_compat_l; [assumption|]. apply sqr_le. lra.
  - unfold Rdiv. apply Rmult_le_compat_r.
    + destruct (Rle_lt_or_eq_dec 0 (d k) (Hd k Hk)) as [P|P]; [now apply Rlt_le, Rinv_0_lt_compat|].
      rewrite <- P, Rinv_0. lra.
    + apply Rmult_le_compat_l; assumption.
  - lra.
Qed.

(** Whichever measure: it is at least that of F for the single round that meets F at
    the largest eigenvalue, and at most for the one that meets F at the smallest. *)
Theorem thm_crossing : forall n d z c t d_min d_max, (forall i, (i < t)%nat -> 0 < c i) ->
  (0 < t)%nat -> 0 < d_min <= d_max -> (forall k, (k < n)%nat -> d k = 0 \/ d_min <= d k <= d_max) ->
  (size n d z (several c t) <= size n d z (single (ridge c t d_max)) /\
   left_over n d z (single (ridge c t d_max)) <= left_over n d z (several c t) /\
   roughness n d z (several c t) <= roughness n d z (single (ridge c t d_max)) /\
   freedom n d (several c t) <= freedom n d (single (ridge c t d_max))) /\
  (size n d z (single (ridge c t d_min)) <= size n d z (several c t) /\
   left_over n d z (several c t) <= left_over n d z (single (ridge c t d_min)) /\
   roughness n d z (single (ridge c t d_min)) <= roughness n d z (several c t) /\
   freedom n d (single (ridge c t d_min)) <= freedom n d (several c t)).
Proof.
  intros n d z c t m M Hc Ht Hm Hd.
  assert (Hd0 : forall k, (k < n)%nat -> 0 <= d k) by (intros k Hk; destruct (Hd k Hk); lra).
  split; apply measures_increase; try assumption; intros k Hk; pose proof (Hd0 k Hk) as Hk0;
    pose proof (several_range' c t Hc Ht (d k) Hk0) as HF.
  - pose proof (single_range (ridge c t M) (d k) (ridge_pos c t Hc Ht M ltac:(lra)) Hk0).
    assert (d k <= M) by (destruct (Hd k Hk); lra).
    pose proof (below_later c t Hc Ht (d k) M ltac:(lra) ltac:(lra)). lra.
  - pose proof (single_range (ridge c t m) (d k) (ridge_pos c t Hc Ht m ltac:(lra)) Hk0) as HT.
    destruct (Hd k Hk) as [E|E].
    + rewrite E, several_zero by assumption. unfold single, Rdiv. rewrite Rmult_0_l. lra.
    + pose proof (above_earlier c t Hc Ht (d k) m ltac:(lra)). lra.
Qed.

(** ** Steepness *)

(** The derivative of log F: with a_i = T_{c_i}(x), x F'/F is the sum of 1 - a_i. *)
Lemma log_derivative c t x : (forall i, (i < t)%nat -> 0 < c i) -> 0 < x ->
  is_derive (fun x => ln (several c t x)) x (rsum t (fun i => c i / (c i + x)) / x).
Proof.
  intros Hc Hx. induction t as [|t IH].
  - simpl. unfold Rdiv. rewrite Rmult_0_l. apply is_derive_ext with (fun _ => ln 1).
    { intros y. reflexivity. } apply (is_derive_const (V := R_NormedModule)).
  - pose proof (Hc t ltac:(lia)) as Hct.
    apply (is_derive_ext_loc (fun x => ln (several c t x) + ln (x / (c t + x)))).
    { exists (mkposreal x Hx). intros y Hy. simpl in Hy. unfold ball in Hy; simpl in Hy.
      unfold AbsRing_ball, abs, minus, plus, opp in Hy; simpl in Hy. apply Rabs_def2 in Hy.
      assert (0 < y) by lra.
      change (several c (S t) y) with (several c t y * (y / (c t + y))).
      rewrite ln_mult; [reflexivity| |apply Rdiv_lt_0_compat; lra].
      apply (several_range c t y); [intros; apply Hc; lia|assumption]. }
    simpl rsum. replace ((rsum t (fun i => c i / (c i + x)) + c t / (c t + x)) / x)
      with (rsum t (fun i => c i / (c i + x)) / x + c t / (c t + x) / x) by (field; lra).
    apply (is_derive_plus (V := R_NormedModule)); [apply IH; intros; apply Hc; lia|].
    auto_derive; [split; [lra|]; split; [apply Rdiv_lt_0_compat; lra|exact I]|field; lra].
Qed.

(** Where both keep the share p, several rounds cut off more steeply than one, at most
    as steeply as t equal rounds, and less steeply than the flow. *)
Theorem prop_steepness : forall c t x, (forall i, (i < t)%nat -> 0 < c i) -> (0 < t)%nat -> 0 < x ->
  is_derive (fun x => ln (several c t x)) x (rsum t (fun i => c i / (c i + x)) / x) /\
  1 - several c t x <= rsum t (fun i => c i / (c i + x)) /\
  rsum t (fun i => c i / (c i + x)) <= INR t * (1 - exp (ln (several c t x) / INR t)) /\
  INR t * (1 - exp (ln (several c t x) / INR t)) <= - ln (several c t x).
Proof.
  intros c t x Hc Ht Hx. split; [now apply log_derivative|].
  assert (Hn : 0 < INR t) by now apply lt_0_INR.
  set (p := several c t x).
  split; [|split].
  - (* 1 - a b = (1 - a) + a (1 - b) <= (1 - a) + (1 - b) *)
    unfold p. clear Ht Hn p. induction t as [|t IH]; [unfold several; simpl; lra|].
    specialize (IH ltac:(intros; apply Hc; lia)). pose proof (Hc t ltac:(lia)) as Hct.
    pose proof (several_range c t x ltac:(intros; apply Hc; lia) Hx) as HF.
    change (several c (S t) x) with (several c t x * (x / (c t + x))). simpl rsum.
    replace (x / (c t + x)) with (1 - c t / (c t + x)) by (field; lra).
    assert (0 <= c t / (c t + x)) by (apply div_nonneg; lra). nra.
  - (* the inequality of the means: every a_i lies above its tangent at the geometric mean *)
    set (g := exp (ln p / INR t)). assert (Hg : 0 < g) by apply exp_pos.
    assert (Hlog : rsum t (fun i => ln (x / (c i + x))) = ln p).
    { unfold p. clear Ht Hn p g Hg. induction t as [|t IH]; [unfold several; simpl; now rewrite ln_1|].
      change (several c (S t) x) with (several c t x * (x / (c t + x))). simpl rsum.
      rewrite IH by (intros; apply Hc; lia). pose proof (Hc t ltac:(lia)).
      rewrite ln_mult; [reflexivity| |apply Rdiv_lt_0_compat; lra].
      apply (several_range c t x); [intros; apply Hc; lia|assumption]. }
    assert (Hlow : rsum t (fun i => g * (1 + ln (x / (c i + x)) - ln p / INR t)) <= rsum t (fun i => x / (c i + x))).
    { apply rsum_le. intros i Hi. pose proof (Hc i Hi) as Hci.
      assert (Ha : 0 < x / (c i + x)) by (apply Rdiv_lt_0_compat; lra).
      replace (x / (c i + x)) with (g * exp (ln (x / (c i + x)) - ln p / INR t)) at 2.
      - apply Rmult_le_compat_l; [lra|].
        pose proof (exp_ineq1_le (ln (x / (c i + x)) - ln p / INR t)). lra.
      - unfold g. rewrite <- exp_plus. replace (ln p / INR t + (ln (x / (c i + x)) - ln p / INR t))
          with (ln (x / (c i + x))) by ring. now apply exp_ln. }
    assert (Hconst : forall a, rsum t (fun _ => a) = INR t * a).
    { intros a. clear. induction t as [|t IH]; [simpl; ring|]. simpl rsum. rewrite IH, S_INR. ring. }
    assert (Hsum : rsum t (fun i => g * (1 + ln (x / (c i + x)) - ln p / INR t)) = INR t * g).
    { rewrite rsum_scal. rewrite (rsum_ext t _ (fun i => (1 - ln p / INR t) + ln (x / (c i + x)))) by (intros; ring).
      rewrite rsum_plus, Hlog, Hconst. field. lra. }
    rewrite Hsum in Hlow.
    replace (rsum t (fun i => c i / (c i + x))) with (INR t - rsum t (fun i => x / (c i + x))); [lra|].
    replace (INR t) with (rsum t (fun _ => 1)) by (rewrite Hconst; ring). rewrite <- rsum_minus.
    apply rsum_ext. intros i Hi. pose proof (Hc i Hi). field. lra.
  - pose proof (exp_ineq1_le (ln p / INR t)) as He.
    assert (INR t * (1 - exp (ln p / INR t)) <= INR t * (- (ln p / INR t))) by (apply Rmult_le_compat_l; lra).
    replace (INR t * - (ln p / INR t)) with (- ln p) in H by (field; lra). exact H.
Qed.

(** ** Majorisation *)

Lemma rsum_split n l f : (l <= n)%nat -> rsum n f = rsum (n - l) f + rsum l (fun i => f (n - l + i)%nat).
Proof. intros H. rewrite <- rsum_app. f_equal. lia. Qed.

(** With as many degrees of freedom, several rounds concentrate them: for ascending
    eigenvalues, the last l of F exceed those of T_b, or else all of F fall short. *)
Theorem thm_majorises : forall n d c t b l, (forall i, (i < t)%nat -> 0 < c i) -> (0 < t)%nat ->
  0 < b -> (forall k, (k < n)%nat -> 0 <= d k) -> (forall j k, (j <= k < n)%nat -> d j <= d k) ->
  (l <= n)%nat ->
  Rmin 0 (freedom n d (several c t) - freedom n d (single b))
  <= rsum l (fun i => several c t (d (n - l + i)%nat) - single b (d (n - l + i)%nat)).
Proof.
  intros n d c t b l Hc Ht Hb Hd Hord Hl.
  set (a := fun k => several c t (d k) - single b (d k)).
  change (rsum l (fun i => several c t (d (n - l + i)%nat) - single b (d (n - l + i)%nat)))
    with (rsum l (fun i => a (n - l + i)%nat)).
  assert (Etot : freedom n d (several c t) - freedom n d (single b) = rsum n a)
    by (unfold freedom; rewrite <- rsum_minus; reflexivity).
  rewrite Etot.
  (* once F has passed T_b, it stays above *)
  assert (Hsign : forall j k, (j <= k < n)%nat -> 0 < a j -> 0 <= a k).
  { intros j k Hjk Ha. unfold a in *. pose proof (Hd j ltac:(lia)) as Hj.
    destruct (Rle_lt_or_eq_dec 0 (d j) Hj) as [Pj|Pj].
    - pose proof (Hord j k Hjk) as Hle.
      destruct (Rle_dec (ridge c t (d k)) b) as [E|E].
      + pose proof (proj1 (several_single c t (d k) b Hc ltac:(lra) Hb) E). lra.
      + exfalso. pose proof (ridge_decreases c t (d j) (d k) Hc ltac:(lra)).
        pose proof (proj2 (several_single c t (d j) b Hc Pj Hb) ltac:(lra)). lra.
    - exfalso. rewrite <- Pj, several_zero in Ha by assumption. unfold single, Rdiv in Ha. lra. }
  destruct (Rle_dec 0 (rsum l (fun i => a (n - l + i)%nat))) as [P|P];
    [apply Rle_trans with 0; [apply Rmin_l|exact P]|].
  (* the last l have a negative sum, so one of them is negative, and so are all before *)
  apply Rle_trans with (rsum n a); [apply Rmin_r|]. rewrite (rsum_split n l a Hl).
  assert (Hneg : exists i, (i < l)%nat /\ a (n - l + i)%nat < 0).
  { destruct (rsum_lt_ex l (fun i => a (n - l + i)%nat) (fun _ => 0)) as [i [Hi Ha]].
    - rewrite (rsum_zero l (fun _ => 0)) by reflexivity. lra.
    - exists i. split; assumption. }
  destruct Hneg as [i [Hi Ha]].
  assert (rsum (n - l) a <= 0); [|lra].
  rewrite <- (rsum_zero (n - l) (fun _ => 0)) by reflexivity. apply rsum_le. intros k Hk.
  destruct (Rle_dec (a k) 0) as [E|E]; [assumption|exfalso].
  pose proof (Hsign k (n - l + i)%nat ltac:(lia) ltac:(lra)). lra.
Qed.

(** ** At the single round that meets F at y *)

Section Meeting.
Variables (n : nat) (d z : nat -> R) (c : nat -> R) (t : nat) (y : R).
Hypothesis c_pos : forall i, (i < t)%nat -> 0 < c i.
Hypothesis t_pos : (0 < t)%nat.
Hypothesis y_pos : 0 < y.
Hypothesis d_nonneg : forall k, (k < n)%nat -> 0 <= d k.
Let b := ridge c t y.
Let F := several c t.
Let T := single b.
Let p := several c t y.

Lemma b_pos : 0 < b.
Proof. exact (ridge_pos c t c_pos t_pos y y_pos). Qed.

Lemma T_mono u v : 0 <= u <= v -> T u <= T v.
Proof. intros H. exact (single_mono b u v b_pos H). Qed.

Lemma F_mono u v : 0 <= u <= v -> F u <= F v.
Proof.
  intros H. unfold F. destruct (Rle_lt_or_eq_dec 0 u ltac:(lra)) as [P|P].
  - apply several_mono; [assumption|lra].
  - rewrite <- P, several_zero by assumption. apply several_range'; [assumption|assumption|lra].
Qed.

Lemma p_T : p = T y.
Proof. exact (meets c t c_pos y y_pos). Qed.

(** F - T and F + T - 2p have the same sign: that of d_k - y. *)
Lemma same_sign k : (k < n)%nat -> 0 <= (F (d k) - T (d k)) * (F (d k) + T (d k) - 2 * p).
Proof.
  intros Hk. pose proof (d_nonneg k Hk) as Hd. destruct (Rle_dec (d k) y) as [E|E].
  - pose proof (below_later c t c_pos t_pos (d k) y ltac:(lra) y_pos) as Hb.
    fold b in Hb. fold (F (d k)) in Hb. fold (T (d k)) in Hb.
    pose proof (F_mono (d k) y ltac:(lra)) as H1. pose proof (T_mono (d k) y ltac:(lra)) as H2.
    rewrite <- p_T in H2. fold p in H1. change (F y) with p in H1. nra.
  - pose proof (above_earlier c t c_pos t_pos (d k) y ltac:(lra)) as Hb.
    fold b in Hb. fold (F (d k)) in Hb. fold (T (d k)) in Hb.
    pose proof (F_mono y (d k) ltac:(lra)) as H1. pose proof (T_mono y (d k) ltac:(lra)) as H2.
    rewrite <- p_T in H2. change (F y) with p in H1. nra.
Qed.

(** And so they let more noise through. In this and the next two theorems every term of
    the single round stands beside one of the several rounds; the chapter subtracts. *)
Theorem cor_variance :
  rsum n (fun k => (single (ridge c t y) (d k))^2) + 2 * several c t y * freedom n d (several c t)
  <= rsum n (fun k => (several c t (d k))^2) + 2 * several c t y * freedom n d (single (ridge c t y)).
Proof.
  unfold freedom. rewrite <- !rsum_scal, <- !rsum_plus. apply rsum_le. intros k Hk.
  pose proof (same_sign k Hk) as Hs. unfold F, T, p, b in Hs. revert Hs.
  generalize (several c t (d k)) (single (ridge c t y) (d k)) (several c t y). intros u v q Hs. nra.
Qed.

(** With the same residual, several rounds are the larger fit. *)
Theorem prop_equal_residual :
  size n d z (single (ridge c t y))
    + several c t y / (1 - several c t y) * left_over n d z (single (ridge c t y))
  <= size n d z (several c t)
     + several c t y / (1 - several c t y) * left_over n d z (several c t).
Proof.
  unfold left_over, size. rewrite <- !rsum_scal, <- !rsum_plus. apply rsum_le. intros k Hk.
  pose proof (same_sign k Hk) as Hs.
  assert (Hp : 0 <= p < 1).
  { rewrite p_T. unfold T, single. apply share_range; [exact b_pos|lra]. }
  unfold F, T, p, b in Hs, Hp. pose proof (pow2_ge_0 (z k)) as Hz. revert Hs Hp.
  generalize (several c t (d k)) (single (ridge c t y) (d k)) (several c t y). intros u v q Hs Hp.
  assert (Hq : 0 <= q / (1 - q)) by (apply div_nonneg; lra).
  assert (E : u^2 - v^2 - q / (1 - q) * ((1 - v)^2 - (1 - u)^2)
              = (u - v) * (u + v - 2 * q) * (1 + q / (1 - q))) by (field; lra).
  assert (H0 : 0 <= (u - v) * (u + v - 2 * q) * (1 + q / (1 - q))) by (apply Rmult_le_pos; lra).
  rewrite <- E in H0. set (o := q / (1 - q)) in *.
  assert (0 <= (z k)^2 * (u^2 - v^2 - o * ((1 - v)^2 - (1 - u)^2))) by (apply Rmult_le_pos; assumption). lra.
Qed.

(** With the same size of the fit, several rounds are smoother. *)
Theorem prop_equal_norm :
  roughness n d z (several c t) + size n d z (single (ridge c t y)) / y
  <= roughness n d z (single (ridge c t y)) + size n d z (several c t) / y.
Proof.
  enough (roughness n d z (several c t) - roughness n d z (single (ridge c t y))
    <= / y * (size n d z (several c t) - size n d z (single (ridge c t y)))) by (unfold Rdiv; lra).
  unfold roughness, size. rewrite <- !rsum_minus, <- rsum_scal. apply rsum_le. intros k Hk.
  pose proof (d_nonneg k Hk) as Hd. pose proof (pow2_ge_0 (z k)) as Hz.
  pose proof (several_range' c t c_pos t_pos (d k) Hd) as HF.
  pose proof (single_range (ridge c t y) (d k) b_pos Hd) as HT.
  destruct (Req_EM_T (d k) 0) as [D|D].
  { rewrite D, several_zero by assumption. unfold single, Rdiv. rewrite !Rmult_0_l. simpl.
    rewrite !Rmult_0_l, !Rmult_0_r, !Rmult_0_l. lra. }
  assert (Hcase : (d k <= y /\ several c t (d k) <= single (ridge c t y) (d k))
                  \/ (y <= d k /\ single (ridge c t y) (d k) <= several c t (d k))).
  { destruct (Rle_dec (d k) y) as [E|E]; [left|right]; (split; [lra|]).
    - apply below_later; try assumption. lra.
    - apply above_earlier; try assumption. lra. }
  revert HF HT Hcase. generalize (several c t (d k)) (single (ridge c t y) (d k)). intros u v HF HT Hcase.
  replace ((z k)^2 * u^2 / d k - (z k)^2 * v^2 / d k) with ((z k)^2 * ((u^2 - v^2) * / d k)) by (field; assumption).
  replace (/ y * ((z k)^2 * u^2 - (z k)^2 * v^2)) with ((z k)^2 * ((u^2 - v^2) * / y)) by ring.
  apply Rmult_le_compat_l; [assumption|]. destruct Hcase as [[E H]|[E H]].
  - assert (/ y <= / d k) by (apply Rinv_le_contravar; lra).
    assert (v^2 >= u^2) by (apply Rle_ge, sqr_le; lra). nra.
  - assert (/ d k <= / y) by (apply Rinv_le_contravar; lra).
    assert (v^2 <= u^2) by (apply sqr_le; lra). nra.
Qed.
End Meeting.

(** ** Excess cost *)

(** n J_b(phi), and what it exceeds that of the single round by. *)
Theorem prop_lagrangian : forall n d z (phi : R -> R) b, 0 < b -> (forall k, (k < n)%nat -> 0 <= d k) ->
  phi 0 = 0 ->
  left_over n d z (single b) + b * roughness n d z (single b)
    + rsum n (fun k => if Req_EM_T (d k) 0 then 0
                       else (z k)^2 * (1 + b / d k) * (phi (d k) - single b (d k))^2)
  = left_over n d z phi + b * roughness n d z phi.
Proof.
  intros n d z phi b Hb Hd H0. unfold left_over, roughness. rewrite <- !rsum_scal, <- !rsum_plus.
  apply rsum_ext. intros k Hk. pose proof (Hd k Hk). unfold single.
  destruct (Req_EM_T (d k) 0) as [D|D].
  - rewrite D, H0. unfold Rdiv. ring.
  - field. split; lra.
Qed.

(** With the same residual, one round has the smaller R(f), by at least this. *)
Theorem thm_off_front : forall n d z c t y, (forall i, (i < t)%nat -> 0 < c i) -> (0 < t)%nat ->
  0 < y -> (forall k, (k < n)%nat -> 0 <= d k) ->
  left_over n d z (single (ridge c t y)) + ridge c t y * roughness n d z (single (ridge c t y))
    + (pairs c t)^2 * rsum n (fun k => if Req_EM_T (d k) 0 then 0
        else (z k)^2 * ((several c t (d k))^2 * single (ridge c t y) (d k) / (d k)^2)
             * (1 / d k - 1 / y)^2)
  <= left_over n d z (several c t) + ridge c t y * roughness n d z (several c t).
Proof.
  intros n d z c t y Hc Ht Hy Hd. set (b := ridge c t y).
  assert (Hb : 0 < b) by (apply ridge_pos; assumption).
  rewrite <- (prop_lagrangian n d z (several c t) b Hb Hd (several_zero c t Hc Ht)).
  apply Rplus_le_compat_l. rewrite <- rsum_scal. apply rsum_le. intros k Hk.
  destruct (Req_EM_T (d k) 0) as [D|D]; [lra|].
  assert (Hdk : 0 < d k) by (pose proof (Hd k Hk); lra).
  destruct (several_ridge c t (d k) Hc Hdk) as [EF Hm].
  set (m := ridge c t (d k)) in *.
  (* F - T = F T (b - m)/d, and |b - m| is at least e_2 |1/d - 1/y| *)
  assert (Hgap : (pairs c t)^2 * (1 / d k - 1 / y)^2 <= (b - m)^2).
  { rewrite <- Rpow_mult_distr.
    assert (H2 : 0 <= pairs c t).
    { apply rsum_nonneg. intros l Hl. apply Rmult_le_pos; [now apply Rlt_le, Hc|].
      apply rsum_nonneg. intros i Hi. apply Rlt_le, Hc; lia. }
    destruct (Rle_dec (d k) y) as [E|E].
    - pose proof (ridge_gap c t (d k) y Hc ltac:(lra)) as Hg. fold m b in Hg.
      assert (0 <= 1 / d k - 1 / y) by (assert (1 / y <= 1 / d k) by (apply div_le_cross; lra); lra).
      replace ((b - m)^2) with ((m - b)^2) by ring. apply sqr_le. split; [apply Rmult_le_pos; assumption|assumption].
    - pose proof (ridge_gap c t y (d k) Hc ltac:(lra)) as Hg. fold m b in Hg.
      assert (0 <= 1 / y - 1 / d k) by (assert (1 / d k <= 1 / y) by (apply div_le_cross; lra); lra).
      replace ((pairs c t * (1 / d k - 1 / y))^2) with ((pairs c t * (1 / y - 1 / d k))^2) by ring.
      apply sqr_le. split; [apply Rmult_le_pos; assumption|assumption]. }
  rewrite EF. unfold single.
  replace ((z k)^2 * (1 + b / d k) * (d k / (m + d k) - d k / (b + d k))^2)
    with ((z k)^2 * (/ (m + d k)^2 * / (b + d k) * d k) * (b - m)^2) by (field; repeat split; lra).
  replace ((pairs c t)^2 * ((z k)^2 * ((d k / (m + d k))^2 * (d k / (b + d k)) / (d k)^2) * (1 / d k - 1 / y)^2))
    with ((z k)^2 * (/ (m + d k)^2 * / (b + d k) * d k) * ((pairs c t)^2 * (1 / d k - 1 / y)^2))
    by (field; repeat split; lra).
  apply Rmult_le_compat_l; [|assumption]. apply Rmult_le_pos; [apply pow2_ge_0|].
  apply Rmult_le_pos; [|lra]. apply Rmult_le_pos; apply Rlt_le, Rinv_0_lt_compat; [apply pow_lt|]; lra.
Qed.

(** ** Upside down *)

(** What self-distillation removes is what iterated Tikhonov regularisation keeps, with
    d and c_i replaced by their reciprocals. *)
Theorem prop_duality : forall c t x, (forall i, (i < t)%nat -> 0 < c i) -> 0 < x ->
  1 - several c t x = 1 - rprod t (fun i => / c i / (/ c i + / x)).
Proof.
  intros c t x Hc Hx. f_equal. apply rprod_ext. intros i Hi. pose proof (Hc i Hi). field. lra.
Qed.

(** At large eigenvalues it is no better than one round. *)
Theorem prop_qualification : forall c t x, (forall i, (i < t)%nat -> 0 < c i) -> 0 < x ->
  rsum t c / (rsum t c + x) <= 1 - several c t x /\ 1 - several c t x <= rsum t c / x.
Proof.
  intros c t x Hc Hx. pose proof (ridge_ge_sum c t x Hc Hx) as Hm. pose proof (several_range c t x Hc Hx) as HF.
  assert (Hs : 0 <= rsum t c) by (apply rsum_nonneg; intros k Hk; apply Rlt_le, Hc, Hk). split.
  - unfold ridge in Hm. set (F := several c t x) in *. set (s := rsum t c) in *.
    assert (Hle : F * (s + x) <= x).
    { replace x with (F * (x * (/ F - 1) + x)) at 2 by (field; lra). nra. }
    apply Rmult_le_reg_r with (s + x); [lra|].
    replace (s / (s + x) * (s + x)) with s by (field; lra). nra.
  - assert (Hall : forall m, (m <= t)%nat -> 1 - several c m x <= rsum m c / x).
    { induction m as [|m IH]; intros Hmt.
      - unfold several, Rdiv. simpl. lra.
      - specialize (IH ltac:(lia)). pose proof (Hc m ltac:(lia)) as Hcm.
        pose proof (several_range c m x ltac:(intros; apply Hc; lia) Hx) as HFm.
        change (several c (S m) x) with (several c m x * (x / (c m + x))). simpl rsum.
        replace ((rsum m c + c m) / x) with (rsum m c / x + c m / x) by (field; lra).
        replace (1 - several c m x * (x / (c m + x)))
          with (1 - several c m x + several c m x * (c m / (c m + x))) by (field; lra).
        assert (c m / (c m + x) <= c m / x) by (apply div_le_cross; nra).
        assert (0 <= c m / (c m + x)) by (apply div_nonneg; lra). nra. }
    apply Hall. lia.
Qed.
