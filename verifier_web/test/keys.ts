/** Keys with their private halves, and what they sign. */

import { ed25519 } from "@noble/curves/ed25519.js";
import { concatBytes } from "@noble/hashes/utils.js";

import { hex, utf8 } from "../src/protocol/hashes.ts";
import type { Hash } from "../src/protocol/hashes.ts";
import { printBase64, verifierKey } from "../src/protocol/note.ts";
import type { VerifierKey } from "../src/protocol/note.ts";

export interface Signer {
  readonly key: VerifierKey;
  readonly vkey: string;
  readonly sign: (message: Uint8Array) => Uint8Array;
}

export function signer(name: string, seed: number): Signer {
  const secret = new Uint8Array(32).fill(seed);
  const key = verifierKey(name, ed25519.getPublicKey(secret));
  const vkey = `${name}+${hex(key.hash)}+${printBase64(concatBytes(Uint8Array.of(1), key.public))}`;
  return { key, vkey, sign: (message) => ed25519.sign(message, secret) };
}

export function signNote(text: string, { key, sign }: Signer, name = key.name): string {
  return `${text}\n— ${name} ${printBase64(concatBytes(key.hash, sign(utf8(text))))}\n`;
}

export function checkpoint(size: number, root: Hash, by: Signer, origin = by.key.name): string {
  return signNote(`${origin}\n${size}\n${printBase64(root)}\n`, by);
}
