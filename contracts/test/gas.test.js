import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { deploy, newSalt } from "./support/chain.js";
import { step } from "./support/tree.js";

const CEILING = 80_000n; // gas of one anchor transaction, whatever the sizes up to 2^30

describe("gas", () => {
  const rows = [];
  let chain;

  before(async () => {
    chain = await deploy();
  });

  after(() => console.table(rows));

  /** The gas of the transaction that anchors n entries on a head of m. */
  async function cost(m, n) {
    const { old, args } = step(m, n);
    const { id } = await chain.create(m, old);
    const { gasUsed } = await chain.call(chain.publisher, "anchor", id, ...args);
    return { gas: gasUsed, elements: args[3].length };
  }

  it("of everything else", async () => {
    const { call, owner, publisher, other, create } = chain;
    const { id, salt } = await create();
    const { old, args } = step(1000, 2000);
    const again = [id, args[1], args[1], args[2], []];
    const calls = [
      ["createLog", owner, "createLog", newSalt(), publisher],
      ["anchor, the first", publisher, "anchor", id, 0n, 1000n, old, []],
      ["anchor 1000 + 1000", publisher, "anchor", id, ...args],
      ["anchor, the head again", publisher, "anchor", ...again],
      ["nominatePublisher", owner, "nominatePublisher", salt, other],
      ["acceptPublisher", other, "acceptPublisher", id],
      ["closeLog", owner, "closeLog", salt, id],
    ];
    rows.push({ call: "deployment", gas: Number(chain.deployment.gasUsed) });
    for (const [title, ...each] of calls) {
      const { status, gasUsed } = await call(...each);
      assert.equal(status, "success");
      rows.push({ call: title, gas: Number(gasUsed) });
    }
  });

  const heads = { "2^10-1": 2n ** 10n - 1n, "2^20-1": 2n ** 20n - 1n, "2^30-1": 2n ** 30n - 1n, "2^30": 2n ** 30n };
  for (const [what, m] of Object.entries(heads)) {
    for (const more of [1n, 1_000n, 65_536n]) {
      it(`${what} + ${more}`, async () => {
        const { gas, elements } = await cost(m, m + more);
        rows.push({ call: `anchor ${what} + ${more}`, elements, gas: Number(gas) });
        assert.ok(gas <= CEILING, `${gas} gas`);
      });
    }
  }
});
