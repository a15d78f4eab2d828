// What the registry does, in the order of AnchorRegistry.tree.
import assert from "node:assert/strict";
import { before } from "node:test";

import { encodeAbiParameters, getAddress, keccak256, padHex, parseEventLogs, toHex, zeroAddress, zeroHash } from "viem";

import { artefact, deploy, newSalt } from "./support/chain.js";
import { planned } from "./support/plan.js";
import { hex, randomHash, step } from "./support/tree.js";

const { describe, it, check } = planned("AnchorRegistry.tree");
const empty = { root: zeroHash, size: 0n, closed: false, nominee: zeroAddress, successor: zeroHash };
const someHash = () => hex(randomHash());

describe("AnchorRegistry", () => {
  let chain, registry, call, create, owner, publisher, other, stranger;

  before(async () => {
    chain = await deploy();
    ({ registry, call, create, owner, publisher, other, stranger } = chain);
  });

  const reverts = (name, promise) => assert.rejects(promise, { revert: name });
  const logOf = (id) => registry.read.log([id]);
  const events = ({ logs }) =>
    parseEventLogs({ abi: artefact.abi, logs, strict: true }).map(({ eventName, args }) => [eventName, args]);

  describe("deployment", () => {
    it("it lands at the address that the artefact names", async () => {
      assert.equal(chain.deployment.status, "success");
      assert.notEqual(await chain.client.getCode({ address: artefact.create2.address }), undefined);
    });

    it("it runs the code that the artefact holds", async () => {
      assert.equal(await chain.client.getCode({ address: artefact.create2.address }), artefact.runtime);
    });

    it("it has no code hash of its metadata, no delegatecall and no selfdestruct", () => {
      const code = Buffer.from(artefact.runtime.slice(2), "hex");
      const opcodes = new Set();
      // 0x60 to 0x7f push 1 to 32 bytes, which are data.
      for (let at = 0; at < code.length; at++) {
        opcodes.add(code[at]);
        if (code[at] >= 0x60 && code[at] <= 0x7f) at += code[at] - 0x5f;
      }
      assert.ok(opcodes.has(0xfa), "a staticcall, to SHA-256");
      for (const banned of [0xf0, 0xf1, 0xf2, 0xf4, 0xf5, 0xff]) assert.ok(!opcodes.has(banned), `opcode ${banned}`);
      for (const word of ["ipfs", "solc"]) assert.ok(!code.includes(word), word);
    });
  });

  describe("logIdOf", () => {
    const types = ["uint256", "address", "address", "bytes32"].map((type) => ({ type }));

    it("it is keccak256 of chain id, registry, owner and salt", async () => {
      const words = [31337n, artefact.create2.address, owner, newSalt()];
      assert.equal(await registry.read.logIdOf(words.slice(2)), keccak256(encodeAbiParameters(types, words)));
    });

    it("it differs for another owner or salt", async () => {
      const [one, two] = [newSalt(), newSalt()];
      const of = (...args) => registry.read.logIdOf(args);
      assert.equal(new Set(await Promise.all([of(owner, one), of(owner, two), of(other, one)])).size, 3);
    });

    it("it differs on another chain", async () => {
      const there = await deploy({ chainId: 31338 });
      const args = [owner, zeroHash];
      assert.notEqual(await registry.read.logIdOf(args), await there.registry.read.logIdOf(args));
    });
  });

  describe("createLog", () => {
    it("it creates the log of sender and salt, with its publisher and no head", async () => {
      const { id } = await create();
      assert.deepEqual(await logOf(id), { ...empty, publisher });
    });

    it("it logs LogCreated and PublisherChanged", async () => {
      const salt = newSalt();
      const logId = await registry.read.logIdOf([owner, salt]);
      assert.deepEqual(events(await call(owner, "createLog", salt, publisher)), [
        ["LogCreated", { logId, owner, salt }],
        ["PublisherChanged", { logId, publisher }],
      ]);
    });

    it("it is open to anyone, and two owners may use one salt", async () => {
      const salt = newSalt();
      for (const account of [owner, stranger]) {
        await call(account, "createLog", salt, account);
        assert.equal(await registry.read.publisherOf([await registry.read.logIdOf([account, salt])]), account);
      }
    });

    it("it reverts with ZeroPublisher for the zero address", () =>
      reverts("ZeroPublisher", call(owner, "createLog", newSalt(), zeroAddress)));

    describe("when the log exists", () => {
      it("it reverts with LogExists", async () => {
        const { salt } = await create();
        await reverts("LogExists", call(owner, "createLog", salt, other));
      });

      it("it reverts with LogExists though the log is closed", async () => {
        const { salt } = await create();
        await call(owner, "closeLog", salt, zeroHash);
        await reverts("LogExists", call(owner, "createLog", salt, publisher));
      });
    });
  });

  describe("nominatePublisher", () => {
    it("it names the nominee and leaves the publisher as it is", async () => {
      const { id, salt } = await create();
      await call(owner, "nominatePublisher", salt, other);
      assert.deepEqual([(await logOf(id)).nominee, (await logOf(id)).publisher], [other, publisher]);
      await call(publisher, "anchor", id, 0n, 1n, someHash(), []);
    });

    it("it logs PublisherNominated", async () => {
      const { id: logId, salt } = await create();
      const receipt = await call(owner, "nominatePublisher", salt, other);
      assert.deepEqual(events(receipt), [["PublisherNominated", { logId, nominee: other }]]);
    });

    it("it replaces an earlier nominee, who can accept no more", async () => {
      const { id, salt } = await create();
      await call(owner, "nominatePublisher", salt, stranger);
      await call(owner, "nominatePublisher", salt, other);
      await reverts("NotNominee", call(stranger, "acceptPublisher", id));
      await call(other, "acceptPublisher", id);
    });

    it("it withdraws the nomination with zero, and nobody can accept", async () => {
      const { id, salt } = await create();
      await call(owner, "nominatePublisher", salt, other);
      await call(owner, "nominatePublisher", salt, zeroAddress);
      await reverts("NotNominee", call(other, "acceptPublisher", id));
    });

    it("it reverts with UnknownLog for the publisher, a stranger or another salt", async () => {
      const { salt } = await create();
      for (const account of [publisher, stranger]) {
        await reverts("UnknownLog", call(account, "nominatePublisher", salt, account));
      }
      await reverts("UnknownLog", call(owner, "nominatePublisher", newSalt(), other));
    });

    it("it reverts with Closed after the close", async () => {
      const { salt } = await create();
      await call(owner, "closeLog", salt, zeroHash);
      await reverts("Closed", call(owner, "nominatePublisher", salt, other));
    });
  });

  describe("acceptPublisher", () => {
    async function nominated() {
      const made = await create(5n, someHash());
      await call(owner, "nominatePublisher", made.salt, other);
      return made;
    }

    it("it makes the nominee the publisher, and the one before none", async () => {
      const { id } = await nominated();
      const { root } = await logOf(id);
      await call(other, "acceptPublisher", id);
      assert.deepEqual([(await logOf(id)).publisher, (await logOf(id)).nominee], [other, zeroAddress]);
      await reverts("NotPublisher", call(publisher, "anchor", id, 0n, 5n, root, []));
      assert.equal((await call(other, "anchor", id, 0n, 5n, root, [])).status, "success");
    });

    it("it logs PublisherChanged", async () => {
      const { id: logId } = await nominated();
      assert.deepEqual(events(await call(other, "acceptPublisher", logId)), [
        ["PublisherChanged", { logId, publisher: other }],
      ]);
    });

    it("it keeps the head", async () => {
      const { id } = await nominated();
      const head = await registry.read.head([id]);
      await call(other, "acceptPublisher", id);
      assert.deepEqual(await registry.read.head([id]), head);
    });

    it("it reverts with NotNominee for owner, publisher and stranger", async () => {
      const { id } = await nominated();
      for (const account of [owner, publisher, stranger]) {
        await reverts("NotNominee", call(account, "acceptPublisher", id));
      }
    });

    it("it reverts with NotNominee the second time", async () => {
      const { id } = await nominated();
      await call(other, "acceptPublisher", id);
      await reverts("NotNominee", call(other, "acceptPublisher", id));
    });

    it("it reverts with UnknownLog where there is none", () =>
      reverts("UnknownLog", call(other, "acceptPublisher", someHash())));

    it("it reverts with Closed after the close, which drops the nominee", async () => {
      const { id, salt } = await nominated();
      await call(owner, "closeLog", salt, zeroHash);
      assert.equal((await logOf(id)).nominee, zeroAddress);
      await reverts("Closed", call(other, "acceptPublisher", id));
    });
  });

  describe("closeLog", () => {
    it("it keeps the head and names the successor", async () => {
      const root = someHash();
      const { id, salt } = await create(7n, root);
      const successor = someHash();
      await call(owner, "closeLog", salt, successor);
      assert.deepEqual(await logOf(id), { root, publisher, size: 7n, closed: true, nominee: zeroAddress, successor });
    });

    it("it logs LogClosed", async () => {
      const { id: logId, salt } = await create();
      const successor = someHash();
      assert.deepEqual(events(await call(owner, "closeLog", salt, successor)), [["LogClosed", { logId, successor }]]);
    });

    it("it takes zero for no successor", async () => {
      const { id, salt } = await create();
      await call(owner, "closeLog", salt, zeroHash);
      assert.equal((await logOf(id)).closed, true);
      assert.equal((await logOf(id)).successor, zeroHash);
    });

    it("it reverts with UnknownLog for the publisher, a stranger or another salt", async () => {
      const { salt } = await create();
      for (const account of [publisher, stranger]) {
        await reverts("UnknownLog", call(account, "closeLog", salt, zeroHash));
      }
      await reverts("UnknownLog", call(owner, "closeLog", newSalt(), zeroHash));
    });

    it("it reverts with Closed the second time", async () => {
      const { salt } = await create();
      await call(owner, "closeLog", salt, zeroHash);
      await reverts("Closed", call(owner, "closeLog", salt, someHash()));
    });
  });

  describe("anchor", () => {
    it("it reverts with UnknownLog where there is none", () =>
      reverts("UnknownLog", call(publisher, "anchor", someHash(), 0n, 1n, someHash(), [])));

    it("it reverts with NotPublisher for owner, nominee and stranger", async () => {
      const { id, salt } = await create();
      await call(owner, "nominatePublisher", salt, other);
      for (const account of [owner, other, stranger]) {
        await reverts("NotPublisher", call(account, "anchor", id, 0n, 1n, someHash(), []));
      }
    });

    it("it reverts with Closed after the close, even for the head itself", async () => {
      const { old, args } = step(3, 5);
      const { id, salt } = await create(3n, old);
      await call(owner, "closeLog", salt, zeroHash);
      await reverts("Closed", call(publisher, "anchor", id, ...args));
      await reverts("Closed", call(publisher, "anchor", id, 0n, 3n, old, []));
    });

    it("it reverts with EmptyHead for size 0 or root 0", async () => {
      const { id } = await create();
      await reverts("EmptyHead", call(publisher, "anchor", id, 0n, 0n, someHash(), []));
      await reverts("EmptyHead", call(publisher, "anchor", id, 0n, 1n, zeroHash, []));
      await reverts("EmptyHead", call(publisher, "anchor", id, 0n, 0n, zeroHash, []));
    });

    describe("when nothing is anchored", () => {
      it("it takes any size and root with an empty proof", async () => {
        for (const size of [1n, 2n, 3n, 1_000_003n, 2n ** 64n - 1n]) {
          const root = someHash();
          const { id } = await create(size, root);
          assert.deepEqual(await registry.read.head([id]), [size, root]);
        }
      });

      it("it reverts with Stale for a previous size other than 0", async () => {
        const { id } = await create();
        await reverts("Stale", call(publisher, "anchor", id, 1n, 2n, someHash(), [someHash()]));
      });

      it("it reverts with BadProof for any proof", async () => {
        const { id } = await create();
        const root = someHash();
        await reverts("BadProof", call(publisher, "anchor", id, 0n, 1n, root, [root]));
      });
    });

    describe("when there is a head", () => {
      it("it takes a larger tree that extends it", async () => {
        const pairs = [[1, 2], [1, 3], [2, 3], [3, 4], [6, 8], [7, 8], [8, 9], [7, 300], [255, 257], [2 ** 30, 2 ** 31]];
        for (const [m, n] of pairs) {
          const { old, args } = step(m, n);
          const { id } = await create(BigInt(m), old);
          await call(publisher, "anchor", id, ...args);
          assert.deepEqual(await registry.read.head([id]), [BigInt(n), args[2]]);
        }
      });

      it("it logs Anchored in the layout that verifiers read", async () => {
        const { old, args } = step(6, 11);
        const { id } = await create(6n, old);
        const { logs } = await call(publisher, "anchor", id, ...args);
        assert.equal(logs.length, 1);
        assert.equal(getAddress(logs[0].address), artefact.create2.address);
        const topic = keccak256(toHex("Anchored(bytes32,uint64,bytes32,uint64)"));
        assert.deepEqual(logs[0].topics, [topic, id, padHex("0x0b", { size: 32 })]);
        assert.equal(artefact.log_topic.Anchored, topic);
        assert.equal(logs[0].data, args[2] + padHex("0x06", { size: 32 }).slice(2));
      });

      it("it leaves the other logs as they are", async () => {
        const { old, args } = step(6, 11);
        const [one, two] = [await create(6n, old), await create(6n, old)];
        await call(publisher, "anchor", one.id, ...args);
        assert.deepEqual(await registry.read.head([two.id]), [6n, old]);
      });

      it("it reverts with Stale for another previous size, smaller or larger", async () => {
        const { old, args } = step(6, 11);
        const { id } = await create(6n, old);
        for (const previous of [0n, 5n, 7n, 11n, 12n]) {
          await reverts("Stale", call(publisher, "anchor", id, previous, ...args.slice(1)));
        }
      });

      it("it reverts with Stale for a smaller size", async () => {
        const { old } = step(6, 11);
        const { id } = await create(6n, old);
        for (const previous of [0n, 4n, 6n]) {
          await reverts("Stale", call(publisher, "anchor", id, previous, 5n, someHash(), []));
        }
      });

      it("it reverts with BadProof for each bit flipped in root or proof", async () => {
        const { old, args: [m, n, root, proof] } = step(6, 11);
        const { id } = await create(m, old);
        const flip = (hash, bit) => {
          const bytes = Buffer.from(hash.slice(2), "hex");
          bytes[bit >> 3] ^= 1 << (bit & 7);
          return hex(bytes);
        };
        for (const bit of [0, 7, 100, 255]) {
          await reverts("BadProof", call(publisher, "anchor", id, m, n, flip(root, bit), proof));
          for (const at of proof.keys()) {
            const bad = proof.with(at, flip(proof[at], bit));
            await reverts("BadProof", call(publisher, "anchor", id, m, n, root, bad));
          }
        }
        await call(publisher, "anchor", id, m, n, root, proof);
      });

      it("it reverts with BadProof for a proof too short, too long, swapped or of other sizes", async () => {
        for (const [small, large] of [[6, 11], [8, 11], [1, 2], [7, 8]]) {
          const { old, args: [m, n, root, proof] } = step(small, large);
          const { id } = await create(m, old);
          const damaged = [[], proof.slice(1), proof.slice(0, -1)];
          damaged.push([...proof, someHash()], [...proof, proof.at(-1)], [old, ...proof]);
          if (proof.length > 1) damaged.push(proof.toReversed());
          for (const bad of damaged) await reverts("BadProof", call(publisher, "anchor", id, m, n, root, bad));
          for (const size of [n + 16n, 2n ** 64n - 1n]) {
            await reverts("BadProof", call(publisher, "anchor", id, m, size, root, proof));
          }
        }
      });

      it("it reverts with BadProof for a larger tree that does not extend it", async () => {
        const { id } = await create(6n, someHash());
        const { args } = step(6, 11);
        await reverts("BadProof", call(publisher, "anchor", id, ...args));
      });
    });

    describe("when the size is that of the head", () => {
      it("it is quiet for the same root, with the proof or without", async () => {
        const { old, args } = step(6, 11);
        const { id } = await create(6n, old);
        await call(publisher, "anchor", id, ...args);
        for (const again of [args, [11n, args[1], args[2], []], [0n, args[1], args[2], [someHash()]]]) {
          const { status, logs } = await call(publisher, "anchor", id, ...again);
          assert.deepEqual([status, logs.length], ["success", 0]);
        }
        assert.deepEqual(await registry.read.head([id]), [11n, args[2]]);
      });

      it("it reverts with Conflict for another root", async () => {
        const { old, args } = step(6, 11);
        const { id } = await create(6n, old);
        await call(publisher, "anchor", id, ...args);
        for (const previous of [0n, 6n, 11n]) {
          await reverts("Conflict", call(publisher, "anchor", id, previous, 11n, someHash(), args[3]));
        }
      });
    });
  });

  describe("views", () => {
    it("they are all zero for a log that does not exist", async () => {
      const id = someHash();
      assert.deepEqual(await registry.read.head([id]), [0n, zeroHash]);
      assert.equal(await registry.read.publisherOf([id]), zeroAddress);
      assert.deepEqual(await logOf(id), { ...empty, publisher: zeroAddress });
    });

    it("head, publisherOf and log agree", async () => {
      const root = someHash();
      const { id } = await create(42n, root);
      const log = await logOf(id);
      assert.deepEqual(await registry.read.head([id]), [log.size, log.root]);
      assert.deepEqual([log.size, log.root], [42n, root]);
      assert.equal(await registry.read.publisherOf([id]), log.publisher);
    });
  });

  describe("verifyConsistency", () => {
    const verify = (m, old, n, root, proof) =>
      registry.read.verifyConsistency([BigInt(m), old, BigInt(n), root, proof]);

    it("it is true for every pair of sizes up to 20", async () => {
      for (let n = 1; n <= 20; n++) {
        for (let m = 1; m <= n; m++) {
          const { old, args } = step(m, n);
          assert.equal(await verify(m, old, n, args[2], args[3]), true, `${m}, ${n}`);
        }
      }
    });

    it("it is false for a size of zero and for a shrinking tree", async () => {
      const { old, args } = step(4, 7);
      const [, , root, proof] = args;
      assert.equal(await verify(0, zeroHash, 7, root, []), false);
      assert.equal(await verify(0, zeroHash, 0, zeroHash, []), false);
      assert.equal(await verify(7, root, 4, old, proof), false);
      assert.equal(await verify(4, old, 0, root, proof), false);
    });

    it("it takes equal sizes with equal roots and an empty proof only", async () => {
      const root = someHash();
      assert.equal(await verify(5, root, 5, root, []), true);
      assert.equal(await verify(5, root, 5, someHash(), []), false);
      assert.equal(await verify(5, root, 5, root, [root]), false);
    });
  });
});

check();
