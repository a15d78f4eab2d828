import { describe, expect, it } from "vitest";

import { Altered } from "../src/protocol/errors.ts";
import { ZERO, hex, sha, utf8 } from "../src/protocol/hashes.ts";
import type { Hash, StreamId } from "../src/protocol/hashes.ts";
import { climb, mapLeafHash, sharedBits, verifyInMap, verifyNotInMap } from "../src/protocol/streammap.ts";
import type { MapLeaf } from "../src/protocol/streammap.ts";
import { bits, mapHash, mapPath } from "./trees.ts";

const ODD = sha(utf8("not in the map"));
const SIZES = Array.from({ length: 41 }, (_, size) => size);

/** The id with these leading bits, the rest of them as the number says. */
function idOf(prefix: string, number: number): StreamId {
  const rest = bits(sha(utf8(`stream ${number}`)));
  const all = prefix + rest.slice(prefix.length);
  return Uint8Array.from(all.match(/.{8}/g) ?? [], (byte) => Number.parseInt(byte, 2)) as Uint8Array as StreamId;
}

function leafOf(stream: StreamId, number: number): MapLeaf {
  return { stream, count: number + 1, head: sha(utf8(`head ${number}`)) };
}

/** Families of ids: spread, crowded behind one prefix, and sharing ever more bits with the first. */
const FAMILIES: Readonly<Record<string, (number: number) => StreamId>> = {
  spread: (number) => idOf("", number),
  "behind one prefix": (number) => idOf("10110".repeat(20), number),
  "like the first": (number) => {
    const first = bits(idOf("", 0));
    const at = number === 0 ? 256 : 84 - 2 * number;
    return idOf(first.slice(0, at) + (at < 256 ? (first[at] === "1" ? "0" : "1") : ""), number);
  },
};

/** Runs it; the code of what it throws, null where it does not. */
function codeOf(step: () => void): string | null {
  try {
    step();
    return null;
  } catch (problem) {
    if (problem instanceof Altered) return problem.code;
    throw problem;
  }
}

function flipped(bytes: Uint8Array, at: number): Hash {
  const copy = Uint8Array.from(bytes);
  copy[at >> 3] = (copy[at >> 3] as number) ^ (0x80 >> (at & 7));
  return copy as Uint8Array as Hash;
}

describe.each(Object.entries(FAMILIES))("a map of ids %s", (_name, id) => {
  const all = Array.from({ length: 40 }, (_, number) => leafOf(id(number), number));
  const outside = [...all.slice(0, 3).map(({ stream }) => flipped(stream, 255) as Hash as StreamId), idOf("", 99), idOf("10110", 98)];

  it.each(SIZES)("shows each of %i streams, exactly as it is", (size) => {
    const leaves = all.slice(0, size);
    const root = mapHash(leaves);
    for (const leaf of leaves) {
      const { path, end } = mapPath(leaf.stream, leaves);
      expect(end).toBe(leaf);
      verifyInMap(leaf, path, root);
      for (const other of [{ ...leaf, count: leaf.count + 1 }, { ...leaf, head: ODD }, { ...leaf, stream: idOf("", 97) }]) {
        expect(codeOf(() => verifyInMap(other, path, root))).toBe("left_out");
      }
      expect(codeOf(() => verifyInMap(leaf, path, ODD))).toBe("left_out");
      expect(codeOf(() => verifyInMap(leaf, [...path, ODD], root))).toBe(path.length === 256 ? "map_path" : "left_out");
      expect(codeOf(() => verifyInMap(leaf, [...path, ZERO], root))).toBe("map_path");
      // What is there cannot be shown to be absent.
      for (const claimed of [null, leaf]) expect(codeOf(() => verifyNotInMap(leaf.stream, claimed, path, root))).toBe("present");
    }
  });

  it.each(SIZES)("shows what is not among %i streams to be absent", (size) => {
    const leaves = all.slice(0, size);
    const root = mapHash(leaves);
    for (const stream of [...outside, ...all.slice(size, size + 2).map((leaf) => leaf.stream)]) {
      if (leaves.some((leaf) => hex(leaf.stream) === hex(stream))) continue;
      const { path, end } = mapPath(stream, leaves);
      verifyNotInMap(stream, end, path, root);
      expect(codeOf(() => verifyNotInMap(stream, end, path, ODD))).toBe("present");
      expect(codeOf(() => verifyNotInMap(stream, end === null ? leafOf(idOf("", 96), 1) : null, path, root))).toBe("present");
      expect(codeOf(() => verifyNotInMap(stream, end, [...path, ZERO], root))).toBe("map_path");
      if (path.length > 0) expect(codeOf(() => verifyNotInMap(stream, end, path.slice(1), root))).not.toBeNull();
      for (const leaf of leaves) {
        if (leaf !== end) expect(codeOf(() => verifyNotInMap(stream, leaf, path, root))).toBe("present");
      }
      expect(codeOf(() => verifyInMap({ stream, count: 1, head: ODD }, path, root))).not.toBeNull();
    }
  });
});

