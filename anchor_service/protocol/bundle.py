"""Bundles: a proof with all that a dispute needs, as one zip of stored members (SPEC 16).

README.txt, manifest.json, policy.json, proof.json, attachments/<sha256>…

The reader takes the members from the local headers alone, prints the bundle again and compares: so no member can hide
in a central directory, between two others, under a second name or behind the end, and nothing is ever unpacked.
"""

from __future__ import annotations

import io
import re
import zipfile
from dataclasses import dataclass
from hashlib import sha256
from struct import Struct
from typing import TYPE_CHECKING, Final

from anchor_service.protocol.canonical import print_json
from anchor_service.protocol.errors import Malformed
from anchor_service.protocol.policy import MAX_POLICY
from anchor_service.protocol.proof import MAX_PROOF
from anchor_service.protocol.shape import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from anchor_service.protocol.canonical import JSON

FORMAT: Final = "sealtrail/bundle"
MAGIC: Final = b"PK\x03\x04"
MAX_BUNDLE: Final = 256 * 2**20
MAX_MEMBERS: Final = 2_050
MAX_README: Final = 2**20

_FIXED: Final = ("README.txt", "manifest.json", "policy.json", "proof.json")
_ATTACHMENT: Final = re.compile(r"attachments/([0-9a-f]{64})", re.ASCII)
_LOCAL: Final = Struct(
    "<4s5H3I2H"
)  # magic, version, flags, method, time, date, crc, two sizes, lengths of name and extra
_LONGEST_NAME: Final = len("attachments/") + 64


@dataclass(frozen=True, slots=True)
class Bundle:
    """What a bundle holds, unread; `attachments` by the SHA-256 that names each, which is not checked here."""

    readme: bytes
    policy: bytes
    proof: bytes
    attachments: Mapping[str, bytes]

    def __post_init__(self) -> None:
        """Refuse what no bundle may hold: Malformed `bundle`."""
        for name, content, most in (
            ("README.txt", self.readme, MAX_README),
            ("policy.json", self.policy, MAX_POLICY),
            ("proof.json", self.proof, MAX_PROOF),
        ):
            if len(content) > most:
                raise Malformed("bundle", f"{name} has more than {most} bytes")
        if len(_FIXED) + len(self.attachments) > MAX_MEMBERS:
            raise Malformed("bundle", f"more than {MAX_MEMBERS} members")
        if not all(_ATTACHMENT.fullmatch(f"attachments/{name}") for name in self.attachments):
            raise Malformed("bundle", "an attachment's name is not a SHA-256")
        if (
            sum(map(len, self.attachments.values())) + sum(map(len, (self.readme, self.policy, self.proof)))
            > MAX_BUNDLE
        ):
            raise Malformed("bundle", f"more than {MAX_BUNDLE} bytes")

    @property
    def found(self) -> dict[str, str]:
        """The SHA-256 of each attachment's bytes, by the one that names it: what `verify` takes."""
        return {name: sha256(content).hexdigest() for name, content in self.attachments.items()}

    def manifest(self) -> bytes:
        """Print the manifest (SPEC 16.2)."""
        files: list[JSON] = [
            {"name": name, "sha256": sha256(content).hexdigest(), "size": len(content)}
            for name, content in self._files()
        ]
        return print_json({"files": files, "format": FORMAT, "v": VERSION})

    def members(self) -> Iterator[tuple[str, bytes]]:
        """Yield every member in the order of SPEC 16.1."""
        readme, *others = self._files()
        yield readme
        yield "manifest.json", self.manifest()
        yield from others

    def _files(self) -> list[tuple[str, bytes]]:
        attached = [(f"attachments/{name}", self.attachments[name]) for name in sorted(self.attachments)]
        return [("README.txt", self.readme), ("policy.json", self.policy), ("proof.json", self.proof), *attached]


def print_bundle(bundle: Bundle) -> bytes:
    """Print a bundle: the same bytes for the same contents, always (SPEC 16.1)."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, content in bundle.members():
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            # What else depends on the machine or the library.
            info.create_system, info.create_version, info.extract_version = 3, 20, 20
            info.external_attr = 0o600 << 16
            archive.writestr(info, content)
    return out.getvalue()


def parse_bundle(raw: bytes) -> Bundle:
    """Read what print_bundle prints, and nothing else; Malformed `bundle` otherwise (SPEC 16.3).

    What the members hold is not read: the proof and the policy have parsers of their own.
    """
    if len(raw) > MAX_BUNDLE:
        raise Malformed("bundle", f"a bundle has at most {MAX_BUNDLE} bytes")
    members: dict[str, bytes] = {}
    for name, content in _stored(raw):
        if name in members:
            raise Malformed("bundle", f"the member {name} is there twice")
        members[name] = content
    if tuple(members)[: len(_FIXED)] != _FIXED:
        raise Malformed("bundle", f"a bundle starts with {', '.join(_FIXED)}")
    bundle = Bundle(
        readme=members["README.txt"],
        policy=members["policy.json"],
        proof=members["proof.json"],
        attachments={name.removeprefix("attachments/"): members[name] for name in list(members)[len(_FIXED) :]},
    )
    manifest = members.pop("manifest.json")
    if manifest != bundle.manifest():
        others = [name for name, content in members.items() if sha256(content).hexdigest().encode() not in manifest]
        which = f"the hash of {others[0]} is not in it" if others else "it says something else of them"
        raise Malformed("bundle", f"the manifest is not that of the members: {which}")
    if print_bundle(bundle) != raw:
        raise Malformed(
            "bundle", "not in the form that bundles have: something is between, behind or about the members"
        )
    return bundle


def _stored(raw: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the stored members from the start of a zip, as its local headers have them."""
    at = 0
    for _ in range(MAX_MEMBERS + 1):
        if len(raw) < at + _LOCAL.size or raw[at : at + 4] != MAGIC:
            return
        _, _, flags, method, _, _, _, packed, size, name_length, extra = _LOCAL.unpack_from(raw, at)
        start = at + _LOCAL.size + name_length
        if flags or method or extra or packed != size or name_length > _LONGEST_NAME or start + size > len(raw):
            raise Malformed("bundle", "a member is compressed, encrypted, linked, truncated or has extra fields")
        name = raw[at + _LOCAL.size : start].decode("latin-1")
        if name not in _FIXED and not _ATTACHMENT.fullmatch(name):
            raise Malformed("bundle", f"a member of the name {name!r}")
        at = start + size
        yield name, raw[start:at]
    raise Malformed("bundle", f"more than {MAX_MEMBERS} members")
