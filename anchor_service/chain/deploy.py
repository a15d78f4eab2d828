"""Setting up a log on a chain: the registry at the address that it has everywhere, and the log in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from web3.providers.base import JSONBaseProvider

from anchor_service.chain.artefact import read_artefact
from anchor_service.chain.contract import RegistryCodec
from anchor_service.chain.follower import Follower
from anchor_service.chain.jsonrpc import parse_bytes, print_bytes
from anchor_service.chain.rpc import Rpc, calls_answered, check_chain_id, understood
from anchor_service.chain.sender import FeeLimits, Sender
from anchor_service.ports import ChainRefused, ChainUnavailable
from anchor_service.protocol.anchor import log_id, print_address
from anchor_service.protocol.hashes import LogId

_POLL: Final = 0.5
_MAX_POLLS: Final = 600
"""Five minutes for a transaction to be mined."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """Where a log is; nothing was anchored in it before `first_block` (0 where it was found, not made)."""

    chain_id: int
    registry: bytes
    log: LogId
    owner: bytes
    first_block: int


def deploy(
    providers: Sequence[JSONBaseProvider],
    *,
    chain_id: int,
    owner_key: bytes,
    publisher: bytes,
    salt: bytes,
    sleep: Callable[[float], None],
    limits: FeeLimits | None = None,
) -> Deployment:
    """Deploy the registry where its code is absent, and create the owner's log of this salt where it is absent.

    Doing it again changes nothing, and finds the same log.  `publisher` is an address; a log of another publisher is
    ChainRefused (`not_publisher`), as is a chain of another id, one without the deterministic deployment factory
    (`no_factory`), or with other code where the registry belongs (`registry_code`).
    """
    rpc = Rpc(providers)
    check_chain_id(rpc, chain_id)
    artefact, codec = read_artefact(), RegistryCodec()
    sender = Sender(rpc, owner_key, chain_id, limits or FeeLimits())
    follower = Follower(rpc, artefact.address, 0, 0)
    first_block = 0
    log = log_id(chain_id, artefact.address, sender.address, salt)
    with calls_answered():
        if not _code(rpc, artefact.address):
            if _code(rpc, artefact.factory) == b"":
                raise ChainRefused("no_factory", f"the chain has no factory at {print_address(artefact.factory)}")
            _transact(sender, follower, artefact.factory, artefact.salt + artefact.bytecode, sleep)
        if _code(rpc, artefact.address) != artefact.runtime:
            raise ChainRefused("registry_code", f"{print_address(artefact.address)} does not hold the registry's code")
        found = _publisher(rpc, codec, artefact.address, log)
        if found == bytes(20):
            first_block = follower.newest().number
            _transact(sender, follower, artefact.address, codec.create_log(salt, publisher), sleep)
            found = _publisher(rpc, codec, artefact.address, log)
    if found != publisher:
        raise ChainRefused("not_publisher", f"the log's publisher is {print_address(found)}")
    return Deployment(chain_id, artefact.address, log, sender.address, first_block)


def _code(rpc: Rpc, address: bytes) -> bytes:
    with understood():
        return parse_bytes(rpc.read("eth_getCode", [print_bytes(address), "latest"]), "eth_getCode")


def _publisher(rpc: Rpc, codec: RegistryCodec, registry: bytes, log: LogId) -> bytes:
    return codec.read_publisher(rpc.call(bytes(20), registry, codec.publisher_of(log)))


def _transact(sender: Sender, follower: Follower, to: bytes, data: bytes, sleep: Callable[[float], None]) -> None:
    transaction = sender.prepare(to, data)
    sender.send(transaction)
    for _ in range(_MAX_POLLS):
        mined = follower.find(transaction.hash)
        if mined is not None and mined.succeeded:
            return
        if mined is not None:
            raise ChainRefused("reverted", f"transaction {print_bytes(transaction.hash)} failed")
        sleep(_POLL)
    raise ChainUnavailable("not_mined", f"transaction {print_bytes(transaction.hash)} was not mined in time")