describe("one bit", () => {
  const leaves = Array.from({ length: 12 }, (_, number) => leafOf(idOf("0110", number), number));
  const root = mapHash(leaves);

  it("of a path, a root, a head or an id breaks what is shown", () => {
    const leaf = leaves[3] as MapLeaf;
    const { path } = mapPath(leaf.stream, leaves);
    const [absent, way] = [idOf("0110", 50), mapPath(idOf("0110", 50), leaves)];
    for (let at = 0; at < 256; at += 1) {
      expect(codeOf(() => verifyInMap(leaf, path, flipped(root, at)))).toBe("left_out");
      expect(codeOf(() => verifyInMap({ ...leaf, head: flipped(leaf.head, at) }, path, root))).toBe("left_out");
      expect(codeOf(() => verifyInMap({ ...leaf, stream: flipped(leaf.stream, at) as Hash as StreamId }, path, root))).toBe("left_out");
      expect(codeOf(() => verifyNotInMap(absent, way.end, way.path, flipped(root, at)))).toBe("present");
      for (const [place, hash] of path.entries()) {
        expect(codeOf(() => verifyInMap(leaf, path.with(place, flipped(hash, at)), root))).not.toBeNull();
      }
    }
  });

  it("of a count of up to 2^53 is another leaf", () => {
    const counts = [1, 2 ** 31, 2 ** 32, 2 ** 32 + 1, 2 ** 52, 2 ** 53 - 1];
    const hashes = counts.map((count) => hex(mapLeafHash({ stream: idOf("", 1), count, head: ODD })));
    expect(new Set(hashes).size).toBe(counts.length);
    const high = Uint8Array.of(0, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff);
    expect(hashes.at(-1)).toBe(hex(sha(utf8("sealtrail/v1/map-leaf\0"), idOf("", 1), high, ODD)));
  });
});

describe("paths and prefixes", () => {
  it("climb to the root of 256 levels, and no further", () => {
    const [one, other] = [idOf("", 1), flipped(idOf("", 1), 255) as Hash as StreamId];
    const leaves = [leafOf(one, 1), leafOf(other, 2)];
    const { path } = mapPath(one, leaves);
    expect(path).toHaveLength(256);
    expect(climb(one, mapLeafHash(leaves[0] as MapLeaf), path)).toEqual(mapHash(leaves));
    expect(codeOf(() => verifyInMap(leaves[0] as MapLeaf, [...path, ODD], ODD))).toBe("map_path");
  });

  it("count the bits that two ids share", () => {
    const id = idOf("", 1);
    for (let at = 0; at < 256; at += 1) expect(sharedBits(id, flipped(id, at) as Hash as StreamId)).toBe(at);
    expect(sharedBits(id, id)).toBe(256);
  });

  it("are none for an empty map, and none for one stream", () => {
    verifyNotInMap(idOf("", 1), null, [], ZERO);
    const leaf = leafOf(idOf("", 1), 1);
    verifyInMap(leaf, [], mapLeafHash(leaf));
    verifyNotInMap(idOf("", 2), leaf, [], mapLeafHash(leaf));
  });
});
