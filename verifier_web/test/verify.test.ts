import { describe, expect, it } from "vitest";

import { hex, sha, utf8 } from "../src/protocol/hashes.ts";
import { parsePolicy } from "../src/protocol/policy.ts";
import { parseProof } from "../src/protocol/proof.ts";
import { CHECKS, exitCode, neededBlocks, verify } from "../src/protocol/verify.ts";
import type { CheckName, Inputs, NodeAnswer, Verdict } from "../src/protocol/verify.ts";
import {
  ACTOR,
  CHAIN,
  EVENTS,
  FILE,
  LOG_KEY,
  ORIGIN,
  PENDING,
  RECEIPT_KEY,
  STREAM,
  TIME,
  build,
  canonical,
  checkpoint,
  signNote,
  signer,
} from "./world.ts";
import type { AnchorDoc, EventDoc, PendingDoc, ProofDoc, Value, Wishes, World } from "./world.ts";

function check(world: World, inputs: Inputs = {}): Promise<Verdict> {
  return verify(canonical(world.proof as unknown as Value), parsePolicy(canonical(world.policy)), inputs);
}

/** The checks that are not VALID, as `result code`. */
function notes(verdict: Verdict): Partial<Record<CheckName, string>> {
  const others = verdict.checks.filter(({ result }) => result !== "VALID");
  return Object.fromEntries(others.map(({ check, result, code }) => [check, `${result} ${code}`]));
}

/** What every offline check of a whole proof leaves open. */
const OPEN = {
  attachments: "SKIPPED not_given",
  pending: "SKIPPED no_pending",
  dated: "UNKNOWN not_before_untrusted",
  fresh: "UNKNOWN as_of",
};

function node(world: World, more: Partial<NodeAnswer> = {}): NodeAnswer {
  return {
    url: "https://node.example",
    operator: false,
    error: null,
    chainId: CHAIN,
    final: 100,
    blocks: new Map([...world.blocks, world.notBefore].map(({ number, hash }) => [number, hash])),
    head: world.head,
    ...more,
  };
}

const OTHER = sha(utf8("another block"));
const without: Partial<World["policy"]> = { blocks: [] };

function trusting(policy: Partial<Record<string, Value>>, wishes: Wishes = {}): World {
  const world = build(wishes);
  return { ...world, policy: { ...world.policy, ...policy } as World["policy"] };
}

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

const event = (world: World, at: number): EventDoc => world.proof.events[at] as EventDoc;
const anchor = (world: World, at: number): AnchorDoc => world.proof.anchors[at] as AnchorDoc;
const zeros = "0".repeat(64);

function swap(text: string, from: string | RegExp, to: string): string {
  const changed = text.replace(from, to);
  if (changed === text) throw new Error(`nothing to change in ${text}`);
  return changed;
}

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

describe("what an event must say (SPEC 4.5)", () => {
  const first = EVENTS[0]?.fields ?? {};
  it.each([
    ["a type of no table", { ...first, type: "teleported" }],
    ["a type that is no text", { ...first, type: 1 }],
    ["a date that does not exist", { ...first, occurred_at: "2026-02-29T00:00:00Z" }],
    ["a time without an offset", { ...first, occurred_at: "2026-02-28T00:00:00" }],
    ["second 60", { ...first, occurred_at: "2026-02-28T00:00:60Z" }],
    ["hour 24", { ...first, occurred_at: "2026-02-28T24:00:00Z" }],
    ["offset hour 24", { ...first, occurred_at: "2026-02-28T00:00:00+24:00" }],
    ["a bare point", { ...first, occurred_at: "2026-02-28T00:00:00.Z" }],
    ["ten digits of a second", { ...first, occurred_at: "2026-02-28T00:00:00.0123456789Z" }],
    ["the year 0", { ...first, occurred_at: "0000-01-01T00:00:00Z" }],
    ["a role in capitals", { ...first, "actor.role": "Brand" }],
  ])("%s is not by the grammar", async (_what, fields) => {
    expect(notes(await check(build({ events: [{ fields }] })))).toMatchObject({ events: "INVALID event_grammar" });
  });

  it.each(["2024-02-29T23:59:59.999999999-23:59", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59+00:00"])("%s is", async (text) => {
    expect((await check(build({ events: [{ fields: { ...first, occurred_at: text } }] }))).state).toBe("verified");
  });

  it("hiding one of the three leaves completeness unknown", async () => {
    for (const name of ["type", "occurred_at", "actor.role"]) {
      const verdict = await check(build({ events: [{ fields: first, hide: [name] }] }));
      expect(notes(verdict)).toMatchObject({ complete: "UNKNOWN withheld" });
      expect(verdict.state).toBe("could_not_check");
    }
  });
});

