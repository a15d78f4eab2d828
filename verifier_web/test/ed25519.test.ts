/** One answer for every signature (SPEC 2.7), by the platform's own Ed25519 and by the library's arithmetic: OpenSSL's. */

import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify } from "node:crypto";

import { ed25519 } from "@noble/curves/ed25519.js";
import { afterEach, describe, expect, it, vi } from "vitest";

import { holds, isSigned } from "../src/protocol/ed25519.ts";
import type { Signed } from "../src/protocol/ed25519.ts";
import { hex, sha, utf8 } from "../src/protocol/hashes.ts";

const { Point } = ed25519;
const ORDER = Point.Fn.ORDER;
const TORSION = Point.fromHex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a");
const SMALL = Array.from({ length: 8 }, (_, times) => (times === 0 ? Point.ZERO : TORSION.multiplyUnsafe(BigInt(times))));
const IDENTITY = Uint8Array.from([1, ...Array<number>(31).fill(0)]);

function number(bytes: Uint8Array): bigint {
  return BigInt(`0x${hex(Uint8Array.from(bytes).reverse())}`);
}

function encode(value: bigint): Uint8Array {
  return Uint8Array.from(Buffer.from(value.toString(16).padStart(64, "0"), "hex")).reverse();
}

/** A signature by somebody who may add points of small order to key and R, and choose R without a part of his own. */
function made(round: number, inKey: number, inR: number, ownR: bigint): Signed & { readonly s: bigint } {
  const a = number(sha(utf8(`a ${round}`))) % ORDER;
  const key = Point.BASE.multiplyUnsafe(a).add(SMALL[inKey] ?? Point.ZERO).toBytes();
  const r = Point.BASE.multiplyUnsafe(ownR).add(SMALL[inR] ?? Point.ZERO).toBytes();
  const message = utf8(`message ${round}`);
  const k = number(createHash("sha512").update(r).update(key).update(message).digest()) % ORDER;
  const s = (ownR + k * a) % ORDER;
  return { key, signature: Uint8Array.from([...r, ...encode(s)]), message, s };
}

function openssl({ key, signature, message }: Signed): boolean {
  const der = Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), key]);
  return verify(null, message, createPublicKey({ key: der, format: "der", type: "spki" }), signature);
}

function genuine(): Signed {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const key = publicKey.export({ format: "der", type: "spki" }).subarray(-32);
  const message = utf8("message");
  return { key, message, signature: sign(null, message, createPrivateKey(privateKey.export({ format: "pem", type: "pkcs8" }))) };
}

afterEach(() => vi.unstubAllGlobals());

const WAYS = { "the platform's own": crypto, "none, as over plain HTTP": {}, "one that cannot Ed25519": { subtle: unable() } };

describe.each(Object.entries(WAYS))("with %s", (_way, stub) => {
  const answer = (signed: Signed): Promise<boolean> => {
    vi.stubGlobal("crypto", stub);
    return holds(signed);
  };

  it("takes what OpenSSL signs, and no bit of it changed", async () => {
    const signed = genuine();
    expect(await answer(signed)).toBe(true);
    for (let at = 0; at < signed.signature.length; at += 1) {
      const signature = Uint8Array.from(signed.signature);
      signature[at] = (signature[at] as number) ^ (1 << at % 8);
      expect(await answer({ ...signed, signature })).toBe(false);
    }
  });

  it("answers as OpenSSL does where key and signature were made to divide verifiers", async () => {
    const answers = new Map<boolean, number>();
    for (let round = 0; round < 64; round += 1) {
      const ownR = number(sha(utf8(`r ${round}`))) % ORDER;
      const { s, ...signed } = made(round, round % 8, (round >> 3) % 8, ownR);
      const large = { ...signed, signature: Uint8Array.from([...signed.signature.subarray(0, 32), ...encode(s + ORDER)]) };
      for (const one of [signed, large]) {
        const theirs = openssl(one);
        expect(await answer(one)).toBe(theirs);
        answers.set(theirs, (answers.get(theirs) ?? 0) + 1);
      }
    }
    expect([...answers.keys()].sort()).toEqual([false, true]);
  });

  it("takes an R of small order where the equation holds", async () => {
    for (let round = 0; round < 32; round += 1) {
      const signed = made(round, round < 8 ? 0 : round % 8, round % 8, 0n);
      expect(await answer(signed), `round ${round}`).toBe(openssl(signed));
    }
    expect(await answer(made(0, 0, 0, 0n))).toBe(true);
  });

  it("refuses keys of small order, and keys and points that are not in their one form", async () => {
    const message = utf8("anything");
    const forAll = Uint8Array.from([...IDENTITY, ...Array<number>(32).fill(0)]); // [0]B − [k]·0 = 0, whatever is signed
    for (const point of SMALL) expect(await answer({ key: point.toBytes(), signature: forAll, message })).toBe(false);
    const large = Uint8Array.from([0xee, ...Array<number>(30).fill(0xff), 0x7f]); // y = p + 1, another form of y = 1
    const { key } = genuine();
    expect(await answer({ key: large, signature: forAll, message })).toBe(false);
    expect(await answer({ key: new Uint8Array(32).fill(0xff), signature: forAll, message })).toBe(false);
    expect(await answer({ key, signature: Uint8Array.from([...large, ...Array<number>(32).fill(0)]), message })).toBe(false);
  });

  it("refuses a key that is no point, and parts of another length", async () => {
    const signed = genuine();
    const notAPoint = Uint8Array.from([2, ...Array<number>(31).fill(0)]);
    expect(await answer({ ...signed, key: notAPoint })).toBe(false);
    expect(await answer({ ...signed, key: signed.key.subarray(1) })).toBe(false);
    expect(await answer({ ...signed, signature: signed.signature.subarray(1) })).toBe(false);
  });
});

describe("a platform whose Ed25519 is another", () => {
  it.each<[string, (signed: Signed) => boolean]>([
    ["that multiplies by the cofactor", ({ key, signature, message }) => ed25519.verify(signature, message, key)],
    ["that wants keys of prime order", (signed) => Point.fromBytes(signed.key).isTorsionFree() && isSigned(signed)],
    ["that takes everything", () => true],
    ["that takes nothing", () => false],
  ])("%s is not asked twice", async (_what, other) => {
    let asked = 0;
    const subtle = {
      importKey: async (_format: string, raw: Uint8Array) => raw,
      verify: async (_name: string, key: Uint8Array, signature: Uint8Array, message: Uint8Array) => {
        asked += 1;
        return other({ key, signature, message });
      },
    };
    vi.stubGlobal("crypto", { subtle });
    const signed = genuine();
    expect(await holds(signed)).toBe(true);
    const trials = asked;
    expect(await holds({ ...signed, message: utf8("another") })).toBe(false);
    expect(asked).toBe(trials);
  });
});

function unable(): unknown {
  return { importKey: () => Promise.reject(new DOMException("Unrecognized name.", "NotSupportedError")) };
}
