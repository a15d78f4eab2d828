"""`sealtrail demo`, which scripts/start calls: from nothing to a verified order, and again without a second time."""

from __future__ import annotations

import json
import signal
import stat
from pathlib import Path

import httpx2
import pytest

from anchor_service.cli.demo import LAST_LINE
from anchor_service.cli.samples import read_samples
from tests.cli.program import free_port, program, running, sealtrail


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A data directory in which the demo ran once, and what it said."""
    data = tmp_path_factory.mktemp("demo") / "data"
    done = program("demo", "--once", "--data", data, "--port", free_port())
    assert done.returncode == 0, done.stdout + done.stderr
    return data, done.stdout


def test_it_ends_with_the_last_line(first: tuple[Path, str]) -> None:
    assert first[1].endswith(f"\n{LAST_LINE}\n")
    assert LAST_LINE == "verified on a development chain: test data"


def test_it_sent_verified_and_bundled(first: tuple[Path, str]) -> None:
    data, said = first
    for sample in read_samples():
        assert f"{sample.order_id}  {sample.title}: {sample.events} events accepted" in said
        assert said.count(f"  {sample.order_id}  http://127.0.0.1:") == 1
    assert said.count(f"  {LAST_LINE}\n") == 2  # the proof's verdict and the bundle's
    assert "█▀▀▀▀▀█" in said  # the corner of a QR code
    assert {path.name for path in (data / "demo").iterdir()} == {
        "policy.json",
        "RICE-2026-0418.proof.json",
        "RICE-2026-0418.bundle.zip",
    }
    assert stat.S_IMODE((data / "demo.json").stat().st_mode) == 0o600


def test_again_it_sends_nothing_twice_and_keeps_serving(first: tuple[Path, str]) -> None:
    data, said = first
    port = free_port()
    labels = json.loads((data / "demo.json").read_bytes())["labels"]
    with running(port, "demo", "--data", data, "--public-url", "http://shop.example:9") as process:
        assert process.stdout is not None
        told = []
        for line in process.stdout:
            told.append(line)
            if line.startswith("Serving on"):
                break
        again = "".join(told)
        assert again.count("11 events already known, nothing sent twice") == 3
        assert "accepted" not in again
        for order_id, label in labels.items():
            assert f"{order_id}  http://shop.example:9/v/{label['token']}#{label['stream']}" in again
            assert f"/v/{label['token']}#{label['stream']}" in said
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
            token = labels["RICE-2026-0418"]["token"]
            page = http.get(f"/v/{token}")
            assert page.status_code == 200
            assert '"demo": "Sealtrail demo"' in page.text  # the page's policy knows whose orders these are
            proof = http.get(f"/v1/labels/{token}/proof")
            assert "王*".encode() in proof.content
            assert "王芳".encode() not in proof.content
            (sample,) = (sample for sample in read_samples() if sample.name == "rice")
            image = http.get(f"/v1/labels/{token}/attachments/{sample.signature_hash}")
            assert image.content == sample.signature
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    assert json.loads((data / "demo.json").read_bytes())["labels"] == labels


def test_lan_and_public_url_exclude_each_other(tmp_path: Path) -> None:
    done = sealtrail("demo", "--lan", "--public-url", "http://x", "--data", tmp_path / "x")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
