"""`sealtrail audit` against a server: honest, rewritten, shrunk, forked, or not to be had."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from anchor_service.protocol.fork import verify_fork
from anchor_service.protocol.hashes import ZERO, Hash
from anchor_service.protocol.policy import parse_policy
from anchor_service.protocol.tiles import print_entries
from anchor_service.verifier.audit import main
from anchor_service.verifier.audit_words import CHINESE, ENGLISH
from anchor_service.verifier.command import main as verify
from anchor_service.verifier.memory import MOST_NOTES, thinned
from scripts.vectors.keys import named_key
from scripts.vectors.orders import PLACED, SHIPPED
from scripts.vectors.world import World
from tests.verifier.logserver import KEY, LogServer, serving
from tests.verifier.node import from_inputs
from tests.verifier.node import serving as node_serving

BRACES = re.compile(r"\{\w+\}")


def story(*steps: str, anchored: bool = True) -> World:
    """A log with the same keys whatever is told: an event of each order, a seal after each, one anchor at the end."""
    world = World("audited")
    for step in steps:
        world.tell(step, PLACED)
        world.seal()
    if anchored:
        world.anchor(1_000)
    return world


class Auditor:
    """Runs the command with a state directory and a policy that trusts the blocks of the log shown."""

    def __init__(self, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.place = place
        self.capsys = capsys
        self.state = place / "state"

    def run(self, log: LogServer, *more: str, key: str = KEY, **policy: Any) -> tuple[int, str, str]:
        file = self.place / "policy.json"
        file.write_text(json.dumps(log.world.policy(**policy)))
        options = ["--policy", str(file), "--state", str(self.state), *(["--key", key] if key else [])]
        code = main([log.url, *options, *more])
        out, err = self.capsys.readouterr()
        assert "Traceback" not in out + err
        return code, out, err

    def evidence(self, log: LogServer) -> list[str]:
        """What the fork evidence in the state directory proves, also by `sealtrail verify`."""
        policy = parse_policy(json.dumps(log.world.policy()).encode())
        said = []
        for file in sorted(self.state.glob("fork-*.json")):
            said.append(verify_fork(file.read_bytes(), policy))
            assert verify([str(file), "--policy", str(self.place / "policy.json")]) == 0
            assert self.capsys.readouterr().out == f"proven: the operator forked: {said[-1]}\n"
        return said


@pytest.fixture
def auditor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Auditor:
    return Auditor(tmp_path, capsys)


def test_an_honest_log_as_it_grows(auditor: Auditor) -> None:
    names = [f"N-{number % 90}" for number in range(200)]
    world = story(*names[:140])
    with serving(world) as log:
        code, out, err = auditor.run(log)
        assert (code, err) == (0, "")
        assert "280 replayed, 280 in all, 90 streams" in out
        assert out.splitlines()[-1] == "consistent: nothing is wrong with the 280 entries of this log"
        for name in names[140:]:
            world.tell(name, PLACED)
            world.seal()
        world.anchor(1_100)
        log.show(world)
        log.asked.clear()
        code, out, _ = auditor.run(log, "--json")
        document = json.loads(out)
        assert (code, document["state"], document["as_of"]["number"]) == (0, "consistent", 1_100)
        assert document["checked"][2]["detail"] == "120 replayed, 400 in all, 90 streams"
        assert "tile/entries/000" not in log.asked
        code, out, _ = auditor.run(log)
        assert (code, "0 replayed, 400 in all" in out) == (0, True)
        code, out, _ = auditor.run(log, "--lang", "zh")
        assert (code, "重放 0 个，共 400 个" in out) == (0, True)
        assert out.splitlines()[-1] == "一致：此日志的 400 个条目没有问题"
    assert len(list(auditor.state.glob("streams-*.bin"))) == 1


def test_without_a_directory_nothing_is_remembered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEALTRAIL_AUDIT_KEY", KEY)
    world = story("A")
    (tmp_path / "policy.json").write_text(json.dumps(world.policy()))
    with serving(world) as log:
        assert main([f"{log.url}/", "--policy", "policy.json"]) == 0
        world.seal(map=ZERO)
        log.show(world)
        assert main([log.url, "--policy", "policy.json"]) == 1
    assert "map at index 2" in capsys.readouterr().out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["policy.json", "sealtrail-findings-3.json"]


@pytest.mark.parametrize("later", [["A", "X"], ["A", "X", "C", "D"], ["X", "B", "C"]])
def test_a_log_that_was_rewritten_between_two_runs(auditor: Auditor, later: list[str]) -> None:
    with serving(story("A", "B")) as log:
        assert auditor.run(log)[0] == 0
        log.show(story(*later))
        code, out, _ = auditor.run(log)
        assert (code, out.splitlines()[-1].split(":")[0]) == (1, "contradicted")
        (said,) = auditor.evidence(log)
        assert said.startswith("the log key signed")
        # A, B, A: the first story again does not undo the second.
        log.show(story("A", "B"))
        code, out, _ = auditor.run(log)
        assert (code, "(found earlier)" in out) == (1, True)


def test_a_log_that_shrank(auditor: Auditor) -> None:
    world = story("A", "B", "C")
    with serving(world) as log:
        assert auditor.run(log)[0] == 0
        log.show(world, 4)
        code, out, _ = auditor.run(log)
        assert (code, "shrunk at index 3" in out) == (1, True)
        assert auditor.evidence(log) == []  # an old checkpoint is no fork
        found = json.loads((auditor.state / "findings-4.json").read_bytes())
        assert (found["findings"][0]["code"], len(found["seen"])) == ("shrunk", 1)
        log.show(world)
        assert auditor.run(log)[0] == 0


def test_a_log_that_shrank_and_differs_while_its_larger_tiles_are_served(auditor: Auditor) -> None:
    world = story("A", "B", "C")
    with serving(world) as log:
        assert auditor.run(log)[0] == 0
        log.answers["checkpoint"] = 200, story("A", "X").checkpoint().encode()
        log.answers["tile/0/000.p/4"] = 200, b"".join(story("A", "X").leaves)
        assert auditor.run(log)[0] == 1
        assert len(auditor.evidence(log)) == 1


def test_two_entries_for_one_place_in_a_stream(auditor: Auditor) -> None:
    world = story("A", "B", "A", anchored=False)
    world.tell("A", SHIPPED, seq=2, prev=world.leaves[0])
    world.seal()
    world.anchor(1_000)
    with serving(world) as log:
        code, out, _ = auditor.run(log)
        assert (code, "sequence at index 6" in out) == (1, True)
        assert auditor.evidence(log) == [f"the log holds two different entries 2 of stream {world.stream('A')}"]
        assert auditor.run(log)[0] == 1


def test_a_map_that_is_changed_back(auditor: Auditor) -> None:
    """A4: map histories A, B, A, within one log that only grows."""
    world = story("A", "B", anchored=False)
    first = json.loads(world.entries[1])
    with serving(world) as log:
        auditor.run(log)
        world.seal(map=Hash(bytes.fromhex(first["map"])), streams=1)
        log.show(world)
        code, out, _ = auditor.run(log)
        assert (code, "map at index 4" in out, "streams at index 4" in out) == (1, True, True)
        world.seal()
        log.show(world)
        assert auditor.run(log)[0] == 1


def test_a_batch_whose_checkpoint_is_another_logs_story(auditor: Auditor) -> None:
    world, other = story("A", "B"), story("A", "X")
    with serving(world) as log:
        items = [{"size": 4, "checkpoint": world.checkpoint()}, {"size": 2, "checkpoint": other.checkpoint(2, ZERO)}]
        log.answers["v1/batches"] = 200, json.dumps({"items": items, "next": None}).encode()
        assert auditor.run(log)[0] == 1
        (said,) = auditor.evidence(log)
        assert "which does not extend the size 2" in said


def test_a_checkpoint_that_ends_with_no_seal(auditor: Auditor) -> None:
    world = story("A", "B")
    with serving(world) as log:
        items = [{"size": 3, "checkpoint": world.checkpoint(3)}]
        log.answers["v1/batches"] = 200, json.dumps({"items": items, "next": None}).encode()
        code, out, _ = auditor.run(log)
        assert (code, "unsealed at index 2" in out) == (1, True)
        log.show(world, 3)
        code, out, _ = auditor.run(log)
        assert (code, "unsealed at index 2" in out) == (1, True)


def test_an_anchor_of_another_story(auditor: Auditor) -> None:
    world, other = story("A", "B"), story("A", "X")
    with serving(world) as log:
        log.answers["v1/anchors/4/evidence"] = 200, json.dumps(other.anchor_document(other.anchors[0])).encode()
        assert auditor.run(log)[0] == 1
        assert len(auditor.evidence(log)) == 1


def test_a_registry_that_holds_another_root(auditor: Auditor) -> None:
    world, other = story("A", "B"), story("A", "X")
    block = world.anchors[0].block
    head = {"size": 4, "root": other.root().hex()}
    node: dict[str, Any] = {"chain_id": world.chain_id, "final": 2_000, "head": head}
    node["blocks"] = {str(block.number): f"0x{block.hash.hex()}"}
    with serving(world) as log, node_serving(from_inputs(node)) as url:
        code, out, _ = auditor.run(log, "--rpc", url, blocks=[])
        assert (code, "anchor_root at index 3" in out) == (1, True)
        head["root"] = world.root().hex()
        assert auditor.run(log, "--rpc", url, blocks=[])[0] == 0


# --- what could not be checked says nothing of the log ----------------------------------------------------------------


def cut(world: World) -> tuple[int, bytes]:
    return 200, print_entries(world.entries)[:-1]


def swapped(world: World) -> tuple[int, bytes]:
    return 200, print_entries([*world.entries[:2], *story("A", "X").entries[2:]])


UNSERVED: dict[str, tuple[str, Any, str]] = {
    "no checkpoint": ("checkpoint", (404, b""), "not_served"),
    "a server's fault": ("checkpoint", (500, b""), "not_served"),
    "a redirect": ("checkpoint", (302, b"http://127.0.0.1:1/"), "not_served"),
    "no note": ("checkpoint", (200, b"x"), "checkpoint"),
    "no text": ("checkpoint", (200, b"\xff"), "answer"),
    "a note too long": ("checkpoint", (200, b"x" * 5_000), "answer"),
    "another key's note": (
        "checkpoint",
        lambda world: (200, world.checkpoint(key=named_key(world.origin, "a stranger")).encode()),
        "checkpoint",
    ),
    "tiles of another log": ("tile/0/000.p/4", (200, bytes(128)), "tiles"),
    "a short tile": ("tile/0/000.p/4", (200, bytes(96)), "answer"),
    "a cut bundle": ("tile/entries/000.p/4", cut, "answer"),
    "entries that were not signed": ("tile/entries/000.p/4", swapped, "entries"),
    "batches that are none": ("v1/batches", (200, b"[]"), "answer"),
    "batches that are no JSON": ("v1/batches", (200, b"{"), "answer"),
    "a batch of no size": ("v1/batches", (200, b'{"items":[{}],"next":null}'), "answer"),
    "a batch of no note": (
        "v1/batches",
        (200, b'{"items":[{"size":2,"checkpoint":"x"}],"next":null}'),
        "batch_checkpoint",
    ),
    "no anchors": ("v1/anchors", (200, b'{"items":[],"next":null}'), "no_anchor"),
    "no evidence": ("v1/anchors/4/evidence", (404, b""), "not_served"),
    "evidence that is none": ("v1/anchors/4/evidence", (200, b"{}"), "anchor_evidence"),
}


@pytest.mark.parametrize("name", UNSERVED)
def test_what_is_not_served_says_nothing(auditor: Auditor, name: str) -> None:
    path, answer, code = UNSERVED[name]
    world = story("A", "B")
    with serving(world) as log:
        log.answers[path] = answer(world) if callable(answer) else answer
        exit_code, out, _ = auditor.run(log)
        assert (exit_code, out.splitlines()[-1].split(":")[0]) == (3, f"could not check ({code})")
        assert not list(auditor.state.glob("f*.json"))


@pytest.mark.parametrize("key", ["", "another"])
def test_a_key_that_does_not_open(auditor: Auditor, key: str) -> None:
    with serving(story("A")) as log:
        code, out, _ = auditor.run(log, key=key)
        assert (code, "could not check (refused)" in out) == (3, True)


def test_a_block_that_nobody_trusts_and_then_somebody_does(auditor: Auditor) -> None:
    with serving(story("A")) as log:
        code, out, _ = auditor.run(log, blocks=[])
        assert (code, "could not check (block_untrusted)" in out) == (3, True)
        block = log.world.anchors[0].block
        assert auditor.run(log, "--block", f"{block.number}:0x{block.hash.hex()}", blocks=[])[0] == 0


def test_nobody_there(auditor: Auditor) -> None:
    with serving(story("A")) as log:
        pass
    code, out, _ = auditor.run(log)
    assert (code, "could not check (unreachable)" in out) == (3, True)


def test_a_list_that_leads_in_a_circle_ends(auditor: Auditor) -> None:
    with serving(story("A")) as log:
        log.answers["v1/batches"] = 200, b'{"items":[],"next":"1"}'
        assert auditor.run(log)[0] == 0


# --- malformed input --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["ftp://example.com", "example.com", "file:///etc/passwd"])
def test_an_address_that_is_none(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main([url, "--policy", "policy.json"])
    assert (end.value.code, "expected http" in capsys.readouterr().err) == (2, True)


def test_a_policy_that_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for policy in (tmp_path / "nowhere", Path(__file__)):
        assert main(["http://127.0.0.1:1", "--policy", str(policy)]) == 2
        out, err = capsys.readouterr()
        assert (out, len(err.splitlines()), err.startswith("sealtrail audit: policy: ")) == ("", 1, True)


def test_a_memory_that_was_damaged(auditor: Auditor) -> None:
    with serving(story("A", "B")) as log:
        assert auditor.run(log)[0] == 0
        for name in ("state.json", "streams-4.bin"):
            file = auditor.state / name
            raw = file.read_bytes()
            for damaged in (raw[:-1], raw + b"x", raw.replace(raw[60:61], b"\xff"), b""):
                file.write_bytes(damaged)
                code, out, err = auditor.run(log)
                assert (code, out, "is damaged" in err) == (2, "", True)
            file.write_bytes(raw)
        assert auditor.run(log)[0] == 0
        log.show(World("another"))
        log.world.seal()
        assert auditor.run(log)[0] == 2


def test_notes_are_thinned_and_the_first_and_newest_stay() -> None:
    notes: tuple[str, ...] = ()
    for number in range(1_000):
        notes = thinned((*notes, str(number)))
        assert len(notes) <= MOST_NOTES
        assert list(notes) == sorted(notes, key=int)
    assert notes[0] == "0"
    assert notes[-50:] == tuple(map(str, range(950, 1_000)))


def test_the_whole_program_hands_audit_on(auditor: Auditor) -> None:
    from anchor_service.__main__ import main as whole

    with serving(story("A")) as log:
        auditor.run(log)
        assert whole(["audit", log.url, "--policy", str(auditor.place / "policy.json"), "--key", KEY]) == 0


def test_both_languages_say_the_same_things() -> None:
    for english, chinese in ((ENGLISH.checks, CHINESE.checks), (ENGLISH.checked, CHINESE.checked)):
        assert english.keys() == chinese.keys()
    for key, text in ENGLISH.checked.items():
        assert sorted(BRACES.findall(text)) == sorted(BRACES.findall(CHINESE.checked[key]))
