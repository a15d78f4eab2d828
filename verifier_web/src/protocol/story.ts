/** The order's story, as a proof tells it to its audience (SPEC 4.8, 15). */

import { isArray, isObject } from "./canonical.ts";
import type { Json } from "./canonical.ts";
import { SealtrailError } from "./errors.ts";
import { parseTime } from "./event.ts";
import type { BlockHeader } from "./evidence.ts";
import { hex } from "./hashes.ts";
import { START, TYPES, advance } from "./lifecycle.ts";
import type { LifecycleState } from "./lifecycle.ts";
import type { Policy } from "./policy.ts";
import type { Proof, View } from "./proof.ts";
import type { BlockShown, EventShown, OrderShown, Plain } from "./verdict.ts";

const OWN = { configurable: true, enumerable: true, writable: true };

type Flag = EventShown["flags"][number];

/** Who signed an event, in hexadecimal: only signatures that hold. */
export type Signers = ReadonlyMap<View, string>;

/** Tells the events with their flags, by seq, then the pending ones, and where the lifecycle ends. */
export function tell(proof: Proof, headers: readonly (BlockHeader | null)[], policy: Policy, signers: Signers): OrderShown {
  const { tenant, orderId, stream } = proof.opening;
  const events = [...proof.events].sort((one, other) => one.entry.seq - other.entry.seq);
  const [lifecycle, flags] = flagEvents([...events, ...proof.pending].map(({ view }) => view));
  const show = (view: View, at: number) => ({ ...showView(view), ...said(signers.get(view)), flags: flags[at] ?? [] });
  return {
    tenant,
    tenant_name: policy.tenants?.get(tenant) ?? tenant,
    order_id: orderId,
    stream: hex(stream),
    lifecycle,
    events: [
      ...events.map(({ view, entry, index, anchor }, at): EventShown => {
        const { seq, accepted } = entry;
        return { place: "anchored", seq, index, accepted, block: shownBlock(headers[anchor] ?? null), ...show(view, at) };
      }),
      ...proof.pending.map(({ view, promise: { accepted } }, at): EventShown => {
        return { place: "pending", seq: null, index: null, accepted, block: null, ...show(view, events.length + at) };
      }),
    ],
  };
}

/** A block as a verdict shows it. */
export function shownBlock(header: BlockHeader | null): BlockShown | null {
  return header && { number: header.number, hash: `0x${hex(header.hash)}`, timestamp: header.timestamp };
}

/**
 * Where the lifecycle ends, and the flags of each event.
 *
 * `unexpected`: the table does not expect the type there. `late`: it occurred before an earlier entry.
 */
function flagEvents(views: readonly View[]): readonly [LifecycleState, readonly (readonly Flag[])[]] {
  let state: LifecycleState = START;
  let latest: bigint | null = null;
  const flagged: Flag[][] = [];
  for (const { fields } of views) {
    const flags: Flag[] = [];
    const type = TYPES.find((known) => known === fields.get("type"));
    if (type !== undefined) {
      const [next, isExpected] = advance(state, type);
      state = next;
      if (!isExpected) flags.push("unexpected");
    }
    const when = quiet(() => parseTime(fields.get("occurred_at") ?? null));
    if (when !== null) {
      if (latest !== null && when < latest) flags.push("late");
      if (latest === null || when > latest) latest = when;
    }
    flagged.push(flags);
  }
  return [state, flagged];
}

/** SPEC 4.7: Pages say "signed by" for such an event alone; else "reported by". */
function said(signer: string | undefined): Pick<EventShown, "said" | "signed_by"> {
  return { said: signer === undefined ? "reported" : "signed", signed_by: signer ?? null };
}

function showView({ fields, hidden }: View): Pick<EventShown, "type" | "occurred_at" | "actor_role" | "fields" | "hidden"> {
  const text = (name: string) => {
    const value = fields.get(name);
    return typeof value === "string" ? value : null;
  };
  return {
    type: text("type"),
    occurred_at: text("occurred_at"),
    actor_role: text("actor.role"),
    fields: plainMembers(fields),
    hidden,
  };
}

/** A value as `JSON.stringify` takes it. */
function plain(value: Json): Plain {
  if (isArray(value)) return value.map(plain);
  return isObject(value) ? plainMembers(value) : value;
}

function plainMembers(members: ReadonlyMap<string, Json>): { readonly [name: string]: Plain } {
  const object: Record<string, Plain> = {};
  for (const [name, value] of members) {
    // A member like any other, which assignment would not make of it.
    if (name === "__proto__") Object.defineProperty(object, name, { ...OWN, value: plain(value) });
    else object[name] = plain(value);
  }
  return object;
}

/** What a step gives; null where what it reads is not by the SPEC, which a check tells. */
function quiet<Value>(step: () => Value): Value | null {
  try {
    return step();
  } catch (problem) {
    if (problem instanceof SealtrailError) return null;
    throw problem;
  }
}
