"""Stopping: in order, however often one asks for it."""

from __future__ import annotations

import signal
import socket
import time
from pathlib import Path

from tests.cli.program import free_port, running, sealtrail


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
