(** How many rounds, really: the length of the path to zero, measured in steps of rho. *)
From Coq Require Import Reals Lra Lia Psatz Arith.
From Coquelicot Require Import Coquelicot.
From SD Require Import Setting Sums Problem Kkt Multiplier Recursion.
Local Open Scope R_scope.

(** exp(-s G^{-1}) a, in the eigenbasis. *)
Definition flow (d a : nat -> R) (s : R) (k : nat) := exp (- s / d k) * a k.
(** ||G^{-1} exp(-s G^{-1}) a||, the speed of the flow. *)
Definition speed n (d a : nat -> R) (s : R) := norm n (fun k => flow d a s k / d k).
(** L(a) is the improper integral of the speed. *)
Definition is_length n (d a : nat -> R) (L : R) :=
  is_lim (fun S => RInt (speed n d a) 0 S) p_infty L.
(** K is a factor by which the length exceeds the norm at most. *)
Definition length_factor n (d : nat -> R) (K : R) :=
  forall a L, is_length n d a L -> L <= K * norm n a.

Section Flow.
Variables (n : nat) (d : nat -> R).
Hypothesis d_pos : forall k, (k < n)%nat -> 0 < d k.

Lemma rsum_derive m (f df : nat -> R -> R) s :
  (forall k, (k < m)%nat -> is_derive (f k) s (df k s)) ->
  is_derive (fun x => rsum m (fun k => f k x)) s (rsum m (fun k => df k s)).
Proof.
  induction m as [|m IH]; intros H; simpl.
  - apply (is_derive_const (V := R_NormedModule) 0 s).
  - apply (is_derive_plus (V := R_NormedModule) (fun x => rsum m (fun k => f k x)) (f m)).
    + apply IH; intros; apply H; lia.
    + apply H; lia.
Qed.

Lemma rsum_ex_derive m (f : nat -> R -> R) s :
  (forall k, (k < m)%nat -> ex_derive (f k) s) ->
  ex_derive (fun x => rsum m (fun k => f k x)) s.
Proof.
  induction m as [|m IH]; intros H; simpl.
  - apply (ex_derive_const (V := R_NormedModule) 0 s).
  - apply (ex_derive_plus (V := R_NormedModule) (fun x => rsum m (fun k => f k x)) (f m)).
    + apply IH; intros; apply H; lia.
    + apply H; lia.
Qed.

Lemma flow_energy_pos a s : 0 < energy n a -> 0 < energy n (flow d a s).
Proof.
  intros H. destruct (rsum_pos_ex _ _ H) as [k [Hk Hp]].
  apply Rlt_le_trans with ((flow d a s k)^2).
  - unfold flow. rewrite Rpow_mult_distr. apply Rmult_lt_0_compat; [|assumption].
    apply pow_lt, exp_pos.
  - apply (rsum_term n (fun k => (flow d a s k)^2)); [intros; apply pow2_ge_0|assumption].
Qed.

(** The norm falls along the flow, at the rate <G^{-1} u, u>/||u||. *)
Definition fall (a : nat -> R) (s : R) :=
  dot n (fun k => flow d a s k / d k) (flow d a s) / norm n (flow d a s).

Lemma norm_derive a s : 0 < energy n a ->
  is_derive (fun s => norm n (flow d a s)) s (- fall a s).
Proof.
  intros H. pose proof (flow_energy_pos a s H) as Hp.
  assert (He : is_derive (fun s => energy n (flow d a s)) s
                 (rsum n (fun k => - 2 * (flow d a s k / d k * flow d a s k)))).
  { apply (rsum_derive n (fun k s => (flow d a s k)^2)
             (fun k s => - 2 * (flow d a s k / d k * flow d a s k))).
    intros k Hk. pose proof (d_pos k Hk). unfold flow. auto_derive; [trivial|]. unfold Rdiv. ring. }
  pose proof (is_derive_sqrt _ _ _ He Hp) as Hs.
  replace (- fall a s) with (rsum n (fun k => - 2 * (flow d a s k / d k * flow d a s k))
                             / (2 * sqrt (energy n (flow d a s)))); [exact Hs|].
  rewrite rsum_scal. unfold fall, dot, norm. field.
  apply Rgt_not_eq, sqrt_lt_R0, Hp.
Qed.

Lemma fall_ex_derive a s : 0 < energy n a -> ex_derive (fall a) s.
Proof.
  intros H. pose proof (flow_energy_pos a s H) as Hp. unfold fall.
  apply ex_derive_div.
  - apply (rsum_ex_derive n (fun k s => flow d a s k / d k * flow d a s k)).
    intros k Hk. pose proof (d_pos k Hk). unfold flow. auto_derive. trivial.
  - eexists. apply norm_derive, H.
  - unfold norm. apply Rgt_not_eq, sqrt_lt_R0, Hp.
Qed.

Lemma speed_flow a s : speed n d a s = norm n (flow d (fun k => a k / d k) s).
Proof. apply norm_ext. intros k Hk. unfold flow. field. pose proof (d_pos k Hk); lra. Qed.

Lemma quotient_energy_pos a : 0 < energy n a -> 0 < energy n (fun k => a k / d k).
Proof.
  intros H. destruct (rsum_pos_ex _ _ H) as [k [Hk Hp]]. pose proof (d_pos k Hk) as Hd.
  apply Rlt_le_trans with ((a k / d k)^2).
  - unfold Rdiv. rewrite Rpow_mult_distr. apply Rmult_lt_0_compat; [assumption|].
    apply pow_lt, Rinv_0_lt_compat, Hd.
  - apply (rsum_term n (fun k => (a k / d k)^2)); [intros; apply pow2_ge_0|assumption].
Qed.

Lemma speed_continuous a s : continuous (speed n d a) s.
Proof.
  destruct (Rle_lt_or_eq_dec 0 (energy n a) (energy_nonneg n a)) as [H|H].
  - apply continuous_ext with (fun s => norm n (flow d (fun k => a k / d k) s)).
    { intros x. symmetry. apply speed_flow. }
    apply (ex_derive_continuous (V := R_NormedModule)). eexists. apply norm_derive.
    now apply quotient_energy_pos.
  - apply continuous_ext with (fun _ => 0); [|apply continuous_const].
    intros x. symmetry. unfold speed, norm. replace (energy n (fun k => flow d a x k / d k)) with 0.
    + apply sqrt_0.
    + symmetry. apply rsum_zero. intros k Hk. unfold flow.
      rewrite (energy_zero n a (eq_sym H) k Hk). field. pose proof (d_pos k Hk); lra.
Qed.

Lemma speed_ex_RInt a S T : ex_RInt (speed n d a) S T.
Proof. apply (ex_RInt_continuous (V := R_CompleteNormedModule)). intros; apply speed_continuous. Qed.

Lemma fall_is_RInt a S : 0 < energy n a -> 0 <= S ->
  is_RInt (fall a) 0 S (norm n a - norm n (flow d a S)).
