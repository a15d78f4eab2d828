"""What a verifier trusts: always the verifier's own input, never read from a proof (SPEC 14.5)."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from anchor_service.protocol.anchor import parse_address, print_address
from anchor_service.protocol.canonical import JSON, parse_json
from anchor_service.protocol.errors import Altered, Malformed
from anchor_service.protocol.event import BlockId, parse_name
from anchor_service.protocol.hashes import Hash, LogId, parse_hash
from anchor_service.protocol.note import VerifierKey, parse_vkey, print_vkey, verify_note
from anchor_service.protocol.receipt import receipts_origin
from anchor_service.protocol.shape import VERSION, document, flag, items, members, text, whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from anchor_service.protocol.checkpoint import Checkpoint

FORMAT: Final = "sealtrail/policy"
MAX_POLICY: Final = 2**20
MAX_BLOCKS: Final = 100_000
MAX_KEYS: Final = 100
MAX_RPC: Final = 20
_URL: Final = re.compile(r"(?:https?://[\x21-\x7e]+|/[\x21-\x7e]*)", re.ASCII)


@dataclass(frozen=True, slots=True)
class LogKey:
    """A key of the log and the checkpoint sizes that it may sign: from ≤ size ≤ until."""

    key: VerifierKey
    first: int
    last: int | None

    def covers(self, size: int) -> bool:
        """Say whether this key may sign a checkpoint of this size."""
        return self.first <= size and (self.last is None or size <= self.last)


@dataclass(frozen=True, slots=True)
class ChainPolicy:
    """Which chain and registry count, when a block is final there, and whether it is a development chain."""

    id: int
    name: str
    registry: bytes
    finality: int | Literal["finalized"]
    test: bool


@dataclass(frozen=True, slots=True)
class NodePolicy:
    """A node that may be asked; one that the log's operator runs counts on test chains alone."""

    url: str
    operator: bool


@dataclass(frozen=True, slots=True)
class Policy:
    """What a verifier trusts.  `max_age` in seconds; `tenants` None: any tenant, shown by its id."""

    origin: str
    log: LogId
    log_keys: tuple[LogKey, ...]
    receipt_keys: tuple[VerifierKey, ...]
    tenants: Mapping[str, str] | None
    actors: Mapping[str, str]
    chain: ChainPolicy
    blocks: tuple[BlockId, ...]
    rpc: tuple[NodePolicy, ...]
    max_age: int | None

    def trusting(self, blocks: Iterable[BlockId]) -> Policy:
        """Return this policy with more trusted blocks."""
        return replace(self, blocks=(*self.blocks, *blocks))


_MEMBERS: Final = (
    *("actors", "blocks", "chain", "format", "log", "log_keys", "max_age", "origin", "receipt_keys"),
    *("rpc", "tenants", "v"),
)


def parse_policy(raw: bytes) -> Policy:
    """Read a policy; its layout is free, its members are not.  Malformed says where it differs."""
    if len(raw) > MAX_POLICY:
        raise Malformed("policy_size", f"a policy has at most {MAX_POLICY} bytes")
    top = members(document(parse_json(raw), FORMAT), _MEMBERS, "policy")
    log = LogId(parse_hash(top["log"], "log"))
    origin = text(top["origin"], "origin")
    if not origin.endswith(f"/{log.hex()}"):
        raise Malformed("origin", "the origin does not end in a slash and the log id")
    max_age = top["max_age"]
    return Policy(
        origin=origin,
        log=log,
        log_keys=tuple(
            _log_key(key, origin, f"log_keys[{at}]")
            for at, key in enumerate(items(top["log_keys"], MAX_KEYS, "log_keys", 1))
        ),
        receipt_keys=tuple(
            _key(key, receipts_origin(origin), f"receipt_keys[{at}]")
            for at, key in enumerate(items(top["receipt_keys"], MAX_KEYS, "receipt_keys"))
        ),
        tenants=None if top["tenants"] is None else _names(top["tenants"], "tenants"),
        actors=_actors(top["actors"]),
        chain=_chain(top["chain"]),
        blocks=tuple(
            _block(block, f"blocks[{at}]") for at, block in enumerate(items(top["blocks"], MAX_BLOCKS, "blocks"))
        ),
        rpc=tuple(_node(node, f"rpc[{at}]") for at, node in enumerate(items(top["rpc"], MAX_RPC, "rpc"))),
        max_age=None if max_age is None else whole(max_age, "max_age"),
    )


