"""Every vector through both command lines: each says what is wanted, and both say the same."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from anchor_service.verifier.command import main
from tests.conformance.corpus import CASES, ROOT, VECTORS, Said, arguments, drive, expected, seen

COMMANDS = {
    "python": [sys.executable, "-m", "anchor_service", "verify"],
    "node": ["node", str(ROOT / "verifier_web" / "bin" / "verify.mjs")],
}


@pytest.fixture(scope="session")
def typescript() -> dict[str, Said]:
    """What the TypeScript command says of every case."""
    return dict(zip(CASES, drive([arguments(case) for case in CASES]), strict=True))


@pytest.fixture(scope="session")
def plain_http() -> dict[str, Said]:
    """The same without the platform's own Ed25519, which a page over plain HTTP does not have."""
    return dict(zip(CASES, drive([arguments(case) for case in CASES], "plain-http"), strict=True))


@pytest.fixture
def python(capsys: pytest.CaptureFixture[str]) -> Any:
    def run(case: str) -> Said:
        code = main(arguments(case))
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return run


@pytest.mark.parametrize("case", CASES)
def test_both_verifiers_say_what_is_wanted(
    case: str, python: Any, typescript: dict[str, Said], plain_http: dict[str, Said]
) -> None:
    ours, theirs = python(case), typescript[case]
    assert seen(ours) == expected(case)
    assert seen(theirs) == expected(case)
    assert (ours.err, theirs.err) == ("", "")
    assert plain_http[case] == theirs


@pytest.mark.parametrize("case", CASES)
def test_both_verifiers_tell_the_same_story(case: str, python: Any, typescript: dict[str, Said]) -> None:
    ours, theirs = python(case).verdict, typescript[case].verdict
    for member in ("as_of", "not_proven", "order", "state"):
        assert ours[member] == theirs[member], member
    assert ours.keys() == theirs.keys()


FEW = ["first", "pending", "actor_signed", "too_old", "value_changed_fail", "pretty_printed_fail", "empty_fail"]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("case", FEW)
def test_the_commands_as_they_are_run(case: str, command: str) -> None:
    run = subprocess.run(
        [*COMMANDS[command], *arguments(case)], capture_output=True, text=True, check=False, timeout=60
    )
    assert seen(Said(run.returncode, run.stdout, run.stderr)) == expected(case)
    assert run.stderr == ""


# Policies that are none: each verifier refuses them with exit code 2 and one line.
BAD_POLICIES: dict[str, dict[str, Any]] = {
    "version_0": {"v": 0},
    "version_2": {"v": 2},
    "format_other": {"format": "sealtrail/proof"},
    "member_unknown": {"more": 1},
    "origin_of_another_log": {"origin": "log.example.com/sealtrail/" + "ab" * 32},
    "no_log_keys": {"log_keys": []},
    "log_key_of_another_name": {"log_keys": [{"key": None, "from": 1, "until": None}]},
    "log_key_until_missing": {"log_keys": [{"key": None, "from": 1}]},
    "receipt_key_is_log_key": {"receipt_keys": ["log key"]},
    "actor_not_a_key": {"actors": {"me": "Me"}},
    "actor_uppercase": {"actors": {"AB" * 32: "Me"}},
    "tenant_empty": {"tenants": {"": "Shop"}},
    "tenant_not_text": {"tenants": {"demo": 1}},
    "block_without_0x": {"blocks": [{"number": 1, "hash": "ab" * 32}]},
    "block_number_text": {"blocks": [{"number": "1", "hash": "0x" + "ab" * 32}]},
    "finality_word": {"chain": {"finality": "safe"}},
    "finality_negative": {"chain": {"finality": -1}},
    "registry_checksummed": {"chain": {"registry": "0x" + "Ab" * 20}},
    "test_number": {"chain": {"test": 1}},
    "rpc_ftp": {"rpc": [{"url": "ftp://example.com", "operator": False}]},
    "rpc_space": {"rpc": [{"url": "http://example.com/ x", "operator": False}]},
    "rpc_21": {"rpc": [{"url": "http://example.com", "operator": False}] * 21},
    "max_age_negative": {"max_age": -1},
    "max_age_fraction": {"max_age": 1.5},
}


def bad_policy(name: str) -> dict[str, Any]:
    """A good policy with one member that is not."""
    policy: dict[str, Any] = json.loads((VECTORS / "first" / "policy.json").read_bytes())
    change = BAD_POLICIES[name]
    if name == "log_key_of_another_name":
        change = {"log_keys": [{"key": policy["receipt_keys"][0], "from": 1, "until": None}]}
    elif name == "log_key_until_missing":
        change = {"log_keys": [{"key": policy["log_keys"][0]["key"], "from": 1}]}
    elif name == "receipt_key_is_log_key":
        change = {"receipt_keys": [policy["log_keys"][0]["key"]]}
    elif "chain" in change:
        change = {"chain": policy["chain"] | change["chain"]}
    return policy | change


def _with_policy(tmp_path: Path, text: str) -> list[str]:
    file = tmp_path / "policy.json"
    file.write_text(text, "utf-8")
    return [str(VECTORS / "first" / "proof.json"), "--policy", str(file), "--json"]


def _both(given: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[Said, Said]:
    code = main(given)
    ours = capsys.readouterr()
    (theirs,) = drive([given])
    return Said(code, ours.out, ours.err), theirs


@pytest.mark.parametrize("name", BAD_POLICIES)
def test_bad_policies_are_refused(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for said in _both(_with_policy(tmp_path, json.dumps(bad_policy(name))), capsys):
        assert (said.code, said.out, len(said.err.strip().splitlines())) == (2, "", 1)


def test_a_policy_is_read_by_value_not_by_layout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (VECTORS / "first" / "policy.json").read_text("utf-8")
    text = text.replace('"v": 1', '"v": 1.0').replace('"from": 1', '"from": 1e0').replace("\n", "\r\n\t")
    for said in _both(_with_policy(tmp_path, text), capsys):
        assert seen(said) == expected("first")
