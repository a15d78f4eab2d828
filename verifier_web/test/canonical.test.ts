import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { describe, expect, it } from "vitest";

import { parseCanonical, parseJson, printJson } from "../src/protocol/canonical.ts";
import { Malformed } from "../src/protocol/errors.ts";
import { hex, parseHex, utf8 } from "../src/protocol/hashes.ts";

function read(text: string): string {
  return printJson(parseJson(utf8(text)));
}

/** Numbers below `limit`, the same in every run. */
function numbers(): (limit: number) => number {
  let state = 1;
  return (limit) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % limit;
  };
}

function taken<Value>(step: () => Value): Value | null {
  try {
    return step();
  } catch (problem) {
    if (problem instanceof Malformed) return null;
    throw problem;
  }
}

describe("reading (SPEC 2.3)", () => {
  it.each([
    ["white space", ' \t\r\n{ "a" : [ 1 , 2 ] }\n', '{"a":[1,2]}'],
    ["escapes", '"\\u0041\\/\\b\\f\\n\\r\\t\\"\\\\\\u20ac"', '"A/\\b\\f\\n\\r\\t\\"\\\\€"'],
    ["a pair of surrogates", '"\\ud83c\\udf5a"', '"🍚"'],
    ["numbers", "[0,-1,1.50,1e2,1E-7,9007199254740991,-9007199254740991]", "[0,-1,1.5,100,1e-7,9007199254740991,-9007199254740991]"],
    ["names that mean something to JavaScript", '{"constructor":2,"__proto__":1}', '{"__proto__":1,"constructor":2}'],
    ["the deepest nesting", "[".repeat(32) + "]".repeat(32), "[".repeat(32) + "]".repeat(32)],
    ["brackets in strings", JSON.stringify("[{".repeat(40)), JSON.stringify("[{".repeat(40))],
    ["words", "[true,false,null]", "[true,false,null]"],
  ])("takes %s", (_what, text, printed) => {
    expect(read(text)).toBe(printed);
  });

  it.each([
    ["nothing", "", "json_syntax"],
    ["a byte-order mark", "\ufeff{}", "json_syntax"],
    ["a second document", "{} {}", "json_syntax"],
    ["a comma too many", "[1,]", "json_syntax"],
    ["a comma too many in an object", '{"a":1,}', "json_syntax"],
    ["a missing comma", "[1 2]", "json_syntax"],
    ["an open array", "[1", "json_syntax"],
    ["an open string", '"abc', "json_syntax"],
    ["a key that is no string", "{1:2}", "json_syntax"],
    ["a control character", '"\u0001"', "json_syntax"],
    ["a line break in a string", '"\n"', "json_syntax"],
    ["an unknown escape", '"\\x41"', "json_syntax"],
    ["half an escape", '"\\u12"', "json_syntax"],
    ["a leading zero", "01", "json_syntax"],
    ["a leading plus", "+1", "json_syntax"],
    ["a bare point", "1.", "json_syntax"],
    ["a bare minus", "-", "json_syntax"],
    ["NaN", "NaN", "json_syntax"],
    ["infinity", "[-Infinity]", "json_syntax"],
    ["a no-break space", "\u00a01", "json_syntax"],
    ["half a word", "tru", "json_syntax"],
    ["2^53", "9007199254740992", "json_number"],
    ["−2^53", "-9007199254740992", "json_number"],
    ["2^53 + 1, which a float would round", "9007199254740993", "json_number"],
    ["2^53 with a fraction", "9007199254740992.5", "json_number"],
    ["1e999", "1e999", "json_number"],
    ["negative zero", "-0", "json_number"],
    ["negative zero with a fraction", "-0.0", "json_number"],
    ["negative zero by underflow", "-1e-999", "json_number"],
    ["a duplicate key", '{"a":1,"a":1}', "json_duplicate"],
    ["a duplicate key, once escaped", '{"a":1,"\\u0061":2}', "json_duplicate"],
    ["a lone high surrogate", '"\\ud83c"', "json_surrogate"],
    ["a lone low surrogate in a key", '{"\\udf5a":1}', "json_surrogate"],
    ["surrogates in the wrong order", '"\\udf5a\\ud83c"', "json_surrogate"],
    ["depth 33", "[".repeat(33) + "]".repeat(33), "json_depth"],
    ["depth 33 of both kinds", '{"a":['.repeat(17) + "]}".repeat(17), "json_depth"],
    ["depth 10,000", "[".repeat(10_000), "json_depth"],
  ])("refuses %s", (_what, text, code) => {
    expect(() => parseJson(utf8(text))).toThrow(expect.objectContaining({ code }));
    expect(() => parseJson(utf8(text))).toThrow(Malformed);
  });

  it.each([
    ["a stray byte", [0x22, 0xff, 0x22]],
    ["a cut sequence", [0x22, 0xe2, 0x82, 0x22]],
    ["an overlong slash", [0x22, 0xc0, 0xaf, 0x22]],
    ["an encoded surrogate", [0x22, 0xed, 0xa0, 0x80, 0x22]],
  ])("refuses %s", (_what, bytes) => {
    expect(() => parseJson(Uint8Array.from(bytes))).toThrow(expect.objectContaining({ code: "json_utf8" }));
  });
});

