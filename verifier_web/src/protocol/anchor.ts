/** The registry's names: addresses, log ids and the `Anchored` log (SPEC 11). */

import { concatBytes, hexToBytes } from "@noble/hashes/utils.js";

import { Malformed } from "./errors.ts";
import { HASH_SIZE, be64, keccak256, utf8 } from "./hashes.ts";
import type { Address, Hash, LogId } from "./hashes.ts";

export const ADDRESS_SIZE = 20;

/** The first topic of the log that the registry writes for a new head. */
export const ANCHORED: Hash = keccak256(utf8("Anchored(bytes32,uint64,bytes32,uint64)"));

/** A number below 2^53 as the EVM's 32-byte word. */
export function word(number: number): Uint8Array {
  return padded(be64(number));
}

/** The id of the log that `owner` creates with `salt` in this registry on this chain (SPEC 11.2). */
export function logId(chainId: number, registry: Address, owner: Address, salt: Hash): LogId {
  return keccak256(concatBytes(word(chainId), padded(registry), padded(owner), salt)) as LogId;
}

function padded(value: Uint8Array): Uint8Array {
  return concatBytes(new Uint8Array(HASH_SIZE - value.length), value);
}

/** Reads `0x` and 40 lower-case hexadecimal digits, nothing else; Malformed names `where`. */
export function parseAddress(text: unknown, where: string): Address {
  if (typeof text !== "string" || !/^0x[0-9a-f]{40}$/.test(text)) {
    throw new Malformed("address_syntax", `${where}: expected 0x and 40 lower-case hexadecimal digits`);
  }
  return hexToBytes(text.slice(2)) as Uint8Array as Address;
}
