/**
 * Verification, step by step as SPEC 15 numbers it: the checks, and the state that follows from them.
 *
 * `verify` takes bytes and a policy and never throws for what the bytes hold: every finding is in the verdict. It asks
 * nobody anything; what nodes said is an argument, and counts as far as SPEC 15.8 lets it.
 */

import { isArray, isObject } from "./canonical.ts";
import { Altered, Malformed, SealtrailError, Unproven } from "./errors.ts";
import { MANDATORY, checkMandatory, commitment, findGap } from "./event.ts";
import { verifyAnchored } from "./evidence.ts";
import type { BlockHeader } from "./evidence.ts";
import { equal, hex } from "./hashes.ts";
import type { Hash } from "./hashes.ts";
import { WITHDRAWN } from "./lifecycle.ts";
import type { LifecycleState } from "./lifecycle.ts";
import { verifyInclusion } from "./merkle.ts";
import { answersThatCount, trustBlock } from "./nodes.ts";
import type { NodeAnswer } from "./nodes.ts";
import { isNamed, openNote } from "./note.ts";
import type { Policy } from "./policy.ts";
import { headerOf, parseProof } from "./proof.ts";
import type { PendingEvent, Proof, ProvenAnchor, View } from "./proof.ts";
import { verifyReceipt } from "./receipt.ts";
import { verifyActor } from "./signature.ts";
import { shownBlock, tell } from "./story.ts";
import { CHECKS } from "./verdict.ts";
import type { Check, CheckName, Result, State, Verdict } from "./verdict.ts";

export type { NodeAnswer } from "./nodes.ts";
export type * from "./verdict.ts";
export { CHECKS } from "./verdict.ts";

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
interface Case {
  readonly proof: Proof;
  readonly policy: Policy;
  readonly inputs: Inputs;
  readonly headers: readonly (BlockHeader | null)[];
}

/** There is nothing to check. */
class Skipped extends SealtrailError {}

type Findings = Iterable<SealtrailError>;

/** The steps of SPEC 15.1 to 15.14, in their order. */
const STEPS: Readonly<Record<CheckName, readonly [check: (it: Case) => Findings, valid: string]>> = {
  format: [() => [], "the proof is well formed"],
  stream: [checkStream, "the entries are this order's"],
  events: [checkEvents, "every event is what was committed"],
  sequence: [checkSequence, "the events follow one another from the first on"],
  checkpoint: [checkCheckpoint, "the log's key signed"],
  inclusion: [checkInclusion, "every entry is in the log at its place"],
  anchor: [checkAnchor, "the registry recorded the log"],
  block: [checkBlock, "the block is one that you trust"],
  complete: [checkComplete, "nothing was left out"],
  signatures: [checkSignatures, "the actors' signatures hold"],
  attachments: [checkAttachments, "the files are the ones that were committed"],
  pending: [checkPending, "newer events are promised by receipts"],
  dated: [checkDated, "it was sealed after the block that the seal names"],
  fresh: [checkFresh, "this is the newest state that the registry holds"],
};

/** Runs the checks of SPEC 15 on a proof's bytes. */
export function verify(raw: Uint8Array, policy: Policy, inputs: Inputs = {}): Verdict {
  let proof: Proof;
  try {
    proof = parseProof(raw);
  } catch (problem) {
    return malformed(domainError(problem));
  }
  const it: Case = { proof, policy, inputs, headers: proof.anchors.map(headerOf) };
  const checks = CHECKS.map((name) => run(name, it));
  const order = tell(proof, it.headers, policy);
  return {
    as_of: shownBlock(it.headers.at(-1) ?? null),
    checks,
    not_proven: ["truth", "object", "complete"],
    order,
    state: stateOf(checks, policy, order.lifecycle, proof.pending.length > 0),
  };
}

/** The numbers of the blocks that nodes should be asked for: the anchors' and the newest `not_before`. */
export function neededBlocks(proof: Proof): readonly number[] {
  const headers = proof.anchors.map(headerOf);
  const numbers = [...headers.map((header) => header?.number), proof.anchors.at(-1)?.seal.notBefore?.number];
  return [...new Set(numbers.filter((number) => number !== undefined))].sort((low, high) => low - high);
}

/** The exit code of a verifier (SPEC 15.17). */
export function exitCode(state: State): 0 | 1 | 2 | 3 {
  switch (state) {
    case "verified":
    case "verified_pending":
    case "withdrawn":
    case "test_data":
      return 0;
    case "altered":
      return 1;
    case "malformed":
      return 2;
    case "could_not_check":
      return 3;
  }
}

