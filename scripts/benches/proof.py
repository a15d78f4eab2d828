"""Proofs from storage: an order of 12 events in a log of 10,000 entries and more, against pymerkle on SQLite."""

from __future__ import annotations

import random
import tempfile
import time
from pathlib import Path

from pymerkle import SqliteTree

from anchor_service.ports import Audience
from anchor_service.services.prove import NotYet
from scripts.benches import world
from scripts.benches.table import Bench

STEPS = 12


def bench(*, quick: bool) -> Bench:
    """Run the bench."""
    sizes = (10_000,) if quick else (10_000, 100_000)
    rounds = 60 if quick else 300
    table = Bench("A proof from storage")
    choice = random.Random(1)  # noqa: S311 - which orders are asked for
    for size in sizes:
        with world.opened() as service:
            service.start()
            run = f"proof-{size}"
            world.fill(service, size, run, STEPS)
            if not service.settle(600):
                raise RuntimeError("not all is anchored")
            whole: list[float] = []
            warm: list[float] = []
            for _ in range(rounds):
                order = f"{run}-{choice.randrange(size // STEPS):011d}"
                for samples in (whole, warm):  # the same order twice: the second time its pages are warm
                    begin = time.perf_counter()
                    proof = service.prove.proof(world.TENANT, order, Audience.CONSUMER)
                    samples.append((time.perf_counter() - begin) * 1000)
                    if isinstance(proof, NotYet):
                        raise RuntimeError("an order without a proof")  # noqa: TRY004 - a state, not a type
        with tempfile.TemporaryDirectory() as folder, SqliteTree(str(Path(folder) / "tree.db")) as tree:
            tree.append_entries([b"entry %d" % number for number in range(size)])
            paths = []
            for _ in range(rounds // 10):
                index = choice.randrange(size) + 1
                begin = time.perf_counter()
                tree.prove_inclusion(index)
                paths.append((time.perf_counter() - begin) * 1000)
        reference = table.add(f"{size:,} entries: pymerkle, one inclusion path", paths, "ms")
        first = table.add(f"{size:,} entries: whole proof, {STEPS} events", whole, "ms", goal="≤ 1 ms, flat")
        table.compare(first, reference, faster=False)
        table.compare(table.add(f"{size:,} entries: the same again", warm, "ms"), reference, faster=False)
    return table
