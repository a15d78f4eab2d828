"""Anchors, their transactions and evidence: the port `AnchorStore`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Row, Select, insert, select, update

from anchor_service.ports import AnchorRow, AnchorState, Block, SignedTransaction, StoredTransaction
from anchor_service.protocol.evidence import ChainEvidence
from anchor_service.protocol.hashes import Hash
from anchor_service.storage.database import Database, upsert
from anchor_service.storage.log import read_checkpoint, read_tile
from anchor_service.storage.tables import anchor_transactions, anchors, batches, evidence, evidence_nodes

_OPEN = (AnchorState.PENDING, AnchorState.SENT, AnchorState.MINED)

_ANCHORS = select(anchors, batches.c.root).join(batches, batches.c.size == anchors.c.size)


class Anchors:
    """The port `AnchorStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def checkpoint(self) -> tuple[int, str] | None:
        """Return size and note of the newest published checkpoint."""
        with self._database.read() as connection:
            return read_checkpoint(connection)

    def tile(self, level: int, index: int) -> bytes:
        """Return the hashes of a tile."""
        with self._database.read() as connection:
            return read_tile(connection, level, index)

    def open_anchors(self) -> list[AnchorRow]:
        """Return the anchors that are PENDING, SENT or MINED, by size."""
        with self._database.read() as connection:
            return read_anchors(connection, _ANCHORS.where(anchors.c.state.in_(_OPEN)).order_by(anchors.c.size))

    def newest_anchor(self) -> AnchorRow | None:
        """Return the anchor of the greatest size that is not SUPERSEDED."""
        query = _ANCHORS.where(anchors.c.state != AnchorState.SUPERSEDED).order_by(anchors.c.size.desc()).limit(1)
        with self._database.read() as connection:
            return next(iter(read_anchors(connection, query)), None)

    def add_anchor(self, size: int, previous_size: int, created: int) -> AnchorRow:
        """Add a PENDING anchor of a published checkpoint, or take up a SUPERSEDED one of this size again."""
        row = {
            "size": size,
            "previous_size": previous_size,
            "state": AnchorState.PENDING,
            "created": created,
            "block_number": None,
            "block_hash": None,
            "block_time": None,
        }
        with self._database.write_fenced() as connection:
            found = read_anchors(connection, _ANCHORS.where(anchors.c.size == size))
            if found and found[0].state is not AnchorState.SUPERSEDED:
                raise AssertionError(f"there is an anchor of size {size} already")
            upsert(connection, anchors, [row])
            return read_anchors(connection, _ANCHORS.where(anchors.c.size == size))[0]

    def add_transaction(self, size: int, transaction: SignedTransaction, stored: int) -> None:
        """Store a signed transaction; durable when this returns."""
        with self._database.write_fenced() as connection:
            connection.execute(
                insert(anchor_transactions),
                {
                    "hash": transaction.hash,
                    "size": size,
                    "raw": transaction.raw,
                    "nonce": transaction.nonce,
                    "max_fee": transaction.max_fee,
                    "priority_fee": transaction.priority_fee,
                    "stored": stored,
                },
            )

    def mark_sent(self, size: int, transaction: Hash, sent: int) -> None:
        """Note that it was handed to the nodes; a PENDING anchor is SENT then."""
        with self._database.write_fenced() as connection:
            connection.execute(
                update(anchor_transactions).where(anchor_transactions.c.hash == transaction).values(sent=sent)
            )
            connection.execute(
                update(anchors)
                .where(anchors.c.size == size, anchors.c.state == AnchorState.PENDING)
                .values(state=AnchorState.SENT)
            )

    def mark(self, size: int, state: AnchorState, block: Block | None) -> None:
        """Note a new state; what is FINAL stays so."""
        with self._database.write_fenced() as connection:
            connection.execute(
                update(anchors)
                .where(anchors.c.size == size, anchors.c.state != AnchorState.FINAL)
                .values(state=state, **_block_columns(block))
            )

    def finish(self, size: int, block: Block, found: ChainEvidence) -> None:
        """Keep the evidence and call the anchor FINAL, both or neither."""
        with self._database.write_fenced() as connection:
            connection.execute(insert(evidence), {"size": size, "header": found.header, "tx_index": found.index})
            connection.execute(
                insert(evidence_nodes),
                [{"size": size, "place": place, "node": node} for place, node in enumerate(found.nodes)],
            )
            connection.execute(
                update(anchors).where(anchors.c.size == size).values(state=AnchorState.FINAL, **_block_columns(block))
            )


def _block_columns(block: Block | None) -> dict[str, object]:
    if block is None:
        return {"block_number": None, "block_hash": None, "block_time": None}
    return {"block_number": block.number, "block_hash": block.hash, "block_time": block.timestamp}


def read_anchors(connection: Connection, query: Select[*tuple[Any, ...]] = _ANCHORS) -> list[AnchorRow]:
    """Read the anchors that a query over `_ANCHORS` finds, with their transactions."""
    return [_anchor(row, _transactions(connection, row.size)) for row in connection.execute(query).all()]


def read_anchor(connection: Connection, size: int) -> AnchorRow | None:
    """Read the anchor of this size."""
    return next(iter(read_anchors(connection, _ANCHORS.where(anchors.c.size == size))), None)


def read_anchors_below(connection: Connection, below: int | None, limit: int) -> list[AnchorRow]:
    """Read anchors of sizes below, the greatest first."""
    query = _ANCHORS.order_by(anchors.c.size.desc()).limit(limit)
    return read_anchors(connection, query if below is None else query.where(anchors.c.size < below))


def _transactions(connection: Connection, size: int) -> Iterable[StoredTransaction]:
    query = (
        select(anchor_transactions)
        .where(anchor_transactions.c.size == size)
        .order_by(anchor_transactions.c.stored, anchor_transactions.c.max_fee)
    )
    for row in connection.execute(query):
        transaction = SignedTransaction(Hash(row.hash), row.raw, row.nonce, row.max_fee, row.priority_fee)
        yield StoredTransaction(transaction, row.stored, row.sent)


def _anchor(row: Row[*tuple[Any, ...]], transactions: Iterable[StoredTransaction]) -> AnchorRow:
    block = None
    if row.block_number is not None:
        block = Block(row.block_number, Hash(row.block_hash), row.block_time)
    return AnchorRow(
        size=row.size,
        previous_size=row.previous_size,
        root=Hash(row.root),
        state=AnchorState(row.state),
        created=row.created,
        block=block,
        transactions=tuple(transactions),
    )


def read_evidence(connection: Connection, size: int) -> ChainEvidence:
    """Read the evidence of a FINAL anchor."""
    row = connection.execute(select(evidence).where(evidence.c.size == size)).one()
    nodes = select(evidence_nodes.c.node).where(evidence_nodes.c.size == size).order_by(evidence_nodes.c.place)
    return ChainEvidence(row.header, row.tx_index, tuple(connection.execute(nodes).scalars()))