Proof.
  intros H HS.
  assert (Hi : is_RInt (fall a) 0 S (minus (- norm n (flow d a S)) (- norm n (flow d a 0)))).
  { apply (is_RInt_derive (fun s => - norm n (flow d a s)) (fall a)).
    - intros x _. replace (fall a x) with (- - fall a x) by ring.
      apply (is_derive_opp (V := R_NormedModule)). apply norm_derive, H.
    - intros x _. apply (ex_derive_continuous (V := R_NormedModule)). apply fall_ex_derive, H. }
  replace (norm n a - norm n (flow d a S)) with (minus (- norm n (flow d a S)) (- norm n (flow d a 0)));
    [exact Hi|].
  replace (norm n (flow d a 0)) with (norm n a).
  - unfold minus, plus, opp; simpl. ring.
  - apply norm_ext. intros k Hk. unfold flow. replace (- 0 / d k) with 0.
    + rewrite exp_0. ring.
    + field. pose proof (d_pos k Hk); lra.
Qed.

(** The path is at least as long as the chord. *)
Lemma length_ge_chord a S : 0 < energy n a -> 0 <= S ->
  norm n a - norm n (flow d a S) <= RInt (speed n d a) 0 S.
Proof.
  intros H HS. pose proof (fall_is_RInt a S H HS) as Hf. rewrite <- (is_RInt_unique _ _ _ _ Hf).
  apply RInt_le; [assumption|eexists; exact Hf|apply speed_ex_RInt|].
  intros s _. pose proof (flow_energy_pos a s H) as Hp.
  assert (Hn : 0 < norm n (flow d a s)) by (apply sqrt_lt_R0, Hp).
  unfold fall, speed. apply Rmult_le_reg_r with (norm n (flow d a s)); [assumption|].
  unfold Rdiv. rewrite Rmult_assoc, Rinv_l, Rmult_1_r by lra. apply cauchy_schwarz.
Qed.

(** One backward Euler step a' of the flow from a = a' + c G^{-1} a' uses up its own
    length: compare |u + c G^{-1} u| with its component along u = G^{-1} a'(s). *)
Lemma length_falls_until a a' c S : 0 < energy n a' -> 0 < c -> 0 <= S ->
  (forall k, (k < n)%nat -> a k = a' k + c * (a' k / d k)) ->
  RInt (speed n d a') 0 S + norm n (fun k => a k - a' k) - c * speed n d a' S
  <= RInt (speed n d a) 0 S.
