"""What is shipped: sdist, the wheel made from it, and environments that hold nothing else.

The packages that the wheel needs come from uv's cache, where uv.lock's have been since the set-up.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.parse
import urllib.request
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UV = os.environ.get("SEALTRAIL_UV", str(ROOT / ".tools/uv/bin/uv"))
FRAMEWORKS = ("fastapi", "starlette", "pydantic", "sqlalchemy", "web3", "eth_account", "typer", "rich", "requests")


def run(*command: str | Path, cwd: Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command], cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=240
    )


def build(target: str, source: Path, out: Path) -> subprocess.CompletedProcess[str]:
    return run(sys.executable, "-m", "hatchling", "build", "-t", target, "-d", out, cwd=source)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel built from the unpacked sdist, as an installer without a wheel would build it."""
    out = tmp_path_factory.mktemp("dist")
    built = build("sdist", ROOT, out)
    assert built.returncode == 0, built.stderr
    (archive,) = out.glob("*.tar.gz")
    unpacked = run("tar", "-xzf", archive, cwd=out)
    assert unpacked.returncode == 0, unpacked.stderr
    built = build("wheel", out / archive.name.removesuffix(".tar.gz"), out)
    assert built.returncode == 0, built.stderr
    (path,) = out.glob("*.whl")
    return path


def install(wheel: Path, directory: Path, *extras: str) -> Path:
    """An environment with the wheel and what uv.lock names for it; returns its bin directory."""
    commands: tuple[tuple[str | Path, ...], ...] = (
        ("venv", "--python", sys.executable, directory),
        ("export", "--frozen", "--no-emit-project", "--project", ROOT, *extras, "-o", directory / "needs.txt"),
        ("pip", "install", "--python", directory, "--no-deps", "--only-binary", ":all:", "-r", directory / "needs.txt"),
        ("pip", "install", "--python", directory, "--no-deps", wheel),
        ("pip", "check", "--python", directory),
    )
    for command in commands:
        done = run(UV, "--quiet", *command, cwd=directory.parent)
        assert done.returncode == 0, done.stdout + done.stderr
    return directory / "bin"


@pytest.fixture(scope="module")
def base(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(wheel, tmp_path_factory.mktemp("base") / "env")


@pytest.fixture(scope="module")
def service(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(wheel, tmp_path_factory.mktemp("service") / "env", "--extra", "service")


def test_the_wheel_holds_what_is_shipped_beside_the_code(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    built_page = {str(path.relative_to(ROOT)) for path in (ROOT / "anchor_service/page").rglob("*") if path.is_file()}
    assert "anchor_service/page/index.html" in built_page
    assert built_page <= names
    tracked = run("git", "ls-files", "anchor_service", cwd=ROOT).stdout.split()
    if tracked:  # not in an unpacked sdist
        assert set(tracked) <= names
    assert {
        "anchor_service/py.typed",
        "anchor_service/protocol/SPEC.md",
        "anchor_service/chain/AnchorRegistry.json",
    } <= names
    assert not [name for name in names if name.startswith(("tests/", "verifier_web/", "scripts/"))]


def test_without_the_page_there_is_no_build(tmp_path: Path) -> None:
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "anchor_service", tmp_path / "anchor_service", ignore=shutil.ignore_patterns("page"))
    for target in ("sdist", "wheel"):
        built = build(target, tmp_path, tmp_path / "dist")
        assert built.returncode != 0
        assert "lacks page/index.html" in built.stderr
    assert not list((tmp_path / "dist").glob("sealtrail*"))


def test_the_base_install_verifies_and_imports_no_framework(base: Path, tmp_path: Path) -> None:
    shown = run(base / "sealtrail", "verify", "--help", cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert "--policy" in shown.stdout

    for name in FRAMEWORKS:
        assert run(base / "python", "-c", f"import {name}", cwd=tmp_path).returncode == 1, (
            f"{name} is a base dependency"
        )


def test_verifying_imports_no_framework_even_where_there_is_one(service: Path, tmp_path: Path) -> None:
    loaded = run(
        service / "python",
        "-c",
        "import json, sys, runpy\n"
        "sys.argv = ['sealtrail', 'verify', '--help']\n"
        "try: runpy.run_module('anchor_service', run_name='__main__')\n"
        "except SystemExit as end: assert end.code in (0, None), end.code\n"
        "print(json.dumps(sorted(sys.modules)))",
        cwd=tmp_path,
    )
    assert loaded.returncode == 0, loaded.stderr
    modules = set(json.loads(loaded.stdout.splitlines()[-1]))
    assert "anchor_service.verifier" in modules
    assert not modules & set(FRAMEWORKS)


def test_the_service_install_walks_the_whole_road_and_serves_the_page_without_node(
    service: Path, tmp_path: Path
) -> None:
    """From the wheel alone, with nothing else on PATH: log, chain, page, samples, proof and bundle; then the page."""
    env = {"PATH": str(service), "HOME": str(tmp_path), "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1"}
    demo = [str(service / "sealtrail"), "demo", "--data", str(tmp_path / "data"), "--port", "0"]
    done = run(*demo, "--once", cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.rstrip().splitlines()[-1] == "verified on a development chain: test data"

    with subprocess.Popen(demo, cwd=tmp_path, env=env, stdout=subprocess.PIPE, text=True) as serving:
        assert serving.stdout is not None
        links = []
        for line in serving.stdout:
            links += re.findall(r"http://127\.0\.0\.1:\d+/v/[^\s#]+", line)
            if line.startswith("Serving on"):
                break
        page = urllib.request.urlopen(links[0], timeout=30).read().decode()
        assets = re.findall(r'(?:src|href)="(\./[^"]+)"', page)
        assert [Path(name).suffix for name in assets] == [".js", ".css"]
        for name in assets:
            assert urllib.request.urlopen(urllib.parse.urljoin(links[0], name), timeout=30).read()
        serving.send_signal(signal.SIGTERM)
        assert serving.wait(60) == 0
