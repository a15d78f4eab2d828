"""Random damage through both verifiers: whatever it is, they say the same of it."""

from __future__ import annotations

import json
import os
import random
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from anchor_service.protocol.canonical import print_json
from anchor_service.verifier.command import main
from tests.conformance.corpus import VECTORS, Said, drive, seen
from tests.protocol.test_documents import changed, places

COUNT = int(os.environ.get("SEALTRAIL_DIFFERENTIAL", "150"))
SOURCES = [
    "first",
    "pending",
    "actor_signed",
    "attachments",
    "free_data",
    "odd_names",
    "twelve_events",
    "nodes_disagree",
]
ODD: list[Any] = [
    *[None, True, False, 0, 1, -1, 2, 0.5, 2**53 - 1, -(2**53 - 1), 1e-7, 123456.789, 5e-324, "", "0", "x", "é", "𝒜"],
    *[[], {}, [[]], {"": None}, {"__proto__": 1}, "\u2028", "\x00", "ab" * 32, "AB" * 32, "0x", "null", [None] * 3],
    *["2026-05-03T14:05:00Z", "2026-02-29T00:00:00Z", "0001-01-01T00:00:00+23:59", "a" * 300, "—", "\ud7ff\ue000"],
]  # fmt: skip


def damaged(document: Any, chance: random.Random) -> Any:
    """Change one to three values: to odd ones, to others of the same document, to near ones."""
    copy = deepcopy(document)
    for _ in range(chance.randrange(1, 4)):
        path = chance.choice([path for path in places(copy) if path])
        here: Any = copy
        for step in path:
            here = here[step]
        new: Any = chance.choice(ODD)
        kind = chance.randrange(4)
        if kind == 0:
            new = copy
            for step in chance.choice(places(copy)):
                new = new[step]
            new = deepcopy(new)
        elif kind == 1 and isinstance(here, str) and here:
            place = chance.randrange(len(here))
            new = here[:place] + chance.choice(["", "0", "f", '"', "\\", " ", "é", here[place] * 2]) + here[place + 1 :]
        elif kind == 2 and isinstance(here, int):
            new = here + chance.choice([-1, 1, 2**32, 2**31])
        copy = changed(copy, path, new)
    return copy


def damaged_bytes(raw: bytes, chance: random.Random) -> bytes:
    """Change, drop, repeat or add bytes."""
    place = chance.randrange(len(raw))
    extra = chance.choice(
        [b"", b"0", b" ", b"\n", b'"', b"\\", b"[", b"}", b"\xff", b"\xef\xbb\xbf", b"e1", b".0", b"-"]
    )
    return raw[:place] + extra + raw[place + chance.randrange(3) :]


def cases(folder: Path) -> list[list[str]]:
    """Write files of odd proofs, policies and inputs, and return the arguments of each."""
    chance = random.Random(20_260_503)
    commands = []
    for number in range(COUNT):
        source = VECTORS / chance.choice(SOURCES)
        names = [name for name in ("proof.json", "policy.json", "inputs.json") if (source / name).exists()]
        files = {name: (source / name).read_bytes() for name in names}
        target = chance.choice(["proof.json"] * 3 + ["policy.json"])
        if chance.random() < 0.25:
            files[target] = damaged_bytes(files[target], chance)
        elif target == "proof.json":
            files[target] = print_json(damaged(json.loads(files[target]), chance))
        else:
            document = damaged(json.loads(files[target]), chance)
            files[target] = json.dumps(document, ensure_ascii=chance.random() < 0.5, indent=1).encode()
        arguments = []
        for name, content in files.items():
            file = folder / f"{number}-{name}"
            file.write_bytes(content)
            arguments += [*([f"--{name.removesuffix('.json')}"] if name != "proof.json" else []), str(file)]
        commands.append([*arguments, "--json"])
    return commands


def told(said: Said) -> Any:
    """What a run of a command told: a verdict, or that there is none."""
    if said.out == "":
        return said.code
    verdict = said.verdict
    return seen(said), verdict["order"], verdict["as_of"]


def test_both_say_the_same_of_anything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    commands = cases(tmp_path)
    codes = set()
    for command, theirs in zip(commands, drive(commands), strict=True):
        code = main(command)
        captured = capsys.readouterr()
        ours = Said(code, captured.out, captured.err)
        assert told(ours) == told(theirs), command
        codes.add(code)
    assert codes >= {1, 2}
