/**
 * What a verification says, in the very shape that both verifiers print as JSON: plain values, hashes as hexadecimal.
 */

import type { LifecycleState } from "./lifecycle.ts";

/** A JSON value as `JSON.stringify` takes it. */
export type Plain = null | boolean | number | string | readonly Plain[] | { readonly [name: string]: Plain };

export type Result = "VALID" | "INVALID" | "UNKNOWN" | "SKIPPED";

/** The checks in the order of SPEC 15.1 to 15.14. */
export const CHECKS = [
  "format",
  "stream",
  "events",
  "sequence",
  "checkpoint",
  "inclusion",
  "anchor",
  "block",
  "complete",
  "signatures",
  "attachments",
  "pending",
  "dated",
  "fresh",
] as const;

/** The checks of an absence proof, in order (SPEC 15.18). */
export const ABSENCE_CHECKS = ["format", "checkpoint", "inclusion", "anchor", "block", "absent", "dated", "fresh"] as const;

export type CheckName = (typeof CHECKS)[number] | (typeof ABSENCE_CHECKS)[number];

/** What a verdict does not prove, whatever it says (SPEC 15.16). */
export const NOT_PROVEN = ["truth", "object", "history"] as const;

/** One check: `code` is null where VALID, else a code of SPEC 15 that pages translate; `detail` is English, for people. */
export interface Check {
  readonly check: CheckName;
  readonly result: Result;
  readonly code: string | null;
  readonly detail: string;
}

/** The state of SPEC 15.15 and 15.18. A page shows `malformed` as "could not check". */
export type State =
  | "verified"
  | "verified_pending"
  | "withdrawn"
  | "test_data"
  | "altered"
  | "malformed"
  | "could_not_check"
  | "unknown_code";

/** A block as its header says; `hash` with `0x`, `timestamp` in seconds UTC. */
export interface BlockShown {
  readonly number: number;
  readonly hash: string;
  readonly timestamp: number;
}

/** One event of the order. Members that its fields do not show (hidden, or not by the grammar) are null. */
export interface EventShown {
  readonly place: "anchored" | "pending";
  readonly seq: number | null;
  readonly index: number | null;
  /** Milliseconds UTC at which the service stored the event. */
  readonly accepted: number;
  readonly type: string | null;
  readonly occurred_at: string | null;
  readonly actor_role: string | null;
  /** Every disclosed field. */
  readonly fields: { readonly [name: string]: Plain };
  /** The names of the fields that are not disclosed, ascending. */
  readonly hidden: readonly string[];
  readonly flags: readonly ("unexpected" | "late")[];
  /** `signed` only where the actor's signature was checked and is valid (SPEC 4.7). */
  readonly said: "reported" | "signed";
  readonly signed_by: string | null;
  /** The block of the first anchor that covers the event: it existed before then. */
  readonly block: BlockShown | null;
}

/** The order that the proof opens, and its story. */
export interface OrderShown {
  readonly tenant: string;
  readonly tenant_name: string;
  readonly order_id: string;
  readonly stream: string;
  /** The state in which the stream's lifecycle ends (SPEC 4.8). */
  readonly lifecycle: LifecycleState;
  readonly events: readonly EventShown[];
}

export interface Verdict {
  /** The newest anchor's block: what the verdict is as of. Null if malformed. */
  readonly as_of: BlockShown | null;
  /** All of `CHECKS`, in order; for an absence proof, all of `ABSENCE_CHECKS`. */
  readonly checks: readonly Check[];
  readonly not_proven: typeof NOT_PROVEN;
  /** Null if malformed, and for an absence proof. */
  readonly order: OrderShown | null;
  readonly state: State;
}
