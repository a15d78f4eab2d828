"""The program itself: in this process where that is the same, else in processes of its own."""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass

import httpx2
import structlog

from anchor_service.__main__ import main

QUIET = {name: value for name, value in os.environ.items() if not name.startswith("SEALTRAIL_")}


@dataclass(frozen=True)
class Done:
    """What a command left."""

    returncode: int
    stdout: str
    stderr: str


def sealtrail(*arguments: object) -> Done:
    """Run a command in this process, as the program's own entry does."""
    outs = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8")
    try:
        with redirect_stdout(outs[0]), redirect_stderr(outs[1]):
            code = main([str(argument) for argument in arguments])
    except SystemExit as end:  # as typer ends a command
        code = int(end.code or 0)
    finally:
        structlog.reset_defaults()
    said = []
    for out in outs:
        out.flush()
        out.seek(0)
        said.append(out.read())
        out.close()
    assert "Traceback" not in said[0] + said[1]
    return Done(code, said[0], said[1])


def program(*arguments: object, timeout: float = 240) -> Done:
    """Run a command in a process of its own; whatever happens, nobody is shown a traceback."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "anchor_service", *map(str, arguments)],
        capture_output=True,
        encoding="utf-8",
        env=QUIET | {"PYTHONIOENCODING": "utf-8"},
        timeout=timeout,
        check=False,
    )
    assert "Traceback" not in done.stdout + done.stderr
    return Done(done.returncode, done.stdout, done.stderr)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@contextmanager
def running(port: int, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A command that serves on this port, from when it is ready.

    If it is still there at the end it is aborted, and what each of its threads was at is printed.
    """
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "anchor_service", *map(str, arguments), "--port", str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        env=QUIET | {"PYTHONIOENCODING": "utf-8", "PYTHONFAULTHANDLER": "1"},
    )
    try:
        limit = time.monotonic() + 90
        while True:
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < limit
            try:
                if httpx2.get(f"http://127.0.0.1:{port}/readyz", trust_env=False).status_code == 200:
                    break
            except httpx2.TransportError:
                time.sleep(0.1)
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGABRT)
            print(process.communicate()[0])
        else:
            process.communicate()
