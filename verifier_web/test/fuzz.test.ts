import { expect, it } from "vitest";

import { equal, utf8 } from "../src/protocol/hashes.ts";
import { parsePolicy } from "../src/protocol/policy.ts";
import { exitCode, verify } from "../src/protocol/verify.ts";
import { EVENTS, PENDING, build, canonical } from "./world.ts";
import type { Value } from "./world.ts";

const WORLD = build({ pending: [PENDING] });
const OTHER = build({ events: [...EVENTS.slice(0, 2), ...EVENTS.slice(3)] });
const POLICY = parsePolicy(canonical(WORLD.policy));
const PROOF = canonical(WORLD.proof as unknown as Value);

/** Numbers below `limit`, the same in every run (mulberry32). */
function numbers(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  };
}

async function isRefused(bytes: Uint8Array): Promise<boolean> {
  const { state, checks } = await verify(bytes, POLICY);
  expect(checks).toHaveLength(14);
  return exitCode(state) !== 0;
}

it("is whole to begin with", async () => {
  expect((await verify(PROOF, POLICY)).state).toBe("verified_pending");
});

it("never takes a proof with one byte changed to another of its kind, nor throws", async () => {
  const next = numbers(1);
  const kinds = ["0123456789abcdef", "ghijklmnopqrstuvwxyz_.", "ABCDEFGHIJKLMNOPQRSTUVWXYZ+/", '[]{}",:\\ '].map(utf8);
  for (let round = 0; round < 250; round += 1) {
    const changed = Uint8Array.from(PROOF);
    const at = next(changed.length);
    const old = changed[at] as number;
    const kind = kinds.find((bytes) => bytes.includes(old)) ?? Uint8Array.of(old ^ 1);
    changed[at] = kind[next(kind.length)] as number;
    if (changed[at] !== old) expect(await isRefused(changed), `byte ${at}`).toBe(true);
  }
});

it("never takes a proof with one bit changed, nor throws", async () => {
  const next = numbers(2);
  for (let round = 0; round < 250; round += 1) {
    const changed = Uint8Array.from(PROOF);
    const at = next(changed.length);
    changed[at] = (changed[at] as number) ^ (1 << next(8));
    expect(await isRefused(changed), `byte ${at}`).toBe(true);
  }
});

it("never takes a proof with parts cut, doubled or moved, nor throws", async () => {
  const next = numbers(3);
  for (let round = 0; round < 200; round += 1) {
    const [one = 0, two = 0, three = 0] = [next(PROOF.length), next(PROOF.length), next(PROOF.length)].sort((a, b) => a - b);
    const [a, b, c, d] = [PROOF.slice(0, one), PROOF.slice(one, two), PROOF.slice(two, three), PROOF.slice(three)];
    const parts = [[a, c, d], [a, b, b, c, d], [a, c, b, d], [a, b], [d]][next(5)] as Uint8Array[];
    const changed = Uint8Array.from(parts.flatMap((part) => [...part]));
    if (!equal(changed, PROOF)) expect(await isRefused(changed)).toBe(true);
  }
});

/** Every place of a document, with how to put another value there. */
function places(value: unknown, put: (other: unknown) => unknown, found: ((other: unknown) => unknown)[]): void {
  found.push(put);
  if (Array.isArray(value)) value.forEach((item, at) => places(item, (other) => put(value.with(at, other)), found));
  else if (typeof value === "object" && value !== null) {
    for (const [name, member] of Object.entries(value)) {
      places(member, (other) => put({ ...value, [name]: other }), found);
    }
  }
}

it("never takes a proof with a value put in another's place, nor throws", async () => {
  const next = numbers(4);
  const found: ((other: unknown) => unknown)[] = [];
  places(WORLD.proof, (other) => other, found);
  const others: unknown[] = [null, true, -1, 0, 1.5, "", "x", [], {}, [[]], { type: 1 }, 2 ** 53 - 1];
  const collect = (value: unknown): void => {
    others.push(value);
    if (typeof value === "object" && value !== null) Object.values(value).forEach(collect);
  };
  collect(WORLD.proof);
  collect(OTHER.proof);
  expect(found.length).toBeGreaterThan(100);
  for (const put of found) {
    for (let round = 0; round < 2; round += 1) {
      const changed = canonical(put(others[next(others.length)]) as Value);
      if (!equal(changed, PROOF)) {
        // Leaving out pending events makes a smaller true proof.
        const isSmaller = equal(changed, canonical({ ...WORLD.proof, pending: [] } as unknown as Value));
        expect(await isRefused(changed)).toBe(!isSmaller);
      }
    }
  }
});

it("never throws for bytes that are no proof", async () => {
  const next = numbers(5);
  for (let round = 0; round < 200; round += 1) {
    expect(await isRefused(Uint8Array.from({ length: next(64) }, () => next(256)))).toBe(true);
  }
  for (const text of ["", "null", "{}", "[]", '{"format":"sealtrail/proof"}', '{"format":"sealtrail/proof","v":0}', '{"format":"sealtrail/proof","v":1}', "[".repeat(1e5)]) {
    expect(await isRefused(utf8(text))).toBe(true);
  }
  expect(await isRefused(new Uint8Array(16 * 2 ** 20 + 1).fill(0x20))).toBe(true);
});