describe("signatures of actors (SPEC 4.7)", () => {
  const fields = { type: "signed", occurred_at: "2026-05-02T08:00:00Z", "actor.role": "carrier" };
  const whole = { alg: "ed25519", fields: ["occurred_at", "type"], key: hex(ACTOR.key.public), sig: "00".repeat(64) };

  it.each([
    ["a signature by nobody", whole],
    ["no object", "signed"],
    ["null", null],
    ["a member more", { ...whole, more: 1 }],
    ["another algorithm", { ...whole, alg: "es256" }],
    ["names out of order", { ...whole, fields: ["type", "occurred_at"] }],
    ["a name twice", { ...whole, fields: ["occurred_at", "type", "type"] }],
    ["too few names", { ...whole, fields: ["type"] }],
    ["a field that is not there", { ...whole, fields: ["note", "occurred_at", "type"] }],
    ["itself", { ...whole, fields: ["occurred_at", "signature", "type"] }],
    ["a number among the names", { ...whole, fields: [1, "occurred_at", "type"] }],
    ["a short key", { ...whole, key: "00" }],
  ])("%s is refused", async (_what, signature) => {
    const verdict = await check(build({ events: [{ fields: { ...fields, signature } }] }));
    expect(notes(verdict)).toMatchObject({ signatures: "INVALID actor_signature" });
    expect(verdict.order?.events[0]).toMatchObject({ said: "reported", signed_by: null });
  });

  it("are skipped where there are none", async () => {
    expect(notes(await check(build({ events: [{ fields }] })))).toMatchObject({ signatures: "SKIPPED no_signatures" });
  });
});

describe("attachments (SPEC 15.11)", () => {
  const two = { ...EVENTS[0]?.fields, attachments: [{ sha256: FILE }, { sha256: zeros }, { sha256: "x" }, 1, null] };
  it.each([
    ["the file", {}, { [FILE]: FILE }, undefined],
    ["another file", {}, { [FILE]: zeros }, "INVALID attachment"],
    ["a file that nobody names", {}, { [FILE]: FILE, [zeros]: zeros }, "INVALID attachment_unnamed"],
    ["one of two files", { events: [{ fields: two }] }, { [FILE]: FILE }, "UNKNOWN attachment_missing"],
    ["both files", { events: [{ fields: two }] }, { [FILE]: FILE, [zeros]: zeros }, undefined],
    ["no file", {}, {}, "SKIPPED not_given"],
    ["no file of none", { events: EVENTS.slice(0, 1) }, {}, "SKIPPED no_attachments"],
  ])("given %s", async (_what, wishes, given, expected) => {
    expect(notes(await check(build(wishes), { attachments: new Map(Object.entries(given)) })).attachments).toBe(expected);
  });
});

