(** Finite sums and products of reals, the Cauchy-Schwarz inequality, fractions.
    Nothing here knows of self-distillation. *)
From Coq Require Import Reals Lra Lia Psatz Arith.
From SD Require Import Setting.
Local Open Scope R_scope.

(** ** Sums *)

Lemma rsum_ext n f g :
  (forall k, (k < n)%nat -> f k = g k) -> rsum n f = rsum n g.
Proof.
  induction n as [|n IH]; intros H; simpl; [reflexivity|].
  rewrite (H n) by lia. rewrite IH; [reflexivity|]. intros; apply H; lia.
Qed.

Lemma rsum_le n f g :
  (forall k, (k < n)%nat -> f k <= g k) -> rsum n f <= rsum n g.
Proof.
  induction n as [|n IH]; intros H; simpl; [lra|].
  assert (f n <= g n) by (apply H; lia).
  assert (rsum n f <= rsum n g) by (apply IH; intros; apply H; lia).
  lra.
Qed.

Lemma rsum_lt n f g :
  (forall k, (k < n)%nat -> f k <= g k) ->
  (exists k, (k < n)%nat /\ f k < g k) -> rsum n f < rsum n g.
Proof.
  induction n as [|n IH]; intros H [j [Hj Hlt]]; simpl; [lia|].
  assert (Hn : f n <= g n) by (apply H; lia).
  assert (Hs : rsum n f <= rsum n g) by (apply rsum_le; intros; apply H; lia).
  destruct (Nat.eq_dec j n) as [->|Hne]; [lra|].
  assert (rsum n f < rsum n g); [|lra].
  apply IH; [intros; apply H; lia|]. exists j; split; [lia|assumption].
Qed.

Lemma rsum_zero n f : (forall k, (k < n)%nat -> f k = 0) -> rsum n f = 0.
Proof.
  induction n as [|n IH]; intros H; simpl; [reflexivity|].
  rewrite (H n) by lia. rewrite IH; [lra|]. intros; apply H; lia.
Qed.

Lemma rsum_nonneg n f : (forall k, (k < n)%nat -> 0 <= f k) -> 0 <= rsum n f.
Proof.
  intros H. rewrite <- (rsum_zero n (fun _ => 0)) by reflexivity.
  now apply rsum_le.
Qed.

Lemma rsum_plus n f g : rsum n (fun k => f k + g k) = rsum n f + rsum n g.
Proof. induction n as [|n IH]; simpl; [lra|]. rewrite IH; lra. Qed.

Lemma rsum_scal n a f : rsum n (fun k => a * f k) = a * rsum n f.
Proof. induction n as [|n IH]; simpl; [lra|]. rewrite IH; lra. Qed.

Lemma rsum_minus n f g : rsum n (fun k => f k - g k) = rsum n f - rsum n g.
Proof. induction n as [|n IH]; simpl; [lra|]. rewrite IH; lra. Qed.

Lemma rsum_term n f k :
  (forall k, (k < n)%nat -> 0 <= f k) -> (k < n)%nat -> f k <= rsum n f.
Proof.
  induction n as [|n IH]; intros H Hk; simpl; [lia|].
  assert (Hn : 0 <= f n) by (apply H; lia).
  assert (Hs : 0 <= rsum n f) by (apply rsum_nonneg; intros; apply H; lia).
  destruct (Nat.eq_dec k n) as [->|Hne]; [lra|].
  assert (f k <= rsum n f); [|lra]. apply IH; [intros; apply H; lia|lia].
Qed.

Lemma rsum_pos_ex n f : 0 < rsum n f -> exists k, (k < n)%nat /\ 0 < f k.
Proof.
  induction n as [|n IH]; simpl; intros H; [lra|].
  destruct (Rlt_dec 0 (f n)) as [Hn|Hn]; [exists n; split; [lia|lra]|].
  destruct IH as [k [Hk Hf]]; [lra|]. exists k; split; [lia|assumption].
Qed.

Lemma rsum_lt_ex n f g : rsum n f < rsum n g -> exists k, (k < n)%nat /\ f k < g k.
Proof.
  intros H. destruct (rsum_pos_ex n (fun k => g k - f k)) as [k [Hk Hf]].
  - rewrite rsum_minus; lra.
  - exists k; split; [assumption|lra].
Qed.

