"""Starting the service and the reference as processes of their own, on free ports and fresh directories."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SEALTRAIL = [sys.executable, "-m", "anchor_service"]


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(
    command: list[str], port: int, path: str, env: dict[str, str] | None = None, patience: float = 30
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the block ends; it counts as started when `path` answers with success, within `patience` s."""
    process = subprocess.Popen(
        command, env={**os.environ, **(env or {})}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(int(patience * 10)):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=1):
                    break
            except OSError:
                if process.poll() is not None:
                    raise RuntimeError(f"{command} ended with {process.returncode}") from None
                time.sleep(0.1)
        yield process
    finally:
        process.terminate()
        process.wait(120)


@contextmanager
def reference(database: str) -> Iterator[int]:
    """Run the plain endpoint on this database, SQLAlchemy's URL; yield its port."""
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "uvicorn",
        "--factory",
        "scripts.benches.reference:create",
        "--port",
        str(port),
        "--no-access-log",
    ]
    env = {"REFERENCE_DB": database}
    with running(command, port, "/openapi.json", env):
        yield port


def created(folder: Path) -> str:
    """Create a log with one tenant; return an API key that may send and read.

    Settings come from the environment as everywhere (SEALTRAIL_…), so that the same benches run on another database.
    """
    data = ["--data", str(folder)]
    subprocess.run([*SEALTRAIL, "init", *data], check=True, stdout=subprocess.DEVNULL)
    subprocess.run([*SEALTRAIL, "tenant", "add", "bench", *data], check=True, stdout=subprocess.DEVNULL)
    return key(folder)


def key(folder: Path) -> str:
    """Add an API key that may send and read to a log of the benches' tenant."""
    data = ["--data", str(folder)]
    added = [*SEALTRAIL, "key", "add", "--tenant", "bench", "--scope", "ingest", "--scope", "read", *data]
    return subprocess.run(added, check=True, stdout=subprocess.PIPE, text=True).stdout.split()[-1]


def fetch(port: int, path: str) -> str:
    """Return what a path answers; OSError where it does not, or with an error."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
        return str(answer.read().decode())


def gauges(port: int) -> dict[str, float]:
    """Return the service's figures without labels, by name without the prefix."""
    found = re.findall(r"^sealtrail_(\w+) (\S+)$", fetch(port, "/metrics"), re.MULTILINE)
    return {name: float(value) for name, value in found}


def serving(folder: Path, port: int, *arguments: str) -> list[str]:
    """Return the command that serves a log."""
    return [*SEALTRAIL, "serve", "--data", str(folder), "--port", str(port), *arguments]


@contextmanager
def service(folder: Path, *arguments: str) -> Iterator[tuple[int, str]]:
    """Create a log, run the service on it; yield its port and its key."""
    key = created(folder)
    port = free_port()
    with running(serving(folder, port, *arguments), port, "/healthz"):
        yield port, key


@contextmanager
def serving_only(folder: Path) -> Iterator[int]:
    """Run a process that serves a log and neither seals nor anchors; yield its port."""
    port = free_port()
    with running([*SEALTRAIL, "api", "--data", str(folder), "--port", str(port)], port, "/healthz"):
        yield port


def tree(pid: int) -> Iterator[int]:
    """Yield a process and all that it has started."""
    yield pid
    with suppress(OSError):  # it has ended
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in children.read_text().split():
                yield from tree(int(child))


def resident(pid: int) -> float:
    """Return a process's resident memory in MiB, without what it shares with files; 0 where it has ended."""
    try:
        fields = Path(f"/proc/{pid}/statm").read_text().split()
    except OSError:
        return 0.0
    return (int(fields[1]) - int(fields[2])) * os.sysconf("SC_PAGE_SIZE") / 2**20
