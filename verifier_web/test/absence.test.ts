import { describe, expect, it } from "vitest";

import { isAbsence, parseAbsence } from "../src/protocol/absence.ts";
import { sha, utf8 } from "../src/protocol/hashes.ts";
import type { StreamId } from "../src/protocol/hashes.ts";
import { parsePolicy } from "../src/protocol/policy.ts";
import { ABSENCE_CHECKS, exitCode, neededBlocks, verifyAbsence } from "../src/protocol/verify.ts";
import type { CheckName, Inputs, Verdict } from "../src/protocol/verify.ts";
import { notes } from "./checking.ts";
import { checkpoint, signer } from "./keys.ts";
import { mapPath } from "./trees.ts";
import { CHAIN, LOG_KEY, ORIGIN, STREAM, absenceOf, build, canonical } from "./world.ts";
import type { AbsenceDoc, Value, World } from "./world.ts";

const WORLD = build();
const POLICY = parsePolicy(canonical(WORLD.policy));
const zeros = "0".repeat(64);

/** Streams that are not in the map: the path of one ends at another stream, of the other at nothing. */
const NAMES = Array.from({ length: 60 }, (_, at) => sha(utf8(`nobody's stream ${at}`)) as StreamId);
const BESIDE = NAMES.find((name) => mapPath(name, WORLD.mapped).end !== null) as StreamId;
const EMPTY = NAMES.find((name) => mapPath(name, WORLD.mapped).end === null) as StreamId;

function bytes(document: AbsenceDoc): Uint8Array {
  return canonical(document as unknown as Value);
}

function check(document: AbsenceDoc, stream: StreamId, inputs: Inputs = {}, policy = POLICY): Promise<Verdict> {
  return verifyAbsence(bytes(document), policy, stream, inputs);
}

const whole = (stream = BESIDE): AbsenceDoc => structuredClone(absenceOf(WORLD, stream));
const OPEN = { dated: "UNKNOWN not_before_untrusted", fresh: "UNKNOWN as_of" };

describe("an absence proof", () => {
  it.each([
    ["beside another stream", BESIDE],
    ["where there is nothing", EMPTY],
  ])("shows that a code was never in the log: %s", async (_what, stream) => {
    const document = whole(stream);
    expect(isAbsence(bytes(document))).toBe(true);
    expect(document.leaf === null).toBe(stream === EMPTY);
    const verdict = await check(document, stream);
    expect(verdict.state).toBe("unknown_code");
    expect(exitCode(verdict.state)).toBe(4);
    expect(notes(verdict)).toEqual(OPEN);
    expect(verdict.checks.map(({ check }) => check)).toEqual(ABSENCE_CHECKS);
    expect(verdict).toMatchObject({ order: null, as_of: { number: 11 }, not_proven: ["truth", "object", "history"] });
    expect(neededBlocks(parseAbsence(bytes(document)))).toEqual([5, 11]);
  });

  it("is dated and fresh by a node", async () => {
    const blocks = new Map([...WORLD.blocks, WORLD.notBefore].map(({ number, hash }) => [number, hash]));
    const node = { url: "x", operator: false, error: null, chainId: CHAIN, final: 100, blocks, head: WORLD.head };
    expect(notes(await check(whole(), BESIDE, { nodes: [node] }))).toEqual({});
  });

  it("is test data on a development chain", async () => {
    const policy = { ...POLICY, chain: { ...POLICY.chain, test: true } };
    expect((await check(whole(), BESIDE, {}, policy)).state).toBe("test_data");
  });

  it("is open where the block is not trusted, or too old", async () => {
    expect(await check(whole(), BESIDE, {}, { ...POLICY, blocks: [] })).toMatchObject({ state: "could_not_check" });
    const late = await check(whole(), BESIDE, { now: 2e15 }, { ...POLICY, maxAge: 1 });
    expect(late.state).toBe("could_not_check");
    expect(notes(late)).toMatchObject({ fresh: "UNKNOWN too_old" });
  });
});