describe("canonical form (SPEC 2.4)", () => {
  it("prints RFC 8785's own examples", () => {
    // RFC 8785 3.2.2 and 3.2.3
    const text =
      '{"numbers":[333333333.33333329,1E15,4.50,2e-3,0.000000000000000000000000001],' +
      '"string":"\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/","literals":[null,true,false]}';
    expect(read(text)).toBe(
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1000000000000000,4.5,0.002,1e-27],' +
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    );
    const keys = '{"\\u20ac":1,"\\r":2,"\\ufb33":3,"1":4,"\\ud83d\\ude00":5,"\\u0080":6,"\\u00f6":7}';
    expect(read(keys)).toBe('{"\\r":2,"1":4,"\u0080":6,"ö":7,"€":1,"😀":5,"\ufb33":3}');
  });

  it.each(['{"b":1,"a":2}', "[1, 2]", "1.0", "1e2", '"\\u0041"', '"\\/"', '"\\u000A"', "{}\n"])("refuses %s", (text) => {
    parseJson(utf8(text));
    expect(() => parseCanonical(utf8(text))).toThrow(expect.objectContaining({ code: "not_canonical" }));
  });
});

describe("the table of tests/vectors", () => {
  interface Table {
    readonly accepted: readonly { readonly input: string; readonly output: string }[];
    readonly refused: readonly { readonly input: string; readonly why: string }[];
  }
  const file = fileURLToPath(new URL("../../tests/vectors/canonical.json", import.meta.url));
  const { accepted, refused } = JSON.parse(readFileSync(file, "utf8")) as Table;

  it.each(accepted)("takes $input", ({ input, output }) => {
    expect(hex(utf8(printJson(parseJson(parseHex(input, "table")))))).toBe(output);
  });

  it.each(refused)("refuses $why", ({ input }) => {
    expect(() => parseJson(parseHex(input, "table"))).toThrow(Malformed);
  });
});

it("takes as canonical just what is printed again as it was read", () => {
  const next = numbers();
  const canonical = '{"a":[0,-1,1.5,1e-7,100],"b":{"":null,"x":"A/\\b\\f\\n\\r\\t\\"\\\\€\\u0001\\u001f🍚"},"c":[true,false,"\u2028\u007f"]}';
  const parts = [..." \t\n\"\\/{}[]:,0.e-+abux€🍚", "\\u", "\\u0041", "\\u001F", "\\u000a", "\\/", "\\ud83c", "\\udf5a", "1.0", '"a":1,', '"d":1,'];
  const counts = { canonical: 0, readable: 0 };
  for (let round = 0; round < 20_000; round += 1) {
    let text = canonical;
    for (let edit = next(3); edit > 0; edit -= 1) {
      const at = next(text.length);
      text = text.slice(0, at) + (parts[next(parts.length)] as string) + text.slice(at + next(3));
    }
    if (!text.isWellFormed()) continue;
    const value = taken(() => parseJson(utf8(text)));
    const isCanonical = value !== null && printJson(value) === text;
    expect(taken(() => parseCanonical(utf8(text))) !== null, text).toBe(isCanonical);
    counts.readable += value === null ? 0 : 1;
    counts.canonical += isCanonical ? 1 : 0;
  }
  expect(counts.canonical).toBeGreaterThan(5_000);
  expect(counts.readable).toBeGreaterThan(counts.canonical + 300);
});
