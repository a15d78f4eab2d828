/** The log's tree and the stream map, made the slow way: transcribed from what defines them, as it stands there. */

import { ZERO, sha, utf8 } from "../src/protocol/hashes.ts";
import type { Hash, Leaf, StreamId } from "../src/protocol/hashes.ts";
import { nodeHash } from "../src/protocol/merkle.ts";
import { mapLeafHash } from "../src/protocol/streammap.ts";
import type { MapLeaf } from "../src/protocol/streammap.ts";

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
