/** The small parts: hashes, fields, log ids, the lifecycle's table, policies. */

import { readFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";

import { describe, expect, it } from "vitest";

import { parseInputs } from "../src/inputs.ts";
import { ANCHORED, logId } from "../src/protocol/anchor.ts";
import { Malformed } from "../src/protocol/errors.ts";
import { deriveSalts, parseTime, streamId } from "../src/protocol/event.ts";
import { ZERO, hash, hex, parseHash, parseHex, sha, utf8 } from "../src/protocol/hashes.ts";
import { EXPECTED, START, TYPES, WITHDRAWN, advance } from "../src/protocol/lifecycle.ts";
import type { EventType, LifecycleState } from "../src/protocol/lifecycle.ts";
import { parsePolicy, trusting } from "../src/protocol/policy.ts";
import { LOG, LOG_KEY, OWNER, RECEIPT_KEY, REGISTRY, build, canonical } from "./world.ts";
import type { Value } from "./world.ts";

describe("hashes (SPEC 2)", () => {
  it("are 64 lower-case hexadecimal digits and nothing else", () => {
    expect(hex(parseHash("ab".repeat(32), "x"))).toBe("ab".repeat(32));
    for (const text of ["AB".repeat(32), "ab".repeat(31), `${"ab".repeat(32)}\n`, `0x${"ab".repeat(32)}`, null, 1]) {
      expect(() => parseHash(text, "x"), String(text)).toThrow(Malformed);
    }
    expect(() => parseHex("abc", "x")).toThrow(Malformed);
    expect(() => hash(new Uint8Array(31))).toThrow(RangeError);
  });

  it("agree with Node's own", () => {
    expect(hex(sha(utf8("a"), utf8("b")))).toBe(createHash("sha256").update("ab").digest("hex"));
    const salts = deriveSalts(ZERO, ["b", "a", "c"]);
    const stream = createHash("shake256", { outputLength: 48 }).update(Buffer.concat([utf8("sealtrail/v1/salts\0"), ZERO]));
    expect(["a", "b", "c"].map((name) => hex(salts.get(name) as Uint8Array)).join("")).toBe(stream.digest("hex"));
  });
});

describe("the registry's names (SPEC 11)", () => {
  it("are the contract's", () => {
    // worked out with another keccak: the Python core's
    expect(hex(ANCHORED)).toBe("10d64b358a2a34d1aefd3923dfecde63ee095436d398bd873df1fd341db42724");
    expect(hex(logId(31_337, REGISTRY, OWNER, ZERO))).toBe("ac812bfdf4f3c62aaf496c3aa48dcfa05db8bf1925be63305ea36105c8e80f2d");
    expect(hex(logId(2 ** 53 - 1, REGISTRY, OWNER, ZERO))).toBe("30401bfe26f6a720fbeb6145126281745920c479294d8b113686a8df180581d3");
    expect(hex(LOG)).toBe("ac812bfdf4f3c62aaf496c3aa48dcfa05db8bf1925be63305ea36105c8e80f2d");
  });
});

describe("streams and times", () => {
  it("a stream id depends on every part", () => {
    const ids = [streamId(ZERO, "a", "b"), streamId(ZERO, "b", "a"), streamId(ZERO, "ab", ""), streamId(sha(utf8("")), "a", "b")];
    expect(new Set(ids.map(hex)).size).toBe(4);
  });

  it("a time is an instant", () => {
    expect(parseTime("1970-01-01T00:00:00Z")).toBe(0n);
    expect(parseTime("2026-05-03T14:05:00+08:00")).toBe(parseTime("2026-05-03T06:05:00.000Z"));
    expect(parseTime("2026-05-03T14:05:00.5-00:30")).toBe(BigInt(Date.parse("2026-05-03T14:35:00.500Z")) * 1000n);
    expect(parseTime("0099-01-01T00:00:00Z")).toBe(BigInt(Date.parse("0099-01-01T00:00:00Z")) * 1000n);
    expect(parseTime("2026-05-03T14:05:00.123456789Z") % 1_000_000n).toBe(123_456n);
  });
});

describe("the lifecycle (SPEC 4.8)", () => {
  interface Table {
    readonly start: string;
    readonly withdrawn: readonly string[];
    readonly table: readonly { readonly state: LifecycleState; readonly type: EventType; readonly next: string; readonly expected: boolean }[];
  }
  const file = fileURLToPath(new URL("../../tests/vectors/lifecycle.json", import.meta.url));
  const { start, withdrawn, table } = JSON.parse(readFileSync(file, "utf8")) as Table;

  it("is the table of tests/vectors", () => {
    expect(START).toBe(start);
    expect([...WITHDRAWN].sort()).toEqual([...withdrawn].sort());
    const pairs = Object.keys(EXPECTED).flatMap((state) => TYPES.map((type) => `${state} ${type}`));
    expect(table.map(({ state, type }) => `${state} ${type}`).sort()).toEqual(pairs.sort());
    for (const { state, type, next, expected } of table) expect(advance(state, type)).toEqual([next, expected]);
  });
});

describe("a policy (SPEC 14.5)", () => {
  const whole = (): Record<string, Value> => ({ ...build().policy });
  const read = (policy: Record<string, Value>) => parsePolicy(utf8(JSON.stringify(policy, null, 2)));

  it("is read in any layout", () => {
    const policy = read({ ...whole(), rpc: [{ url: "/rpc", operator: true }], max_age: 60, tenants: null });
    expect(policy).toMatchObject({ maxAge: 60, tenants: null, rpc: [{ url: "/rpc", operator: true }] });
    const more = trusting(policy, [{ number: 1, hash: ZERO }]);
    expect(more.blocks).toHaveLength(policy.blocks.length + 1);
  });

  it.each<[string, Record<string, Value>]>([
    ["version 0", { v: 0 }],
    ["another version", { v: 2 }],
    ["another format", { format: "sealtrail/proof" }],
    ["a member more", { more: 1 }],
    ["no log key", { log_keys: [] }],
    ["a log key without an end", { log_keys: [{ key: "x", from: 1 }] }],
    ["an origin without the log", { origin: "shop.example/log" }],
    ["a registry with capitals", { chain: { ...build().policy.chain, registry: `0x${"AA".repeat(20)}` } }],
    ["a chain id as text", { chain: { ...build().policy.chain, id: "1" } }],
    ["finality of a word", { chain: { ...build().policy.chain, finality: "safe" } }],
    ["a block hash without 0x", { blocks: [{ number: 1, hash: "00".repeat(32) }] }],
    ["a node by another scheme", { rpc: [{ url: "file:///etc", operator: false }] }],
    ["a fractional age", { max_age: 1.5 }],
    ["tenants in a list", { tenants: ["demo"] }],
    ["the log's key for a receipt key", { receipt_keys: [LOG_KEY.vkey] }],
    ["a receipt key for the log's", { log_keys: [{ key: RECEIPT_KEY.vkey, from: 1, until: null }] }],
    ["an actor that is no key", { actors: { "SF Express": "x" } }],
    ["an unreadable receipt key", { receipt_keys: ["x+y+z"] }],
  ])("is refused with %s", (_what, change) => {
    expect(() => read({ ...whole(), ...change })).toThrow(Malformed);
  });

  it("is refused without a member, with a duplicate, or too large", () => {
    const { rpc: _rpc, ...rest } = whole();
    expect(() => read(rest)).toThrow(/"rpc" is missing/);
    const text = new TextDecoder().decode(canonical(whole()));
    expect(() => parsePolicy(utf8(text.replace('"v":1', '"v":1,"v":1')))).toThrow(expect.objectContaining({ code: "json_duplicate" }));
    expect(() => parsePolicy(utf8(text + " ".repeat(2 ** 20)))).toThrow(expect.objectContaining({ code: "policy_size" }));
  });
});

describe("inputs", () => {
  it("are read, and refused where they are not by the grammar", () => {
    const node = { url: "x", operator: true, error: null, chain_id: 1, final: null, blocks: { "7": null }, head: null };
    const inputs = parseInputs(canonical({ nodes: [node], now: 5, stream: hex(ZERO), attachments: { a: "b" } }));
    expect(inputs.nodes?.[0]).toMatchObject({ chainId: 1, blocks: new Map([[7, null]]) });
    expect(inputs).toMatchObject({ now: 5, attachments: new Map([["a", "b"]]) });
    expect(parseInputs(utf8("{}"))).toEqual({});
    for (const bad of [{ more: 1 }, { nodes: [{}] }, { now: -1 }, { stream: "x" }, { nodes: [{ ...node, blocks: { x: null } }] }]) {
      expect(() => parseInputs(canonical(bad as Value))).toThrow(Malformed);
    }
  });
});
