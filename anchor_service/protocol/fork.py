"""Fork evidence: one document that shows that a log's operator told two stories (SPEC 18.5 to 18.8).

It stands alone: no service, node or clock has to be asked.  `verify_fork` is for everybody, `make_log_fork` and
`make_stream_fork` are for whoever found one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from anchor_service.protocol.canonical import JSON, parse_canonical, print_json
from anchor_service.protocol.checkpoint import Checkpoint, parse_checkpoint
from anchor_service.protocol.errors import Altered, Malformed, Unproven
from anchor_service.protocol.event import parse_event_entry
from anchor_service.protocol.hashes import Hash, parse_hash
from anchor_service.protocol.merkle import (
    Subtrees,
    leaf_hash,
    prove_consistency,
    prove_inclusion,
    range_root,
    verify_consistency,
    verify_inclusion,
)
from anchor_service.protocol.policy import Policy, verify_checkpoint
from anchor_service.protocol.shape import VERSION, document, items, members, text, whole

if TYPE_CHECKING:
    from collections.abc import Sequence

FORMAT: Final = "sealtrail/fork"
MAX_FORK: Final = 65_536
_MAX_PATH: Final = 64


@dataclass(frozen=True, slots=True)
class Side:
    """An event entry at its place under a checkpoint: one of two that are not both true."""

    checkpoint: str
    entry: str
    index: int
    path: tuple[Hash, ...]


@dataclass(frozen=True, slots=True)
class StreamFork:
    """Two entries of one log, stream and `seq` with different leaves."""

    sides: tuple[Side, Side]


@dataclass(frozen=True, slots=True)
class LogFork:
    """Two checkpoints of which the later does not extend the earlier.

    `root` is what the later one's log has at the earlier one's size, shown by the consistency `proof`.
    """

    checkpoints: tuple[str, str]
    root: Hash
    proof: tuple[Hash, ...]


Fork = StreamFork | LogFork


def verify_fork(raw: bytes, policy: Policy) -> str:
    """Return a sentence that says what is proven of the log's operator, who holds the policy's log keys.

    Malformed where this is no such document.  Unproven with a code where it is one and does not prove a fork:
    `fork_checkpoint` (not signed by a log key of the policy), `fork_path`, `fork_log` (entries of other logs),
    `fork_none` (the two do not contradict each other).
    """
    fork = parse_fork(raw)
    return _prove_stream(fork, policy) if isinstance(fork, StreamFork) else _prove_log(fork, policy)


def _signed(note: str, policy: Policy) -> Checkpoint:
    checkpoint = parse_checkpoint(note)
    try:
        verify_checkpoint(checkpoint, policy)
    except Altered as problem:
        raise Unproven("fork_checkpoint", problem.message) from None
    return checkpoint


def _prove_log(fork: LogFork, policy: Policy) -> str:
    first, second = (_signed(note, policy) for note in fork.checkpoints)
    try:
        # SPEC 18.7: by 7.3 the consistency proof leads from the first one's size with `root` to the second checkpoint
        verify_consistency(first.size, second.size, fork.proof, fork.root, second.root)
    except Altered as problem:
        raise Unproven("fork_path", problem.message) from None
    if fork.root == first.root:
        raise Unproven("fork_none", "the later checkpoint extends the earlier one")
    if first.size == second.size:
        return f"the log key signed two checkpoints of size {first.size} with different roots"
    return f"the log key signed size {second.size}, which does not extend the size {first.size} that it signed"


def _prove_stream(fork: StreamFork, policy: Policy) -> str:
    entries = []
    for side in fork.sides:
        checkpoint, entry = _signed(side.checkpoint, policy), parse_event_entry(side.entry)
        try:
            leaf = leaf_hash(side.entry.encode())
            verify_inclusion(leaf, side.index, checkpoint.size, side.path, checkpoint.root)
        except Altered as problem:
            raise Unproven("fork_path", problem.message) from None
        if entry.log != policy.log:
            raise Unproven("fork_log", "an entry is another log's")
        entries.append(entry)
    first, second = entries
    # SPEC 18.6: the two entries have one `stream` and one `seq`, and differ
    if (first.stream, first.seq) != (second.stream, second.seq) or first == second:
        raise Unproven("fork_none", "the entries are not two different ones for one place in a stream")
    return f"the log holds two different entries {first.seq} of stream {first.stream}"


# --- reading and printing ---------------------------------------------------------------------------------------------


def is_fork(raw: bytes) -> bool:
    """Say whether a document means to be fork evidence; no text inside another document reads like this."""
    return b'"format":"sealtrail/fork"' in raw


def parse_fork(raw: bytes) -> Fork:
    """Read fork evidence that is in canonical form; Malformed says where it differs."""
    if len(raw) > MAX_FORK:
        raise Malformed("fork_size", f"fork evidence has at most {MAX_FORK} bytes")
    value = document(parse_canonical(raw), FORMAT)
    if isinstance(value, dict) and value.get("kind") == "stream":
        top = members(value, ("format", "kind", "sides", "v"), "fork")
        first, second = (_side(side, f"sides[{at}]") for at, side in enumerate(items(top["sides"], 2, "sides", 2)))
        return StreamFork((first, second))
    top = members(value, ("checkpoints", "format", "kind", "proof", "root", "v"), "fork")
    if top["kind"] != "log":
        raise Malformed("fork_kind", 'kind: expected "log" or "stream"')
    older, newer = (_note(note, "checkpoints") for note in items(top["checkpoints"], 2, "checkpoints", 2))
    return LogFork((older, newer), parse_hash(top["root"], "root"), _path(top["proof"], "proof"))


def _side(value: JSON, where: str) -> Side:
    side = members(value, ("checkpoint", "entry", "index", "path"), where)
    entry = text(side["entry"], f"{where}.entry")
    parse_event_entry(entry)
    return Side(
        checkpoint=_note(side["checkpoint"], f"{where}.checkpoint"),
        entry=entry,
        index=whole(side["index"], f"{where}.index"),
        path=_path(side["path"], f"{where}.path"),
    )


def _note(value: JSON, where: str) -> str:
    note = text(value, where)
    parse_checkpoint(note)
    return note


def _path(value: JSON, where: str) -> tuple[Hash, ...]:
    return tuple(parse_hash(item, where) for item in items(value, _MAX_PATH, where))


def print_fork(fork: Fork) -> bytes:
    """Print fork evidence; parse_fork reads it back to the same value."""
    if isinstance(fork, StreamFork):
        sides: list[JSON] = [
            {
                "checkpoint": side.checkpoint,
                "entry": side.entry,
                "index": side.index,
                "path": _hexadecimal(side.path),
            }
            for side in fork.sides
        ]
        return print_json({"format": FORMAT, "kind": "stream", "sides": sides, "v": VERSION})
    return print_json(
        {
            "checkpoints": list(fork.checkpoints),
            "format": FORMAT,
            "kind": "log",
            "proof": _hexadecimal(fork.proof),
            "root": fork.root.hex(),
            "v": VERSION,
        }
    )


def _hexadecimal(path: Sequence[Hash]) -> list[JSON]:
    return [step.hex() for step in path]


# --- making -----------------------------------------------------------------------------------------------------------


def make_log_fork(older: str, newer: str, tree: Subtrees) -> LogFork | None:
    """Return evidence that `newer` does not extend `older`, None where it does; `tree` is the newer one's log.

    Both are checkpoint notes, and the older one's size is not the larger.
    """
    first, second = parse_checkpoint(older), parse_checkpoint(newer)
    root = range_root(tree, 0, first.size)
    if root == first.root:
        return None
    return LogFork((older, newer), root, prove_consistency(tree, first.size, second.size))


def make_stream_fork(note: str, tree: Subtrees, one: tuple[int, bytes], other: tuple[int, bytes]) -> StreamFork:
    """Return evidence from two event entries with their indexes, both under this checkpoint; `tree` is its log."""
    size = parse_checkpoint(note).size
    first, second = (
        Side(note, entry.decode(), index, prove_inclusion(tree, index, size)) for index, entry in (one, other)
    )
    return StreamFork((first, second))
