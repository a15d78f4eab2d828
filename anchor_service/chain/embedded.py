"""The embedded development chain: py-evm with its state in one file, a block for each transaction.

One process at a time has it open.  A transaction that `send` took is in a block, and the block on disk, before `send`
returns; killed at any moment before that, the chain is what it was.  There is no mempool, no reorganisation and no
peer: every block is final at once, and nobody else vouches for it, so what is anchored here is test data.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from eth.abc import BlockAPI, BlockHeaderAPI, ReceiptAPI, SignedTransactionAPI
from eth.chains.base import MiningChain
from eth.constants import POST_MERGE_NONCE
from eth.db.atomic import AtomicDB
from eth.exceptions import HeaderNotFound, PyEVMError, TransactionNotFound
from eth.typing import AccountDetails, HeaderParams
from eth.vm.forks.prague import PragueVM
from eth_keys.datatypes import PrivateKey
from eth_typing import Address, BlockNumber, Hash32
from eth_utils.exceptions import ValidationError
from rlp.exceptions import RLPException

from anchor_service.chain import RECURSION_LIMIT
from anchor_service.chain.artefact import read_artefact
from anchor_service.chain.database import Database, FileLock
from anchor_service.chain.jsonrpc import INVALID_PARAMS, REVERTED, SERVER_ERROR
from anchor_service.ports import CallFailed, ChainRefused
from anchor_service.protocol.hashes import Hash

# With the limit that py-evm sets, deeply nested input anywhere in this process would overflow its stack and end it.
# What runs here (the factory, the registry) calls two contracts deep.
sys.setrecursionlimit(RECURSION_LIMIT)

DEVELOPMENT_CHAIN_ID: Final = 7_325_872
"""The embedded chain's id unless a setting says otherwise; no public chain has it."""