function malformed(problem: SealtrailError): Verdict {
  // SPEC 15.1: this check is INVALID and all others are SKIPPED
  const checks = CHECKS.map((check): Check =>
    check === "format"
      ? { check, result: "INVALID", code: problem.code, detail: problem.message }
      : { check, result: "SKIPPED", code: "malformed", detail: "the proof is malformed" },
  );
  return { as_of: null, checks, not_proven: ["truth", "object", "complete"], order: null, state: "malformed" };
}

/** Gathers a check's findings: the first INVALID one counts, else the first UNKNOWN, else the first SKIPPED. */
function run(name: CheckName, it: Case): Check {
  const [check, valid] = STEPS[name];
  const findings = [...check(it)];
  const kinds: readonly (readonly [Result, (finding: SealtrailError) => boolean])[] = [
    ["INVALID", (finding) => finding instanceof Altered || finding instanceof Malformed],
    ["UNKNOWN", (finding) => finding instanceof Unproven],
    ["SKIPPED", (finding) => finding instanceof Skipped],
  ];
  for (const [result, isKind] of kinds) {
    const finding = findings.find(isKind);
    if (finding !== undefined) return { check: name, result, code: finding.code, detail: finding.message };
  }
  return { check: name, result: "VALID", code: null, detail: valid };
}

/** What a step that throws found; our own bugs go on their way. */
function* caught(step: () => unknown): Generator<SealtrailError> {
  try {
    step();
  } catch (problem) {
    yield domainError(problem);
  }
}

function domainError(problem: unknown): SealtrailError {
  if (problem instanceof SealtrailError) return problem;
  throw problem;
}

// --- the checks, in the order of SPEC 15 -------------------------------------------------------------------------

/** 15.2: whose order this is. */
function* checkStream({ proof, policy, inputs }: Case): Findings {
  const { stream, tenant } = proof.opening;
  if (proof.events.some((event) => !equal(event.entry.stream, stream))) {
    yield new Altered("stream_opening", "the order and tenant shown are not those of the entries");
  }
  if (inputs.stream !== undefined && !equal(inputs.stream, stream)) {
    yield new Altered("label_stream", "this is another order than the label's");
  }
  if (policy.tenants !== null && !policy.tenants.has(tenant)) {
    yield new Unproven("tenant_unknown", `the policy does not name the tenant ${tenant}`);
  }
}

/** 15.3: each event is what its entry committed to. */
function* checkEvents({ proof, policy }: Case): Findings {
  for (const [at, { view, entry }] of proof.events.entries()) {
    const where = `event ${at + 1}`;
    if (!equal(commitment(view.digests), entry.commitment)) {
      yield new Altered("commitment", `${where}: its fields are not those that were committed`);
    }
    if (!equal(entry.log, policy.log)) yield new Altered("entry_log", `${where}: the entry is another log's`);
    yield* caught(() => checkGrammar(view, where));
  }
}

function checkGrammar(view: View, where: string): void {
  try {
    checkMandatory(view.fields);
  } catch (problem) {
    throw new Altered("event_grammar", `${where}: ${domainError(problem).message}`);
  }
}

/** 15.4: from the first event on, without a gap. */
function* checkSequence({ proof }: Case): Findings {
  const gap = findGap(proof.events);
  if (gap !== null) yield new Altered("sequence", `event ${gap + 1} does not follow the one before it`);
}

/** 15.5: the log's key signed each checkpoint. */
function* checkCheckpoint({ proof, policy }: Case): Findings {
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
    else yield* caught(() => openNote(checkpoint.note, allowed.key));
  }
}

