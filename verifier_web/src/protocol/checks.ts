/** How a check is run, and the checks that proofs and absence proofs share (SPEC 15.5 to 15.8, 15.13, 15.14). */

import { holds } from "./ed25519.ts";
import type { Signed } from "./ed25519.ts";
import { Altered, Malformed, SealtrailError, Unproven } from "./errors.ts";
import { verifyAnchored } from "./evidence.ts";
import type { BlockHeader } from "./evidence.ts";
import { equal } from "./hashes.ts";
import type { Hash } from "./hashes.ts";
import { verifyInclusion } from "./merkle.ts";
import { answersThatCount, trustBlock } from "./nodes.ts";
import type { NodeAnswer } from "./nodes.ts";
import { isNamed, signedNote } from "./note.ts";
import type { Policy } from "./policy.ts";
import type { Anchored, ProvenAnchor } from "./proof.ts";
import type { Check, CheckName, Result } from "./verdict.ts";

/** What a verifier knows beside proof and policy; all of it may be missing. */
export interface Inputs {
  /** The stream id that the label names. */
  readonly stream?: Hash | undefined;
  /** What nodes answered; empty or missing where none was asked. */
  readonly nodes?: readonly NodeAnswer[] | undefined;
  /** Hashes by which files are named → hashes found in their bytes, in hexadecimal. */
  readonly attachments?: ReadonlyMap<string, string> | undefined;
  /** Milliseconds UTC. */
  readonly now?: number | undefined;
}

/** Everything the checks look at. `headers`: of each anchor; null where its RLP is broken. */
export interface Case<Document extends Anchored = Anchored> {
  readonly proof: Document;
  readonly policy: Policy;
  readonly inputs: Inputs;
  readonly headers: readonly (BlockHeader | null)[];
}

/** There is nothing to check: no error, and so without the trace of one, which takes longer than most steps. */
export class Skipped {
  readonly code: string;
  readonly message: string;

  constructor(code: string, message: string) {
    this.code = code;
    this.message = message;
  }
}

/** A signature that a check turns on, and the code and message of what is found where it does not hold. */
export interface Doubt {
  readonly signed: Signed;
  readonly holds: Promise<boolean>;
  readonly code: string;
  readonly message: string;
}

/** Asks whether a signature holds; what asks others besides does not wait for the answer. */
export function doubt(signed: Signed, code: string, message = "the Ed25519 signature does not verify"): Doubt {
  return { signed, holds: holds(signed), code, message };
}

export type Finding = SealtrailError | Skipped | Doubt;
export type Findings = Iterable<Finding>;

/** What is said of a check that holds. */
const VALID: Readonly<Record<CheckName, string>> = {
  format: "the proof is well formed",
  stream: "the entries are this order's",
  events: "every event is what was committed",
  sequence: "the events follow one another from the first on",
  checkpoint: "the log's key signed",
  inclusion: "every entry is in the log at its place",
  anchor: "the registry recorded the log",
  block: "the block is one that you trust",
  complete: "nothing was left out: as of the newest block, the log holds exactly these events of the order",
  absent: "the log held nothing of this code",
  signatures: "the actors' signatures hold",
  attachments: "the files are the ones that were committed",
  pending: "newer events are promised by receipts",
  dated: "it was sealed after the block that the seal names",
  fresh: "this is the newest state that the registry holds",
};

/** Gathers a check's findings: the first INVALID one counts, else the first UNKNOWN, else the first SKIPPED. */
export async function run(name: CheckName, check: Findings): Promise<Check> {
  const findings = (await Promise.all([...check].map(settled))).filter((finding) => finding !== null);
  const kinds: readonly (readonly [Result, (finding: SealtrailError | Skipped) => boolean])[] = [
    ["INVALID", (finding) => finding instanceof Altered || finding instanceof Malformed],
    ["UNKNOWN", (finding) => finding instanceof Unproven],
    ["SKIPPED", (finding) => finding instanceof Skipped],
  ];
  for (const [result, isKind] of kinds) {
    const finding = findings.find(isKind);
    if (finding !== undefined) return { check: name, result, code: finding.code, detail: finding.message };
  }
  return { check: name, result: "VALID", code: null, detail: VALID[name] };
}

async function settled(finding: Finding): Promise<SealtrailError | Skipped | null> {
  if (!("holds" in finding)) return finding;
  return (await finding.holds) ? null : new Altered(finding.code, finding.message);
}

/** What a step that throws found; our own bugs go on their way. */
export function* caught(step: () => void): Generator<SealtrailError> {
  try {
    step();
  } catch (problem) {
    yield domainError(problem);
  }
}

