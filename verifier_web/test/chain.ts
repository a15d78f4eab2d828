/** A chain's blocks: RLP, receipt tries, and headers over them, for transactions that recorded a head. */

import { concatBytes } from "@noble/hashes/utils.js";

import { ANCHORED, word } from "../src/protocol/anchor.ts";
import type { BlockId } from "../src/protocol/event.ts";
import type { Rlp } from "../src/protocol/evidence.ts";
import { ZERO, keccak256, sha, utf8 } from "../src/protocol/hashes.ts";
import type { Address, Hash, LogId } from "../src/protocol/hashes.ts";

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
