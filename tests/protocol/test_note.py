"""Signed notes, checkpoints, keys and Ed25519."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from anchor_service.protocol.anchor import log_id, parse_address, print_address, word
from anchor_service.protocol.checkpoint import origin_of, parse_checkpoint, sign_checkpoint
from anchor_service.protocol.errors import Altered, Malformed
from anchor_service.protocol.hashes import Hash, LogId
from anchor_service.protocol.note import (
    MAX_NOTE,
    VerifierKey,
    parse_base64,
    parse_note,
    parse_vkey,
    print_base64,
    print_vkey,
    sign_note,
    verify_note,
    verify_signature,
)
from scripts.vectors import curve

SEED = bytes(range(32))
PRIVATE = Ed25519PrivateKey.from_private_bytes(SEED)
PUBLIC = PRIVATE.public_key().public_bytes_raw()
KEY = VerifierKey("log.example.com/one", PUBLIC)
ROOT = Hash(bytes(range(100, 132)))


def test_the_worked_example_of_the_go_package() -> None:
    """The note and key in the documentation of golang.org/x/mod/sumdb/note, whose format C2SP took over."""
    key = parse_vkey("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", "key")
    note = parse_note(
        "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n"
        "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
    )
    verify_note(note, key)


def test_a_checkpoint_by_hand() -> None:
    text = sign_checkpoint(132, ROOT, KEY, PRIVATE.sign)
    body = f"log.example.com/one\n132\n{base64.b64encode(ROOT).decode()}\n"
    key_hash = hashlib.sha256(b"log.example.com/one\n\x01" + PUBLIC).digest()[:4]
    line = base64.b64encode(key_hash + PRIVATE.sign(body.encode())).decode()
    assert text == f"{body}\n— log.example.com/one {line}\n"
    read = parse_checkpoint(text)
    assert (read.origin, read.size, read.root) == ("log.example.com/one", 132, ROOT)
    verify_note(read.note, KEY)
    assert origin_of("log.example.com", LogId(ROOT)) == f"log.example.com/{ROOT.hex()}"


def test_every_flipped_bit_of_a_checkpoint_is_seen() -> None:
    raw = sign_checkpoint(132, ROOT, KEY, PRIVATE.sign).encode()
    for place in range(len(raw)):
        for bit in range(8):
            changed = raw[:place] + bytes([raw[place] ^ 1 << bit]) + raw[place + 1 :]
            try:
                note = parse_checkpoint(changed.decode()).note
            except (Malformed, UnicodeDecodeError):
                continue
            with pytest.raises(Altered):
                verify_note(note, KEY)


def test_another_key_is_another_key() -> None:
    note = parse_note(sign_note("a\n", KEY, PRIVATE.sign))
    for other in (VerifierKey("other", PUBLIC), VerifierKey(KEY.name, SEED)):
        with pytest.raises(Altered) as problem:
            verify_note(note, other)
        assert problem.value.code == "log_key"


def test_vkeys_read_back() -> None:
    assert parse_vkey(print_vkey(KEY), "key") == KEY


@pytest.mark.parametrize(
    "text",
    [
        *(None, 1, "", "a", "a+b", "a+b+c", "+00000000+AQ=="),
        print_vkey(KEY) + "=",
        print_vkey(KEY).replace("one", "two"),
        print_vkey(KEY).upper(),
        f"{KEY.name}+{KEY.hash.hex()}+{print_base64(bytes([2]) + PUBLIC)}",
        f"{KEY.name}+{KEY.hash.hex()}+{print_base64(bytes([1]) + PUBLIC[1:])}",
        f" {print_vkey(KEY)}",
    ],
)
def test_no_vkeys(text: Any) -> None:
    with pytest.raises(Malformed):
        parse_vkey(text, "key")


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\n", "ä", "a\x7f", "x" * 301, "\ufeffa", "a\u2003b"])
def test_no_key_names(name: str) -> None:
    with pytest.raises(Malformed):
        VerifierKey(name, PUBLIC)


def test_a_key_has_32_bytes() -> None:
    with pytest.raises(Malformed):
        VerifierKey("a", PUBLIC[1:])


def test_notes_have_a_largest_size() -> None:
    line = sign_note("a\n", KEY, PRIVATE.sign)
    most = "x" * (MAX_NOTE - len(line.encode())) + line
    assert len(most.encode()) == MAX_NOTE
    assert parse_note(most).name == KEY.name
    with pytest.raises(Malformed):
        parse_note("x" + most)


@given(st.text(max_size=200) | st.text("—ab= \n+1", max_size=60))
def test_only_malformed_is_ever_raised(text: str) -> None:
    for parse in (parse_note, parse_checkpoint):
        try:
            parse(text)
        except Malformed:
            continue
        except UnicodeEncodeError:  # a lone surrogate: no JSON text that was read strictly holds one
            continue
        raise AssertionError("a note out of nothing")


@given(st.binary(min_size=1, max_size=90))
def test_base64_reads_back(data: bytes) -> None:
    text = print_base64(data)
    assert parse_base64(text, "here") == data
    loose = [text + "\n", text + "=", " " + text, text.rstrip("=") if "=" in text else text[:-1], text[:-1]]
    for wrong in loose:
        with pytest.raises(Malformed):
            parse_base64(wrong, "here")


def test_base64_of_nothing_is_refused() -> None:
    for text in ("", "AB==", "A===", "é", "_-8="):
        with pytest.raises(Malformed):
            parse_base64(text, "here")


# --- Ed25519 (SPEC 2.7) ---------------------------------------------------------------------------------------------


def refused(public: bytes, signature: bytes, message: bytes = b"message") -> bool:
    try:
        verify_signature(public, signature, message, "code")
    except Altered as problem:
        return problem.code == "code"
    return False


def test_the_curve_by_hand_signs_as_the_library_does() -> None:
    assert curve.sign(SEED, b"message") == PRIVATE.sign(b"message")
    assert not refused(PUBLIC, curve.sign(SEED, b"message"))


def test_signatures_that_lax_readers_take_are_refused() -> None:
    torsion = curve.torsion()
    for times in range(1, 8):
        assert refused(PUBLIC, curve.sign(SEED, b"message", curve.times(times, torsion)))
    assert refused(PUBLIC, curve.sign(SEED, b"message", more=curve.L))


def test_keys_of_small_order_are_refused_in_every_form() -> None:
    torsion = curve.torsion()
    points = [curve.encode(curve.times(times, torsion)) for times in range(8)]
    assert len(set(points)) == 8
    forms = [*points, *(form[:31] + bytes([form[31] ^ 0x80]) for form in points)]
    forms += [(curve.P + y).to_bytes(32, "little") for y in range(19)]
    forms += [((curve.P + y) | 1 << 255).to_bytes(32, "little") for y in range(19)]
    for public in forms:
        assert refused(public, curve.encode(curve.IDENTITY) + bytes(32))
        assert refused(public, public + bytes(32))


@pytest.mark.parametrize("length", [0, 31, 33])
def test_keys_and_signatures_of_other_lengths_are_refused(length: int) -> None:
    assert refused((PUBLIC * 2)[:length], PRIVATE.sign(b"message"))
    assert refused(PUBLIC, PRIVATE.sign(b"message")[:length])
    assert refused(PUBLIC, PRIVATE.sign(b"message") + b"\0")


# --- the registry's names -------------------------------------------------------------------------------------------


def test_log_ids_by_hand() -> None:
    from sha3 import keccak_256

    registry, owner, salt = b"\x11" * 20, b"\x22" * 20, b"\x33" * 32
    words = (31337).to_bytes(32, "big") + bytes(12) + registry + bytes(12) + owner + salt
    assert log_id(31337, registry, owner, salt) == keccak_256(words).digest()
    for wrong in ((registry[1:], owner, salt), (registry, owner[1:], salt), (registry, owner, salt[1:])):
        with pytest.raises(ValueError, match="20 bytes"):
            log_id(1, *wrong)
    with pytest.raises(OverflowError):
        word(2**256)


def test_addresses() -> None:
    assert parse_address(print_address(b"\xab" * 20), "here") == b"\xab" * 20
    with pytest.raises(ValueError, match="20 bytes"):
        print_address(b"\xab")
    for text in ("", "0x" + "AB" * 20, "ab" * 20, "0x" + "ab" * 19, "0x" + "ab" * 20 + "\n", None):
        with pytest.raises(Malformed, match="here"):
            parse_address(text, "here")
