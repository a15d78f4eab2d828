/** What a verifier trusts: always the verifier's own input, never read from a proof (SPEC 14.5). */

import { parseAddress } from "./anchor.ts";
import { parseJson } from "./canonical.ts";
import type { Json } from "./canonical.ts";
import { Malformed } from "./errors.ts";
import { parseName } from "./event.ts";
import type { BlockId } from "./event.ts";
import { hex, parseHash } from "./hashes.ts";
import type { Address, Hash, LogId } from "./hashes.ts";
import { parseVkey } from "./note.ts";
import type { VerifierKey } from "./note.ts";
import { receiptsOrigin } from "./receipt.ts";
import { anyObject, document, flag, items, members, text, whole } from "./shape.ts";

const FORMAT = "sealtrail/policy";
const MAX_POLICY = 2 ** 20;
const MAX_BLOCKS = 100_000;
const MAX_KEYS = 100;
const MAX_NODES = 20;

/** A key of the log and the checkpoint sizes that it may sign: first ≤ size ≤ last; null: no last one. */
export interface LogKey {
  readonly key: VerifierKey;
  readonly first: number;
  readonly last: number | null;
}

/** Which chain and registry count, when a block is final there, and whether it is a development chain. */
export interface ChainPolicy {
  readonly id: number;
  readonly name: string;
  readonly registry: Address;
  readonly finality: number | "finalized";
  readonly test: boolean;
}

/** A node that may be asked; one that the log's operator runs counts on test chains alone. */
export interface NodePolicy {
  readonly url: string;
  readonly operator: boolean;
}

/** What a verifier trusts. `maxAge` in seconds; `tenants` null: any tenant, shown by its id. */
export interface Policy {
  readonly origin: string;
  readonly log: LogId;
  readonly logKeys: readonly LogKey[];
  readonly receiptKeys: readonly VerifierKey[];
  readonly tenants: ReadonlyMap<string, string> | null;
  readonly actors: ReadonlyMap<string, string>;
  readonly chain: ChainPolicy;
  readonly blocks: readonly BlockId[];
  readonly rpc: readonly NodePolicy[];
  readonly maxAge: number | null;
}

const MEMBERS = [
  ...(["actors", "blocks", "chain", "format", "log", "log_keys", "max_age", "origin", "receipt_keys"] as const),
  ...(["rpc", "tenants", "v"] as const),
];

/** Reads a policy; its layout is free, its members are not. Malformed says where it differs. */
export function parsePolicy(raw: Uint8Array): Policy {
  // SPEC 14.5: at most 1 MiB
  if (raw.length > MAX_POLICY) throw new Malformed("policy_size", `a policy has at most ${MAX_POLICY} bytes`);
  const top = members(document(parseJson(raw), FORMAT), MEMBERS, "policy");
  const log = parseHash(top.log, "log") as LogId;
  const origin = text(top.origin, "origin");
  // SPEC 14.5: the origin ends in `/` and the id
  if (!origin.endsWith(`/${hex(log)}`)) throw new Malformed("origin", "the origin does not end in a slash and the log id");
  return {
    origin,
    log,
    logKeys: items(top.log_keys, [1, MAX_KEYS], "log_keys", (value, where) => parseLogKey(value, where, origin)),
    receiptKeys: items(top.receipt_keys, [0, MAX_KEYS], "receipt_keys", (value, where) =>
      parseKey(value, where, receiptsOrigin(origin)),
    ),
    tenants: top.tenants === null ? null : parseNames(top.tenants, "tenants", parseName),
    actors: parseNames(top.actors, "actors", (key, where) => hex(parseHash(key, where))),
    chain: parseChain(top.chain),
    blocks: items(top.blocks, [0, MAX_BLOCKS], "blocks", parseBlock),
    rpc: items(top.rpc, [0, MAX_NODES], "rpc", parseNode),
    maxAge: top.max_age === null ? null : whole(top.max_age, "max_age"),
  };
}

/** The same policy with more trusted blocks. */
export function trusting(policy: Policy, blocks: readonly BlockId[]): Policy {
  return { ...policy, blocks: [...policy.blocks, ...blocks] };
}

function parseLogKey(value: Json, where: string, origin: string): LogKey {
  const key = members(value, ["from", "key", "until"], where);
  return {
    key: parseKey(key.key, `${where}.key`, origin),
    first: whole(key.from, `${where}.from`),
    last: key.until === null ? null : whole(key.until, `${where}.until`),
  };
}

function parseKey(value: Json, where: string, name: string): VerifierKey {
  const key = parseVkey(value, where);
  if (key.name !== name) throw new Malformed("key_name", `${where}: a key of the name ${name} is expected`);
  return key;
}

function parseNames(
  value: Json,
  where: string,
  read: (name: string, where: string) => string,
): ReadonlyMap<string, string> {
  const names = [...anyObject(value, where)];
  return new Map(names.map(([name, shown]) => [read(name, where), text(shown, `${where}.${name.slice(0, 80)}`)]));
}

function parseChain(value: Json): ChainPolicy {
  const chain = members(value, ["finality", "id", "name", "registry", "test"], "chain");
  return {
    id: whole(chain.id, "chain.id"),
    name: text(chain.name, "chain.name"),
    registry: parseAddress(chain.registry, "chain.registry"),
    finality: chain.finality === "finalized" ? "finalized" : whole(chain.finality, "chain.finality"),
    test: flag(chain.test, "chain.test"),
  };
}

function parseBlock(value: Json, where: string): BlockId {
  const block = members(value, ["hash", "number"], where);
  return { number: whole(block.number, `${where}.number`), hash: parseBlockHash(block.hash, `${where}.hash`) };
}

/** Reads a block hash as explorers show it: 0x and 64 hexadecimal digits. */
export function parseBlockHash(value: unknown, where: string): Hash {
  if (typeof value !== "string" || !value.startsWith("0x")) {
    throw new Malformed("hash_syntax", `${where}: expected 0x and 64 lower-case hexadecimal digits`);
  }
  return parseHash(value.slice(2), where);
}

function parseNode(value: Json, where: string): NodePolicy {
  const node = members(value, ["operator", "url"], where);
  const url = text(node.url, `${where}.url`);
  if (!/^(?:https?:\/\/[\x21-\x7e]+|\/[\x21-\x7e]*)$/.test(url)) {
    throw new Malformed("url_syntax", `${where}.url: expected http://…, https://… or a path of the page's server`);
  }
  return { url, operator: flag(node.operator, `${where}.operator`) };
}
