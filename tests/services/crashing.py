"""Serves a log that clients fill, until it is killed: at any moment, without a word.

    python -m tests.services.crashing DATA CLIENT

Sends events of its own without an end, seals and anchors meanwhile, and prints the id of every event that was
accepted, in a line of its own, after the answer came.  `kill_again_and_again` does that to it, and checks that nothing
acknowledged is missing or doubled and that every proof verifies; tests and `scripts/accept` call it.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import structlog

from anchor_service.services.ingest import Accepted
from anchor_service.settings import Settings
from anchor_service.wiring.opening import build
from tests.services.log import OpenLog, create_log, open_log

ROOT = Path(__file__).resolve().parents[2]
ORDERS = 40
TYPES = ("placed", "paid", "packed", "shipped", "arrived", "delivered")


def settings_of(data: Path) -> Settings:
    return Settings.model_validate(
        {"data": data, "seal_interval": 0.02, "anchor_interval": 0.02, "poll_interval": 0.02, "heartbeat": 10**6}
    )


def body(event_id: str) -> bytes:
    """The event of this id; whoever sends it again sends the same."""
    number = int(event_id.rsplit("-", 1)[1])
    fields = {
        "event_id": event_id,
        "order_id": f"A-{number % ORDERS}",
        "type": TYPES[number % len(TYPES)],
        "occurred_at": "2026-05-03T14:05:00+08:00",
        "actor": {"role": "brand"},
        "data": {"number": number},
    }
    return json.dumps(fields).encode()


def main(data: Path, client: str) -> None:
    # Threads that log to where the ids go would tear their lines.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    service = build(settings_of(data))
    service.start()
    print("open", flush=True)
    number = 0
    while True:
        batch = [f"{client}-{number + part}" for part in range(random.choice((1, 3, 20, 150)))]
        number += len(batch)
        print("try", batch[-1], flush=True)
        outcomes = service.ingest.submit("acme", [body(event_id) for event_id in batch]).result(60)
        assert all(isinstance(outcome, Accepted) for outcome in outcomes), outcomes
        print("\n".join(f"ok {event_id}" for event_id in batch), flush=True)


@dataclass(frozen=True, slots=True)
class Report:
    """What the kills came to."""

    kills: int
    acknowledged: int
    stored: int
    batches: int


def kill_again_and_again(data: Path, kills: int, seed: int, longest: float = 1.5) -> Report:
    """Kill a filling service `kills` times, at random moments, and check the log after each."""
    dice = random.Random(seed)
    settings = settings_of(data)
    if not (data / "sealtrail.db").exists():
        create_log(data)
    acknowledged: set[str] = set()
    stored: set[str] = set()
    batches = 0
    for kill in range(kills):
        client = f"c{seed}k{kill}"
        lines = _run_and_kill(data, client, dice.uniform(0.05, longest))
        acknowledged |= {line[3:] for line in lines if line.startswith("ok ")}
        tried = [int(line.rsplit("-", 1)[1]) for line in lines if line.startswith("try ")]
        with open_log(settings) as log:
            stored = _stored(log)
            missing = acknowledged - stored
            assert not missing, f"acknowledged and missing after kill {kill}: {sorted(missing)[:5]}"
            # What was on its way is sent again, as a client would: nothing is doubled.
            for last in tried[-1:]:
                again = [f"{client}-{number}" for number in range(max(0, last - 300), last + 1)]
                outcomes = log.service.ingest.submit("acme", [body(event_id) for event_id in again]).result(60)
                assert all(isinstance(outcome, Accepted) for outcome in outcomes), outcomes
                acknowledged |= set(again)
            log.settle()
            stored = _stored(log)
            assert acknowledged <= stored
            log.check()  # fsck finds nothing, and every order's proof verifies
            batches = log.service.health().batch
    return Report(kills, len(acknowledged), len(stored), batches)


def _run_and_kill(data: Path, client: str, after: float) -> list[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.services.crashing", str(data), client],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        text=True,
    )
    assert process.stdout is not None
    with process:
        assert process.stdout.readline().strip() == "open", "the service did not start again"
        time.sleep(after)
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read()
    # The last line may be torn.
    return rest[: rest.rfind("\n") + 1].splitlines()


def _stored(log: OpenLog) -> set[str]:
    """The ids of all events; an id twice is an error."""
    found: list[str] = []
    with log.service._reading.snapshot() as snapshot:
        last = 0
        while page := snapshot.all_events(last, 5_000):
            found += [item.event.event_id for item in page]
            last = page[-1].event.number
    assert len(found) == len(set(found)), "an event is there twice"
    return set(found)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
