"""What scripts/start says where it cannot begin; and that set-up steps are skipped when nothing changed."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def fresh_scripts(tmp_path: Path) -> Path:
    """A checkout with nothing set up; on its PATH the plain tools of the system, but no Python."""
    shutil.copytree(ROOT / "scripts", tmp_path / "shop/scripts")
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    for name in ("bash", "sh", "cat", "cut", "dirname", "env", "mkdir", "rm", "tail", "sha256sum", "shasum", "flock"):
        if found := shutil.which(name):
            (bin_ / name).symlink_to(found)
    return bin_


def start(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(tmp_path / "shop/scripts/start"), *arguments],
        env={"PATH": str(tmp_path / "bin"), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def python_that(condition: str, place: Path) -> None:
    """A python3 that fails when its -c program meets the shell pattern `condition`."""
    place.write_text(f'#!/bin/sh\ncase "$2" in {condition}) exit 1 ;; esac\nexec "{sys.executable}" "$@"\n')
    place.chmod(0o755)


def test_without_ensurepip_it_names_the_package_before_doing_anything(tmp_path: Path) -> None:
    python_that("*ensurepip*", fresh_scripts(tmp_path) / "python3")
    done = start(tmp_path)
    assert done.returncode == 1
    assert "sudo apt install python3-venv" in done.stderr.splitlines()[-1]
    assert [path.name for path in (tmp_path / "shop").iterdir()] == ["scripts"]


def test_without_python_it_names_the_packages(tmp_path: Path) -> None:
    fresh_scripts(tmp_path)
    done = start(tmp_path)
    assert done.returncode == 1
    assert "sudo apt install python3 python3-venv" in done.stderr
    assert [path.name for path in (tmp_path / "shop").iterdir()] == ["scripts"]


def test_help_does_nothing(tmp_path: Path) -> None:
    fresh_scripts(tmp_path)
    done = start(tmp_path, "--help")
    assert done.returncode == 0
    assert "--public-url" in done.stdout
    assert [path.name for path in (tmp_path / "shop").iterdir()] == ["scripts"]


def test_a_step_runs_again_only_when_its_inputs_change(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("one")
    script = f"""
        set -e
        . {ROOT}/scripts/lib/common.sh
        step() {{
          inputs=$(digest {tmp_path}/lock)
          is_fresh {tmp_path}/stamp "$inputs" && echo skipped && return
          echo ran
          mark_fresh {tmp_path}/stamp "$inputs"
        }}
        step; step; echo two > {tmp_path}/lock; step; step
    """
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["ran", "skipped", "ran", "skipped"]


def test_every_stage_runs_and_one_failure_fails_all() -> None:
    script = f"""
        set -e
        . {ROOT}/scripts/lib/stages.sh
        good() {{ true; }}
        bad() {{ false; }}
        run_stages "$1"
    """
    for stages, code, last in (
        ("good good", 0, "2 passed, 0 failed"),
        ("bad good", 1, "1 passed, 1 failed"),
        ("good bad", 1, "1 passed, 1 failed"),
    ):
        done = subprocess.run(["bash", "-c", script, "bash", stages], capture_output=True, text=True, check=False)
        assert done.returncode == code
        assert done.stdout.splitlines()[-1] == last
