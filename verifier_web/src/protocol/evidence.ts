/**
 * Chain evidence: from one block hash to an `Anchored` log, without asking anyone (SPEC 12).
 *
 *     block hash = keccak256(header) ── receipts root ── trie nodes ── receipt at `index` ── log of the registry
 *
 * A header has no chain id and does not prove that it is canonical: which blocks count is the policy's to say (SPEC 15.8).
 * What is broken in form is Malformed (`evidence`); what is well formed and does not show the anchor is Altered
 * (`receipt_root`, `receipt_failed`, `anchored_missing`).
 */

import { ANCHORED, word } from "./anchor.ts";
import { Altered, Malformed } from "./errors.ts";
import { HASH_SIZE, equal, hash, hex, keccak256 } from "./hashes.ts";
import type { Address, Hash, LogId } from "./hashes.ts";

// SPEC 12.3: The index is less than 2^24
const MAX_INDEX = 2 ** 24;
// SPEC 12.3: lists in lists no deeper than 16
const MAX_DEPTH = 16;

/** An RLP item: a byte string, or a list of items. */
export type Rlp = Uint8Array | readonly Rlp[];

/** What shows one transaction's receipt: header RLP, the transaction's index, and trie nodes, the root first. */
export interface ChainEvidence {
  readonly header: Uint8Array;
  readonly index: number;
  readonly nodes: readonly Uint8Array[];
}

/** What is read of a block header; `timestamp` in seconds UTC. */
export interface BlockHeader {
  readonly number: number;
  readonly hash: Hash;
  readonly timestamp: number;
  readonly receiptsRoot: Hash;
}

/**
 * Proves that in the block with this header `registry` recorded (log, size, root); returns the header as read, by the
 * caller where it did.
 *
 * The cost is linear in the evidence, whose length the caller limits. The caller decides whether it trusts the block's
 * hash: that the block is canonical is not proven here.
 */
export function verifyAnchored(
  evidence: ChainEvidence,
  registry: Address,
  log: LogId,
  size: number,
  root: Hash,
  header: BlockHeader = readHeader(evidence.header),
): BlockHeader {
  const where = `transaction ${evidence.index} of block ${header.number}`;
  const [status, , , logs] = readReceipt(proveValue(header.receiptsRoot, evidence.index, evidence.nodes));
  // SPEC 12.4: Status is 1.
  if (!isBytes(status) || !equal(status, Uint8Array.of(1))) throw new Altered("receipt_failed", `${where} failed`);
  if (isBytes(logs)) throw wrong("a receipt's logs are a list");
  if (!logs.some((item) => isAnchored(item, registry, log, size, root))) {
    const what = `size ${size} with root ${hex(root)} of log ${hex(log)}`;
    throw new Altered("anchored_missing", `${where} does not record ${what}`);
  }
  return header;
}

/** Reads a block header; items after the first 15 are for forks to come, and ignored (SPEC 12.2). */
export function readHeader(raw: Uint8Array): BlockHeader {
  const items = readRlp(raw);
  if (isBytes(items) || items.length < 15) throw wrong("a block header is a list of at least 15 items");
  const [receiptsRoot, number, timestamp] = [items[5] as Rlp, items[8] as Rlp, items[11] as Rlp];
  if (!isBytes(receiptsRoot) || receiptsRoot.length !== HASH_SIZE) {
    throw wrong(`a block header's receipts root has ${HASH_SIZE} bytes`);
  }
  return {
    number: quantity(number, "number"),
    hash: keccak256(raw),
    timestamp: quantity(timestamp, "timestamp"),
    receiptsRoot: hash(receiptsRoot),
  };
}

/** SPEC 12.4: One log has the registry as its address, the topics and data of `Anchored`, and this log id, size and root. */
function isAnchored(item: Rlp, registry: Address, log: LogId, size: number, root: Hash): boolean {
  const [address, topics, data] = isBytes(item) ? [] : item;
  if (address === undefined || !isBytes(address) || topics === undefined || isBytes(topics)) return false;
  if (data === undefined || !isBytes(data) || (item as readonly Rlp[]).length !== 3) return false;
  const expected = [ANCHORED, log, word(size)];
  return (
    equal(address, registry) &&
    topics.length === expected.length &&
    topics.every((topic, at) => isBytes(topic) && equal(topic, expected[at] as Uint8Array)) &&
    data.length === 2 * HASH_SIZE &&
    equal(data.subarray(0, HASH_SIZE), root)
  );
}

function readReceipt(raw: Uint8Array): readonly [Rlp, Rlp, Rlp, Rlp] {
  const type = raw[0] ?? 0;
  // SPEC 12.4: The receipt, without its type byte where it has one (0x01 to 0x7f), is a list of at least 4 items
  const items = readRlp(type >= 0x01 && type <= 0x7f ? raw.subarray(1) : raw);
  if (isBytes(items) || items.length < 4) throw wrong("a receipt is a list of at least 4 items");
  return items as unknown as readonly [Rlp, Rlp, Rlp, Rlp];
}

function quantity(item: Rlp, name: string): number {
  // Eight bytes: what is inexact above 2^53 is refused for being so large.
  const value = isBytes(item) && item.length <= 8 && item[0] !== 0 ? bigEndian(item) : Infinity;
  if (value > Number.MAX_SAFE_INTEGER) {
    throw wrong(`a block header's ${name} is a number below 2^53 without leading zeros`);
  }
  return value;
}