Lemma rsum_app m p f : rsum (m + p) f = rsum m f + rsum p (fun i => f (m + i)%nat).
Proof.
  induction p as [|p IH]; [rewrite Nat.add_0_r; simpl; ring|].
  replace (m + S p)%nat with (S (m + p)) by lia. simpl. rewrite IH. ring.
Qed.

(** Finite double sums commute. *)
Lemma rsum_swap m n (f : nat -> nat -> R) :
  rsum m (fun i => rsum n (fun j => f i j)) = rsum n (fun j => rsum m (fun i => f i j)).
Proof.
  induction m as [|m IH]; simpl.
  - symmetry. now apply rsum_zero.
  - rewrite IH, <- rsum_plus. reflexivity.
Qed.

Lemma rsum_single n (f : nat -> R) k : (k < n)%nat ->
  (forall i, (i < n)%nat -> i <> k -> f i = 0) -> rsum n f = f k.
Proof.
  induction n as [|n IH]; intros Hk H; [lia|]. simpl.
  destruct (Nat.eq_dec k n) as [->|E].
  - rewrite rsum_zero; [ring|]. intros i Hi. apply H; lia.
  - rewrite IH; [rewrite (H n) by lia; ring|lia|]. intros i Hi Hne. apply H; lia.
Qed.

(** ** Squares *)

Lemma pow2_pos x : x <> 0 -> 0 < x^2.
Proof. intros H. pose proof (pow2_ge_0 x). assert (x * x <> 0) by now apply Rmult_integral_contrapositive_currified. nra. Qed.

Lemma le_of_sqr x y : 0 <= y -> x^2 <= y^2 -> x <= y.
Proof. intros. destruct (Rle_dec x y); [assumption|nra]. Qed.

Lemma lt_of_sqr x y : 0 <= y -> x^2 < y^2 -> x < y.
Proof. intros. destruct (Rlt_dec x y); [assumption|nra]. Qed.

Lemma eq_of_sqr x y : 0 <= x -> 0 <= y -> x^2 = y^2 -> x = y.
Proof. intros. apply Rle_antisym; apply le_of_sqr; lra. Qed.

Lemma sqr_le x y : 0 <= x <= y -> x^2 <= y^2.
Proof. intros. nra. Qed.

(** ** Lengths *)

Lemma energy_nonneg n z : 0 <= energy n z.
Proof. apply rsum_nonneg; intros; apply pow2_ge_0. Qed.

Lemma norm_nonneg n z : 0 <= norm n z.
Proof. apply sqrt_pos. Qed.

Lemma norm_sqr n z : (norm n z)^2 = energy n z.
Proof. unfold norm. rewrite <- Rsqr_pow2. apply Rsqr_sqrt, energy_nonneg. Qed.

Lemma norm_ext n a b : (forall k, (k < n)%nat -> a k = b k) -> norm n a = norm n b.
Proof.
  intros H. unfold norm, energy. f_equal. apply rsum_ext. intros; now rewrite H.
Qed.

Lemma energy_comb n x y a b :
  energy n (fun k => x * a k + y * b k)
  = x^2 * energy n a + 2 * x * y * dot n a b + y^2 * energy n b.
Proof.
  unfold energy, dot. rewrite <- !rsum_scal, <- !rsum_plus.
  apply rsum_ext. intros; ring.
Qed.

(** Cauchy and Schwarz: the length of E(a) b - (a.b) a is not negative. *)
Lemma cauchy_schwarz_sqr n a b : (dot n a b)^2 <= energy n a * energy n b.
Proof.
  pose proof (energy_nonneg n a) as Ha. pose proof (energy_nonneg n b) as Hb.
  pose proof (energy_nonneg n (fun k => energy n a * b k + - dot n a b * a k)) as H.
  rewrite energy_comb in H.
  assert (Hs : dot n b a = dot n a b) by (apply rsum_ext; intros; ring).
  rewrite Hs in H.
  assert (Hp : 0 <= energy n a * (energy n a * energy n b - (dot n a b)^2)) by nra.
  destruct (Rle_lt_or_eq_dec 0 (energy n a) Ha) as [Hpos|Hz].
  - assert (0 <= energy n a * energy n b - (dot n a b)^2); [|lra].
    apply Rmult_le_reg_l with (energy n a); lra.
  - assert (Hd : dot n a b = 0).
    { apply rsum_zero. intros k Hk.
      assert (Hk2 : (a k)^2 <= energy n a).
      { apply (rsum_term n (fun k => (a k)^2)); [intros; apply pow2_ge_0|assumption]. }
      assert (a k = 0) by nra. rewrite H0; ring. }
    rewrite Hd, <- Hz; lra.