describe("pending events (SPEC 15.12)", () => {
  const receipt = ({ proof }: World): PendingDoc["receipt"] => (proof.pending[0] as PendingDoc).receipt;
  it.each<[string, string, (world: World) => void]>([
    ["another commitment", "INVALID receipt", (world) => (receipt(world).leaf = swap(receipt(world).leaf, /"commitment":"[^"]*"/, `"commitment":"${zeros}"`))],
    ["another path", "INVALID receipt", (world) => (receipt(world).path = [zeros])],
    ["another value", "INVALID receipt", ({ proof }) => (proof.pending[0] as PendingDoc).disclosed.pop()],
    ["a key of nobody", "INVALID receipt", ({ policy }) => (policy["receipt_keys"] = [])],
    ["a note signed by another", "INVALID receipt", (world) => (receipt(world).note = signNote(receipt(world).note.split("\n\n")[0] + "\n", LOG_KEY))],
    ["another origin", "INVALID receipt", (world) => (receipt(world).note = signNote(receipt(world).note.split("\n\n")[0]?.replace("/receipts", "") + "\n", RECEIPT_KEY))],
  ])("%s", async (_what, expected, damage) => {
    const world = build({ pending: [PENDING] });
    damage(world);
    const verdict = await check(world);
    expect(notes(verdict).pending).toBe(expected);
    expect(verdict.state).toBe("altered");
  });

  it.each<[string, (pending: PendingDoc[]) => unknown]>([
    ["swapped", (pending) => pending.reverse()],
    ["repeated", (pending) => pending.push(pending[1] as PendingDoc)],
    ["accepted before the newest event", ([first]) => ((first as PendingDoc).receipt.leaf = '{"accepted":0' + (first as PendingDoc).receipt.leaf.slice(first?.receipt.leaf.indexOf(",")))],
    ["of later times first", ([first]) => ((first as PendingDoc).receipt.leaf = swap((first as PendingDoc).receipt.leaf, /"accepted":1/, '"accepted":2'))],
  ])("must be in order of acceptance: %s", async (_what, damage) => {
    const world = build({ pending: [PENDING, PENDING] });
    expect((await check(world)).state).toBe("verified_pending");
    damage(world.proof.pending);
    expect((await check(world)).checks[0]).toMatchObject({ result: "INVALID", code: "pending_order" });
  });

  it("must show the three fields", async () => {
    const verdict = await check(build({ pending: [{ ...PENDING, hide: ["type"] }] }));
    expect(notes(verdict).pending).toBe("INVALID event_grammar");
    const bad = await check(build({ pending: [{ fields: { ...PENDING.fields, type: "gone" } }] }));
    expect(notes(bad).pending).toBe("INVALID event_grammar");
  });
});

describe("nodes (SPEC 15.8)", () => {
  const answers = (world: World, hash: Uint8Array | null, more: Partial<NodeAnswer> = {}): NodeAnswer =>
    node(world, { blocks: new Map([10, 11].map((number) => [number, hash as NodeAnswer["blocks"] extends ReadonlyMap<number, infer H> ? H : never])), ...more });
  it.each<[string, string | undefined, (world: World) => NodeAnswer[]]>([
    ["one final", undefined, (world) => [node(world)]],
    ["one final and one silent", undefined, (world) => [node(world), node(world, { error: "no answer", blocks: new Map() })]],
    ["one that has another block", "INVALID block_other", (world) => [answers(world, OTHER)]],
    ["two that disagree", "UNKNOWN nodes_disagree", (world) => [node(world), answers(world, OTHER)]],
    ["one that does not call it final", "UNKNOWN block_not_final", (world) => [node(world, { final: 10 })]],
    ["one that knows nothing final", "UNKNOWN block_not_final", (world) => [node(world, { final: null })]],
    ["the operator's alone", "UNKNOWN operator_node", (world) => [node(world, { operator: true })]],
    ["the operator's, and another that is silent", "UNKNOWN nodes_silent", (world) => [node(world, { operator: true }), node(world, { error: "no answer" })]],
    ["a lying operator's, and another", undefined, (world) => [answers(world, OTHER, { operator: true }), node(world)]],
    ["one of another chain", "UNKNOWN nodes_silent", (world) => [node(world, { chainId: 1 })]],
    ["one that does not have the block", "UNKNOWN nodes_silent", (world) => [answers(world, null)]],
    ["none", "UNKNOWN block_untrusted", () => []],
  ])("%s", async (_what, expected, nodes) => {
    const world = trusting(without);
    const verdict = await check(world, { nodes: nodes(world) });
    expect(notes(verdict).block).toBe(expected);
    const state = expected?.startsWith("INVALID") ? "altered" : "could_not_check";
    expect(verdict.state).toBe(expected === undefined ? "verified" : state);
  });

  it("cannot overrule the policy's own blocks", async () => {
    const world = build();
    const verdict = await check(world, { nodes: [answers(world, OTHER)] });
    expect(verdict.checks.find(({ check }) => check === "block")?.result).toBe("VALID");
  });
});

describe("how new it is (SPEC 15.13, 15.14)", () => {
  it.each<[string, string | undefined, (world: World) => Partial<NodeAnswer>]>([
    ["the head", undefined, () => ({})],
    ["another root", "INVALID head_other", ({ head }) => ({ head: { ...head, root: OTHER } })],
    ["a larger head", "UNKNOWN log_grown", ({ head }) => ({ head: { size: head.size + 9, root: OTHER } })],
    ["a smaller head", "UNKNOWN as_of", () => ({ head: { size: 1, root: OTHER } })],
    ["no head", "UNKNOWN as_of", () => ({ head: null })],
    ["the operator's head", "UNKNOWN as_of", () => ({ operator: true })],
  ])("%s", async (_what, expected, more) => {
    const world = build();
    expect(notes(await check(world, { nodes: [node(world, more(world))] })).fresh).toBe(expected);
  });

  it("is open where nodes disagree on the head", async () => {
    const world = build();
    const other = node(world, { head: { ...world.head, root: OTHER } });
    expect(notes(await check(world, { nodes: [node(world), other] })).fresh).toBe("UNKNOWN nodes_disagree");
  });

  it("is too old by the policy's own measure alone", async () => {
    const age = (max_age: number, now: number) => {
      const world = trusting({ max_age });
      return check(world, { now: now * 1000, nodes: [node(world)] });
    };
    const block = TIME + 12 * 11;
    expect((await age(60, block + 60)).state).toBe("verified");
    expect((await age(60, block + 61)).state).toBe("could_not_check");
    expect(notes(await age(60, block + 61)).fresh).toBe("UNKNOWN too_old");
    expect(notes(await check(trusting({ max_age: 1 }))).fresh).toBe("UNKNOWN as_of");
  });

  it("is not dated by a block that nobody trusts", async () => {
    const world = build();
    expect(notes(await check(world, { nodes: [node(world)] })).dated).toBeUndefined();
    const [seal] = [anchor(world, 1).seal];
    seal.entry = swap(seal.entry, /"not_before":\{[^}]*\}/, '"not_before":null');
    expect(notes(await check(world)).dated).toBe("SKIPPED no_not_before");
  });
});

describe("a proof that is not by the grammar (SPEC 14)", () => {
  it.each<[string, (proof: ProofDoc) => unknown]>([
    ["version 0", (proof) => (proof.v = 0)],
    ["another version", (proof) => (proof.v = 2)],
    ["another format", (proof) => (proof.format = "sealtrail/policy")],
    ["no map", (proof) => ((proof as { map: unknown }).map = null)],
    ["a map of another shape", (proof) => ((proof as { map: unknown }).map = {})],
    ["a map path of 257 hashes", (proof) => (proof.map = Array<string>(257).fill("11".repeat(32)))],
    ["a member more", (proof) => ((proof as unknown as Record<string, unknown>)["more"] = 1)],
    ["a member less", (proof) => delete (proof as Partial<ProofDoc>).pending],
    ["no events", (proof) => (proof.events = [])],
    ["no anchors", (proof) => (proof.anchors = [])],
    ["events out of order", (proof) => proof.events.reverse()],
    ["anchors out of order", (proof) => proof.anchors.reverse()],
    ["an event twice", (proof) => proof.events.splice(1, 0, proof.events[1] as EventDoc)],
    ["an anchor that is not the first", (proof) => ((proof.events[0] as EventDoc).anchor = 1)],
    ["an anchor that is not there", (proof) => ((proof.events[3] as EventDoc).anchor = 2)],
    ["an event behind all anchors", (proof) => ((proof.events[3] as EventDoc).index = 10 ** 6)],
    ["a negative index", (proof) => ((proof.events[0] as EventDoc).index = -1)],
    ["a fraction for an index", (proof) => ((proof.events[0] as EventDoc).index = 0.5)],
    ["disclosures out of order", (proof) => (proof.events[0] as EventDoc).disclosed.reverse()],
    ["a disclosure twice", (proof) => (proof.events[0] as EventDoc).disclosed.push((proof.events[0] as EventDoc).disclosed.at(-1) as string)],
    ["a disclosure with a space", (proof) => ((proof.events[0] as EventDoc).disclosed[0] += " ")],
    ["a field disclosed and hidden", (proof) => ((proof.events[0] as EventDoc).hidden["type"] = zeros)],
    ["a hidden name in capitals", (proof) => ((proof.events[0] as EventDoc).hidden["Type"] = zeros)],
    ["a hash in capitals", (proof) => ((proof.events[0] as EventDoc).path[0] = "A".repeat(64))],
    ["an entry with a space", (proof) => ((proof.events[0] as EventDoc).entry += " ")],
    ["an entry with a leading zero", (proof) => ((proof.events[0] as EventDoc).entry = swap((proof.events[0] as EventDoc).entry, '"seq":1', '"seq":01'))],
    ["a seal entry for an event's", (proof) => ((proof.events[0] as EventDoc).entry = (proof.anchors[0] as AnchorDoc).seal.entry)],
    ["odd hexadecimal digits", (proof) => ((proof.anchors[0] as AnchorDoc).block.header += "0")],
    ["a control in the tenant", (proof) => (proof.stream.tenant = "a\u0085b")],
    ["a long order id", (proof) => (proof.stream.order_id = "🍚".repeat(201))],
    ["64 fields and one", (proof) => Array.from({ length: 65 }, (_, at) => ((proof.events[0] as EventDoc).hidden[`x${at}`] = zeros))],
  ])("%s", async (_what, damage) => {
    const world = build();
    damage(world.proof);
    const verdict = await check(world);
    expect(verdict.state).toBe("malformed");
    expect(exitCode(verdict.state)).toBe(2);
    expect(verdict.checks[0]).toMatchObject({ check: "format", result: "INVALID" });
    expect(verdict.checks.slice(1).map(({ result, code }) => `${result} ${code}`)).toEqual(Array(13).fill("SKIPPED malformed"));
    expect(verdict).toMatchObject({ order: null, as_of: null });
  });

  it("says so of another version", async () => {
    const world = build();
    world.proof.v = 0;
    expect((await check(world)).checks[0]?.code).toBe("version");
  });
});