_FORMAT: Final = 1
_GAS_LIMIT: Final = 30_000_000
_FUNDS: Final = 10**24
"""Wei that each development account starts with: a million ether."""


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which logs: `topics` are matched by position, None matches any; blocks are inclusive."""

    first: int
    last: int
    address: bytes
    topics: tuple[bytes | None, ...]


@dataclass(frozen=True, slots=True)
class ChainLog:
    """One log of a mined transaction; `position` counts within the block."""

    block: int
    block_hash: bytes
    position: int
    address: bytes
    topics: tuple[bytes, ...]
    data: bytes
    transaction: bytes
    transaction_index: int


def create_chain(
    path: Path, accounts: Sequence[bytes], clock: Callable[[], float], chain_id: int = DEVELOPMENT_CHAIN_ID
) -> None:
    """Create a chain in a new file, whole or not at all; ChainRefused where the file is there already.

    `accounts` are the private keys (32 bytes) of the development accounts that the genesis block funds; `clock` gives
    seconds UTC.  The genesis also holds the deterministic deployment factory, as real chains do.
    """
    with closing(FileLock(path)):
        if path.exists():
            raise ChainRefused("chain_exists", f"{path} is there already")
        new = path.with_name(path.name + ".new")
        for leftover in (new, Path(f"{new}-wal"), Path(f"{new}-shm")):
            leftover.unlink(missing_ok=True)
        with closing(Database(new, create=True)) as database, database.transaction() as connection:
            connection.executemany("insert into about values (?, ?)", [("format", _FORMAT), ("chain_id", chain_id)])
            _write_genesis(database, chain_id, accounts, int(clock()))
        # Up to here there is no chain; a crash leaves a file that the next attempt removes.
        new.rename(path)
        directory = os.open(path.parent, os.O_RDONLY)
        os.fsync(directory)
        os.close(directory)


def open_chain(path: Path, clock: Callable[[], float]) -> EmbeddedChain:
    """Open a chain that is there.

    ChainRefused (`chain_missing`, `chain_format`) where it is not, or is another format's; ChainUnavailable while
    another process has it open (`chain_locked`) or where the file cannot be read (`chain_storage`).
    """
    with ExitStack() as opened:
        lock = opened.enter_context(closing(FileLock(path)))
        if not path.exists():
            raise ChainRefused("chain_missing", f"{path} is not there")
        database = opened.enter_context(closing(Database(path, create=False)))
        about = database.about()
        if about.get("format") != _FORMAT:
            raise ChainRefused("chain_format", f"{path} is not a chain of format {_FORMAT}")
        chain = EmbeddedChain(database, lock, about["chain_id"], clock)
        opened.pop_all()
        return chain


class EmbeddedChain:
    """An open chain; any thread may call any method, one runs at a time.  The genesis is block 0."""

    def __init__(self, database: Database, lock: FileLock, chain_id: int, clock: Callable[[], float]) -> None:
        self.chain_id = chain_id
        self._database = database
        self._lock = lock
        self._clock = clock
        self._turn = threading.RLock()
        self._chain = _chain_class(chain_id)(AtomicDB(database))

    def close(self) -> None:
        """Let go of the file; nothing is lost by not calling this."""
        with self._turn:
            self._database.close()
            self._lock.close()

    def __enter__(self) -> Self:
        """Use the chain in a `with` statement."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def head(self) -> BlockAPI:
        """The newest block."""
        with self._turn:
            return self._chain.get_block_by_header(self._chain.get_canonical_head())

    def block(self, number: int) -> BlockAPI | None:
        """The block of this number, if there is one."""
        with self._turn, suppress(HeaderNotFound):
            return self._chain.get_canonical_block_by_number(BlockNumber(number))
        return None

    def block_by_hash(self, block_hash: bytes) -> BlockAPI | None:
        """The block with this hash, if there is one."""
        with self._turn, suppress(HeaderNotFound):
            return self._chain.get_block_by_hash(Hash32(block_hash))
        return None

    def receipts(self, block: BlockAPI) -> tuple[ReceiptAPI, ...]:
        """The receipts of a block, one for each of its transactions."""
        with self._turn:
            return tuple(block.get_receipts(self._chain.chaindb))

    def transaction_place(self, transaction: bytes) -> tuple[BlockAPI, int] | None:
        """The block that holds a transaction, and its index there."""
        with self._turn, suppress(TransactionNotFound):
            number, index = self._chain.get_canonical_transaction_index(Hash32(transaction))
            return self._chain.get_canonical_block_by_number(number), index
        return None

    def logs(self, wanted: LogFilter, limit: int) -> list[ChainLog]:
        """The logs that the filter matches, oldest first, at most `limit` of them."""
        where = ["address = ?", "block between ? and ?"]
        values: list[object] = [wanted.address, wanted.first, wanted.last]
        for position, topic in enumerate(wanted.topics):
            if topic is not None:
                where.append(f"topic{position} = ?")
                values.append(topic)
        with self._turn:
            rows = self._database.connection.execute(
                "select block, block_hash, position, address, topic0, topic1, topic2, topic3, data, tx, tx_index"  # noqa: S608 - columns only
                f" from log where {' and '.join(where)} order by block, position limit ?",
                [*values, limit],
            ).fetchall()
        return [
            ChainLog(
                block=row[0],
                block_hash=row[1],
                position=row[2],
                address=row[3],
                topics=tuple(topic for topic in row[4:8] if topic is not None),
                data=row[8],
                transaction=row[9],
                transaction_index=row[10],
            )
            for row in rows
        ]

    def code(self, address: bytes, at: BlockHeaderAPI) -> bytes:
        """A contract's code."""
        with self._turn:
            return self._chain.get_vm(at).state.get_code(Address(address))

    def nonce(self, address: bytes, at: BlockHeaderAPI) -> int:
        """How many transactions of an account were mined."""
        with self._turn:
            return self._chain.get_vm(at).state.get_nonce(Address(address))

    def balance(self, address: bytes, at: BlockHeaderAPI) -> int:
        """An account's wei."""
        with self._turn:
            return self._chain.get_vm(at).state.get_balance(Address(address))

    def call(self, sender: bytes, to: bytes, data: bytes, gas: int, at: BlockHeaderAPI) -> tuple[bytes, int]:
        """Run a contract and forget what it changed: its output and the gas it used.  CallFailed where it reverts."""
        with self._turn:
            vm = self._chain.get_vm(at)
            result = vm.execute_bytecode(
                Address(sender),
                gas_price=0,
                gas=gas,
                to=Address(to),
                sender=Address(sender),
                value=0,
                data=data,
                code=vm.state.get_code(Address(to)),
                code_address=Address(to),
            )
            if result.is_error:
                raise CallFailed(REVERTED, "execution reverted", bytes(result.output))
            return bytes(result.output), result.get_gas_used()

    def send(self, raw: bytes) -> Hash:
        """Mine a raw transaction into a block of its own; when this returns, the block is durable.

        CallFailed says why not: "already known", "nonce too low" or "too high", another chain's id, no funds for it.
        """
        with self._turn:
            transaction = self._decode(raw)
            head = self._chain.get_canonical_head()
            if self.transaction_place(transaction.hash) is not None:
                raise CallFailed(SERVER_ERROR, "already known")
            nonce = self.nonce(transaction.sender, head)
            if transaction.nonce != nonce:
                word = "low" if transaction.nonce < nonce else "high"
                raise CallFailed(SERVER_ERROR, f"nonce too {word}: {transaction.nonce}, the next is {nonce}")
            cost = transaction.value + transaction.gas * transaction.max_fee_per_gas
            if self.balance(transaction.sender, head) < cost:
                raise CallFailed(SERVER_ERROR, f"insufficient funds: the transaction may cost {cost} wei")
            self._mine(transaction, head)
            return Hash(transaction.hash)

    def _decode(self, raw: bytes) -> SignedTransactionAPI:
        try:
            transaction = self._chain.get_vm().get_transaction_builder().decode(raw)
            # py-evm takes a transaction of any chain; a transaction without an id would be good on every chain.
            if transaction.chain_id != self.chain_id:
                raise CallFailed(SERVER_ERROR, f"invalid chain id for signer: this is chain {self.chain_id}")
            transaction.validate()
            # Recovers the key, which is what fails if the signature is no signature.
            _ = transaction.sender
        except (PyEVMError, RLPException, ValidationError, ValueError, IndexError, TypeError) as problem:
            raise CallFailed(INVALID_PARAMS, f"not a signed transaction: {problem}") from problem
        return transaction

    def _mine(self, transaction: SignedTransactionAPI, head: BlockHeaderAPI) -> None:
        try:
            with self._database.transaction() as connection:
                self._chain.set_header_timestamp(max(int(self._clock()), head.timestamp + 1))
                imported, receipts, _ = self._chain.mine_all([transaction])
                block = imported.imported_block
                logs = [log for receipt in receipts for log in receipt.logs]
                connection.executemany(
                    "insert into log values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    [
                        (block.number, position, log.address, *_four_topics(log.topics), log.data, block.hash,
                         transaction.hash, 0)
                        for position, log in enumerate(logs)
                    ],
                )  # fmt: skip
        except BaseException as problem:
            # The file is as before; what py-evm holds in memory may be ahead of it.
            self._chain = _chain_class(self.chain_id)(AtomicDB(self._database))
            if isinstance(problem, ValidationError):
                raise CallFailed(SERVER_ERROR, str(problem)) from problem
            raise


