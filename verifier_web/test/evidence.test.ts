import { describe, expect, it } from "vitest";

import { Altered, Malformed, SealtrailError } from "../src/protocol/errors.ts";
import { readRlp, verifyAnchored } from "../src/protocol/evidence.ts";
import type { ChainEvidence, Rlp } from "../src/protocol/evidence.ts";
import { equal, parseHex, sha, utf8 } from "../src/protocol/hashes.ts";
import { mine, rlp, trie } from "./chain.ts";
import { LOG, REGISTRY } from "./world.ts";

const ROOT = sha(utf8("root"));
const SIZE = 2 ** 40 + 1;

function verifies(evidence: ChainEvidence, size = SIZE): boolean {
  try {
    verifyAnchored(evidence, REGISTRY, LOG, size, ROOT);
    return true;
  } catch (problem) {
    if (problem instanceof SealtrailError) return false;
    throw problem;
  }
}

describe("chain evidence (SPEC 12)", () => {
  const block = mine(7, REGISTRY, LOG, SIZE, ROOT);

  it("shows number, time and hash of the block", () => {
    const header = verifyAnchored(block, REGISTRY, LOG, SIZE, ROOT);
    expect(header.number).toBe(7);
    expect(equal(header.hash, block.id.hash)).toBe(true);
  });

  it("is of this size alone, to the last of 53 bits", () => {
    expect(verifies(block)).toBe(true);
    expect(verifies(block, SIZE + 1)).toBe(false);
    expect(verifies(block, 1)).toBe(false);
  });

  it("shows no change of a byte without showing another block hash", () => {
    let seen = 0;
    for (const [part, bytes] of [block.header, ...block.nodes].entries()) {
      for (let at = 0; at < bytes.length; at += 1) {
        const changed = Uint8Array.from(bytes);
        changed[at] = (changed[at] as number) ^ (1 << at % 8);
        const evidence = {
          header: part === 0 ? changed : block.header,
          index: block.index,
          nodes: block.nodes.map((node, place) => (place === part - 1 ? changed : node)),
        };
        // A changed node never shows the anchor; a changed header is another block.
        if (part > 0) expect(verifies(evidence)).toBe(false);
        else if (verifies(evidence)) {
          expect(equal(verifyAnchored(evidence, REGISTRY, LOG, SIZE, ROOT).hash, block.id.hash)).toBe(false);
        }
        seen += 1;
      }
    }
    expect(seen).toBeGreaterThan(1000);
  });
});

describe("the receipts trie", () => {
  it.each([1, 2, 3, 16, 17, 127, 128, 129, 300])("of %i receipts shows each, and no other", (count) => {
    // Short values make embedded nodes, long ones listed nodes.
    for (const size of [1, 40]) {
      const values = Array.from({ length: count }, (_, at) => utf8(`${at}`.padStart(size, "x")));
      for (const index of [0, 1, count >> 1, count - 1].filter((at) => at < count)) {
        const { root, nodes } = trie(values, index);
        // The value is no receipt: what is read of it comes after the trie has shown it.
        const fields: Rlp[] = Array.from({ length: 15 }, () => new Uint8Array());
        const header = rlp(fields.with(5, root));
        const found = () => verifyAnchored({ header, index, nodes }, REGISTRY, LOG, SIZE, ROOT);
        expect(found).toThrow(expect.objectContaining({ code: "evidence", message: expect.stringMatching(/receipt|RLP/) }));
        const other = () => verifyAnchored({ header, index: count, nodes }, REGISTRY, LOG, SIZE, ROOT);
        expect(other).toThrow(SealtrailError);
        expect(other).not.toThrow(/receipt is a list/);
      }
    }
  });
});

describe("RLP (SPEC 12.3)", () => {
  it("reads what is printed", () => {
    const item: Rlp = [utf8("dog"), [], [[utf8("x")], new Uint8Array(60).fill(7)], new Uint8Array(300), Uint8Array.of(0x7f)];
    expect(readRlp(rlp(item))).toEqual(item);
  });

  it.each([
    ["nothing", ""],
    ["bytes behind", "8000"],
    ["a single byte with a length", "8105"],
    ["a long form of a short string", `b837${"00".repeat(55)}`],
    ["a length with a leading zero", `b90038${"00".repeat(56)}`],
    ["a cut string", "83646f"],
    ["a cut length", "b9ff"],
    ["a cut list", "c483646f67".slice(0, -2)],
    ["a list that ends inside an item", "c28364"],
    ["a length beyond everything", `bf${"ff".repeat(8)}`],
    ["lists within lists", "c1".repeat(16) + "c0"],
  ])("refuses %s", (_what, text) => {
    expect(() => readRlp(parseHex(text, "test"))).toThrow(Malformed);
  });

  it("tells altered from malformed", () => {
    const block = mine(7, REGISTRY, LOG, SIZE, ROOT);
    expect(() => verifyAnchored({ ...block, nodes: [] }, REGISTRY, LOG, SIZE, ROOT)).toThrow(Altered);
    expect(() => verifyAnchored({ ...block, header: new Uint8Array() }, REGISTRY, LOG, SIZE, ROOT)).toThrow(Malformed);
  });
});
