/** The corpus that both verifiers pass: a folder a case, with what goes in and what has to come out. */

import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { afterEach, describe, expect, it, vi } from "vitest";

import { parseInputs } from "../src/inputs.ts";
import { isAbsence } from "../src/protocol/absence.ts";
import { ZERO } from "../src/protocol/hashes.ts";
import { parsePolicy } from "../src/protocol/policy.ts";
import { exitCode, verify, verifyAbsence } from "../src/protocol/verify.ts";

const VECTORS = fileURLToPath(new URL("../../tests/vectors/", import.meta.url));

interface Expected {
  readonly state: string;
  readonly exit: number;
  readonly checks: readonly (readonly [name: string, result: string, code: string | null])[];
}

const cases = readdirSync(VECTORS).filter((name) => existsSync(join(VECTORS, name, "expected.json")));

afterEach(() => vi.unstubAllGlobals());

it("is here", () => {
  expect(cases.length).toBeGreaterThanOrEqual(60);
});

describe.each(["with the platform's Ed25519", "without, as over plain HTTP"])("the corpus %s", (way) => {
  it.each(cases)("%s", async (name) => {
    if (way.startsWith("without")) vi.stubGlobal("crypto", {});
    const read = (file: string): Uint8Array => readFileSync(join(VECTORS, name, file));
    const expected = JSON.parse(new TextDecoder().decode(read("expected.json"))) as Expected;
    const inputs = existsSync(join(VECTORS, name, "inputs.json")) ? parseInputs(read("inputs.json")) : {};
    const [raw, policy] = [read("proof.json"), parsePolicy(read("policy.json"))];
    const stream = inputs.stream ?? ZERO;
    const verdict = await (isAbsence(raw) ? verifyAbsence(raw, policy, stream, inputs) : verify(raw, policy, inputs));
    // What a parser calls its error is its own matter: beside `format` INVALID, null stands for any code.
    const codes = verdict.checks.map(({ check, result, code }) => {
      const isFree = check === "format" && result === "INVALID" && expected.checks[0]?.[2] === null;
      return [check, result, isFree ? null : code];
    });
    expect(codes).toEqual(expected.checks);
    expect(verdict.state).toBe(expected.state);
    expect(exitCode(verdict.state)).toBe(expected.exit);
    JSON.stringify(verdict);
  });
});
