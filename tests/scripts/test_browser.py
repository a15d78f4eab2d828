"""Where scripts/test looks for a browser, in order, on machines played by small programs."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BROWSER = "#!/bin/sh\necho 'Chromium 1'\n"


class Machine:
    """A PATH of its own, and an environment whose playwright may or may not be able to install."""

    def __init__(self, place: Path, *, user: int) -> None:
        self.place, self.bin, self.venv = place, place / "bin", place / "venv"
        for directory in (self.bin, self.venv / "bin"):
            directory.mkdir(parents=True)
        for name in ("bash", "sh", "cat", "chmod", "cut", "dirname", "mkdir", "sha256sum", "shasum"):
            if found := shutil.which(name):
                (self.bin / name).symlink_to(found)
        self.program(self.bin / "id", f"#!/bin/sh\necho {user}\n")
        self.playwright(installs=False)

    def program(self, path: Path, text: str) -> None:
        path.write_text(text)
        path.chmod(0o755)

    def playwright(self, *, installs: bool) -> None:
        path = self.place / "playwright-chromium"
        install = f'echo "echo Chromium 2" >{path}; chmod 755 {path}' if installs else "exit 1"
        program = f'#!/bin/sh\ncase "$*" in *install*) {install} ;; *) echo {path} ;; esac\n'
        self.program(self.venv / "bin/python", program)

    def apt(self, *, installs: bool) -> None:
        there = self.bin / "chromium"
        install = f"echo 'echo Chromium 3' >{there}; chmod 755 {there}" if installs else "exit 100"
        self.program(self.bin / "apt-get", f'#!/bin/sh\ncase "$1" in install) {install} ;; esac\n')

    def look(self) -> subprocess.CompletedProcess[str]:
        script = f"""
            set -e
            . {ROOT}/scripts/lib/common.sh
            . {ROOT}/scripts/lib/browser.sh
            VENV={self.venv} LOGS={self.place}/logs
            ensure_browser
            echo "found $SEALTRAIL_CHROMIUM"
        """
        env = {"PATH": str(self.bin), "HOME": str(self.place)}
        return subprocess.run(
            [str(self.bin / "bash"), "-c", script], env=env, capture_output=True, text=True, check=False
        )


def test_the_machines_own_comes_first(tmp_path: Path) -> None:
    machine = Machine(tmp_path, user=0)
    machine.program(machine.bin / "google-chrome", BROWSER)
    machine.playwright(installs=True)
    assert machine.look().stdout == f"found {machine.bin}/google-chrome\n"


def test_a_browser_that_does_not_run_is_none(tmp_path: Path) -> None:
    machine = Machine(tmp_path, user=0)
    machine.program(machine.bin / "chromium", "#!/bin/sh\nexit 1\n")
    machine.program(machine.bin / "google-chrome", BROWSER)
    assert machine.look().stdout == f"found {machine.bin}/google-chrome\n"


def test_then_playwrights(tmp_path: Path) -> None:
    machine = Machine(tmp_path, user=0)
    machine.playwright(installs=True)
    machine.apt(installs=True)
    assert machine.look().stdout.splitlines()[-1] == f"found {machine.place}/playwright-chromium"


def test_then_the_systems_as_root_and_saying_so(tmp_path: Path) -> None:
    machine = Machine(tmp_path, user=0)
    machine.apt(installs=True)
    done = machine.look()
    assert "As root: apt-get install -y --no-install-recommends chromium" in done.stdout
    assert done.stdout.splitlines()[-1] == f"found {machine.bin}/chromium"


@pytest.mark.parametrize("user", [0, 1000])
def test_with_none_to_be_had_it_fails_and_says_what_to_install(tmp_path: Path, user: int) -> None:
    machine = Machine(tmp_path, user=user)
    machine.apt(installs=user != 0)  # who is not root does not even try
    done = machine.look()
    assert done.returncode == 1
    assert "found" not in done.stdout
    assert "sudo apt install chromium" in done.stderr
