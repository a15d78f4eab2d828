/** A small log and its operator, who makes true proofs, for tests to damage. Nothing here is used by the verifier. */

import { concatBytes } from "@noble/hashes/utils.js";

import { logId } from "../src/protocol/anchor.ts";
import type { Json } from "../src/protocol/canonical.ts";
import { printJson } from "../src/protocol/canonical.ts";
import {
  commitment,
  deriveSalts,
  digest,
  printEventEntry,
  printSealEntry,
  streamId,
} from "../src/protocol/event.ts";
import type { BlockId } from "../src/protocol/event.ts";
import { RECEIPT, ZERO, hex, sha, utf8 } from "../src/protocol/hashes.ts";
import type { Address, Hash, Leaf, StreamId } from "../src/protocol/hashes.ts";
import { leafHash } from "../src/protocol/merkle.ts";
import { signedMessage } from "../src/protocol/signature.ts";
import type { MapLeaf } from "../src/protocol/streammap.ts";
import { TIME, mine } from "./chain.ts";
import type { Block } from "./chain.ts";
import { checkpoint, signer } from "./keys.ts";
import { inclusionPath, mapHash, mapPath, treeHash } from "./trees.ts";

/** A plain JSON value; objects are written as objects. */
export type Value = null | boolean | number | string | readonly Value[] | { readonly [name: string]: Value };

export function toJson(value: Value): Json {
  if (Array.isArray(value)) return value.map(toJson);
  if (typeof value !== "object" || value === null) return value as Json;
  return new Map(Object.entries(value).map(([name, member]) => [name, toJson(member as Value)]));
}

/** Canonical bytes. */
export function canonical(value: Value): Uint8Array {
  return utf8(printJson(toJson(value)));
}

// --- the operator ----------------------------------------------------------------------------------------------------

export const REGISTRY = new Uint8Array(20).fill(0xaa) as Uint8Array as Address;
export const OWNER = new Uint8Array(20).fill(0xbb) as Uint8Array as Address;
export const CHAIN = 31_337;
export const LOG = logId(CHAIN, REGISTRY, OWNER, ZERO);
export const ORIGIN = `shop.example/log/${hex(LOG)}`;
export const SALT = sha(utf8("stream salt"));
export const STREAM = streamId(SALT, "demo", "A-1001");
export const LOG_KEY = signer(ORIGIN, 1);
export const RECEIPT_KEY = signer(`${ORIGIN}/receipts`, 2);
export const ACTOR = signer("carrier.example", 3);
export const FILE = hex(sha(utf8("a signature image")));

export interface Fields {
  readonly [name: string]: Value;
}

export interface Told {
  readonly fields: Fields;
  readonly hide?: readonly string[];
  /** The names of the fields that the actor signs. */
  readonly signs?: readonly string[];
}

export const EVENTS: readonly Told[] = [
  {
    fields: {
      type: "placed",
      occurred_at: "2026-05-01T09:00:00+08:00",
      "actor.role": "brand",
      items: [{ name: "有机大米 5kg", gtin: "06901234567892" }],
      data: { __proto__x: 1, weight: 5.25, note: "\u20ac \ud83c\udf5a" },
    },
  },
  { fields: { type: "packed", occurred_at: "2026-05-01T10:30:00.123456789Z", "actor.role": "brand" } },
  {
    fields: { type: "shipped", occurred_at: "2026-05-02T08:00:00Z", "actor.role": "carrier", "recipient.name": "Wang Fang" },
    hide: ["recipient.name"],
    signs: ["actor.role", "occurred_at", "recipient.name", "type"],
  },
  {
    fields: {
      type: "signed",
      occurred_at: "2026-05-03T14:05:00+08:00",
      "actor.role": "carrier",
      "recipient.name": "Wang Fang",
      "recipient.masked": "W*** F***",
      attachments: [{ sha256: FILE, role: "signature", media_type: "image/png", name: "s.png", size: 17 }],
    },
    hide: ["recipient.name"],
  },
];

export const PENDING: Told = {
  fields: { type: "returned", occurred_at: "2026-05-09T00:00:00Z", "actor.role": "brand" },
};

