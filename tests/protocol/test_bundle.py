"""Bundles: the same bytes for the same contents, and nothing else reads."""

from __future__ import annotations

import hashlib
import io
import random
import struct
import warnings
import zipfile
from collections.abc import Callable

import pytest

from anchor_service.protocol.bundle import MAX_BUNDLE, MAX_MEMBERS, Bundle, parse_bundle, print_bundle
from anchor_service.protocol.errors import Malformed

FILES = [b"a drawn signature", b"a photo" * 1000, b""]
BUNDLE = Bundle(
    b"read me\n", b"{policy}", b"{proof}", {hashlib.sha256(content).hexdigest(): content for content in FILES}
)
RAW = print_bundle(BUNDLE)


def test_a_bundle_reads_back() -> None:
    assert parse_bundle(RAW) == BUNDLE
    assert print_bundle(parse_bundle(RAW)) == RAW
    assert all(named == found for named, found in BUNDLE.found.items())
    bare = Bundle(b"", b"", b"", {})
    assert parse_bundle(print_bundle(bare)) == bare


def test_the_bytes_are_these_on_every_machine() -> None:
    """Fixed here, because a bundle's hash is what courts and letters quote."""
    assert hashlib.sha256(RAW).hexdigest() == "37f2bb13af19421598fca01ad01003bc77e4a549d9270d8f1b0e3db96233e0cc"


def test_any_zip_reader_opens_it() -> None:
    with zipfile.ZipFile(io.BytesIO(RAW)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [name for name, _ in BUNDLE.members()]
        assert archive.read("proof.json") == b"{proof}"
        for info in archive.infolist():
            assert (info.compress_type, info.date_time, info.extra, info.comment) == (
                0,
                (1980, 1, 1, 0, 0, 0),
                b"",
                b"",
            )


def test_an_attachment_is_hashed_anew() -> None:
    named = hashlib.sha256(b"one").hexdigest()
    assert Bundle(b"", b"", b"", {named: b"other"}).found == {named: hashlib.sha256(b"other").hexdigest()}


def zipped(*members: tuple[str, bytes], **options: int) -> bytes:
    out = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w") as archive:
        warnings.simplefilter("ignore")
        for name, content in members:
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.create_system = 3
            for option, value in options.items():
                setattr(info, option, value)
            archive.writestr(info, content)
    return out.getvalue()


MEMBERS = list(BUNDLE.members())


def _with_header(offset: int, value: int) -> bytes:
    return RAW[:offset] + struct.pack("<H", value) + RAW[offset + 2 :]


def _with_sizes(size: int) -> bytes:
    return RAW[:18] + struct.pack("<II", size, size) + RAW[26:]


def _overlapping() -> bytes:
    """The central directory's second entry points at the first member, as the best zip bombs do."""
    at = RAW.index(b"PK\x01\x02", RAW.index(b"PK\x01\x02") + 4)
    return RAW[: at + 42] + struct.pack("<I", 0) + RAW[at + 46 :]


DAMAGE: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "not_a_zip": lambda: b"PK\x03\x04",
    "no_members": zipped,
    "compressed": lambda: zipped(*MEMBERS, compress_type=zipfile.ZIP_DEFLATED),
    "symlinks": lambda: zipped(*MEMBERS, external_attr=0o120777 << 16),
    "directory_bit": lambda: zipped(*MEMBERS, external_attr=0x10),
    "other_system": lambda: zipped(*MEMBERS, create_system=0),
    "other_time": lambda: zipped(*MEMBERS, date_time=(1981, 1, 1, 0, 0, 0)),  # type: ignore[arg-type]
    "comment_of_member": lambda: zipped(*MEMBERS, comment=b"x"),  # type: ignore[arg-type]
    "extra_field": lambda: zipped(*MEMBERS, extra=b"\x99\x99\x00\x00"),  # type: ignore[arg-type]
    "order": lambda: zipped(MEMBERS[1], MEMBERS[0], *MEMBERS[2:]),
    "attachments_order": lambda: zipped(*MEMBERS[:4], *MEMBERS[:3:-1]),
    "member_missing": lambda: zipped(*MEMBERS[:3], *MEMBERS[4:]),
    "manifest_missing": lambda: zipped(MEMBERS[0], *MEMBERS[2:]),
    "attachment_missing": lambda: zipped(*MEMBERS[:-1]),
    "attachment_more": lambda: zipped(*MEMBERS, ("attachments/" + "f" * 64, b"x")),
    "twice": lambda: zipped(*MEMBERS, MEMBERS[-1]),
    "proof_twice": lambda: zipped(*MEMBERS[:4], ("proof.json", b"{}"), *MEMBERS[4:]),
    "slip": lambda: zipped(*MEMBERS, ("../../etc/passwd", b"x")),
    "absolute": lambda: zipped(*MEMBERS, ("/etc/passwd", b"x")),
    "backslash": lambda: zipped(*MEMBERS, ("attachments\\" + "f" * 64, b"x")),
    "directory": lambda: zipped(*MEMBERS[:4], ("attachments/", b""), *MEMBERS[4:]),
    "uppercase_name": lambda: zipped(*MEMBERS, ("attachments/" + "F" * 64, b"x")),
    "name_with_newline": lambda: zipped(*MEMBERS, ("attachments/" + "f" * 64 + "\n", b"x")),
    "unknown_name": lambda: zipped(*MEMBERS, ("notes.txt", b"x")),
    "unicode_name": lambda: zipped(*MEMBERS, ("说明.txt", b"x")),
    "manifest_other": lambda: zipped(MEMBERS[0], ("manifest.json", MEMBERS[1][1] + b" "), *MEMBERS[2:]),
    "content_other": lambda: zipped(*MEMBERS[:3], ("proof.json", b"{proog}"), *MEMBERS[4:]),
    "archive_comment": lambda: RAW[:-2] + b"\x01\x00x",
    "trailing": lambda: RAW + b"\0",
    "leading": lambda: b"\0" + RAW,
    "truncated": lambda: RAW[:-1],
    "second_archive": lambda: RAW + RAW,
    "no_central_directory": lambda: RAW[: RAW.index(b"PK\x01\x02")],
    "central_directory_of_another": lambda: RAW[: RAW.index(b"PK\x01\x02")] + zipped(MEMBERS[0]),
    "hidden_between": lambda: RAW.replace(b"PK\x03\x04", b"hiddenPK\x03\x04", 2),
    "overlapping": _overlapping,
    "encrypted": lambda: _with_header(6, 1),
    "data_descriptor": lambda: _with_header(6, 8),
    "zip64": lambda: _with_sizes(0xFFFFFFFF),
    "size_beyond_end": lambda: _with_sizes(len(RAW)),
    "too_large": lambda: b"PK\x03\x04" + bytes(MAX_BUNDLE),
    "too_many": lambda: zipped(*MEMBERS[:4], *((f"attachments/{n:064x}", b"") for n in range(MAX_MEMBERS))),
    "bomb": lambda: zipped(*MEMBERS[:3], ("proof.json", bytes(50_000_000)), compress_type=zipfile.ZIP_DEFLATED),
}


