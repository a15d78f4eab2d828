"""The lock files name the public registries alone, and a hash for everything."""

import json
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_uv_lock_names_pypi_alone() -> None:
    text = (ROOT / "uv.lock").read_text()
    assert set(re.findall(r"https?://[^/\"]+", text)) == {"https://pypi.org", "https://files.pythonhosted.org"}
    for package in tomllib.loads(text)["package"]:
        files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
        assert all(file["hash"].startswith("sha256:") for file in files), package["name"]
        assert files or package["source"] == {"editable": "."}


@pytest.mark.parametrize("directory", [".", "verifier_web"])
def test_package_lock_names_the_npm_registry_alone(directory: str) -> None:
    packages = json.loads((ROOT / directory / "package-lock.json").read_text())["packages"]
    assert len(packages) > 10
    for path, package in packages.items():
        if path:
            assert package.get("resolved", "https://registry.npmjs.org/").startswith("https://registry.npmjs.org/")
            assert package["integrity"].startswith("sha512-"), path


def test_uv_itself_is_installed_by_hash() -> None:
    lines = [line for line in (ROOT / "scripts/lib/uv.txt").read_text().splitlines() if not line.startswith("#")]
    assert re.fullmatch(r"uv==[0-9.]+ \\", lines[0])
    assert len(lines) > 10
    assert all(re.fullmatch(r" +--hash=sha256:[0-9a-f]{64}( \\)?", line) for line in lines[1:])