/** 15.6: each entry is in the log at its place, and each checkpoint ends with its own seal. */
function* checkInclusion({ proof, policy }: Case): Findings {
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
function* checkAnchor({ proof, policy }: Case): Findings {
  for (const { checkpoint, evidence } of proof.anchors) {
    yield* caught(() => verifyAnchored(evidence, policy.chain.registry, policy.log, checkpoint.size, checkpoint.root));
  }
}

/** 15.8: each anchor's block is one that the verifier trusts. */
function* checkBlock(it: Case): Findings {
  for (const header of it.headers) {
    if (header === null) yield new Unproven("block_untrusted", "a block header cannot be read");
    else yield* caught(() => trustBlock(header, it.policy, it.inputs.nodes));
  }
}

/** 15.9: nothing was left out, once there is a map to say so. */
function* checkComplete({ proof }: Case): Findings {
  for (const [at, { view }] of proof.events.entries()) {
    const withheld = MANDATORY.find((name) => !view.fields.has(name));
    if (withheld !== undefined) yield new Unproven("withheld", `event ${at + 1} does not disclose ${withheld}`);
  }
  yield new Skipped("no_map", "format version 0 has no stream map: that nothing was left out is not proven");
}

/** 15.10: who signed what they said. */
function* checkSignatures(it: Case): Findings {
  const signed = viewsOf(it.proof).filter((view) => view.fields.has("signature"));
  if (signed.length === 0) yield new Skipped("no_signatures", "no event is signed by an actor");
  for (const view of signed) {
    const value = view.fields.get("signature") ?? null;
    yield* caught(() => verifyActor(value, view.digests, it.policy.log, it.proof.opening.stream));
  }
}

function viewsOf(proof: Proof): readonly View[] {
  return [...proof.events, ...proof.pending].map(({ view }) => view);
}

/** 15.11: the files are the ones that were committed. */
function* checkAttachments({ proof, inputs }: Case): Findings {
  const named = new Set(viewsOf(proof).flatMap(attachmentHashes));
  const given = inputs.attachments ?? new Map<string, string>();
  if (named.size === 0 && given.size === 0) {
    yield new Skipped("no_attachments", "no event names a file");
    return;
  }
  if (given.size === 0) {
    yield new Skipped("not_given", `${named.size} files are named, and none was given to check`);
    return;
  }
  for (const [name, found] of [...given].sort(([one], [other]) => (one < other ? -1 : 1))) {
    if (!named.has(name)) yield new Altered("attachment_unnamed", `no event names the file ${name}`);
    else if (found !== name) yield new Altered("attachment", `the file ${name} has another hash`);
  }
  const missing = [...named].filter((name) => !given.has(name)).length;
  if (missing > 0) yield new Unproven("attachment_missing", `${missing} of ${named.size} files are missing`);
}

/** The file hashes that a view's disclosed `attachments` name; what is not by SPEC 4.6 is passed over. */
export function attachmentHashes(view: View): readonly string[] {
  const listed = view.fields.get("attachments") ?? null;
  const names = isArray(listed) ? listed.map((item) => (isObject(item) ? item.get("sha256") : null)) : [];
  return names.filter((name) => typeof name === "string").filter((name) => /^[0-9a-f]{64}$/.test(name));
}

/** 15.12: what is promised and not anchored yet. */
function* checkPending(it: Case): Findings {
  if (it.proof.pending.length === 0) yield new Skipped("no_pending", "no event waits for its anchor");
  const shown = new Set(it.proof.events.map(({ entry }) => hex(entry.commitment)));
  for (const [at, pending] of it.proof.pending.entries()) {
    const where = `pending event ${at + 1}`;
    yield* caught(() => verifyPending(it, pending, where));
    // SPEC 15.12: no event is there twice, pending or not
    const commits = hex(pending.promise.commitment);
    if (shown.has(commits)) yield new Altered("receipt", `${where}: this event is there already`);
    shown.add(commits);
    const missing = MANDATORY.find((name) => !pending.view.fields.has(name));
    if (missing !== undefined) yield new Altered("event_grammar", `${where} does not disclose ${missing}`);
    yield* caught(() => checkGrammar(pending.view, where));
  }
}

function verifyPending({ proof, policy }: Case, { view, receipt, promise }: PendingEvent, where: string): void {
  try {
    verifyReceipt(receipt, policy.origin, policy.receiptKeys);
  } catch (problem) {
    throw new Altered("receipt", `${where}: ${domainError(problem).message}`);
  }
  const isThis =
    equal(promise.commitment, commitment(view.digests)) &&
    equal(promise.log, policy.log) &&
    equal(promise.stream, proof.opening.stream);
  if (!isThis) throw new Altered("receipt", `${where}: the receipt is for another event`);
}

/** 15.13: from which block on it can have been sealed. */
function* checkDated(it: Case): Findings {
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
function* checkFresh(it: Case): Findings {
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

function newestAnchor(proof: Proof): ProvenAnchor {
  return proof.anchors.at(-1) as ProvenAnchor; // each event has one, and there are events (SPEC 14.2)
}

/** 15.15: the state that follows. */
function stateOf(checks: readonly Check[], policy: Policy, end: LifecycleState, isPending: boolean): State {
  if (checks.some((check) => check.result === "INVALID")) return "altered";
  const required: readonly CheckName[] = [
    ...(["stream", "events", "sequence", "checkpoint", "inclusion", "anchor", "block", "complete"] as const),
  ];
  const isOpen = ({ check, result, code }: Check) =>
    result === "UNKNOWN" && (required.includes(check) || code === "too_old");
  if (checks.some(isOpen)) return "could_not_check";
  if (policy.chain.test) return "test_data";
  if (WITHDRAWN.has(end)) return "withdrawn";
  return isPending ? "verified_pending" : "verified";
}
