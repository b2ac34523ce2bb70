(** The multiplier exists and is unique; the fit is kernel ridge regression with
    that ridge; nothing admissible costs less. *)
From Coq Require Import Reals Lra Lia Psatz Arith.
From SD Require Import Setting Sums Problem.
Local Open Scope R_scope.

(** ** The secular equation *)

Section Secular.
Variables (n : nat) (d z : nat -> R).

(** Every term grows with the ridge, and lies between those of a larger and of a
    smaller eigenvalue. *)

Lemma secular_ge M c : 0 < c -> (forall k, (k < n)%nat -> 0 <= d k <= M) ->
  (c / (c + M))^2 * energy n z <= secular n d z c.
Proof.
  intros Hc H. unfold energy, secular. rewrite <- rsum_scal. apply rsum_le. intros k Hk.
  specialize (H k Hk). rewrite term_weight by lra.
  apply Rmult_le_compat_r; [apply pow2_ge_0|]. apply sqr_le. split.
  - apply Rlt_le, weight_pos; lra.
  - apply weight_anti; lra.
Qed.

Lemma secular_le m c : 0 < c -> 0 <= m -> (forall k, (k < n)%nat -> m <= d k) ->
  secular n d z c <= (c / (c + m))^2 * energy n z.
Proof.
  intros Hc Hm H. unfold energy, secular. rewrite <- rsum_scal. apply rsum_le. intros k Hk.
  specialize (H k Hk). rewrite term_weight by lra.
  apply Rmult_le_compat_r; [apply pow2_ge_0|]. apply sqr_le. split.
  - apply Rlt_le, weight_pos; lra.
  - apply weight_anti; lra.
Qed.

Lemma secular_mono c c' : 0 < c <= c' -> (forall k, (k < n)%nat -> 0 <= d k) ->
  secular n d z c <= secular n d z c'.
Proof.
  intros Hc H. apply rsum_le. intros k Hk. specialize (H k Hk).
  rewrite !term_weight by lra. apply Rmult_le_compat_r; [apply pow2_ge_0|].
  apply sqr_le; split; [apply Rlt_le, weight_pos; lra | apply weight_mono; lra].
Qed.

Lemma secular_strict c c' : 0 < c < c' -> (forall k, (k < n)%nat -> 0 <= d k) ->
  (exists k, (k < n)%nat /\ 0 < d k /\ z k <> 0) ->
  secular n d z c < secular n d z c'.
