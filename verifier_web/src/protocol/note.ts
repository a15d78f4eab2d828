/**
 * C2SP signed notes with one Ed25519 signature (SPEC 8.1, 8.3, 8.4).
 *
 *     example.com/shop/5f0c…            text: one or more lines, each ending in one newline
 *     132                               …
 *     IsgmUm1ZRAVbO5tkGPxVYhsLgrH2n8A2hGlTrJ+wJdE=
 *                                       an empty line
 *     — example.com/shop/5f0c… bH3kZ2…  one signature: name, base64 of key hash (4 bytes) ‖ signature (64 bytes)
 */

import { KEY_SIZE, SIGNATURE_SIZE } from "./ed25519.ts";
import type { Signed } from "./ed25519.ts";
import { Altered, Malformed } from "./errors.ts";
import { equal, hex, sha, utf8 } from "./hashes.ts";

const ALGORITHM = 1; // Ed25519, as C2SP signed-note numbers it
const KEY_HASH_SIZE = 4;
const MAX_NOTE = 4096;

// SPEC 8.4: Names are 1 to 300 characters from U+0021 to U+007E, none of them a plus sign.
const NAME = /^[!-*,-~]{1,300}$/;
const SIGNATURE_LINE = /^— ([^ \n]+) ([A-Za-z0-9+/=]+)\n$/;

/** A named Ed25519 public key; `hash` is how a signature line names it (SPEC 8.3). */
export interface VerifierKey {
  readonly name: string;
  readonly public: Uint8Array;
  readonly hash: Uint8Array;
}

/** A signed note as parsed; nothing about its signature is checked yet. */
export interface Note {
  readonly text: string;
  readonly name: string;
  readonly keyHash: Uint8Array;
  readonly signature: Uint8Array;
}

/** Reads a verifier key, `<name>+<key hash>+<base64 of 0x01 ‖ public key>`, and nothing else (SPEC 8.3). */
export function parseVkey(text: unknown, where: string): VerifierKey {
  const [, name = "", keyHash, encoded] = typeof text === "string" ? (/^([^+]+)\+([^+]+)\+(.+)$/su.exec(text) ?? []) : [];
  if (encoded === undefined) throw wrongKey(where);
  const data = parseBase64(encoded, where);
  if (data[0] !== ALGORITHM || data.length !== 1 + KEY_SIZE || !NAME.test(name)) throw wrongKey(where);
  const key = verifierKey(name, data.subarray(1));
  if (hex(key.hash) !== keyHash) throw wrongKey(where);
  return key;
}

function wrongKey(where: string): Malformed {
  return new Malformed("key_syntax", `${where}: not an Ed25519 verifier key of the form name+hash+base64`);
}

/** Names a public key of 32 bytes. */
export function verifierKey(name: string, publicKey: Uint8Array): VerifierKey {
  // SPEC 8.3: the first 4 bytes of SHA-256(name ‖ 0x0A ‖ 0x01 ‖ public key)
  const keyHash = sha(name, Uint8Array.of(0x0a, ALGORITHM), publicKey).subarray(0, KEY_HASH_SIZE);
  return { name, public: publicKey, hash: keyHash };
}

/** Reads a note with exactly one signature line; Malformed otherwise. */
export function parseNote(note: string): Note {
  const gap = note.indexOf("\n\n");
  const [, name = "", encoded = ""] = SIGNATURE_LINE.exec(note.slice(gap + 2)) ?? [];
  // SPEC 8.1: A note is at most 4,096 bytes
  if (gap < 1 || utf8(note).length > MAX_NOTE || !NAME.test(name)) {
    throw new Malformed("note_syntax", "not a signed note with one signature line");
  }
  const data = parseBase64(encoded, "signature line");
  if (data.length !== KEY_HASH_SIZE + SIGNATURE_SIZE) {
    throw new Malformed("note_syntax", "a signature line holds a key hash of 4 bytes and a signature of 64");
  }
  return {
    text: note.slice(0, gap + 1),
    name,
    keyHash: data.subarray(0, KEY_HASH_SIZE),
    signature: data.subarray(KEY_HASH_SIZE),
  };
}

/** Whether the note's signature line names this key. */
export function isNamed(key: VerifierKey, note: Note): boolean {
  return key.name === note.name && equal(key.hash, note.keyHash);
}

/** What is to hold for `key` to have signed the note's text; Altered `log_key` where the note names another. */
export function signedNote(note: Note, key: VerifierKey): Signed {
  if (!isNamed(key, note)) throw new Altered("log_key", `the note is signed by another key than ${key.name}`);
  return { key: key.public, signature: note.signature, message: utf8(note.text) };
}

/** Prints standard base64 with padding. */
export function printBase64(data: Uint8Array): string {
  return btoa(String.fromCharCode(...data));
}

/** Reads what `printBase64` prints of at least one byte, and nothing else (SPEC 8.4). */
export function parseBase64(text: string, where: string): Uint8Array {
  if (text.length > 0 && text.length <= MAX_NOTE && /^[A-Za-z0-9+/]+={0,2}$/.test(text) && text.length % 4 === 0) {
    const characters = atob(text);
    const data = new Uint8Array(characters.length);
    for (let at = 0; at < data.length; at += 1) data[at] = characters.charCodeAt(at);
    if (btoa(characters) === text) return data;
  }
  throw new Malformed("base64", `${where}: not standard base64 with padding`);
}