Qed.

Lemma cauchy_schwarz n a b : dot n a b <= norm n a * norm n b.
Proof.
  apply le_of_sqr.
  - apply Rmult_le_pos; apply norm_nonneg.
  - rewrite Rpow_mult_distr, !norm_sqr. apply cauchy_schwarz_sqr.
Qed.

Lemma norm_triangle n a b : norm n (fun k => a k + b k) <= norm n a + norm n b.
Proof.
  pose proof (norm_nonneg n a). pose proof (norm_nonneg n b).
  apply le_of_sqr; [lra|].
  replace (norm n (fun k => a k + b k)) with (norm n (fun k => 1 * a k + 1 * b k))
    by (apply norm_ext; intros; ring).
  rewrite norm_sqr, energy_comb, <- !norm_sqr.
  pose proof (cauchy_schwarz n a b). nra.
Qed.

(** The triangle inequality in the form used: a step from [a] to [b]. *)
Lemma norm_step n a b : norm n a <= norm n b + norm n (fun k => a k - b k).
Proof.
  replace (norm n a) with (norm n (fun k => b k + (a k - b k)))
    by (apply norm_ext; intros; ring).
  apply norm_triangle.
Qed.

Lemma norm_scal n x a : 0 <= x -> norm n (fun k => x * a k) = x * norm n a.
Proof.
  intros Hx. apply eq_of_sqr;
    [apply norm_nonneg | apply Rmult_le_pos; [assumption|apply norm_nonneg] |].
  rewrite Rpow_mult_distr, !norm_sqr. unfold energy. rewrite <- rsum_scal.
  apply rsum_ext; intros; ring.
Qed.

Lemma norm_pos_energy n z : 0 < norm n z -> 0 < energy n z.
Proof. intros. rewrite <- norm_sqr. nra. Qed.

Lemma norm_zero n z : (forall k, (k < n)%nat -> z k = 0) -> norm n z = 0.
Proof.
  intros Hz. unfold norm. replace (energy n z) with 0; [apply sqrt_0|].
  symmetry. apply rsum_zero. intros k Hk. rewrite (Hz k Hk). ring.
Qed.

Lemma energy_zero n a : energy n a = 0 -> forall k, (k < n)%nat -> a k = 0.
Proof.
  intros H k Hk.
  pose proof (rsum_term n (fun k => (a k)^2) k (fun k _ => pow2_ge_0 (a k)) Hk) as Hle.
  fold (energy n a) in Hle. rewrite H in Hle. simpl in Hle. nra.
Qed.

(** ** Fractions *)

Lemma div_le_cross a b x y : 0 < b -> 0 < y -> a * y <= x * b -> a / b <= x / y.
Proof.
  intros Hb Hy H. apply Rmult_le_reg_r with (b * y); [nra|].
  replace (a / b * (b * y)) with (a * y) by (field; lra).
  replace (x / y * (b * y)) with (x * b) by (field; lra). assumption.
Qed.

Lemma div_lt_cross a b x y : 0 < b -> 0 < y -> a * y < x * b -> a / b < x / y.
Proof.
  intros Hb Hy H. apply Rmult_lt_reg_r with (b * y); [nra|].
  replace (a / b * (b * y)) with (a * y) by (field; lra).
  replace (x / y * (b * y)) with (x * b) by (field; lra). assumption.
Qed.

Lemma div_le_1 a b : 0 < b -> a <= b -> a / b <= 1.
Proof. intros. replace 1 with (1 / 1) by lra. apply div_le_cross; lra. Qed.

Lemma div_ge_1 a b : 0 < b -> b <= a -> 1 <= a / b.
Proof. intros. replace 1 with (1 / 1) by lra. apply div_le_cross; lra. Qed.

Lemma div_gt_1 a b : 0 < b -> b < a -> 1 < a / b.
Proof. intros. replace 1 with (1 / 1) by lra. apply div_lt_cross; lra. Qed.

