/** Hashes and their domains (SPEC 2). Bytes have types; hexadecimal is for documents and people. */

import { sha256 } from "@noble/hashes/sha2.js";
import { keccak_256 } from "@noble/hashes/sha3.js";
import { bytesToHex } from "@noble/hashes/utils.js";

import { Malformed } from "./errors.ts";

declare const brand: unique symbol;
type Branded<Name extends string> = Uint8Array & { readonly [brand]: { readonly [name in Name]: true } };

/** 32 bytes of a hash. */
export type Hash = Branded<"Hash">;
/** The RFC 9162 leaf hash of an entry. */
export type Leaf = Hash & Branded<"Leaf">;
/** The salted hash that names a stream (SPEC 5). */
export type StreamId = Hash & Branded<"StreamId">;
/** The registry's name of a log (SPEC 11). */
export type LogId = Hash & Branded<"LogId">;
/** 20 bytes of a contract's or an account's address. */
export type Address = Branded<"Address">;

export const HASH_SIZE = 32;

const UTF8 = new TextEncoder();

/** What `sealtrail/v1/…\0` starts a hash with (SPEC 2.2). */
export const FIELD = utf8("sealtrail/v1/field\0");
export const EVENT = utf8("sealtrail/v1/event\0");
export const STREAM = utf8("sealtrail/v1/stream\0");
export const RECEIPT = utf8("sealtrail/v1/receipt\0");
export const SIGNATURE = utf8("sealtrail/v1/signature\0");
export const SALTS = utf8("sealtrail/v1/salts\0");
export const MAP_LEAF = utf8("sealtrail/v1/map-leaf\0");
export const MAP_NODE = utf8("sealtrail/v1/map-node\0");

/** Takes exactly 32 bytes; a wrong length here is our own bug. */
export function hash(bytes: Uint8Array): Hash {
  if (bytes.length !== HASH_SIZE) throw new RangeError(`a hash has ${HASH_SIZE} bytes, not ${bytes.length}`);
  return bytes as Hash;
}

export const ZERO = hash(new Uint8Array(HASH_SIZE));

const NO_DIGIT = 0x80;
/** What a hexadecimal digit stands for, by the lower half of its character's code. */
const DIGITS = new Uint8Array(256).fill(NO_DIGIT);
for (let value = 0; value < 16; value += 1) DIGITS[value.toString(16).charCodeAt(0)] = value;

/** Reads lower-case hexadecimal digits of even number (SPEC 2.1), null for anything else. */
export function readHex(text: string): Uint8Array | null {
  if (text.length % 2 !== 0) return null;
  const bytes = new Uint8Array(text.length / 2);
  let digits = 0; // all bits that any digit has
  let codes = 0;
  for (let at = 0; at < text.length; at += 2) {
    const high = text.charCodeAt(at);
    const low = text.charCodeAt(at + 1);
    const upper = DIGITS[high & 0xff] as number;
    const lower = DIGITS[low & 0xff] as number;
    digits |= upper | lower;
    codes |= high | low;
    bytes[at >> 1] = (upper << 4) | lower;
  }
  return digits < NO_DIGIT && codes <= 0xff ? bytes : null;
}

/** Reads 64 lower-case hexadecimal digits, nothing else; Malformed names `where`. */
export function parseHash(text: unknown, where: string): Hash {
  const bytes = typeof text === "string" && text.length === 2 * HASH_SIZE ? readHex(text) : null;
  if (bytes === null) throw new Malformed("hash_syntax", `${where}: expected 64 lower-case hexadecimal digits`);
  return hash(bytes);
}

/** Reads lower-case hexadecimal digits of even number (SPEC 2.1). */
export function parseHex(text: unknown, where: string): Uint8Array {
  const bytes = typeof text === "string" ? readHex(text) : null;
  if (bytes === null) {
    throw new Malformed("hex_syntax", `${where}: expected lower-case hexadecimal digits of even number`);
  }
  return bytes;
}

/** 8 bytes, big end first (SPEC 2.1); 0 ≤ number < 2^53. */
export function be64(number: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(number));
  return bytes;
}

/** Lower-case hexadecimal digits. */
export function hex(bytes: Uint8Array): string {
  return bytesToHex(bytes);
}

const DIGIT_CODES = Uint8Array.from("0123456789abcdef", (digit) => digit.charCodeAt(0));

/** Writes lower-case hexadecimal digits as bytes of text from a place on; returns the place after them. */
export function putHex(bytes: Uint8Array, into: Uint8Array, from: number): number {
  let at = from;
  for (const byte of bytes) {
    into[at++] = DIGIT_CODES[byte >> 4] as number;
    into[at++] = DIGIT_CODES[byte & 15] as number;
  }
  return at;
}

/** The UTF-8 bytes of well-formed text. */
export function utf8(text: string): Uint8Array {
  return UTF8.encode(text);
}

const fresh = sha256.create();
const running = sha256.create(); // one for all: each hash ends before the next begins
const room = new Uint8Array(16_384); // for the bytes of a text on their way into a hash

/** SHA-256 of these parts in a row; of a well-formed text, its UTF-8 bytes count. */
export function sha(...parts: readonly (Uint8Array | string)[]): Hash {
  fresh._cloneInto(running);
  for (const part of parts) running.update(typeof part === "string" ? passing(part) : part);
  return running.digest() as Uint8Array as Hash;
}

/** The bytes of a text until the next one is asked for. */
function passing(text: string): Uint8Array {
  // A UTF-16 unit takes at most three bytes.
  return 3 * text.length <= room.length ? room.subarray(0, UTF8.encodeInto(text, room).written) : utf8(text);
}

/** The EVM's own hash; everything outside its structures is SHA-256. */
export function keccak256(bytes: Uint8Array): Hash {
  return keccak_256(bytes) as Uint8Array as Hash;
}

/** SHA-256 of a domain string and the data (SPEC 2.2). */
export function tagged(domain: Uint8Array, ...data: readonly (Uint8Array | string)[]): Hash {
  return sha(domain, ...data);
}

/** Whether two byte strings are the same; nothing here is secret, so time may tell. */
export function equal(one: Uint8Array, other: Uint8Array): boolean {
  if (one.length !== other.length) return false;
  for (let at = 0; at < one.length; at += 1) if (one[at] !== other[at]) return false;
  return true;
}
