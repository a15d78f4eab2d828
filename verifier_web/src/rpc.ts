/**
 * Asks nodes for what SPEC 15.8, 15.13 and 15.14 need, by JSON-RPC over `fetch`: in a browser and in Node.
 *
 * A node that fails in any way is one that did not answer: that never reads as forgery.
 */

import { hexToBytes } from "@noble/hashes/utils.js";

import { word } from "./protocol/anchor.ts";
import { hash, hex, keccak256, utf8 } from "./protocol/hashes.ts";
import type { Hash, LogId } from "./protocol/hashes.ts";
import type { ChainPolicy, NodePolicy, Policy } from "./protocol/policy.ts";
import type { Anchored } from "./protocol/proof.ts";
import { neededBlocks } from "./protocol/verify.ts";
import type { NodeAnswer } from "./protocol/verify.ts";

const TIMEOUT = 8_000;
/** A block lists its transactions' hashes, 70 bytes each. */
const MAX_RESPONSE = 8 * 2 ** 20;
/** How many blocks are asked for at a time. */
const AT_ONCE = 8;
const HEAD = hex(keccak256(utf8("head(bytes32)")).subarray(0, 4));

export interface AskOptions {
  /** The nodes to ask; those of the policy where not given. */
  readonly nodes?: readonly NodePolicy[];
  /** The address of the page, which relative urls are relative to; without one they are not asked, and say so. */
  readonly base?: string;
}

/** Asks every node for the blocks that this proof needs and the registry's head, all nodes at once. Never rejects. */
export function askNodes(policy: Policy, proof: Anchored, options: AskOptions = {}): Promise<readonly NodeAnswer[]> {
  const numbers = neededBlocks(proof);
  return Promise.all((options.nodes ?? policy.rpc).map((node) => askNode(policy, numbers, node, options.base)));
}

async function askNode(
  { chain, log }: Policy,
  numbers: readonly number[],
  { url: address, operator }: NodePolicy,
  base: string | undefined,
): Promise<NodeAnswer> {
  const node = { url: address, operator };
  const silent = { ...node, error: null, chainId: null, final: null, blocks: new Map<number, Hash | null>(), head: null };
  try {
    const url = resolve(address, base);
    const chainId = quantity(await call(url, "eth_chainId", []));
    if (chainId !== chain.id) return { ...silent, chainId };
    const final = await finalNumber(url, chain);
    const blocks = await blockHashes(url, numbers);
    // Without a head the check `fresh` says so, and the rest still counts.
    const head = await registryHead(url, chain, log).catch(() => null);
    return { ...silent, chainId, final, blocks, head };
  } catch (problem) {
    return { ...silent, error: problem instanceof Error ? problem.message : String(problem) };
  }
}

function resolve(url: string, base: string | undefined): URL {
  if (url.startsWith("/") && base === undefined) throw new Error(`${url} is relative to a page, and there is none`);
  return new URL(url, base);
}

async function finalNumber(url: URL, { finality }: ChainPolicy): Promise<number | null> {
  if (finality === "finalized") {
    const block = await call(url, "eth_getBlockByNumber", ["finalized", false]);
    return block === null ? null : quantity(member(block, "number"));
  }
  const number = quantity(await call(url, "eth_blockNumber", [])) - finality;
  return number < 0 ? null : number;
}

async function blockHashes(url: URL, numbers: readonly number[]): Promise<ReadonlyMap<number, Hash | null>> {
  const hashes = new Map<number, Hash | null>();
  for (let at = 0; at < numbers.length; at += AT_ONCE) {
    const asked = numbers.slice(at, at + AT_ONCE).map(async (number) => {
      const block = await call(url, "eth_getBlockByNumber", [`0x${number.toString(16)}`, false]);
      hashes.set(number, block === null ? null : hash(data(member(block, "hash"), 32)));
    });
    await Promise.all(asked);
  }
  return hashes;
}

async function registryHead(url: URL, chain: ChainPolicy, log: LogId): Promise<{ size: number; root: Hash } | null> {
  const request = { to: `0x${hex(chain.registry)}`, data: `0x${HEAD}${hex(log)}` };
  const answer = data(await call(url, "eth_call", [request, "latest"]), 64);
  const size = quantity(`0x${hex(answer.subarray(24, 32)).replace(/^0+(?=.)/, "")}`);
  const isWord = hex(word(size)) === hex(answer.subarray(0, 32));
  return isWord && size > 0 ? { size, root: hash(answer.slice(32)) } : null;
}

async function call(url: URL, method: string, params: readonly unknown[]): Promise<unknown> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
    credentials: "omit",
    redirect: "error",
    referrerPolicy: "no-referrer",
    signal: AbortSignal.timeout(TIMEOUT),
  });
  const body = await readText(response);
  if (!response.ok) throw new Error(`${method}: HTTP ${response.status}`);
  const answer: unknown = JSON.parse(body);
  const error = member(answer, "error") ?? null;
  if (error !== null) throw new Error(`${method}: ${String(member(error, "message")).slice(0, 200)}`);
  return member(answer, "result") ?? null;
}

async function readText(response: Response): Promise<string> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  const reader = response.body?.getReader();
  for (let part = await reader?.read(); part?.value !== undefined; part = await reader?.read()) {
    size += part.value.length;
    if (size > MAX_RESPONSE) {
      await reader?.cancel();
      throw new Error(`an answer of more than ${MAX_RESPONSE} bytes`);
    }
    parts.push(part.value);
  }
  return new Blob(parts).text();
}

function member(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

function quantity(value: unknown): number {
  const number = typeof value === "string" && /^0x[0-9a-f]{1,14}$/i.test(value) ? Number(value) : NaN;
  if (!Number.isSafeInteger(number)) throw new Error(`not a number: ${String(value).slice(0, 80)}`);
  return number;
}

function data(value: unknown, size: number): Uint8Array {
  if (typeof value !== "string" || !/^0x[0-9a-f]*$/i.test(value) || value.length !== 2 + 2 * size) {
    throw new Error(`not ${size} bytes: ${String(value).slice(0, 80)}`);
  }
  return hexToBytes(value.slice(2));
}
