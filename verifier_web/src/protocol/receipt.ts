/** Receipts: the signed promise given when an event is accepted (SPEC 13). */

import { isObject, parseCanonicalText } from "./canonical.ts";
import type { Json } from "./canonical.ts";
import type { Checkpoint } from "./checkpoint.ts";
import type { Signed } from "./ed25519.ts";
import { Altered, Malformed } from "./errors.ts";
import { parseName } from "./event.ts";
import { RECEIPT, parseHash } from "./hashes.ts";
import type { Hash, Leaf, LogId, StreamId } from "./hashes.ts";
import { leafHash, verifyInclusion } from "./merkle.ts";
import { isNamed, signedNote } from "./note.ts";
import type { VerifierKey } from "./note.ts";

/** What is promised: this commitment is in the log by `deadline`. Times in ms UTC. */
export interface ReceiptLeaf {
  readonly log: LogId;
  readonly stream: StreamId;
  readonly eventId: string;
  readonly commitment: Hash;
  readonly accepted: number;
  readonly deadline: number;
}

/** A leaf's text, its place among the leaves of its commit group, its path, and the signed root: a note and what it says. */
export interface Receipt {
  readonly index: number;
  readonly leaf: string;
  readonly note: string;
  readonly statement: Checkpoint;
  readonly path: readonly Hash[];
}

/** The origin and key name of a log's receipts (SPEC 13.2). */
export function receiptsOrigin(origin: string): string {
  return `${origin}/receipts`;
}

/** Reads a leaf's text (SPEC 13.1); Malformed otherwise. */
export function parseReceiptLeaf(text: string): ReceiptLeaf {
  const value = parseCanonicalText(text);
  if (!isObject(value) || [...value.keys()].join() !== "accepted,commitment,deadline,event_id,log,stream") {
    throw new Malformed("receipt_leaf", "not the six members of a receipt's leaf");
  }
  return {
    log: parseHash(value.get("log"), "log") as LogId,
    stream: parseHash(value.get("stream"), "stream") as StreamId,
    eventId: parseName(value.get("event_id"), "event_id"),
    commitment: parseHash(value.get("commitment"), "commitment"),
    accepted: time(value.get("accepted")),
    deadline: time(value.get("deadline")),
  };
}

function time(value: Json | undefined): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw new Malformed("receipt_leaf", "a time is not an integer of milliseconds");
}

/** The tree leaf of a receipt's text (SPEC 13.1). */
export function receiptHash(text: string): Leaf {
  return leafHash(RECEIPT, text);
}

/**
 * What is to hold for one of `keys` to have promised what the receipt's leaf says, for the log of this origin; Altered
 * where the receipt is another's, or its leaf is not under the signed root.
 */
export function signedReceipt(receipt: Receipt, origin: string, keys: readonly VerifierKey[]): Signed {
  const { origin: named, note, size, root } = receipt.statement;
  if (named !== receiptsOrigin(origin)) throw new Altered("receipt", "the receipt is another log's");
  const key = keys.find((candidate) => isNamed(candidate, note));
  if (key === undefined) throw new Altered("receipt", "the receipt is signed by a key that the policy does not name");
  verifyInclusion(receiptHash(receipt.leaf), receipt.index, size, receipt.path, root);
  return signedNote(note, key);
}
