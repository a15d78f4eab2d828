/**
 * Verification, step by step as SPEC 15 numbers it: the checks, and the state that follows from them.
 *
 * `verify` takes bytes and a policy and never throws for what the bytes hold: every finding is in the verdict. It asks
 * nobody anything; what nodes said is an argument, and counts as far as SPEC 15.8 lets it. Every step runs to its end at
 * once; only whether signatures hold is waited for, of all together.
 */

import { parseAbsence } from "./absence.ts";
import type { Absence } from "./absence.ts";
import { isArray, isObject } from "./canonical.ts";
import {
  Skipped,
  caught,
  checkAnchor,
  checkBlock,
  checkCheckpoint,
  checkDated,
  checkFresh,
  checkInclusion,
  domainError,
  doubt,
  newestAnchor,
  run,
} from "./checks.ts";
import type { Case, Finding, Findings, Inputs } from "./checks.ts";
import { Altered, Unproven } from "./errors.ts";
import type { SealtrailError } from "./errors.ts";
import { MANDATORY, checkMandatory, commitment, findGap } from "./event.ts";
import { equal, hex } from "./hashes.ts";
import type { Hash, StreamId } from "./hashes.ts";
import { WITHDRAWN } from "./lifecycle.ts";
import type { LifecycleState } from "./lifecycle.ts";
import type { Policy } from "./policy.ts";
import { headerOf, parseProof } from "./proof.ts";
import type { Anchored, PendingEvent, Proof, ProvenEvent, View } from "./proof.ts";
import { signedReceipt } from "./receipt.ts";
import { signedByActor } from "./signature.ts";
import { shownBlock, tell } from "./story.ts";
import type { Signers } from "./story.ts";
import { verifyInMap, verifyNotInMap } from "./streammap.ts";
import { ABSENCE_CHECKS, CHECKS, NOT_PROVEN } from "./verdict.ts";
import type { Check, CheckName, State, Verdict } from "./verdict.ts";

export type { Inputs } from "./checks.ts";
export type { NodeAnswer } from "./nodes.ts";
export type * from "./verdict.ts";
export { ABSENCE_CHECKS, CHECKS } from "./verdict.ts";

/** `claims`: what is to hold, or is wrong already, of each actor's signature. */
interface ProofCase extends Case<Proof> {
  readonly claims: ReadonlyMap<View, Finding>;
}

/** The steps of SPEC 15.1 to 15.14, in their order. */
const STEPS: Readonly<Record<(typeof CHECKS)[number], (it: ProofCase) => Findings>> = {
  format: () => [],
  stream: checkStream,
  events: checkEvents,
  sequence: checkSequence,
  checkpoint: checkCheckpoint,
  inclusion: checkInclusion,
  anchor: checkAnchor,
  block: checkBlock,
  complete: checkComplete,
  signatures: checkSignatures,
  attachments: checkAttachments,
  pending: checkPending,
  dated: checkDated,
  fresh: checkFresh,
};

/** Runs the checks of SPEC 15 on a proof's bytes. */
export async function verify(raw: Uint8Array, policy: Policy, inputs: Inputs = {}): Promise<Verdict> {
  let proof: Proof;
  try {
    proof = parseProof(raw);
  } catch (problem) {
    return malformed(domainError(problem), CHECKS);
  }
  const it: ProofCase = { proof, policy, inputs, headers: proof.anchors.map(headerOf), claims: claimsOf(proof, policy) };
  const checks = await allOf(CHECKS, (name) => run(name, STEPS[name](it)));
  const order = tell(proof, it.headers, policy, await signersOf(it));
  return {
    as_of: shownBlock(it.headers.at(-1) ?? null),
    checks,
    not_proven: NOT_PROVEN,
    order,
    state: stateOf(checks, policy, order.lifecycle, proof.pending.length > 0),
  };
}

/** The stream is the one that an absence proof is about: it names none itself (SPEC 14.6). */
interface AbsenceCase extends Case<Absence> {
  readonly stream: StreamId;
}