def _log_key(value: JSON, origin: str, where: str) -> LogKey:
    key = members(value, ("from", "key", "until"), where)
    last = key["until"]
    return LogKey(
        _key(key["key"], origin, f"{where}.key"),
        whole(key["from"], f"{where}.from"),
        None if last is None else whole(last, f"{where}.until"),
    )


def _names(value: JSON, where: str) -> dict[str, str]:
    if not isinstance(value, dict):
        raise Malformed("shape", f"{where}: expected an object")
    return {parse_name(name, where): text(shown, f"{where}.{name[:80]}") for name, shown in value.items()}


def _actors(value: JSON) -> dict[str, str]:
    if not isinstance(value, dict):
        raise Malformed("shape", "actors: expected an object")
    return {parse_hash(key, "actors").hex(): text(shown, f"actors.{key}") for key, shown in value.items()}


def _key(value: JSON, name: str, where: str) -> VerifierKey:
    key = parse_vkey(value, where)
    if key.name != name:
        raise Malformed("key_name", f"{where}: the key's name is not {name}")
    return key


def _chain(value: JSON) -> ChainPolicy:
    chain = members(value, ("finality", "id", "name", "registry", "test"), "chain")
    finality = chain["finality"]
    return ChainPolicy(
        id=whole(chain["id"], "chain.id"),
        name=text(chain["name"], "chain.name"),
        registry=parse_address(chain["registry"], "chain.registry"),
        finality="finalized" if finality == "finalized" else whole(finality, "chain.finality"),
        test=flag(chain["test"], "chain.test"),
    )


def _block(value: JSON, where: str) -> BlockId:
    block = members(value, ("hash", "number"), where)
    return BlockId(whole(block["number"], f"{where}.number"), parse_block_hash(block["hash"], f"{where}.hash"))


def parse_block_hash(value: JSON, where: str) -> Hash:
    """Read a block hash as explorers show it: 0x and 64 hexadecimal digits."""
    if not isinstance(value, str) or not value.startswith("0x"):
        raise Malformed("hash_syntax", f"{where}: expected 0x and 64 lower-case hexadecimal digits")
    return parse_hash(value[2:], where)


def _node(value: JSON, where: str) -> NodePolicy:
    node = members(value, ("operator", "url"), where)
    url = text(node["url"], f"{where}.url")
    if not _URL.fullmatch(url):
        raise Malformed("url_syntax", f"{where}.url: expected http://…, https://… or a path of the page's server")
    return NodePolicy(url, flag(node["operator"], f"{where}.operator"))


def verify_checkpoint(checkpoint: Checkpoint, policy: Policy) -> None:
    """Prove that a log key that the policy allows for its size signed a checkpoint of the policy's log (SPEC 15.5).

    Altered (`origin`, `log_key`, `checkpoint_signature`).
    """
    if checkpoint.origin != policy.origin:
        raise Altered("origin", f"the checkpoint of size {checkpoint.size} is another log's")
    note = checkpoint.note
    for log_key in policy.log_keys:
        if (note.name, note.key_hash) == (log_key.key.name, log_key.key.hash) and log_key.covers(checkpoint.size):
            verify_note(note, log_key.key)
            return
    raise Altered("log_key", f"no key that the policy allows signed the checkpoint of size {checkpoint.size}")


def print_policy(policy: Policy) -> bytes:
    """Print a policy for people to compare: one member a line, ending in a newline."""
    printed: dict[str, JSON] = {
        "format": FORMAT,
        "v": VERSION,
        "origin": policy.origin,
        "log": policy.log.hex(),
        "log_keys": [{"key": print_vkey(key.key), "from": key.first, "until": key.last} for key in policy.log_keys],
        "receipt_keys": [print_vkey(key) for key in policy.receipt_keys],
        "tenants": None if policy.tenants is None else dict(policy.tenants),
        "actors": dict(policy.actors),
        "chain": {
            "id": policy.chain.id,
            "name": policy.chain.name,
            "registry": print_address(policy.chain.registry),
            "finality": policy.chain.finality,
            "test": policy.chain.test,
        },
        "blocks": [{"number": block.number, "hash": f"0x{block.hash.hex()}"} for block in policy.blocks],
        "rpc": [{"url": node.url, "operator": node.operator} for node in policy.rpc],
        "max_age": policy.max_age,
    }
    return json.dumps(printed, ensure_ascii=False, indent=2).encode() + b"\n"
