/** A proof: what checks one stream for one audience, as one canonical JSON document (SPEC 14.1 to 14.4). */

import { parseCanonical } from "./canonical.ts";
import type { Json } from "./canonical.ts";
import { parseCheckpoint } from "./checkpoint.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { Malformed } from "./errors.ts";
import { MAX_FIELDS, parseDisclosure, parseEventEntry, parseFieldName, parseName, parseSealEntry, streamId } from "./event.ts";
import type { Digests, EventEntry, SealEntry } from "./event.ts";
import { readHeader } from "./evidence.ts";
import type { BlockHeader, ChainEvidence } from "./evidence.ts";
import { parseHash } from "./hashes.ts";
import type { Hash, Leaf, StreamId } from "./hashes.ts";
import { leafHash } from "./merkle.ts";
import { parseReceiptLeaf } from "./receipt.ts";
import type { Receipt, ReceiptLeaf } from "./receipt.ts";
import { anyObject, ascending, document, hexBytes, items, members, text, whole } from "./shape.ts";
import { MAX_DEPTH } from "./streammap.ts";

const FORMAT = "sealtrail/proof";
export const MAX_PROOF = 16 * 2 ** 20;
const MAX_EVENTS = 10_000;
const MAX_PENDING = 1_000;
const MAX_PATH = 64;
const MAX_HEADER = 4_096;
const MAX_NODES = 64;
const MAX_NODE = 65_536;

/** What a stream id is the hash of (SPEC 5.2), and that id. */
export interface Opening {
  readonly tenant: string;
  readonly orderId: string;
  readonly stream: StreamId;
}

/** An event for one audience: its disclosed fields by name, the hidden names, and the digests of all. */
export interface View {
  readonly fields: ReadonlyMap<string, Json>;
  readonly hidden: readonly string[];
  readonly digests: Digests;
}

/** An event at its place in the log: `anchor` is a place in the proof's anchors. */
export interface ProvenEvent {
  readonly view: View;
  readonly entry: EventEntry;
  readonly leaf: Leaf;
  readonly index: number;
  readonly path: readonly Hash[];
  readonly anchor: number;
}

/** A checkpoint, the seal entry that ends it, and the evidence that the registry recorded it. */
export interface ProvenAnchor {
  readonly checkpoint: Checkpoint;
  readonly seal: SealEntry;
  readonly sealLeaf: Leaf;
  readonly sealPath: readonly Hash[];
  readonly evidence: ChainEvidence;
}

/** An event that is accepted and not yet under a final anchor; `promise` is what its receipt's leaf says. */
export interface PendingEvent {
  readonly view: View;
  readonly receipt: Receipt;
  readonly promise: ReceiptLeaf;
}

/** What proofs and absence proofs have alike: by ascending size, at least one anchor. */
export interface Anchored {
  readonly events: readonly ProvenEvent[];
  readonly anchors: readonly ProvenAnchor[];
}

/** Everything that a verifier needs about one stream; what it trusts comes from its policy. */
export interface Proof extends Anchored {
  readonly opening: Opening;
  /** The stream's path in the map of the last anchor's seal (SPEC 10.4). */
  readonly mapPath: readonly Hash[];
  readonly pending: readonly PendingEvent[];
}

/** Reads a proof by its grammar, all of it; Malformed says where it differs (SPEC 14.1 to 14.4). */
export function parseProof(raw: Uint8Array): Proof {
  if (raw.length > MAX_PROOF) throw new Malformed("proof_size", `a proof has at most ${MAX_PROOF} bytes`);
  const names = ["anchors", "events", "format", "map", "pending", "stream", "v"] as const;
  const top = members(document(parseCanonical(raw), FORMAT), names, "proof");
  const proof = {
    opening: parseOpening(top.stream),
    anchors: items(top.anchors, [1, MAX_EVENTS], "anchors", parseAnchor),
    events: items(top.events, [1, MAX_EVENTS], "events", parseEvent),
    mapPath: parsePath(top.map, "map", MAX_DEPTH),
    pending: items(top.pending, [0, MAX_PENDING], "pending", parsePending),
  };
  checkPlaces(proof);
  checkPending(proof);
  return proof;
}

/** Checks the order of events and anchors, in one pass over both. */
function checkPlaces({ events, anchors }: Proof): void {
  // SPEC 14.2: `events` are 1 to 10,000, by ascending `index`. `anchors` are by ascending checkpoint size
  if (!ascending(anchors.map((anchor) => anchor.checkpoint.size))) {
    throw new Malformed("anchor_order", "anchors are not by ascending checkpoint size");
  }
  if (!ascending(events.map((event) => event.index))) {
    throw new Malformed("event_order", "events are not by ascending index");
  }
  let first = 0;
  for (const [place, event] of events.entries()) {
    while ((anchors[first]?.checkpoint.size ?? Infinity) <= event.index) first += 1;
    if (event.anchor !== first || first === anchors.length) {
      throw new Malformed("event_anchor", `events[${place}]: anchor is not the first whose size is greater than its index`);
    }
  }
  // SPEC 14.2: each but the last is used by an event
  const used = new Set(events.map((event) => event.anchor));
  if (!anchors.every((_, at) => used.has(at) || at === anchors.length - 1)) {
    throw new Malformed("anchor_unused", "an anchor that no event uses");
  }
}

