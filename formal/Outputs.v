(** Several outputs that share one tolerance: one output with n q directions. *)
From Coq Require Import Reals Lra Lia Psatz Arith.
From SD Require Import Setting Sums Problem Kkt Recursion.
Local Open Scope R_scope.

(** [w k a] is the label of output a in direction k; index l = k q + a stands for both. *)
Definition flat (q : nat) (w : nat -> nat -> R) (l : nat) := w (l / q)%nat (l mod q)%nat.
Definition spread (q : nat) (d : nat -> R) (l : nat) := d (l / q)%nat.

Lemma rsum_pairs n q (f : nat -> nat -> R) : (0 < q)%nat ->
  rsum (n * q) (fun l => f (l / q)%nat (l mod q)%nat) = rsum n (fun k => rsum q (fun a => f k a)).
Proof.
  intros Hq. induction n as [|n IH]; [reflexivity|].
  replace (S n * q)%nat with (n * q + q)%nat by lia. rewrite rsum_app, IH. simpl. f_equal.
  apply rsum_ext. intros i Hi.
  rewrite (Nat.div_add_l n q i) by lia. rewrite Nat.div_small by lia. rewrite Nat.add_0_r.
  rewrite (Nat.add_comm (n * q) i), Nat.mod_add by lia. rewrite Nat.mod_small by lia. reflexivity.
Qed.

Lemma flat_at n q k a : (k < n)%nat -> (a < q)%nat ->
  (k * q + a < n * q)%nat /\ ((k * q + a) / q = k)%nat /\ ((k * q + a) mod q = a)%nat.
Proof.
  intros Hk Ha. split; [nia|]. split.
  - rewrite Nat.div_add_l, Nat.div_small by lia. lia.
  - rewrite Nat.add_comm, Nat.mod_add, Nat.mod_small by lia. reflexivity.
Qed.

Lemma secular_flat_form n q d w c : (0 < q)%nat ->
  secular (n * q) (spread q d) (flat q w) c = rsum n (fun k => (c / (c + d k))^2 * rsum q (fun a => (w k a)^2)).
Proof.
  intros Hq. unfold secular, spread, flat.
  rewrite (rsum_pairs n q (fun k a => (c * w k a / (c + d k))^2) Hq). apply rsum_ext. intros k _.
  rewrite <- rsum_scal. apply rsum_ext. intros; unfold Rdiv; ring.
Qed.

Lemma norm_flat_form n q w : (0 < q)%nat ->
  norm (n * q) (flat q w) = sqrt (rsum n (fun k => rsum q (fun a => (w k a)^2))).
Proof.
  intros Hq. unfold norm, energy, flat. f_equal. exact (rsum_pairs n q (fun k a => (w k a)^2) Hq).
Qed.

