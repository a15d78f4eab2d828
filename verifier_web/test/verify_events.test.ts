import { describe, expect, it } from "vitest";

import { hex } from "../src/protocol/hashes.ts";
import { check, notes, swap, zeros } from "./checking.ts";
import { signNote } from "./keys.ts";
import { ACTOR, EVENTS, FILE, LOG_KEY, PENDING, RECEIPT_KEY, build } from "./world.ts";
import type { PendingDoc, World } from "./world.ts";

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
