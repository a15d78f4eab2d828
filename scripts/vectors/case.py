"""A case of the corpus: a proof, a policy, what else the verifier is given, and the verdict that is wanted.

The verdict is written down by hand, as what differs from an order that is well; `check` fails where `verify` finds
something else, so that a vector never says merely what the code does.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from anchor_service.protocol.canonical import print_json
from anchor_service.protocol.verdict import State
from anchor_service.protocol.verify import ABSENCE_CHECKS, CHECKS

if TYPE_CHECKING:
    from pathlib import Path

Found = tuple[str, str | None]
Document = dict[str, Any]

VALID: Final[Found] = ("VALID", None)
WELL: Final[dict[str, Found]] = dict.fromkeys(CHECKS, VALID) | {
    "signatures": ("SKIPPED", "no_signatures"),
    "attachments": ("SKIPPED", "no_attachments"),
    "pending": ("SKIPPED", "no_pending"),
    "fresh": ("UNKNOWN", "as_of"),
}
"""What an order is found to be that is well and checked offline."""
ABSENT: Final[dict[str, Found]] = dict.fromkeys(ABSENCE_CHECKS, VALID) | {"fresh": ("UNKNOWN", "as_of")}
"""What an absence proof is found to be that is well and checked offline."""


def invalid(code: str | None) -> Found:
    """A check that fails."""
    return ("INVALID", code)


def unknown(code: str) -> Found:
    """A check that can be done neither way."""
    return ("UNKNOWN", code)


def skipped(code: str) -> Found:
    """A check with nothing to check."""
    return ("SKIPPED", code)


def only(**checks: Found) -> Document:
    """Name the checks that differ, to be handed on with `**`."""
    return dict(checks)


@dataclass(frozen=True, slots=True)
class Case:
    """`name` ends in `_fail` where the proof is damaged; `checks` are those that differ from `well`."""

    name: str
    sentence: str
    proof: bytes
    policy: Document
    state: str
    checks: dict[str, Found] = field(default_factory=dict)
    inputs: Document | None = None
    well: dict[str, Found] = field(default_factory=lambda: WELL)

    @property
    def expected(self) -> Document:
        """The verdict that is wanted, as `expected.json` holds it."""
        return {
            "state": self.state,
            "exit": State(self.state).exit_code,
            "checks": [[name, *found] for name, found in (self.well | self.checks).items()],
        }

    def files(self) -> dict[str, bytes]:
        """The files of the case's folder."""
        files = {
            "README.md": f"{self.sentence}\n".encode(),
            "proof.json": self.proof,
            "policy.json": pretty(self.policy),
            "expected.json": _print_expected(self.expected),
        }
        if self.inputs is not None:
            files["inputs.json"] = pretty(self.inputs)
        return files

    def write(self, corpus: Path) -> None:
        """Write the case's folder."""
        folder = corpus / self.name
        folder.mkdir(parents=True)
        for name, content in self.files().items():
            (folder / name).write_bytes(content)


def good(name: str, sentence: str, proof: Document, policy: Document, state: str = "verified", **rest: Any) -> Case:
    """A case that is as it should be, or that cannot be checked for no fault of the proof."""
    return Case(name, sentence, print_json(proof), policy, state, **rest)


def altered(name: str, sentence: str, proof: Document, policy: Document, checks: dict[str, Found], **rest: Any) -> Case:
    """A case of a proof that parses and does not hold."""
    return Case(f"{name}_fail", sentence, print_json(proof), policy, "altered", checks, **rest)


def malformed(name: str, sentence: str, proof: bytes | Document, policy: Document, code: str | None = None) -> Case:
    """A case of bytes that are no proof; only the code `version` is the same in every language."""
    raw = proof if isinstance(proof, bytes) else print_json(proof)
    checks = {check: skipped("malformed") for check in CHECKS} | {"format": invalid(code)}
    return Case(f"{name}_fail", sentence, raw, policy, "malformed", checks)


def pretty(value: Any) -> bytes:
    """Print JSON for people."""
    return json.dumps(value, ensure_ascii=False, indent=2).encode() + b"\n"


def _print_expected(value: Document) -> bytes:
    checks = ",\n".join(f"    {json.dumps(check)}" for check in value["checks"])
    return (
        f'{{\n  "state": "{value["state"]}",\n  "exit": {value["exit"]},\n  "checks": [\n{checks}\n  ]\n}}\n'.encode()
    )
