/**
 * One run of checking a label: fetch, ask, verify.  The only results are those of `verify`; everything that goes wrong on
 * the way is a problem that reads as "could not check".
 */

import type { ProblemName, StepName } from "../i18n/texts.ts";
import type { Verdict } from "../protocol/verdict.ts";
import { download, NotFetched } from "./download.ts";
import { absenceUrl, attachmentUrl, type LabelLink, proofUrl } from "./link.ts";
import { type Attachment, namedFiles } from "./story.ts";

export type View =
  | { readonly kind: "working"; readonly step: StepName; readonly slow: boolean }
  | { readonly kind: "problem"; readonly problem: ProblemName }
  | { readonly kind: "waiting" }
  | { readonly kind: "result"; readonly result: CheckedRecord };

/** A verdict with what it was reached on. */
export interface CheckedRecord {
  readonly verdict: Verdict;
  /** The proof exactly as it arrived. */
  readonly proof: Uint8Array<ArrayBuffer>;
  /** The files that the record names, by their SHA-256. */
  readonly files: ReadonlyMap<string, FoundFile>;
}

/** `found` alone carries bytes, and only bytes that have the recorded hash. */
export type FoundFile =
  | { readonly status: "found"; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly status: "missing" | "altered" | "too_large" };

/** The parts of the verifier that a run uses; `main` puts the real ones in. */
export interface Verifier<Nodes> {
  /** Asks the chain's nodes for what this proof, or absence proof, needs.  Silence is an answer: it never throws for a dead network. */
  askNodes(proof: Uint8Array): Promise<Nodes>;
  /** `attachments` maps the hash that the record names to the hash that was found. */
  verify(
    proof: Uint8Array,
    stream: string,
    nodes: Nodes | null,
    attachments: ReadonlyMap<string, string> | null,
  ): Promise<Verdict>;
  /** Verifies an absence proof of this stream. */
  verifyAbsence(proof: Uint8Array, stream: string, nodes: Nodes | null): Promise<Verdict>;
  sha256(bytes: Uint8Array): string;
}

const MIB = 2 ** 20;
const PROOF_LIMITS = { bytes: 16 * MIB, milliseconds: 30_000 };
const FILE_LIMITS = { bytes: 20 * MIB, milliseconds: 30_000 };
const MAX_FILES = 64;
const FILES_AT_ONCE = 4;
const SLOW_AFTER = 6_000;

/** Runs once and tells each view on the way; the last one told is the outcome. */
export async function run<Nodes>(link: LabelLink, verifier: Verifier<Nodes>, tell: (view: View) => void): Promise<void> {
  let step: StepName = "record";
  const show = (slow: boolean): void => tell({ kind: "working", step, slow });
  const slow = setInterval(() => show(true), SLOW_AFTER);
  const enter = async (next: StepName): Promise<void> => {
    step = next;
    show(false);
    await painted();
  };
  try {
    await enter("record");
    tell(await check(link, verifier, enter));
  } catch (error) {
    if (!(error instanceof NotFetched)) console.error(error);
    tell({ kind: "problem", problem: error instanceof NotFetched ? error.problem : "browser" });
  } finally {
    clearInterval(slow);
  }
}

async function check<Nodes>(
  link: LabelLink,
  verifier: Verifier<Nodes>,
  enter: (step: StepName) => Promise<void>,
): Promise<View> {
  const answer = await download(proofUrl(link), PROOF_LIMITS);
  if (answer.status === 202) return { kind: "waiting" };
  if (answer.status === 404) return absence(link, verifier, enter);
  if (answer.status !== 200) return { kind: "problem", problem: "server" };
  const proof = answer.bytes;

  // A first look, without chain and files, to learn what to ask for.  Nothing of it is shown but malformed.
  const glance = await verifier.verify(proof, link.stream, null, null);
  if (glance.state === "malformed" || glance.order === null) {
    return { kind: "result", result: { verdict: glance, proof, files: new Map() } };
  }
  await enter("chain");
  const named = namedFiles(glance.order);
  const fetching = fetchFiles(link, named, verifier);
  const nodes = await verifier.askNodes(proof);
  if (named.length > 0) await enter("files");
  const { files, hashes } = await fetching;
  await enter("check");
  const verdict = await verifier.verify(proof, link.stream, nodes, hashes);
  return { kind: "result", result: { verdict, proof, files } };
}

/** The server does not know the token: was the label's stream ever in the log?  Only what it proves is taken. */
async function absence<Nodes>(
  link: LabelLink,
  verifier: Verifier<Nodes>,
  enter: (step: StepName) => Promise<void>,
): Promise<View> {
  const unknown: View = { kind: "problem", problem: "unknown_code" };
  const answer = await download(absenceUrl(link), PROOF_LIMITS);
  if (answer.status !== 200) return unknown;
  const proof = answer.bytes;
  const glance = await verifier.verifyAbsence(proof, link.stream, null);
  if (glance.state === "malformed") return unknown;
  await enter("chain");
  const nodes = await verifier.askNodes(proof);
  await enter("check");
  const verdict = await verifier.verifyAbsence(proof, link.stream, nodes);
  // A proof that does not hold proves nothing of the code; no record was seen that could be called altered.
  return verdict.state === "altered" ? unknown : { kind: "result", result: { verdict, proof, files: new Map() } };
}

async function fetchFiles<Nodes>(
  link: LabelLink,
  named: readonly Attachment[],
  verifier: Verifier<Nodes>,
): Promise<{ files: Map<string, FoundFile>; hashes: Map<string, string> }> {
  const files = new Map<string, FoundFile>();
  const hashes = new Map<string, string>();
  const queue = named.slice(0, MAX_FILES);
  for (const left of named.slice(MAX_FILES)) files.set(left.sha256, { status: "too_large" });
  const worker = async (): Promise<void> => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
      const found = await fetchFile(link, file);
      if (!(found instanceof Uint8Array)) {
        files.set(file.sha256, { status: found });
        continue;
      }
      const hash = verifier.sha256(found);
      hashes.set(file.sha256, hash);
      files.set(file.sha256, hash === file.sha256 ? { status: "found", bytes: found } : { status: "altered" });
    }
  };
  await Promise.all(Array.from({ length: FILES_AT_ONCE }, worker));
  return { files, hashes };
}

async function fetchFile(link: LabelLink, file: Attachment): Promise<Uint8Array<ArrayBuffer> | "missing" | "too_large"> {
  if (file.size > FILE_LIMITS.bytes) return "too_large";
  try {
    const answer = await download(attachmentUrl(link, file.sha256), FILE_LIMITS);
    return answer.status === 200 ? answer.bytes : "missing";
  } catch (error) {
    if (!(error instanceof NotFetched)) throw error;
    return error.problem === "too_large" ? "too_large" : "missing";
  }
}

/** Lets the browser draw the step that was just told, before work that blocks it.  A hidden page draws nothing. */
function painted(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
