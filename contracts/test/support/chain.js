// A Hardhat chain at Prague with the registry deployed from the committed artefact, the way every chain gets it.
import { readFileSync } from "node:fs";

import { network } from "hardhat";
import { concatHex, createPublicClient, createWalletClient, custom, getContract, keccak256, toHex } from "viem";

export const artefact = JSON.parse(
  readFileSync(new URL("../../../anchor_service/chain/AnchorRegistry.json", import.meta.url), "utf8"),
);

let named = 0;
export const newSalt = () => keccak256(toHex(`log ${named++}`));

export async function deploy(override = {}) {
  const { provider } = await network.create({ network: "default", override });
  const transport = custom(provider, { retryCount: 0 });
  const client = createPublicClient({ transport, pollingInterval: 5, cacheTime: 0 });
  const wallet = createWalletClient({ transport });
  const { factory, factory_code, salt, address } = artefact.create2;
  const [owner, publisher, other, stranger] = await wallet.getAddresses();
  const registry = getContract({ address, abi: artefact.abi, client });
  const mined = async (hash) => client.waitForTransactionReceipt({ hash });

  await provider.request({ method: "hardhat_setCode", params: [factory, factory_code] });
  const data = concatHex([salt, artefact.bytecode]);
  const deployment = await mined(await wallet.sendTransaction({ to: factory, data, account: owner, chain: null }));

  /** Calls `name(...args)` as `account` and returns the receipt; a revert is thrown, its error's name in `revert`. */
  async function call(account, name, ...args) {
    const request = { address, abi: artefact.abi, functionName: name, args, account, chain: null };
    try {
      await client.simulateContract(request);
    } catch (error) {
      const cause = error.walk((each) => each.name === "ContractFunctionRevertedError");
      throw Object.assign(error, { revert: cause?.data?.errorName });
    }
    return mined(await wallet.writeContract(request));
  }

  /** A new log of `owner`, with (size, root) anchored where a size is given. */
  async function create(size, root) {
    const name = newSalt();
    await call(owner, "createLog", name, publisher);
    const id = await registry.read.logIdOf([owner, name]);
    if (size !== undefined) await call(publisher, "anchor", id, 0n, size, root, []);
    return { id, salt: name };
  }

  return { client, registry, call, create, deployment, owner, publisher, other, stranger };
}
