"""Turns among processes: one at a time, whoever waits is next, and the dead hold nobody up."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from anchor_service.ports import Busy
from anchor_service.storage.turns import Turns

HOLDER = """
import sys, time
from pathlib import Path
from anchor_service.storage.turns import Turns
with Turns(Path(sys.argv[1]), 5).turn():
    print("has it", flush=True)
    time.sleep(60)
"""


def test_one_at_a_time(tmp_path: Path) -> None:
    inside, most = [0], [0]

    def work() -> None:
        turns = Turns(tmp_path / "log.db", 30)
        for _ in range(20):
            with turns.turn():
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                time.sleep(0.001)
                inside[0] -= 1
        turns.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]


def test_who_waits_is_next(tmp_path: Path) -> None:
    """Whoever lets go and asks again at once comes after one who waits."""
    ours, others = Turns(tmp_path / "log.db", 30), Turns(tmp_path / "log.db", 30)
    order: list[str] = []

    def wait() -> None:
        with others.turn():
            order.append("who waited")

    thread = threading.Thread(target=wait)
    with ours.turn():
        thread.start()
        time.sleep(0.1)
    with ours.turn():
        order.append("who asked again")
    thread.join()
    assert order == ["who waited", "who asked again"]
    ours.close()
    others.close()


def test_patience_ends_with_busy(tmp_path: Path) -> None:
    ours, others = Turns(tmp_path / "log.db", 30), Turns(tmp_path / "log.db", 0.05)
    with ours.turn(), pytest.raises(Busy, match="another process"), others.turn():
        raise AssertionError("both have it")
    with others.turn():  # the queue was left as well
        pass
    ours.close()
    others.close()


def test_a_turn_ends_with_the_process_that_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER, tmp_path / "log.db"], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"has it\n"
        with pytest.raises(Busy), Turns(tmp_path / "log.db", 0.05).turn():
            raise AssertionError("both have it")
        holder.kill()
    with Turns(tmp_path / "log.db", 0.05).turn():
        pass


def test_no_place_for_the_locks_is_busy(tmp_path: Path) -> None:
    with pytest.raises(Busy, match="cannot be opened"), Turns(tmp_path / "nowhere" / "log.db", 1).turn():
        raise AssertionError("there is no such directory")
