"""A small log with its keys, registry and chain, all from fixed seeds: what the vectors are cut from.

Documents are plain JSON values here, because the vectors damage them in ways that no type of the project allows.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from anchor_service.protocol.anchor import log_id, print_address
from anchor_service.protocol.checkpoint import origin_of, sign_checkpoint
from anchor_service.protocol.event import (
    BlockId,
    EventEntry,
    SealEntry,
    commit,
    disclose,
    print_event_entry,
    print_seal_entry,
    stream_id,
)
from anchor_service.protocol.hashes import FIELD, ZERO, Hash, Leaf, LogId, StreamId, tagged
from anchor_service.protocol.merkle import leaf_hash, prove_inclusion, tree_root
from anchor_service.protocol.proof import print_receipt
from anchor_service.protocol.receipt import CommitGroup, ReceiptLeaf, print_receipt_leaf, receipts_origin
from anchor_service.protocol.signature import signed_message
from anchor_service.protocol.streammap import MapLeaf, subtree, subtree_path
from scripts.vectors.chain import Mined, anchored_log, mine, other_log, other_receipts, receipt
from scripts.vectors.documents import block_document, leaf_document, print_block, view
from scripts.vectors.keys import Key, Signer, named_key, secret
from scripts.vectors.orders import PLACED, SHIPPED, SIGNED, Document

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

NAME = "log.example.com/sealtrail"
CHAIN = 560_048
START = 1_777_790_000_000
"""2026-05-03 in ms UTC: when the worlds begin."""
EARLY_BLOCK = BlockId(900, Hash(sha256(b"an earlier block").digest()))
"""The block from before, which the newest seals name."""


@dataclass(frozen=True, slots=True)
class Told:
    """An event in the log, with all of its disclosures."""

    index: int
    entry: str
    disclosures: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class Anchored:
    """A checkpoint and its block."""

    size: int
    root: Hash
    checkpoint: str
    block: Mined


class Leaves:
    """The subtrees of a list of leaves, hashed anew each time."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self._leaves = leaves

    def subtree(self, level: int, index: int) -> Hash:
        """Return the root over 2^level leaves."""
        width = 1 << level
        return tree_root(self._leaves[index * width : (index + 1) * width])


