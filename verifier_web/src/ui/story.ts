/** What the page picks out of a verdict.  Pure; fields are as somebody reported them, so every shape is checked here. */

import type { BlockShown, Check, EventShown, OrderShown, Plain, State, Verdict } from "../protocol/verdict.ts";

export type Tone = "good" | "caution" | "bad" | "neutral" | "test";

export const TONES: Record<State, Tone> = {
  verified: "good",
  verified_pending: "good",
  withdrawn: "caution",
  test_data: "test",
  altered: "bad",
  malformed: "neutral",
  could_not_check: "neutral",
  unknown_code: "caution",
};

/** Whether the record is shown to be the recorded one; on a test chain, that means what a test chain means. */
export function holds(state: State): boolean {
  return state === "verified" || state === "verified_pending" || state === "withdrawn" || state === "test_data";
}

/** Whether the verdict is on an absence proof (SPEC 15.18): there is no order then. */
export function onAbsence(verdict: Verdict): boolean {
  return verdict.checks.some(({ check }) => check === "absent");
}

/** The state by which the page speaks: that a code is unknown matters more than that its log is on a test chain. */
export function spokenState(verdict: Verdict): State {
  return verdict.state === "test_data" && onAbsence(verdict) ? "unknown_code" : verdict.state;
}

/** The block since which what is shown stands: the newest anchored step's; the newest anchor's where there is no step. */
export function standsSince(verdict: Verdict): BlockShown | null {
  const blocks = (verdict.order?.events ?? []).flatMap(({ block }) => block ?? []);
  return blocks.at(-1) ?? verdict.as_of;
}

/** How many steps there are, and as of which block there are no others; null where that is not shown (SPEC 15.9). */
export function completeness(verdict: Verdict): { readonly count: number; readonly block: BlockShown } | null {
  const { order, as_of: block } = verdict;
  if (!holds(verdict.state) || order === null || block === null || resultOf(verdict, "complete") !== "VALID") return null;
  return { count: order.events.filter(({ place }) => place === "anchored").length, block };
}

export interface Item {
  readonly name: string;
  readonly gtin: string | null;
  readonly serial: string | null;
  readonly lot: string | null;
  readonly quantity: string | null;
}

export interface Attachment {
  readonly sha256: string;
  /** Bytes, as the record claims. */
  readonly size: number;
  readonly mediaType: string;
  readonly role: string;
  readonly name: string;
}

/** The items of the newest event that has any. */
export function newestItems(order: OrderShown): readonly Item[] {
  for (const event of [...order.events].reverse()) {
    const items = itemsOf(event);
    if (items.length > 0) return items;
  }
  return [];
}

export function itemsOf(event: EventShown): readonly Item[] {
  return objects(event.fields["items"]).flatMap((item) => {
    const name = text(item["name"]);
    if (name === null) return [];
    const quantity = [text(item["quantity"]), text(item["unit"])].filter((part) => part !== null).join(" ");
    return [
      {
        name,
        gtin: text(item["gtin"]),
        serial: text(item["serial"]),
        lot: text(item["lot"]),
        quantity: quantity === "" ? null : quantity,
      },
    ];
  });
}

/** The masked recipient of the newest event that shows one. */
export function maskedRecipient(order: OrderShown): string | null {
  for (const event of [...order.events].reverse()) {
    const masked = text(event.fields["recipient.masked"]);
    if (masked !== null) return masked;
  }
  return null;
}

export function attachmentsOf(event: EventShown): readonly Attachment[] {
  return objects(event.fields["attachments"]).flatMap((file) => {
    const sha256 = text(file["sha256"]);
    if (sha256 === null || !/^[0-9a-f]{64}$/.test(sha256)) return [];
    const size = file["size"];
    return [
      {
        sha256,
        size: typeof size === "number" ? size : 0,
        mediaType: text(file["media_type"]) ?? "",
        role: text(file["role"]) ?? "",
        name: text(file["name"]) ?? "",
      },
    ];
  });
}

/** Every file that the events name, each hash once. */
export function namedFiles(order: OrderShown): readonly Attachment[] {
  const files = new Map<string, Attachment>();
  for (const event of order.events) {
    for (const file of attachmentsOf(event)) if (!files.has(file.sha256)) files.set(file.sha256, file);
  }
  return [...files.values()];
}

export interface Reading {
  readonly kind: string;
  readonly value: string;
  readonly time: string | null;
}

export function readingsOf(event: EventShown): readonly Reading[] {
  return objects(event.fields["sensor"]).flatMap((reading) => {
    const value = text(reading["value"]);
    if (value === null) return [];
    const unit = text(reading["unit"]);
    return [
      {
        kind: text(reading["kind"]) ?? "",
        value: unit === null ? value : `${value} ${unit}`,
        time: text(reading["time"]),
      },
    ];
  });
}

/** The fields that a step's card shows in a place of their own; every other disclosed one is listed under "more". */
const PLACED = new Set([
  "type",
  "occurred_at",
  "actor.role",
  "actor.name",
  "location.name",
  "location.country",
  "items",
  "recipient.masked",
  "attachments",
  "sensor",
  "device",
  "note",
  "erased",
  "signature",
]);

export function otherFields(event: EventShown): readonly (readonly [string, string])[] {
  return Object.entries(event.fields)
    .filter(([name]) => !PLACED.has(name))
    .map(([name, value]) => [name, typeof value === "string" ? value : JSON.stringify(value)] as const);
}

/** A text field's value; null where it is hidden, absent or not text. */
export function fieldText(event: EventShown, name: string): string | null {
  return text(event.fields[name]);
}

export function erasedNames(event: EventShown): readonly string[] {
  const names = event.fields["erased"];
  return Array.isArray(names) ? names.filter((name) => typeof name === "string") : [];
}

/** The checks whose UNKNOWN makes the state `could_not_check` (SPEC 15.15). */
const DECISIVE = new Set(["stream", "events", "sequence", "checkpoint", "inclusion", "anchor", "block", "complete"]);

/** The check that brought a state about in which the record is not shown to hold; null in the others. */
export function reason(verdict: Verdict): Check | null {
  switch (verdict.state) {
    case "altered":
    case "malformed":
      return verdict.checks.find((check) => check.result === "INVALID") ?? null;
    case "could_not_check":
      return (
        verdict.checks.find(
          (check) => check.result === "UNKNOWN" && (DECISIVE.has(check.check) || check.code === "too_old"),
        ) ?? null
      );
    case "verified":
    case "verified_pending":
    case "withdrawn":
    case "test_data":
    case "unknown_code":
      return null;
  }
}

export function resultOf(verdict: Verdict, name: string): Check["result"] {
  return verdict.checks.find((check) => check.check === name)?.result ?? "UNKNOWN";
}

function text(value: Plain | undefined): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

function objects(value: Plain | undefined): readonly { readonly [name: string]: Plain }[] {
  if (!Array.isArray(value)) return [];
  return value.filter((one): one is { readonly [name: string]: Plain } => {
    return typeof one === "object" && one !== null && !Array.isArray(one);
  });
}
