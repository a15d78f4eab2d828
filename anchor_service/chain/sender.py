"""Transactions of one account: fees, nonce and signature are made here, and handed to every node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from eth_account import Account
from eth_utils.address import to_checksum_address

from anchor_service.chain.blocks import as_object
from anchor_service.chain.jsonrpc import parse_quantity, print_bytes
from anchor_service.chain.rpc import Rpc, understood
from anchor_service.ports import CallFailed, CannotPay, ChainUnavailable, SignedTransaction
from anchor_service.protocol.hashes import Hash

_DEFAULT_TIP: Final = 1_500_000_000
"""Wei per gas where a node suggests nothing."""

# What nodes say of a transaction that they have, or that another of the same nonce has overtaken: whether ours is in is
# for the follower to find, by all its hashes.
_RECONCILE: Final = (
    "already known",
    "already imported",
    "alreadyknown",
    "known transaction",
    "nonce too low",
    "nonce_too_low",
    "oldnonce",
    "replacement transaction underpriced",
    "replacement_underpriced",
)
_CANNOT_PAY: Final = (
    "insufficient funds",
    "less than block base fee",
    "feetoolow",
    "transaction underpriced",
    "upfront",
)


@dataclass(frozen=True, slots=True)
class FeeLimits:
    """What a transaction may cost at most: `max_fee` in wei per gas, `max_gas` in gas."""

    max_fee: int = 500 * 10**9
    max_gas: int = 2_000_000


def address_of(key: bytes) -> bytes:
    """Return the 20-byte address of this private key's account."""
    return bytes.fromhex(Account.from_key(key).address[2:])


