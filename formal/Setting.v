(** What the theorems speak of.

    Everything is written in the eigenbasis of the Gram matrix G = V^T D V:
    [d k] is an eigenvalue, [z k] the matching entry of V y, and [n] the number
    of data points. A vector is a function [nat -> R] of which the first [n]
    values count. The radius is [rho] = sqrt(n epsilon). The definitions of the
    paper stand on this page; a notion that a later chapter adds is defined in its
    file, before the first theorem that uses it. *)
From Coq Require Import Reals ZArith.
Local Open Scope R_scope.

(** Sums and products of the first [n] values. *)

Fixpoint rsum (n : nat) (f : nat -> R) : R :=
  match n with
  | O => 0
  | S m => rsum m f + f m
  end.

Fixpoint rprod (n : nat) (f : nat -> R) : R :=
  match n with
  | O => 1
  | S m => rprod m f * f m
  end.

(** Inner product, squared length and length of vectors. *)

Definition dot n (a b : nat -> R) := rsum n (fun k => a k * b k).
Definition energy n (z : nat -> R) := rsum n (fun k => (z k)^2).
Definition norm n (z : nat -> R) := sqrt (energy n z).

(** ** The constrained problem *)

(** n R(f) for the function of least norm with the values [f] at the data. Values
    of functions have no part in the null space of G, so there 0/0 never counts:
    see [admissible]. *)
Definition cost n (d f : nat -> R) := rsum n (fun k => (f k)^2 / d k).

(** The values [f] belong to a function, and its residual is within the tolerance. *)
Definition admissible n (d z : nat -> R) (rho : R) (f : nat -> R) :=
  (forall k, (k < n)%nat -> d k = 0 -> f k = 0) /\ norm n (fun k => z k - f k) <= rho.

(** [f] solves the constrained problem with the labels [z]. *)
Definition minimiser n d z rho f :=
  admissible n d z rho f /\ forall h, admissible n d z rho h -> cost n d f <= cost n d h.

(** ||P_0 y||^2, the energy in the null space of G. *)
Definition null_energy n (d z : nat -> R) :=
  rsum n (fun k => if Req_EM_T (d k) 0 then (z k)^2 else 0).

(** The left-hand side of the secular equation, ||y - f||^2 at the ridge [c]. *)
Definition secular n (d z : nat -> R) (c : R) :=
  rsum n (fun k => (c * z k / (c + d k))^2).

(** ** Self-distillation *)

(** One round with a non-trivial fit: labels [z], multiplier [c], labels [z'] of
    the next round. *)
Record round n (d : nat -> R) (rho : R) (z : nat -> R) (c : R) (z' : nat -> R) : Prop := {
  round_alive : rho < norm n z;
  round_pos : 0 < c;
  round_root : secular n d z c = rho^2;
  round_next : forall k, (k < n)%nat -> z' k = d k / (c + d k) * z k
}.

(** One round of either kind: the fit is that of the multiplier, or zero. *)
Definition fit n d rho z z' : Prop :=
  (exists c, round n d rho z c z')
  \/ (norm n z <= rho /\ forall k, (k < n)%nat -> z' k = 0).

(** Rounds 0, ..., N - 1 are non-trivial. *)
Definition chain n d rho (z : nat -> nat -> R) (c : nat -> R) (N : nat) : Prop :=
  forall t, (t < N)%nat -> round n d rho (z t) (c t) (z (S t)).

(** ... and round N is trivial: N is the number of non-trivial rounds. *)
Definition full_chain n d rho z c N : Prop :=
  chain n d rho z c N /\ norm n (z N) <= rho.

(** ... and so are all rounds after it: the labels are zero from then on. *)
Definition self_distillation n d rho z c N : Prop :=
  full_chain n d rho z c N /\
  forall t, (N <= t)%nat -> forall k, (k < n)%nat -> z (S t) k = 0.

(** Entry k of B_{t-1} = A_{t-1} ... A_0, the product of the first t rounds. *)
Definition B (d : nat -> R) (c : nat -> R) (t k : nat) := rprod t (fun i => d k / (c i + d k)).

(** The least integer that is at least x. *)
Definition ceil (x : R) : Z := (1 - up (- x))%Z.

(** ** The coordinates of the data *)

(** The eigenvectors are the rows of [V], and [V] is orthogonal. *)
Definition orthogonal n (V : nat -> nat -> R) : Prop :=
  (forall k l, (k < n)%nat -> (l < n)%nat ->
    rsum n (fun i => V k i * V l i) = if Nat.eq_dec k l then 1 else 0) /\
  (forall i j, (i < n)%nat -> (j < n)%nat ->
    rsum n (fun k => V k i * V k j) = if Nat.eq_dec i j then 1 else 0).

(** G = V^T D V, the coordinates V y, the vector V^T z, and a matrix times a vector. *)
Definition gram n (V : nat -> nat -> R) (d : nat -> R) i j := rsum n (fun k => V k i * d k * V k j).
Definition to_eigenbasis n (V : nat -> nat -> R) (y : nat -> R) k := rsum n (fun i => V k i * y i).
Definition from_eigenbasis n (V : nat -> nat -> R) (z : nat -> R) i := rsum n (fun k => V k i * z k).
Definition times n (M : nat -> nat -> R) (y : nat -> R) i := rsum n (fun j => M i j * y j).

(** ** Bounds *)

(** The one-round map h, and slope and offset of its tangent at r_0. *)
Definition one_round_map (kappa r : R) := r * (r - 1) / (r - 1 + kappa).
Definition slope (r0 kappa : R) := ((r0 - 1)^2 + kappa * (2 * r0 - 1)) / (r0 - 1 + kappa)^2.
Definition offset (r0 kappa : R) := r0^2 * kappa / (r0 - 1 + kappa)^2.

(** Iterates of the tangent, from r_0. *)
Fixpoint line (kappa r0 : R) (t : nat) : R :=
  match t with
  | O => r0
  | S m => slope r0 kappa * line kappa r0 m - offset r0 kappa
  end.

(** By which factor a round with the ridge [c] changes the ratio of entries k and j. *)
Definition ratio (c dj dk : R) := (1 + c / dj) / (1 + c / dk).

(** ** Filters *)

(** T_c(x), one round as a function of the eigenvalue; F(x), the first t rounds;
    m(x), the ridge of the one round that agrees with them at x. *)
Definition single (c x : R) := x / (c + x).
Definition several (c : nat -> R) (t : nat) (x : R) := rprod t (fun i => x / (c i + x)).
Definition ridge (c : nat -> R) (t : nat) (x : R) := x * (/ several c t x - 1).

(** The sum of products of two different multipliers. *)
Definition pairs (c : nat -> R) (t : nat) := rsum t (fun l => c l * rsum l c).
