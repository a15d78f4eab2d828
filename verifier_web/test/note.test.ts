import { describe, expect, it } from "vitest";

import { parseCheckpoint } from "../src/protocol/checkpoint.ts";
import { holds } from "../src/protocol/ed25519.ts";
import { Malformed } from "../src/protocol/errors.ts";
import { sha, utf8 } from "../src/protocol/hashes.ts";
import { parseBase64, parseNote, parseVkey, printBase64, signedNote } from "../src/protocol/note.ts";
import { checkpoint, signNote, signer } from "./keys.ts";
import { LOG_KEY, ORIGIN, RECEIPT_KEY } from "./world.ts";

const ROOT = sha(utf8("root"));
const NOTE = checkpoint(132, ROOT, LOG_KEY);

describe("a signed note (SPEC 8)", () => {
  it("opens with its key, and the checkpoint reads as it was printed", async () => {
    const read = parseCheckpoint(NOTE);
    expect(await holds(signedNote(read.note, parseVkey(LOG_KEY.vkey, "key")))).toBe(true);
    expect(read).toMatchObject({ origin: ORIGIN, size: 132, root: ROOT });
  });

  it("is the example that C2SP signed-note gives", async () => {
    const key = parseVkey("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", "key");
    const note =
      "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n" +
      "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
    expect(await holds(signedNote(parseNote(note), key))).toBe(true);
    expect(await holds(signedNote(parseNote(note.replace("answer", "Answer")), key))).toBe(false);
  });

  it("does not open with another key, nor changed", async () => {
    expect(() => signedNote(parseNote(NOTE), RECEIPT_KEY.key)).toThrow(expect.objectContaining({ code: "log_key" }));
    const changed = parseNote(NOTE.replace("\n132\n", "\n133\n"));
    expect(await holds(signedNote(changed, LOG_KEY.key))).toBe(false);
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
