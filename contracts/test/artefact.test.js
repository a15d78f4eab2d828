import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { it } from "node:test";
import { fileURLToPath } from "node:url";

import { artifacts } from "hardhat";

import { artefact } from "./support/chain.js";

it("the committed artefact is what the compiler makes now", () => {
  const script = fileURLToPath(new URL("../../scripts/build-contracts", import.meta.url));
  execFileSync(process.execPath, [script, "--check"], { stdio: ["ignore", "ignore", "inherit"] });
});

it("the committed artefact is what Hardhat makes", async () => {
  const { abi, bytecode, deployedBytecode } = await artifacts.readArtifact(artefact.contract);
  assert.deepEqual({ abi, bytecode, runtime: deployedBytecode }, {
    abi: artefact.abi,
    bytecode: artefact.bytecode,
    runtime: artefact.runtime,
  });
});
