"""The steps in the docs, run as written: by bash, against a real service, a real node, an environment of their own."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

import pytest

from anchor_service.ports import Audience
from anchor_service.protocol.event import BlockId
from anchor_service.protocol.evidence import read_header
from anchor_service.protocol.model import parse_event
from anchor_service.protocol.proof import parse_proof
from anchor_service.protocol.verdict import Result, State
from anchor_service.protocol.verify import verify
from anchor_service.services.ingest import Accepted, Refused
from anchor_service.settings import Settings
from anchor_service.wiring.creating import create
from anchor_service.wiring.opening import build
from anchor_service.wiring.serving import Service

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT = 240


def blocks(document: str, name: str) -> list[str]:
    """The code of the fenced blocks that are marked `<!-- run: NAME -->`."""
    said = (ROOT / document).read_text()
    return re.findall(rf"<!-- run: {name} -->\n```\w+\n(.*?)```", said, re.DOTALL)


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def run_bash(script: str, work: Path, **env: str) -> str:
    """Run a script as somebody who follows the steps would; what it started ends with it.  Returns its output."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("SEALTRAIL_", "PIP_"))}
    process = subprocess.Popen(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=ROOT,
        env=plain | {"WORK": str(work), "PORT": free_port(), "LC_ALL": "C.UTF-8"} | env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=TIMEOUT)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    assert process.returncode == 0, output
    return output


def in_order(output: str, *pieces: str) -> None:
    """Assert that these stand in the output, one after the other."""
    at = 0
    for piece in pieces:
        found = output.find(piece, at)
        assert found >= 0, f"{piece!r} is not where it should be in\n{output}"
        at = found + len(piece)


# --- README ---------------------------------------------------------------------------------------------------------

BASE = ("cryptography", "rfc8785", "safe-pysha3", "cffi", "pycparser")


@pytest.fixture(scope="module")
def wheelhouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Wheels of what the base install needs, put together again from this environment, so that pip asks no registry."""
    place = tmp_path_factory.mktemp("wheelhouse")
    for name in BASE:
        found = distribution(name)
        (tag,) = re.findall(r"^Tag: (.*)$", found.read_text("WHEEL") or "", re.MULTILINE)[:1]
        stem = f"{found.metadata['Name'].replace('-', '_')}-{found.version}-{tag}"
        with zipfile.ZipFile(place / f"{stem}.whl", "w") as wheel:
            for file in found.files or ():
                if ".." not in file.parts and file.suffix != ".pyc":
                    wheel.write(str(found.locate_file(file)), str(file))
    return place


def test_the_readmes_first_integration(tmp_path: Path, wheelhouse: Path) -> None:
    steps = blocks("README.md", "steps")
    assert len(steps) == 5
    pip = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheelhouse), "PIP_CONFIG_FILE": os.devnull}
    output = run_bash("\n".join(steps), tmp_path, **pip)
    in_order(
        output,
        '"ready":true',
        '"status":"accepted","event_id":"A-1001-01"',
        '"status":"accepted","event_id":"A-1001-02"',
        '"link":"http://127.0.0.1:',
        '"origin": "localhost/sealtrail/',
        "? unknown  block",
        "\ncould not check",
        "\nexit code 3",
        "✓ valid    block",
        "\nverified on a development chain: test data",
        "✗ INVALID  events",
        "\naltered",
        "\nexit code 1",
    )
    assert (tmp_path / "proof.json").read_bytes() != (tmp_path / "altered.json").read_bytes()


def test_the_chinese_readme_has_the_same_steps() -> None:
    def without_comments(step: str) -> str:
        return re.sub(r" +#.*", "", step)

    ours, theirs = blocks("README.md", "steps"), blocks("README.zh-CN.md", "steps")
    assert list(map(without_comments, ours)) == list(map(without_comments, theirs))


# --- operators ------------------------------------------------------------------------------------------------------


def test_the_operators_way_onto_a_real_chain(tmp_path: Path) -> None:
    (steps,) = blocks("docs/operators.md", "anvil")
    output = run_bash(steps, tmp_path, NODE_PORT=free_port())
    in_order(
        output,
        '"result":"0x7a69"',
        "log shop.example/sealtrail/",
        "2 accepted, 0 known, 0 refused",
        '"event": "anchor_final"',
        "✓ valid    block",
        "\nverified: this record has not changed since",
    )


# --- integrators ----------------------------------------------------------------------------------------------------


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    settings = Settings(data=tmp_path / "log", seal_interval=0.05, anchor_interval=0.05, poll_interval=0.05)
    create(settings)
    service = build(settings)
    try:
        service.keys.create_tenant("daoyuan", "Daoyuan Organic Farm")
        service.start()
        yield service
    finally:
        service.stop()


def submit(service: Service, *events: str) -> list[Accepted | Refused]:
    return service.ingest.submit("daoyuan", [event.encode() for event in events]).result(timeout=60)


def test_an_actors_signature_by_the_integrators_snippet(service: Service) -> None:
    placed = {
        "event_id": "A-1001-01",
        "order_id": "A-1001",
        "type": "placed",
        "occurred_at": "2026-05-01T09:30:00+08:00",
        "actor": {"role": "brand"},
    }
    (first,) = submit(service, json.dumps(placed))
    assert isinstance(first, Accepted)
    (snippet,) = blocks("docs/integrators.md", "signature")
    signed = subprocess.run(
        [sys.executable, "-c", snippet, service.log.hex(), first.stream.hex()],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout

    (outcome,) = submit(service, signed)
    assert isinstance(outcome, Accepted), outcome
    other = json.loads(signed) | {"event_id": "other", "occurred_at": "2026-05-03T08:00:01+08:00"}
    (refused,) = submit(service, json.dumps(other))
    assert isinstance(refused, Refused)
    assert refused.problem.code == "actor_signature"

    assert service.settle(60)
    raw = service.prove.proof("daoyuan", "A-1001", Audience.CONSUMER)
    assert isinstance(raw, bytes)
    proof = parse_proof(raw)
    headers = [read_header(anchor.evidence.header) for anchor in proof.anchors]
    trusted = [BlockId(header.number, header.hash) for header in headers]
    verdict = verify(raw, service.policy().trusting(trusted))
    found = {check.name: check.result for check in verdict.checks}
    assert found["signatures"] is Result.VALID
    assert verdict.state is State.TEST_DATA
    assert [step.signed_by for step in verdict.steps] == [None, json.loads(signed)["signature"]["key"]]


def test_the_event_that_the_integrators_read_first_is_one() -> None:
    said = (ROOT / "docs/integrators.md").read_text()
    (example,) = re.findall(r"## An event\n\n```json\n(.*?)```", said, re.DOTALL)
    draft = parse_event(example.encode())
    assert draft.fields["type"] == "signed"
