import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify } from "node:crypto";

import type { EdwardsPoint } from "@noble/curves/abstract/edwards.js";
import { ed25519 } from "@noble/curves/ed25519.js";
import { describe, expect, it } from "vitest";

import { parseCheckpoint } from "../src/protocol/checkpoint.ts";
import { Altered, Malformed } from "../src/protocol/errors.ts";
import { hex, sha, utf8 } from "../src/protocol/hashes.ts";
import { openNote, parseBase64, parseNote, parseVkey, printBase64, verifySignature } from "../src/protocol/note.ts";
import { LOG_KEY, ORIGIN, RECEIPT_KEY, checkpoint, signNote, signer } from "./world.ts";

const ROOT = sha(utf8("root"));
const NOTE = checkpoint(132, ROOT, LOG_KEY);

describe("a signed note (SPEC 8)", () => {
  it("opens with its key, and the checkpoint reads as it was printed", () => {
    const read = parseCheckpoint(NOTE);
    openNote(read.note, parseVkey(LOG_KEY.vkey, "key"));
    expect(read).toMatchObject({ origin: ORIGIN, size: 132, root: ROOT });
  });

  it("is the example that C2SP signed-note gives", () => {
    const key = parseVkey("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", "key");
    const note =
      "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n" +
      "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
    openNote(parseNote(note), key);
    expect(() => openNote(parseNote(note.replace("answer", "Answer")), key)).toThrow(Altered);
  });

  it("does not open with another key, nor changed", () => {
    expect(() => openNote(parseNote(NOTE), RECEIPT_KEY.key)).toThrow(expect.objectContaining({ code: "log_key" }));
    const changed = parseNote(NOTE.replace("\n132\n", "\n133\n"));
    expect(() => openNote(changed, LOG_KEY.key)).toThrow(expect.objectContaining({ code: "checkpoint_signature" }));
  });

  const line = NOTE.slice(NOTE.indexOf("— "));
  it.each([
    ["a second signature line", NOTE + line],
    ["no signature line", NOTE.slice(0, NOTE.indexOf("— "))],
    ["no empty line", NOTE.replace("\n\n", "\n")],
    ["two empty lines", NOTE.replace("\n\n", "\n\n\n")],
    ["no last newline", NOTE.slice(0, -1)],
    ["one newline more", `${NOTE}\n`],
    ["a carriage return", NOTE.replace("\n132\n", "\n132\r\n")],
    ["a hyphen for the dash", NOTE.replace("—", "-")],
    ["an extension line", signNote(`${ORIGIN}\n132\n${printBase64(ROOT)}\nmore\n`, LOG_KEY)],
    ["a size with a leading zero", NOTE.replace("\n132\n", "\n0132\n")],
    ["a size of zero", NOTE.replace("\n132\n", "\n0\n")],
    ["a size of 2^53", NOTE.replace("\n132\n", "\n9007199254740992\n")],
    ["a size in other digits", NOTE.replace("\n132\n", "\n١٣٢\n")],
    ["a root without padding", NOTE.replace("=\n", "\n")],
    ["an empty origin", NOTE.replace(`${ORIGIN}\n132`, "\n132")],
    ["a name with a plus", signNote(`${ORIGIN}\n132\n${printBase64(ROOT)}\n`, LOG_KEY, "a+b")],
    ["a name with a space", signNote(`${ORIGIN}\n132\n${printBase64(ROOT)}\n`, LOG_KEY, "a\u2003b")],
    ["a long text", signNote(`${"x".repeat(5000)}\n132\n${printBase64(ROOT)}\n`, LOG_KEY)],
  ])("refuses %s", (_what, note) => {
    expect(note).not.toBe(NOTE);
    expect(() => parseCheckpoint(note)).toThrow(Malformed);
  });

  it("refuses base64 with unused bits, line breaks, other alphabets or loose padding", () => {
    expect([...parseBase64("AAE=", "x")]).toEqual([0, 1]);
    for (const text of ["AAF=", "AAE", "AAE==", "AA E=", "AAE=\n", "_-E=", "", "====", "AB=="]) {
      expect(() => parseBase64(text, "x"), text).toThrow(Malformed);
    }
  });

  it("refuses keys whose parts do not agree", () => {
    const [name, keyHash, data] = [ORIGIN, LOG_KEY.vkey.split("+")[1], LOG_KEY.vkey.split("+").slice(2).join("+")];
    for (const vkey of [
      `other+${keyHash}+${data}`,
      `${name}+00000000+${data}`,
      `${name}+${keyHash?.toUpperCase()}+${data}`,
      `${name}+${keyHash}`,
      `${signer("x y", 1).vkey}`,
      null,
    ]) {
      expect(() => parseVkey(vkey, "key"), String(vkey)).toThrow(Malformed);
    }
  });
});

