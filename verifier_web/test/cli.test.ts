/** The command as it is run: files in, one document and an exit code out. */

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { hex } from "../src/protocol/hashes.ts";
import type { Verdict } from "../src/protocol/verify.ts";
import { EVENTS, STREAM, build, canonical } from "./world.ts";
import type { Value } from "./world.ts";

const COMMAND = fileURLToPath(new URL("../bin/verify.mjs", import.meta.url));
const WORLD = build();
let folder = "";

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "verify-"));
  const altered = structuredClone(WORLD.proof);
  altered.stream.order_id = "A-1002";
  // The date of the first event is an order to the terminal: erase the line.
  const hostile = build({ events: [{ fields: { ...EVENTS[0]?.fields, occurred_at: "\u001b[2K" } }, ...EVENTS.slice(1)] });
  const files: Record<string, Value> = {
    "hostile.json": hostile.proof as unknown as Value,
    "proof.json": WORLD.proof as unknown as Value,
    "altered.json": altered as unknown as Value,
    "policy.json": WORLD.policy,
    "untrusting.json": { ...WORLD.policy, blocks: [] },
    "operator.json": { ...WORLD.policy, blocks: [], rpc: [{ url: "http://127.0.0.1:1/", operator: true }] },
    "inputs.json": { stream: "00".repeat(32) },
  };
  for (const [name, value] of Object.entries(files)) writeFileSync(join(folder, name), canonical(value));
  writeFileSync(join(folder, "malformed.json"), "{}");
});

afterAll(() => rmSync(folder, { recursive: true }));

function run(...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [COMMAND, ...args], { cwd: folder, encoding: "utf8" });
  return { status, stdout, stderr };
}

function codeOf(verdict: Verdict, name: string): string | null | undefined {
  return verdict.checks.find(({ check }) => check === name)?.code;
}

const BLOCKS = WORLD.blocks.flatMap(({ number, hash }) => ["--block", `${number}:0x${hex(hash).toUpperCase()}`]);

describe("verify", () => {
  it.each<[number, string, readonly string[]]>([
    [0, "verified", ["proof.json", "--policy", "policy.json"]],
    [0, "verified", ["proof.json", "--policy", "untrusting.json", ...BLOCKS]],
    [0, "verified", ["proof.json", "--policy", "policy.json", "--stream", hex(STREAM)]],
    [1, "altered", ["altered.json", "--policy", "policy.json"]],
    [1, "altered", ["proof.json", "--policy", "policy.json", "--inputs", "inputs.json"]],
    [1, "altered", ["proof.json", "--policy", "policy.json", "--stream", "00".repeat(32)]],
    [2, "malformed", ["malformed.json", "--policy", "policy.json"]],
    [3, "could_not_check", ["proof.json", "--policy", "untrusting.json"]],
    [3, "could_not_check", ["proof.json", "--policy", "untrusting.json", "--rpc", "http://127.0.0.1:1/"]],
    [3, "could_not_check", ["proof.json", "--policy", "operator.json", "--rpc", "http://127.0.0.1:1/"]],
  ])("exits %i for %s", (code, state, args) => {
    const { status, stdout, stderr } = run(...args, "--json");
    expect(stderr).toBe("");
    expect(status).toBe(code);
    const verdict = JSON.parse(stdout) as Verdict;
    expect(verdict.state).toBe(state);
    const isOperator = args.includes("operator.json");
    if (args.includes("--rpc")) expect(codeOf(verdict, "block")).toBe(isOperator ? "operator_node" : "nodes_silent");
  });

  it("tells people the same, and lets nothing from a proof steer the terminal", () => {
    const { status, stdout, stderr } = run("hostile.json", "--policy", "policy.json");
    expect([status, stderr]).toEqual([1, ""]);
    const lines = stdout.trimEnd().split("\n");
    expect(lines[0]).toBe("order A-1001 of Demo brand, now signed");
    expect(lines.filter((line) => line.startsWith("15."))).toHaveLength(14);
    expect(lines.at(-1)).toBe("altered");
    expect(stdout).not.toContain("\u001b");
    expect(stdout).toContain("\ufffd[2K");
  });

  it.each<[string, readonly string[]]>([
    ["no policy", ["proof.json"]],
    ["two proofs", ["proof.json", "proof.json", "--policy", "policy.json"]],
    ["an unknown option", ["proof.json", "--policy", "policy.json", "--trust-me"]],
    ["a policy that is none", ["proof.json", "--policy", "malformed.json"]],
    ["a proof that is not there", ["nowhere.json", "--policy", "policy.json"]],
    ["a folder", [".", "--policy", "policy.json"]],
    ["a block without a hash", ["proof.json", "--policy", "policy.json", "--block", "7"]],
    ["a stream that is none", ["proof.json", "--policy", "policy.json", "--stream", "x"]],
  ])("exits 2 with one line for %s", (_what, args) => {
    const { status, stdout, stderr } = run(...args);
    expect(status).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toMatch(/^verify: .+\n$/);
  });
});
