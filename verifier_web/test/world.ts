/** A small log, chain and operator that make true proofs, for tests to damage. Nothing here is used by the verifier. */

import { ed25519 } from "@noble/curves/ed25519.js";
import { concatBytes } from "@noble/hashes/utils.js";

import { ANCHORED, logId, word } from "../src/protocol/anchor.ts";
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
import type { Rlp } from "../src/protocol/evidence.ts";
import { RECEIPT, ZERO, hex, keccak256, sha, utf8 } from "../src/protocol/hashes.ts";
import type { Address, Hash, Leaf, LogId, StreamId } from "../src/protocol/hashes.ts";
import { leafHash, nodeHash } from "../src/protocol/merkle.ts";
import { printBase64, verifierKey } from "../src/protocol/note.ts";
import type { VerifierKey } from "../src/protocol/note.ts";
import { signedMessage } from "../src/protocol/signature.ts";
import { mapLeafHash } from "../src/protocol/streammap.ts";
import type { MapLeaf } from "../src/protocol/streammap.ts";

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

// --- trees, transcribed from RFC 9162 2.1.1 to 2.1.4 as they stand there ---------------------------------------------

function split(count: number): number {
  let k = 1;
  while (k * 2 < count) k *= 2;
  return k;
}

export function treeHash(leaves: readonly Leaf[]): Hash {
  if (leaves.length === 1) return leaves[0] as Hash;
  const k = split(leaves.length);
  return nodeHash(treeHash(leaves.slice(0, k)), treeHash(leaves.slice(k)));
}

export function inclusionPath(index: number, leaves: readonly Leaf[]): Hash[] {
  if (leaves.length === 1) return [];
  const k = split(leaves.length);
  return index < k
    ? [...inclusionPath(index, leaves.slice(0, k)), treeHash(leaves.slice(k))]
    : [...inclusionPath(index - k, leaves.slice(k)), treeHash(leaves.slice(0, k))];
}

export function consistencyProof(first: number, leaves: readonly Leaf[], isWhole = true): Hash[] {
  if (first === leaves.length) return isWhole ? [] : [treeHash(leaves)];
  const k = split(leaves.length);
  return first <= k
    ? [...consistencyProof(first, leaves.slice(0, k), isWhole), treeHash(leaves.slice(k))]
    : [...consistencyProof(first - k, leaves.slice(k), false), treeHash(leaves.slice(0, k))];
}

// --- the stream map, transcribed from SPEC 10.3 and 10.4 as they stand there ------------------------------------------

const MAP_NODE = utf8("sealtrail/v1/map-node\0");

const BITS = new WeakMap<Uint8Array, string>();

/** An id's bits as text, the most significant first. */
export function bits(stream: Uint8Array): string {
  const text = BITS.get(stream) ?? [...stream].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  BITS.set(stream, text);
  return text;
}

/** The hash of the subtree for a prefix of bits. */
export function mapHash(leaves: readonly MapLeaf[], prefix = ""): Hash {
  const held = leaves.filter(({ stream }) => bits(stream).startsWith(prefix));
  const [one, another] = held;
  if (one === undefined) return ZERO;
  if (another === undefined) return mapLeafHash(one);
  return sha(MAP_NODE, mapHash(held, `${prefix}0`), mapHash(held, `${prefix}1`));
}

/** The path for a stream, and the one stream at its end. */
export function mapPath(stream: StreamId, leaves: readonly MapLeaf[]): { path: Hash[]; end: MapLeaf | null } {
  const way = bits(stream);
  const path: Hash[] = [];
  let here = leaves;
  for (;;) {
    here = here.filter((leaf) => bits(leaf.stream).startsWith(way.slice(0, path.length)));
    if (here.length < 2) return { path, end: here[0] ?? null };
    const turn = way[path.length] === "1" ? "0" : "1";
    path.push(mapHash(here, `${way.slice(0, path.length)}${turn}`));
  }
}

// --- the chain -----------------------------------------------------------------------------------------------------

export function rlp(item: Rlp): Uint8Array {
  const body = item instanceof Uint8Array ? item : concatBytes(...item.map(rlp));
  const isString = item instanceof Uint8Array;
  if (isString && body.length === 1 && (body[0] as number) < 0x80) return body;
  const offset = isString ? 0x80 : 0xc0;
  if (body.length < 56) return concatBytes(Uint8Array.of(offset + body.length), body);
  const length = quantity(body.length);
  return concatBytes(Uint8Array.of(offset + 55 + length.length), length, body);
}

export function quantity(value: number): Uint8Array {
  const digits = value === 0 ? "" : value.toString(16);
  return Uint8Array.from(Buffer.from(digits.length % 2 ? `0${digits}` : digits, "hex"));
}

interface Item {
  readonly path: readonly number[];
  readonly value: Uint8Array;
  readonly isWanted: boolean;
}

