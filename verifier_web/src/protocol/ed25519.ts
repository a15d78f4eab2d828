/**
 * Ed25519 with one answer for every input (SPEC 2.7).
 *
 * Where the browser or Node has it, their own does the work: it is ten times as fast. It is asked only where all
 * implementations have to agree, and after it gave the right answers where they are known to differ. Else, as on a page
 * over plain HTTP, the equation is written out here, and the arithmetic is the library's.
 */

import { mulAddUnsafe } from "@noble/curves/abstract/curve.js";
import { ed25519 } from "@noble/curves/ed25519.js";
import { sha512 } from "@noble/hashes/sha2.js";
import { concatBytes, hexToBytes } from "@noble/hashes/utils.js";

import { equal, hex } from "./hashes.ts";

export const KEY_SIZE = 32;
export const SIGNATURE_SIZE = 64;

/** A signature as found, of `key` over `message`; nothing about it is checked yet. */
export interface Signed {
  readonly key: Uint8Array;
  readonly signature: Uint8Array;
  readonly message: Uint8Array;
}

/** Whether a signature holds. */
export async function holds(signed: Signed): Promise<boolean> {
  if (!isWellFormed(signed)) return false;
  const subtle = globalThis.crypto?.subtle as SubtleCrypto | undefined; // missing where the page came over plain HTTP
  // Some implementations refuse an R of small order, which the SPEC does not.
  if (subtle === undefined || isSmallOrder(firstHalf(signed.signature))) return isSigned(signed);
  return (await isReliable(subtle)) ? asked(subtle, signed).catch(() => isSigned(signed)) : isSigned(signed);
}

/** The same as `holds`, by the library's arithmetic. */
export function isSigned(signed: Signed): boolean {
  if (!isWellFormed(signed)) return false;
  const { key, signature, message } = signed;
  const encodedR = firstHalf(signature);
  const point = decoded(key);
  if (point === null) return false;
  const k = littleEndian(sha512(concatBytes(encodedR, key, message))) % ORDER;
  // SPEC 2.7: the encoding of [S]B − [k]A, without a cofactor, is R byte for byte
  const r = mulAddUnsafe(Point, [Point.BASE, point.negate()], [littleEndian(secondHalf(signature)), k]);
  return equal(r.toBytes(), encodedR);
}

// --- what can be told from the bytes alone -----------------------------------------------------------------------

const { Point } = ed25519;
const ORDER = Point.Fn.ORDER;
const PRIME = Point.Fp.ORDER;
// The y of the eight points whose order divides 8: under such a key, one signature holds for many messages.
const ORDER_8 = 0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n;
const SMALL_ORDER: readonly bigint[] = [0n, 1n, PRIME - 1n, ORDER_8, PRIME - ORDER_8];

/** Whether the form alone does not refuse it: key and R in their one form, the key not of small order, S small. */
function isWellFormed({ key, signature }: Signed): boolean {
  return (
    key.length === KEY_SIZE &&
    signature.length === SIGNATURE_SIZE &&
    [key, firstHalf(signature)].every((point) => yOf(point) < PRIME) &&
    !isSmallOrder(key) &&
    // SPEC 2.7: S is less than the group's order
    littleEndian(secondHalf(signature)) < ORDER
  );
}

function isSmallOrder(point: Uint8Array): boolean {
  return SMALL_ORDER.includes(yOf(point));
}

function yOf(point: Uint8Array): bigint {
  return BigInt.asUintN(255, littleEndian(point));
}

function firstHalf(signature: Uint8Array): Uint8Array {
  return signature.subarray(0, KEY_SIZE);
}

function secondHalf(signature: Uint8Array): Uint8Array {
  return signature.subarray(KEY_SIZE);
}

function decoded(key: Uint8Array) {
  try {
    return Point.fromBytes(key);
  } catch {
    return null;
  }
}

function littleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${hex(Uint8Array.from(bytes).reverse())}`);
}

// --- the platform's own ------------------------------------------------------------------------------------------

const MESSAGE = Uint8Array.of(0x72);
const MIXED = "99555efe5dbf5b50b6fb4d8c38ee05c4ea8a97011c08e11366e8c8c00e8ce5d5"; // a key with a part of small order

/** Signatures over `MESSAGE`, by which implementations are told apart. */
const TRIALS: readonly (readonly [key: string, signature: string, isGood: boolean])[] = [
  [
    "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", // RFC 8032, 7.1, test 2
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    true,
  ],
  [
    MIXED, // refused, unless key and R may have such parts and the parts must agree
    "433b71d4c8cde1c01ef7a29ebde08a78ef103a9e3b575fb34c35678c1e97bc1c27001f4bc01fe6c51fb32b278750f260be9f6bf935b9d04e8a1c49718f6e9b07",
    true,
  ],
  [
    MIXED, // taken by whoever multiplies by the cofactor
    "a578ab6c65a8c74b4f1b3ab3ee5e16dafd8756b3f4bc79201a09e09ff90995feefef4f3642c1efe2c10e50424542b6a6c570946210e606c8d3a1f8cec5324504",
    false,
  ],
];

const reliable = new WeakMap<SubtleCrypto, Promise<boolean>>();

/** Whether the platform knows Ed25519 and answers by SPEC 2.7; tried once. */
function isReliable(subtle: SubtleCrypto): Promise<boolean> {
  const known = reliable.get(subtle) ?? answersAll(subtle).catch(() => false);
  reliable.set(subtle, known);
  return known;
}

async function answersAll(subtle: SubtleCrypto): Promise<boolean> {
  const answers = TRIALS.map(async ([key, signature, isGood]) => {
    const signed = { key: hexToBytes(key), signature: hexToBytes(signature), message: MESSAGE };
    return (await asked(subtle, signed)) === isGood;
  });
  return (await Promise.all(answers)).every(Boolean);
}

// By the very bytes, which nobody changes: one key signs most checkpoints of a log.
const imported = new WeakMap<Uint8Array, Promise<CryptoKey>>();

async function asked(subtle: SubtleCrypto, { key, signature, message }: Signed): Promise<boolean> {
  const known = imported.get(key) ?? subtle.importKey("raw", key as BufferSource, "Ed25519", false, ["verify"]);
  imported.set(key, known);
  const publicKey = await known;
  return subtle.verify("Ed25519", publicKey, signature as BufferSource, message as BufferSource);
}