class World:
    """A log from its first entry on."""

    def __init__(self, seed: str = "world", *, chain_id: int = CHAIN, name: str = NAME) -> None:
        self.seed = seed
        self.chain_id = chain_id
        self.registry = secret("registry")[:20]
        self.log = log_id(chain_id, self.registry, secret("owner")[:20], secret(f"{seed}: log salt"))
        self.origin = origin_of(name, self.log)
        self.log_key = named_key(self.origin, f"{seed}: log key")
        self.receipt_key = named_key(receipts_origin(self.origin), f"{seed}: receipt key")
        self.entries: list[bytes] = []
        self.leaves: list[Leaf] = []
        self.told: dict[tuple[str, str], list[Told]] = {}
        self.pending: dict[tuple[str, str], list[Document]] = {}
        self.anchors: list[Anchored] = []
        self.maps: dict[int, list[MapLeaf]] = {}
        """What the stream map holds under the seal that ends at each size."""
        self._heads: dict[StreamId, MapLeaf] = {}
        self._seals: list[Leaf] = []
        self._clock = START

    # --- writing ----------------------------------------------------------------------------------------------------

    def salt(self, order: str, tenant: str = "demo") -> Hash:
        """The salt of an order's stream."""
        return Hash(secret(f"{self.seed}: stream {tenant}/{order}"))

    def stream(self, order: str, tenant: str = "demo") -> StreamId:
        """The id of an order's stream."""
        return stream_id(self.salt(order, tenant), tenant, order)

    def disclosures(
        self, order: str, fields: Mapping[str, Any], number: int, signer: Signer | None = None, tenant: str = "demo"
    ) -> list[tuple[str, bytes]]:
        """Open an event's fields; `signer` makes the field `signature` of the names and the message to be signed."""
        opening = secret(f"{self.seed}: event {tenant}/{order} {number}")
        if signer is None:
            return disclose(opening, fields)
        # The salts go by all names in order, the signature's own among them.
        blank = disclose(opening, {**fields, "signature": {}})
        digests = {name: tagged(FIELD, raw) for name, raw in blank}
        stream = self.stream(order, tenant)
        signature = signer(sorted(fields), lambda names: signed_message(names, digests, self.log, stream))
        return disclose(opening, {**fields, "signature": signature})

    def tell(
        self,
        order: str,
        fields: Mapping[str, Any],
        *,
        tenant: str = "demo",
        signer: Signer | None = None,
        disclosures: Sequence[tuple[str, bytes]] | None = None,
        **entry: Any,
    ) -> Told:
        """Append an event; `entry` replaces values of its entry."""
        before = self.told.setdefault((tenant, order), [])
        opened = disclosures or self.disclosures(order, fields, len(before) + 1, signer, tenant)
        values: Document = {
            "log": self.log,
            "stream": self.stream(order, tenant),
            "seq": len(before) + 1,
            "prev": leaf_hash(before[-1].entry.encode()) if before else ZERO,
            "commitment": commit(opened),
            "accepted": self._tick(),
        }
        printed = print_event_entry(EventEntry(**(values | entry)))
        told = Told(self._append(printed), printed.decode(), tuple(opened))
        before.append(told)
        stream = self.stream(order, tenant)
        self._heads[stream] = MapLeaf(stream, len(before), self.leaves[-1])
        return told

    def noise(self, count: int) -> None:
        """Append events of other orders."""
        for _ in range(count):
            self.tell(f"other-{len(self.entries)}", PLACED)

    def seal(self, not_before: BlockId | None = EARLY_BLOCK, **entry: Any) -> None:
        """End the batch with a seal entry; `entry` replaces its values."""
        size = len(self.entries) + 1
        leaves = self.maps[size] = sorted(self._heads.values(), key=lambda leaf: leaf.stream)
        values: Document = {
            "log": self.log,
            "batch": len(self._seals) + 1,
            "size": size,
            "streams": len(leaves),
            "map": map_root(leaves),
            "prev_seal": self._seals[-1] if self._seals else ZERO,
            "sealed": self._tick(),
            "not_before": not_before,
        }
        self._append(print_seal_entry(SealEntry(**(values | entry))))
        self._seals.append(self.leaves[-1])

    def unseal(self) -> None:
        """Take the newest seal entry back."""
        self._seals.pop()
        self.entries.pop()
        self.leaves.pop()

    def root(self, size: int | None = None) -> Hash:
        """The log's root at a size."""
        return tree_root(self.leaves[:size])

    def checkpoint(self, size: int | None = None, root: Hash | None = None, key: Key | None = None) -> str:
        """Sign a checkpoint."""
        key = key or self.log_key
        size = len(self.leaves) if size is None else size
        return sign_checkpoint(size, root or self.root(size), key.public, key.private.sign)

    def anchor(self, number: int, block: Mined | None = None, checkpoint: str | None = None) -> Anchored:
        """Anchor the log as it is in a block of this number: transaction 3 of 7, unless a block is given."""
        size, root = len(self.leaves), self.root()
        anchored = Anchored(size, root, checkpoint or self.checkpoint(), block or self.block(number, size, root))
        self.anchors.append(anchored)
        return anchored

    def block(self, number: int, size: int, root: Hash, **changes: Any) -> Mined:
        """Mine a block whose transaction 3 of 7 records this head; `changes` are of the log recorded."""
        head: Document = {"registry": self.registry, "log": self.log, "size": size, "root": root}
        raw = receipt([other_log("before"), anchored_log(**(head | changes))])
        others = other_receipts(7)
        return mine(number, self._clock // 1000 + 24, [*others[:3], raw, *others[4:]], 3)

    def await_anchor(self, order: str, *events: Mapping[str, Any], tenant: str = "demo", **leaf: Any) -> Document:
        """Accept events that are not in the log yet, under one note that starts and ends with others' receipts.

        `leaf` replaces values of their receipts' leaves.  The last of them is returned.
        """
        waiting = self.pending.setdefault((tenant, order), [])
        first = len(self.told.get((tenant, order), [])) + len(waiting) + 1
        opened = [self.disclosures(order, fields, first + at, None, tenant) for at, fields in enumerate(events)]
        accepted = self._tick()
        values: Document = {
            "log": self.log,
            "stream": self.stream(order, tenant),
            "commitment": commit(opened[0]),
            "accepted": accepted,
            "deadline": accepted + 60_000,
        }
        promises: list[Document] = [
            {"event_id": f"e-{first + at}", "commitment": commit(fields)} | leaf for at, fields in enumerate(opened)
        ]
        group = CommitGroup(
            [
                print_receipt_leaf(ReceiptLeaf(**(values | changes)))
                for changes in [{"event_id": "other-1"}, *promises, {"event_id": "other-2"}]
            ]
        )
        note = group.sign(self.receipt_key.public, self.receipt_key.private.sign)
        waiting += [
            {
                "disclosed": [raw.decode() for _, raw in fields],
                "hidden": {},
                "receipt": print_receipt(group.receipt(place, note)),
            }
            for place, fields in enumerate(opened, start=1)
        ]
        return waiting[-1]

    def _append(self, entry: bytes) -> int:
        self.entries.append(entry)
        self.leaves.append(leaf_hash(entry))
        return len(self.entries) - 1

    def _tick(self) -> int:
        self._clock += 1_000
        return self._clock

    # --- documents --------------------------------------------------------------------------------------------------

    def proof(
        self, order: str, *, tenant: str = "demo", hide: Collection[str] = (), events: Sequence[Told] | None = None
    ) -> Document:
        """Return an order's proof as a JSON value; `hide` are the fields that this audience does not see."""
        told = self.told[tenant, order] if events is None else events
        sizes = [anchored.size for anchored in self.anchors]
        covering = [next(place for place, size in enumerate(sizes) if size > event.index) for event in told]
        used = sorted({*covering, len(sizes) - 1})
        return {
            "anchors": [self.anchor_document(self.anchors[place]) for place in used],
            "events": [
                view(event.disclosures, hide)
                | {
                    "anchor": used.index(place),
                    "entry": event.entry,
                    "index": event.index,
                    "path": self.path(event.index, sizes[place]),
                }
                for event, place in zip(told, covering, strict=True)
            ],
            "format": "sealtrail/proof",
            "map": self.map_path(self.stream(order, tenant), sizes[-1]),
            "pending": self.pending.get((tenant, order), []),
            "stream": {"order_id": order, "salt": self.salt(order, tenant).hex(), "tenant": tenant},
            "v": 1,
        }

    def map_path(self, stream: StreamId, size: int) -> list[str]:
        """The stream's path in the map under the seal that ends at this size."""
        steps, _ = subtree_path(hashed(self.maps[size]), 0, stream)
        return [step.hex() for step in steps]

    def absence(self, stream: StreamId) -> Document:
        """Return the absence proof of a stream under the newest anchor, as a JSON value."""
        newest = self.anchors[-1]
        leaves = self.maps[newest.size]
        steps, end = subtree_path(hashed(leaves), 0, stream)
        other = next((leaf for leaf in leaves if leaf.stream == end), None)
        return {
            "anchor": self.anchor_document(newest),
            "format": "sealtrail/absence",
            "leaf": None if other is None else leaf_document(other),
            "map": [step.hex() for step in steps],
            "v": 1,
        }

    def path(self, index: int, size: int) -> list[str]:
        """The inclusion path of an entry."""
        return [step.hex() for step in prove_inclusion(Leaves(self.leaves), index, size)]

    def anchor_document(self, anchored: Anchored) -> Document:
        """An anchor as proofs carry it."""
        last = anchored.size - 1
        return {
            "block": block_document(anchored.block),
            "checkpoint": anchored.checkpoint,
            "seal": {"entry": self.entries[last].decode(), "path": self.path(last, anchored.size)},
        }

    def policy(self, **changes: Any) -> Document:
        """A policy that trusts this log and every block with an anchor; `changes` replace members."""
        blocks = [BlockId(anchored.block.number, anchored.block.hash) for anchored in self.anchors]
        return {
            "format": "sealtrail/policy",
            "v": 1,
            "origin": self.origin,
            "log": self.log.hex(),
            "log_keys": [{"key": self.log_key.vkey, "from": 1, "until": None}],
            "receipt_keys": [self.receipt_key.vkey],
            "tenants": {"demo": "Demo Shop"},
            "actors": {},
            "chain": {
                "id": self.chain_id,
                "name": "Example chain",
                "registry": print_address(self.registry),
                "finality": "finalized",
                "test": False,
            },
            "blocks": [print_block(block) for block in [EARLY_BLOCK, *blocks]],
            "rpc": [],
            "max_age": None,
        } | changes


def hashed(leaves: Sequence[MapLeaf]) -> list[tuple[StreamId, Hash]]:
    """What a subtree is hashed from."""
    return [(leaf.stream, leaf.hash) for leaf in leaves]


def map_root(leaves: Sequence[MapLeaf]) -> Hash:
    """The root of the map that holds these, in ascending order of their ids."""
    return subtree(hashed(leaves), 0).hash


def first_world(seed: str = "world", **options: Any) -> World:
    """SPEC section 1's order A-1001 among others: placed in the first batch, shipped and signed in the second."""
    world = World(seed, **options)
    world.noise(1)
    world.tell("A-1001", PLACED)
    world.noise(1)
    world.seal(not_before=None)
    world.anchor(1_000)
    world.tell("A-1001", SHIPPED)
    world.noise(3)
    world.tell("A-1001", SIGNED)
    world.noise(1)
    world.seal()
    world.anchor(1_012)
    return world


def other_of(log: LogId) -> LogId:
    """Another log's id."""
    return LogId(bytes(byte ^ 0xFF for byte in log))
