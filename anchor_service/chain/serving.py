"""The embedded chain as a JSON-RPC node: `EmbeddedNode` for our own anchoring, `ReadOnlyNode` for everybody."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from eth.abc import BlockAPI, BlockHeaderAPI, LogAPI

from anchor_service.chain.embedded import ChainLog, EmbeddedChain, LogFilter
from anchor_service.chain.jsonrpc import (
    INVALID_PARAMS,
    LIMIT_EXCEEDED,
    METHOD_NOT_FOUND,
    parse_bytes,
    parse_quantity,
    print_bytes,
    print_quantity,
)
from anchor_service.ports import CallFailed
from anchor_service.protocol.errors import Malformed

MAX_LOGS: Final = 1_000
"""Logs in one answer."""
MAX_CALLDATA: Final = 65_536
"""Bytes of a transaction or call."""
_CALL_GAS: Final = 10_000_000
_READ_ONLY_GAS: Final = 2_000_000
_READ_ONLY_CALLDATA: Final = 4_096
_PRIORITY_FEE: Final = 10**9

_Params = Sequence[object]


class EmbeddedNode:
    """Every method that anchoring needs, over one open chain."""

    def __init__(self, chain: EmbeddedChain) -> None:
        self._chain = chain
        self._methods: Mapping[str, Callable[[_Params], object]] = {
            "eth_blockNumber": self._block_number,
            "eth_call": self._call,
            "eth_chainId": self._chain_id,
            "eth_estimateGas": self._estimate_gas,
            "eth_getBalance": self._get_balance,
            "eth_getBlockByHash": self._get_block_by_hash,
            "eth_getBlockByNumber": self._get_block_by_number,
            "eth_getBlockReceipts": self._get_block_receipts,
            "eth_getCode": self._get_code,
            "eth_getLogs": self._get_logs,
            "eth_getTransactionCount": self._get_transaction_count,
            "eth_getTransactionReceipt": self._get_transaction_receipt,
            "eth_maxPriorityFeePerGas": self._max_priority_fee,
            "eth_sendRawTransaction": self._send_raw_transaction,
        }

    def call(self, method: str, params: _Params) -> object:
        """Answer one call with its JSON result; CallFailed says why not."""
        answer = self._methods.get(method)
        if answer is None:
            raise CallFailed(METHOD_NOT_FOUND, f"the method {method[:64]} is not served")
        try:
            return answer(params)
        except Malformed as problem:
            raise CallFailed(INVALID_PARAMS, problem.message) from problem

    def _chain_id(self, params: _Params) -> object:
        _take(params, 0)
        return print_quantity(self._chain.chain_id)

    def _block_number(self, params: _Params) -> object:
        _take(params, 0)
        return print_quantity(self._chain.head().number)

    def _get_block_by_number(self, params: _Params) -> object:
        where, full = _take(params, 2)
        block = self._block_at(where)
        return None if block is None else _block_json(block, full)

    def _get_block_by_hash(self, params: _Params) -> object:
        block_hash, full = _take(params, 2)
        block = self._chain.block_by_hash(parse_bytes(block_hash, "block hash", 32))
        return None if block is None else _block_json(block, full)

    def _get_block_receipts(self, params: _Params) -> object:
        block = self._block_at(_take(params, 1)[0])
        return None if block is None else self._receipts_json(block)

    def _get_transaction_receipt(self, params: _Params) -> object:
        place = self._chain.transaction_place(parse_bytes(_take(params, 1)[0], "transaction hash", 32))
        if place is None:
            return None
        block, index = place
        return self._receipts_json(block)[index]

    def _get_logs(self, params: _Params) -> object:
        wanted = self._parse_filter(_take(params, 1)[0])
        logs = self._chain.logs(wanted, MAX_LOGS + 1)
        if len(logs) > MAX_LOGS:
            raise CallFailed(LIMIT_EXCEEDED, f"more than {MAX_LOGS} logs: ask for fewer blocks")
        return [_log_json(log) for log in logs]

    def _get_code(self, params: _Params) -> object:
        address, where = _take(params, 2)
        return print_bytes(self._chain.code(parse_bytes(address, "address", 20), self._header_at(where)))

    def _get_transaction_count(self, params: _Params) -> object:
        address, where = _take(params, 2)
        return print_quantity(self._chain.nonce(parse_bytes(address, "address", 20), self._header_at(where)))

    def _get_balance(self, params: _Params) -> object:
        address, where = _take(params, 2)
        return print_quantity(self._chain.balance(parse_bytes(address, "address", 20), self._header_at(where)))

    def _call(self, params: _Params) -> object:
        call, where = _take(params, 2)
        sender, to, data = parse_call(call)
        return print_bytes(self._chain.call(sender, to, data, _CALL_GAS, self._header_at(where))[0])

    def _estimate_gas(self, params: _Params) -> object:
        call, where = _take(params, 2)
        sender, to, data = parse_call(call)
        _, used = self._chain.call(sender, to, data, _CALL_GAS, self._header_at(where))
        zeros = data.count(0)
        others = len(data) - zeros
        # A call keeps a 64th of the gas from the call inside it; the other line is the floor of EIP-7623.
        run = 21_000 + 4 * zeros + 16 * others + used + used // 63
        return print_quantity(max(run, 21_000 + 10 * zeros + 40 * others))

    def _max_priority_fee(self, params: _Params) -> object:
        _take(params, 0)
        return print_quantity(_PRIORITY_FEE)

    def _send_raw_transaction(self, params: _Params) -> object:
        raw = parse_bytes(_take(params, 1)[0], "transaction")
        if len(raw) > MAX_CALLDATA:
            raise CallFailed(INVALID_PARAMS, f"a transaction is at most {MAX_CALLDATA} bytes")
        return print_bytes(self._chain.send(raw))

    def _block_at(self, where: object) -> BlockAPI | None:
        # Every block is final as soon as it is there.
        if where in ("latest", "safe", "finalized", "pending"):
            return self._chain.head()
        number = 0 if where == "earliest" else parse_quantity(where, "block number")
        return self._chain.block(number)

    def _header_at(self, where: object) -> BlockHeaderAPI:
        block = self._block_at(where)
        if block is None:
            raise CallFailed(INVALID_PARAMS, "there is no such block")
        return block.header

    def _parse_filter(self, value: object) -> LogFilter:
        if not isinstance(value, dict) or set(value) - {"fromBlock", "toBlock", "blockHash", "address", "topics"}:
            raise Malformed("rpc_value", "expected a filter of fromBlock, toBlock, blockHash, address, topics")
        topics = value.get("topics", [])
        if not isinstance(topics, list) or len(topics) > 4:
            raise Malformed("rpc_value", "topics: expected at most four")
        if "blockHash" in value:
            block = self._chain.block_by_hash(parse_bytes(value["blockHash"], "blockHash", 32))
            if block is None:
                raise CallFailed(INVALID_PARAMS, "there is no such block")
            first, last = int(block.number), int(block.number)
        else:
            head = int(self._chain.head().number)
            first, last = (
                head if where in ("latest", "safe", "finalized", "pending")
                else 0 if where == "earliest"
                else min(parse_quantity(where, "block number"), head + 1)
                for where in (value.get("fromBlock", "latest"), value.get("toBlock", "latest"))
            )  # fmt: skip
        return LogFilter(
            first,
            last,
            parse_bytes(_only(value.get("address"), "address"), "address", 20),
            tuple(None if topic is None else parse_bytes(_only(topic, "topic"), "topic", 32) for topic in topics),
        )

    def _receipts_json(self, block: BlockAPI) -> list[dict[str, object]]:
        receipts = self._chain.receipts(block)
        answers: list[dict[str, object]] = []
        position = gas_before = 0
        for index, (transaction, receipt) in enumerate(zip(block.transactions, receipts, strict=True)):
            logs = [
                _log_json(_chain_log(block, log, position + offset, transaction.hash, index))
                for offset, log in enumerate(receipt.logs)
            ]
            price = block.header.base_fee_per_gas or 0
            tip = min(transaction.max_priority_fee_per_gas, transaction.max_fee_per_gas - price)
            answers.append(
                {
                    "blockHash": print_bytes(block.hash),
                    "blockNumber": print_quantity(block.number),
                    "contractAddress": None,
                    "cumulativeGasUsed": print_quantity(receipt.gas_used),
                    "effectiveGasPrice": print_quantity(price + tip),
                    "from": print_bytes(transaction.sender),
                    "gasUsed": print_quantity(receipt.gas_used - gas_before),
                    "logs": logs,
                    "logsBloom": print_bytes(receipt.bloom.to_bytes(256, "big")),
                    "status": print_quantity(int.from_bytes(receipt.state_root, "big")),
                    "to": print_bytes(transaction.to) if transaction.to else None,
                    "transactionHash": print_bytes(transaction.hash),
                    "transactionIndex": print_quantity(index),
                    "type": print_quantity(transaction.type_id or 0),
                }
            )
            position += len(logs)
            gas_before = receipt.gas_used
        return answers


class ReadOnlyNode:
    """What a verifier asks and no more, for anybody: blocks, logs and receipts, and reading calls to the registry."""

    _SERVED: Final = frozenset(
        {
            "eth_blockNumber",
            "eth_call",
            "eth_chainId",
            "eth_getBlockByHash",
            "eth_getBlockByNumber",
            "eth_getLogs",
            "eth_getTransactionReceipt",
        }
    )

    def __init__(self, chain: EmbeddedChain, registry: bytes) -> None:
        self._chain = chain
        self._node = EmbeddedNode(chain)
        self._registry = registry

    def call(self, method: str, params: Sequence[object]) -> object:
        """Answer one call with its JSON result; CallFailed for a method or parameter that is not served."""
        if method not in self._SERVED:
            raise CallFailed(METHOD_NOT_FOUND, f"the method {method[:64]} is not served")
        if method == "eth_call":
            return self._call_registry(params)
        return self._node.call(method, params)

    def _call_registry(self, params: Sequence[object]) -> object:
        try:
            call, where = _take(params, 2)
            sender, to, data = parse_call(call)
        except Malformed as problem:
            raise CallFailed(INVALID_PARAMS, problem.message) from problem
        if to != self._registry or len(data) > _READ_ONLY_CALLDATA:
            raise CallFailed(INVALID_PARAMS, f"only calls to the registry are served, of {_READ_ONLY_CALLDATA} bytes")
        if where not in ("latest", "safe", "finalized"):
            raise CallFailed(INVALID_PARAMS, "calls are served in the newest block only")
        output, _ = self._chain.call(sender, to, data, _READ_ONLY_GAS, self._chain.head().header)
        return print_bytes(output)


def parse_call(value: object) -> tuple[bytes, bytes, bytes]:
    """Read a call's sender (zeros by default), contract and data; what would move money or cap gas is left aside."""
    if not isinstance(value, dict):
        raise Malformed("rpc_value", "expected a call")
    data = parse_bytes(value.get("data", value.get("input", "0x")), "data")
    if len(data) > MAX_CALLDATA:
        raise Malformed("rpc_value", f"data: at most {MAX_CALLDATA} bytes")
    sender = parse_bytes(value.get("from", "0x" + "00" * 20), "from", 20)
    return sender, parse_bytes(value.get("to"), "to", 20), data


