"""What became of a transaction: which block holds it, whether that block counts, and the evidence of it.

Blocks are identified by their hash.  What one node says of a transaction counts only while its block is the canonical
one, and where several nodes answer they must agree on which that is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, TypeAlias

from anchor_service.chain.blocks import RawBlock, as_object, check_receipts, read_block, read_raw_block, receipt_proof
from anchor_service.chain.jsonrpc import parse_bytes, parse_hash, parse_quantity, print_bytes, print_quantity
from anchor_service.chain.rpc import Rpc, understood
from anchor_service.ports import AnchoredLog, Block, CallFailed, ChainRefused, ChainUnavailable, Mined
from anchor_service.protocol.anchor import ANCHORED, word
from anchor_service.protocol.errors import Malformed, SealtrailError
from anchor_service.protocol.evidence import ChainEvidence, verify_anchored
from anchor_service.protocol.hashes import Hash, LogId

Finality: TypeAlias = Literal["finalized"] | int
"""What is final: the chain's own tag, or blocks that have this many after them (0 on the embedded chain)."""

_LOOK_BACK: Final = 16
"""Blocks among which the check at the start looks for one that has transactions."""


class Follower:
    """Reads blocks, receipts and the registry's logs; `first_block` is where the registry was deployed, or earlier."""

    def __init__(self, rpc: Rpc, registry: bytes, finality: Finality, first_block: int) -> None:
        self._rpc = rpc
        self._registry = registry
        self._finality = finality
        self._first_block = first_block

    def newest(self) -> Block:
        """Return the newest block."""
        with understood():
            return read_block(self._rpc.read("eth_getBlockByNumber", ["latest", False]))

    def final(self) -> Block:
        """Return the newest block that is final, by the most cautious of the nodes."""
        if isinstance(self._finality, int):
            number = max(self.newest().number - self._finality, 0)
        else:
            try:
                answers = self._rpc.read_all("eth_getBlockByNumber", [self._finality, False])
            except CallFailed as problem:
                raise ChainUnavailable("no_finality", f"the nodes know no finalized block: {problem}") from problem
            if not answers:
                raise ChainUnavailable("no_finality", "the nodes know no finalized block")
            with understood():
                number = min(read_block(answer).number for answer in answers)
        block = self.canonical(number)
        if block is None:
            raise ChainUnavailable("node_nonsense", f"a node calls block {number} final and does not have it")
        return block

    def canonical(self, number: int) -> Block | None:
        """Return the canonical block of this number; None where the chain is shorter.

        ChainUnavailable (`nodes_disagree`) where two nodes have different ones.
        """
        with understood():
            blocks = [
                read_block(answer)
                for answer in self._rpc.read_all("eth_getBlockByNumber", [print_quantity(number), False])
            ]
        if any(block.number != number for block in blocks):
            raise ChainUnavailable("node_nonsense", f"asked for block {number}, a node gave another")
        if len({block.hash for block in blocks}) > 1:
            raise ChainUnavailable("nodes_disagree", f"the nodes have different blocks {number}")
        return blocks[0] if blocks else None

    def find(self, transaction: Hash) -> Mined | None:
        """Return where a transaction landed on the canonical chain; None while it is not mined."""
        answer = self._rpc.read("eth_getTransactionReceipt", [print_bytes(transaction)])
        if answer is None:
            return None
        with understood():
            receipt = as_object(answer, "a receipt")
            if parse_hash(receipt.get("transactionHash"), "transactionHash") != transaction:
                raise Malformed("rpc_value", "the receipt of another transaction")
            number = parse_quantity(receipt.get("blockNumber"), "blockNumber")
            block_hash = parse_hash(receipt.get("blockHash"), "blockHash")
            succeeded = parse_quantity(receipt.get("status"), "status") == 1
        block = self.canonical(number)
        if block is None or block.hash != block_hash:
            return None
        return Mined(block, succeeded)

    def anchored(self, log: LogId, size: int) -> AnchoredLog | None:
        """Return the canonical `Anchored` log of this size, whoever's transaction wrote it."""
        for answer in self._logs(log, size):
            with understood():
                found = self._read_log(answer, log, size)
            block = self.canonical(found.block.number)
            if block is not None and block.hash == found.block.hash:
                return AnchoredLog(found.size, found.root, found.transaction, block)
        return None

    def evidence(self, transaction: Hash, block: Block, log: LogId, size: int) -> ChainEvidence:
        """Return header and receipts-trie proof of the `Anchored` log in this mined transaction (SPEC 12)."""
        with understood():
            raw = read_raw_block(self._rpc.read("eth_getBlockByHash", [print_bytes(block.hash), False]))
            if raw.block.hash != block.hash or transaction not in raw.transactions:
                raise Malformed("rpc_value", f"block {block.number} does not hold the transaction")
            index = raw.transactions.index(transaction)
            receipts = self._receipts(raw)
            evidence = ChainEvidence(raw.header, index, receipt_proof(receipts, raw.receipts_root, index))
            root = self._root_in(receipts[index], log, size)
        try:
            verify_anchored(evidence, self._registry, log, size, root)
        except SealtrailError as problem:
            raise ChainUnavailable("evidence", f"the evidence does not hold: {problem}") from problem
        return evidence

    def check_rebuilding(self) -> None:
        """ChainRefused where we cannot rebuild a recent block's header and receipts to its hashes."""
        head = self.newest()
        raw: RawBlock | None = None
        for number in range(head.number, max(head.number - _LOOK_BACK, -1), -1):
            answer = self._rpc.read("eth_getBlockByNumber", [print_quantity(number), False])
            if answer is None:
                break
            try:
                raw = read_raw_block(answer)
                if raw.transactions:
                    check_receipts(self._receipts(raw), raw.receipts_root)
                    return
            except Malformed as problem:
                raise ChainRefused(problem.code, f"{problem.message}: this chain hashes otherwise") from problem
        if raw is None:
            raise ChainUnavailable("node_nonsense", "a node does not have the block that it calls the newest")

    def _receipts(self, raw: RawBlock) -> list[object]:
        """All receipts of a block, in order; one by one where the node has no call for all."""
        try:
            answer = self._rpc.read("eth_getBlockReceipts", [print_quantity(raw.block.number)])
        except CallFailed:
            answer = None
        if isinstance(answer, list) and len(answer) == len(raw.transactions):
            return answer
        return [
            self._rpc.read("eth_getTransactionReceipt", [print_bytes(transaction)]) for transaction in raw.transactions
        ]

    def _root_in(self, receipt: object, log: LogId, size: int) -> Hash:
        for item in as_object(receipt, "a receipt").get("logs", []):
            try:
                return self._read_log(item, log, size).root
            except Malformed:
                continue
        raise Malformed("rpc_value", f"the transaction's receipt has no Anchored log of size {size}")

    def _read_log(self, answer: object, log: LogId, size: int) -> AnchoredLog:
        """Read a log that should be the registry's `Anchored` of this log and size; Malformed where it is not."""
        item = as_object(answer, "a log")
        topics = item.get("topics")
        expected = [print_bytes(ANCHORED), print_bytes(log), print_bytes(word(size))]
        address = parse_bytes(item.get("address"), "address", 20)
        if address != self._registry or topics != expected or item.get("removed", False) is not False:
            raise Malformed("rpc_value", "not the log that was asked for")
        block = Block(
            parse_quantity(item.get("blockNumber"), "blockNumber"), parse_hash(item.get("blockHash"), "blockHash"), 0
        )
        root = Hash(parse_bytes(item.get("data"), "data", 64)[:32])
        return AnchoredLog(size, root, parse_hash(item.get("transactionHash"), "transactionHash"), block)

    def _logs(self, log: LogId, size: int) -> Iterator[object]:
        """The logs that nodes report, newest blocks first; in smaller steps where a node refuses a large one."""
        topics = [print_bytes(ANCHORED), print_bytes(log), print_bytes(word(size))]
        last = self.newest().number
        step = last - self._first_block + 1
        while last >= self._first_block:
            first = max(last - step + 1, self._first_block)
            wanted = {
                "address": print_bytes(self._registry),
                "fromBlock": print_quantity(first),
                "toBlock": print_quantity(last),
                "topics": topics,
            }
            try:
                answer = self._rpc.read("eth_getLogs", [wanted])
            except CallFailed as problem:
                if step == 1:
                    raise ChainUnavailable("node_refused", f"eth_getLogs: {problem}") from problem
                step = max(step // 8, 1)
                continue
            if not isinstance(answer, list):
                raise ChainUnavailable("node_nonsense", "eth_getLogs: expected an array")
            yield from answer
            last = first - 1
