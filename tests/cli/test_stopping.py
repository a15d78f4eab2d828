"""Stopping: in order, however often one asks for it."""

from __future__ import annotations

import signal
import time
from pathlib import Path

from tests.cli.program import free_port, running, sealtrail


def test_ctrl_c_twice_stops_in_order(tmp_path: Path) -> None:
    data = tmp_path / "log"
    assert sealtrail("init", "--data", data).returncode == 0
    with running(free_port(), "serve", "--data", data) as process:
        process.send_signal(signal.SIGINT)
        time.sleep(0.05)  # the first is being heeded; a second must not cut it short
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=60)[0]
        assert "Traceback" not in said
        assert "stopped" in said
