"""Receipts: the signed promise given when an event is accepted (SPEC 13)."""

from __future__ import annotations

from dataclasses import dataclass
from json.encoder import encode_basestring as quote
from typing import TYPE_CHECKING, Final

from anchor_service.protocol.canonical import SAFE_INTEGER, parse_canonical
from anchor_service.protocol.checkpoint import parse_checkpoint, sign_checkpoint
from anchor_service.protocol.errors import Altered, Malformed
from anchor_service.protocol.event import parse_name
from anchor_service.protocol.hashes import RECEIPT, Hash, Leaf, LogId, StreamId, parse_hash
from anchor_service.protocol.merkle import leaf_hash, raise_level, verify_inclusion
from anchor_service.protocol.note import VerifierKey, verify_note

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_MEMBERS: Final = {"accepted", "commitment", "deadline", "event_id", "log", "stream"}


@dataclass(frozen=True, slots=True)
class ReceiptLeaf:
    """What is promised: this commitment is in the log by `deadline`.  Times in ms UTC."""

    log: LogId
    stream: StreamId
    event_id: str
    commitment: Hash
    accepted: int
    deadline: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """A leaf's text, its place among the leaves of its commit group, its path, and the signed root."""

    leaf: str
    index: int
    path: tuple[Hash, ...]
    note: str


def receipts_origin(origin: str) -> str:
    """Return the origin and key name of a log's receipts (SPEC 13.2)."""
    return f"{origin}/receipts"


def print_receipt_leaf(leaf: ReceiptLeaf) -> str:
    """Print a leaf's text (SPEC 13.1)."""
    promised = [(leaf.event_id, leaf.stream, leaf.commitment)]
    return print_receipt_leaves(leaf.log, leaf.accepted, leaf.deadline, promised)[0]


def print_receipt_leaves(
    log: LogId, accepted: int, deadline: int, promised: Iterable[tuple[str, StreamId, Hash]]
) -> list[str]:
    """Print the leaves of events that were accepted at one time: (event_id, stream, commitment) each."""
    begin = f'{{"accepted":{accepted},"commitment":"'
    middle = f'","deadline":{deadline},"event_id":'
    end = f',"log":"{log.hex()}","stream":"'
    # An event_id has no character that RFC 8785 prints otherwise than the standard encoder.
    return [
        f'{begin}{commitment.hex()}{middle}{quote(event_id)}{end}{stream.hex()}"}}'
        for event_id, stream, commitment in promised
    ]


def parse_receipt_leaf(text: str) -> ReceiptLeaf:
    """Read what print_receipt_leaf prints, and nothing else."""
    value = parse_canonical(text.encode())
    if not isinstance(value, dict) or value.keys() != _MEMBERS:
        raise Malformed("receipt_leaf", "not the six members of a receipt's leaf")
    times = value["accepted"], value["deadline"]
    accepted, deadline = (
        time if isinstance(time, int) and not isinstance(time, bool) and 0 <= time <= SAFE_INTEGER else -1
        for time in times
    )
    if min(accepted, deadline) < 0:
        raise Malformed("receipt_leaf", "a time is not an integer of milliseconds")
    return ReceiptLeaf(
        log=LogId(parse_hash(value["log"], "log")),
        stream=StreamId(parse_hash(value["stream"], "stream")),
        event_id=parse_name(value["event_id"], "event_id"),
        commitment=parse_hash(value["commitment"], "commitment"),
        accepted=accepted,
        deadline=deadline,
    )


def receipt_hash(text: str) -> Leaf:
    """Return the tree leaf of a receipt's text (SPEC 13.1)."""
    return leaf_hash(RECEIPT + text.encode())


class CommitGroup:
    """The receipts of one commit group: one signature, any number of paths (SPEC 13.2)."""

    def __init__(self, leaves: Sequence[str]) -> None:
        """Take the leaf texts in order, at least one."""
        self.leaves = leaves
        self._levels: list[list[Hash]] = [[receipt_hash(text) for text in leaves]]
        while len(self._levels[-1]) > 1:
            level = self._levels[-1]
            odd = level[-1:] if len(level) % 2 else []
            self._levels.append([Hash(node) for node in raise_level(level[: len(level) - len(odd)])] + odd)

    def sign(self, key: VerifierKey, sign: Callable[[bytes], bytes]) -> str:
        """Sign the root over the leaves; the key's name is the receipts' origin."""
        return sign_checkpoint(len(self.leaves), self._levels[-1][0], key, sign)

    def receipt(self, index: int, note: str) -> Receipt:
        """Return the receipt at this place under the group's signed note."""
        path = []
        place = index
        for level in self._levels[:-1]:
            sibling = place ^ 1
            if sibling < len(level):  # an odd last hash rises by itself
                path.append(level[sibling])
            place >>= 1
        return Receipt(self.leaves[index], index, tuple(path), note)

    def receipts(self, note: str) -> list[Receipt]:
        """Return all receipts in order, under the group's signed note."""
        paths: list[tuple[Hash, ...]] = [()]
        for level in reversed(self._levels[:-1]):
            # A path is the sibling, and the path of the parent; an odd last hash rises by itself.
            below = [(level[place ^ 1], *paths[place >> 1]) for place in range(len(level) & ~1)]
            paths = below + paths[len(level) // 2 :]
        return [
            Receipt(leaf, index, path, note) for index, (leaf, path) in enumerate(zip(self.leaves, paths, strict=True))
        ]


def verify_receipt(receipt: Receipt, origin: str, keys: Sequence[VerifierKey]) -> ReceiptLeaf:
    """Prove that one of `keys` promised what the receipt's leaf says, for the log of this origin; Altered otherwise."""
    statement = parse_checkpoint(receipt.note)
    if statement.origin != receipts_origin(origin):
        raise Altered("receipt", "the receipt is another log's")
    for key in keys:
        if (key.name, key.hash) == (statement.note.name, statement.note.key_hash):
            verify_note(statement.note, key)
            break
    else:
        raise Altered("receipt", "the receipt is signed by a key that the policy does not name")
    verify_inclusion(receipt_hash(receipt.leaf), receipt.index, statement.size, receipt.path, statement.root)
    return parse_receipt_leaf(receipt.leaf)
