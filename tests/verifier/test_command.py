"""The command: what it prints, how it exits, and that no file makes it fall over."""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anchor_service.protocol.bundle import Bundle, print_bundle
from anchor_service.protocol.canonical import print_json
from anchor_service.protocol.errors import Malformed
from anchor_service.protocol.hashes import StreamId
from anchor_service.verifier.command import main
from anchor_service.verifier.inputs import parse_inputs
from anchor_service.verifier.terminal import safe
from scripts.vectors.case import pretty
from scripts.vectors.chain import anchored_log, mine, receipt
from scripts.vectors.orders import PLACED, PRIVATE, SIGNED
from scripts.vectors.undecided import node
from scripts.vectors.world import World, first_world
from tests.conformance.corpus import ROOT, VECTORS
from tests.verifier.node import from_inputs, serving

FIRST = VECTORS / "first"
UNCHANGED = "this record has not changed since 2026-05-03 06:33 UTC"
NOTHING = "this says nothing about the order, neither good nor bad"
GOOD = [str(FIRST / "proof.json"), "--policy", str(FIRST / "policy.json")]


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main([str(argument) for argument in arguments])
    said = capsys.readouterr()
    return code, said.out, said.err


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LC_ALL", "LANG", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)


def test_a_verified_order(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, *GOOD)
    lines = out.splitlines()
    assert (code, err) == (0, "")
    assert lines[0] == "Order A-1001 of Demo Shop"
    assert [line.split()[0] for line in lines[4:] if line[:3].strip().isdigit()][:14] == [str(n) for n in range(1, 15)]
    assert any("signed: reported by SF Express, carrier" in line for line in lines)
    assert any("hidden: recipient.name" in line for line in lines)
    assert "Wang Fang" not in out
    assert "a label can be copied" in out
    assert lines[-1] == "verified: this record has not changed since 2026-05-03 06:33 UTC"
    assert "\x1b" not in out