describe("it is refused", () => {
  const seal = (document: AbsenceDoc, from: RegExp, to: string) => (document.anchor.seal.entry = document.anchor.seal.entry.replace(from, to));

  it("for a stream that is in the log", async () => {
    for (const { stream } of [{ stream: STREAM }, ...WORLD.mapped]) {
      const verdict = await check(absenceOf(WORLD, stream), stream);
      expect(notes(verdict)).toMatchObject({ absent: "INVALID present" });
      expect([verdict.state, exitCode(verdict.state)]).toEqual(["altered", 1]);
      // … also with the proof of one that is not
      const other = await check(whole(), stream);
      expect(notes(other)).toMatchObject({ absent: "INVALID present" });
    }
  });

  it.each<[string, CheckName, string, (document: AbsenceDoc) => unknown]>([
    ["another leaf's count", "absent", "present", ({ leaf }) => ((leaf as { count: number }).count += 1)],
    ["another leaf's head", "absent", "present", ({ leaf }) => ((leaf as { head: string }).head = zeros)],
    ["no leaf", "absent", "present", (document) => (document.leaf = null)],
    ["this stream for the other", "absent", "present", ({ leaf }) => ((leaf as { stream: string }).stream = Buffer.from(BESIDE).toString("hex"))],
    ["an empty path", "absent", "present", (document) => (document.map = [])],
    ["zeros at the path's end", "absent", "map_path", (document) => document.map.push(zeros)],
    ["a seal of another map", "inclusion", "inclusion", (document) => seal(document, /"map":"[^"]*"/, `"map":"${zeros}"`)],
    ["a seal of another log", "inclusion", "inclusion", (document) => seal(document, /"log":"[^"]*"/, `"log":"${zeros}"`)],
    ["an older seal", "inclusion", "path_length", (document) => (document.anchor.seal = build().proof.anchors[0]?.seal as AbsenceDoc["anchor"]["seal"])],
    ["another key", "checkpoint", "log_key", ({ anchor }) => (anchor.checkpoint = checkpoint(WORLD.head.size, WORLD.head.root, signer(ORIGIN, 7)))],
    ["another root", "checkpoint", "checkpoint_signature", ({ anchor }) => {
      const forged = checkpoint(WORLD.head.size, sha(utf8("root")), LOG_KEY).split("\n");
      anchor.checkpoint = [...forged.slice(0, 4), anchor.checkpoint.split("\n").at(-2), ""].join("\n");
    }],
    ["the other anchor's block", "anchor", "anchored_missing", (document) => (document.anchor.block = (build() as World).proof.anchors[0]?.block as AbsenceDoc["anchor"]["block"])],
  ])("with %s", async (_what, name, code, damage) => {
    const document = whole();
    damage(document);
    const verdict = await check(document, BESIDE);
    expect(notes(verdict)[name]).toBe(`INVALID ${code}`);
    expect(verdict.state).toBe("altered");
  });

  it("for one stream with the proof of another", async () => {
    for (const other of NAMES.filter((name) => name !== BESIDE)) {
      const { path, end } = mapPath(other, WORLD.mapped);
      const [own, ownEnd] = [whole(), mapPath(BESIDE, WORLD.mapped).end];
      // Two streams that end in the same place have the same proof.
      const isSame = end === ownEnd && path.length === own.map.length && end !== null;
      if (!isSame) expect((await check(own, other)).state).toBe("altered");
    }
  });

  it("with any bit changed, and never throws", async () => {
    const raw = bytes(whole());
    for (let at = 0; at < raw.length; at += 3) {
      const changed = Uint8Array.from(raw);
      changed[at] = (changed[at] as number) ^ (1 << (at % 8));
      expect(["altered", "malformed"], `byte ${at}`).toContain((await verifyAbsence(changed, POLICY, BESIDE)).state);
    }
  });

  it.each<[string, (document: AbsenceDoc) => unknown]>([
    ["version 0", (document) => (document.v = 0)],
    ["a proof's format", (document) => (document.format = "sealtrail/proof")],
    ["a member more", (document) => ((document as unknown as Record<string, unknown>)["stream"] = zeros)],
    ["a member less", (document) => delete (document as Partial<AbsenceDoc>).leaf],
    ["a leaf of no entries", ({ leaf }) => ((leaf as { count: number }).count = 0)],
    ["a leaf of less than no entries", ({ leaf }) => ((leaf as { count: number }).count = -1)],
    ["a leaf with a member more", ({ leaf }) => ((leaf as unknown as Record<string, unknown>)["more"] = 1)],
    ["a path of 257 hashes", (document) => (document.map = Array<string>(257).fill("11".repeat(32)))],
    ["no path", (document) => ((document as { map: unknown }).map = null)],
    ["anchors in a list", (document) => ((document as { anchor: unknown }).anchor = [document.anchor])],
  ])("as malformed with %s", async (_what, damage) => {
    const document = whole();
    damage(document);
    const verdict = await check(document, BESIDE);
    expect([verdict.state, exitCode(verdict.state)]).toEqual(["malformed", 2]);
    expect(verdict.checks.map(({ check }) => check)).toEqual(ABSENCE_CHECKS);
    expect(verdict.checks.slice(1).every(({ result, code }) => result === "SKIPPED" && code === "malformed")).toBe(true);
  });

  it("where a proof is given in its place", async () => {
    const proof = canonical(WORLD.proof as unknown as Value);
    expect(isAbsence(proof)).toBe(false);
    expect(isAbsence(utf8("{"))).toBe(false);
    expect((await verifyAbsence(proof, POLICY, BESIDE)).checks[0]?.code).toBe("format");
  });
});
