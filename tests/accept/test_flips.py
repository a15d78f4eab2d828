"""2,000 single-byte changes over proofs of every kind: never exit code 0, never a traceback."""

from __future__ import annotations

import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from anchor_service.protocol.policy import parse_policy
from anchor_service.protocol.verify import verify
from anchor_service.verifier.command import main
from tests.conformance.corpus import VECTORS

CASES = ["first", "first_full", "pending", "actor_signed", "twelve_events", "free_data", "block_index_256", "odd_names"]
CHANGES = 2_000


def changed(raw: bytes, chance: random.Random) -> bytes:
    """Change one byte to another value."""
    place = chance.randrange(len(raw))
    return raw[:place] + bytes([raw[place] ^ chance.randrange(1, 256)]) + raw[place + 1 :]


def test_2000_changed_bytes_are_all_seen() -> None:
    chance = random.Random(20_260_503)
    states: Counter[str] = Counter()
    for turn in range(CHANGES):
        folder = VECTORS / CASES[turn % len(CASES)]
        policy = parse_policy((folder / "policy.json").read_bytes())
        raw = (folder / "proof.json").read_bytes()
        assert verify(raw, policy).state.exit_code == 0
        verdict = verify(changed(raw, chance), policy)
        assert verdict.state.exit_code in (1, 2)
        states[verdict.state] += 1
    assert states["altered"] > 100
    assert states["malformed"] > 100


def test_200_changed_bytes_through_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chance = random.Random(1)
    proof = tmp_path / "proof.json"
    for turn in range(200):
        folder = VECTORS / CASES[turn % len(CASES)]
        proof.write_bytes(changed((folder / "proof.json").read_bytes(), chance))
        code = main([str(proof), "--policy", str(folder / "policy.json")])
        said = capsys.readouterr()
        assert code in (1, 2)
        assert said.err == ""
        assert said.out.splitlines()[-1].startswith(("altered", "malformed"))


def test_20_changed_bytes_through_processes_of_their_own(tmp_path: Path) -> None:
    chance = random.Random(2)
    proof = tmp_path / "proof.json"
    for turn in range(20):
        folder = VECTORS / CASES[turn % len(CASES)]
        proof.write_bytes(changed((folder / "proof.json").read_bytes(), chance))
        command = [
            sys.executable,
            "-m",
            "anchor_service",
            "verify",
            str(proof),
            "--policy",
            str(folder / "policy.json"),
        ]
        run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert run.returncode in (1, 2)
        assert "Traceback" not in run.stderr + run.stdout