/** The node over these items; the nodes below it on the way to the wanted item go to `way`, the deepest first. */
function trieNode(items: readonly Item[], way: Uint8Array[]): Rlp {
  const [one, another] = items;
  if (one === undefined) return new Uint8Array();
  if (another === undefined) return [compact(one.path, true), one.value];
  let shared = 0;
  while (items.every(({ path }) => path[shared] === one.path[shared])) shared += 1;
  const branch = Array.from({ length: 17 }, (_, nibble) => {
    const below = items.filter(({ path }) => path[shared] === nibble);
    return refer(below.map((item) => ({ ...item, path: item.path.slice(shared + 1) })), way);
  });
  return shared === 0 ? branch : [compact(one.path.slice(0, shared), false), embed(branch, items, way)];
}

function refer(items: readonly Item[], way: Uint8Array[]): Rlp {
  return items.length === 0 ? new Uint8Array() : embed(trieNode(items, way), items, way);
}

function embed(node: Rlp, items: readonly Item[], way: Uint8Array[]): Rlp {
  const raw = rlp(node);
  if (raw.length < 32) return node;
  if (items.some((item) => item.isWanted)) way.push(raw);
  return keccak256(raw);
}

function compact(path: readonly number[], isLeaf: boolean): Uint8Array {
  const isOdd = path.length % 2 === 1;
  const nibbles = [(isLeaf ? 2 : 0) + (isOdd ? 1 : 0), ...(isOdd ? [] : [0]), ...path];
  return Uint8Array.from({ length: nibbles.length / 2 }, (_, at) => (nibbles[2 * at] as number) * 16 + (nibbles[2 * at + 1] as number));
}

/** The root over these values under RLP(0), RLP(1), …, and the nodes from it to the value at `index`. */
export function trie(values: readonly Uint8Array[], index: number): { root: Hash; nodes: Uint8Array[] } {
  const nibbles = (at: number) => [...rlp(quantity(at))].flatMap((byte) => [byte >> 4, byte & 15]);
  const items = values.map((value, at) => ({ path: nibbles(at), value, isWanted: at === index }));
  const way: Uint8Array[] = [];
  const raw = rlp(trieNode(items, way));
  return { root: keccak256(raw), nodes: [raw, ...way.reverse()] };
}

export interface Block {
  readonly header: Uint8Array;
  readonly id: BlockId;
  readonly index: number;
  readonly nodes: readonly Uint8Array[];
}

/** A block with three transactions, of which the one at `index` recorded this head. */
export function mine(
  number: number,
  registry: Address,
  log: LogId,
  size: number,
  root: Hash,
  { status = 1, type = 2, index = 1, items = 21 } = {},
): Block {
  const event: Rlp = [registry, [ANCHORED, log, word(size)], concatBytes(root, word(0))];
  const receipt = (state: number, logs: Rlp): Uint8Array =>
    rlp([quantity(state), quantity(21_000), new Uint8Array(256), logs]);
  const other = receipt(1, [[new Uint8Array(20).fill(9), [sha(utf8("other"))], utf8("data")]]);
  const mined = concatBytes(...(type === 0 ? [] : [Uint8Array.of(type)]), receipt(status, [[registry, [ZERO], ZERO], event]));
  const values = [other, other, other].map((value, at) => (at === index ? mined : value));
  const { root: receiptsRoot, nodes } = trie(values, index);
  const fields: Rlp[] = Array.from({ length: items }, () => new Uint8Array(32));
  fields[5] = receiptsRoot;
  fields[8] = quantity(number);
  fields[11] = quantity(TIME + 12 * number);
  const header = rlp(fields);
  return { header, id: { number, hash: keccak256(header) }, index, nodes };
}

/** Seconds UTC of block 0. */
export const TIME = 1_777_788_000;

// --- keys ----------------------------------------------------------------------------------------------------------

export interface Signer {
  readonly key: VerifierKey;
  readonly vkey: string;
  readonly sign: (message: Uint8Array) => Uint8Array;
}

export function signer(name: string, seed: number): Signer {
  const secret = new Uint8Array(32).fill(seed);
  const key = verifierKey(name, ed25519.getPublicKey(secret));
  const vkey = `${name}+${hex(key.hash)}+${printBase64(concatBytes(Uint8Array.of(1), key.public))}`;
  return { key, vkey, sign: (message) => ed25519.sign(message, secret) };
}

export function signNote(text: string, { key, sign }: Signer, name = key.name): string {
  return `${text}\n— ${name} ${printBase64(concatBytes(key.hash, sign(utf8(text))))}\n`;
}

export function checkpoint(size: number, root: Hash, by: Signer, origin = by.key.name): string {
  return signNote(`${origin}\n${size}\n${printBase64(root)}\n`, by);
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
