import { describe, expect, it } from "vitest";

import { printJson } from "../src/protocol/canonical.ts";
import { printDigests } from "../src/protocol/event.ts";
import { hash, hex, parseHash, putHex, readHex } from "../src/protocol/hashes.ts";

/** What hexadecimal digits are by the SPEC, as a pattern says it. */
const DIGITS = /^(?:[0-9a-f]{2})*$/;

const HOSTILE = ["", "0", "0g", "AA", "aA", " 0", "0 ", "0x", "٠٠", "０0", "a\u0300", "\u0130a", "\u0161\u0161", "a\u0000", "\n0", "+1", "-1"];

describe("hexadecimal digits", () => {
  it("are read just where the pattern takes them", () => {
    for (let code = 0; code <= 0xffff; code += 1) {
      for (const text of [String.fromCharCode(code) + "a", "a" + String.fromCharCode(code)]) {
        expect(readHex(text) !== null, text).toBe(DIGITS.test(text));
      }
    }
    for (const text of HOSTILE) expect(readHex(text) !== null, text).toBe(DIGITS.test(text));
  });

  it("are the bytes they were printed of", () => {
    const all = Uint8Array.from({ length: 256 }, (_, at) => at);
    expect(readHex(hex(all))).toEqual(all);
    const into = new Uint8Array(514);
    expect(putHex(all, into, 1)).toBe(513);
    expect(new TextDecoder().decode(into)).toBe(`\0${hex(all)}\0`);
  });

  it("are a hash where there are 64", () => {
    for (const size of [0, 62, 63, 65, 66]) expect(() => parseHash("a".repeat(size), "x")).toThrow("64");
    expect(() => parseHash("A".repeat(64), "x")).toThrow("64");
    expect(hex(parseHash("ab".repeat(32), "x"))).toBe("ab".repeat(32));
  });
});

describe("digests by name", () => {
  it.each([[[]], [["type"]], [["b", "a.b", "a", "a_b", "z9"]]])("are printed as JSON: %s", (names) => {
    const digests = names.map((name, at) => [name, hash(new Uint8Array(32).fill(at + 200))] as const);
    const value = new Map(digests.map(([name, digest]) => [name, hex(digest)]));
    expect(new TextDecoder().decode(printDigests(new Map(digests)))).toBe(printJson(value));
  });
});
