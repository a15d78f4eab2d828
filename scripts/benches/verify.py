"""Offline verification of one proof of 12 events, in Python, Node and a browser, against its signatures alone."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from itertools import islice
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from anchor_service.protocol.canonical import print_json
from anchor_service.protocol.model import parse_event
from anchor_service.protocol.policy import parse_policy
from anchor_service.protocol.verdict import State
from anchor_service.protocol.verify import verify
from scripts.benches.browser import IN_A_PAGE, in_a_browser
from scripts.benches.orders import events
from scripts.benches.table import Bench
from scripts.vectors.world import World

if TYPE_CHECKING:
    from collections.abc import Callable

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


WARM = 1_000
"""Rounds that Node runs before those that count: until then its compiler still works beside them."""


def bench(*, quick: bool) -> Bench:
    """Run the bench."""
    rounds = 50 if quick else 300
    table = Bench("Offline verification, one proof of 12 events under 4 anchors")
    secret = Ed25519PrivateKey.generate()
    public, signature = secret.public_key(), secret.sign(b"message")
    reference = table.add(
        "one Ed25519 verification (OpenSSL)", _timed(lambda: public.verify(signature, b"message"), rounds), "ms"
    )
    with tempfile.TemporaryDirectory() as place:
        made = _make_case(Path(place))
        for case, fields, goal in ((made, "15 fields each", "≤ 2 ms"), (CASE, "3 fields each", "")):
            python = table.add(f"Python, {fields}", _in_python(case, rounds), "ms", goal=goal)
            table.compare(python, reference, faster=False)
            first, *warm = _in_node(case, rounds)
            note = f"after {WARM:,} rounds; the first {first:.1f} ms"
            table.compare(table.add(f"Node, {fields}", warm, "ms", goal=goal, note=note), reference, faster=False)
        first, *warm = _in_node(made, rounds, "delete Crypto.prototype.subtle;")
        note = f"after {WARM:,} rounds; the first {first:.1f} ms"
        table.compare(table.add("Node, as over plain HTTP", warm, "ms", note=note), reference, faster=False)
        for way, pages in in_a_browser(made, 5 if quick else 15).items():
            for at, which, goal in ((0, "first", "≤ 50 ms"), (IN_A_PAGE - 1, "tenth", "")):
                took = [page[at] for page in pages]
                note = f"{median(one.cpu for one in took):.1f} ms of the main thread"
                table.add(f"browser, {which} time ({way})", [one.wall for one in took], "ms", goal=goal, note=note)
    return table


def _make_case(folder: Path) -> Path:
    """Write proof and policy of an order of twelve events as the other benches send them."""
    world = World("bench")
    for place, event in enumerate(islice(events("verify", 12), 12)):
        world.tell("A-1", parse_event(event).fields)
        world.noise(place % 4)
        if place % 3 == 2:
            world.seal()
            world.anchor(1_000 + 10 * place)
    (folder / "proof.json").write_bytes(print_json(world.proof("A-1")))
    (folder / "policy.json").write_bytes(print_json(world.policy()))
    return folder


def _in_python(case: Path, rounds: int) -> list[float]:
    raw, policy = (case / "proof.json").read_bytes(), parse_policy((case / "policy.json").read_bytes())
    if verify(raw, policy).state is not State.VERIFIED:
        raise RuntimeError("a proof that does not verify")
    return _timed(lambda: verify(raw, policy), rounds)


def _timed(work: Callable[[], object], rounds: int) -> list[float]:
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        work()
        times.append((time.perf_counter() - begin) * 1000)
    return times


def _in_node(case: Path, rounds: int, before: str = "") -> list[float]:
    """Return the time of the very first verification, and those of a process that is warm."""
    command = ["node", "--experimental-strip-types", "--no-warnings", "--input-type=module", "-e", before + NODE, "--"]
    done = subprocess.run(
        [*command, str(case / "proof.json"), str(case / "policy.json"), str(WARM + rounds)],
        cwd=ROOT / "verifier_web",
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    times: list[float] = json.loads(done.stdout)
    return [times[0], *times[WARM:]]