class Sender:
    """One account's transactions, on the chain with this id."""

    def __init__(self, rpc: Rpc, key: bytes, chain_id: int, limits: FeeLimits) -> None:
        self._rpc = rpc
        self._account = Account.from_key(key)
        self._chain_id = chain_id
        self._limits = limits
        self.address = address_of(key)

    def prepare(self, to: bytes, data: bytes, replaces: SignedTransaction | None = None) -> SignedTransaction:
        """Sign a transaction without sending it.

        Its nonce is the lowest that no mined transaction has used, or that of `replaces`, whose two fee caps it then
        raises by at least 12.5 %.  CannotPay where the ceilings or the account's balance do not allow it; CallFailed
        where the contract reverts.
        """
        nonce = self._nonce() if replaces is None else replaces.nonce
        gas = self._gas(to, data)
        fields, max_fee, priority_fee = self._fees(replaces)
        with understood():
            balance = parse_quantity(
                self._rpc.read("eth_getBalance", [print_bytes(self.address), "latest"]), "eth_getBalance"
            )
        if balance < gas * max_fee:
            raise CannotPay("funds", f"{print_bytes(self.address)} holds {balance} wei and may need {gas * max_fee}")
        signed = self._account.sign_transaction(
            {
                "chainId": self._chain_id,
                "nonce": nonce,
                "to": to_checksum_address(to),
                "data": print_bytes(data),
                "value": 0,
                "gas": gas,
                **fields,
            }
        )
        raw = bytes(signed.raw_transaction)
        if Account.recover_transaction(raw) != self._account.address:
            raise AssertionError("a signature that is not the account's")
        return SignedTransaction(Hash(bytes(signed.hash)), raw, nonce, max_fee, priority_fee)

    def send(self, transaction: SignedTransaction) -> None:
        """Hand the raw bytes to all nodes; it is enough that one takes them, or has them.

        CannotPay where the fee or the balance is too low at all nodes that answer; ChainUnavailable where none takes
        it for another reason, with what it said.
        """
        outcomes = self._rpc.tell("eth_sendRawTransaction", [print_bytes(transaction.raw)])
        refusals: list[CannotPay | ChainUnavailable] = []
        for outcome in outcomes:
            match outcome:
                case ChainUnavailable():
                    refusals.append(outcome)
                case CallFailed(message=message):
                    refusal = _refusal(message)
                    if refusal is None:
                        return
                    refusals.append(refusal)
                case _ if outcome == print_bytes(transaction.hash):
                    return
                case _:
                    refusals.append(ChainUnavailable("node_nonsense", "a node names another transaction than ours"))
        raise next((refusal for refusal in refusals if isinstance(refusal, CannotPay)), refusals[0])

    def _nonce(self) -> int:
        # A node that lags counts fewer.
        counts = self._rpc.read_all("eth_getTransactionCount", [print_bytes(self.address), "latest"])
        with understood():
            return max(parse_quantity(count, "eth_getTransactionCount") for count in counts)

    def _gas(self, to: bytes, data: bytes) -> int:
        call = {"from": print_bytes(self.address), "to": print_bytes(to), "data": print_bytes(data)}
        # In the newest block: nodes default to the pending one, where a transaction of ours that this one replaces may
        # have made the call cheap.
        with understood():
            gas = parse_quantity(self._rpc.read("eth_estimateGas", [call, "latest"]), "eth_estimateGas") * 5 // 4
        if gas > self._limits.max_gas:
            raise CannotPay("gas_ceiling", f"{gas} gas are more than the ceiling of {self._limits.max_gas}")
        return gas

    def _fees(self, replaces: SignedTransaction | None) -> tuple[Mapping[str, int], int, int]:
        """The fee members of the transaction, and its two caps."""
        with understood():
            head = as_object(self._rpc.read("eth_getBlockByNumber", ["latest", False]), "a block")
            base = None if head.get("baseFeePerGas") is None else parse_quantity(head["baseFeePerGas"], "baseFeePerGas")
        if base is None:
            return self._legacy_fee(replaces)
        if base > self._limits.max_fee:
            raise CannotPay("fee_ceiling", f"the base fee, {base}, is above the ceiling of {self._limits.max_fee}")
        tip = self._tip()
        # Twice the base fee outlasts six full blocks.
        max_fee = min(2 * base + tip, self._limits.max_fee)
        priority_fee = min(tip, max_fee)
        if replaces is not None:
            max_fee = max(max_fee, _raised(replaces.max_fee))
            priority_fee = max(priority_fee, _raised(replaces.priority_fee))
        if max(max_fee, priority_fee) > self._limits.max_fee:
            raise CannotPay("fee_ceiling", f"replacing needs a fee above the ceiling of {self._limits.max_fee}")
        max_fee = max(max_fee, priority_fee)
        return {"maxFeePerGas": max_fee, "maxPriorityFeePerGas": priority_fee, "type": 2}, max_fee, priority_fee

    def _legacy_fee(self, replaces: SignedTransaction | None) -> tuple[Mapping[str, int], int, int]:
        with understood():
            price = parse_quantity(self._rpc.read("eth_gasPrice", []), "eth_gasPrice")
        price = price if replaces is None else max(price, _raised(replaces.max_fee))
        if price > self._limits.max_fee:
            raise CannotPay("fee_ceiling", f"the gas price, {price}, is above the ceiling of {self._limits.max_fee}")
        return {"gasPrice": price}, price, price

    def _tip(self) -> int:
        try:
            suggested = self._rpc.read("eth_maxPriorityFeePerGas", [])
        except CallFailed:
            return _DEFAULT_TIP
        with understood():
            return parse_quantity(suggested, "eth_maxPriorityFeePerGas")


def _raised(fee: int) -> int:
    """At least 12.5 % more, and at least one wei."""
    return fee + max(-(-fee // 8), 1)


def _refusal(message: str) -> CannotPay | ChainUnavailable | None:
    """What a node's refusal means; None where the transaction is known, or overtaken."""
    said = message.lower()
    if any(words in said for words in _RECONCILE):
        return None
    if any(words in said for words in _CANNOT_PAY):
        return CannotPay("node_refused", message)
    return ChainUnavailable("node_refused", message)
