import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

import nodeTestRunner from "@nomicfoundation/hardhat-node-test-runner";
import { defineConfig } from "hardhat/config";

const require = createRequire(import.meta.url);
const compiler = JSON.parse(readFileSync(new URL("contracts/compiler.json", import.meta.url), "utf8"));

export default defineConfig({
  plugins: [nodeTestRunner],
  // The compiler comes with the lock file; nothing is downloaded.
  solidity: { ...compiler, path: require.resolve("solc/soljson.js"), splitTestsCompilation: true },
  // The Solidity files among the tests are for forge, which compiles them itself.
  paths: { tests: { nodejs: "contracts/test", solidity: "contracts/test" } },
  networks: {
    default: { type: "edr-simulated", chainType: "l1", hardfork: "prague", chainId: 31337 },
  },
});