Lemma div_lt_1 a b : 0 < b -> a < b -> a / b < 1.
Proof. intros. replace 1 with (1 / 1) by lra. apply div_lt_cross; lra. Qed.

Lemma div_nonneg a b : 0 <= a -> 0 < b -> 0 <= a / b.
Proof. intros. apply Rmult_le_pos; [assumption|]. now apply Rlt_le, Rinv_0_lt_compat. Qed.

(** The share c/(c + d) that a round removes grows with the ridge and falls with
    the eigenvalue. *)

Lemma weight_pos c d : 0 < c -> 0 <= d -> 0 < c / (c + d).
Proof. intros. apply Rdiv_lt_0_compat; lra. Qed.

Lemma weight_anti c d d' : 0 < c -> 0 <= d <= d' -> c / (c + d') <= c / (c + d).
Proof. intros. apply div_le_cross; nra. Qed.

Lemma weight_mono c c' d : 0 < c <= c' -> 0 <= d -> c / (c + d) <= c' / (c' + d).
Proof. intros. apply div_le_cross; nra. Qed.

Lemma weight_strict c c' d : 0 < c < c' -> 0 < d -> c / (c + d) < c' / (c' + d).
Proof. intros. apply div_lt_cross; nra. Qed.

Lemma term_weight c d z : 0 < c -> 0 <= d -> (c * z / (c + d))^2 = (c / (c + d))^2 * z^2.
Proof. intros. field. lra. Qed.

Lemma share_range c d : 0 < c -> 0 <= d -> 0 <= d / (c + d) < 1.
Proof. intros Hc Hd. split; [apply div_nonneg; lra|apply div_lt_1; lra]. Qed.

(** ** Products *)

Lemma rprod_pos n f : (forall i, (i < n)%nat -> 0 < f i) -> 0 < rprod n f.
Proof.
  induction n as [|n IH]; intros H; simpl; [lra|].
  apply Rmult_lt_0_compat; [apply IH; intros; apply H; lia|apply H; lia].
Qed.

Lemma rprod_le n f g :
  (forall i, (i < n)%nat -> 0 <= f i <= g i) -> 0 <= rprod n f <= rprod n g.
Proof.
  induction n as [|n IH]; intros H; simpl; [lra|].
  assert (0 <= rprod n f <= rprod n g) by (apply IH; intros; apply H; lia).
  specialize (H n ltac:(lia)). split; [nra|]. apply Rmult_le_compat; lra.
Qed.

Lemma rprod_ext n f g : (forall i, (i < n)%nat -> f i = g i) -> rprod n f = rprod n g.
Proof.
  induction n as [|n IH]; intros H; simpl; [reflexivity|].
  rewrite (H n) by lia. rewrite IH; [reflexivity|]. intros; apply H; lia.
Qed.

Lemma rprod_const n q : rprod n (fun _ => q) = q^n.
Proof. induction n as [|n IH]; simpl; [reflexivity|]. rewrite IH. ring. Qed.

(** ** Continuity, and a bound for finitely many numbers *)

Lemma continuity_rsum n (f : nat -> R -> R) :
  (forall k, (k < n)%nat -> continuity (f k)) -> continuity (fun x => rsum n (fun k => f k x)).
Proof.
  induction n as [|n IH]; intros H; simpl.
  - apply continuity_const. intros x y; reflexivity.
  - apply (continuity_plus (fun x => rsum n (fun k => f k x)) (f n)).
    + apply IH; intros; apply H; lia.
    + apply H; lia.
Qed.

Lemma max_exists n (d : nat -> R) : exists M, forall k, (k < n)%nat -> d k <= M.
Proof.
  induction n as [|n [M IH]]; [exists 0; intros; lia|].
  exists (Rmax M (d n)). intros k Hk. destruct (Nat.eq_dec k n) as [->|E].
  - apply Rmax_r.
  - apply Rle_trans with M; [apply IH; lia|apply Rmax_l].
Qed.

Lemma above_nat x : exists m, x <= INR m.
Proof.
  exists (Z.to_nat (up (Rmax 0 x))). destruct (archimed (Rmax 0 x)) as [Hu _].
  pose proof (Rmax_l 0 x). pose proof (Rmax_r 0 x).
  rewrite INR_IZR_INZ, Z2Nat.id; [lra|]. apply le_IZR. lra.
Qed.
