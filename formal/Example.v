(** The illustrative example: labels at points where every function vanishes. *)
From Coq Require Import Reals Lra Lia Psatz Arith.
From SD Require Import Setting Sums Problem Kkt Recursion.
Local Open Scope R_scope.

(** Labels that no fit can reach use up tolerance once, and are gone after round 0. *)
Theorem prop_example_ends : forall n d rho z c z', (forall k, (k < n)%nat -> 0 <= d k) ->
  round n d rho z c z' ->
  rsum n (fun k => if Req_EM_T (d k) 0 then 0 else (c * z k / (c + d k))^2) + null_energy n d z = rho^2 /\
  null_energy n d z' = 0.
Proof.
  intros n d rho z c z' Hd H. split; [|exact (next_in_range n d rho z c z' H)].
  destruct H as [_ Hc Hs _]. rewrite <- Hs. unfold null_energy, secular. rewrite <- rsum_plus.
  apply rsum_ext. intros k Hk. destruct (Req_EM_T (d k) 0) as [E|E]; [rewrite E; field; lra|ring].
Qed.
