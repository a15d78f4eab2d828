/** `verify PROOF --policy POLICY`: the checks on the command line. Offline, unless asked to ask nodes. */

import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";

import { parseInputs } from "./inputs.ts";
import { isAbsence, parseAbsence } from "./protocol/absence.ts";
import { Malformed, SealtrailError } from "./protocol/errors.ts";
import type { BlockId } from "./protocol/event.ts";
import { parseHash } from "./protocol/hashes.ts";
import { parsePolicy, trusting } from "./protocol/policy.ts";
import type { NodePolicy, Policy } from "./protocol/policy.ts";
import { parseProof } from "./protocol/proof.ts";
import { exitCode, verify, verifyAbsence } from "./protocol/verify.ts";
import { CHECKS } from "./protocol/verdict.ts";
import type { CheckName, Inputs, NodeAnswer, Verdict } from "./protocol/verify.ts";
import { askNodes } from "./rpc.ts";

const USAGE = `usage: verify PROOF --policy POLICY [options]

  PROOF                a proof; or an absence proof, which says that a label's stream was never in the log

  --policy FILE        what you trust; required, and never taken from the proof
  --block N:HASH       trust this block (0x…, copied from an explorer); repeatable
  --rpc URL            ask this node, which the log's operator does not run; repeatable
  --online             ask the nodes that the policy names
  --stream HEX         the stream that the label names (behind the # of its link);
                       required for an absence proof
  --inputs FILE        stream, time, nodes' answers and attachments' hashes as JSON
  --json               print the verdict as JSON

exit code: 0 verified (or test data, saying so), 1 altered, 2 malformed, 3 could not check,
           4 unknown code`;

const MALFORMED = 2;

/** Runs the command; returns its exit code (SPEC 15.17). Bad files and arguments are one line on stderr. */
export async function main(args: readonly string[]): Promise<number> {
  try {
    const { values, positionals } = readArguments(args);
    if (values.help === true) {
      console.log(USAGE);
      return 0;
    }
    const [path, extra] = positionals;
    if (path === undefined || extra !== undefined || values.policy === undefined) {
      throw new Malformed("arguments", "expected one PROOF and --policy POLICY; see --help");
    }
    const blocks = (values.block ?? []).map(parseBlockArgument);
    const policy = trusting(parsePolicy(await readFile(values.policy)), blocks);
    const raw = await readFile(path);
    if (isZip(raw)) throw new Malformed("bundle", `${path} is a bundle: unzip it and give its proof.json; sealtrail verify reads it whole`);
    const inputs = await gather(raw, policy, values);
    const verdict = await check(raw, policy, inputs);
    console.log(values.json === true ? JSON.stringify(verdict) : printVerdict(verdict));
    return exitCode(verdict.state);
  } catch (problem) {
    const isOurBug = !(problem instanceof SealtrailError) && (problem as NodeJS.ErrnoException).code === undefined;
    if (isOurBug) throw problem;
    console.error(`verify: ${(problem as Error).message.split("\n", 1)[0]}`);
    return MALFORMED;
  }
}

/** Whether these are a zip's bytes, by its signature. */
function isZip(raw: Uint8Array): boolean {
  return raw[0] === 0x50 && raw[1] === 0x4b;
}

function readArguments(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      policy: { type: "string" },
      block: { type: "string", multiple: true },
      rpc: { type: "string", multiple: true },
      online: { type: "boolean" },
      stream: { type: "string" },
      inputs: { type: "string" },
      json: { type: "boolean" },
      help: { type: "boolean", short: "h" },
    },
  });
}

type Values = ReturnType<typeof readArguments>["values"];

/** By the document's own `format`: an absence proof, else a proof. */
async function check(raw: Uint8Array, policy: Policy, inputs: Inputs): Promise<Verdict> {
  if (!isAbsence(raw)) return verify(raw, policy, inputs);
  if (inputs.stream === undefined) throw new Malformed("arguments", "an absence proof is about one stream: say --stream HEX");
  return verifyAbsence(raw, policy, inputs.stream, inputs);
}

async function gather(raw: Uint8Array, policy: Policy, values: Values): Promise<Inputs> {
  const given: Inputs = values.inputs === undefined ? { now: Date.now() } : parseInputs(await readFile(values.inputs));
  const nodes = await ask(raw, policy, nodesToAsk(policy, values));
  return {
    ...given,
    nodes: [...(given.nodes ?? []), ...nodes],
    ...(values.stream === undefined ? {} : { stream: parseHash(values.stream.replace(/^#/, ""), "--stream") }),
  };
}

function nodesToAsk({ rpc }: Policy, { online, rpc: urls = [] }: Values): readonly NodePolicy[] {
  const named = online === true ? rpc : [];
  // A node that the policy calls the operator's stays the operator's, whoever names it.
  const isOperator = (url: string) => rpc.some((node) => node.operator && node.url === url);
  const others = [...new Set(urls)].filter((url) => !named.some((node) => node.url === url));
  return [...named, ...others.map((url) => ({ url, operator: isOperator(url) }))];
}

async function ask(raw: Uint8Array, policy: Policy, nodes: readonly NodePolicy[]): Promise<readonly NodeAnswer[]> {
  try {
    return nodes.length === 0 ? [] : await askNodes(policy, isAbsence(raw) ? parseAbsence(raw) : parseProof(raw), { nodes });
  } catch (problem) {
    if (problem instanceof Malformed) return []; // the verdict says so
    throw problem;
  }
}

function parseBlockArgument(text: string): BlockId {
  const [, number = "", hash = ""] = /^(0|[1-9][0-9]{0,14}):0x([0-9a-fA-F]{64})$/.exec(text) ?? [];
  return { number: Number(number), hash: parseHash(hash.toLowerCase(), "--block NUMBER:0xHASH") };
}

function printVerdict({ state, checks, order, as_of: asOf, not_proven: notProven }: Verdict): string {
  const lines = checks.map(
    ({ check, result, code, detail }) =>
      `${number(check).padEnd(6)}${check.padEnd(12)} ${result.padEnd(8)} ${code === null ? "" : `${code}: `}${detail}`,
  );
  const story = (order?.events ?? []).map(
    (event) =>
      `  ${event.occurred_at ?? "(hidden)"}  ${event.type ?? "(hidden)"}  ${event.said} by ${event.actor_role ?? "(hidden)"}` +
      [event.place === "pending" ? "  pending" : "", ...event.flags.map((flag) => `  ${flag}`)].join(""),
  );
  const head = order === null ? [] : [`order ${order.order_id} of ${order.tenant_name}, now ${order.lifecycle}`, ...story];
  const date = asOf === null ? [] : [`as of block ${asOf.number} (${new Date(asOf.timestamp * 1000).toISOString()})`];
  const end = [...date, `not proven: ${notProven.join(", ")}`, state];
  return [...head, "", ...lines, "", ...end].map(printable).join("\n");
}

/** The SPEC's number of a check. */
function number(check: CheckName): string {
  return `15.${check === "absent" ? 18 : CHECKS.indexOf(check) + 1}`;
}

/** What came out of a proof must not steer the terminal. */
function printable(line: string): string {
  return line.replace(/\p{Control}/gu, "\u{fffd}");
}