@pytest.mark.parametrize(
    ("case", "code", "last"),
    [
        ("test_data", 0, "verified on a development chain: test data"),
        ("pending", 0, f"verified: {UNCHANGED}; newest events not yet anchored"),
        ("withdrawn_recalled", 0, f"withdrawn: {UNCHANGED}, and the order is recalled"),
        ("value_changed_fail", 1, "altered (commitment): what was given does not agree with what was recorded"),
        ("empty_fail", 2, "malformed: this is no proof, and nothing can be said of what it claims"),
        ("tenant_unknown", 3, f"could not check (tenant_unknown): {NOTHING}"),
        ("too_old", 3, f"could not check (too_old): {NOTHING}"),
        ("nodes_disagree", 3, f"could not check (nodes_disagree): {NOTHING}"),
    ],
)
def test_the_last_line_is_the_state(case: str, code: int, last: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = VECTORS / case
    more = [word for word in (folder / "inputs.json",) if word.exists()]
    inputs = ["--inputs", *more] if more else []
    found, out, _ = run(capsys, folder / "proof.json", "--policy", folder / "policy.json", *inputs)
    assert (found, out.splitlines()[-1]) == (code, last)


def test_what_does_not_hold_is_not_told_as_the_story(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, VECTORS / "value_changed_fail" / "proof.json", "--policy", FIRST / "policy.json")
    assert "Story" not in out
    assert "What was given, and does not hold or was not checked" in out


@pytest.mark.parametrize("how", ["option", "LANG", "LC_ALL"])
def test_chinese(how: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    if how != "option":
        monkeypatch.setenv(how, "zh_CN.UTF-8")
    _, out, _ = run(capsys, *GOOD, *(["--lang", "zh"] if how == "option" else []))
    assert out.splitlines()[-1] == "已验证：此记录自 2026-05-03 06:33 UTC 起未被改动"


def test_colour_on_a_terminal_alone(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert "\x1b[32m" in run(capsys, *GOOD)[1]
    monkeypatch.setenv("NO_COLOR", "")
    assert "\x1b" not in run(capsys, *GOOD)[1]


def test_json_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, *GOOD, "--json")
    verdict = json.loads(out)
    assert (code, err, verdict["state"]) == (0, "", "verified")
    assert verdict.keys() == {"as_of", "checks", "not_proven", "order", "state"}
    assert verdict["order"]["events"][2]["hidden"] == ["recipient.name"]


# --- blocks ---------------------------------------------------------------------------------------------------------


def untrusting(tmp_path: Path, **changes: Any) -> Path:
    policy = json.loads((FIRST / "policy.json").read_bytes())
    file = tmp_path / "untrusting.json"
    file.write_bytes(pretty(policy | {"blocks": []} | changes))
    return file


def test_the_hint_is_what_settles_it(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    policy = untrusting(tmp_path)
    code, out, _ = run(capsys, FIRST / "proof.json", "--policy", policy)
    assert code == 3
    options = hinted(out)
    assert len(options) == 4
    assert run(capsys, FIRST / "proof.json", "--policy", policy, *options)[0] == 0
    shouted = [option.upper().replace("0X", "0x") if ":" in option else option for option in options]
    assert run(capsys, FIRST / "proof.json", "--policy", policy, *shouted)[0] == 0
    assert run(capsys, FIRST / "proof.json", "--policy", policy, *options[:2])[0] == 3
    wrong = [option[:-1] + ("0" if option[-1] != "0" else "1") if ":" in option else option for option in options]
    assert run(capsys, FIRST / "proof.json", "--policy", policy, *wrong)[0] == 1


def hinted(out: str) -> list[str]:
    return [word for line in out.splitlines() if line.startswith("  --block ") for word in line.split()]


def test_the_hint_names_the_newest_anchor_as_well(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """An order whose log went on, and a code that was never there: no event is in the newest anchor."""
    world = World("went on")
    for order, block in (("A-1001", 1_000), ("A-1002", 1_010)):
        world.tell(order, PLACED)
        world.seal(not_before=None)
        world.anchor(block)
    nobodys = hashlib.sha256(b"nobody").hexdigest()
    for name, document in (
        ("proof", world.proof("A-1001")),
        ("absence", world.absence(StreamId(bytes.fromhex(nobodys)))),
        ("policy", world.policy(blocks=[])),
    ):
        (tmp_path / name).write_bytes(print_json(document))
    for name, blocks, code in (("proof", 2, 0), ("absence", 1, 4)):
        given = [tmp_path / name, "--policy", tmp_path / "policy", *(["--stream", nobodys] if code else [])]
        refused, out, _ = run(capsys, *given)
        assert (refused, len(hinted(out))) == (3, 2 * blocks)
        assert run(capsys, *given, *hinted(out))[0] == code
        if blocks > 1:
            assert run(capsys, *given, *hinted(out)[:2])[0] == 3


def test_an_unknown_code_on_a_test_chain_is_said_to_be_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    case = VECTORS / "absent_test_data"
    stream = json.loads((case / "inputs.json").read_bytes())["stream"]
    for language, said in (("en", "this code was never in the log"), ("zh", "此编码从未出现在该日志中")):
        given = (case / "proof.json", "--policy", case / "policy.json", "--stream", stream, "--lang", language)
        code, out, _ = run(capsys, *given)
        assert code == 0
        assert "exactly these" not in out  # nothing is said of events
        assert said in out.splitlines()[-1]


@pytest.mark.parametrize("wrong", [("--stream", "00"), ("--lang", "fr"), ("--no-such-option",), ("--block", "x")])
def test_wrong_arguments_are_one_line(capsys: pytest.CaptureFixture[str], wrong: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*GOOD, *wrong])
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert len(said.splitlines()) == 1
    assert said.count(wrong[0]) == 1


def test_nodes_are_asked_when_told_to(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    asked = []

    def answer(method: str, params: list[Any]) -> Any:
        asked.append(method)
        return from_inputs(node(first_world()))(method, params)

    with serving(answer) as url:
        policy = untrusting(tmp_path, rpc=[{"url": url, "operator": False}])
        assert run(capsys, FIRST / "proof.json", "--policy", policy)[0] == 3
        assert asked == []  # offline by default, whatever the policy names
        assert run(capsys, FIRST / "proof.json", "--policy", policy, "--online")[0] == 0
        assert run(capsys, FIRST / "proof.json", "--policy", untrusting(tmp_path), "--rpc", url)[0] == 0
        operators = untrusting(tmp_path, rpc=[{"url": url, "operator": True}])
        assert run(capsys, FIRST / "proof.json", "--policy", operators, "--online")[0] == 3
        # Naming the operator's own node does not make it another's.
        code, out, _ = run(capsys, FIRST / "proof.json", "--policy", operators, "--rpc", url)
        assert (code, "operator_node" in out) == (3, True)
        calls = len(asked)
        run(capsys, FIRST / "proof.json", "--policy", operators, "--online", "--rpc", url, "--rpc", url)
        assert len(asked) == calls + 6  # once, not thrice
        assert run(capsys, VECTORS / "empty_fail" / "proof.json", "--policy", policy, "--online")[0] == 2


def test_a_dead_network_never_reads_as_forgery(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, _ = run(capsys, FIRST / "proof.json", "--policy", untrusting(tmp_path), "--rpc", "http://127.0.0.1:1")
    assert (code, "nodes_silent" in out) == (3, True)


def test_the_clock_counts_where_the_policy_limits_age(tmp_path: Path) -> None:
    world = first_world()
    policy = tmp_path / "policy.json"
    policy.write_bytes(pretty(world.policy(max_age=60)))
    given = [str(FIRST / "proof.json"), "--policy", str(policy)]
    mined = world.anchors[-1].block.timestamp
    assert main(given, clock=lambda: mined + 60.0) == 0
    assert main(given, clock=lambda: mined + 60.5) == 3


def test_a_label_names_its_stream(capsys: pytest.CaptureFixture[str]) -> None:
    world = first_world()
    stream = world.stream("A-1001").hex()
    assert run(capsys, *GOOD, "--stream", stream)[0] == 0
    assert run(capsys, *GOOD, "--stream", f"#{stream}")[0] == 0
    assert run(capsys, *GOOD, "--stream", world.stream("other-0").hex())[0] == 1


# --- bundles --------------------------------------------------------------------------------------------------------

FILE = b"\x89PNG a drawn signature"


def bundled(tmp_path: Path, files: dict[str, bytes] | None = None) -> tuple[Path, Path]:
    digest = hashlib.sha256(FILE).hexdigest()
    world = World("bundled")
    world.tell("A-1001", PLACED)
    world.tell("A-1001", SIGNED | {"attachments": [{"sha256": digest}]})
    world.seal()
    world.anchor(1_000)
    policy, bundle = tmp_path / "policy.json", tmp_path / "bundle.zip"
    policy.write_bytes(pretty(world.policy()))
    attached = {digest: FILE} if files is None else files
    proof = print_json(world.proof("A-1001", hide=PRIVATE))
    bundle.write_bytes(print_bundle(Bundle(b"read me", policy.read_bytes(), proof, attached)))
    return bundle, policy


def test_a_bundle_is_known_by_its_content(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    bundle, policy = bundled(tmp_path)
    code, out, err = run(capsys, bundle, "--policy", policy, "--json")
    found = {check["check"]: check["result"] for check in json.loads(out)["checks"]}
    assert (code, err, found["attachments"]) == (0, "", "VALID")


def test_the_policy_in_a_bundle_is_a_claim(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    bundle, _ = bundled(tmp_path)
    code, out, err = run(capsys, bundle)
    assert (code, out) == (2, "")
    assert "--policy" in err
    code, _, err = run(capsys, bundle, "--trust-bundle-policy")
    assert (code, len(err.splitlines())) == (0, 1)
    assert "operator's own claim" in err
    # A policy of one's own always goes first.
    assert run(capsys, bundle, "--trust-bundle-policy", "--policy", FIRST / "policy.json")[0] == 1
    assert run(capsys, FIRST / "proof.json", "--trust-bundle-policy")[0] == 2


def test_an_altered_file_in_a_bundle(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    bundle, policy = bundled(tmp_path, {hashlib.sha256(FILE).hexdigest(): b"another"})
    code, out, _ = run(capsys, bundle, "--policy", policy)
    assert (code, out.splitlines()[-1][:20]) == (1, "altered (attachment)")
    bundle, policy = bundled(tmp_path, {})
    assert run(capsys, bundle, "--policy", policy)[0] == 0
    bundle, policy = bundled(tmp_path, {"ab" * 32: b"x"})
    assert "attachment_unnamed" in run(capsys, bundle, "--policy", policy)[1]


def test_a_damaged_bundle_is_malformed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    bundle, policy = bundled(tmp_path)
    raw = bundle.read_bytes()
    chance = random.Random(3)
    for place in chance.sample(range(4, len(raw)), 150):
        bundle.write_bytes(raw[:place] + bytes([raw[place] ^ chance.randrange(1, 256)]) + raw[place + 1 :])
        code, out, err = run(capsys, bundle, "--policy", policy)
        assert (code, out, len(err.splitlines())) == (2, "", 1)


# --- what is not a proof, a policy, a file --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nowhere.json", "--policy", FIRST / "policy.json"],
        [ROOT, "--policy", FIRST / "policy.json"],
        ["a\0b", "--policy", FIRST / "policy.json"],
        [FIRST / "proof.json"],
        [FIRST / "proof.json", "--policy", "nowhere.json"],
        [FIRST / "proof.json", "--policy", FIRST / "proof.json"],
        [FIRST / "proof.json", "--policy", FIRST / "README.md"],
        [*GOOD, "--inputs", "nowhere.json"],
        [*GOOD, "--inputs", FIRST / "policy.json"],
        [*GOOD, "--block", "1"],
        [*GOOD, "--block", "1:0x12"],
        [*GOOD, "--block", f"1:{'ab' * 32}"],
        [*GOOD, "--block", f"01:0x{'ab' * 32}"],
        [*GOOD, "--block", f"-1:0x{'ab' * 32}"],
        [*GOOD, "--rpc", "ftp://example.com"],
        [*GOOD, "--rpc", "file:///etc/passwd"],
        [*GOOD, "--stream", "12"],
        [*GOOD, "--no-such-option"],
        [*GOOD, "one more"],
    ],
    ids=str,
)
def test_what_is_wrong_is_said_in_one_line(arguments: list[object], capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code, out, err = run(capsys, *arguments)
    except SystemExit as end:  # argparse's own
        code, (out, err) = int(str(end.code)), capsys.readouterr()
    assert (code, out) == (2, "")
    assert err.splitlines()[-1].startswith("sealtrail verify: ")


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0
    out = capsys.readouterr().out
    said = (
        "Exit codes: 0 verified (or test data, saying so), 1 altered, 2 malformed, 3 could not check, 4 unknown code."
    )
    assert said in " ".join(out.split())


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(raw=st.binary(max_size=300), start=st.sampled_from([b"", b"PK\x03\x04", b'{"format":"sealtrail/proof","v":1,']))
def test_no_bytes_make_it_fall_over(
    raw: bytes, start: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = tmp_path / "odd"
    odd.write_bytes(start + raw)
    for arguments in ([odd, *GOOD[1:]], [FIRST / "proof.json", "--policy", odd], [*GOOD, "--inputs", odd]):
        code, _, err = run(capsys, *arguments)
        # "{}" and the like say nothing beside the proof, which is no fault.
        assert code == (0 if "--inputs" in arguments and is_inputs(start + raw) else 2)
        assert len(err.splitlines()) <= 1


def is_inputs(raw: bytes) -> bool:
    try:
        parse_inputs(raw)
    except Malformed:
        return False
    return True


def test_a_proof_from_standard_input(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    class Input:
        buffer = io.BytesIO((FIRST / "proof.json").read_bytes())

    monkeypatch.setattr(sys, "stdin", Input)
    assert run(capsys, "-", *GOOD[1:])[0] == 0


def test_more_than_a_proof_may_be_is_not_read(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(17 * 2**20)
    assert run(capsys, large, *GOOD[1:])[0] == 2
    with large.open("wb") as file:
        file.truncate(2**30)
    code, _, err = run(capsys, large, *GOOD[1:])
    assert (code, "more than 268435456 bytes" in err) == (2, True)
    assert run(capsys, *GOOD[:2], large)[0] == 2


# --- the terminal ---------------------------------------------------------------------------------------------------


def test_hostile_texts_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A8, A17: cursor movements, carriage returns, right-to-left marks, invisible characters."""
    nasty = "\x1b[2J\x1b]0;owned\x07\rverified\u202egnihton\u200b\u2066\ufeff\u2028\U000e0041\x9b31m"
    world = World("nasty")
    world.tell(
        "A-1",
        PLACED
        | {"actor.name": nasty, "occurred_at": nasty, "items": [{"name": nasty, nasty: nasty}], "data": {nasty: nasty}},
    )
    world.seal()
    world.anchor(1_000)
    proof, policy = tmp_path / "proof.json", tmp_path / "policy.json"
    proof.write_bytes(print_json(world.proof("A-1")))
    policy.write_bytes(pretty(world.policy(tenants={"demo": nasty})))
    code, out, _ = run(capsys, proof, "--policy", policy)
    assert code == 1
    assert all(character.isprintable() or character == "\n" for character in out)
    assert "\\u{1b}[2J" in out
    assert safe("王芳 ok") == "王芳 ok"


def test_a_terminal_without_the_characters_gets_them_escaped() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG"))}
    command = [sys.executable, "-m", "anchor_service", "verify", *GOOD, "--lang", "zh"]
    run = subprocess.run(
        command, capture_output=True, check=False, timeout=60, env=environment | {"PYTHONIOENCODING": "ascii"}
    )
    assert (run.returncode, run.stderr) == (0, b"")
    assert b"\\u5df2" in run.stdout


def test_a_reader_that_has_gone_is_no_verdict() -> None:
    command = [sys.executable, "-m", "anchor_service", "verify", *GOOD]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        err = process.stderr.read()
        assert process.wait(60) == 2
    assert b"Traceback" not in err


def test_a_block_from_beyond_the_calendar(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    world = World("late")
    world.tell("A-1", PLACED)
    world.seal()
    raw = receipt([anchored_log(world.registry, world.log, 2, world.root())])
    world.anchor(1_000, block=mine(1_000, 2**52, [raw], 0))
    proof, policy = tmp_path / "proof.json", tmp_path / "policy.json"
    proof.write_bytes(print_json(world.proof("A-1", hide=["type"])))
    policy.write_bytes(pretty(world.policy()))
    code, out, _ = run(capsys, proof, "--policy", policy)
    assert (code, f"block 1000, {2**52} s" in out, "?: reported by" in out) == (3, True, True)


@pytest.mark.parametrize(
    "inputs",
    [
        [],
        {"more": 1},
        {"attachments": []},
        {"attachments": {"x": "ab" * 32}},
        {"nodes": [{}]},
        {"nodes": [node(first_world()) | {"blocks": {"0x1": None}}]},
        {"nodes": [node(first_world()) | {"head": {"size": -1, "root": "ab" * 32}}]},
        {"now": -1},
        {"stream": "x"},
    ],
)
def test_inputs_are_read_strictly(inputs: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "inputs.json"
    file.write_bytes(pretty(inputs))
    code, out, err = run(capsys, *GOOD, "--inputs", file)
    assert (code, out, err.startswith("sealtrail verify: inputs: ")) == (2, "", True)


# --- the base install -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", ["anchor_service", "anchor_service.verifier"])
def test_verifying_imports_what_the_base_install_has(module: str) -> None:
    """Whatever is loaded by the end is the standard library, ours, or one of the three base dependencies."""
    program = (
        "import runpy, sys\n"
        f"sys.argv = ['sealtrail', *{['verify'] if module == 'anchor_service' else []}, *sys.argv[1:]]\n"
        f"try: runpy.run_module({module!r}, run_name='__main__')\n"
        "except SystemExit as end: assert end.code == 0, end.code\n"
        "ours = {'anchor_service', 'cryptography', 'rfc8785', 'sha3', '_cffi_backend', '_pysha3'}\n"
        "found = {name.split('.')[0] for name in sys.modules} - set(sys.stdlib_module_names) - ours\n"
        "print('odd:', sorted(name for name in found if not name.startswith(('_', 'sitecustomize'))))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, *GOOD], capture_output=True, text=True, check=False, timeout=60
    )
    assert run.stderr == ""
    assert run.stdout.splitlines()[-1] == "odd: []"


def test_the_whole_program_hands_verify_on(capsys: pytest.CaptureFixture[str]) -> None:
    from anchor_service.__main__ import main as whole

    assert whole(["verify", *GOOD]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("verified")


def test_the_base_install_says_what_it_lacks(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from anchor_service.__main__ import main as whole

    monkeypatch.setitem(sys.modules, "typer", None)
    assert whole(["serve"]) == 2
    assert "sealtrail[service]" in capsys.readouterr().err


def test_an_absence_proof_wants_the_code_that_it_is_about(capsys: pytest.CaptureFixture[str]) -> None:
    case = VECTORS / "absent"
    given = [str(case / "proof.json"), "--policy", str(case / "policy.json")]
    assert main(given) == 2
    assert capsys.readouterr().err == ("sealtrail verify: which code was never in the log must be said: --stream HEX\n")
    stream = json.loads((case / "inputs.json").read_bytes())["stream"]
    assert main([*given, "--stream", stream, "--lang", "en"]) == 4
    assert "unknown code: as of 2026-05-03" in capsys.readouterr().out
    there = json.loads((VECTORS / "label_other_fail" / "inputs.json").read_bytes())["stream"]
    assert main([*given, "--stream", there]) == 1


def test_a_whole_order_is_said_to_be_whole(capsys: pytest.CaptureFixture[str]) -> None:
    case = VECTORS / "first"
    assert main([str(case / "proof.json"), "--policy", str(case / "policy.json"), "--lang", "en"]) == 0
    assert "Nothing was left out: as of block 1012" in capsys.readouterr().out
    case = VECTORS / "left_out_tail_fail"
    assert main([str(case / "proof.json"), "--policy", str(case / "policy.json"), "--lang", "en"]) == 1
    out = capsys.readouterr().out
    assert "Nothing was left out: as of" not in out
    assert out.splitlines()[-1].startswith("altered (left_out)")


def test_the_date_is_the_newest_event_s_and_not_the_log_s(capsys: pytest.CaptureFixture[str]) -> None:
    """A log that goes on does not make an order's record older or newer."""
    case = VECTORS / "anchor_of_no_event"
    assert main([str(case / "proof.json"), "--policy", str(case / "policy.json"), "--lang", "en"]) == 0
    out = capsys.readouterr().out
    assert "as of block 1024, 2026-05-03 06:34 UTC" in out
    assert out.splitlines()[-1] == "verified: this record has not changed since 2026-05-03 06:33 UTC"
