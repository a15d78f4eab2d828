/**
 * An order's lifecycle as one literal table (SPEC 4.8): state × event type → state. `lifecycle.py` holds the same.
 *
 * A type that is not in a state's row is unexpected there: it is recorded and flagged, never refused, and the order
 * goes to the state in `ALWAYS` if the type has one, else stays where it was.
 */

export const START = "new";

/** What happened, whatever the state was before. null: the event changes no state. */
export const ALWAYS = {
  placed: "placed",
  confirmed: "confirmed",
  paid: "paid",
  allocated: "preparing",
  picked: "preparing",
  packed: "packed",
  shipped: "in_transit",
  arrived: "in_transit",
  departed: "in_transit",
  customs: "in_transit",
  out_for_delivery: "delivering",
  delivery_failed: "failed",
  delivered: "delivered",
  signed: "signed",
  cancelled: "cancelled",
  returned: "returned",
  refunded: "refunded",
  damaged: null,
  excursion: null,
  recalled: "recalled",
  corrected: null,
  disputed: "disputed",
  resolved: "resolved",
  erased: null,
  transferred: null,
} as const;

export type EventType = keyof typeof ALWAYS;
export type LifecycleState = typeof START | NonNullable<(typeof ALWAYS)[EventType]>;

export const TYPES = Object.keys(ALWAYS) as EventType[];

/** The types that change no state may come at any time after the first; so may these three. */
export const ANY_TIME: ReadonlySet<EventType> = new Set<EventType>([
  "recalled",
  "disputed",
  ...TYPES.filter((type) => ALWAYS[type] === null),
]);

/** state → the types expected next, beside `ANY_TIME` */
export const EXPECTED: Readonly<Record<LifecycleState, readonly EventType[]>> = {
  new: ["placed"],
  placed: ["confirmed", "paid", "allocated", "picked", "packed", "cancelled"],
  confirmed: ["paid", "allocated", "picked", "packed", "shipped", "cancelled"],
  paid: ["confirmed", "allocated", "picked", "packed", "shipped", "cancelled", "refunded"],
  preparing: ["paid", "allocated", "picked", "packed", "shipped", "cancelled"],
  packed: ["paid", "shipped", "cancelled"],
  in_transit: ["arrived", "departed", "customs", "out_for_delivery", "delivered", "signed", "delivery_failed", "returned"],
  delivering: ["delivered", "signed", "delivery_failed", "arrived"],
  failed: ["arrived", "departed", "out_for_delivery", "returned", "delivered", "signed"],
  delivered: ["signed", "returned"],
  signed: ["returned", "refunded"],
  cancelled: ["refunded"],
  returned: ["refunded"],
  refunded: ["returned"],
  recalled: ["returned", "refunded", "resolved"],
  disputed: ["resolved", "returned", "refunded"],
  resolved: ["returned", "refunded", "shipped", "delivered", "signed"],
};

export const WITHDRAWN: ReadonlySet<LifecycleState> = new Set<LifecycleState>(["recalled", "disputed", "cancelled"]);

/** The state after an event of this type, and whether the table expected it there. */
export function advance(state: LifecycleState, type: EventType): readonly [LifecycleState, boolean] {
  const expected = EXPECTED[state].includes(type) || (ANY_TIME.has(type) && state !== START);
  return [ALWAYS[type] ?? state, expected];
}
