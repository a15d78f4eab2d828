import { describe, expect, it } from "vitest";

import type { NodeAnswer } from "../src/protocol/verify.ts";
import { TIME } from "./chain.ts";
import { OTHER, anchor, check, node, notes, swap, trusting, without } from "./checking.ts";
import { build } from "./world.ts";
import type { World } from "./world.ts";

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
