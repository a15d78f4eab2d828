"""The published vectors: RFC 9162 (transparency-dev/merkle) and RFC 8785 (cyberphone/json-canonicalization)."""

from __future__ import annotations

import base64
import json
import struct
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import rfc8785

from anchor_service.protocol.canonical import SAFE_INTEGER, parse_canonical, parse_json, print_json
from anchor_service.protocol.errors import Altered, Malformed
from anchor_service.protocol.hashes import Hash, Leaf
from anchor_service.protocol.merkle import verify_consistency, verify_inclusion


def _hash(text: str | None) -> Hash:
    """A hash as the vectors print it; some are words ("WrongRoot"), which stand for hashes as different as they are."""
    data = base64.b64decode(text or "")
    if not data:
        raise Altered("hash", "nothing is no hash")
    return Hash(data if len(data) == 32 else sha256(b"a word: " + data).digest())


def _inclusion(vector: dict[str, Any]) -> None:
    leaf = Leaf(_hash(vector["leafHash"]))
    path = [_hash(step) for step in vector["proof"] or []]
    verify_inclusion(leaf, vector["leafIdx"], vector["treeSize"], path, _hash(vector["root"]))


def _consistency(vector: dict[str, Any]) -> None:
    proof = [_hash(step) for step in vector["proof"] or []]
    verify_consistency(vector["size1"], vector["size2"], proof, _hash(vector["root1"]), _hash(vector["root2"]))


@pytest.mark.parametrize(("kind", "check"), [("inclusion", _inclusion), ("consistency", _consistency)])
def test_rfc9162(shared_data: Path, kind: str, check: Any) -> None:
    files = sorted((shared_data / "vectors" / "rfc9162" / kind).rglob("*.json"))
    assert len(files) >= 80
    found = {True: 0, False: 0}
    for file in files:
        vector = json.loads(file.read_bytes())
        holds = True
        try:
            check(vector)
        except Altered:
            holds = False
        # Their reader takes a proof from the empty tree, which proves nothing; SPEC 7.3 begins at 1.
        wanted = not vector["wantErr"] and vector.get("size1") != 0
        assert holds == wanted, f"{file}: {vector['desc']}"
        found[holds] += 1
    assert min(found.values()) >= 4


def test_jcs_documents(shared_data: Path) -> None:
    folder = shared_data / "vectors" / "jcs"
    files = sorted((folder / "input").glob("*.json"))
    assert len(files) == 6
    for file in files:
        wanted = bytes.fromhex((folder / "outhex" / f"{file.stem}.txt").read_text("ascii"))
        if file.stem == "values":  # it has 1E30, a number that SPEC 2.3 does not let in
            with pytest.raises(Malformed) as problem:
                parse_json(file.read_bytes())
            assert problem.value.code == "json_number"
            assert rfc8785.dumps(json.loads(file.read_bytes())) == wanted
            continue
        assert print_json(parse_json(file.read_bytes())) == wanted
        assert print_json(parse_canonical(wanted)) == wanted


def test_jcs_numbers(shared_data: Path) -> None:
    """100,000 doubles: each that SPEC 2.3 lets in prints as ECMAScript prints it, and reads back to itself."""
    lines = (shared_data / "vectors" / "jcs" / "es6testfile100k.txt").read_text("ascii").splitlines()
    assert len(lines) == 100_000
    printed = refused = 0
    for line in lines:
        bits, wanted = line.split(",")
        number: float = struct.unpack(">d", bytes.fromhex(bits.rjust(16, "0")))[0]
        raw = wanted.encode()
        if abs(number) > SAFE_INTEGER:
            with pytest.raises(Malformed):
                parse_json(raw)
            assert rfc8785.dumps(number) == raw
            refused += 1
            continue
        assert print_json(number) == raw
        read = parse_canonical(raw)
        assert isinstance(read, int | float)
        assert read == number
        printed += 1
    assert printed > 40_000
    assert refused > 40_000
