import { describe, expect, it } from "vitest";

import { exitCode } from "../src/protocol/verify.ts";
import { check, swap, zeros } from "./checking.ts";
import { build } from "./world.ts";
import type { AnchorDoc, EventDoc, ProofDoc } from "./world.ts";

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
