"""Building a tree of a million leaves: tiles and levels, against hashlib's own rate and pymerkle."""

from __future__ import annotations

import time
from hashlib import sha256
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

    reference = table.add("hashlib, as many hashes of 65 bytes", [seconds(floor) for _ in range(rounds)], "s")
    levels = table.add("tree_root from leaf hashes", [seconds(lambda: tree_root(leaves)) for _ in range(rounds)], "s")
    table.compare(levels, reference, faster=False)
    built = table.add("tiles.append and root", [seconds(tiled) for _ in range(rounds)], "s")
    table.compare(built, reference, faster=False)
    other = table.add(
        "pymerkle, a tenth of it × 10", [10 * seconds(oracle) for _ in range(1)], "s", note="hashes the leaves too"
    )
    table.compare(other, reference, faster=False)
    return table
