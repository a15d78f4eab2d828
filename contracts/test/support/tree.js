// Trees of any size without their entries: RFC 9162 section 2.1.4.1 read as a recipe for both roots and the proof.
import { createHash, randomBytes } from "node:crypto";

const NODE = Buffer.from([1]);

export const hex = (bytes) => `0x${bytes.toString("hex")}`;
export const randomHash = () => randomBytes(32);

function node(left, right) {
  return createHash("sha256").update(NODE).update(left).update(right).digest();
}

/** The largest power of two below n. */
function split(n) {
  let k = 1n;
  while (k * 2n < n) k *= 2n;
  return k;
}

/**
 * A tree of m entries and one of n that extends it, 0 < m <= n, whose subtrees common to both are random hashes; or,
 * given `oldRoot`, m a power of two, one that extends a tree with this root.
 */
export function grow(m, n, oldRoot = randomHash(), whole = true) {
  if (m === n) return { old: oldRoot, root: oldRoot, proof: whole ? [] : [oldRoot] };
  const k = split(n);
  const other = randomHash();
  if (m <= k) {
    const { old, root, proof } = grow(m, k, oldRoot, whole);
    return { old, root: node(root, other), proof: [...proof, other] };
  }
  const { old, root, proof } = grow(m - k, n - k, randomHash(), false);
  return { old: node(other, old), root: node(other, root), proof: [...proof, other] };
}

/** What `anchor` takes after the log id, to go from size m to size n. */
export function step(m, n) {
  const { old, root, proof } = grow(BigInt(m), BigInt(n));
  return { old: hex(old), args: [BigInt(m), BigInt(n), hex(root), proof.map(hex)] };
}
