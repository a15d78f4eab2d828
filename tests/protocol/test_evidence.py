"""Chain evidence (SPEC 12): real blocks of py-evm and anvil, built tries, and every damage to them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import rlp
from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st
from trie.hexary import HexaryTrie

from anchor_service.chain.blocks import receipt_proof
from anchor_service.chain.contract import RegistryCodec
from anchor_service.chain.deploy import Deployment, deploy
from anchor_service.chain.embedded import DEVELOPMENT_CHAIN_ID, create_chain, open_chain
from anchor_service.chain.providers import NodeProvider
from anchor_service.chain.registry import RegistryChain
from anchor_service.chain.serving import EmbeddedNode
from anchor_service.ports import AnchorCall
from anchor_service.protocol.anchor import ANCHORED, keccak256, log_id, parse_address, print_address, word
from anchor_service.protocol.errors import Altered, Malformed, SealtrailError
from anchor_service.protocol.evidence import (
    AnchoredEvent,
    ChainEvidence,
    Rlp,
    read_anchored,
    read_header,
    read_rlp,
    verify_anchored,
)
from anchor_service.protocol.hashes import Hash, LogId
from tests.anvil import KEYS, Anvil, run_anvil

SIZE = 7
ROOT = Hash(b"\x5a" * 32)
OWNER, PUBLISHER, *OTHERS = KEYS


@dataclass(frozen=True, slots=True)
class Case:
    """True evidence, and what it shows."""

    evidence: ChainEvidence
    registry: bytes
    log: LogId
    block: Hash

    def verify(self, evidence: ChainEvidence) -> Hash:
        return verify_anchored(evidence, self.registry, self.log, SIZE, ROOT).hash


def address_of(key: bytes) -> bytes:
    return bytes.fromhex(Account.from_key(key).address[2:])


def set_up(provider: Any, chain_id: int, finality: Any) -> tuple[RegistryChain, Deployment]:
    place = deploy(
        [provider],
        chain_id=chain_id,
        owner_key=OWNER,
        publisher=address_of(PUBLISHER),
        salt=bytes(32),
        sleep=time.sleep,
    )
    chain = RegistryChain([provider], chain_id=chain_id, registry=place.registry, key=PUBLISHER, finality=finality)
    return chain, place


def embedded_case(folder: Path) -> Case:
    create_chain(folder / "chain.db", [OWNER, PUBLISHER], time.time)
    with open_chain(folder / "chain.db", time.time) as opened:
        chain, place = set_up(NodeProvider(EmbeddedNode(opened)), DEVELOPMENT_CHAIN_ID, 0)
        transaction = chain.prepare(AnchorCall(place.log, 0, SIZE, ROOT, ()))
        chain.send(transaction)
        mined = chain.find(transaction.hash)
        assert mined is not None
        evidence = chain.evidence(transaction.hash, mined.block, place.log, SIZE)
        return Case(evidence, place.registry, place.log, mined.block.hash)


def transfer(kind: int, key: bytes, nonce: int, chain_id: int) -> str:
    fields: dict[str, Any] = {"to": "0x" + "11" * 20, "value": 1, "nonce": nonce, "chainId": chain_id, "gas": 60_000}
    match kind:
        case 0:
            fields |= {"gasPrice": 10**11}
        case 1:
            fields |= {"type": 1, "gasPrice": 10**11, "accessList": [{"address": "0x" + "22" * 20, "storageKeys": []}]}
        case _:
            fields |= {"type": 2, "maxFeePerGas": 10**11, "maxPriorityFeePerGas": 10**10}
    return "0x" + bytes(Account.from_key(key).sign_transaction(fields).raw_transaction).hex()


def crowded_case(anvil: Anvil) -> Case:
    """One block with transactions of three types, ours somewhere among them."""
    chain, place = set_up(anvil.provider, anvil.chain_id, 0)
    anvil.call("evm_setAutomine", False)
    transaction = chain.prepare(AnchorCall(place.log, 0, SIZE, ROOT, ()))
    for key in OTHERS:
        for nonce in range(80):
            anvil.call("eth_sendRawTransaction", transfer(nonce % 3, key, nonce, anvil.chain_id))
    chain.send(transaction)
    anvil.call("evm_mine")
    mined = chain.find(transaction.hash)
    assert mined is not None
    block = anvil.call("eth_getBlockByNumber", hex(mined.block.number), False)
    assert len(block["transactions"]) == 161
    evidence = chain.evidence(transaction.hash, mined.block, place.log, SIZE)
    return Case(evidence, place.registry, place.log, mined.block.hash)


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Case]]:
    with ExitStack() as stack:
        anvils = [stack.enter_context(run_anvil(31337, hardfork=fork)) for fork in ("shanghai", "cancun", "prague")]
        yield [embedded_case(tmp_path_factory.mktemp("chain")), *(crowded_case(anvil) for anvil in anvils)]


def test_true_evidence_verifies(cases: list[Case]) -> None:
    for case in cases:
        header = verify_anchored(case.evidence, case.registry, case.log, SIZE, ROOT)
        assert header.hash == case.block
        assert header.timestamp > 1_700_000_000
    assert len({len(case.evidence.nodes) for case in cases}) > 1, "one trie shape only"


def test_every_changed_byte_is_noticed(cases: list[Case]) -> None:
    for case in (cases[0], cases[-1]):
        parts = [case.evidence.header, *case.evidence.nodes]
        for which, part in enumerate(parts):
            for place in range(len(part)):
                for change in (0x01, 0x80):
                    damaged = bytearray(part)
                    damaged[place] ^= change
                    changed = [*parts[:which], bytes(damaged), *parts[which + 1 :]]
                    try:
                        block = case.verify(ChainEvidence(changed[0], case.evidence.index, tuple(changed[1:])))
                    except (Malformed, Altered):
                        continue
                    # Of the header, most bytes matter to the block's hash alone.
                    assert which == 0
                    assert block != case.block


def test_every_truncation_is_noticed(cases: list[Case]) -> None:
    for case in (cases[0], cases[-1]):
        parts = [case.evidence.header, *case.evidence.nodes]
        for which, part in enumerate(parts):
            for end in range(len(part)):
                changed = [*parts[:which], part[:end], *parts[which + 1 :]]
                with pytest.raises((Malformed, Altered)):
                    case.verify(ChainEvidence(changed[0], case.evidence.index, tuple(changed[1:])))


def test_another_index_is_refused(cases: list[Case]) -> None:
    for case in cases:
        for index in {*range(300), 2**16, 2**24 - 1} - {case.evidence.index}:
            with pytest.raises(Altered, match=r"trie|Anchored|does not record") as caught:
                case.verify(replace(case.evidence, index=index))
            assert caught.value.code in ("receipt_root", "anchored_missing")
        for index in (-1, 2**24):
            with pytest.raises(Malformed):
                case.verify(replace(case.evidence, index=index))


def test_nodes_are_neither_missing_nor_left_over(cases: list[Case]) -> None:
    for case in cases:
        nodes = case.evidence.nodes
        for extra in ((*nodes, nodes[-1]), (*nodes, b""), (*nodes, b"\xc0")):
            with pytest.raises(Malformed, match="not used"):
                case.verify(replace(case.evidence, nodes=extra))
        for fewer in (nodes[:-1], nodes[1:], ()):
            with pytest.raises(Altered) as caught:
                case.verify(replace(case.evidence, nodes=fewer))
            assert caught.value.code == "receipt_root"


def test_another_claim_is_refused(cases: list[Case]) -> None:
    for case in cases:
        for registry, log, size, root in (
            (b"\x01" * 20, case.log, SIZE, ROOT),
            (case.registry, LogId(b"\x01" * 32), SIZE, ROOT),
            (case.registry, case.log, SIZE + 1, ROOT),
            (case.registry, case.log, SIZE, Hash(b"\x01" * 32)),
        ):
            with pytest.raises(Altered) as caught:
                verify_anchored(case.evidence, registry, log, size, root)
            assert caught.value.code == "anchored_missing"


# --- built receipts ---------------------------------------------------------------------------------------------------

REGISTRY = b"\xaa" * 20
LOG = LogId(b"\xbb" * 32)
ANCHOR_LOG = [REGISTRY, [bytes(ANCHORED), bytes(LOG), word(SIZE)], bytes(ROOT) + word(3)]
NOISE = [b"\xcc" * 20, [], b"noise"]


def header_of(root: bytes, later: Sequence[bytes] = ()) -> bytes:
    first = [b"\x01" * 32, b"\x02" * 32, b"\x03" * 20, b"\x04" * 32, b"\x05" * 32, root, bytes(256), b""]
    encoded: bytes = rlp.encode(
        [*first, b"\x09", b"\x01", b"\x01", b"\x65\x00\x00\x00", b"", bytes(32), bytes(8), *later]
    )
    return encoded


def receipt_of(logs: object, status: bytes = b"\x01", kind: bytes = b"\x02", more: Sequence[bytes] = ()) -> bytes:
    encoded: bytes = rlp.encode([status, b"\x52\x08", bytes(256), logs, *more])
    return kind + encoded


def evidence_of(receipts: Sequence[bytes], index: int, later: Sequence[bytes] = ()) -> ChainEvidence:
    trie = HexaryTrie({})
    for place, receipt in enumerate(receipts):
        trie[rlp.encode(place)] = receipt
    nodes = [rlp.encode(node) for node in trie.get_proof(rlp.encode(index))]  # type: ignore[no-untyped-call]
    listed = tuple(node for place, node in enumerate(nodes) if not place or len(node) >= 32)
    return ChainEvidence(header_of(trie.root_hash, later), index, listed)


def verify(evidence: ChainEvidence) -> None:
    header = verify_anchored(evidence, REGISTRY, LOG, SIZE, ROOT)
    assert header == read_header(evidence.header)
    assert (header.number, header.timestamp, header.hash) == (9, 0x65000000, keccak256(evidence.header))


@pytest.mark.parametrize("logs", [[ANCHOR_LOG], [NOISE, ANCHOR_LOG], [NOISE, NOISE, ANCHOR_LOG, NOISE]])
def test_the_log_is_found_wherever_it_is(logs: object) -> None:
    verify(evidence_of([receipt_of(logs)], 0))


@pytest.mark.parametrize("kind", [b"", b"\x01", b"\x02", b"\x03", b"\x04", b"\x7f"])
def test_receipts_of_all_types_are_read(kind: bytes) -> None:
    verify(evidence_of([receipt_of([ANCHOR_LOG], kind=kind)], 0))


def test_members_of_forks_to_come_are_left_aside() -> None:
    verify(evidence_of([receipt_of([ANCHOR_LOG], more=[b"\x07", b"\x01"])], 0))
    verify(evidence_of([receipt_of([ANCHOR_LOG])], 0, later=[b"\x07"] * 8))


def refused(evidence: ChainEvidence) -> tuple[type[SealtrailError], str]:
    with pytest.raises(SealtrailError) as caught:
        verify_anchored(evidence, REGISTRY, LOG, SIZE, ROOT)
    return type(caught.value), caught.value.code


@pytest.mark.parametrize("status", [b"", b"\x02", b"\x04" * 32])
def test_a_failed_transaction_shows_nothing(status: bytes) -> None:
    assert refused(evidence_of([receipt_of([ANCHOR_LOG], status=status)], 0)) == (Altered, "receipt_failed")


@pytest.mark.parametrize(
    "log",
    [
        NOISE,
        [b"\xab" * 20, *ANCHOR_LOG[1:]],
        [REGISTRY, [bytes(32), bytes(LOG), word(SIZE)], ANCHOR_LOG[2]],
        [REGISTRY, [bytes(ANCHORED), bytes(LOG)], ANCHOR_LOG[2]],
        [REGISTRY, [bytes(ANCHORED), bytes(LOG), word(SIZE), word(0)], ANCHOR_LOG[2]],
        [REGISTRY, [bytes(ANCHORED), bytes(LOG), word(SIZE)[1:]], ANCHOR_LOG[2]],
        [REGISTRY, [bytes(ANCHORED), bytes(LOG), word(SIZE + 2**64)], ANCHOR_LOG[2]],
        [REGISTRY, ANCHOR_LOG[1], bytes(ROOT)],
        [REGISTRY, ANCHOR_LOG[1], bytes(ROOT) + word(3) + b"\0"],
        [REGISTRY, ANCHOR_LOG[1], bytes(ROOT) + word(3), b""],
        b"",
        ANCHOR_LOG[1],
    ],
)
def test_a_log_that_only_looks_like_it(log: object) -> None:
    assert refused(evidence_of([receipt_of([log])], 0)) == (Altered, "anchored_missing")


@pytest.mark.parametrize(
    "receipt",
    [
        receipt_of(b"logs"),
        receipt_of([ANCHOR_LOG], kind=b"\x80"),
        receipt_of([ANCHOR_LOG], kind=b"\x00"),
        receipt_of([ANCHOR_LOG]) + b"\0",
        rlp.encode([b"\x01", b"\x01", bytes(256)]),
        rlp.encode(b"\x01" * 60),
        b"\x02",
    ],
)
def test_a_receipt_that_is_none(receipt: bytes) -> None:
    assert refused(evidence_of([receipt], 0)) == (Malformed, "evidence")


def test_what_a_log_says() -> None:
    item = read_rlp(rlp.encode(ANCHOR_LOG))
    assert read_anchored(item, REGISTRY) == AnchoredEvent(LOG, SIZE, ROOT, 3)
    assert read_anchored(item, b"\xab" * 20) is None


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"\x05",
        rlp.encode(b"\x01" * 500),
        rlp.encode([b"\x01"] * 14),
        rlp.encode([b"\x01" * 32] * 5 + [b"\x01" * 31] + [b"\x01"] * 9),
        rlp.encode([b"\x01" * 32] * 5 + [[b"\x01" * 32]] + [b"\x01"] * 9),
        rlp.encode([b"\x01" * 32] * 6 + [b"\x01"] * 2 + [b"\x00\x01"] + [b"\x01"] * 6),
        rlp.encode([b"\x01" * 32] * 6 + [b"\x01"] * 2 + [b"\x20" + bytes(6)] + [b"\x01"] * 6),
        rlp.encode([b"\x01" * 32] * 6 + [b"\x01"] * 2 + [b"\x01" * 9] + [b"\x01"] * 6),
        rlp.encode([b"\x01" * 32] * 6 + [b"\x01"] * 5 + [[b"\x01"]] + [b"\x01"] * 3),
        header_of(bytes(32)) + b"\0",
    ],
)
def test_a_header_that_is_none(header: bytes) -> None:
    with pytest.raises(Malformed) as caught:
        read_header(header)
    assert caught.value.code == "evidence"


def test_tries_of_every_size_and_shape() -> None:
    # Tiny neighbours are embedded in their parents; a receipt of ours never is.
    ours = receipt_of([ANCHOR_LOG])
    for size in (1, 2, 3, 15, 16, 17, 18, 127, 128, 129, 130, 200, 257, 300):
        for index in {0, 1, size // 2, size - 2, size - 1} & set(range(size)):
            receipts = [bytes([0xC1, 0x01 + place % 0x7E]) for place in range(size)]
            receipts[index] = ours
            verify(evidence_of(receipts, index))
            large = [receipt_of([NOISE])] * size
            large[index] = ours
            verify(evidence_of(large, index))
            # The same proof for a neighbour, or where there is nothing, is none.
            other = (index + 1) % size
            if other != index:
                shown = evidence_of(large, other)
                assert refused(shown) == (Altered, "anchored_missing")
                assert refused(replace(shown, index=index))[0] is Altered


def test_an_embedded_node_is_followed() -> None:
    # Index 1 and 2 differ in their second nibble: a branch of two leaves that are short enough to be embedded.
    receipts = [receipt_of([NOISE]), b"\xc1\x01", b"\xc1\x02"]
    assert refused(evidence_of(receipts, 1)) == (Malformed, "evidence")


def node_evidence(node: object) -> ChainEvidence:
    raw = rlp.encode(node)
    return ChainEvidence(header_of(keccak256(raw)), 5, (raw,))


@pytest.mark.parametrize(
    "node",
    [
        b"\x01" * 40,
        [b"\x20"],
        [b"\x20\x05", receipt_of([ANCHOR_LOG]), b""],
        [[b"\x20\x05"], receipt_of([ANCHOR_LOG])],
        [b"", receipt_of([ANCHOR_LOG])],
        [b"\x21\x05", receipt_of([ANCHOR_LOG])],
        [b"\x40\x05", receipt_of([ANCHOR_LOG])],
        [b"\x00", b"\x01" * 32],
        [b"\x20\x05", [receipt_of([ANCHOR_LOG])]],
        [b"\x00\x05", [b""] * 17],
    ],
)
def test_a_node_that_is_none(node: object) -> None:
    kind, code = refused(node_evidence(node))
    assert (kind, code) == (Malformed, "evidence") or (
        node == [b"\x21\x05", receipt_of([ANCHOR_LOG])] and kind is Altered
    )


def test_a_leaf_of_the_right_path_is_read() -> None:
    verify(node_evidence([b"\x20\x05", receipt_of([ANCHOR_LOG])]))
    for path in (b"\x20", b"\x30", b"\x35", b"\x20\x06", b"\x20\x05\x05"):
        assert refused(node_evidence([path, receipt_of([ANCHOR_LOG])])) == (Altered, "receipt_root")


# --- RLP --------------------------------------------------------------------------------------------------------------

RLP_ITEMS = st.recursive(st.binary(max_size=80), lambda inner: st.lists(inner, max_size=5), max_leaves=20)


def tuples(item: object) -> Rlp:
    return tuple(map(tuples, item)) if isinstance(item, list) else bytes(item)  # type: ignore[call-overload]


@given(RLP_ITEMS)
def test_rlp_reads_what_is_written(item: object) -> None:
    assert read_rlp(rlp.encode(item)) == tuples(item)


@given(st.binary(max_size=40))
def test_rlp_reads_nothing_that_would_be_written_otherwise(raw: bytes) -> None:
    try:
        item = read_rlp(raw)
    except Malformed:
        return
    assert rlp.encode(item) == raw


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x81\x7f",
        b"\x81",
        b"\xb7" + bytes(54),
        b"\xb8\x37" + bytes(55),
        b"\xb9\x00\x38" + bytes(56),
        b"\xb8",
        b"\xbf" + b"\xff" * 8,
        b"\xf8\x37" + bytes(55),
        b"\xc2\x81",
        b"\xc2\x82\x01",
        b"\xc1\x82\x01\x01",
        b"\xc0\xc0",
        b"\x01\x02",
    ],
)
def test_rlp_in_other_than_the_shortest_form_is_refused(raw: bytes) -> None:
    with pytest.raises(Malformed):
        read_rlp(raw)


def test_deep_rlp_does_not_cost_the_stack() -> None:
    raw: bytes = b""
    for _ in range(10_000):
        raw = rlp.codec.encode_raw([]) if not raw else rlp.codec.length_prefix(len(raw), 192) + raw
    with pytest.raises(Malformed):
        read_rlp(raw)


# --- addresses and log ids --------------------------------------------------------------------------------------------


def test_a_log_id_is_what_the_registry_makes(tmp_path: Path) -> None:
    create_chain(tmp_path / "chain.db", [OWNER], time.time)
    with open_chain(tmp_path / "chain.db", time.time) as opened:
        node = EmbeddedNode(opened)
        _, place = set_up(NodeProvider(node), DEVELOPMENT_CHAIN_ID, 0)
        owner = address_of(OWNER)
        selector = keccak256(b"logIdOf(address,bytes32)")[:4]
        data = "0x" + (selector + owner.rjust(32, b"\0") + bytes(32)).hex()
        answer = node.call("eth_call", [{"to": print_address(place.registry), "data": data}, "latest"])
        assert answer == "0x" + log_id(DEVELOPMENT_CHAIN_ID, place.registry, owner, bytes(32)).hex()
        assert answer == "0x" + place.log.hex()
        # The codec, too, speaks to this registry.
        head = RegistryCodec().head(place.log)
        answer = node.call("eth_call", [{"to": print_address(place.registry), "data": "0x" + head.hex()}, "latest"])
        assert answer == "0x" + "00" * 64


def test_parts_of_a_log_id_have_their_lengths() -> None:
    for registry, owner, salt in ((19, 20, 32), (20, 21, 32), (20, 20, 31)):
        with pytest.raises(ValueError, match="20 bytes"):
            log_id(1, bytes(registry), bytes(owner), bytes(salt))
    with pytest.raises(OverflowError):
        log_id(-1, bytes(20), bytes(20), bytes(32))


def test_addresses_have_one_form() -> None:
    text = "0x" + "0a" * 20
    assert parse_address(text, "here") == b"\x0a" * 20
    assert print_address(parse_address(text, "here")) == text
    for bad in (text.upper(), text[2:], text + "0", text[:-1], text + "\n", "0x" + "0A" * 20, None, 5):
        with pytest.raises(Malformed, match="here"):
            parse_address(bad, "here")
    with pytest.raises(ValueError, match="20 bytes"):
        print_address(bytes(19))


def test_receipts_that_do_not_make_the_root_are_refused() -> None:
    receipt = {"status": "0x1", "cumulativeGasUsed": "0x1", "logsBloom": "0x" + "00" * 256, "logs": [], "type": "0x2"}
    with pytest.raises(Malformed) as caught:
        receipt_proof([receipt], Hash(bytes(32)), 0)
    assert caught.value.code == "receipts_root"
