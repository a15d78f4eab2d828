/** An actor's own signature over what it reported (SPEC 4.7). */

import { concatBytes } from "@noble/hashes/utils.js";

import type { Json } from "./canonical.ts";
import { KEY_SIZE, SIGNATURE_SIZE } from "./ed25519.ts";
import type { Signed } from "./ed25519.ts";
import { Altered, Malformed } from "./errors.ts";
import { MAX_FIELDS, printDigests } from "./event.ts";
import type { Digests } from "./event.ts";
import { SIGNATURE, hex, utf8 } from "./hashes.ts";
import type { Hash, LogId, StreamId } from "./hashes.ts";
import { ascending, hexBytes, items, members, text } from "./shape.ts";

/** What an actor signs: the named digests, bound to this log and stream. */
export function signedMessage(named: Digests, log: LogId, stream: StreamId): Uint8Array {
  // SPEC 4.7: "sealtrail/v1/signature\0" ‖ canonical bytes of
  const rest = `,"log":"${hex(log)}","stream":"${hex(stream)}"}`;
  return concatBytes(SIGNATURE, utf8('{"digests":'), printDigests(named), utf8(rest));
}

/**
 * What is to hold for the field `signature` to be its key's over what it names. `digests` are those of all the event's
 * fields. Altered `actor_signature` where the value is not by SPEC 4.7. Who holds the key is the policy's to say.
 */
export function signedByActor(value: Json, digests: Digests, log: LogId, stream: StreamId): Signed {
  const { names, key, sig } = parseSignature(value);
  const named = new Map<string, Hash>();
  for (const name of names) {
    const digest = name === "signature" ? undefined : digests.get(name);
    if (digest === undefined) throw wrong(`${name} is not another field of the event`);
    named.set(name, digest);
  }
  return { key, signature: sig, message: signedMessage(named, log, stream) };
}

interface Signature {
  readonly names: readonly string[];
  readonly key: Uint8Array;
  readonly sig: Uint8Array;
}

function parseSignature(value: Json): Signature {
  const { alg, names, key, sig } = readMembers(value);
  // SPEC 4.7: in ascending order, at least `occurred_at` and `type`
  const isBySpec = ascending(names) && names.includes("occurred_at") && names.includes("type");
  if (alg !== "ed25519" || !isBySpec || key.length !== KEY_SIZE || sig.length !== SIGNATURE_SIZE) {
    throw wrong("does not name its algorithm, fields and key as it should");
  }
  return { names, key, sig };
}

function readMembers(value: Json): Signature & { readonly alg: Json } {
  try {
    const signature = members(value, ["alg", "fields", "key", "sig"], "signature");
    return {
      alg: signature.alg,
      names: items(signature.fields, [2, MAX_FIELDS], "signature.fields", text),
      key: hexBytes(signature.key, KEY_SIZE, "signature.key"),
      sig: hexBytes(signature.sig, SIGNATURE_SIZE, "signature.sig"),
    };
  } catch (problem) {
    if (problem instanceof Malformed) throw wrong(problem.message);
    throw problem;
  }
}

function wrong(message: string): Altered {
  return new Altered("actor_signature", `signature: ${message}`);
}
