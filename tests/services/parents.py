"""A process that has a log open is killed while one that it has started is at something."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PARENT = """
import sys
from pathlib import Path
from anchor_service.settings import Settings
from anchor_service.wiring.opening import build

if __name__ == "__main__":
    service = build(Settings(data=Path(sys.argv[1])))
    loaded = {name.partition(".")[0] for name in sys.modules}
    print(eval(sys.argv[2], {"service": service}), *loaded, flush=True)
    sys.stdin.read()
"""


@contextmanager
def killed_parent(data: Path, child: str) -> Iterator[set[str]]:
    """Yield the modules that the parent had.  `child` gives the other's number by `service`; afterwards it goes on."""
    with subprocess.Popen(
        [sys.executable, "-c", _PARENT, data, child], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        number, *modules = parent.stdout.readline().split()
        os.kill(int(number), signal.SIGSTOP)
        try:
            parent.kill()
            parent.wait()
            yield {*modules}
        finally:
            os.kill(int(number), signal.SIGCONT)