/** Checks that pending events are in order of acceptance, from the last event's `accepted` on (SPEC 14.2). */
function checkPending({ events, pending }: Proof): void {
  let accepted = events.at(-1)?.entry.accepted ?? 0;
  const indexes = new Map<string, number>(); // the last of each note
  for (const [place, { promise, receipt }] of pending.entries()) {
    if (promise.accepted < accepted || receipt.index <= (indexes.get(receipt.note) ?? -1)) {
      throw new Malformed("pending_order", `pending[${place}]: not in order of acceptance`);
    }
    accepted = promise.accepted;
    indexes.set(receipt.note, receipt.index);
  }
}

function parseOpening(value: Json): Opening {
  const opening = members(value, ["order_id", "salt", "tenant"], "stream");
  const tenant = parseName(opening.tenant, "stream.tenant");
  const orderId = parseName(opening.order_id, "stream.order_id");
  return { tenant, orderId, stream: streamId(parseHash(opening.salt, "stream.salt"), tenant, orderId) };
}

function parseEvent(value: Json, where: string): ProvenEvent {
  const event = members(value, ["anchor", "disclosed", "entry", "hidden", "index", "path"], where);
  const entry = text(event.entry, `${where}.entry`);
  return {
    view: parseView(event.disclosed, event.hidden, where),
    entry: parseEventEntry(entry),
    leaf: leafHash(entry),
    index: whole(event.index, `${where}.index`),
    path: parsePath(event.path, `${where}.path`),
    anchor: whole(event.anchor, `${where}.anchor`),
  };
}

function parseView(disclosedValue: Json, hiddenValue: Json, where: string): View {
  const fields = new Map<string, Json>();
  const digests = new Map<string, Hash>();
  let last = "";
  let isAscending = true;
  items(disclosedValue, [1, MAX_FIELDS], `${where}.disclosed`, (item, at) => {
    const { name, value, digest } = parseDisclosure(text(item, at));
    isAscending &&= last < name;
    last = name;
    fields.set(name, value);
    digests.set(name, digest);
  });
  // SPEC 14.3: `disclosed` (at least one) are disclosures in ascending order of names
  if (!isAscending) throw new Malformed("disclosed_order", `${where}.disclosed: not in ascending order of names`);
  const hidden = [...anyObject(hiddenValue, `${where}.hidden`)];
  for (const [name, digest] of hidden) {
    // SPEC 14.3: No name is in both.
    if (digests.has(name)) throw new Malformed("field_twice", `${where}: a field is both disclosed and hidden`);
    digests.set(parseFieldName(name), parseHash(digest, `${where}.hidden`));
  }
  // SPEC 4.1: An event has 1 to 64 fields.
  if (digests.size > MAX_FIELDS) throw new Malformed("field_count", `${where}: more than ${MAX_FIELDS} fields`);
  return { fields, hidden: hidden.map(([name]) => name), digests };
}

/** An array of at most `most` hashes. */
export function parsePath(value: Json, where: string, most = MAX_PATH): readonly Hash[] {
  return items(value, [0, most], where, parseHash);
}

/** Reads an anchor as proofs carry it. */
export function parseAnchor(value: Json, where: string): ProvenAnchor {
  const anchor = members(value, ["block", "checkpoint", "seal"], where);
  const block = members(anchor.block, ["header", "index", "nodes"], `${where}.block`);
  const seal = members(anchor.seal, ["entry", "path"], `${where}.seal`);
  const entry = text(seal.entry, `${where}.seal.entry`);
  return {
    checkpoint: parseCheckpoint(text(anchor.checkpoint, `${where}.checkpoint`)),
    seal: parseSealEntry(entry),
    sealLeaf: leafHash(entry),
    sealPath: parsePath(seal.path, `${where}.seal.path`),
    evidence: {
      header: hexBytes(block.header, MAX_HEADER, `${where}.block.header`),
      index: whole(block.index, `${where}.block.index`),
      nodes: items(block.nodes, [1, MAX_NODES], `${where}.block.nodes`, (node, at) => hexBytes(node, MAX_NODE, at)),
    },
  };
}

function parsePending(value: Json, where: string): PendingEvent {
  const pending = members(value, ["disclosed", "hidden", "receipt"], where);
  const receipt = parseReceipt(pending.receipt, `${where}.receipt`);
  return {
    view: parseView(pending.disclosed, pending.hidden, where),
    receipt,
    promise: parseReceiptLeaf(receipt.leaf),
  };
}

/** Reads a receipt document (SPEC 13.3) and the grammar of its leaf and note. */
export function parseReceipt(value: Json, where: string): Receipt {
  const receipt = members(value, ["index", "leaf", "note", "path"], where);
  const leaf = text(receipt.leaf, `${where}.leaf`);
  const note = text(receipt.note, `${where}.note`);
  parseReceiptLeaf(leaf);
  return {
    leaf,
    note,
    statement: parseCheckpoint(note),
    index: whole(receipt.index, `${where}.index`),
    path: parsePath(receipt.path, `${where}.path`),
  };
}

/** An anchor's block header as read; null where its RLP is broken, which the check `anchor` tells. */
export function headerOf(anchor: ProvenAnchor): BlockHeader | null {
  try {
    return readHeader(anchor.evidence.header);
  } catch (problem) {
    if (problem instanceof Malformed) return null;
    throw problem;
  }
}
