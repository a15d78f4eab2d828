// The command's module from its TypeScript source. Node strips the types itself, or, where it is built without (as some
// distributions do) or too old for it, the page's own bundler does, in memory.
import { fileURLToPath } from "node:url";

const SOURCE = new URL("../src/cli.ts", import.meta.url);

/** Returns the module `src/cli.ts`. */
export async function load() {
  if (process.features.typescript) return import(SOURCE.href);
  const { rolldown } = await import("rolldown");
  const bundle = await rolldown({ input: fileURLToPath(SOURCE), platform: "node" });
  const { output } = await bundle.generate({ format: "esm" });
  return import(`data:text/javascript;base64,${Buffer.from(output[0].code).toString("base64")}`);
}