def _take(params: Sequence[object], count: int) -> Sequence[object]:
    if len(params) != count:
        raise Malformed("rpc_value", f"expected {count} parameters")
    return params


def _only(value: object, where: str) -> object:
    """A value, or the array of one that some clients make of it."""
    if not isinstance(value, list):
        return value
    if len(value) != 1:
        raise Malformed("rpc_value", f"{where}: one value is served, not several")
    return value[0]


def _block_json(block: BlockAPI, full: object) -> dict[str, object]:
    if full is not False:
        raise Malformed("rpc_value", "blocks are served with the hashes of their transactions only")
    header: Any = block.header  # a Prague header: py-evm declares the fields of older ones only
    return {
        "baseFeePerGas": print_quantity(header.base_fee_per_gas or 0),
        "blobGasUsed": print_quantity(header.blob_gas_used),
        "difficulty": print_quantity(header.difficulty),
        "excessBlobGas": print_quantity(header.excess_blob_gas),
        "extraData": print_bytes(header.extra_data),
        "gasLimit": print_quantity(header.gas_limit),
        "gasUsed": print_quantity(header.gas_used),
        "hash": print_bytes(header.hash),
        "logsBloom": print_bytes(header.bloom.to_bytes(256, "big")),
        "miner": print_bytes(header.coinbase),
        "mixHash": print_bytes(header.mix_hash),
        "nonce": print_bytes(header.nonce),
        "number": print_quantity(header.block_number),
        "parentBeaconBlockRoot": print_bytes(header.parent_beacon_block_root),
        "parentHash": print_bytes(header.parent_hash),
        "receiptsRoot": print_bytes(header.receipt_root),
        "requestsHash": print_bytes(header.requests_hash),
        "sha3Uncles": print_bytes(header.uncles_hash),
        "stateRoot": print_bytes(header.state_root),
        "timestamp": print_quantity(header.timestamp),
        "transactions": [print_bytes(transaction.hash) for transaction in block.transactions],
        "transactionsRoot": print_bytes(header.transaction_root),
        "uncles": [],
        "withdrawals": [],
        "withdrawalsRoot": print_bytes(header.withdrawals_root),
    }


def _chain_log(block: BlockAPI, log: LogAPI, position: int, transaction: bytes, index: int) -> ChainLog:
    topics = tuple(topic.to_bytes(32, "big") for topic in log.topics)
    return ChainLog(block.number, block.hash, position, log.address, topics, log.data, transaction, index)


def _log_json(log: ChainLog) -> dict[str, object]:
    return {
        "address": print_bytes(log.address),
        "blockHash": print_bytes(log.block_hash),
        "blockNumber": print_quantity(log.block),
        "data": print_bytes(log.data),
        "logIndex": print_quantity(log.position),
        "removed": False,
        "topics": [print_bytes(topic) for topic in log.topics],
        "transactionHash": print_bytes(log.transaction),
        "transactionIndex": print_quantity(log.transaction_index),
    }
