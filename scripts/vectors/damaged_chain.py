"""Cases of proofs whose chain evidence does not hold, or whose block is another than the one trusted."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import rlp

from anchor_service.protocol.anchor import keccak256, word
from scripts.vectors.case import Case, altered, invalid, only, unknown
from scripts.vectors.chain import Mined, anchored_log, header, mine, other_log, other_receipts, receipt
from scripts.vectors.damaged_records import Damaged, as_it_is, flip
from scripts.vectors.orders import PLACED, PRIVATE
from scripts.vectors.undecided import node, wrong
from scripts.vectors.world import World, first_world

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from scripts.vectors.orders import Document

ORDER = "A-1001"


def cases() -> Iterator[Case]:
    """Every case of this module."""
    yield from _evidence(first_world())
    yield from _receipts()
    yield from _headers()
    yield from _blocks(first_world())


def _evidence(world: World) -> Iterator[Case]:
    damaged = Damaged(world.proof(ORDER, hide=PRIVATE), world.policy())

    def block(change: Callable[[Document], Any]) -> Callable[[Document], None]:
        return lambda proof: proof["anchors"][1]["block"].update(change(proof["anchors"][1]["block"]))

    def nodes(change: Callable[[list[str]], list[str]]) -> Callable[[Document], None]:
        return block(lambda b: {"nodes": change(b["nodes"])})

    other, broken = only(anchor=invalid("receipt_root")), only(anchor=invalid("evidence"))
    yield damaged("node_missing", "The last trie node is missing.", nodes(lambda n: n[:-1]), **other)
    yield damaged("node_first_missing", "The trie's root node is missing.", nodes(lambda n: n[1:]), **other)
    yield damaged(
        "node_flipped", "A trie node with a bit flipped.", nodes(lambda n: [n[0], flip(n[1], -1), *n[2:]]), **other
    )
    yield damaged(
        "nodes_swapped", "Two trie nodes in each other's places.", nodes(lambda n: [n[1], n[0], *n[2:]]), **other
    )
    yield damaged("node_unused", "A trie node more than is used.", nodes(lambda n: [*n, n[0]]), **broken)
    yield damaged("node_empty", "An empty trie node after the others.", nodes(lambda n: [*n, ""]), **broken)
    yield damaged("transaction_other", "The index of another transaction.", block(lambda _: {"index": 4}), **other)
    yield damaged(
        "transaction_2_24", "The index 2^24, which no block has.", block(lambda _: {"index": 2**24}), **broken
    )
    yield damaged(
        "transaction_2_53_less_1",
        "The largest index that JSON can hold.",
        block(lambda _: {"index": 2**53 - 1}),
        **broken,
    )
    unreadable = broken | only(block=unknown("block_untrusted"))
    yield damaged("header_empty", "No header at all.", block(lambda _: {"header": ""}), **unreadable)
    yield damaged(
        "header_truncated",
        "A header without its last byte.",
        block(lambda b: {"header": b["header"][:-2]}),
        **unreadable,
    )
    yield damaged(
        "header_trailing_byte",
        "A byte after the header.",
        block(lambda b: {"header": b["header"] + "00"}),
        **unreadable,
    )
    yield damaged("header_string", "A header that is a string.", block(lambda _: {"header": "83616263"}), **unreadable)
    yield damaged(
        "header_other_block",
        "The header of another block that the policy trusts.",
        lambda p: p["anchors"][1]["block"].update(header=p["anchors"][0]["block"]["header"]),
        **other,
    )


def _anchored(world: World, block: Mined) -> tuple[Document, Document]:
    world.anchor(block.number, block=block)
    return world.proof(ORDER), world.policy()


def _sealed() -> World:
    world = World("chain")
    world.tell(ORDER, PLACED)
    world.seal()
    return world


def _receipts() -> Iterator[Case]:
    """Receipts of other transactions, in blocks that the policy trusts."""
    world = _sealed()
    well: Document = {"registry": world.registry, "log": world.log, "size": 2, "root": world.root()}

    def mined(name: str, sentence: str, raw: bytes, code: str) -> Case:
        receipts = [*other_receipts(2), raw, *other_receipts(1)]
        proof, policy = _anchored(_sealed(), mine(1_000, 1_777_800_000, receipts, 2))
        return altered(name, sentence, proof, policy, {"anchor": invalid(code)})

    log = anchored_log(**well)
    failed = "receipt_failed"
    yield mined("receipt_status_0", "The transaction failed.", receipt([log], status=b""), failed)
    yield mined("receipt_status_2", "A status of 2.", receipt([log], status=b"\x02"), failed)
    yield mined(
        "receipt_state_root", "A receipt with a state root for its status.", receipt([log], status=bytes(32)), failed
    )
    yield mined(
        "receipt_status_list",
        "A receipt with a list for its status.",
        rlp.encode([[b"\x01"], b"\x01", b"", [list(log)]]),
        failed,
    )
    missing = "anchored_missing"
    yield mined("receipt_no_logs", "A transaction that wrote no logs.", receipt([]), missing)
    yield mined(
        "receipt_other_logs", "Logs of other contracts alone.", receipt([other_log("a"), other_log("b")]), missing
    )
    heads: list[tuple[str, str, Document]] = [
        ("other_size", "The registry recorded another size.", {"size": 3}),
        ("other_root", "The registry recorded another root.", {"root": bytes(32)}),
        ("other_log", "The registry recorded another log.", {"log": bytes(32)}),
        ("other_registry", "Another contract wrote the log.", {"registry": bytes(20)}),
    ]
    for name, sentence, changes in heads:
        yield mined(f"anchored_{name}", sentence, receipt([anchored_log(**(well | changes))]), missing)
    address, topics, data = log
    for name, sentence, odd in [
        (
            "other_event",
            "Another event of the registry with the same words.",
            (address, (keccak256(b"Other(bytes32,uint64,bytes32,uint64)"), *topics[1:]), data),
        ),
        ("topic_missing", "The log without its last topic.", (address, topics[:2], data)),
        ("topic_more", "The log with a topic more.", (address, (*topics, word(0)), data)),
        ("topics_swapped", "The log with its topics swapped.", (address, (topics[0], topics[2], topics[1]), data)),
        ("data_short", "The log's data without the previous size.", (address, topics, data[:32])),
        ("data_long", "The log's data with a word more.", (address, topics, data + word(0))),
        (
            "size_huge",
            "A size of which the low 64 bits are right.",
            (address, (*topics[:2], (2**64 + 2).to_bytes(32, "big")), data),
        ),
        ("address_short", "An address of 19 bytes.", (address[:19], topics, data)),
    ]:
        yield mined(f"anchored_{name}", sentence, receipt([odd]), missing)
    broken = "evidence"
    yield mined("receipt_type_0", "A receipt of type 0, written with its type byte.", receipt([log], kind=0), broken)
    yield mined("receipt_type_128", "A receipt with a type byte that is none.", receipt([log], kind=128), broken)
    yield mined("receipt_three_items", "A receipt without logs.", rlp.encode([b"\x01", b"\x01", b""]), broken)
    yield mined(
        "receipt_logs_string",
        "A receipt whose logs are a string.",
        rlp.encode([b"\x01", b"\x01", b"", b"logs"]),
        broken,
    )
    yield mined(
        "receipt_string", "A receipt that is a string.", rlp.encode(b"a receipt that is longer than 32 bytes"), broken
    )
    yield mined("receipt_trailing", "A byte after the receipt.", receipt([log]) + b"\0", broken)
    deep: Any = []
    for _ in range(20):
        deep = [deep]
    yield mined(
        "receipt_deep",
        "A receipt with lists nested 20 deep.",
        rlp.encode([b"\x01", b"\x01", b"", [list(log), deep]]),
        broken,
    )
    body = receipt([log], kind=None)
    assert body[0] == 0xF9
    long_length = b"\xfa\x00" + body[1:]
    yield mined("rlp_length_not_shortest", "A list whose length has a leading zero.", long_length, broken)
    yield mined("rlp_byte_not_shortest", "A byte below 128 as a string of one.", _status_as_string(body), broken)


def _status_as_string(body: bytes) -> bytes:
    length = int.from_bytes(body[1:3], "big")
    return b"\xf9" + (length + 1).to_bytes(2, "big") + b"\x81" + body[3:]


def _headers() -> Iterator[Case]:
    """Headers that no reader should take, in blocks that the policy lists by their hash."""

    def headed(name: str, sentence: str, change: Callable[[list[Any]], list[Any]]) -> Case:
        world = _sealed()
        block = world.block(1_000, 2, world.root())
        changed = replace(block, header=rlp.encode(change(list(rlp.decode(block.header)))))
        proof, policy = _anchored(world, changed)
        checks = {"anchor": invalid("evidence"), "block": unknown("block_untrusted")}
        return altered(name, sentence, proof, policy, checks)

    yield headed("header_14_items", "A header of 14 items.", lambda items: items[:14])
    yield headed(
        "header_number_leading_zero",
        "A number with a leading zero.",
        lambda items: [*items[:8], b"\0" + items[8], *items[9:]],
    )
    yield headed(
        "header_number_2_53", "The number 2^53.", lambda items: [*items[:8], (2**53).to_bytes(7, "big"), *items[9:]]
    )
    yield headed("header_number_list", "A number that is a list.", lambda items: [*items[:8], [items[8]], *items[9:]])
    yield headed("header_time_huge", "A time of 32 bytes.", lambda items: [*items[:11], b"\x01" * 32, *items[12:]])
    yield headed(
        "header_root_short", "A receipts root of 31 bytes.", lambda items: [*items[:5], items[5][1:], *items[6:]]
    )
    yield headed(
        "header_root_list", "A receipts root that is a list.", lambda items: [*items[:5], [items[5]], *items[6:]]
    )


def _blocks(world: World) -> Iterator[Case]:
    damaged = Damaged(world.proof(ORDER, hide=PRIVATE), world.policy())
    policy = world.policy()
    blank = policy | {"blocks": []}
    other = only(block=invalid("block_other"))
    unsure = only(dated=unknown("not_before_untrusted"))
    honest = node(world)

    yield damaged(
        "block_other_listed",
        "The policy lists another hash for the newest block's number.",
        as_it_is,
        policy | {"blocks": [*policy["blocks"][:2], {"number": 1_012, "hash": "0x" + "ab" * 32}]},
        **other,
    )
    yield damaged(
        "block_other_node",
        "The node has another block at that number, and nobody has this one.",
        as_it_is,
        blank,
        inputs={"nodes": [honest | {"blocks": wrong(world), "head": None}]},
        **other,
        **unsure,
    )
    yield damaged(
        "block_other_node_and_silent",
        "One node has another block, and one does not answer.",
        as_it_is,
        blank,
        inputs={
            "nodes": [
                honest | {"blocks": wrong(world), "head": None},
                honest | {"error": "timed out", "blocks": {}, "head": None},
            ]
        },
        **other,
        **unsure,
    )
    yield damaged(
        "head_other",
        "The registry holds another root for this size.",
        as_it_is,
        inputs={"nodes": [honest | {"head": {"size": 11, "root": "ab" * 32}}]},
        fresh=invalid("head_other"),
        policy=blank,
    )
    yield damaged(
        "head_other_too_old",
        "The registry holds another root for this size, and the block is too old as well.",
        as_it_is,
        inputs={"nodes": [honest | {"head": {"size": 11, "root": "ab" * 32}}], "now": 2**53 - 1},
        fresh=invalid("head_other"),
        policy=policy | {"max_age": 1},
    )
    forged = first_world()
    block = forged.anchors[1].block
    root = rlp.decode(block.header)[5]
    earlier = header(block.number, block.timestamp - 86_400, root)

    def backdated(proof: Document) -> None:
        proof["anchors"][1]["block"]["header"] = earlier.hex()

    yield damaged("block_backdated", "The newest block's header with a time a day earlier.", backdated, **other)
    yield damaged(
        "block_forged",
        "A header made for this proof, which no node has.",
        backdated,
        blank,
        inputs={"nodes": [honest]},
        fresh=("VALID", None),
        **other,
    )
