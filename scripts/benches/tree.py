"""Building a tree of a million leaves: tiles and levels, against C with OpenSSL, hashlib's own rate, and pymerkle."""

from __future__ import annotations

import subprocess
import tempfile
import time
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from pymerkle import InmemoryTree

from anchor_service.protocol import tiles
from anchor_service.protocol.merkle import tree_root
from scripts.benches.table import Bench

if TYPE_CHECKING:
    from collections.abc import Callable


class Memory:
    """Tiles in a dictionary."""

    def __init__(self) -> None:
        self.held: dict[tuple[int, int], bytes] = {}

    def tile(self, level: int, index: int) -> bytes:
        """Return a tile, empty where there is none."""
        return self.held.get((level, index), b"")


def seconds(work: Callable[[], object]) -> float:
    """Time one call."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def in_c(leaves: list[bytes], rounds: int) -> list[float]:
    """Compile tree.c, build the same tree with it, compare the root; return the seconds of each round."""
    source = Path(__file__).with_name("tree.c")
    with tempfile.TemporaryDirectory() as folder:
        program = str(Path(folder) / "tree")
        subprocess.run(["cc", "-O2", "-o", program, str(source), "-lcrypto"], check=True)
        done = subprocess.run(
            [program, str(len(leaves)), str(rounds)], input=b"".join(leaves), check=True, stdout=subprocess.PIPE
        )
    *times, root = done.stdout.decode().split()
    if root != tree_root(leaves).hex():
        raise RuntimeError("two roots for the same leaves")
    return [float(text) for text in times]


def bench(*, quick: bool) -> Bench:
    """Run the bench."""
    size, rounds = (100_000, 3) if quick else (1_000_000, 5)
    table = Bench(f"Tree of {size:,} leaves")
    entries = [b"entry %d" % number for number in range(size)]
    leaves = [sha256(b"\0" + entry).digest() for entry in entries]
    pair = b"\1" + bytes(64)

    def floor() -> None:
        for _ in range(size - 1):
            sha256(pair).digest()

    def tiled() -> None:
        memory = Memory()
        memory.held.update(tiles.append(0, leaves, memory))
        tiles.root(size, memory)

    def oracle() -> None:
        tree = InmemoryTree(algorithm="sha256")
        for entry in entries[: size // 10]:
            tree.append_entry(entry)
        tree.get_state()

    reference = table.add("C, OpenSSL's SHA256_Update", in_c(leaves, rounds), "s")
    hashing = table.add("hashlib, as many hashes of 65 bytes", [seconds(floor) for _ in range(rounds)], "s")
    table.compare(hashing, reference, faster=False)
    samples = [seconds(lambda: tree_root(leaves)) for _ in range(rounds)]
    levels = table.add("tree_root from leaf hashes", samples, "s", goal="≤ 6 × C")
    table.compare(levels, reference, faster=False)
    built = table.add("tiles.append and root", [seconds(tiled) for _ in range(rounds)], "s", goal="≤ 6 × C")
    table.compare(built, reference, faster=False)
    other = table.add(
        "pymerkle, a tenth of it × 10", [10 * seconds(oracle) for _ in range(1)], "s", note="hashes the leaves too"
    )
    table.compare(other, reference, faster=False)
    return table