Proof.
  intros Hc H [j [Hj [Hd Hz]]]. apply rsum_lt.
  - intros k Hk. specialize (H k Hk). rewrite !term_weight by lra.
    apply Rmult_le_compat_r; [apply pow2_ge_0|].
    apply sqr_le; split; [apply Rlt_le, weight_pos; lra | apply weight_mono; lra].
  - exists j; split; [assumption|]. rewrite !term_weight by lra.
    apply Rmult_lt_compat_r; [nra|].
    pose proof (weight_pos c (d j)). pose proof (weight_strict c c' (d j)). nra.
Qed.

(** Some term varies, if not all label energy lies in the null space. *)
Lemma energy_split : (forall k, (k < n)%nat -> 0 <= d k) ->
  null_energy n d z < energy n z -> exists k, (k < n)%nat /\ 0 < d k /\ z k <> 0.
Proof.
  intros H Hlt. destruct (rsum_lt_ex _ _ _ Hlt) as [k [Hk Hf]].
  exists k; split; [assumption|]. specialize (H k Hk). simpl in Hf.
  destruct (Req_EM_T (d k) 0) as [E|E]; [lra|]. split; [lra|]. intros Hz. rewrite Hz in Hf; lra.
Qed.

(** Then the sum stays above ||P_0 y||^2 and below ||y||^2. *)
Lemma secular_gt_null c : 0 < c -> (forall k, (k < n)%nat -> 0 <= d k) ->
  (exists k, (k < n)%nat /\ 0 < d k /\ z k <> 0) -> null_energy n d z < secular n d z c.
Proof.
  intros Hc H [j [Hj [Hd Hz]]]. apply rsum_lt.
  - intros k Hk. specialize (H k Hk). destruct (Req_EM_T (d k) 0) as [E|E].
    + rewrite E. right. field. lra.
    + apply pow2_ge_0.
  - exists j; split; [assumption|]. destruct (Req_EM_T (d j) 0) as [E|E]; [lra|].
    rewrite term_weight by lra. pose proof (weight_pos c (d j)). apply Rmult_lt_0_compat; nra.
Qed.

Lemma secular_lt_energy c : 0 < c -> (forall k, (k < n)%nat -> 0 <= d k) ->
  (exists k, (k < n)%nat /\ 0 < d k /\ z k <> 0) -> secular n d z c < energy n z.
Proof.
  intros Hc H [j [Hj [Hd Hz]]].
  assert (Hw : forall k, (k < n)%nat -> c / (c + d k) <= 1).
  { intros k Hk. specialize (H k Hk). replace 1 with (1 / 1) by lra. apply div_le_cross; lra. }
  apply rsum_lt.
  - intros k Hk. specialize (Hw k Hk). specialize (H k Hk). rewrite term_weight by lra.
    pose proof (weight_pos c (d k)). pose proof (pow2_ge_0 (z k)).
    assert ((c / (c + d k))^2 <= 1) by nra. nra.
  - exists j; split; [assumption|]. rewrite term_weight by lra.
    assert (c / (c + d j) < 1). { replace 1 with (1 / 1) by lra. apply div_lt_cross; lra. }
    pose proof (weight_pos c (d j)). assert ((c / (c + d j))^2 < 1) by nra.
    assert (0 < (z j)^2) by nra. nra.
Qed.

(** Whether some term varies can be decided: no excluded middle is needed. *)
Lemma reachable_dec : {exists k, (k < n)%nat /\ 0 < d k /\ z k <> 0}
  + {~ exists k, (k < n)%nat /\ 0 < d k /\ z k <> 0}.
Proof.
  induction n as [|m IH]; [right; intros [k [Hk _]]; lia|].
  destruct IH as [E|E].
  - left. destruct E as [k [Hk P]]. exists k. split; [lia|assumption].
  - destruct (Rlt_dec 0 (d m)) as [Hd|Hd]; [destruct (Req_EM_T (z m) 0) as [Hz|Hz]|].
    + right. intros [k [Hk [P Q]]]. destruct (Nat.eq_dec k m) as [->|Hne]; [contradiction|].
      apply E. exists k. repeat split; [lia|assumption|assumption].
    + left. exists m. repeat split; [lia|assumption|assumption].
    + right. intros [k [Hk [P Q]]]. destruct (Nat.eq_dec k m) as [->|Hne]; [contradiction|].
      apply E. exists k. repeat split; [lia|assumption|assumption].
Qed.

(** If no term varies, the residual does not depend on the ridge. *)
Lemma secular_flat c : 0 < c -> (forall k, (k < n)%nat -> 0 <= d k) ->
  ~ (exists k, (k < n)%nat /\ 0 < d k /\ z k <> 0) -> secular n d z c = energy n z.
Proof.
  intros Hc H Hno. apply rsum_ext. intros k Hk. specialize (H k Hk).
  destruct (Req_EM_T (z k) 0) as [E|E]; [rewrite E; field; lra|].
  destruct (Req_EM_T (d k) 0) as [D|D]; [rewrite D; field; lra|].
  exfalso. apply Hno. exists k. repeat split; [assumption|lra|assumption].
Qed.
End Secular.

(** A continuation of a term to all of R, for the intermediate value theorem. *)
Definition continued (d z c : R) : R :=
  if Req_EM_T d 0 then z^2 else (Rabs c * z / (Rabs c + d))^2.

Lemma continued_continuous d z : 0 <= d -> continuity (continued d z).
Proof.
  intros Hd. unfold continued. destruct (Req_EM_T d 0) as [E|E].
  - apply continuity_const. intros x y; reflexivity.
  - assert (Hf : continuity (fun c => Rabs c * z / (Rabs c + d))).
    { apply (continuity_div (fun c => Rabs c * z) (fun c => Rabs c + d)).
      - apply (continuity_mult Rabs (fun _ => z)); [apply Rcontinuity_abs|].
        apply continuity_const; intros x y; reflexivity.
      - apply (continuity_plus Rabs (fun _ => d)); [apply Rcontinuity_abs|].
        apply continuity_const; intros x y; reflexivity.
      - intros x. pose proof (Rabs_pos x). lra. }
    assert (Hg : continuity (fun c => (Rabs c * z / (Rabs c + d))
                                      * ((Rabs c * z / (Rabs c + d)) * 1))).
    { apply continuity_mult; [assumption|]. apply continuity_mult; [assumption|].
      apply continuity_const; intros x y; reflexivity. }
    exact Hg.
Qed.

Lemma secular_root n d z rho M :
  (forall k, (k < n)%nat -> 0 <= d k <= M) -> 0 < rho ->
  null_energy n d z < rho^2 -> rho^2 < energy n z ->
  { c | 0 < c /\ secular n d z c = rho^2 }.
Proof.
  intros Hd Hrho Hlow Hhigh.
  assert (HM : 0 < Rabs M + 1) by (pose proof (Rabs_pos M); lra).
  set (M' := Rabs M + 1) in *.
  assert (Hd' : forall k, (k < n)%nat -> 0 <= d k <= M').
  { intros k Hk. specialize (Hd k Hk). pose proof (Rle_abs M). unfold M'. lra. }
  assert (Hn : rho < norm n z) by (apply lt_of_sqr; [apply norm_nonneg|rewrite norm_sqr; lra]).
  set (hi := M' * rho / (norm n z - rho)).
  assert (Hhi : 0 < hi) by (apply Rdiv_lt_0_compat; nra).
  set (g := fun c => rsum n (fun k => continued (d k) (z k) c) + - rho^2).
  assert (Hpos : forall c, 0 < c -> g c = secular n d z c - rho^2).
  { intros c Hc. unfold g, Rminus. f_equal. apply rsum_ext. intros k Hk. unfold continued.
    destruct (Req_EM_T (d k) 0) as [E|E]; [rewrite E; field; lra|].
    now rewrite Rabs_pos_eq by lra. }
  assert (H0 : g 0 = null_energy n d z - rho^2).
  { unfold g, Rminus. f_equal. apply rsum_ext. intros k Hk. unfold continued.
    destruct (Req_EM_T (d k) 0) as [E|E]; [reflexivity|]. rewrite Rabs_R0. field. lra. }
  assert (Hg : continuity g).
  { unfold g. apply (continuity_plus (fun c => rsum n (fun k => continued (d k) (z k) c)) (fun _ => - rho^2)).
    - apply continuity_rsum. intros k Hk. apply continued_continuous. apply Hd; assumption.
    - apply continuity_const. intros x y; reflexivity. }
  assert (Htop : 0 <= g hi).
  { rewrite Hpos by assumption.
    pose proof (secular_ge n d z M' hi Hhi Hd') as Hge.
    assert (Hw : hi / (hi + M') = rho / norm n z).
    { unfold hi. field. nra. }
    rewrite Hw in Hge. rewrite <- norm_sqr in Hge.
    replace ((rho / norm n z)^2 * (norm n z)^2) with (rho^2) in Hge by (field; lra). lra. }
  destruct (IVT_cor g 0 hi Hg) as [c [Hc Hc0]]; [lra|nra|].
  exists c.
  assert (0 < c).
  { destruct (Req_EM_T c 0) as [E|E]; [|lra]. rewrite E in Hc0. lra. }
  split; [assumption|]. rewrite Hpos in Hc0 by assumption. lra.
Qed.

(** The sum increases strictly from ||P_0 y||^2 to ||y||^2, both excluded, and so
    takes a value between them exactly once. Conversely, if there is exactly one
    root, some term varies, as otherwise every ridge would be one. *)
Theorem prop_secular : forall n (d z : nat -> R) (rho : R),
  (forall k, (k < n)%nat -> 0 <= d k) -> 0 < rho ->
  ((exists! c, 0 < c /\ secular n d z c = rho^2)
   <-> null_energy n d z < rho^2 < energy n z).
Proof.
  intros n d z rho Hd Hrho. split.
  - intros [c [[Hc Hs] Huniq]].
    destruct (reachable_dec n d z) as [Hex|Hno].
    + rewrite <- Hs. split; [now apply secular_gt_null|now apply secular_lt_energy].
    + exfalso. assert (c = c + 1); [|lra]. apply Huniq. split; [lra|].
      rewrite <- Hs, !secular_flat; auto; lra.
  - intros [Hlow Hhigh]. destruct (max_exists n d) as [M HM].
    destruct (secular_root n d z rho M) as [c [Hc Hs]]; auto.
    exists c. split; [auto|]. intros c' [Hc' Hs'].
    assert (Hex : exists k, (k < n)%nat /\ 0 < d k /\ z k <> 0)
      by (apply energy_split; [assumption|lra]).
    destruct (Rtotal_order c c') as [Hlt|[E|Hlt]]; [|assumption|]; exfalso.
    + pose proof (secular_strict n d z c c' ltac:(lra) Hd Hex). lra.
    + pose proof (secular_strict n d z c' c ltac:(lra) Hd Hex). lra.
Qed.

Lemma null_energy_regular n d z :
  (forall k, (k < n)%nat -> 0 < d k) -> null_energy n d z = 0.
Proof.
  intros H. apply rsum_zero. intros k Hk. specialize (H k Hk).
  destruct (Req_EM_T (d k) 0); lra.
Qed.

(** ** Nothing is better *)

Section Round.
Variables (n : nat) (d : nat -> R) (rho : R).
Hypothesis d_nonneg : forall k, (k < n)%nat -> 0 <= d k.
Hypothesis rho_pos : 0 < rho.

Lemma step_energy z c z' : round n d rho z c z' -> energy n (fun k => z k - z' k) = rho^2.
Proof.
  intros [_ Hc Hs Hz]. rewrite <- Hs. apply rsum_ext. intros k Hk.
  rewrite (Hz k Hk). pose proof (d_nonneg k Hk). field. lra.
Qed.

(** The constraint is active: the residual has the length rho. *)
Lemma step_length z c z' : round n d rho z c z' -> norm n (fun k => z k - z' k) = rho.
Proof.
  intros H. apply eq_of_sqr; [apply norm_nonneg|lra|]. rewrite norm_sqr. eapply step_energy, H.
Qed.

Lemma round_reachable z c z' : round n d rho z c z' ->
  forall k, (k < n)%nat -> d k = 0 -> z' k = 0.
Proof. intros [_ Hc _ Hz] k Hk E. rewrite (Hz k Hk), E. field. lra. Qed.

Lemma round_admissible z c f : round n d rho z c f -> admissible n d z rho f.
Proof.
  intros H. split; [exact (round_reachable z c f H)|]. rewrite (step_length z c f H). lra.
Qed.

Lemma fit_admissible z f : fit n d rho z f -> admissible n d z rho f.
Proof.
  intros [[c H]|[Hz Hf]]; [exact (round_admissible z c f H)|]. split; [intros; now apply Hf|].
  rewrite (norm_ext n _ z); [assumption|]. intros k Hk. rewrite Hf by assumption. ring.
Qed.

(** The inner product <f, h - f>, summand by summand. *)
Lemma cost_expand f h : (forall k, (k < n)%nat -> d k = 0 -> f k = 0) ->
  (forall k, (k < n)%nat -> d k = 0 -> h k = 0) ->
  cost n d h = cost n d f + cost n d (fun k => h k - f k)
               + 2 * rsum n (fun k => f k * (h k - f k) / d k).
Proof.
  intros Hf Hh. unfold cost. rewrite <- rsum_scal, <- !rsum_plus. apply rsum_ext. intros k Hk.
  unfold Rdiv. ring.
Qed.

(** No admissible function costs less, and the gap is at least the distance. *)
Theorem prop_minimum : forall z f h, fit n d rho z f -> admissible n d z rho h ->
  0 <= rsum n (fun k => f k * (h k - f k) / d k) /\
  cost n d f + cost n d (fun k => h k - f k) <= cost n d h.
Proof.
  intros z f h Hfit [Hreach Hh].
  assert (Hin : 0 <= rsum n (fun k => f k * (h k - f k) / d k)).
  { destruct Hfit as [[c H]|[_ Hf]].
    2: { right. symmetry. apply rsum_zero. intros k Hk. rewrite Hf by assumption. unfold Rdiv. ring. }
    pose proof (step_length z c f H) as Hw. pose proof (round_reachable z c f H) as Hfz.
    destruct H as [_ Hc _ Hf].
    (* stationarity turns <f, h - f> into w.(w - w')/c, with the residuals w and w' *)
    set (w := fun k => z k - f k) in *. set (w' := fun k => z k - h k) in *.
    assert (E : rsum n (fun k => f k * (h k - f k) / d k) = / c * dot n w (fun k => w k - w' k)).
    { unfold dot. rewrite <- rsum_scal. apply rsum_ext. intros k Hk. pose proof (d_nonneg k Hk) as Hd.
      unfold w, w'. destruct (Req_EM_T (d k) 0) as [D|D].
      - rewrite (Hfz k Hk D), (Hreach k Hk D). unfold Rdiv. ring.
      - rewrite (Hf k Hk). field. repeat split; lra. }
    rewrite E. apply Rmult_le_pos; [now apply Rlt_le, Rinv_0_lt_compat|].
    (* |w| = rho and |w'| <= rho: the rest is the Cauchy-Schwarz inequality *)
    replace (dot n w (fun k => w k - w' k)) with (energy n w - dot n w w').
    - rewrite <- norm_sqr, Hw. pose proof (cauchy_schwarz n w w') as Hcs. rewrite Hw in Hcs.
      pose proof (norm_nonneg n w'). nra.
    - unfold energy, dot. rewrite <- rsum_minus. apply rsum_ext. intros; ring. }
  split; [exact Hin|]. rewrite (cost_expand f h) by (try assumption; apply (fit_admissible z), Hfit). lra.
Qed.

Lemma fit_minimiser z f : fit n d rho z f -> minimiser n d z rho f.
Proof.
  intros H. pose proof (fit_admissible z f H) as [Hr Ha]. split; [split; assumption|].
  intros h Hh. destruct (prop_minimum z f h H Hh) as [_ Hm].
  assert (0 <= cost n d (fun k => h k - f k)); [|lra].
  apply cost_nonneg; [assumption|]. intros k Hk E. destruct Hh as [Hh _].
  rewrite (Hh k Hk E), (Hr k Hk E). ring.
Qed.

Lemma minimiser_unique z f h : fit n d rho z f -> minimiser n d z rho h ->
  forall k, (k < n)%nat -> h k = f k.
Proof.
  intros Hf [Hh Hmin] k Hk. destruct (prop_minimum z f h Hf Hh) as [_ Hm].
  pose proof (Hmin f (fit_admissible z f Hf)) as Hle.
  assert (Hz : h k - f k = 0); [|lra].
  apply (cost_zero n d d_nonneg (fun k => h k - f k)); [|lra|assumption].
  intros i Hi E. destruct Hh as [Hh _]. pose proof (fit_admissible z f Hf) as [Hr _].
  rewrite (Hh i Hi E), (Hr i Hi E). ring.
Qed.

Lemma fit_exists z : null_energy n d z < rho^2 -> exists f, fit n d rho z f.
Proof.
  intros Hnull. destruct (Rle_dec (norm n z) rho) as [Hz|Hz].
  - exists (fun _ => 0). right. split; [assumption|reflexivity].
  - destruct (max_exists n d) as [M HM].
    destruct (secular_root n d z rho M) as [c [Hc Hs]]; auto.
    + rewrite <- norm_sqr. nra.
    + exists (fun k => d k / (c + d k) * z k). left. exists c. split; [lra|assumption|assumption|reflexivity].
Qed.

(** A round's labels are the one solution of the constrained problem. *)
Theorem fit_is_minimiser : forall z f, null_energy n d z < rho^2 ->
  (minimiser n d z rho f <->
   exists h, fit n d rho z h /\ forall k, (k < n)%nat -> f k = h k).
Proof.
  intros z f Hnull. destruct (fit_exists z Hnull) as [h Hh]. split.
  - intros Hf. exists h. split; [assumption|]. exact (minimiser_unique z h f Hh Hf).
  - intros [g [Hg E]]. pose proof (fit_minimiser z g Hg) as [[Hr Ha] Hmin]. split; [split|].
    + intros k Hk D. rewrite (E k Hk). now apply Hr.
    + rewrite (norm_ext n _ (fun k => z k - g k)); [assumption|]. intros k Hk. now rewrite (E k Hk).
    + intros b Hb. replace (cost n d f) with (cost n d g); [now apply Hmin|].
      apply rsum_ext. intros k Hk. now rewrite (E k Hk).
Qed.

Lemma solution_round z f : null_energy n d z < rho^2 < energy n z -> minimiser n d z rho f ->
  exists c, round n d rho z c f.
Proof.
  intros [Hnull He] Hf. destruct (proj1 (fit_is_minimiser z f Hnull) Hf) as [h [[[c H]|[Hz _]] E]].
  - exists c. destruct H as [Ha Hc Hs Hn]. split; try assumption.
    intros k Hk. now rewrite (E k Hk), (Hn k Hk).
  - exfalso. rewrite <- norm_sqr in He. pose proof (norm_nonneg n z). nra.
Qed.

(** Stationarity, in the eigenbasis: the values of the solution and the labels obey
    (c + d_k) f_k = d_k z_k, for some ridge c = 1/lambda. *)
Theorem prop_stationarity : forall z f, null_energy n d z < rho^2 < energy n z ->
  minimiser n d z rho f ->
  exists c, 0 < c /\ forall k, (k < n)%nat -> (c + d k) * f k = d k * z k.
Proof.
  intros z f Hz Hf. destruct (solution_round z f Hz Hf) as [c [_ Hc _ Hn]].
  exists c. split; [assumption|]. intros k Hk. rewrite (Hn k Hk). pose proof (d_nonneg k Hk). field. lra.
Qed.

(** The solution's ridge c = 1/lambda is positive and finite, and there is only one. *)
Theorem prop_dual_feasible : forall z f, null_energy n d z < rho^2 < energy n z ->
  minimiser n d z rho f ->
  exists! lambda, 0 < lambda /\ round n d rho z (/ lambda) f.
Proof.
  intros z f Hz Hf. destruct (solution_round z f Hz Hf) as [c H].
  assert (Hc : 0 < c) by apply H.
  exists (/ c). split.
  - split; [now apply Rinv_0_lt_compat|]. now rewrite Rinv_inv.
  - intros mu [Hmu Hr].
    destruct (proj2 (prop_secular n d z rho d_nonneg rho_pos) Hz) as [b [_ Hu]].
    assert (E : c = / mu).
    { transitivity b; [symmetry|]; apply Hu; split; try apply H; try apply Hr. }
    rewrite E. apply Rinv_inv.
Qed.
End Round.

(** ** In the coordinates of the data *)

Section Gram.
Variables (n : nat) (V : nat -> nat -> R) (d : nat -> R).
Hypothesis V_orthogonal : orthogonal n V.

Lemma to_from z k : (k < n)%nat -> to_eigenbasis n V (from_eigenbasis n V z) k = z k.
Proof.
  intros Hk. destruct V_orthogonal as [rows _]. unfold to_eigenbasis, from_eigenbasis.
  rewrite (rsum_ext n _ (fun i => rsum n (fun l => V k i * V l i * z l))).
  2: { intros i _. rewrite <- rsum_scal. apply rsum_ext. intros; ring. }
  rewrite rsum_swap. rewrite (rsum_single n _ k Hk).
  - rewrite (rsum_ext n _ (fun i => z k * (V k i * V k i))) by (intros; ring).
    rewrite rsum_scal, rows by assumption. destruct (Nat.eq_dec k k); [ring|lia].
  - intros l Hl Hne. rewrite (rsum_ext n _ (fun i => z l * (V k i * V l i))) by (intros; ring).
    rewrite rsum_scal, rows by assumption. destruct (Nat.eq_dec k l); [lia|ring].
Qed.

Lemma from_to y i : (i < n)%nat -> from_eigenbasis n V (to_eigenbasis n V y) i = y i.
Proof.
  intros Hi. destruct V_orthogonal as [_ columns]. unfold to_eigenbasis, from_eigenbasis.
  rewrite (rsum_ext n _ (fun k => rsum n (fun j => V k i * V k j * y j))).
  2: { intros k _. rewrite <- rsum_scal. apply rsum_ext. intros; ring. }
  rewrite rsum_swap. rewrite (rsum_single n _ i Hi).
  - rewrite (rsum_ext n _ (fun k => y i * (V k i * V k i))) by (intros; ring).
    rewrite rsum_scal, columns by assumption. destruct (Nat.eq_dec i i); [ring|lia].
  - intros j Hj Hne. rewrite (rsum_ext n _ (fun k => y j * (V k i * V k j))) by (intros; ring).
    rewrite rsum_scal, columns by assumption. destruct (Nat.eq_dec i j); [lia|ring].
Qed.

Lemma from_ext a b i : (forall k, (k < n)%nat -> a k = b k) ->
  from_eigenbasis n V a i = from_eigenbasis n V b i.
Proof. intros H. apply rsum_ext. intros k Hk. now rewrite H. Qed.

Lemma from_comb a x y i : a * from_eigenbasis n V x i + from_eigenbasis n V y i
  = from_eigenbasis n V (fun k => a * x k + y k) i.
Proof. unfold from_eigenbasis. rewrite <- rsum_scal, <- rsum_plus. apply rsum_ext. intros; ring. Qed.

Lemma times_ext M a b i : (forall k, (k < n)%nat -> a k = b k) -> times n M a i = times n M b i.
Proof. intros H. apply rsum_ext. intros k Hk. now rewrite H. Qed.

Lemma gram_from z i :
  times n (gram n V d) (from_eigenbasis n V z) i = from_eigenbasis n V (fun k => d k * z k) i.
Proof.
  unfold times, gram.
  rewrite (rsum_ext n _ (fun j => rsum n (fun k => V k i * d k * (V k j * from_eigenbasis n V z j)))).
  2: { intros j _. rewrite (Rmult_comm _ (from_eigenbasis n V z j)), <- rsum_scal. apply rsum_ext. intros; ring. }
  rewrite rsum_swap. unfold from_eigenbasis at 2. apply rsum_ext. intros k Hk.
  rewrite rsum_scal. fold (to_eigenbasis n V (from_eigenbasis n V z) k). rewrite to_from by assumption. ring.
Qed.

(** The inner product does not depend on the basis. *)
Lemma dot_from a b : dot n (from_eigenbasis n V a) (from_eigenbasis n V b) = dot n a b.
Proof.
  unfold dot.
  rewrite (rsum_ext n _ (fun i => rsum n (fun k => a k * (V k i * from_eigenbasis n V b i)))).
  2: { intros i _. unfold from_eigenbasis at 1. rewrite Rmult_comm, <- rsum_scal. apply rsum_ext. intros; ring. }
  rewrite rsum_swap. apply rsum_ext. intros k Hk. rewrite rsum_scal.
  fold (to_eigenbasis n V (from_eigenbasis n V b) k). now rewrite to_from.
Qed.

Section Ridge.
Variables (c : R).
Hypothesis c_pos : 0 < c.
Hypothesis d_nonneg : forall k, (k < n)%nat -> 0 <= d k.

(** (c I + G) alpha = y has the one solution V^T V y/(c + d). *)
Lemma solution alpha y :
  (forall i, (i < n)%nat -> c * alpha i + times n (gram n V d) alpha i = y i) <->
  (forall i, (i < n)%nat -> alpha i = from_eigenbasis n V (fun k => to_eigenbasis n V y k / (c + d k)) i).
Proof.
  split; intros H i Hi.
  - rewrite <- (from_to alpha i Hi). apply from_ext. intros k Hk. pose proof (d_nonneg k Hk) as Hd.
    assert (E : to_eigenbasis n V y k = (c + d k) * to_eigenbasis n V alpha k).
    { transitivity (to_eigenbasis n V (from_eigenbasis n V (fun k => (c + d k) * to_eigenbasis n V alpha k)) k).
      - unfold to_eigenbasis at 1 2. apply rsum_ext. intros j Hj. f_equal. rewrite <- (H j Hj).
        rewrite <- (from_to alpha j Hj) at 1.
        rewrite (times_ext _ alpha (from_eigenbasis n V (to_eigenbasis n V alpha)))
          by (intros; symmetry; now apply from_to).
        rewrite gram_from, from_comb. apply from_ext. intros; ring.
      - now apply to_from. }
    rewrite E. field. lra.
  - rewrite (H i Hi). rewrite (times_ext _ alpha _ i H), gram_from.
    rewrite from_comb, <- (from_to y i Hi). apply from_ext. intros k Hk. pose proof (d_nonneg k Hk). field. lra.
Qed.

(** Stationarity c v + G v = G y for the values v, and the closed form v = G alpha
    with (c I + G) alpha = y, are one and the same; the residual is c alpha. *)
Theorem thm_closed_form : forall y v alpha,
  (forall i, (i < n)%nat -> c * alpha i + times n (gram n V d) alpha i = y i) ->
  ((forall i, (i < n)%nat -> c * v i + times n (gram n V d) v i = times n (gram n V d) y i) <->
   (forall i, (i < n)%nat -> v i = times n (gram n V d) alpha i)) /\
  (forall i, (i < n)%nat -> times n (gram n V d) alpha i + c * alpha i = y i).
Proof.
  intros y v alpha Ha. split; [|intros i Hi; rewrite <- (Ha i Hi); ring].
  pose proof (proj1 (solution alpha y) Ha) as Hs.
  assert (Hg : forall i, (i < n)%nat -> times n (gram n V d) alpha i
    = from_eigenbasis n V (fun k => d k * (to_eigenbasis n V y k / (c + d k))) i).
  { intros i Hi. rewrite (times_ext _ alpha _ i Hs). apply gram_from. }
  rewrite (solution v (times n (gram n V d) y)).
  assert (Hy : forall k, (k < n)%nat -> to_eigenbasis n V (times n (gram n V d) y) k
    = d k * to_eigenbasis n V y k).
  { intros k Hk. transitivity (to_eigenbasis n V (from_eigenbasis n V (fun k => d k * to_eigenbasis n V y k)) k).
    - apply rsum_ext. intros j Hj. f_equal.
      rewrite (times_ext _ y (from_eigenbasis n V (to_eigenbasis n V y))) by (intros; symmetry; now apply from_to).
      apply gram_from.
    - now apply to_from. }
  assert (E : forall i, from_eigenbasis n V (fun k => to_eigenbasis n V (times n (gram n V d) y) k / (c + d k)) i
    = from_eigenbasis n V (fun k => d k * (to_eigenbasis n V y k / (c + d k))) i).
  { intros i. apply from_ext. intros k Hk. rewrite (Hy k Hk). unfold Rdiv. ring. }
  split; intros H i Hi; rewrite (H i Hi); [rewrite (Hg i Hi); apply E|rewrite E; now apply Hg].
Qed.
End Ridge.

(** n R(f) = alpha^T G alpha = sum d_k z_k^2/(c + d_k)^2. *)
Theorem prop_energy : forall rho y c f alpha, (forall k, (k < n)%nat -> 0 <= d k) ->
  round n d rho (to_eigenbasis n V y) c f ->
  (forall i, (i < n)%nat -> c * alpha i + times n (gram n V d) alpha i = y i) ->
  cost n d f = dot n alpha (times n (gram n V d) alpha) /\
  forall k, (k < n)%nat -> d k * (d k * (to_eigenbasis n V y k)^2 / (c + d k)^2) = (f k)^2.
Proof.
  intros rho y c f alpha Hd [_ Hc _ Hf] Ha. split.
  - pose proof (proj1 (solution c Hc Hd alpha y) Ha) as Hs.
    unfold dot. rewrite (rsum_ext n (fun k => alpha k * times n (gram n V d) alpha k)
      (fun i => from_eigenbasis n V (fun k => to_eigenbasis n V y k / (c + d k)) i
                * from_eigenbasis n V (fun k => d k * (to_eigenbasis n V y k / (c + d k))) i)).
    + change (cost n d f = dot n (from_eigenbasis n V (fun k => to_eigenbasis n V y k / (c + d k)))
        (from_eigenbasis n V (fun k => d k * (to_eigenbasis n V y k / (c + d k))))).
      rewrite dot_from. apply rsum_ext. intros k Hk. rewrite (Hf k Hk). pose proof (Hd k Hk) as Hdk.
      destruct (Req_EM_T (d k) 0) as [E|E]; [rewrite E; unfold Rdiv; ring|field; lra].
    + intros i Hi. rewrite (times_ext _ alpha _ i Hs), gram_from. now rewrite (Hs i Hi).
  - intros k Hk. rewrite (Hf k Hk). pose proof (Hd k Hk). field. lra.
Qed.
End Gram.
