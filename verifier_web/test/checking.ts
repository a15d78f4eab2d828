/** What the tests of verification share: how a world's proof is checked, and what is said of the verdict. */

import { sha, utf8 } from "../src/protocol/hashes.ts";
import { parsePolicy } from "../src/protocol/policy.ts";
import { verify } from "../src/protocol/verify.ts";
import type { CheckName, Inputs, NodeAnswer, Verdict } from "../src/protocol/verify.ts";
import { CHAIN, build, canonical } from "./world.ts";
import type { AnchorDoc, EventDoc, Value, Wishes, World } from "./world.ts";

export function check(world: World, inputs: Inputs = {}): Promise<Verdict> {
  return verify(canonical(world.proof as unknown as Value), parsePolicy(canonical(world.policy)), inputs);
}

/** The checks that are not VALID, as `result code`. */
export function notes(verdict: Verdict): Partial<Record<CheckName, string>> {
  const others = verdict.checks.filter(({ result }) => result !== "VALID");
  return Object.fromEntries(others.map(({ check, result, code }) => [check, `${result} ${code}`]));
}

/** What every offline check of a whole proof leaves open. */
export const OPEN = {
  attachments: "SKIPPED not_given",
  pending: "SKIPPED no_pending",
  dated: "UNKNOWN not_before_untrusted",
  fresh: "UNKNOWN as_of",
};

export function node(world: World, more: Partial<NodeAnswer> = {}): NodeAnswer {
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

/** A hash that nothing in a world has. */
export const OTHER = sha(utf8("another block"));
/** For a policy that lists no block. */
export const without: Partial<World["policy"]> = { blocks: [] };

export function trusting(policy: Partial<Record<string, Value>>, wishes: Wishes = {}): World {
  const world = build(wishes);
  return { ...world, policy: { ...world.policy, ...policy } as World["policy"] };
}

export const event = (world: World, at: number): EventDoc => world.proof.events[at] as EventDoc;
export const anchor = (world: World, at: number): AnchorDoc => world.proof.anchors[at] as AnchorDoc;
export const zeros = "0".repeat(64);

export function swap(text: string, from: string | RegExp, to: string): string {
  const changed = text.replace(from, to);
  if (changed === text) throw new Error(`nothing to change in ${text}`);
  return changed;
}