describe("Ed25519", () => {
  it("takes what OpenSSL signs, and no bit of it changed", () => {
    const { publicKey, privateKey } = generateKeyPairSync("ed25519");
    const key = publicKey.export({ format: "der", type: "spki" }).subarray(-32);
    const message = utf8("message");
    const signature = sign(null, message, createPrivateKey(privateKey.export({ format: "pem", type: "pkcs8" })));
    verifySignature(key, signature, message, "bad");
    for (let at = 0; at < signature.length; at += 1) {
      const changed = Uint8Array.from(signature);
      changed[at] = (changed[at] as number) ^ (1 << at % 8);
      expect(() => verifySignature(key, changed, message, "bad")).toThrow(Altered);
    }
  });

  it("answers as OpenSSL does where key and signature were made to divide verifiers (SPEC 2.7)", () => {
    const { Point } = ed25519;
    const order = Point.Fn.ORDER;
    const torsion = Point.fromHex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a");
    const number = (bytes: Uint8Array): bigint => BigInt(`0x${hex(Uint8Array.from(bytes).reverse())}`);
    const encode = (value: bigint): Uint8Array => Uint8Array.from(Buffer.from(value.toString(16).padStart(64, "0"), "hex")).reverse();
    const answers = new Map<boolean, number>();
    for (let round = 0; round < 64; round += 1) {
      const [a, r] = ["a", "r"].map((name) => number(sha(utf8(`${name} ${round}`))) % order) as [bigint, bigint];
      const [inKey, inR] = [round % 8, (round >> 3) % 8].map((times) => (times === 0 ? Point.ZERO : torsion.multiplyUnsafe(BigInt(times)))) as [EdwardsPoint, EdwardsPoint];
      const key = Point.BASE.multiplyUnsafe(a).add(inKey).toBytes();
      const encodedR = Point.BASE.multiplyUnsafe(r).add(inR).toBytes();
      const message = utf8(`message ${round}`);
      const k = number(createHash("sha512").update(encodedR).update(key).update(message).digest()) % order;
      const s = (r + k * a) % order;
      for (const scalar of [s, s + order]) {
        const signature = Uint8Array.from([...encodedR, ...encode(scalar)]);
        const der = Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), key]);
        const theirs = verify(null, message, createPublicKey({ key: der, format: "der", type: "spki" }), signature);
        expect(isTaken(key, signature, message)).toBe(theirs);
        answers.set(theirs, (answers.get(theirs) ?? 0) + 1);
      }
    }
    expect([...answers.keys()].sort()).toEqual([false, true]);
  });

  it("refuses keys of small order, and keys and points that are not in their one form", () => {
    const identity = Uint8Array.from([1, ...Array<number>(31).fill(0)]);
    const forAll = Uint8Array.from([...identity, ...Array<number>(32).fill(0)]); // [0]B − [k]·0 = 0, whatever is signed
    expect(isTaken(identity, forAll, utf8("anything"))).toBe(false);
    const large = Uint8Array.from([0xee, ...Array<number>(30).fill(0xff), 0x7f]); // y = p + 1, another form of y = 1
    expect(isTaken(large, forAll, utf8("anything"))).toBe(false);
    expect(isTaken(new Uint8Array(32).fill(0xff), forAll, utf8("anything"))).toBe(false);
  });
});

function isTaken(key: Uint8Array, signature: Uint8Array, message: Uint8Array): boolean {
  try {
    verifySignature(key, signature, message, "bad");
    return true;
  } catch (problem) {
    if (problem instanceof Altered) return false;
    throw problem;
  }
}