def test_a_member_that_is_another_is_named() -> None:
    with pytest.raises(Malformed, match=r"the hash of proof\.json is not in it"):
        parse_bundle(DAMAGE["content_other"]())


@pytest.mark.parametrize("name", DAMAGE)
def test_damaged_bundles_are_refused(name: str) -> None:
    with pytest.raises(Malformed) as problem:
        parse_bundle(DAMAGE[name]())
    assert problem.value.code == "bundle"


def test_every_flipped_byte_is_refused() -> None:
    bundle = Bundle(b"read me", b"{}", b"{}", {"ab" * 32: b"xyz"})
    raw = print_bundle(bundle)
    chance = random.Random(16)
    for place in range(len(raw)):
        wrong = bytearray(raw)
        wrong[place] ^= chance.randrange(1, 256)
        with pytest.raises(Malformed):
            parse_bundle(bytes(wrong))


def test_random_bytes_are_refused() -> None:
    chance = random.Random(17)
    for _ in range(300):
        with pytest.raises(Malformed):
            parse_bundle(b"PK\x03\x04" + chance.randbytes(chance.randrange(200)))


def test_what_no_bundle_may_hold() -> None:
    for name in ("", "AB" * 32, "../x", "ab" * 31):
        with pytest.raises(Malformed):
            Bundle(b"", b"", b"", {name: b""})
    with pytest.raises(Malformed, match="members"):
        Bundle(b"", b"", b"", {f"{n:064x}": b"" for n in range(MAX_MEMBERS - 3)})
    most = Bundle(b"", b"", b"", {f"{n:064x}": b"" for n in range(MAX_MEMBERS - 4)})
    assert len(list(most.members())) == MAX_MEMBERS
    for contents in ((bytes(2**20 + 1), b"", b""), (b"", bytes(2**20 + 1), b""), (b"", b"", bytes(2**24 + 1))):
        with pytest.raises(Malformed, match="more than"):
            Bundle(*contents, {})
    half = bytes(MAX_BUNDLE // 2)
    with pytest.raises(Malformed, match="more than"):
        Bundle(b"x", b"", b"", {"ab" * 32: half, "cd" * 32: half})
