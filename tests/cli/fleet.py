"""A log that several processes serve: PostgreSQL, a node of its own, `sealtrail api` and `sealtrail worker`."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from anchor_service.settings import Settings
from anchor_service.storage.database import Database
from anchor_service.storage.lease import LeaseRow, read_lease
from tests.anvil import Anvil, run_anvil
from tests.cli.program import QUIET, sealtrail
from tests.postgres import Postgres

CHAIN_ID = 424_242
FAST = "lease = 2\nseal_interval = 0.1\nanchor_interval = 0.2\npoll_interval = 0.2\nheartbeat = 1000000\n"


@dataclass(frozen=True)
class Fleet:
    """A log without processes."""

    data: Path
    url: str
    key: str
    anvil: Anvil

    @property
    def settings(self) -> Settings:
        return Settings(data=self.data)


@contextmanager
def fleet(folder: Path, postgres: Postgres, tenant: str = "acme") -> Iterator[Fleet]:
    """Create a log on PostgreSQL and a node that makes a block each second."""
    data, url = folder / "log", postgres.url()
    with run_anvil(CHAIN_ID) as anvil:
        for name, secret in zip(("owner", "publisher"), anvil.keys[:2], strict=True):
            (folder / name).write_text(secret.hex())
        chain = ("--rpc", anvil.url, "--chain-id", CHAIN_ID, "--finality", "0", "--test-chain")
        keys = ("--owner-key", folder / "owner", "--publisher-key", folder / "publisher")
        made = sealtrail("init", "--data", data, "--database", url, *chain, *keys)
        assert made.returncode == 0, made.stderr
        assert not (data / "sealtrail.db").exists()
        with (data / "sealtrail.toml").open("a") as file:
            file.write(FAST)
        assert sealtrail("tenant", "add", tenant, "--data", data).returncode == 0
        key = sealtrail("key", "add", "--tenant", tenant, "--data", data).stdout.strip()
        yield Fleet(data, url, key, anvil)


class WorkerProcess:
    """`sealtrail worker`, whose log can be read."""

    def __init__(self, data: Path, said: Path) -> None:
        self._said = said
        with said.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-W", "error", "-m", "anchor_service", "worker", "--data", str(data)],
                stdout=out,
                stderr=out,
                env=QUIET | {"PYTHONIOENCODING": "utf-8"},
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    def said(self) -> str:
        return self._said.read_text()

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        """End it without a word."""
        self.process.kill()
        self.process.wait()


def until(holds: Callable[[], bool], what: str, seconds: float = 90) -> None:
    """Wait until something holds."""
    limit = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < limit, what
        time.sleep(0.05)


def held_by(database: Database, worker: WorkerProcess) -> bool:
    """Whether this worker seals and anchors."""
    row: LeaseRow = read_lease(database)
    return row.live and row.holder.endswith(f":{worker.pid}")


def event(event_id: str, order_id: str, kind: str = "arrived") -> str:
    fields = {
        "event_id": event_id,
        "order_id": order_id,
        "type": kind,
        "occurred_at": "2026-05-01T09:30:00Z",
        "actor": {"role": "brand"},
    }
    return json.dumps(fields)
