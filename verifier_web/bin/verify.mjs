#!/usr/bin/env node
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

import { load } from "./load.mjs";

const STRIP = "--experimental-strip-types"; // what Node before 22.18 wants to be told, where it is built with it

if (!process.features.typescript && process.allowedNodeEnvironmentFlags.has(STRIP)) {
  const flags = [STRIP, "--disable-warning=ExperimentalWarning"];
  const { status } = spawnSync(process.execPath, [...flags, fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: "inherit",
  });
  process.exitCode = status ?? 70;
} else {
  const { main } = await load();
  process.exitCode = await main(process.argv.slice(2));
}
