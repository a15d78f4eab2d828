"""The corpus is what its script makes, large enough, and named as its README says."""

from __future__ import annotations

import json

from scripts.vectors.corpus import main
from tests.conformance.corpus import CASES, VECTORS, expected


def test_the_corpus_is_what_the_script_makes() -> None:
    assert main(VECTORS, ["--check"]) == 0


def test_damaged_cases_are_named_by_their_damage() -> None:
    damaged = [case for case in CASES if expected(case)["state"] in {"altered", "malformed"}]
    assert damaged == [case for case in CASES if case.endswith("_fail")]
    assert len(damaged) >= 60
    for case in CASES:
        assert (VECTORS / case / "README.md").read_text("utf-8").strip().endswith(".")


def test_every_state_and_exit_code_is_there() -> None:
    states = {expected(case)["state"]: expected(case)["exit"] for case in CASES}
    assert states == {
        "verified": 0,
        "verified_pending": 0,
        "withdrawn": 0,
        "test_data": 0,
        "altered": 1,
        "malformed": 2,
        "could_not_check": 3,
        "unknown_code": 4,
    }


def test_nothing_secret_is_in_a_proof() -> None:
    """Event secrets never enter a proof: all salts could be derived from one."""
    from scripts.vectors.keys import secret

    for case in CASES:
        proof = (VECTORS / case / "proof.json").read_bytes()
        for number in range(1, 5):
            assert secret(f"world: event demo/A-1001 {number}").hex().encode() not in proof


def test_hidden_values_are_not_in_a_proof() -> None:
    proof = (VECTORS / "first" / "proof.json").read_bytes()
    assert b"Wang Fang" not in proof
    assert "buyer.name" in json.loads(proof)["events"][0]["hidden"]
