/** Inputs of a verification as a JSON document: what a corpus of cases, or a script, gives beside proof and policy. */

import { parseJson } from "./protocol/canonical.ts";
import type { Json } from "./protocol/canonical.ts";
import { Malformed } from "./protocol/errors.ts";
import { parseHash } from "./protocol/hashes.ts";
import type { Hash } from "./protocol/hashes.ts";
import { parseBlockHash } from "./protocol/policy.ts";
import { anyObject, flag, items, members, text, whole } from "./protocol/shape.ts";
import type { Inputs, NodeAnswer } from "./protocol/verify.ts";

const MEMBERS = ["attachments", "nodes", "now", "stream"];

/** Reads `{"stream": hex, "now": ms, "nodes": […], "attachments": {named: found}}`, every member optional. */
export function parseInputs(raw: Uint8Array): Inputs {
  const document = anyObject(parseJson(raw), "inputs");
  for (const name of document.keys()) {
    if (!MEMBERS.includes(name)) throw new Malformed("shape", `inputs: member ${JSON.stringify(name)} is unknown`);
  }
  return {
    stream: optional(document.get("stream"), (value) => parseHash(value, "stream")),
    now: optional(document.get("now"), (value) => whole(value, "now")),
    nodes: optional(document.get("nodes"), (value) => items(value, [0, 100], "nodes", parseNode)),
    attachments: optional(document.get("attachments"), parseAttachments),
  };
}

function parseNode(value: Json, where: string): NodeAnswer {
  const node = members(value, ["blocks", "chain_id", "error", "final", "head", "operator", "url"], where);
  const blocks = [...anyObject(node.blocks, `${where}.blocks`)];
  return {
    url: text(node.url, `${where}.url`),
    operator: flag(node.operator, `${where}.operator`),
    error: optional(node.error, (error) => text(error, `${where}.error`)) ?? null,
    chainId: optional(node.chain_id, (id) => whole(id, `${where}.chain_id`)) ?? null,
    final: optional(node.final, (final) => whole(final, `${where}.final`)) ?? null,
    blocks: new Map(
      blocks.map(([number, hash]): [number, Hash | null] => [
        whole(/^\d+$/.test(number) ? Number(number) : null, `${where}.blocks`),
        optional(hash, (known) => parseBlockHash(known, `${where}.blocks`)) ?? null,
      ]),
    ),
    head: optional(node.head, (head) => parseHead(head, `${where}.head`)) ?? null,
  };
}

function parseHead(value: Json, where: string): { size: number; root: Hash } {
  const head = members(value, ["root", "size"], where);
  return { size: whole(head.size, `${where}.size`), root: parseHash(head.root, `${where}.root`) };
}

function parseAttachments(value: Json): ReadonlyMap<string, string> {
  const attachments = [...anyObject(value, "attachments")];
  return new Map(attachments.map(([name, found]) => [name, text(found, "attachments")]));
}

function optional<Value>(value: Json | undefined, read: (value: Json) => Value): Value | undefined {
  return value === undefined || value === null ? undefined : read(value);
}
