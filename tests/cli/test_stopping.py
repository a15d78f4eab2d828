"""Stopping: in order, however often one asks for it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.cli.program import QUIET, free_port, running, sealtrail


def test_ctrl_c_twice_stops_in_order(tmp_path: Path) -> None:
    data, port = tmp_path / "log", free_port()
    assert sealtrail("init", "--data", data).returncode == 0
    with running(port, "serve", "--data", data) as process:
        with socket.create_connection(("127.0.0.1", port)) as unfinished:
            unfinished.sendall(b"POST /rpc HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
            time.sleep(0.5)  # it is being served, and stopping waits for it
            for _ in range(3):
                process.send_signal(signal.SIGINT)
                time.sleep(0.3)
            assert process.poll() is None
        said = process.communicate(timeout=60)[0]
        assert process.returncode == 0
        assert "stopped" in said
        assert "Traceback" not in said


def living(group: int) -> list[str]:
    """The processes of a group; what has ended and was not asked for its exit code does not count."""
    found = []
    for place in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            said = place.read_text()
            state, _, of = said.rpartition(")")[2].split()[:3]
            if int(of) == group and state != "Z":
                found.append(said)
    return found


@pytest.mark.parametrize("tenth", range(1, 30, 4))
def test_ctrl_c_while_it_starts_ends_it_with_all_that_it_has_started(tmp_path: Path, tenth: int) -> None:
    """A terminal tells every process of the command; at whatever it is, none of them answers with a traceback."""
    data = tmp_path / "log"
    assert sealtrail("init", "--data", data).returncode == 0
    with subprocess.Popen(
        [sys.executable, "-m", "anchor_service", "serve", "--data", data, "--port", str(free_port())],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        env=QUIET,
        start_new_session=True,
    ) as process:
        time.sleep(tenth / 10)
        os.killpg(process.pid, signal.SIGINT)
        said = process.communicate(timeout=60)[0]
    if process.returncode not in (0, 130):  # Python itself was still starting, and has its own way
        assert "anchor_service" not in said.replace("-m anchor_service", "")
    else:
        assert "Traceback" not in said, said
    limit = time.monotonic() + 30
    while left := living(process.pid):
        assert time.monotonic() < limit, left
        time.sleep(0.05)
