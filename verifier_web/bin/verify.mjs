#!/usr/bin/env node
// Runs the TypeScript sources as they are: Node strips the types itself, before 22.18 only when told to.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

if (process.features.typescript) {
  const { main } = await import("../src/cli.ts");
  process.exitCode = await main(process.argv.slice(2));
} else {
  const flags = ["--experimental-strip-types", "--disable-warning=ExperimentalWarning"];
  const { status } = spawnSync(process.execPath, [...flags, fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: "inherit",
  });
  process.exitCode = status ?? 70;
}
