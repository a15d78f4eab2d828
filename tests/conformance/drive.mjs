// Runs the TypeScript command once for each line of arguments on stdin (a JSON array), in one process, and prints a line for
// each: {"code", "out", "err"}. With the argument `plain-http`, without what a browser has over https alone.
import { createInterface } from "node:readline";

import { load } from "../../verifier_web/bin/load.mjs";

if (process.argv.includes("plain-http")) delete globalThis.Crypto.prototype.subtle;
const { main } = await load();
const said = { out: [], err: [] };
const print = console.log;
console.log = (...texts) => said.out.push(texts.join(" "));
console.error = (...texts) => said.err.push(texts.join(" "));

for await (const line of createInterface({ input: process.stdin })) {
  said.out = [];
  said.err = [];
  const code = await main(JSON.parse(line));
  print(JSON.stringify({ code, out: said.out.join("\n"), err: said.err.join("\n") }));
}
