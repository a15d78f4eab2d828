/** Reading the members of a JSON document by their exact shape (SPEC 14.1). */

import { isArray, isObject } from "./canonical.ts";
import type { Json } from "./canonical.ts";
import { Malformed } from "./errors.ts";
import { readHex } from "./hashes.ts";

/** The format version of all documents and entries (SPEC 3.1). */
export const VERSION = 1;

/** A document of this format and of this program's version; Malformed `format`, `version`. */
export function document(value: Json, form: string): Json {
  if (!isObject(value) || value.get("format") !== form) throw new Malformed("format", `not a document of the format "${form}"`);
  // SPEC 3.1: A verifier refuses every other version with the code `version`.
  if (value.get("v") !== VERSION) throw new Malformed("version", `format version ${VERSION} is read here`);
  return value;
}

/** An object that has exactly these members. */
export function members<const Name extends string>(
  value: Json | undefined,
  names: readonly Name[],
  where: string,
): Readonly<Record<Name, Json>> {
  const object = anyObject(value, where);
  // SPEC 14.1: Unknown or missing members are refused.
  if (object.size !== names.length || !names.every((name) => object.has(name))) throw wrongMembers(object, names, where);
  return Object.fromEntries(object) as Record<Name, Json>;
}

function wrongMembers(object: ReadonlyMap<string, Json>, names: readonly string[], where: string): Malformed {
  const odd = [...names.filter((name) => !object.has(name)), ...[...object.keys()].filter((name) => !names.includes(name))];
  const problem = object.has(odd[0] as string) ? "unknown" : "missing";
  return new Malformed("shape", `${where}: member ${JSON.stringify(odd[0]?.slice(0, 80))} is ${problem}`);
}

/** An object with members of any name. */
export function anyObject(value: Json | undefined, where: string): ReadonlyMap<string, Json> {
  if (value === undefined || !isObject(value)) throw new Malformed("shape", `${where}: expected an object`);
  return value;
}

/** An array of `least` to `most` items, each read by `read`. */
export function items<Item>(
  value: Json,
  [least, most]: readonly [number, number],
  where: string,
  read: (item: Json, where: string) => Item,
): readonly Item[] {
  if (!isArray(value) || value.length < least || value.length > most) {
    throw new Malformed("shape", `${where}: expected an array of ${least} to ${most} items`);
  }
  return value.map((item, at) => read(item, `${where}[${at}]`));
}

/** A string. */
export function text(value: Json, where: string): string {
  if (typeof value !== "string") throw new Malformed("shape", `${where}: expected a string`);
  return value;
}

/** An integer from 0 to 2^53 − 1. */
export function whole(value: Json, where: string): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) {
    throw new Malformed("shape", `${where}: expected an integer from 0 to 2^53 - 1`);
  }
  return value;
}

/** True or false. */
export function flag(value: Json, where: string): boolean {
  if (typeof value !== "boolean") throw new Malformed("shape", `${where}: expected true or false`);
  return value;
}

/** At most `most` bytes, printed as lower-case hexadecimal digits (SPEC 2.1). */
export function hexBytes(value: Json, most: number, where: string): Uint8Array {
  const bytes = typeof value === "string" && value.length <= 2 * most ? readHex(value) : null;
  if (bytes === null) {
    throw new Malformed("shape", `${where}: expected at most ${most} bytes as lower-case hexadecimal digits`);
  }
  return bytes;
}

/** Whether each value is greater than the one before. */
export function ascending(values: readonly (number | string)[]): boolean {
  return values.every((value, at) => at === 0 || (values[at - 1] as number | string) < value);
}