function view({ fields, hide = [], signs }: Told, secret: Uint8Array) {
  const salts = deriveSalts(secret, [...Object.keys(fields), ...(signs ? ["signature"] : [])]);
  const open = (name: string, value: Value): string => printJson(toJson([hex(salts.get(name) as Uint8Array), name, value]));
  const opened = new Map(Object.entries(fields).map(([name, value]) => [name, open(name, value)]));
  if (signs !== undefined) {
    const named = new Map(signs.map((name) => [name, digest(utf8(opened.get(name) as string))]));
    const sig = hex(ACTOR.sign(signedMessage(named, LOG, STREAM)));
    opened.set("signature", open("signature", { alg: "ed25519", fields: signs, key: hex(ACTOR.key.public), sig }));
  }
  const names = [...opened.keys()].sort();
  const digests = new Map(names.map((name) => [name, digest(utf8(opened.get(name) as string))]));
  return {
    commitment: commitment(digests),
    shown: {
      disclosed: names.filter((name) => !hide.includes(name)).map((name) => opened.get(name) as string),
      hidden: Object.fromEntries(hide.map((name) => [name, hex(digests.get(name) as Hash)])),
    },
  };
}

// The document's members are mutable, so that a test may damage one.
export interface ViewDoc {
  disclosed: string[];
  hidden: Record<string, string>;
}
export interface EventDoc extends ViewDoc {
  anchor: number;
  entry: string;
  index: number;
  path: string[];
}
export interface AnchorDoc {
  block: { header: string; index: number; nodes: string[] };
  checkpoint: string;
  seal: { entry: string; path: string[] };
}
export interface PendingDoc extends ViewDoc {
  receipt: { index: number; leaf: string; note: string; path: string[] };
}
export interface ProofDoc {
  anchors: AnchorDoc[];
  events: EventDoc[];
  format: string;
  map: string[];
  pending: PendingDoc[];
  stream: { order_id: string; salt: string; tenant: string };
  v: number;
}

export interface AbsenceDoc {
  anchor: AnchorDoc;
  format: string;
  leaf: { count: number; head: string; stream: string } | null;
  map: string[];
  v: number;
}

export interface World {
  readonly proof: ProofDoc;
  /** What the map of the last seal holds. */
  readonly mapped: readonly MapLeaf[];
  readonly policy: Record<string, Value> & { chain: Record<string, Value> };
  readonly blocks: readonly BlockId[];
  readonly notBefore: BlockId;
  readonly head: { readonly size: number; readonly root: Hash };
}

export interface Wishes {
  readonly events?: readonly Told[];
  readonly pending?: readonly Told[];
  readonly mined?: Parameters<typeof mine>[5];
  /** One more batch, without an event of the order. */
  readonly later?: boolean;
}

/**
 * An order whose events are in two batches, each with other orders' entries between: the last event is in the second,
 * the rest in the first. Both are anchored; the seals name block 5 as the one before. With `later`, a third is, too.
 */
