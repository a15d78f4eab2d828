/**
 * The stream map: what every seal says of all streams, how many entries each has and which is the last (SPEC 10).
 *
 * A compact sparse Merkle tree over stream ids, as far as verifying needs it. Counts go to 2^53: no 32-bit operators.
 */

import { Altered } from "./errors.ts";
import { MAP_LEAF, MAP_NODE, ZERO, be64, equal, tagged } from "./hashes.ts";
import type { Hash, StreamId } from "./hashes.ts";

export const MAX_DEPTH = 256;

/** What the map holds of a stream: `count` ≥ 1 entries, `head` is the leaf of the last. */
export interface MapLeaf {
  readonly stream: StreamId;
  readonly count: number;
  readonly head: Hash;
}

/** The map leaf (SPEC 10.2). */
export function mapLeafHash({ stream, count, head }: MapLeaf): Hash {
  return tagged(MAP_LEAF, stream, be64(count), head);
}

/** Bit `depth` of an id, the most significant first; 0 ≤ depth < 256. */
function bit(stream: StreamId, depth: number): number {
  return ((stream[depth >> 3] as number) >> (7 - (depth & 7))) & 1;
}

/** How many leading bits two ids share, 0 to 256. */
export function sharedBits(one: StreamId, other: StreamId): number {
  let shared = 0;
  while (shared < MAX_DEPTH && bit(one, shared) === bit(other, shared)) shared += 1;
  return shared;
}

/**
 * Checks that the map of this root holds exactly this of the stream (SPEC 10.5); Altered `map_path`, `left_out`.
 *
 * Proves nothing about entries: that they follow one another is theirs to show.
 */
export function verifyInMap(leaf: MapLeaf, path: readonly Hash[], root: Hash): void {
  checkPath(path);
  if (!equal(climb(leaf.stream, mapLeafHash(leaf), path), root)) {
    throw new Altered("left_out", "the log holds other entries of this order than those shown");
  }
}

/**
 * Checks that the map of this root holds nothing of the stream (SPEC 10.6); Altered `map_path`, `present`.
 *
 * `other` is the one stream in the subtree where this one would be, null where that is empty.
 */
export function verifyNotInMap(stream: StreamId, other: MapLeaf | null, path: readonly Hash[], root: Hash): void {
  checkPath(path);
  // SPEC 10.6: another stream whose id shares with this stream's as many leading bits as the path has hashes
  if (other !== null && (equal(other.stream, stream) || sharedBits(other.stream, stream) < path.length)) {
    throw new Altered("present", "the other stream does not stand where this one would be");
  }
  if (!equal(climb(stream, other === null ? ZERO : mapLeafHash(other), path), root)) {
    throw new Altered("present", "the log is not shown to hold nothing of this code");
  }
}

function checkPath(path: readonly Hash[]): void {
  const last = path.at(-1);
  // SPEC 10.4: at most 256 hashes, the last of them not zeros
  if (path.length > MAX_DEPTH || (last !== undefined && equal(last, ZERO))) {
    throw new Altered("map_path", "the path in the stream map is not one that a map can have");
  }
}

/** The root that a path leads to from what stands at its end; at most 256 hashes. */
export function climb(stream: StreamId, start: Hash, path: readonly Hash[]): Hash {
  return path.reduceRight((found, beside, depth) => {
    return bit(stream, depth) === 1 ? tagged(MAP_NODE, beside, found) : tagged(MAP_NODE, found, beside);
  }, start);
}