(** Outputs that share a tolerance share a multiplier, which sees their energies only. *)
Theorem prop_shared_tolerance : forall n q d rho w c w', (0 < q)%nat ->
  (forall k, (k < n)%nat -> 0 <= d k) ->
  round (n * q) (spread q d) rho (flat q w) c (flat q w') ->
  rsum n (fun k => (c / (c + d k))^2 * rsum q (fun a => (w k a)^2)) = rho^2 /\
  (forall k, (k < n)%nat ->
    (d k / (c + d k))^2 * rsum q (fun a => (w k a)^2) = rsum q (fun a => (w' k a)^2)).
Proof.
  intros n q d rho w c w' Hq Hd [_ Hc Hs Hn]. split; [now rewrite <- secular_flat_form|].
  intros k Hk. rewrite <- rsum_scal. apply rsum_ext. intros a Ha.
  destruct (flat_at n q k a Hk Ha) as [Hl [E1 E2]]. specialize (Hn _ Hl). unfold flat, spread in Hn.
  rewrite E1, E2 in Hn. rewrite Hn. ring.
Qed.

(** w Q, each row times the matrix Q. *)
Definition turned (q : nat) (Q w : nat -> nat -> R) (k a : nat) := rsum q (fun b => w k b * Q b a).

Lemma turned_energy q Q w k : orthogonal q Q ->
  rsum q (fun a => (turned q Q w k a)^2) = rsum q (fun a => (w k a)^2).
Proof.
  intros [rows _]. unfold turned.
  rewrite (rsum_ext q _ (fun a => rsum q (fun b => w k b * (Q b a * rsum q (fun b' => w k b' * Q b' a))))).
  2: { intros a _. set (s := rsum q (fun b' => w k b' * Q b' a)).
       transitivity (s * rsum q (fun b => w k b * Q b a)); [unfold s; ring|].
       rewrite <- rsum_scal. apply rsum_ext. intros; ring. }
  rewrite rsum_swap. apply rsum_ext. intros b Hb. rewrite rsum_scal. simpl. rewrite Rmult_1_r. f_equal.
  rewrite (rsum_ext q _ (fun a => rsum q (fun b' => w k b' * (Q b a * Q b' a)))).
  2: { intros a _. rewrite <- rsum_scal. apply rsum_ext. intros; ring. }
  rewrite rsum_swap. rewrite (rsum_single q _ b Hb).
  - rewrite rsum_scal, rows by assumption. destruct (Nat.eq_dec b b); [ring|lia].
  - intros b' Hb' Hne. rewrite rsum_scal, rows by assumption. destruct (Nat.eq_dec b b'); [lia|ring].
Qed.

(** Turning the outputs into each other turns the fits, and changes nothing else. *)
Theorem prop_outputs_rotation : forall n q Q d rho w c w', (0 < q)%nat -> orthogonal q Q ->
  (forall k, (k < n)%nat -> 0 <= d k) ->
  round (n * q) (spread q d) rho (flat q w) c (flat q w') ->
  round (n * q) (spread q d) rho (flat q (turned q Q w)) c (flat q (turned q Q w')).
Proof.
  intros n q Q d rho w c w' Hq HQ Hd [Ha Hc Hs Hn].
  assert (Hen : forall k, rsum q (fun a => (turned q Q w k a)^2) = rsum q (fun a => (w k a)^2))
    by (intros k; now apply turned_energy).
  split; [|assumption| |].
  - rewrite norm_flat_form in * by assumption.
    rewrite (rsum_ext n _ (fun k => rsum q (fun a => (w k a)^2))) by (intros; apply Hen). exact Ha.
  - rewrite <- Hs, !secular_flat_form by assumption. apply rsum_ext. intros k _. now rewrite Hen.
  - intros l Hl. unfold flat, spread, turned. rewrite <- rsum_scal. apply rsum_ext. intros b Hb.
    assert (Hk : (l / q < n)%nat) by (apply Nat.div_lt_upper_bound; lia).
    destruct (flat_at n q (l / q) b Hk Hb) as [Hl' [E1 E2]]. specialize (Hn _ Hl'). unfold flat, spread in Hn.
    rewrite E1, E2 in Hn. rewrite Hn. ring.
Qed.

(** Sharing a tolerance is splitting it at one price: no other outputs, whatever their
    residuals, have a smaller R plus residual/c. *)
Theorem prop_one_price : forall n q d rho w c w' h, (0 < q)%nat ->
  (forall k, (k < n)%nat -> 0 <= d k) ->
  round (n * q) (spread q d) rho (flat q w) c (flat q w') ->
  (forall k a, (k < n)%nat -> (a < q)%nat -> d k = 0 -> h k a = 0) ->
  rsum n (fun k => rsum q (fun a => (w' k a)^2 / d k + / c * (w' k a - w k a)^2))
  <= rsum n (fun k => rsum q (fun a => (h k a)^2 / d k + / c * (h k a - w k a)^2)).
Proof.
  intros n q d rho w c w' h Hq Hd [_ Hc _ Hn] Hh. apply rsum_le. intros k Hk. apply rsum_le. intros a Ha.
  destruct (flat_at n q k a Hk Ha) as [Hl [E1 E2]]. specialize (Hn _ Hl). unfold flat, spread in Hn.
  rewrite E1, E2 in Hn. rewrite Hn.
  destruct (Rle_lt_or_eq_dec 0 (d k) (Hd k Hk)) as [P|P].
  - assert (E : (h k a)^2 / d k + / c * (h k a - w k a)^2
      = (d k / (c + d k) * w k a)^2 / d k + / c * (d k / (c + d k) * w k a - w k a)^2
        + (/ d k + / c) * (h k a - d k / (c + d k) * w k a)^2) by (field; lra).
    rewrite E. assert (0 <= (/ d k + / c) * (h k a - d k / (c + d k) * w k a)^2); [|lra].
    apply Rmult_le_pos; [|apply pow2_ge_0].
    pose proof (Rinv_0_lt_compat _ P). pose proof (Rinv_0_lt_compat _ Hc). lra.
  - rewrite (Hh k a Hk Ha (eq_sym P)), <- P. unfold Rdiv. rewrite !Rmult_0_l. right. ring.
Qed.
