import { describe, expect, it } from "vitest";

import { hex, sha, utf8 } from "../src/protocol/hashes.ts";
import { parseProof } from "../src/protocol/proof.ts";
import { CHECKS, neededBlocks } from "../src/protocol/verify.ts";
import type { CheckName } from "../src/protocol/verify.ts";
import { TIME } from "./chain.ts";
import { OPEN, OTHER, anchor, check, event, node, notes, swap, trusting, without, zeros } from "./checking.ts";
import { checkpoint, signer } from "./keys.ts";
import { ACTOR, EVENTS, FILE, LOG_KEY, ORIGIN, PENDING, STREAM, build, canonical } from "./world.ts";
import type { ProofDoc, Value, World } from "./world.ts";

describe("a whole proof", () => {
  it("is verified offline with a policy that trusts its blocks", async () => {
    const verdict = await check(build());
    expect(verdict.state).toBe("verified");
    expect(notes(verdict)).toEqual(OPEN);
    expect(verdict.checks.map(({ check }) => check)).toEqual(CHECKS);
    expect(verdict.not_proven).toEqual(["truth", "object", "history"]);
    expect(verdict.as_of).toMatchObject({ number: 11, timestamp: TIME + 12 * 11 });
  });

  it("tells the order's story", async () => {
    const { order } = await check(build());
    expect(order).toMatchObject({ tenant: "demo", tenant_name: "Demo brand", order_id: "A-1001", lifecycle: "signed" });
    expect(order?.stream).toBe(hex(STREAM));
    expect(order?.events.map(({ type, seq, block, said, flags }) => [type, seq, block?.number, said, flags])).toEqual([
      ["placed", 1, 10, "reported", []],
      ["packed", 2, 10, "reported", []],
      ["shipped", 3, 10, "signed", []],
      ["signed", 4, 11, "reported", []],
    ]);
    expect(order?.events[2]).toMatchObject({ hidden: ["recipient.name"], signed_by: hex(ACTOR.key.public), place: "anchored" });
    expect(order?.events[0]?.fields).toEqual(EVENTS[0]?.fields);
  });

  it("is verified by a node that the operator does not run, with its date and head", async () => {
    const world = trusting(without);
    const verdict = await check(world, { nodes: [node(world)], stream: STREAM, attachments: new Map([[FILE, FILE]]) });
    expect(verdict.state).toBe("verified");
    expect(notes(verdict)).toEqual({ pending: "SKIPPED no_pending" });
    expect(neededBlocks(parseProof(canonical(world.proof as unknown as Value)))).toEqual([5, 10, 11]);
  });

  it("shows pending events behind the anchored ones", async () => {
    const verdict = await check(build({ pending: [PENDING, { ...PENDING, hide: [] }] }));
    expect(verdict.state).toBe("verified_pending");
    expect(notes(verdict)).not.toHaveProperty("pending");
    expect(verdict.order).toMatchObject({ lifecycle: "returned" });
    expect(verdict.order?.events[4]).toMatchObject({ place: "pending", seq: null, index: null, block: null });
  });

  it("flags what the lifecycle does not expect, and what came late", async () => {
    const told = (type: string, day: string) => ({ fields: { type, occurred_at: `2026-05-${day}T00:00:00Z`, "actor.role": "brand" } });
    const events = [told("placed", "02"), told("signed", "04"), told("packed", "03"), told("recalled", "04")];
    const verdict = await check(build({ events }));
    expect(verdict.order?.events.map(({ flags }) => flags)).toEqual([[], ["unexpected"], ["unexpected", "late"], []]);
    expect(verdict.state).toBe("withdrawn");
  });

  it("is test data on a development chain, where the operator's own node counts", async () => {
    const world = trusting(without);
    Object.assign(world.policy.chain, { test: true });
    const verdict = await check(world, { nodes: [node(world, { operator: true })] });
    expect(verdict.state).toBe("test_data");
  });

  it("reads block headers with more items, and receipts of every type and place", async () => {
    for (const mined of [{ items: 15 }, { items: 23 }, { type: 0 }, { type: 0x7e }, { index: 0 }, { index: 2 }]) {
      expect((await check(build({ mined }))).state).toBe("verified");
    }
    expect(notes(await check(build({ mined: { items: 14 } })))).toMatchObject({ anchor: "INVALID evidence" });
    expect(notes(await check(build({ mined: { status: 0 } })))).toMatchObject({ anchor: "INVALID receipt_failed" });
  });
});

