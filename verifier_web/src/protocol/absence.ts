/** An absence proof: that the log held nothing of a stream, as of an anchor (SPEC 14.6). */

import { isObject, parseCanonical } from "./canonical.ts";
import type { Json } from "./canonical.ts";
import { Malformed } from "./errors.ts";
import { parseHash } from "./hashes.ts";
import type { Hash, StreamId } from "./hashes.ts";
import { MAX_PROOF, parseAnchor, parsePath } from "./proof.ts";
import type { Anchored, ProvenAnchor } from "./proof.ts";
import { document, members, whole } from "./shape.ts";
import { MAX_DEPTH } from "./streammap.ts";
import type { MapLeaf } from "./streammap.ts";

const FORMAT = "sealtrail/absence";

/**
 * What shows that a stream is not in the map of the anchor's seal; which stream is the verifier's to say.
 *
 * `leaf` is the one stream that stands where this one would be, null where nothing does.
 */
export interface Absence extends Anchored {
  readonly anchors: readonly [ProvenAnchor];
  readonly events: readonly [];
  readonly leaf: MapLeaf | null;
  readonly mapPath: readonly Hash[];
}

/** Reads an absence proof by its grammar, all of it; Malformed says where it differs. */
export function parseAbsence(raw: Uint8Array): Absence {
  if (raw.length > MAX_PROOF) throw new Malformed("proof_size", `a proof has at most ${MAX_PROOF} bytes`);
  const top = members(document(parseCanonical(raw), FORMAT), ["anchor", "format", "leaf", "map", "v"], "proof");
  return {
    anchors: [parseAnchor(top.anchor, "anchor")],
    events: [],
    leaf: top.leaf === null ? null : parseLeaf(top.leaf),
    mapPath: parsePath(top.map, "map", MAX_DEPTH),
  };
}

function parseLeaf(value: Json): MapLeaf {
  const leaf = members(value, ["count", "head", "stream"], "leaf");
  const count = whole(leaf.count, "leaf.count");
  // SPEC 10.2: 1 ≤ count < 2^53
  if (count === 0) throw new Malformed("shape", "leaf.count: a stream in the map has an entry");
  return { stream: parseHash(leaf.stream, "leaf.stream") as StreamId, count, head: parseHash(leaf.head, "leaf.head") };
}

/** Whether a document says that it is an absence proof; what cannot be read says nothing. */
export function isAbsence(raw: Uint8Array): boolean {
  try {
    const value = raw.length > MAX_PROOF ? null : parseCanonical(raw);
    return value !== null && isObject(value) && value.get("format") === FORMAT;
  } catch (problem) {
    if (problem instanceof Malformed) return false;
    throw problem;
  }
}