Proof.
  intros H Hc HS Ha. set (w := fun k => a' k / d k).
  pose proof (quotient_energy_pos a' H) as Hw. fold w in Hw.
  pose proof (fall_is_RInt w S Hw HS) as Hf.
  assert (Hgap : norm n (fun k => a k - a' k) = c * norm n w).
  { rewrite <- norm_scal by lra. apply norm_ext. intros k Hk. rewrite Ha by assumption.
    unfold w. ring. }
  rewrite Hgap, (speed_flow a' S). fold w.
  assert (Hsum : is_RInt (fun s => speed n d a' s + c * fall w s) 0 S
            (RInt (speed n d a') 0 S + c * (norm n w - norm n (flow d w S)))).
  { apply (is_RInt_plus (V := R_NormedModule)).
    - apply (RInt_correct (V := R_CompleteNormedModule)). apply speed_ex_RInt.
    - apply (is_RInt_scal (V := R_NormedModule)). exact Hf. }
  apply Rle_trans with (RInt (speed n d a') 0 S + c * (norm n w - norm n (flow d w S))); [lra|].
  rewrite <- (is_RInt_unique _ _ _ _ Hsum).
  apply RInt_le; [assumption|eexists; exact Hsum|apply speed_ex_RInt|].
  intros s _. rewrite (speed_flow a' s). fold w.
  pose proof (flow_energy_pos w s Hw) as Hp.
  assert (Hn : 0 < norm n (flow d w s)) by (apply sqrt_lt_R0, Hp).
  apply Rmult_le_reg_r with (norm n (flow d w s)); [assumption|].
  replace ((norm n (flow d w s) + c * fall w s) * norm n (flow d w s))
    with (dot n (fun k => flow d a s k / d k) (flow d w s)); [apply cauchy_schwarz|].
  unfold fall. rewrite Rmult_plus_distr_r.
  replace (c * (dot n (fun k => flow d w s k / d k) (flow d w s) / norm n (flow d w s))
           * norm n (flow d w s))
    with (c * dot n (fun k => flow d w s k / d k) (flow d w s)) by (field; lra).
  replace (norm n (flow d w s) * norm n (flow d w s)) with (energy n (flow d w s))
    by (rewrite <- norm_sqr; ring).
  unfold dot, energy. rewrite <- rsum_scal, <- rsum_plus. apply rsum_ext. intros k Hk.
  unfold flow, w. rewrite Ha by assumption. field. pose proof (d_pos k Hk); lra.
Qed.

(** The flow dies out. *)
Lemma is_lim_mult' (f g : R -> R) x (lf lg : R) : is_lim f x lf -> is_lim g x lg ->
  is_lim (fun y => f y * g y) x (lf * lg)%R.
Proof. intros Hf Hg. exact (is_lim_mult f g x lf lg Hf Hg I). Qed.

Lemma exp_to_zero r : 0 < r -> is_lim (fun S => exp (- S / r)) p_infty 0.
Proof.
  intros Hr. apply is_lim_comp with m_infty.
  - apply is_lim_exp_m.
  - apply is_lim_ext with (fun S => (- / r) * S); [intros; field; lra|].
    evar_last. apply is_lim_scal_l, is_lim_id. simpl.
    destruct (Rle_dec 0 (- / r)) as [P|P]; [|reflexivity].
    exfalso. pose proof (Rinv_0_lt_compat r Hr). lra.
  - exists 0. intros; discriminate.
Qed.

Lemma energy_to_zero m a : (m <= n)%nat -> is_lim (fun S => energy m (flow d a S)) p_infty 0.
Proof.
  induction m as [|m IH]; intros Hm; unfold energy; simpl.
  - apply is_lim_const.
  - evar_last. apply is_lim_plus'; [apply (IH ltac:(lia))|].
    apply is_lim_mult'; [|apply is_lim_mult'; [|apply is_lim_const]].
    + apply is_lim_mult'; [apply exp_to_zero, d_pos; lia|apply is_lim_const].
    + apply is_lim_mult'; [apply exp_to_zero, d_pos; lia|apply is_lim_const].
    + f_equal. ring.
Qed.

Lemma norm_to_zero a : is_lim (fun S => norm n (flow d a S)) p_infty 0.
Proof.
  apply is_lim_spec. intros eps. pose proof (energy_to_zero n a (le_n n)) as H.
  apply is_lim_spec in H. assert (He : 0 < eps * eps) by (destruct eps as [e He]; simpl; nra).
  destruct (H (mkposreal _ He)) as [M HM]. exists M. intros x Hx. specialize (HM x Hx). simpl in HM.
  rewrite Rminus_0_r in *. rewrite Rabs_pos_eq in * by apply norm_nonneg.
  rewrite Rabs_pos_eq in HM by apply energy_nonneg. rewrite <- norm_sqr in HM.
  destruct eps as [e Hpos]; simpl in *. apply lt_of_sqr; nra.
Qed.

Lemma speed_to_zero a : is_lim (speed n d a) p_infty 0.
Proof.
  apply is_lim_ext with (fun S => norm n (flow d (fun k => a k / d k) S)).
  - intros. symmetry. apply speed_flow.
  - apply norm_to_zero.
Qed.

Lemma is_lim_le_from (f g : R -> R) (lf lg : R) : (forall S, 0 <= S -> f S <= g S) ->
  is_lim f p_infty lf -> is_lim g p_infty lg -> lf <= lg.
Proof.
  intros H Hf Hg.
  assert (Hloc : Rbar_locally' p_infty (fun y => f y <= g y)).
  { exists 0. intros x Hx. apply H. lra. }
  exact (is_lim_le_loc f g p_infty lf lg Hloc Hf Hg).
Qed.

Theorem length_falls_step : forall a a' c L L', 0 < energy n a' -> 0 < c ->
  (forall k, (k < n)%nat -> a k = a' k + c * (a' k / d k)) ->
  is_length n d a L -> is_length n d a' L' -> L' + norm n (fun k => a k - a' k) <= L.
Proof.
  intros a a' c L L' H Hc Ha HL HL'.
  apply (is_lim_le_from (fun S => RInt (speed n d a') 0 S + norm n (fun k => a k - a' k)
                                  - c * speed n d a' S) (fun S => RInt (speed n d a) 0 S)).
  - intros S HS. now apply length_falls_until.
  - evar_last. apply is_lim_minus'.
    + apply is_lim_plus'; [exact HL'|apply is_lim_const].
    + apply is_lim_mult'; [apply is_lim_const|apply speed_to_zero].
    + f_equal. ring.
  - exact HL.
Qed.

Lemma RInt_speed_mono a S T : 0 <= S <= T -> RInt (speed n d a) 0 S <= RInt (speed n d a) 0 T.
Proof.
  intros HST. rewrite <- (RInt_Chasles (speed n d a) 0 S T) by apply speed_ex_RInt.
  assert (0 <= RInt (speed n d a) S T).
  { apply RInt_ge_0; [lra|apply speed_ex_RInt|]. intros; apply norm_nonneg. }
  unfold plus; simpl. lra.
Qed.

Theorem norm_le_length : forall a L, is_length n d a L -> norm n a <= L.
Proof.
  intros a L HL. destruct (Rle_lt_or_eq_dec 0 (energy n a) (energy_nonneg n a)) as [H|H].
  - apply (is_lim_le_from (fun S => norm n a - norm n (flow d a S)) (fun S => RInt (speed n d a) 0 S)).
    + intros S HS. now apply length_ge_chord.
    + evar_last. apply is_lim_minus'; [apply is_lim_const|apply norm_to_zero]. f_equal; ring.
    + exact HL.
  - replace (norm n a) with 0 by (unfold norm; rewrite <- H, sqrt_0; reflexivity).
    apply (is_lim_le_from (fun _ => 0) (fun S => RInt (speed n d a) 0 S)); [|apply is_lim_const|exact HL].
    intros S HS. apply RInt_ge_0; [assumption|apply speed_ex_RInt|]. intros; apply norm_nonneg.
Qed.

Lemma RInt_speed_bound a (bound : R -> R) c T : 0 <= T ->
  (forall S, 0 <= S -> speed n d a S <= bound S) -> is_RInt bound 0 T c ->
  RInt (speed n d a) 0 T <= c.
Proof.
  intros HT Hb Hi. rewrite <- (is_RInt_unique _ _ _ _ Hi).
  apply RInt_le; [assumption|apply speed_ex_RInt|eexists; exact Hi|]. intros s Hs. apply Hb. lra.
Qed.

End Flow.

(** Kantorovich's inequality gives a factor K; so the length exists. *)
Section Factor.
Variables (n : nat) (d : nat -> R) (d_min d_max : R).
Hypothesis d_min_pos : 0 < d_min.
Hypothesis d_order : d_min <= d_max.
Hypothesis d_range : forall k, (k < n)%nat -> d_min <= d k <= d_max.
Let kappa := d_max / d_min.
Let K := (1 + kappa) / (2 * sqrt kappa).

Lemma d_pos k : (k < n)%nat -> 0 < d k.
Proof. intros Hk. specialize (d_range k Hk). lra. Qed.

Lemma kappa_pos : 0 < kappa.
Proof. apply Rdiv_lt_0_compat; lra. Qed.

Lemma K_pos : 0 < K.
Proof.
  pose proof kappa_pos. apply Rdiv_lt_0_compat; [lra|]. pose proof (sqrt_lt_R0 kappa). lra.
Qed.

Lemma kantorovich u :
  norm n (fun k => u k / d k) * norm n u <= K * dot n (fun k => u k / d k) u.
Proof.
  pose proof kappa_pos as Hk. set (g := sqrt kappa). assert (Hg : 0 < g) by (apply sqrt_lt_R0, Hk).
  assert (Hgg : g * g = kappa) by (apply sqrt_sqrt; lra).
  assert (HM : d_max = g * g * d_min) by (rewrite Hgg; unfold kappa; field; lra).
  set (p := norm n (fun k => u k / d k)). set (e := norm n u).
  set (E := dot n (fun k => u k / d k) u).
  assert (Hsum : (g * d_min)^2 * energy n (fun k => u k / d k) + 1 * energy n u
                 <= ((1 + g * g) * d_min) * E).
  { unfold energy, E, dot. rewrite <- !rsum_scal, <- rsum_plus. apply rsum_le. intros k Hkn.
    specialize (d_range k Hkn). assert (Hd : 0 < d k) by lra. set (x := u k / d k).
    replace (u k) with (x * d k) by (unfold x; field; lra).
    assert (0 <= (d k - d_min) * (g * g * d_min - d k)) by (apply Rmult_le_pos; lra).
    pose proof (pow2_ge_0 x). nra. }
  rewrite <- !norm_sqr in Hsum. fold p e in Hsum.
  assert (H2 : 2 * g * (p * e) <= (1 + g * g) * E).
  { apply Rmult_le_reg_r with d_min; [assumption|].
    pose proof (pow2_ge_0 (g * d_min * p - e)). nra. }
  apply Rmult_le_reg_l with (2 * g); [lra|].
  replace (2 * g * (K * E)) with ((1 + g * g) * E); [assumption|].
  unfold K. fold g. rewrite <- Hgg. field. lra.
Qed.

Lemma RInt_speed_le_norm a S : 0 <= S -> RInt (speed n d a) 0 S <= K * norm n a.
Proof.
  intros HS. destruct (Rle_lt_or_eq_dec 0 (energy n a) (energy_nonneg n a)) as [H|H].
  - pose proof (fall_is_RInt n d d_pos a S H HS) as Hf.
    assert (HKf : is_RInt (fun s => K * fall n d a s) 0 S (K * (norm n a - norm n (flow d a S)))).
    { apply (is_RInt_scal (V := R_NormedModule)). exact Hf. }
    apply Rle_trans with (K * (norm n a - norm n (flow d a S))).
    + rewrite <- (is_RInt_unique _ _ _ _ HKf).
      apply RInt_le; [assumption|apply (speed_ex_RInt n d d_pos)|eexists; exact HKf|].
      intros s _. pose proof (flow_energy_pos n d a s H) as Hp.
      assert (Hn : 0 < norm n (flow d a s)) by (apply sqrt_lt_R0, Hp).
      apply Rmult_le_reg_r with (norm n (flow d a s)); [assumption|].
      unfold fall. replace (K * (dot n (fun k => flow d a s k / d k) (flow d a s) / norm n (flow d a s))
        * norm n (flow d a s)) with (K * dot n (fun k => flow d a s k / d k) (flow d a s))
        by (field; lra).
      apply kantorovich.
    + pose proof (norm_nonneg n (flow d a S)). pose proof K_pos. nra.
  - apply Rle_trans with (RInt (fun _ => 0) 0 S).
    + apply RInt_le; [assumption|apply (speed_ex_RInt n d d_pos)|apply ex_RInt_const|].
      intros s _. right. unfold speed, norm.
      replace (energy n (fun k => flow d a s k / d k)) with 0; [apply sqrt_0|].
      symmetry. apply rsum_zero. intros k Hk. unfold flow.
      rewrite (energy_zero n a (eq_sym H) k Hk). field. pose proof (d_pos k Hk); lra.
    + rewrite RInt_const. unfold scal, mult; simpl; unfold mult; simpl. pose proof K_pos.
      pose proof (norm_nonneg n a). nra.
Qed.

Lemma length_exists_between : forall a, exists L, is_length n d a L.
Proof.
  intros a. set (E := fun x => exists S, 0 <= S /\ x = RInt (speed n d a) 0 S).
  destruct (completeness E) as [L [Hub Hlub]].
  - exists (K * norm n a). intros x [S [HS ->]]. now apply RInt_speed_le_norm.
  - exists (RInt (speed n d a) 0 0), 0. split; [lra|reflexivity].
  - exists L. apply is_lim_spec. intros eps. destruct eps as [e He]; simpl.
    destruct (Classical_Prop.classic (exists S, 0 <= S /\ L - e < RInt (speed n d a) 0 S)) as [[S0 [HS0 Hgt]]|Hno].
    + exists S0. intros S HS.
      pose proof (RInt_speed_mono n d d_pos a S0 S ltac:(lra)).
      assert (RInt (speed n d a) 0 S <= L) by (apply Hub; exists S; split; [lra|reflexivity]).
      apply Rabs_def1; lra.
    + exfalso. assert (L <= L - e); [|lra]. apply Hlub. intros x [S [HS ->]].
      destruct (Rle_dec (RInt (speed n d a) 0 S) (L - e)); [assumption|].
      exfalso. apply Hno. exists S. split; lra.
Qed.

Lemma kantorovich_factor : length_factor n d K.
Proof.
  intros a L HL.
  apply (is_lim_le_from (fun S => RInt (speed n d a) 0 S) (fun _ => K * norm n a)).
  - intros S HS. now apply RInt_speed_le_norm.
  - exact HL.
  - apply is_lim_const.
Qed.
End Factor.

Section Length.
Variables (n : nat) (d : nat -> R).
Hypothesis d_pos : forall k, (k < n)%nat -> 0 < d k.

Lemma eigenvalue_range : exists m M, 0 < m /\ m <= M /\ forall k, (k < n)%nat -> m <= d k <= M.
Proof.
  destruct (max_exists n d) as [M0 HM]. destruct (max_exists n (fun k => / d k)) as [M1 HM1].
  set (q := Rmax 1 M1). assert (Hq : 1 <= q) by apply Rmax_l.
  exists (/ q), (Rmax (/ q) M0). assert (Hiq : 0 < / q) by (apply Rinv_0_lt_compat; lra).
  split; [assumption|]. split; [apply Rmax_l|]. intros k Hk. split.
  - specialize (HM1 k Hk). simpl in HM1. pose proof (d_pos k Hk) as Hd.
    rewrite <- (Rinv_inv (d k)). apply Rinv_le_contravar; [now apply Rinv_0_lt_compat|].
    apply Rle_trans with M1; [assumption|apply Rmax_r].
  - apply Rle_trans with M0; [now apply HM|apply Rmax_r].
Qed.

(** The improper integral exists. *)
Theorem length_exists : forall a, exists L, is_length n d a L.
Proof.
  intros a. destruct eigenvalue_range as [m [M [Hm [HmM Hr]]]].
  exact (length_exists_between n d m M Hm HmM Hr a).
Qed.

Lemma length_unique a L L' : is_length n d a L -> is_length n d a L' -> L = L'.
Proof.
  intros H H'. pose proof (is_lim_unique _ _ _ H) as U. pose proof (is_lim_unique _ _ _ H') as U'.
  assert (E : Finite L = Finite L') by congruence. now injection E.
Qed.

(** The length is a norm: the triangle inequality. *)
Lemma length_triangle a b L La Lb :
  is_length n d (fun k => a k + b k) L -> is_length n d a La -> is_length n d b Lb -> L <= La + Lb.
Proof.
  intros HL Ha Hb.
  apply (is_lim_le_from (fun S => RInt (speed n d (fun k => a k + b k)) 0 S)
           (fun S => RInt (speed n d a) 0 S + RInt (speed n d b) 0 S)).
  - intros S HS.
    pose proof (RInt_correct (V := R_CompleteNormedModule) _ _ _ (speed_ex_RInt n d d_pos a 0 S)) as Ia.
    pose proof (RInt_correct (V := R_CompleteNormedModule) _ _ _ (speed_ex_RInt n d d_pos b 0 S)) as Ib.
    pose proof (is_RInt_plus (V := R_NormedModule) _ _ _ _ _ _ Ia Ib) as Iab.
    apply Rle_trans with (RInt (fun s => plus (speed n d a s) (speed n d b s)) 0 S).
    + apply RInt_le; [assumption|apply (speed_ex_RInt n d d_pos)|eexists; exact Iab|].
      intros s _. unfold speed, plus; simpl.
      replace (norm n (fun k => flow d (fun k0 => a k0 + b k0) s k / d k))
        with (norm n (fun k => flow d a s k / d k + flow d b s k / d k)); [apply norm_triangle|].
      apply norm_ext. intros k Hk. unfold flow. field. pose proof (d_pos k Hk); lra.
    + right. exact (is_RInt_unique _ _ _ _ Iab).
  - exact HL.
  - apply is_lim_plus'; assumption.
Qed.

Lemma length_ext a b L : (forall k, (k < n)%nat -> a k = b k) ->
  is_length n d a L -> is_length n d b L.
Proof.
  intros E HL. apply is_lim_ext with (fun S => RInt (speed n d a) 0 S); [|exact HL].
  intros S. apply RInt_ext. intros x _. unfold speed. apply norm_ext. intros k Hk. unfold flow.
  now rewrite E.
Qed.

(** On one eigendirection the length is |z_k|; so by directions it is at most their sum. *)
Lemma speed_sum a s : speed n d a s <= rsum n (fun k => exp (- s / d k) * Rabs (a k) / d k).
Proof.
  unfold speed. enough (H : forall m, (m <= n)%nat ->
    norm m (fun k => flow d a s k / d k) <= rsum m (fun k => exp (- s / d k) * Rabs (a k) / d k))
    by now apply H.
  induction m as [|m IH]; intros Hm.
  - right. apply norm_zero. intros k Hk; lia.
  - specialize (IH ltac:(lia)). pose proof (d_pos m ltac:(lia)) as Hd.
    simpl rsum. set (x := flow d a s m / d m).
    assert (Hx : Rabs x = exp (- s / d m) * Rabs (a m) / d m).
    { unfold x, flow, Rdiv. rewrite !Rabs_mult, (Rabs_pos_eq (exp _)) by apply Rlt_le, exp_pos.
      rewrite (Rabs_pos_eq (/ d m)); [reflexivity|]. now apply Rlt_le, Rinv_0_lt_compat. }
    assert (Hn : norm (S m) (fun k => flow d a s k / d k) <= norm m (fun k => flow d a s k / d k) + Rabs x).
    { apply le_of_sqr; [pose proof (norm_nonneg m (fun k => flow d a s k / d k)); pose proof (Rabs_pos x); lra|].
      rewrite norm_sqr.
      change (energy (S m) (fun k => flow d a s k / d k)) with (energy m (fun k => flow d a s k / d k) + x^2).
      rewrite <- norm_sqr. pose proof (pow2_abs x) as Ha. rewrite <- Ha.
      pose proof (norm_nonneg m (fun k => flow d a s k / d k)). pose proof (Rabs_pos x). nra. }
    rewrite <- Hx. lra.
Qed.

Lemma sum_factor a L : is_length n d a L -> L <= rsum n (fun k => Rabs (a k)).
Proof.
  intros HL. apply (is_lim_le_from (fun S => RInt (speed n d a) 0 S) (fun _ => rsum n (fun k => Rabs (a k)))).
  - intros T HT.
    set (prim := fun s => - rsum n (fun k => exp (- s / d k) * Rabs (a k))).
    assert (Hi : is_RInt (fun s => rsum n (fun k => exp (- s / d k) * Rabs (a k) / d k)) 0 T
                   (minus (prim T) (prim 0))).
    { apply (is_RInt_derive prim).
      - intros x _. unfold prim.
        replace (rsum n (fun k => exp (- x / d k) * Rabs (a k) / d k))
          with (opp (rsum n (fun k => - (exp (- x / d k) * Rabs (a k) / d k)))).
        + apply (is_derive_opp (V := R_NormedModule)).
          apply (rsum_derive n (fun k s => exp (- s / d k) * Rabs (a k))
                   (fun k s => - (exp (- s / d k) * Rabs (a k) / d k))).
          intros k Hk. pose proof (d_pos k Hk). auto_derive; [trivial|]. unfold Rdiv. ring.
        + unfold opp; simpl. rewrite <- (Rmult_1_l (rsum n (fun k => exp (- x / d k) * Rabs (a k) / d k))).
          replace 1 with (- (-1)) by ring. rewrite <- (Ropp_mult_distr_l (-1)), <- rsum_scal. f_equal.
          apply rsum_ext. intros; ring.
      - intros x _. apply (ex_derive_continuous (V := R_NormedModule)).
        apply (rsum_ex_derive n (fun k s => exp (- s / d k) * Rabs (a k) / d k)).
        intros k Hk. pose proof (d_pos k Hk). auto_derive. trivial. }
    apply Rle_trans with (minus (prim T) (prim 0)).
    + apply (RInt_speed_bound n d d_pos a _ _ T HT (fun s _ => speed_sum a s) Hi).
    + unfold minus, plus, opp, prim; simpl.
      assert (H0 : rsum n (fun k => exp (- 0 / d k) * Rabs (a k)) = rsum n (fun k => Rabs (a k))).
      { apply rsum_ext. intros k Hk. replace (- 0 / d k) with 0 by (unfold Rdiv; ring). rewrite exp_0. ring. }
      rewrite H0. assert (0 <= rsum n (fun k => exp (- T / d k) * Rabs (a k))); [|lra].
      apply rsum_nonneg. intros k Hk. apply Rmult_le_pos; [apply Rlt_le, exp_pos|apply Rabs_pos].
  - exact HL.
  - apply is_lim_const.
Qed.
End Length.

(** The path is at least as long as the labels, and not much longer. *)
Theorem prop_length_bounds : forall n d d_min d_max a L, 0 < d_min ->
  (forall k, (k < n)%nat -> d_min <= d k <= d_max) -> (0 < n)%nat -> is_length n d a L ->
  norm n a <= L /\ L <= rsum n (fun k => Rabs (a k)) /\
  L <= (1 + d_max / d_min) / (2 * sqrt (d_max / d_min)) * norm n a.
Proof.
  intros n d m M a L Hm Hr Hn HL.
  assert (Hd : forall k, (k < n)%nat -> 0 < d k) by (intros k Hk; specialize (Hr k Hk); lra).
  assert (HmM : m <= M) by (specialize (Hr 0%nat Hn); lra).
  split; [exact (norm_le_length n d Hd a L HL)|]. split; [exact (sum_factor n d Hd a L HL)|].
  exact (kantorovich_factor n d m M Hm HmM Hr a L HL).
Qed.

(** ** One round *)

Section Round.
Variables (n : nat) (d : nat -> R) (rho : R).
Hypothesis d_pos : forall k, (k < n)%nat -> 0 < d k.
Hypothesis rho_pos : 0 < rho.

Lemma d_nn k : (k < n)%nat -> 0 <= d k.
Proof. intros Hk. now apply Rlt_le, d_pos. Qed.

Lemma round_inverts z c z' : round n d rho z c z' ->
  forall k, (k < n)%nat -> z k = z' k + c * (z' k / d k).
Proof.
  intros H k Hk. rewrite (round_next _ _ _ _ _ _ H k Hk). pose proof (d_pos k Hk).
  pose proof (round_pos _ _ _ _ _ _ H). field. split; lra.
Qed.

Lemma length_falls z c z' L L' : round n d rho z c z' ->
  is_length n d z L -> is_length n d z' L' -> L' + rho <= L.
Proof.
  intros H HL HL'.
  pose proof (length_falls_step n d d_pos z z' c L L' (next_energy_pos n d rho d_nn rho_pos z c z' H)
                (round_pos _ _ _ _ _ _ H) (round_inverts z c z' H) HL HL') as Hs.
  rewrite (step_length n d rho d_nn rho_pos z c z' H) in Hs. exact Hs.
Qed.

(** Every round uses up at least rho of the path that is left; so there are at most
    L(y_0)/rho of them. *)
Theorem thm_length_falls : forall z c N, chain n d rho z c N ->
  (forall t L L', (t < N)%nat -> is_length n d (z t) L -> is_length n d (z (S t)) L' -> L' + rho <= L) /\
  (forall L, is_length n d (z 0%nat) L -> INR N <= L / rho).
Proof.
  intros z c N H. split; [intros t L L' Ht; exact (length_falls _ _ _ L L' (H t Ht))|].
  intros L HL.
  assert (Hall : forall t, (t <= N)%nat -> forall Lt, is_length n d (z t) Lt -> Lt + INR t * rho <= L).
  { induction t as [|t IH]; intros Ht Lt HLt.
    - rewrite (length_unique n d _ _ _ HLt HL). simpl. lra.
    - destruct (length_exists n d d_pos (z t)) as [M HM]. specialize (IH ltac:(lia) M HM).
      pose proof (length_falls _ _ _ _ _ (H t ltac:(lia)) HM HLt). rewrite S_INR. lra. }
  destruct (length_exists n d d_pos (z N)) as [M HM]. specialize (Hall N ltac:(lia) M HM).
  pose proof (norm_le_length n d d_pos _ _ HM) as Hlo. pose proof (norm_nonneg n (z N)).
  apply Rmult_le_reg_r with rho; [assumption|].
  replace (L / rho * rho) with L by (field; lra). lra.
Qed.

(** And at most K rho, by the triangle inequality, for every factor K. *)
Theorem prop_length_falls_at_most : forall z c z' L L' K, round n d rho z c z' ->
  is_length n d z L -> is_length n d z' L' -> length_factor n d K -> L <= L' + K * rho.
Proof.
  intros z c z' L L' K H HL HL' HK.
  destruct (length_exists n d d_pos (fun k => z k - z' k)) as [G HG].
  pose proof (HK _ _ HG) as Hup.
  rewrite (step_length n d rho d_nn rho_pos z c z' H) in Hup.
  assert (Ht : L <= L' + G).
  { apply (length_triangle n d d_pos z' (fun k => z k - z' k)); try assumption.
    apply (length_ext n d z); [intros; ring|assumption]. }
  lra.
Qed.
End Round.

(** ** Far from the collapse *)

Section Slowly.
Variables (n : nat) (d : nat -> R) (d_min d_max : R).
Hypothesis d_min_pos : 0 < d_min.
Hypothesis d_range : forall k, (k < n)%nat -> d_min <= d k <= d_max.
Let kappa := d_max / d_min.

Hypothesis n_pos : (0 < n)%nat.

Lemma dp k : (k < n)%nat -> 0 < d k.
Proof. intros Hk. specialize (d_range k Hk). lra. Qed.

Lemma kappa_nonneg : 0 <= kappa.
Proof. specialize (d_range 0%nat n_pos). apply div_nonneg; lra. Qed.

(** One eigendirection shows that a factor is at least 1. *)
Lemma factor_ge1 K : length_factor n d K -> 1 <= K.
Proof.
  intros HK. set (e := fun k : nat => if Nat.eq_dec k 0 then 1 else 0).
  assert (He : norm n e = 1).
  { unfold norm, energy. rewrite (rsum_single n _ 0%nat n_pos).
    - unfold e. simpl. rewrite !Rmult_1_r. apply sqrt_1.
    - intros i _ Hi. unfold e. destruct (Nat.eq_dec i 0); [contradiction|ring]. }
  destruct (length_exists n d dp e) as [L HL]. pose proof (norm_le_length n d dp e L HL).
  pose proof (HK e L HL). rewrite He in *. lra.
Qed.

(** The counterpart of [length_falls_until]: the same expansion of one norm, from above.
    With P = |u| and D = <G^{-1} u, u>, |u + c G^{-1} u|^2 <= P^2 + 2 c D + c^2 D/d_min, and
    that is at most the square of P + c (1 + c/(2 d_min)) D/P. *)
Lemma length_rises_until a a' c S : 0 < energy n a' -> 0 < c -> 0 <= S ->
  (forall k, (k < n)%nat -> a k = a' k + c * (a' k / d k)) ->
  RInt (speed n d a) 0 S
  <= RInt (speed n d a') 0 S + (1 + c / (2 * d_min)) * norm n (fun k => a k - a' k).
Proof.
  intros H Hc HS Ha. set (w := fun k => a' k / d k).
  pose proof (quotient_energy_pos n d dp a' H) as Hw. fold w in Hw.
  pose proof (fall_is_RInt n d dp w S Hw HS) as Hf.
  set (theta := 1 + c / (2 * d_min)).
  assert (Ht : 0 < theta).
  { unfold theta. assert (0 <= c / (2 * d_min)) by (apply div_nonneg; lra). lra. }
  assert (Hgap : norm n (fun k => a k - a' k) = c * norm n w).
  { rewrite <- norm_scal by lra. apply norm_ext. intros k Hk. rewrite Ha by assumption.
    unfold w. ring. }
  rewrite Hgap.
  assert (Hsum : is_RInt (fun s => speed n d a' s + c * theta * fall n d w s) 0 S
            (RInt (speed n d a') 0 S + c * theta * (norm n w - norm n (flow d w S)))).
  { apply (is_RInt_plus (V := R_NormedModule)).
    - apply (RInt_correct (V := R_CompleteNormedModule)). apply (speed_ex_RInt n d dp).
    - apply (is_RInt_scal (V := R_NormedModule)). exact Hf. }
  apply Rle_trans with (RInt (speed n d a') 0 S + c * theta * (norm n w - norm n (flow d w S))).
  2: { assert (0 <= c * theta * norm n (flow d w S)); [|lra].
       apply Rmult_le_pos; [apply Rmult_le_pos; lra|apply norm_nonneg]. }
  rewrite <- (is_RInt_unique _ _ _ _ Hsum).
  apply RInt_le; [assumption|apply (speed_ex_RInt n d dp)|eexists; exact Hsum|].
  intros s _. rewrite (speed_flow n d dp a' s). fold w.
  pose proof (flow_energy_pos n d w s Hw) as Hp.
  assert (Hn : 0 < norm n (flow d w s)) by (apply sqrt_lt_R0, Hp).
  set (P := norm n (flow d w s)) in *. unfold fall. fold P.
  set (D := dot n (fun k => flow d w s k / d k) (flow d w s)).
  assert (HD : 0 <= D).
  { apply rsum_nonneg. intros k Hk. pose proof (dp k Hk) as Hd. unfold Rdiv.
    replace (flow d w s k * / d k * flow d w s k) with ((flow d w s k)^2 * / d k) by ring.
    apply Rmult_le_pos; [apply pow2_ge_0|]. now apply Rlt_le, Rinv_0_lt_compat. }
  assert (HE : energy n (fun k => flow d w s k / d k) <= D / d_min).
  { unfold Rdiv at 2. rewrite (Rmult_comm D). unfold energy, D, dot. rewrite <- rsum_scal.
    apply rsum_le. intros k Hk. specialize (d_range k Hk). assert (Hd : 0 < d k) by lra.
    replace ((flow d w s k / d k)^2) with ((flow d w s k)^2 * / d k * / d k) by (field; lra).
    replace (/ d_min * (flow d w s k / d k * flow d w s k))
      with ((flow d w s k)^2 * / d k * / d_min) by (field; lra).
    apply Rmult_le_compat_l.
    - apply Rmult_le_pos; [apply pow2_ge_0|]. now apply Rlt_le, Rinv_0_lt_compat.
    - apply Rinv_le_contravar; lra. }
  assert (Hexp : (speed n d a s)^2 = P^2 + 2 * c * D + c^2 * energy n (fun k => flow d w s k / d k)).
  { unfold speed. rewrite norm_sqr. unfold P. rewrite norm_sqr.
    replace (energy n (fun k => flow d a s k / d k))
      with (energy n (fun k => 1 * flow d w s k + c * (flow d w s k / d k))).
    - rewrite energy_comb.
      assert (Hs : dot n (flow d w s) (fun k => flow d w s k / d k) = D)
        by (apply rsum_ext; intros; ring).
      rewrite Hs. ring.
    - apply rsum_ext. intros k Hk. f_equal. unfold flow, w. rewrite Ha by assumption. field.
      pose proof (dp k Hk); lra. }
  assert (HDP : 0 <= D / P) by (apply div_nonneg; lra).
  apply le_of_sqr.
  - assert (0 <= c * theta * (D / P)) by (apply Rmult_le_pos; [apply Rmult_le_pos; lra|assumption]). lra.
  - rewrite Hexp.
    replace ((P + c * theta * (D / P))^2)
      with (P^2 + 2 * c * theta * D + (c * theta * (D / P))^2) by (field; lra).
    pose proof (pow2_ge_0 (c * theta * (D / P))).
    replace (2 * c * theta * D) with (2 * c * D + c^2 * (D / d_min)) by (unfold theta; field; lra).
    assert (c^2 * energy n (fun k => flow d w s k / d k) <= c^2 * (D / d_min))
      by (apply Rmult_le_compat_l; [apply pow2_ge_0|assumption]).
    lra.
Qed.

Section Rounds.
Variables (rho : R).
Hypothesis rho_pos : 0 < rho.

(** Compare the two paths at equal times, and integrate. *)
Theorem prop_length_falls_slowly : forall z c z' L L', round n d rho z c z' ->
  is_length n d z L -> is_length n d z' L' ->
  L <= L' + rho * (1 + c / (2 * d_min)) /\
  L <= L' + rho * (1 + d_max / d_min / (2 * (norm n z / rho - 1))).
Proof.
  intros z c z' L L' H HL HL'. fold kappa.
  assert (Hd : forall k, (k < n)%nat -> 0 <= d k) by (intros; apply Rlt_le, dp; assumption).
  pose proof (round_pos _ _ _ _ _ _ H) as Hc.
  assert (Hfirst : L <= L' + rho * (1 + c / (2 * d_min))).
  { assert (H0 : L <= L' + (1 + c / (2 * d_min)) * norm n (fun k => z k - z' k)).
    { apply (is_lim_le_from (fun S => RInt (speed n d z) 0 S)
        (fun S => RInt (speed n d z') 0 S + (1 + c / (2 * d_min)) * norm n (fun k => z k - z' k))).
      - intros S HS. apply length_rises_until; try assumption.
        + exact (next_energy_pos n d rho Hd rho_pos z c z' H).
        + exact (round_inverts n d rho dp z c z' H).
      - exact HL.
      - apply is_lim_plus'; [exact HL'|apply is_lim_const]. }
    rewrite (step_length n d rho Hd rho_pos z c z' H) in H0. lra. }
  split; [assumption|]. apply Rle_trans with (1 := Hfirst). apply Rplus_le_compat_l.
  apply Rmult_le_compat_l; [lra|]. apply Rplus_le_compat_l.
  pose proof (round_alive _ _ _ _ _ _ H) as Ha.
  destruct (prop_multiplier_bounds n d z rho d_min d_max c) as [_ Hup]; auto; try lra.
  { apply (round_root _ _ _ _ _ _ H). }
  assert (Hr : 0 < norm n z / rho - 1) by (pose proof (div_gt_1 (norm n z) rho rho_pos Ha); lra).
  set (q := norm n z / rho - 1) in *.
  replace (kappa / (2 * q)) with (d_max / q / (2 * d_min)) by (unfold kappa; field; lra).
  apply Rmult_le_compat_r; [apply Rlt_le, Rinv_0_lt_compat; lra|assumption].
Qed.

Variables (z : nat -> nat -> R) (c : nat -> R) (N : nat) (L K : R).
Hypothesis H : full_chain n d rho z c N.
Hypothesis HL : is_length n d (z 0%nat) L.
Hypothesis HK : length_factor n d K.

Lemma rounds_by_factor : L <= K * rho * (INR N + 1).
Proof.
  destruct H as [Hc Hend]. pose proof (factor_ge1 K HK) as HK1.
  assert (Hall : forall t, (t <= N)%nat -> forall Lt, is_length n d (z t) Lt -> L <= Lt + INR t * (K * rho)).
  { induction t as [|t IH]; intros Ht Lt HLt.
    - rewrite (length_unique n d _ _ _ HLt HL). simpl. lra.
    - destruct (length_exists n d dp (z t)) as [M HM]. specialize (IH ltac:(lia) M HM).
      pose proof (prop_length_falls_at_most n d rho dp rho_pos _ _ _ _ _ K (Hc t ltac:(lia)) HM HLt HK).
      rewrite S_INR. lra. }
  destruct (length_exists n d dp (z N)) as [M HM]. specialize (Hall N ltac:(lia) M HM).
  pose proof (HK _ _ HM) as Hup. nra.
Qed.

(** Up to the first r_t < s, the path falls by at most rho theta a round; what is left
    then is at most K s rho. *)
Lemma rounds_by_length_slowly s : 1 < s ->
  L <= K * s * rho + INR N * (rho * (1 + kappa / (2 * (s - 1)))).
Proof.
  intros Hs. destruct H as [Hc Hend]. pose proof (factor_ge1 K HK) as HK1.
  pose proof kappa_nonneg as Hk.
  set (theta := rho * (1 + kappa / (2 * (s - 1)))).
  assert (Ht : 0 < theta).
  { unfold theta. assert (0 <= kappa / (2 * (s - 1))) by (apply div_nonneg; lra).
    apply Rmult_lt_0_compat; lra. }
  assert (Hsmall : forall t Lt, norm n (z t) <= s * rho -> is_length n d (z t) Lt -> Lt <= K * s * rho).
  { intros t Lt Hr HLt. pose proof (HK _ _ HLt). nra. }
  assert (Hall : forall t, (t <= N)%nat ->
    (forall Lt, is_length n d (z t) Lt -> L <= Lt + INR t * theta) \/ L <= K * s * rho + INR t * theta).
  { induction t as [|t IH]; intros HtN.
    - left. intros Lt HLt. rewrite (length_unique n d _ _ _ HLt HL). simpl. lra.
    - rewrite S_INR. destruct (IH ltac:(lia)) as [IHl|IHr]; [|right; lra].
      destruct (length_exists n d dp (z t)) as [M HM].
      specialize (IHl M HM). destruct (Rle_dec (norm n (z t)) (s * rho)) as [E|E].
      + right. pose proof (Hsmall t M E HM). lra.
      + left. intros Lt HLt.
        destruct (prop_length_falls_slowly _ _ _ _ _ (Hc t ltac:(lia)) HM HLt) as [_ Hf].
        assert (Hr : s <= norm n (z t) / rho).
        { replace s with (s * rho / rho) by (field; lra). apply div_le_cross; nra. }
        assert (d_max / d_min / (2 * (norm n (z t) / rho - 1)) <= kappa / (2 * (s - 1))).
        { apply div_le_cross; try lra. fold kappa. apply Rmult_le_compat_l; lra. }
        assert (rho * (1 + d_max / d_min / (2 * (norm n (z t) / rho - 1))) <= theta).
        { apply Rmult_le_compat_l; [lra|]. lra. }
        lra. }
  destruct (Hall N ltac:(lia)) as [Hl|Hr]; [|exact Hr].
  destruct (length_exists n d dp (z N)) as [M HM].
  specialize (Hl M HM). assert (M <= K * s * rho) by (apply (Hsmall N); [nra|assumption]). lra.
Qed.
End Rounds.

(** Rounds times rho is the length of the path, in the limit of small tolerance: two
    bounds from below at every tolerance, and the limit that they give with the bound
    from above. *)
Theorem thm_rounds_limit : forall K, length_factor n d K ->
  (forall rho z c N L s, 0 < rho -> full_chain n d rho z c N -> is_length n d (z 0%nat) L -> 1 < s ->
    L / (K * rho) - 1 <= INR N /\
    (L / rho - K * s) / (1 + d_max / d_min / (2 * (s - 1))) <= INR N) /\
  (forall z0 L, is_length n d z0 L ->
    forall eta, 0 < eta -> exists rho0, 0 < rho0 /\ forall rho z c N, 0 < rho < rho0 ->
      z 0%nat = z0 -> full_chain n d rho z c N -> Rabs (INR N * rho - L) < eta).
Proof.
  intros K HK. pose proof (factor_ge1 K HK) as HK1. pose proof kappa_nonneg as Hk. split.
  - intros rho z c N L s Hrho H HL Hs. fold kappa. split.
    + pose proof (rounds_by_factor rho Hrho z c N L K H HL HK) as Hl.
      assert (0 < K * rho) by nra. apply Rmult_le_reg_r with (K * rho); [assumption|].
      replace ((L / (K * rho) - 1) * (K * rho)) with (L - K * rho) by (field; lra). lra.
    + pose proof (rounds_by_length_slowly rho Hrho z c N L K H HL HK s Hs) as Hl.
      assert (0 <= kappa / (2 * (s - 1))) by (apply div_nonneg; lra).
      set (theta := 1 + kappa / (2 * (s - 1))) in *.
      assert (Htheta : 0 < theta) by (unfold theta; lra).
      apply Rmult_le_reg_r with (theta * rho); [nra|].
      replace ((L / rho - K * s) / theta * (theta * rho)) with (L - K * s * rho) by (field; lra). lra.
  - intros z0 L HL eta Heta.
    assert (HL0 : 0 <= L).
    { pose proof (norm_le_length n d dp _ _ HL) as Hlo. pose proof (norm_nonneg n z0). lra. }
    set (s := 2 + L * kappa / eta).
    assert (Hq : 0 <= L * kappa / eta) by (apply div_nonneg; nra).
    exists (eta / (2 * K * s)). split; [apply Rdiv_lt_0_compat; unfold s; nra|].
    intros rho z c N [Hrho Hsmall] Hz Hfull. rewrite <- Hz in HL.
    pose proof (rounds_by_length_slowly rho Hrho z c N L K Hfull HL HK s ltac:(unfold s; lra)) as Hlow.
    destruct (thm_length_falls n d rho dp Hrho z c N (proj1 Hfull)) as [_ Hup]. specialize (Hup L HL).
    assert (Hup' : INR N * rho <= L).
    { apply Rmult_le_compat_r with (r := rho) in Hup; [|lra].
      replace (L / rho * rho) with L in Hup by (field; lra). assumption. }
    assert (H1 : K * s * rho < eta / 2).
    { assert (Hs : 0 < K * s) by (unfold s; nra).
      replace (eta / 2) with (K * s * (eta / (2 * K * s))) by (field; split; unfold s in *; nra).
      apply Rmult_lt_compat_l; assumption. }
    assert (H2 : INR N * rho * (kappa / (2 * (s - 1))) <= L * (kappa / (2 * (s - 1)))).
    { apply Rmult_le_compat_r; [apply div_nonneg; unfold s; lra|assumption]. }
    assert (H3 : L * (kappa / (2 * (s - 1))) < eta / 2).
    { assert (Hs : 0 < s - 1) by (unfold s; lra).
      replace (L * (kappa / (2 * (s - 1)))) with (L * kappa / (2 * (s - 1))) by (field; lra).
      apply Rmult_lt_reg_r with (2 * (s - 1)); [lra|].
      replace (L * kappa / (2 * (s - 1)) * (2 * (s - 1))) with (L * kappa) by (field; lra).
      replace (eta / 2 * (2 * (s - 1))) with (eta + L * kappa) by (unfold s; field; lra). lra. }
    apply Rabs_def1; lra.
Qed.
End Slowly.

(** ** A singular G *)

(** The first round drops what cannot be fitted, and moves the rest by at most what
    Pythagoras leaves of rho. *)
Theorem prop_singular_first_step : forall n d rho z c z',
  (forall k, (k < n)%nat -> 0 <= d k) -> 0 < rho -> round n d rho z c z' ->
  (forall k, (k < n)%nat -> d k = 0 -> z' k = 0) /\
  sqrt (energy n z - null_energy n d z) <= norm n z' + sqrt (rho^2 - null_energy n d z).
Proof.
  intros n d rho z c z' Hd Hrho H. pose proof (round_reachable n d rho z c z' H) as Hr.
  split; [exact Hr|].
  set (plus := fun k => if Req_EM_T (d k) 0 then 0 else z k).
  set (move := fun k => if Req_EM_T (d k) 0 then 0 else z k - z' k).
  assert (Hsplit : forall x y : nat -> R, (forall k, (k < n)%nat -> d k = 0 -> y k = x k) ->
    energy n x - null_energy n d y = energy n (fun k => if Req_EM_T (d k) 0 then 0 else x k)).
  { intros x y E. unfold energy, null_energy. rewrite <- rsum_minus. apply rsum_ext. intros k Hk.
    destruct (Req_EM_T (d k) 0) as [D|D]; [rewrite (E k Hk D)|]; ring. }
  assert (Hplus : sqrt (energy n z - null_energy n d z) = norm n plus).
  { unfold norm. f_equal. now apply Hsplit. }
  assert (Hmove : sqrt (rho^2 - null_energy n d z) = norm n move).
  { unfold norm. f_equal. rewrite <- (step_energy n d rho Hd z c z' H).
    rewrite (Hsplit (fun k => z k - z' k) z); [reflexivity|].
    intros k Hk D. rewrite (Hr k Hk D). ring. }
  rewrite Hplus, Hmove. apply Rle_trans with (norm n (fun k => z' k + move k)); [|apply norm_triangle].
  right. apply norm_ext. intros k Hk. unfold plus, move.
  destruct (Req_EM_T (d k) 0) as [D|D]; [rewrite (Hr k Hk D)|]; ring.
Qed.