export function domainError(problem: unknown): SealtrailError {
  if (problem instanceof SealtrailError) return problem;
  throw problem;
}

// --- the checks, in the order of SPEC 15 -------------------------------------------------------------------------

/** 15.5: the log's key signed each checkpoint. */
export function* checkCheckpoint({ proof, policy }: Case): Findings {
  for (const { checkpoint } of proof.anchors) {
    const where = `the checkpoint of size ${checkpoint.size}`;
    if (checkpoint.origin !== policy.origin) {
      yield new Altered("origin", `${where} is another log's`);
      continue;
    }
    const allowed = policy.logKeys.find(
      ({ key, first, last }) =>
        isNamed(key, checkpoint.note) && first <= checkpoint.size && checkpoint.size <= (last ?? Infinity),
    );
    if (allowed === undefined) yield new Altered("log_key", `${where} is not signed by a key that the policy allows`);
    else yield doubt(signedNote(checkpoint.note, allowed.key), "checkpoint_signature");
  }
}

/** 15.6: each entry is in the log at its place, and each checkpoint ends with its own seal. */
export function* checkInclusion({ proof, policy }: Case): Findings {
  for (const { leaf, index, path, anchor } of proof.events) {
    const { size, root } = (proof.anchors[anchor] as ProvenAnchor).checkpoint;
    yield* caught(() => verifyInclusion(leaf, index, size, path, root));
  }
  for (const { checkpoint, seal, sealLeaf, sealPath } of proof.anchors) {
    const { size, root } = checkpoint;
    yield* caught(() => verifyInclusion(sealLeaf, size - 1, size, sealPath, root));
    if (!equal(seal.log, policy.log) || seal.size !== size) {
      yield new Altered("seal", `the checkpoint of size ${size} does not end with its own seal entry`);
    }
  }
}

/** 15.7: the registry recorded each checkpoint. */
export function* checkAnchor({ proof, policy, headers }: Case): Findings {
  for (const [at, { checkpoint, evidence }] of proof.anchors.entries()) {
    const header = headers[at] ?? undefined; // where it is broken, reading it again tells what is wrong
    const { size, root } = checkpoint;
    yield* caught(() => verifyAnchored(evidence, policy.chain.registry, policy.log, size, root, header));
  }
}

/** 15.8: each anchor's block is one that the verifier trusts. */
export function* checkBlock(it: Case): Findings {
  for (const header of it.headers) {
    if (header === null) yield new Unproven("block_untrusted", "a block header cannot be read");
    else yield* caught(() => trustBlock(header, it.policy, it.inputs.nodes));
  }
}

/** 15.13: from which block on it can have been sealed. */
export function* checkDated(it: Case): Findings {
  const block = newestAnchor(it.proof).seal.notBefore;
  if (block === null) {
    yield new Skipped("no_not_before", "the seal names no block from before");
    return;
  }
  for (const _finding of caught(() => trustBlock(block, it.policy, it.inputs.nodes))) {
    yield new Unproven("not_before_untrusted", `the seal names block ${block.number}, which is not one that you trust`);
  }
}

/** 15.14: how new this is. */
export function* checkFresh(it: Case): Findings {
  const { size, root } = newestAnchor(it.proof).checkpoint;
  const newest = it.headers.at(-1) ?? null;
  const { maxAge } = it.policy;
  const { now } = it.inputs;
  if (newest !== null && maxAge !== null && now !== undefined && (newest.timestamp + maxAge) * 1000 < now) {
    yield new Unproven("too_old", `the newest anchor is older than the ${maxAge} s that the policy allows`);
  }
  const heads = answersThatCount(it.policy, it.inputs.nodes).flatMap(({ head }) => (head === null ? [] : [head]));
  const ofSize = heads.filter((head) => head.size === size);
  const [same, other] = [ofSize.filter((head) => equal(head.root, root)), ofSize.filter((head) => !equal(head.root, root))];
  if (other.length > 0 && same.length > 0) {
    yield new Unproven("nodes_disagree", `the nodes asked disagree on the registry's root for size ${size}`);
  } else if (other.length > 0) {
    yield new Altered("head_other", `the registry holds another root for size ${size}`);
  } else if (heads.some((head) => head.size > size)) {
    yield new Unproven("log_grown", "the log has grown since: this is the record as of the block named");
  } else if (same.length === 0) {
    yield new Unproven("as_of", "nobody told the registry's head: this is the record as of the block named");
  }
}

export function newestAnchor(proof: Anchored): ProvenAnchor {
  return proof.anchors.at(-1) as ProvenAnchor; // each event has one, and there are events (SPEC 14.2); absence has one (14.6)
}
