import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { describe, expect, it } from "vitest";

import { Altered } from "../src/protocol/errors.ts";
import { hex, parseHash, sha, utf8 } from "../src/protocol/hashes.ts";
import type { Hash, Leaf } from "../src/protocol/hashes.ts";
import { leafHash, nodeHash, pathLength, verifyConsistency, verifyInclusion } from "../src/protocol/merkle.ts";
import { consistencyProof, inclusionPath, treeHash } from "./trees.ts";

const leaves = (size: number): Leaf[] => Array.from({ length: size }, (_, at) => leafHash(utf8(`entry ${at}`)));
const LEAVES = leaves(40);
const ODD = sha(utf8("not in the tree"));

function tree(size: number): readonly Leaf[] {
  return LEAVES.slice(0, size);
}

describe("inclusion (SPEC 7.2)", () => {
  it("is proven at every index of every size by exactly the path of the RFC's definition", () => {
    for (let size = 1; size <= LEAVES.length; size += 1) {
      const root = treeHash(tree(size));
      for (let index = 0; index < size; index += 1) {
        const path = inclusionPath(index, tree(size));
        const leaf = LEAVES[index] as Leaf;
        expect(pathLength(index, size)).toBe(path.length);
        verifyInclusion(leaf, index, size, path, root);
        expect(() => verifyInclusion(leaf, index, size, [...path, ODD], root)).toThrow(Altered);
        expect(() => verifyInclusion(leaf, index, size, path, ODD)).toThrow(Altered);
        if (path.length > 0) {
          expect(() => verifyInclusion(leaf, index, size, path.slice(1), root)).toThrow(Altered);
          const swapped = path.map((hash, at) => (at === path.length - 1 ? ODD : hash));
          expect(() => verifyInclusion(leaf, index, size, swapped, root)).toThrow(Altered);
        }
        for (const other of [index - 1, index + 1]) {
          expect(() => verifyInclusion(leaf, other, size, path, root)).toThrow(Altered);
        }
      }
    }
  });

  it("counts in sizes that 32 bits do not hold", () => {
    expect(pathLength(0, 2 ** 53 - 1)).toBe(53);
    expect(pathLength(2 ** 53 - 2, 2 ** 53 - 1)).toBe(52);
    expect(pathLength(2 ** 40, 2 ** 40 + 1)).toBe(1);
    expect(pathLength(2 ** 32, 2 ** 33)).toBe(33);
    // The last leaf of 2^40 + 1 is the right child of the root.
    const [left, leaf] = [sha(utf8("left")), LEAVES[0] as Leaf];
    verifyInclusion(leaf, 2 ** 40, 2 ** 40 + 1, [left], nodeHash(left, leaf));
    // Index 2^32 + 1 of 2^33: a right child once, a left one 31 times, then right.
    const path = Array.from({ length: 33 }, (_, at) => sha(utf8(`level ${at}`)));
    const root = path.reduce<Hash>(
      (here, sibling, level) => (level === 0 || level === 32 ? nodeHash(sibling, here) : nodeHash(here, sibling)),
      leaf,
    );
    verifyInclusion(leaf, 2 ** 32 + 1, 2 ** 33, path, root);
    expect(() => verifyInclusion(leaf, 1, 2 ** 33, path, root)).toThrow(Altered);
  });

  it("refuses an inner node offered as a leaf", () => {
    const inner = nodeHash(LEAVES[0] as Leaf, LEAVES[1] as Leaf) as Leaf;
    const path = [nodeHash(LEAVES[2] as Leaf, LEAVES[3] as Leaf)];
    expect(() => verifyInclusion(inner, 0, 4, path, treeHash(tree(4)))).toThrow(/path has 1 hashes, not 2/);
  });
});

describe("consistency (SPEC 7.3)", () => {
  it("is proven between every two sizes by exactly the RFC's proof", () => {
    for (let second = 1; second <= 33; second += 1) {
      for (let first = 1; first <= second; first += 1) {
        const proof = consistencyProof(first, tree(second));
        const [old, young] = [treeHash(tree(first)), treeHash(tree(second))];
        verifyConsistency(first, second, proof, old, young);
        expect(() => verifyConsistency(first, second, [...proof, ODD], old, young)).toThrow(Altered);
        expect(() => verifyConsistency(first, second, proof, ODD, young)).toThrow(Altered);
        expect(() => verifyConsistency(first, second, proof, old, ODD)).toThrow(Altered);
        for (const at of proof.keys()) {
          expect(() => verifyConsistency(first, second, proof.with(at, ODD), old, young)).toThrow(Altered);
          expect(() => verifyConsistency(first, second, proof.toSpliced(at, 1), old, young)).toThrow(Altered);
        }
      }
    }
  });

  it("refuses sizes out of order", () => {
    const root = treeHash(tree(2));
    expect(() => verifyConsistency(0, 2, [], root, root)).toThrow(Altered);
    expect(() => verifyConsistency(3, 2, [], root, root)).toThrow(Altered);
  });
});

describe("the tables of tests/vectors", () => {
  interface Tables {
    readonly roots: readonly { size: number; root: string }[];
    readonly inclusion: readonly { index: number; size: number; leaf: string; path: string[]; root: string }[];
    readonly consistency: readonly { first: number; second: number; proof: string[]; first_root: string; second_root: string }[];
    readonly path_length: readonly { index: number; size: number; length: number }[];
  }
  const file = fileURLToPath(new URL("../../tests/vectors/merkle.json", import.meta.url));
  const tables = JSON.parse(readFileSync(file, "utf8")) as Tables;
  const read = (text: string): Hash => parseHash(text, "table");

  it("hold", () => {
    for (const { size, root } of tables.roots) expect(hex(treeHash(leaves(size)))).toBe(root);
    for (const { index, size, leaf, path, root } of tables.inclusion) {
      verifyInclusion(read(leaf) as Leaf, index, size, path.map(read), read(root));
    }
    for (const row of tables.consistency) {
      verifyConsistency(row.first, row.second, row.proof.map(read), read(row.first_root), read(row.second_root));
    }
    for (const { index, size, length } of tables.path_length) expect(pathLength(index, size)).toBe(length);
    expect(tables.inclusion.length + tables.consistency.length + tables.path_length.length).toBeGreaterThan(200);
  });
});