def _four_topics(topics: Sequence[int]) -> list[bytes | None]:
    words: list[bytes | None] = [topic.to_bytes(32, "big") for topic in topics]
    return words + [None] * (4 - len(words))


def _chain_class(chain: int) -> type[MiningChain]:
    class DevelopmentChain(MiningChain):
        chain_id = chain
        vm_configuration = ((BlockNumber(0), PragueVM),)

        def create_header_from_parent(
            self, parent_header: BlockHeaderAPI, **header_params: HeaderParams
        ) -> BlockHeaderAPI:
            # The gas limit stays what it is; py-evm would lower it, block by block.
            params: dict[str, HeaderParams] = {**header_params, "gas_limit": parent_header.gas_limit}
            return super().create_header_from_parent(parent_header, **params)

    return DevelopmentChain


def _write_genesis(database: Database, chain_id: int, accounts: Sequence[bytes], timestamp: int) -> None:
    artefact = read_artefact()
    state = {
        Address(PrivateKey(key).public_key.to_canonical_address()): AccountDetails(
            balance=_FUNDS, nonce=0, code=b"", storage={}
        )
        for key in accounts
    }
    state[Address(artefact.factory)] = AccountDetails(balance=0, nonce=1, code=artefact.factory_code, storage={})
    header: dict[str, HeaderParams] = {
        "coinbase": Address(bytes(20)),
        "difficulty": 0,
        "extra_data": b"",
        "gas_limit": _GAS_LIMIT,
        "mix_hash": bytes(32),
        "nonce": POST_MERGE_NONCE,
        "timestamp": timestamp,
    }
    _chain_class(chain_id).from_genesis(AtomicDB(database), header, state)