/** The steps of SPEC 15.18, in their order. */
const ABSENCE_STEPS: Readonly<Record<(typeof ABSENCE_CHECKS)[number], (it: AbsenceCase) => Findings>> = {
  format: () => [],
  checkpoint: checkCheckpoint,
  inclusion: checkInclusion,
  anchor: checkAnchor,
  block: checkBlock,
  absent: checkAbsent,
  dated: checkDated,
  fresh: checkFresh,
};

/** Runs the checks of SPEC 15.18 on an absence proof's bytes: was nothing of this stream in the log? */
export async function verifyAbsence(
  raw: Uint8Array,
  policy: Policy,
  stream: Hash,
  inputs: Inputs = {},
): Promise<Verdict> {
  let absence: Absence;
  try {
    absence = parseAbsence(raw);
  } catch (problem) {
    return malformed(domainError(problem), ABSENCE_CHECKS);
  }
  const headers = absence.anchors.map(headerOf);
  const it: AbsenceCase = { proof: absence, policy, inputs, headers, stream: stream as StreamId };
  const checks = await allOf(ABSENCE_CHECKS, (name) => run(name, ABSENCE_STEPS[name](it)));
  const state = failed(checks) ?? (policy.chain.test ? "test_data" : "unknown_code");
  return { as_of: shownBlock(headers.at(-1) ?? null), checks, not_proven: NOT_PROVEN, order: null, state };
}

/**
 * Runs the steps of these names. Those that ask the platform whether a signature holds come first, and each is followed
 * by a turn for others, so that it computes beside the long ones.
 */
async function allOf<Name extends CheckName>(names: readonly Name[], step: (name: Name) => Promise<Check>): Promise<Check[]> {
  const checks = new Map<Name, Promise<Check>>();
  for (const name of [...names].sort((one, other) => Number(ASKING.has(other)) - Number(ASKING.has(one)))) {
    checks.set(name, step(name));
    await null;
  }
  return Promise.all(names.map((name) => checks.get(name) as Promise<Check>));
}

const ASKING: ReadonlySet<CheckName> = new Set<CheckName>(["checkpoint", "pending"]);

/** The numbers of the blocks that nodes should be asked for: the anchors' and the newest `not_before`. */
export function neededBlocks(proof: Anchored): readonly number[] {
  const headers = proof.anchors.map(headerOf);
  const numbers = [...headers.map((header) => header?.number), proof.anchors.at(-1)?.seal.notBefore?.number];
  return [...new Set(numbers.filter((number) => number !== undefined))].sort((low, high) => low - high);
}

/** The exit code of a verifier (SPEC 15.17). */
export function exitCode(state: State): 0 | 1 | 2 | 3 | 4 {
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
    case "unknown_code":
      return 4;
  }
}

function malformed(problem: SealtrailError, names: readonly CheckName[]): Verdict {
  // SPEC 15.1: this check is INVALID and all others are SKIPPED
  const checks = names.map((check): Check =>
    check === "format"
      ? { check, result: "INVALID", code: problem.code, detail: problem.message }
      : { check, result: "SKIPPED", code: "malformed", detail: "the proof is malformed" },
  );
  return { as_of: null, checks, not_proven: NOT_PROVEN, order: null, state: "malformed" };
}

// --- the checks, in the order of SPEC 15 -------------------------------------------------------------------------

