/** The command as it is run: files in, one document and an exit code out. */

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";

import { main } from "../src/cli.ts";
import { hex, sha, utf8 } from "../src/protocol/hashes.ts";
import type { StreamId } from "../src/protocol/hashes.ts";
import type { Verdict } from "../src/protocol/verify.ts";
import { EVENTS, STREAM, absenceOf, build, canonical } from "./world.ts";
import type { Value } from "./world.ts";

const COMMAND = fileURLToPath(new URL("../bin/verify.mjs", import.meta.url));
const WORLD = build();
const NOBODYS = sha(utf8("nobody's stream")) as StreamId;
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
    "absence.json": absenceOf(WORLD, NOBODYS) as unknown as Value,
    "altered.json": altered as unknown as Value,
    "policy.json": WORLD.policy,
    "untrusting.json": { ...WORLD.policy, blocks: [] },
    "operator.json": { ...WORLD.policy, blocks: [], rpc: [{ url: "http://127.0.0.1:1/", operator: true }] },
    "inputs.json": { stream: "00".repeat(32) },
  };
  for (const [name, value] of Object.entries(files)) writeFileSync(join(folder, name), canonical(value));
  writeFileSync(join(folder, "malformed.json"), "{}");
  writeFileSync(join(folder, "bundle.zip"), "PK\u0003\u0004");
});

afterAll(() => rmSync(folder, { recursive: true }));

/** Runs the command in this process, which costs no start of another; files are in the test's folder. */
async function run(...args: readonly string[]) {
  const [stdout, stderr]: [string[], string[]] = [[], []];
  const spies = [
    vi.spyOn(console, "log").mockImplementation((line: string) => void stdout.push(`${line}\n`)),
    vi.spyOn(console, "error").mockImplementation((line: string) => void stderr.push(`${line}\n`)),
  ];
  const status = await main(args.map((arg) => (/^\.$|\.(json|zip)$/.test(arg) ? join(folder, arg) : arg)));
  for (const spy of spies) spy.mockRestore();
  return { status, stdout: stdout.join(""), stderr: stderr.join("") };
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
    [4, "unknown_code", ["absence.json", "--policy", "policy.json", "--stream", hex(NOBODYS)]],
    [4, "unknown_code", ["absence.json", "--policy", "policy.json", "--stream", `#${hex(NOBODYS)}`]],
    [1, "altered", ["absence.json", "--policy", "policy.json", "--stream", hex(STREAM)]],
    [3, "could_not_check", ["absence.json", "--policy", "untrusting.json", "--stream", hex(NOBODYS), "--rpc", "http://127.0.0.1:1/"]],
  ])("exits %i for %s", async (code, state, args) => {
    const { status, stdout, stderr } = await run(...args, "--json");
    expect(stderr).toBe("");
    expect(status).toBe(code);
    const verdict = JSON.parse(stdout) as Verdict;
    expect(verdict.state).toBe(state);
    const isOperator = args.includes("operator.json");
    if (args.includes("--rpc")) expect(codeOf(verdict, "block")).toBe(isOperator ? "operator_node" : "nodes_silent");
  });

  it.each<[number, string]>([
    [0, "proof.json"],
    [1, "altered.json"],
    [2, "malformed.json"],
  ])("is a program that exits %i for %s", (code, proof) => {
    const args = [COMMAND, proof, "--policy", "policy.json", "--json"];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: "utf8" });
    expect([status, stderr]).toEqual([code, ""]);
    expect((JSON.parse(stdout) as Verdict).checks).toHaveLength(14);
  });

  it("tells people the same, and lets nothing from a proof steer the terminal", async () => {
    const { status, stdout, stderr } = await run("hostile.json", "--policy", "policy.json");
    expect([status, stderr]).toEqual([1, ""]);
    const lines = stdout.trimEnd().split("\n");
    expect(lines[0]).toBe("order A-1001 of Demo brand, now signed");
    expect(lines.filter((line) => line.startsWith("15."))).toHaveLength(14);
    expect(lines.at(-1)).toBe("altered");
    expect(stdout).not.toContain("\u001b");
    expect(stdout).toContain("\ufffd[2K");
  });

  it("says of a bundle that it reads the proof in it", async () => {
    const { status, stdout, stderr } = await run("bundle.zip", "--policy", "policy.json");
    expect([status, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(/bundle\.zip is a bundle: .*proof\.json/);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
  });

  it("numbers the checks of an absence proof as the SPEC does", async () => {
    const { status, stdout } = await run("absence.json", "--policy", "policy.json", "--stream", hex(NOBODYS));
    const lines = stdout.trimEnd().split("\n");
    expect([status, lines.at(-1)]).toEqual([4, "unknown_code"]);
    expect(lines.filter((line) => line.startsWith("15.")).map((line) => line.split(/\s+/).slice(0, 2).join(" "))).toEqual(
      ["15.1 format", "15.5 checkpoint", "15.6 inclusion", "15.7 anchor", "15.8 block", "15.18 absent", "15.13 dated", "15.14 fresh"],
    );
  });

  it.each<[string, readonly string[]]>([
    ["no policy", ["proof.json"]],
    ["two proofs", ["proof.json", "proof.json", "--policy", "policy.json"]],
    ["an unknown option", ["proof.json", "--policy", "policy.json", "--trust-me"]],
    ["a policy that is none", ["proof.json", "--policy", "malformed.json"]],
    ["a proof that is not there", ["nowhere.json", "--policy", "policy.json"]],
    ["a folder", [".", "--policy", "policy.json"]],
    ["a block without a hash", ["proof.json", "--policy", "policy.json", "--block", "7"]],
    ["an absence proof of no stream", ["absence.json", "--policy", "policy.json"]],
    ["a stream that is none", ["proof.json", "--policy", "policy.json", "--stream", "x"]],
  ])("exits 2 with one line for %s", async (_what, args) => {
    const { status, stdout, stderr } = await run(...args);
    expect(status).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toMatch(/^verify: .+\n$/);
  });
});
