/** Asking nodes, over real HTTP: a node that answers well, and the ways in which one does not. */

import { createServer } from "node:http";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";

import { afterEach, describe, expect, it } from "vitest";

import { word } from "../src/protocol/anchor.ts";
import { hex, keccak256, sha, utf8 } from "../src/protocol/hashes.ts";
import type { Hash } from "../src/protocol/hashes.ts";
import { parsePolicy } from "../src/protocol/policy.ts";
import type { Policy } from "../src/protocol/policy.ts";
import { parseProof } from "../src/protocol/proof.ts";
import { verify } from "../src/protocol/verify.ts";
import { askNodes } from "../src/rpc.ts";
import { CHAIN, REGISTRY, build, canonical } from "./world.ts";
import type { Value } from "./world.ts";

const WORLD = build();
const RAW = canonical(WORLD.proof as unknown as Value);
const PROOF = parseProof(RAW);
const servers: Server[] = [];

type Answers = Readonly<Record<string, (params: readonly unknown[]) => unknown>>;

const HONEST: Answers = {
  eth_chainId: () => `0x${CHAIN.toString(16)}`,
  eth_blockNumber: () => "0x64",
  eth_getBlockByNumber: ([number]) => {
    if (number === "finalized") return { number: "0x60", hash: `0x${hex(sha(utf8("final")))}` };
    const block = [...WORLD.blocks, WORLD.notBefore].find((known) => `0x${known.number.toString(16)}` === number);
    return block === undefined ? null : { number, hash: `0x${hex(block.hash)}`, transactions: [] };
  },
  eth_call: ([call, tag]) => {
    const selector = hex(keccak256(utf8("head(bytes32)"))).slice(0, 8);
    expect([call, tag]).toEqual([{ to: `0x${hex(REGISTRY)}`, data: `0x${selector}${hex(LOG_ID)}` }, "latest"]);
    return `0x${hex(word(WORLD.head.size))}${hex(WORLD.head.root)}`;
  },
};

function policy(more: Readonly<Record<string, Value>> = {}, chain: Readonly<Record<string, Value>> = {}): Policy {
  return parsePolicy(canonical({ ...WORLD.policy, blocks: [], ...more, chain: { ...WORLD.policy.chain, ...chain } }));
}

const LOG_ID = policy().log;

/** Serves these answers; a string is sent as the body, whatever it is. */
async function serve(answers: Answers, status = 200): Promise<string> {
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (part: Buffer) => (body += part.toString()));
    request.on("end", () => {
      const { id, method, params } = JSON.parse(body) as { id: number; method: string; params: unknown[] };
      const answer = answers[method]?.(params);
      const reply = answer === undefined ? { error: { code: -32601, message: "no such method" } } : { result: answer };
      response.writeHead(status, { "content-type": "application/json" });
      response.end(typeof answer === "string" && !answer.startsWith("0x") ? answer : JSON.stringify({ jsonrpc: "2.0", id, ...reply }));
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

async function ask(answers: Answers, { status = 200, chain = {} }: { status?: number; chain?: Record<string, Value> } = {}) {
  const url = await serve(answers, status);
  const asked = policy({ rpc: [{ url, operator: false }] }, chain);
  const [answer] = await askNodes(asked, PROOF);
  if (answer === undefined) throw new Error("one node was asked");
  return { answer, verdict: await verify(RAW, asked, { nodes: [answer] }) };
}

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections(); // kept open for a next request that will not come
    await new Promise((resolve) => server.close(resolve));
  }
});

describe("an honest node", () => {
  it("makes a record verified, dated and fresh", async () => {
    const { answer, verdict } = await ask(HONEST);
    expect(answer).toMatchObject({ error: null, chainId: CHAIN, final: 96, operator: false, head: WORLD.head });
    expect([...answer.blocks.keys()].sort((a, b) => a - b)).toEqual([5, 10, 11]);
    expect(verdict.state).toBe("verified");
    const valid = verdict.checks.filter(({ result }) => result === "VALID").map(({ check }) => check);
    expect(valid).toEqual(expect.arrayContaining(["block", "dated", "fresh"]));
  });

  it("counts blocks back from the newest where the policy says how many", async () => {
    expect((await ask(HONEST, { chain: { finality: 12 } })).answer.final).toBe(88);
    const { answer, verdict } = await ask(HONEST, { chain: { finality: 101 } });
    expect(answer.final).toBeNull();
    expect(verdict.state).toBe("could_not_check");
  });

  it("is asked at the page's address where its url is a path, and else not at all", async () => {
    const base = `${await serve(HONEST)}v/token#stream`;
    const asked = policy({ rpc: [{ url: "/rpc", operator: true }] });
    expect((await askNodes(asked, PROOF, { base }))[0]).toMatchObject({ url: "/rpc", operator: true, error: null });
    expect((await askNodes(asked, PROOF))[0]?.error).toMatch(/relative to a page/);
  });
});

describe("a node that does not answer", () => {
  it.each<[string, Answers, number]>([
    ["an HTTP error", HONEST, 503],
    ["no JSON", { ...HONEST, eth_chainId: () => "<html>" }, 200],
    ["a JSON-RPC error", { eth_chainId: HONEST["eth_chainId"] as () => unknown }, 200],
    ["a number that is none", { ...HONEST, eth_chainId: () => 31_337 }, 200],
    ["a block without a hash", { ...HONEST, eth_getBlockByNumber: () => ({ number: "0x60" }) }, 200],
    ["a short hash", { ...HONEST, eth_getBlockByNumber: () => ({ number: "0x60", hash: "0x00" }) }, 200],
    ["a huge answer", { ...HONEST, eth_getBlockByNumber: () => ({ number: "0x60", hash: "x".repeat(9 * 2 ** 20) }) }, 200],
  ])("%s never reads as altered", async (_what, answers, status) => {
    const { answer, verdict } = await ask(answers, { status });
    expect(answer.error).not.toBeNull();
    expect(verdict.checks.find(({ check }) => check === "block")?.code).toBe("nodes_silent");
    expect(verdict.state).toBe("could_not_check");
  });

  it("a port where nobody listens", async () => {
    const asked = policy({ rpc: [{ url: "http://127.0.0.1:1/", operator: false }] });
    expect((await askNodes(asked, PROOF))[0]?.error).not.toBeNull();
  });

  it("a node of another chain is asked no further", async () => {
    const { answer, verdict } = await ask({ eth_chainId: () => "0x1" });
    expect(answer).toMatchObject({ chainId: 1, error: null, final: null, head: null });
    expect(verdict.state).toBe("could_not_check");
  });

  it("a registry that is not there leaves freshness open alone", async () => {
    for (const head of ["0x", `0x${"00".repeat(64)}`, `0x${"ff".repeat(64)}`]) {
      const { answer, verdict } = await ask({ ...HONEST, eth_call: () => head });
      expect(answer).toMatchObject({ error: null, head: null });
      expect(verdict.state).toBe("verified");
      expect(verdict.checks.at(-1)?.code).toBe("as_of");
    }
  });
});

describe("a node that lies", () => {
  it("about a block reads as another block", async () => {
    const lie = { number: "0xa", hash: `0x${hex(sha(utf8("lie")) as Hash)}` };
    const { verdict } = await ask({ ...HONEST, eth_getBlockByNumber: ([tag]) => (tag === "finalized" ? { number: "0x60" } : lie) });
    expect(verdict.checks.find(({ check }) => check === "block")?.code).toBe("block_other");
  });
});
