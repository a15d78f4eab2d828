/** Fields, disclosures, commitments, streams and entries (SPEC 4, 5, 6). */

import { shake256 } from "@noble/hashes/sha3.js";
import { concatBytes } from "@noble/hashes/utils.js";

import { isArray, parseCanonicalText, printJson } from "./canonical.ts";
import type { Json } from "./canonical.ts";
import { Malformed } from "./errors.ts";
import { EVENT, FIELD, HASH_SIZE, SALTS, STREAM, ZERO, equal, hash, hex, putHex, readHex, tagged, utf8 } from "./hashes.ts";
import type { Hash, Leaf, LogId, StreamId } from "./hashes.ts";
import { TYPES } from "./lifecycle.ts";
import type { EventType } from "./lifecycle.ts";

/** The fields that every event has and every view shows (SPEC 4.5). */
export const MANDATORY = ["actor.role", "occurred_at", "type"] as const;
export const MAX_FIELDS = 64;
export const MAX_DISCLOSURE = 65_536;
const SALT_SIZE = 16;

const SALT = /^[0-9a-f]{32}$/;
const FIELD_NAME = /^[a-z0-9_.]{1,64}$/;
// A text value without escapes, of at most 3 bytes a character: it is its own canonical form, and short enough.
const PLAIN = /^\["[0-9a-f]{32}","([a-z0-9_.]{1,64})","([^"\\\u0000-\u001f]{0,16000})"\]$/;
const ROLE = /^[a-z_]{1,64}$/;
const TIME =
  /^(\d{4})-(\d\d)-(\d\d)T([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(?:\.(\d{1,9}))?(?:Z|([+-])([01]\d|2[0-3]):([0-5]\d))$/;
// SPEC 2.6: 1 to 200 Unicode scalar values, none of them a control (U+0000–U+001F, U+007F–U+009F)
const NAME_TEXT = /^[^\u0000-\u001f\u007f-\u009f\p{Surrogate}]{1,200}$/u;

// --- fields ------------------------------------------------------------------------------------------------------

/** One field, opened (SPEC 4.2). */
export interface Disclosure {
  readonly name: string;
  readonly value: Json;
  readonly digest: Hash;
}

/** Names to digests of all fields of an event, disclosed and hidden. */
export type Digests = ReadonlyMap<string, Hash>;

/** Reads a field's name (SPEC 4.1). */
export function parseFieldName(value: unknown): string {
  if (typeof value === "string" && FIELD_NAME.test(value)) return value;
  throw new Malformed("field_name", "a field's name is 1 to 64 of a–z, 0–9, _ and .");
}

/** Reads a disclosure, the canonical text of `[salt, name, value]`; Malformed otherwise (SPEC 4.2). */
export function parseDisclosure(text: string): Disclosure {
  const [, plainName, plainValue] = PLAIN.exec(text) ?? [];
  if (plainName !== undefined && plainValue !== undefined) return { name: plainName, value: plainValue, digest: digest(text) };
  // SPEC 4.2: A disclosure is at most 65,536 bytes.
  if (utf8(text).length > MAX_DISCLOSURE) throw new Malformed("disclosure", `a disclosure has more than ${MAX_DISCLOSURE} bytes`);
  const items = parseCanonicalText(text);
  if (!isArray(items) || items.length !== 3) throw new Malformed("disclosure", "a disclosure is not [salt, name, value]");
  const [salt, name, value] = items as [Json, Json, Json];
  if (typeof salt !== "string" || !SALT.test(salt)) throw new Malformed("disclosure", "a salt is not 32 hexadecimal digits");
  return { name: parseFieldName(name), value, digest: digest(text) };
}

/** The digest of a disclosure's bytes (SPEC 4.2). */
export function digest(disclosure: Uint8Array | string): Hash {
  return tagged(FIELD, disclosure);
}

/** Hashes the map from all field names to digests (SPEC 4.3). */
export function commitment(digests: Digests): Hash {
  return tagged(EVENT, printDigests(digests));
}

/** The salts of the fields with these names, from an event's 32-byte secret (SPEC 4.4); verifiers never need them. */
export function deriveSalts(secret: Uint8Array, names: readonly string[]): ReadonlyMap<string, Uint8Array> {
  if (secret.length !== HASH_SIZE) throw new RangeError(`an event secret has ${HASH_SIZE} bytes`);
  const salts = shake256(concatBytes(SALTS, secret), { dkLen: SALT_SIZE * names.length });
  return new Map([...names].sort().map((name, at) => [name, salts.slice(SALT_SIZE * at, SALT_SIZE * (at + 1))]));
}

const [QUOTE, COMMA, COLON] = [0x22, 0x2c, 0x3a];

/** The canonical bytes of a map from names to digests. */
export function printDigests(digests: Digests): Uint8Array {
  const names = [...digests.keys()].sort(); // of names as they may be, all are ASCII and none needs an escape
  const sizes = names.map((name) => `,"":""`.length + name.length + 2 * HASH_SIZE);
  const bytes = new Uint8Array(sizes.reduce((all, size) => all + size, "}".length + Number(names.length === 0)));
  let at = 0;
  for (const name of names) {
    bytes[at++] = COMMA; // the first is the brace in the end
    bytes[at++] = QUOTE;
    for (let place = 0; place < name.length; place += 1) bytes[at++] = name.charCodeAt(place);
    bytes[at++] = QUOTE;
    bytes[at++] = COLON;
    bytes[at++] = QUOTE;
    at = putHex(digests.get(name) as Hash, bytes, at);
    bytes[at++] = QUOTE;
  }
  bytes[0] = 0x7b; // {
  bytes[bytes.length - 1] = 0x7d; // }
  return bytes;
}

/** Reads an event's type (SPEC 4.5); Malformed otherwise. */
export function parseType(value: Json): EventType {
  const type = TYPES.find((known) => known === value);
  if (type === undefined) throw new Malformed("type", `type: expected one of ${TYPES.join(", ")}`);
  return type;
}

/** Reads an actor's role (SPEC 4.5); Malformed otherwise. */
export function parseRole(value: Json): string {
  if (typeof value === "string" && ROLE.test(value)) return value;
  throw new Malformed("actor.role", "actor.role: expected 1 to 64 of a–z and _");
}

/** Reads a time by SPEC 2.5; returns microseconds since 1970 (further digits are dropped). Malformed otherwise. */
export function parseTime(value: Json): bigint {
  const parts = typeof value === "string" ? TIME.exec(value) : null;
  if (parts === null) throw wrongTime();
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts.slice(1, 7).map(Number);
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day); // not Date.UTC, which takes the years 0 to 99 for 1900 to 1999
  // SPEC 2.5: a date that exists
  if (year < 1 || date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) throw wrongTime();
  const [, , , , , , , fraction = "", sign, ahead = "0", aheadMinutes = "0"] = parts;
  const offset = (sign === "-" ? -1 : 1) * (Number(ahead) * 60 + Number(aheadMinutes));
  const seconds = date.getTime() / 1000 + ((hour * 60 + minute - offset) * 60 + second);
  return BigInt(seconds) * 1_000_000n + BigInt(fraction.padEnd(6, "0").slice(0, 6));
}

function wrongTime(): Malformed {
  return new Malformed("occurred_at", "expected a time with an offset, such as 2026-05-03T14:05:00+08:00");
}

/** Checks the grammar of those of the three mandatory fields that are there (SPEC 4.5). */
export function checkMandatory(fields: ReadonlyMap<string, Json>): void {
  const parsers = { type: parseType, occurred_at: parseTime, "actor.role": parseRole };
  for (const name of MANDATORY) {
    const value = fields.get(name);
    if (value !== undefined) parsers[name](value);
  }
}

// --- streams -----------------------------------------------------------------------------------------------------

/** Reads a tenant, order or event id (SPEC 2.6). */
export function parseName(value: unknown, where: string): string {
  if (typeof value === "string" && NAME_TEXT.test(value)) return value;
  throw new Malformed("name_syntax", `${where}: expected 1 to 200 characters, none of them a control`);
}

/** The salted hash that names the stream of an order (SPEC 5.1). */
export function streamId(salt: Hash, tenant: string, orderId: string): StreamId {
  return tagged(STREAM, salt, printJson([tenant, orderId])) as StreamId;
}

// --- entries -----------------------------------------------------------------------------------------------------

const NUMBER = "(0|[1-9][0-9]{0,15})";
const HASH = '"([0-9a-f]{64})"';
// SPEC 6.1
const EVENT_ENTRY = new RegExp(
  `^\\{"accepted":${NUMBER},"commitment":${HASH},"kind":"event","log":${HASH},"prev":${HASH},"seq":${NUMBER},"stream":${HASH},"v":1\\}$`,
);
// SPEC 6.3
const SEAL_ENTRY = new RegExp(
  `^\\{"batch":${NUMBER},"kind":"seal","log":${HASH},"map":${HASH},"not_before":(?:null|\\{"hash":${HASH},"number":${NUMBER}\\}),` +
    `"prev_seal":${HASH},"sealed":${NUMBER},"size":${NUMBER},"streams":${NUMBER},"v":1\\}$`,
);

/** What the log holds of an event (SPEC 6.1); `accepted` in ms UTC, `seq` from 1. */
export interface EventEntry {
  readonly log: LogId;
  readonly stream: StreamId;
  readonly seq: number;
  readonly prev: Hash;
  readonly commitment: Hash;
  readonly accepted: number;
}

/** A block by number and hash, which no node needs to be believed for. */
export interface BlockId {
  readonly number: number;
  readonly hash: Hash;
}

/**
 * The last entry of a batch (SPEC 6.3); `sealed` in ms UTC, `batch` from 1, `size` its own index + 1.
 *
 * `map` is the root of the stream map of all entries before, `streams` the number of streams in it (SPEC 10).
 */
export interface SealEntry {
  readonly log: LogId;
  readonly batch: number;
  readonly size: number;
  readonly streams: number;
  readonly map: Hash;
  readonly prevSeal: Hash;
  readonly sealed: number;
  readonly notBefore: BlockId | null;
}

/** Prints the exact text of an event entry (SPEC 6.1). */
export function printEventEntry(entry: EventEntry): string {
  return (
    `{"accepted":${entry.accepted},"commitment":"${hex(entry.commitment)}","kind":"event","log":"${hex(entry.log)}",` +
    `"prev":"${hex(entry.prev)}","seq":${entry.seq},"stream":"${hex(entry.stream)}","v":1}`
  );
}

/** Reads what `printEventEntry` prints, and nothing else. */
export function parseEventEntry(text: string): EventEntry {
  const parts = EVENT_ENTRY.exec(text);
  if (parts === null) throw new Malformed("event_entry", "not an event entry by its template");
  const [, accepted = "", commits = "", log = "", prev = "", seq = "", stream = ""] = parts;
  return {
    log: hashOf(log) as LogId,
    stream: hashOf(stream) as StreamId,
    seq: whole(seq),
    prev: hashOf(prev),
    commitment: hashOf(commits),
    accepted: whole(accepted),
  };
}

/** Prints the exact text of a seal entry (SPEC 6.3). */
export function printSealEntry(entry: SealEntry): string {
  const block = entry.notBefore;
  const notBefore = block === null ? "null" : `{"hash":"${hex(block.hash)}","number":${block.number}}`;
  return (
    `{"batch":${entry.batch},"kind":"seal","log":"${hex(entry.log)}","map":"${hex(entry.map)}",` +
    `"not_before":${notBefore},"prev_seal":"${hex(entry.prevSeal)}","sealed":${entry.sealed},"size":${entry.size},` +
    `"streams":${entry.streams},"v":1}`
  );
}

/** Reads what `printSealEntry` prints, and nothing else. */
export function parseSealEntry(text: string): SealEntry {
  const parts = SEAL_ENTRY.exec(text);
  if (parts === null) throw new Malformed("seal_entry", "not a seal entry by its template");
  const [, batch = "", log = "", map = "", block, number = "", prevSeal = "", sealed = "", size = "", streams = ""] = parts;
  return {
    log: hashOf(log) as LogId,
    batch: whole(batch),
    size: whole(size),
    streams: whole(streams),
    map: hashOf(map),
    prevSeal: hashOf(prevSeal),
    sealed: whole(sealed),
    notBefore: block === undefined ? null : { number: whole(number), hash: hashOf(block) },
  };
}

/** The hash with these 64 digits that a template has checked. */
function hashOf(digits: string): Hash {
  return hash(readHex(digits) as Uint8Array);
}

function whole(digits: string): number {
  const value = Number(digits);
  if (!Number.isSafeInteger(value)) throw new Malformed("number", `a number of 2^53 or more is refused: ${digits}`);
  return value;
}

/** Whether these are a stream's entries from the first on, without a gap (SPEC 6.2); else the place that is wrong. */
export function findGap(entries: readonly { readonly entry: EventEntry; readonly leaf: Leaf }[]): number | null {
  let prev: Hash = ZERO;
  for (const [place, { entry, leaf }] of entries.entries()) {
    if (entry.seq !== place + 1 || !equal(entry.prev, prev)) return place;
    prev = leaf;
  }
  return null;
}
