/**
 * Every word that the page shows.  `en.ts` and `zh-CN.ts` fill this shape; the compiler keeps the two alike.
 * `{name}` marks a place for a value; values are set in isolation (see `ui/parts.tsx`, Fill), never spliced into markup.
 */

import type { CheckName, Result, State } from "../protocol/verdict.ts";

/** SPEC 15.15 and 15.18. */
export type StateName = State;
export type ResultName = Result;

/** SPEC 4.5. */
export const EVENT_TYPES = [
  "placed",
  "confirmed",
  "paid",
  "allocated",
  "picked",
  "packed",
  "shipped",
  "arrived",
  "departed",
  "customs",
  "out_for_delivery",
  "delivery_failed",
  "delivered",
  "signed",
  "cancelled",
  "returned",
  "refunded",
  "damaged",
  "excursion",
  "recalled",
  "corrected",
  "disputed",
  "resolved",
  "erased",
  "transferred",
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

export const LIFECYCLES = [
  "new",
  "placed",
  "confirmed",
  "paid",
  "preparing",
  "packed",
  "in_transit",
  "delivering",
  "failed",
  "delivered",
  "signed",
  "cancelled",
  "returned",
  "refunded",
  "recalled",
  "disputed",
  "resolved",
] as const;
export type LifecycleName = (typeof LIFECYCLES)[number];

/** The codes of SPEC 15 that a check other than `format` can carry. */
export const CODES = [
  "malformed",
  "stream_opening",
  "label_stream",
  "tenant_unknown",
  "commitment",
  "entry_log",
  "event_grammar",
  "sequence",
  "origin",
  "log_key",
  "checkpoint_signature",
  "path_length",
  "inclusion",
  "seal",
  "evidence",
  "receipt_root",
  "receipt_failed",
  "anchored_missing",
  "block_other",
  "nodes_disagree",
  "block_not_final",
  "operator_node",
  "nodes_silent",
  "block_untrusted",
  "left_out",
  "map_path",
  "withheld",
  "present",
  "actor_signature",
  "no_signatures",
  "attachment",
  "attachment_unnamed",
  "attachment_missing",
  "no_attachments",
  "not_given",
  "receipt",
  "no_pending",
  "not_before_untrusted",
  "no_not_before",
  "too_old",
  "head_other",
  "log_grown",
  "as_of",
] as const;
export type CodeName = (typeof CODES)[number];

/** Why there is no verdict at all: the page could not even begin, or the record did not arrive. */
export const PROBLEMS = [
  "no_policy",
  "bad_policy",
  "link_incomplete",
  "unknown_code",
  "unreachable",
  "timeout",
  "server",
  "too_large",
  "browser",
] as const;
export type ProblemName = (typeof PROBLEMS)[number];

export const STEPS = ["record", "chain", "files", "check"] as const;
export type StepName = (typeof STEPS)[number];

export const PARTIES = ["buyer", "recipient", "seller", "sender", "carrier"] as const;

export interface Texts {
  /** Value of the `lang` attribute, and of Intl's locale. */
  lang: string;
  locale: string;
  /** This language's own name, for the switch. */
  ownName: string;
  /** The product's name. */
  name: string;
  title: string;
  tagline: string;
  language: string;
  skip: string;

  progress: { heading: string; steps: Record<StepName, string>; slow: string };
  waiting: { title: string; said: string; unchecked: string; again: string };
  testBanner: { title: string; text: string };

  verdict: {
    region: string;
    /** The headline of each state; {date} where the newest anchor's block is known. */
    title: Record<StateName, string>;
    text: Record<StateName, string>;
    because: string;
    unnamedReason: string;
    pendingCount: { one: string; other: string };
    testUnchanged: string;
    /** Nothing was left out: of {count} steps, {count}; as of block {number}, {date}. */
    complete: { one: string; other: string };
    completeAsOf: string;
    /** Nobody can tell whether anything was left out. */
    withheld: string;
    lifecycle: string;
    retry: string;
    sentUnchecked: string;
    sentAltered: string;
    sentShow: string;
  };
  problem: Record<ProblemName, { title: string; text: string }>;

  order: {
    heading: string;
    brand: string;
    number: string;
    status: string;
    recipient: string;
    items: string;
    gtin: string;
    serial: string;
    lot: string;
    quantity: string;
    noItems: string;
  };
  lifecycles: Record<LifecycleName, string>;

  timeline: {
    heading: string;
    types: Record<EventType, string>;
    roles: Record<string, string>;
    reportedBy: string;
    reportedByRole: string;
    signedBy: string;
    signedByUnnamed: string;
    anchored: string;
    anchoredUntrusted: string;
    recorded: string;
    unexpected: string;
    late: string;
    longText: string;
    signature: string;
    signatureFor: string;
    /** The device on which a recipient signed; of any other step, the device concerned. */
    device: string;
    deviceOther: string;
    photo: string;
    document: string;
    fileSave: string;
    fileLoading: string;
    fileMissing: string;
    fileAltered: string;
    fileUnsafe: string;
    fileLarge: string;
    sensor: string;
    reference: string;
    channel: string;
    note: string;
    erased: string;
    items: string;
    more: string;
    moreHidden: string;
    /** In the place of a type or role that the record hides. */
    unsaid: string;
    hidden: string;
    hiddenWhy: string;
    /** Says what the marker is that stands for a control character. */
    control: string;
  };
  fields: Record<string, string>;
  parties: Record<(typeof PARTIES)[number], string>;
  partyFields: Record<string, string>;
  /** A field of a party: {party} {field}. */
  partyField: string;
  sensors: Record<string, string>;

  checks: {
    heading: string;
    intro: string;
    summary: string;
    results: Record<ResultName, string>;
    names: Record<CheckName, string>;
    means: Record<CheckName, string>;
    codes: Record<CodeName, string>;
    /** Of the check `complete`, where it holds. */
    complete: { one: string; other: string };
    technical: string;
  };
  limits: { heading: string; truth: string; object: string; history: string };
  asOf: {
    heading: string;
    text: string;
    /** Instead of `text` where the record is not shown to hold. */
    unchecked: string;
    chain: string;
    block: string;
    hash: string;
    time: string;
    registry: string;
    explorer: string;
    explorerTest: string;
    none: string;
  };
  proof: { heading: string; text: string; save: string; stream: string };
  copy: { copy: string; copied: string; selected: string };
  footer: { independent: string; login: string };
}
