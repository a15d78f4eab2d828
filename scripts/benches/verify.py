"""Offline verification of one proof of 12 events, in Python, Node and a browser, against its signatures alone."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from statistics import median

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from anchor_service.protocol.policy import parse_policy
from anchor_service.protocol.verdict import State
from anchor_service.protocol.verify import verify
from scripts.benches.browser import IN_A_PAGE, in_a_browser
from scripts.benches.table import Bench

ROOT = Path(__file__).parents[2]
CASE = ROOT / "tests/vectors/twelve_events"
NODE = """
import { readFileSync } from "node:fs";
import { parsePolicy } from "./src/protocol/policy.ts";
import { verify } from "./src/protocol/verify.ts";
const [proof, policy, rounds] = process.argv.slice(-3);
const raw = new Uint8Array(readFileSync(proof)), trust = parsePolicy(new Uint8Array(readFileSync(policy)));
const times = [];
for (let round = 0; round < Number(rounds); round++) {
  const begin = performance.now();
  const verdict = await verify(raw, trust);
  times.push(performance.now() - begin);
  if (verdict.state !== "verified") throw new Error(verdict.state);
}
console.log(JSON.stringify(times));
"""


def bench(*, quick: bool) -> Bench:
    """Run the bench."""
    rounds = 50 if quick else 300
    table = Bench("Offline verification, one proof of 12 events")
    raw, policy = (CASE / "proof.json").read_bytes(), parse_policy((CASE / "policy.json").read_bytes())
    secret = Ed25519PrivateKey.generate()
    public, signature = secret.public_key(), secret.sign(b"message")
    signatures, python = [], []
    for _ in range(rounds):
        begin = time.perf_counter()
        public.verify(signature, b"message")
        signatures.append((time.perf_counter() - begin) * 1000)
        begin = time.perf_counter()
        verdict = verify(raw, policy)
        python.append((time.perf_counter() - begin) * 1000)
        if verdict.state is not State.VERIFIED:
            raise RuntimeError(verdict.state)
    reference = table.add("one Ed25519 verification (OpenSSL)", signatures, "ms")
    table.compare(table.add("Python", python, "ms", goal="≤ 2 ms"), reference, faster=False)
    node = _in_node(4 * rounds)
    table.compare(table.add("Node", node[rounds:], "ms", goal="≤ 2 ms"), reference, faster=False)
    table.add("Node, first time", node[:1], "ms")
    plain = _in_node(4 * rounds, "delete Crypto.prototype.subtle;")
    table.compare(table.add("Node, as over plain HTTP", plain[rounds:], "ms"), reference, faster=False)
    for way, pages in in_a_browser(CASE, 5 if quick else 15).items():
        for at, which, goal in ((0, "first", "≤ 50 ms"), (IN_A_PAGE - 1, "tenth", "")):
            took = [page[at] for page in pages]
            note = f"{median(one.cpu for one in took):.1f} ms of the main thread"
            table.add(f"browser, {which} time ({way})", [one.wall for one in took], "ms", goal=goal, note=note)
    return table


def _in_node(rounds: int, before: str = "") -> list[float]:
    command = ["node", "--experimental-strip-types", "--no-warnings", "--input-type=module", "-e", before + NODE, "--"]
    done = subprocess.run(
        [*command, str(CASE / "proof.json"), str(CASE / "policy.json"), str(rounds)],
        cwd=ROOT / "verifier_web",
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    times: list[float] = json.loads(done.stdout)
    return times
