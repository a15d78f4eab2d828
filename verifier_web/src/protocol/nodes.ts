/** What nodes said, and how far it counts (SPEC 15.8). */

import { Altered, Unproven } from "./errors.ts";
import type { BlockId } from "./event.ts";
import { equal, hex } from "./hashes.ts";
import type { Hash } from "./hashes.ts";
import type { Policy } from "./policy.ts";

/** What one node answered. `error`: it did not answer, and the rest is empty. */
export interface NodeAnswer {
  readonly url: string;
  readonly operator: boolean;
  readonly error: string | null;
  readonly chainId: number | null;
  /** The newest block that counts as final by the policy. */
  readonly final: number | null;
  /** What the node has at each number that it was asked for; null where it has none. */
  readonly blocks: ReadonlyMap<number, Hash | null>;
  /** The registry's head of the policy's log. */
  readonly head: { readonly size: number; readonly root: Hash } | null;
}

/** SPEC 15.8: the nodes that answered for the policy's chain id, without those that the operator runs (unless the chain is a test chain) */
export function answersThatCount({ chain }: Policy, nodes: readonly NodeAnswer[] = []): readonly NodeAnswer[] {
  return nodes.filter((node) => node.error === null && node.chainId === chain.id && (chain.test || !node.operator));
}

/** Decides whether a block is trusted (SPEC 15.8, 1 to 4); Altered or Unproven where it is not. */
export function trustBlock(block: BlockId, policy: Policy, nodes: readonly NodeAnswer[] = []): void {
  const where = `block ${block.number} (0x${hex(block.hash)})`;
  const listed = policy.blocks.filter((known) => known.number === block.number);
  // SPEC 15.8: The policy lists its number with its hash: trusted. It lists the number only with other hashes: INVALID `block_other`.
  if (listed.some((known) => equal(known.hash, block.hash))) return;
  if (listed.length > 0) throw new Altered("block_other", `${where} is not the block that the policy trusts`);

  const answers = answersThatCount(policy, nodes).map((node) => ({ node, hash: node.blocks.get(block.number) ?? null }));
  const same = answers.filter(({ hash }) => hash !== null && equal(hash, block.hash));
  const other = answers.filter(({ hash }) => hash !== null && !equal(hash, block.hash));
  if (other.length > 0 && same.length > 0) throw new Unproven("nodes_disagree", `the nodes asked disagree on ${where}`);
  if (other.length > 0) throw new Altered("block_other", `the chain has another block than ${where} at that number`);
  if (same.some(({ node }) => node.final !== null && node.final >= block.number)) return;
  if (same.length > 0) throw new Unproven("block_not_final", `${where} is not final yet`);

  if (nodes.length === 0) throw new Unproven("block_untrusted", `nobody was asked whether ${where} is on the chain`);
  if (nodes.every((node) => node.operator) && !policy.chain.test) {
    throw new Unproven("operator_node", "only a node that the log's operator runs was asked");
  }
  throw new Unproven("nodes_silent", `no node could tell whether ${where} is on the chain`);
}