// --- what one change does ------------------------------------------------------------------------------------------

const DAMAGE: readonly [string, CheckName, string, (world: World) => void][] = [
  ["another order", "stream", "INVALID stream_opening", ({ proof }) => (proof.stream.order_id = "A-1002")],
  ["another tenant", "stream", "INVALID stream_opening", ({ proof }) => (proof.stream.tenant = "other")],
  ["another salt", "stream", "INVALID stream_opening", ({ proof }) => (proof.stream.salt = zeros)],
  ["a tenant that the policy does not name", "stream", "UNKNOWN tenant_unknown", ({ policy }) => (policy["tenants"] = {})],
  [
    "another value",
    "events",
    "INVALID commitment",
    (world) => (event(world, 0).disclosed = event(world, 0).disclosed.map((text) => text.replace("placed", "packed"))),
  ],
  ["another hidden digest", "events", "INVALID commitment", (world) => (event(world, 2).hidden["recipient.name"] = zeros)],
  ["a hidden field dropped", "events", "INVALID commitment", (world) => (event(world, 3).hidden = {})],
  [
    "another log's entry",
    "events",
    "INVALID entry_log",
    (world) => (event(world, 1).entry = swap(event(world, 1).entry, /"log":"[^"]*"/, `"log":"${zeros}"`)),
  ],
  ["an event dropped from the middle", "sequence", "INVALID sequence", ({ proof }) => proof.events.splice(1, 1)],
  ["an event dropped from the start", "sequence", "INVALID sequence", ({ proof }) => proof.events.splice(0, 1)],
  [
    "another predecessor",
    "sequence",
    "INVALID sequence",
    (world) => (event(world, 1).entry = swap(event(world, 1).entry, /"prev":"[^"]*"/, `"prev":"${zeros}"`)),
  ],
  [
    "another log's checkpoint",
    "checkpoint",
    "INVALID origin",
    (world) => (anchor(world, 0).checkpoint = checkpoint(12, sha(utf8("root")), signer("other.example/log", 1))),
  ],
  [
    "a checkpoint by another key",
    "checkpoint",
    "INVALID log_key",
    (world) => (anchor(world, 1).checkpoint = checkpoint(world.head.size, world.head.root, signer(ORIGIN, 7))),
  ],
  [
    "a forged checkpoint",
    "checkpoint",
    "INVALID checkpoint_signature",
    (world) => {
      const forged = checkpoint(world.head.size, OTHER, LOG_KEY).split("\n");
      const signature = anchor(world, 1).checkpoint.split("\n").at(-2) as string;
      anchor(world, 1).checkpoint = [...forged.slice(0, 4), signature, ""].join("\n");
    },
  ],
  [
    "a key that ended before",
    "checkpoint",
    "INVALID log_key",
    ({ policy }) => (policy["log_keys"] = [{ key: LOG_KEY.vkey, from: 1, until: 14 }]),
  ],
  [
    "a key that begins after",
    "checkpoint",
    "INVALID log_key",
    ({ policy }) => (policy["log_keys"] = [{ key: LOG_KEY.vkey, from: 14, until: null }]),
  ],
  ["a path too short", "inclusion", "INVALID path_length", (world) => event(world, 1).path.pop()],
  ["a path too long", "inclusion", "INVALID path_length", (world) => event(world, 1).path.push(zeros)],
  ["another path", "inclusion", "INVALID inclusion", (world) => (event(world, 1).path[1] = zeros)],
  ["another place", "inclusion", "INVALID inclusion", (world) => (event(world, 1).index -= 1)],
  ["a seal path too long", "inclusion", "INVALID path_length", (world) => anchor(world, 0).seal.path.push(zeros)],
  [
    "a seal of another time",
    "inclusion",
    "INVALID inclusion",
    (world) => (anchor(world, 0).seal.entry = swap(anchor(world, 0).seal.entry, /"sealed":\d+/, '"sealed":1')),
  ],
  ["another registry", "anchor", "INVALID anchored_missing", ({ policy }) => (policy.chain["registry"] = `0x${"cc".repeat(20)}`)],
  [
    "the other anchor's evidence",
    "anchor",
    "INVALID anchored_missing",
    (world) => (anchor(world, 0).block = anchor(world, 1).block),
  ],
  ["another transaction", "anchor", "INVALID receipt_root", (world) => (anchor(world, 0).block.index = 2)],
  ["a transaction beyond any block", "anchor", "INVALID evidence", (world) => (anchor(world, 0).block.index = 2 ** 24)],
  ["a missing trie node", "anchor", "INVALID receipt_root", (world) => anchor(world, 0).block.nodes.pop()],
  ["an unused trie node", "anchor", "INVALID evidence", (world) => anchor(world, 0).block.nodes.push("80")],
  ["a broken header", "anchor", "INVALID evidence", (world) => (anchor(world, 0).block.header += "00")],
  ["a block that the policy does not list", "block", "UNKNOWN block_untrusted", ({ policy }) => (policy["blocks"] = [])],
  [
    "another block of that number in the policy",
    "block",
    "INVALID block_other",
    ({ policy }) => (policy["blocks"] = [10, 11].map((number) => ({ number, hash: `0x${zeros}` }))),
  ],
];

describe("one change", () => {
  it.each(DAMAGE)("%s: %s is %s", async (_what, name, expected, damage) => {
    const world = build();
    damage(world);
    const verdict = await check(world);
    expect(notes(verdict)[name]).toBe(expected);
    expect(verdict.state).toBe(expected.startsWith("INVALID") ? "altered" : "could_not_check");
  });

  it("another log makes everything another's", async () => {
    const world = build();
    world.policy["log"] = zeros;
    const origin = `shop.example/${zeros}`;
    const keys = { log_keys: [{ key: signer(origin, 1).vkey, from: 1, until: null }], receipt_keys: [] };
    Object.assign(world.policy, { origin, ...keys });
    expect(notes(await check(world))).toMatchObject({
      events: "INVALID entry_log",
      checkpoint: "INVALID origin",
      inclusion: "INVALID seal",
      anchor: "INVALID anchored_missing",
      signatures: "INVALID actor_signature",
    });
  });

  it("a label of another order is seen", async () => {
    expect(notes(await check(build(), { stream: OTHER }))).toMatchObject({ stream: "INVALID label_stream" });
  });
});

describe("nothing was left out (SPEC 15.9)", () => {
  it("is shown by a later anchor, which no event uses", async () => {
    const world = build({ later: true });
    expect(world.proof.anchors).toHaveLength(3);
    const verdict = await check(world);
    expect(verdict.state).toBe("verified");
    expect(notes(verdict)).toEqual(OPEN);
    expect(verdict.as_of).toMatchObject({ number: 12 });
    expect(verdict.order?.events.at(-1)?.block).toMatchObject({ number: 11 });
  });

  it.each<[string, (proof: ProofDoc) => unknown]>([
    ["the last event", (proof) => [proof.events.pop(), proof.anchors.splice(1, 1)]],
    ["the last event, as of its own anchor", (proof) => [proof.events.pop(), proof.anchors.pop()]],
    ["all events but the first", (proof) => [proof.events.splice(1), proof.anchors.splice(1, 1)]],
    ["the path's first hash", (proof) => proof.map.shift()],
    ["the path", (proof) => (proof.map = [])],
  ])("is refused without %s", async (_what, damage) => {
    const world = build({ later: true });
    damage(world.proof);
    const verdict = await check(world);
    expect(notes(verdict)).toMatchObject({ complete: "INVALID left_out" });
    expect(notes(verdict)).not.toHaveProperty("sequence");
    expect(verdict.state).toBe("altered");
  });

  it("needs no anchor before the last that no event uses", async () => {
    const world = build({ later: true });
    world.proof.events.pop();
    expect((await check(world)).checks[0]).toMatchObject({ result: "INVALID", code: "anchor_unused" });
  });

  it.each<[string, string, (map: string[]) => unknown]>([
    ["another hash", "left_out", (map) => (map[0] = "11".repeat(32))],
    ["hashes swapped", "left_out", (map) => map.reverse()],
    ["a hash more", "left_out", (map) => map.push("11".repeat(32))],
    ["zeros at the end", "map_path", (map) => map.push(zeros)],
    ["zeros alone", "map_path", (map) => map.splice(0, map.length, zeros)],
  ])("is refused with %s", async (_what, code, damage) => {
    const world = build();
    damage(world.proof.map);
    expect(notes(await check(world)).complete).toBe(`INVALID ${code}`);
  });

  it("does not hold for an older anchor with a newer path, nor the other way round", async () => {
    const [older, newer] = [build(), build({ later: true })];
    older.proof.map = newer.proof.map;
    expect(notes(await check(older)).complete).toBe("INVALID left_out");
    newer.proof.map = build().proof.map;
    expect(notes(await check(newer)).complete).toBe("INVALID left_out");
  });
});