function isBytes(item: Rlp | undefined): item is Uint8Array {
  return item instanceof Uint8Array;
}

function bigEndian(bytes: Uint8Array): number {
  return bytes.reduce((value, byte) => value * 256 + byte, 0);
}

function wrong(message: string): Malformed {
  return new Malformed("evidence", message);
}

// --- the receipts trie -------------------------------------------------------------------------------------------

/**
 * The value that a hexary Merkle-Patricia trie with this root holds under RLP(index).
 *
 * SPEC 12.3: Every node is used, the first hashes to the receipts root, and each next to the reference in the one
 * before; a node shorter than 32 bytes is embedded in its parent and not listed.
 */
function proveValue(root: Hash, index: number, nodes: readonly Uint8Array[]): Uint8Array {
  if (index >= MAX_INDEX) throw wrong("a transaction's index is between 0 and 2^24");
  let path = nibbles(rlpOfIndex(index));
  let used = 0;
  let reference: Rlp = root;
  let value: Rlp | undefined;
  while (value === undefined) {
    // An embedded node is the reference itself; its bytes are hashed as a part of its parent.
    const node: readonly Rlp[] = isBytes(reference) ? nodeOf(reference, nodes[used++]) : reference;
    const [step] = path;
    if (node.length === 17 && step !== undefined) {
      reference = node[step] as Rlp;
      path = path.slice(1);
    } else if (node.length === 2 && isBytes(node[0])) {
      const [isLeaf, part] = nodePath(node[0]);
      const follows = part.every((nibble, at) => nibble === path[at]);
      if (!follows || (isLeaf && part.length !== path.length)) {
        throw new Altered("receipt_root", `the trie holds no receipt at index ${index}`);
      }
      path = path.slice(part.length);
      if (isLeaf) value = node[1];
      else reference = node[1] as Rlp;
    } else {
      throw wrong("a trie node is a branch of 17 items, or a path and what it leads to");
    }
  }
  if (used < nodes.length) throw wrong(`${nodes.length - used} trie nodes are not used`);
  if (!isBytes(value)) throw wrong("a trie's value is a byte string");
  return value;
}

function nodeOf(reference: Uint8Array, raw: Uint8Array = new Uint8Array()): readonly Rlp[] {
  // The hash decides before anything is read; an empty or short reference is nobody's hash.
  if (!equal(keccak256(raw), reference)) {
    throw new Altered("receipt_root", "a trie node is missing, or is not the one that its parent names");
  }
  const node = readRlp(raw);
  if (isBytes(node)) throw wrong("a trie node is a list");
  return node;
}

/** Whether a two-item node is a leaf, and its part of the path (the hex-prefix encoding). */
function nodePath(raw: Uint8Array): readonly [boolean, readonly number[]] {
  const [flag = 4, ...rest] = nibbles(raw);
  const isOdd = flag % 2 === 1;
  if (flag > 3 || (!isOdd && rest[0] !== 0)) throw wrong("a trie node's path has a bad prefix");
  const isLeaf = flag >= 2;
  const part = isOdd ? rest : rest.slice(1);
  if (!isLeaf && part.length === 0) throw wrong("a trie's extension node has an empty path");
  return [isLeaf, part];
}

function nibbles(bytes: Uint8Array): readonly number[] {
  return Array.from(bytes).flatMap((byte) => [byte >> 4, byte & 15]);
}

function rlpOfIndex(index: number): Uint8Array {
  const data: number[] = [];
  for (let rest = index; rest > 0; rest = Math.floor(rest / 256)) data.unshift(rest % 256);
  return Uint8Array.from(index > 0 && index < 0x80 ? data : [0x80 + data.length, ...data]);
}

// --- RLP ---------------------------------------------------------------------------------------------------------

/** Reads one RLP item that fills `raw`, in the shortest encoding only (SPEC 12.3). */
export function readRlp(raw: Uint8Array): Rlp {
  const [item, end] = readItem(raw, 0, raw.length, MAX_DEPTH);
  if (end !== raw.length) throw wrong("bytes after an RLP item");
  return item;
}

/** Reads the item at `start`, which must end by `limit`; returns it and its end. */
function readItem(raw: Uint8Array, start: number, limit: number, depth: number): readonly [Rlp, number] {
  if (start >= limit || depth === 0) throw wrong("RLP is truncated, or too deep");
  const head = raw[start] as number;
  if (head < 0x80) return [raw.subarray(start, start + 1), start + 1];
  const isList = head >= 0xc0;
  let length = head & 0x3f;
  let at = start + 1;
  if (length > 55) {
    const width = length - 55;
    const size = raw.subarray(at, Math.min(at + width, limit));
    length = bigEndian(size);
    if (size.length !== width || size[0] === 0 || length <= 55) throw wrong("an RLP length that is not the shortest");
    at += width;
  }
  const end = at + length;
  if (end > limit) throw wrong("RLP is truncated");
  if (!isList) {
    if (length === 1 && (raw[at] as number) < 0x80) throw wrong("an RLP string that is not the shortest");
    return [raw.subarray(at, end), end];
  }
  const items: Rlp[] = [];
  while (at < end) {
    const [item, next] = readItem(raw, at, end, depth - 1);
    items.push(item);
    at = next;
  }
  return [items, end];
}