export function build({ events = EVENTS, pending = [], mined = {}, later = false }: Wishes = {}): World {
  const entries: string[] = [];
  const leaves: Leaf[] = [];
  const map = new Map<string, MapLeaf>();
  const append = (entry: string): Leaf => {
    entries.push(entry);
    leaves.push(leafHash(utf8(entry)));
    return leaves.at(-1) as Leaf;
  };
  const appendEvent = (stream: StreamId, seq: number, prev: Hash, commits: Hash, accepted: number): Leaf => {
    const head = append(printEventEntry({ log: LOG, stream, seq, prev, commitment: commits, accepted }));
    map.set(hex(stream), { stream, count: seq, head });
    return head;
  };
  const others = (count: number) => {
    for (let at = 0; at < count; at += 1) {
      const name = sha(utf8(`another order ${leaves.length}`));
      appendEvent(name as StreamId, 1, ZERO, name, TIME * 1000);
    }
  };
  const notBefore = { number: 5, hash: sha(utf8("block 5")) };
  const views = events.map((told, at) => view(told, sha(utf8(`secret ${at}`))));
  const indexes: number[] = [];
  const sizes: number[] = [];
  let [prev, prevSeal]: [Hash, Hash] = [ZERO, ZERO];
  const seal = (sealed: number) => {
    others(3);
    const [batch, size] = [sizes.length + 1, leaves.length + 1];
    const root = mapHash([...map.values()]);
    prevSeal = append(printSealEntry({ log: LOG, batch, size, streams: map.size, map: root, prevSeal, sealed, notBefore }));
    sizes.push(size);
  };
  for (const [at, { commitment: commits }] of views.entries()) {
    others(2);
    indexes.push(leaves.length);
    const accepted = (TIME + at) * 1000;
    prev = appendEvent(STREAM, at + 1, prev, commits, accepted);
    if (at < views.length - 2) continue;
    seal(accepted + 500);
  }
  if (later) seal((TIME + 60) * 1000);
  const mapped = [...map.values()];
  const roots = sizes.map((size) => treeHash(leaves.slice(0, size)));
  const blocks = sizes.map((size, at) => mine(10 + at, REGISTRY, LOG, size, roots[at] as Hash, mined));
  const path = (index: number, size: number) => inclusionPath(index, leaves.slice(0, size)).map(hex);
  return {
    notBefore,
    mapped,
    blocks: blocks.map(({ id }) => id),
    head: { size: sizes.at(-1) as number, root: roots.at(-1) as Hash },
    proof: {
      anchors: sizes.map((size, at) => {
        const { header, index, nodes } = blocks[at] as Block;
        return {
          block: { header: hex(header), index, nodes: nodes.map(hex) },
          checkpoint: checkpoint(size, roots[at] as Hash, LOG_KEY),
          seal: { entry: entries[size - 1] as string, path: path(size - 1, size) },
        };
      }),
      events: views.map(({ shown }, at) => {
        const index = indexes[at] as number;
        const anchor = sizes.findIndex((size) => size > index);
        return { ...shown, anchor, entry: entries[index] as string, index, path: path(index, sizes[anchor] as number) };
      }),
      format: "sealtrail/proof",
      map: mapPath(STREAM, mapped).path.map(hex),
      pending: promise(pending.map((told, at) => view(told, sha(utf8(`pending ${at}`))))),
      stream: { order_id: "A-1001", salt: hex(SALT), tenant: "demo" },
      v: 1,
    },
    policy: {
      format: "sealtrail/policy",
      v: 1,
      origin: ORIGIN,
      log: hex(LOG),
      log_keys: [{ key: LOG_KEY.vkey, from: 1, until: null }],
      receipt_keys: [RECEIPT_KEY.vkey],
      tenants: { demo: "Demo brand" },
      actors: { [hex(ACTOR.key.public)]: "SF Express" },
      chain: { finality: "finalized", id: CHAIN, name: "Testnet", registry: `0x${hex(REGISTRY)}`, test: false },
      blocks: blocks.map(({ id }) => ({ hash: `0x${hex(id.hash)}`, number: id.number })),
      rpc: [],
      max_age: null,
    },
  };
}

/** The absence proof that the last seal's map gives for a stream, true or not. */
export function absenceOf({ proof, mapped }: World, stream: StreamId): AbsenceDoc {
  const { path, end } = mapPath(stream, mapped);
  return {
    anchor: proof.anchors.at(-1) as AnchorDoc,
    format: "sealtrail/absence",
    leaf: end && { count: end.count, head: hex(end.head), stream: hex(end.stream) },
    map: path.map(hex),
    v: 1,
  };
}

function promise(views: readonly ReturnType<typeof view>[]): PendingDoc[] {
  if (views.length === 0) return [];
  const texts = views.map(({ commitment: commits }, at) => {
    const leaf = { accepted: (TIME + 100) * 1000, commitment: hex(commits), deadline: (TIME + 160) * 1000 };
    return printJson(toJson({ ...leaf, event_id: `e-${at}`, log: hex(LOG), stream: hex(STREAM) }));
  });
  const leaves = ["somebody else's", ...texts].map((text) => leafHash(concatBytes(RECEIPT, utf8(text))));
  const note = checkpoint(leaves.length, treeHash(leaves), RECEIPT_KEY);
  return views.map(({ shown }, at) => ({
    ...shown,
    receipt: { index: at + 1, leaf: texts[at] as string, note, path: inclusionPath(at + 1, leaves).map(hex) },
  }));
}
