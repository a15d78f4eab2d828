import { expect, test } from "vitest";

import type { Check, CheckName, EventShown, OrderShown, Plain, Result, State, Verdict } from "../src/protocol/verdict.ts";
import { CHECKS, NOT_PROVEN } from "../src/protocol/verdict.ts";
import {
  attachmentsOf,
  erasedNames,
  holds,
  itemsOf,
  maskedRecipient,
  namedFiles,
  newestItems,
  otherFields,
  readingsOf,
  reason,
} from "../src/ui/story.ts";

const FILE = { media_type: "image/png", name: "s.png", role: "signature", sha256: "ab".repeat(32), size: 7 };

function event(fields: { [name: string]: Plain }): EventShown {
  return {
    place: "anchored",
    seq: 1,
    index: 0,
    accepted: 0,
    type: "placed",
    occurred_at: "2026-05-03T14:05:00+08:00",
    actor_role: "brand",
    fields,
    hidden: [],
    flags: [],
    said: "reported",
    signed_by: null,
    block: null,
  };
}

function order(...events: EventShown[]): OrderShown {
  return { tenant: "t", tenant_name: "T", order_id: "o", stream: "00".repeat(32), lifecycle: "placed", events };
}

function verdict(state: State, found: Partial<Record<CheckName, [Result, string]>>): Verdict {
  const checks = CHECKS.map((check): Check => {
    const [result, code] = found[check] ?? ["VALID", null];
    return { check, result, code, detail: "" };
  });
  return { as_of: null, checks, not_proven: NOT_PROVEN, order: null, state };
}

test("contents and recipient are those of the newest event that has them", () => {
  const told = order(
    event({ items: [{ name: "old" }], "recipient.masked": "O*" }),
    event({ items: [{ name: "new", quantity: "2", unit: "bag" }], "recipient.masked": "N*" }),
    event({ items: [] }),
  );
  expect(newestItems(told)).toEqual([{ name: "new", gtin: null, serial: null, lot: null, quantity: "2 bag" }]);
  expect(maskedRecipient(told)).toBe("N*");
  expect(maskedRecipient(order(event({})))).toBeNull();
});

test.each<[string, Plain]>([
  ["text", "x"],
  ["a number", 7],
  ["null", null],
  ["an object", { name: "x", sha256: "ab".repeat(32) }],
  ["texts", ["x"]],
  ["lists", [[{ name: "x" }]]],
  ["nameless things", [{ serial: "1" }, { name: 1, value: 1, sha256: 1 }, { sha256: "AB".repeat(32) }]],
])("fields of another shape than the SPEC's are passed over: %s", (_, value) => {
  const odd = event({ items: value, attachments: value, sensor: value, erased: 7 });
  expect([itemsOf(odd), attachmentsOf(odd), readingsOf(odd), erasedNames(odd)]).toEqual([[], [], [], []]);
});

test("each file is named once, however often it is told", () => {
  expect(namedFiles(order(event({ attachments: [FILE, FILE] }), event({ attachments: [FILE] })))).toHaveLength(1);
});

test("fields without a place of their own are all listed", () => {
  const fields = { type: "placed", data: { a: [1] }, "actor.reference": "r", "location.code": "CNSHA" };
  expect(otherFields(event(fields))).toEqual([
    ["data", '{"a":[1]}'],
    ["actor.reference", "r"],
    ["location.code", "CNSHA"],
  ]);
});

test("the reason is the first check that decided the state", () => {
  const unknown = verdict("could_not_check", {
    attachments: ["UNKNOWN", "attachment_missing"],
    block: ["UNKNOWN", "nodes_silent"],
    dated: ["UNKNOWN", "not_before_untrusted"],
  });
  expect(reason(unknown)?.code).toBe("nodes_silent");
  expect(reason(verdict("could_not_check", { fresh: ["UNKNOWN", "too_old"], dated: ["UNKNOWN", "x"] }))?.code).toBe("too_old");
  const altered = verdict("altered", { stream: ["UNKNOWN", "tenant_unknown"], inclusion: ["INVALID", "inclusion"] });
  expect(reason(altered)?.code).toBe("inclusion");
  expect(reason(verdict("verified", { fresh: ["UNKNOWN", "as_of"] }))).toBeNull();
});

test("only these states show the record to hold", () => {
  const states: State[] = ["verified", "verified_pending", "withdrawn", "test_data", "altered", "malformed", "could_not_check", "unknown_code"];
  expect(states.filter(holds)).toEqual(["verified", "verified_pending", "withdrawn", "test_data"]);
});