/** 15.2: whose order this is. */
function* checkStream({ proof, policy, inputs }: Case<Proof>): Findings {
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
function* checkEvents({ proof, policy }: Case<Proof>): Findings {
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
function* checkSequence({ proof }: Case<Proof>): Findings {
  const gap = findGap(proof.events);
  if (gap !== null) yield new Altered("sequence", `event ${gap + 1} does not follow the one before it`);
}

/** 15.9: nothing was left out: the map of the newest anchor has exactly these events of the stream. */
function* checkComplete({ proof }: Case<Proof>): Findings {
  const { entry, leaf } = proof.events.at(-1) as ProvenEvent;
  const last = { stream: entry.stream, count: proof.events.length, head: leaf };
  yield* caught(() => verifyInMap(last, proof.mapPath, newestAnchor(proof).seal.map));
  for (const [at, { view }] of proof.events.entries()) {
    const withheld = MANDATORY.find((name) => !view.fields.has(name));
    if (withheld !== undefined) yield new Unproven("withheld", `event ${at + 1} does not disclose ${withheld}`);
  }
}

/** 15.18: nothing of this stream is in the log. */
function* checkAbsent({ proof, stream }: AbsenceCase): Findings {
  yield* caught(() => verifyNotInMap(stream, proof.leaf, proof.mapPath, newestAnchor(proof).seal.map));
}

/** 15.10: who signed what they said. */
function* checkSignatures({ claims }: ProofCase): Findings {
  if (claims.size === 0) yield new Skipped("no_signatures", "no event is signed by an actor");
  yield* claims.values();
}

function claimsOf({ events, pending, opening }: Proof, policy: Policy): ReadonlyMap<View, Finding> {
  const claims = new Map<View, Finding>();
  for (const { view } of [...events, ...pending]) {
    const value = view.fields.get("signature");
    if (value === undefined) continue;
    try {
      claims.set(view, doubt(signedByActor(value, view.digests, policy.log, opening.stream), "actor_signature"));
    } catch (problem) {
      claims.set(view, domainError(problem));
    }
  }
  return claims;
}

async function signersOf({ claims }: ProofCase): Promise<Signers> {
  const signers = new Map<View, string>();
  for (const [view, claim] of claims) {
    if ("holds" in claim && (await claim.holds)) signers.set(view, hex(claim.signed.key));
  }
  return signers;
}

function viewsOf(proof: Proof): readonly View[] {
  return [...proof.events, ...proof.pending].map(({ view }) => view);
}

/** 15.11: the files are the ones that were committed. */
function* checkAttachments({ proof, inputs }: Case<Proof>): Findings {
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
function* checkPending(it: Case<Proof>): Findings {
  if (it.proof.pending.length === 0) yield new Skipped("no_pending", "no event waits for its anchor");
  const shown = new Set(it.proof.events.map(({ entry }) => hex(entry.commitment)));
  for (const [at, pending] of it.proof.pending.entries()) {
    const where = `pending event ${at + 1}`;
    yield* checkReceipt(it, pending, where);
    // SPEC 15.12: no event is there twice, pending or not
    const commits = hex(pending.promise.commitment);
    if (shown.has(commits)) yield new Altered("receipt", `${where}: this event is there already`);
    shown.add(commits);
    const missing = MANDATORY.find((name) => !pending.view.fields.has(name));
    if (missing !== undefined) yield new Altered("event_grammar", `${where} does not disclose ${missing}`);
    yield* caught(() => checkGrammar(pending.view, where));
  }
}

function* checkReceipt({ proof, policy }: Case<Proof>, { view, receipt, promise }: PendingEvent, where: string): Findings {
  try {
    const signed = signedReceipt(receipt, policy.origin, policy.receiptKeys);
    yield doubt(signed, "receipt", `${where}: the Ed25519 signature does not verify`);
  } catch (problem) {
    yield new Altered("receipt", `${where}: ${domainError(problem).message}`);
  }
  const isThis =
    equal(promise.commitment, commitment(view.digests)) &&
    equal(promise.log, policy.log) &&
    equal(promise.stream, proof.opening.stream);
  if (!isThis) yield new Altered("receipt", `${where}: the receipt is for another event`);
}

/** 15.15, 1 and 2: what stands against the record, or in the way of checking it. */
function failed(checks: readonly Check[]): State | null {
  if (checks.some((check) => check.result === "INVALID")) return "altered";
  const required: readonly CheckName[] = [
    ...(["stream", "events", "sequence", "checkpoint", "inclusion", "anchor", "block", "complete"] as const),
  ];
  const isOpen = ({ check, result, code }: Check) =>
    result === "UNKNOWN" && (required.includes(check) || code === "too_old");
  return checks.some(isOpen) ? "could_not_check" : null;
}

/** 15.15: the state that follows. */
function stateOf(checks: readonly Check[], policy: Policy, end: LifecycleState, isPending: boolean): State {
  const state = failed(checks);
  if (state !== null) return state;
  if (policy.chain.test) return "test_data";
  if (WITHDRAWN.has(end)) return "withdrawn";
  return isPending ? "verified_pending" : "verified";
}
