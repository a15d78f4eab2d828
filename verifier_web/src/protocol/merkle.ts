/** The RFC 9162 Merkle tree with SHA-256, as far as verifying needs it (SPEC 7). Sizes go to 2^53: no 32-bit operators. */

import { Altered } from "./errors.ts";
import { equal, sha } from "./hashes.ts";
import type { Hash, Leaf } from "./hashes.ts";

const LEAF_PREFIX = Uint8Array.of(0);
const NODE_PREFIX = Uint8Array.of(1);

/** Hashes an entry, given in one part or more (RFC 9162 2.1.1). */
export function leafHash(...entry: readonly (Uint8Array | string)[]): Leaf {
  return sha(LEAF_PREFIX, ...entry) as Leaf;
}

/** Hashes two neighbours (RFC 9162 2.1.1). */
export function nodeHash(left: Hash, right: Hash): Hash {
  return sha(NODE_PREFIX, left, right);
}

/** How many hashes an inclusion path has (SPEC 7.2), 0 ≤ index < size < 2^53. */
export function pathLength(index: number, size: number): number {
  let length = 0;
  let node = index;
  // Below where the ways of `index` and of the last leaf meet, each level has a sibling …
  for (let last = size - 1; node !== last; last = half(last)) {
    node = half(node);
    length += 1;
  }
  // … and above, there is one for each left neighbour.
  for (; node > 0; node = half(node)) length += node % 2;
  return length;
}

/**
 * Proves that `leaf` is at `index` in the tree of `size` leaves with this root (RFC 9162 2.1.3.2).
 *
 * Altered `path_length` where the path's length is not the one that index and size give, `inclusion` where it leads to
 * another root.
 */
export function verifyInclusion(leaf: Leaf, index: number, size: number, path: readonly Hash[], root: Hash): void {
  if (index < 0 || index >= size) throw new Altered("path_length", `index ${index} is not in a log of size ${size}`);
  // SPEC 7.2: a path of any other length is refused before hashing.
  const length = pathLength(index, size);
  if (path.length !== length) throw new Altered("path_length", `the path has ${path.length} hashes, not ${length}`);
  let here: Hash = leaf;
  let node = index;
  let last = size - 1;
  for (const sibling of path) {
    if (node % 2 === 1 || node === last) {
      here = nodeHash(sibling, here);
      while (node % 2 === 0 && node > 0) [node, last] = [half(node), half(last)]; // an odd last node rises by itself
    } else {
      here = nodeHash(here, sibling);
    }
    [node, last] = [half(node), half(last)];
  }
  if (!equal(here, root)) throw new Altered("inclusion", `the path from index ${index} leads to another root`);
}

/**
 * Proves that the tree of size `first` is a prefix of that of size `second` (RFC 9162 2.1.4.2; SPEC 7.3).
 *
 * Altered `consistency` where it is not shown.
 */
export function verifyConsistency(
  first: number,
  second: number,
  proof: readonly Hash[],
  firstRoot: Hash,
  secondRoot: Hash,
): void {
  if (first <= 0 || first > second) throw new Altered("consistency", `sizes ${first} and ${second} are not in order`);
  if (first === second) {
    // SPEC 7.3: for m = n the roots are equal and the proof is empty.
    if (proof.length > 0 || !equal(firstRoot, secondRoot)) {
      throw new Altered("consistency", `two roots for size ${first}`);
    }
    return;
  }
  let node = first - 1;
  let last = second - 1;
  while (node % 2 === 1) [node, last] = [half(node), half(last)];
  // The first tree is whole (its size a power of two) where nothing is left of it: then its root starts both ways.
  const [start, ...path] = node === 0 ? [firstRoot, ...proof] : proof;
  if (start === undefined) throw new Altered("consistency", "the proof is empty");
  let [old, young]: [Hash, Hash] = [start, start];
  for (const sibling of path) {
    if (last === 0) throw new Altered("consistency", "the proof is too long");
    if (node % 2 === 1 || node === last) {
      [old, young] = [nodeHash(sibling, old), nodeHash(sibling, young)];
      while (node % 2 === 0 && node !== 0) [node, last] = [half(node), half(last)];
    } else {
      young = nodeHash(young, sibling);
    }
    [node, last] = [half(node), half(last)];
  }
  if (last !== 0 || !equal(old, firstRoot) || !equal(young, secondRoot)) {
    throw new Altered("consistency", `the proof does not lead from size ${first} to size ${second}`);
  }
}

function half(number: number): number {
  return Math.floor(number / 2);
}
