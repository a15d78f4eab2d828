"""Nothing of an order can be left out: 500 orders, each event dropped in turn, re-signed with the log's own key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from anchor_service.ports import Audience
from anchor_service.protocol.checkpoint import sign_checkpoint
from anchor_service.protocol.event import print_event_entry, print_seal_entry
from anchor_service.protocol.hashes import ZERO, Hash
from anchor_service.protocol.merkle import leaf_hash, prove_inclusion, tree_root
from anchor_service.protocol.note import VerifierKey
from anchor_service.protocol.proof import Proof, ProvenAnchor, ProvenEvent, parse_proof, print_proof
from anchor_service.protocol.verdict import Result, State, Verdict
from scripts.vectors.world import Leaves
from tests.services.log import OpenLog, create_log, event, open_log

ORDERS = 500
KINDS = ["placed", "paid", "shipped", "delivered", "signed"]


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenLog]:
    """Orders of two to five events, under several anchors."""
    settings = create_log(tmp_path_factory.mktemp("complete") / "log")
    with open_log(settings) as opened:
        for step, kind in enumerate(KINDS):
            orders = [number for number in range(ORDERS) if step < 2 + number % 4]
            device = {"device": "handheld-1", "parties": {"recipient": {"name": "Wang Fang"}}}
            more = device if kind == "signed" else {}
            opened.accept(*(event(f"{number}-{step}", f"B-{number}", kind, **more) for number in orders))
            opened.settle()
        yield opened


def log_key(log: OpenLog) -> tuple[VerifierKey, Ed25519PrivateKey]:
    """The log's own key, as its operator has it."""
    seed = bytes.fromhex((log.service.settings.data / "keys" / "log.key").read_text().strip())
    secret = Ed25519PrivateKey.from_private_bytes(seed)
    return VerifierKey(log.service.origin, secret.public_key().public_bytes_raw()), secret


def failed(verdict: Verdict) -> dict[str, str | None]:
    return {check.name: check.code for check in verdict.checks if check.result is Result.INVALID}


def dropped(proof: Proof, place: int) -> Proof:
    """Leave one event out, and nothing else: anchors that no event uses any more are left out with it."""
    events = [item for at, item in enumerate(proof.events) if at != place]
    used = sorted({*(item.anchor for item in events), len(proof.anchors) - 1})
    return replace(
        proof,
        events=tuple(replace(item, anchor=used.index(item.anchor)) for item in events),
        anchors=tuple(proof.anchors[at] for at in used),
    )


def resigned(proof: Proof, key: VerifierKey, secret: Ed25519PrivateKey) -> Proof:
    """Number what is left from 1 without a gap, in a log of its own, under a checkpoint that the log's key signs.

    The seal still commits the map that was anchored; whoever commits another has no anchor for it.
    """
    events: list[ProvenEvent] = []
    leaves: list[Hash] = []
    prev = ZERO
    for seq, item in enumerate(proof.events, start=1):
        entry = print_event_entry(replace(item.entry, seq=seq, prev=prev))
        prev = leaf_hash(entry)
        leaves.append(prev)
        events.append(replace(item, entry_text=entry.decode(), index=seq - 1, anchor=0))
    newest = proof.anchors[-1]
    seal = print_seal_entry(replace(newest.seal, size=len(leaves) + 1))
    leaves.append(leaf_hash(seal))
    tree, size = Leaves(leaves), len(leaves)
    anchor = ProvenAnchor(
        sign_checkpoint(size, tree_root(leaves), key, secret.sign),
        seal.decode(),
        prove_inclusion(tree, size - 1, size),
        newest.evidence,
    )
    placed = (replace(item, path=prove_inclusion(tree, item.index, size)) for item in events)
    return replace(proof, events=tuple(placed), anchors=(anchor,))


def test_every_event_of_500_orders_is_missed(log: OpenLog) -> None:
    key, secret = log_key(log)
    drops = 0
    for number in range(ORDERS):
        raw = log.proof(f"B-{number}", Audience.FULL)
        assert log.verdict(raw).state is State.TEST_DATA
        proof = parse_proof(raw)
        assert len(proof.events) == 2 + number % 4
        for place in range(len(proof.events)):
            drops += 1
            verdict = log.verdict(print_proof(dropped(proof, place)))
            assert verdict.state is State.ALTERED
            assert failed(verdict)["complete"] == "left_out"
            if place == len(proof.events) - 1:
                # Without the last everything else holds: completeness alone sees it.
                assert failed(verdict) == {"complete": "left_out"}
            verdict = log.verdict(print_proof(resigned(dropped(proof, place), key, secret)))
            assert verdict.state is State.ALTERED
            # Sequence, signature and paths are good again; the map is not, and the registry has no such root.
            assert failed(verdict) == {"anchor": "anchored_missing", "complete": "left_out"}
    assert drops == 1_750


def test_re_signing_alone_leaves_nothing_out(log: OpenLog) -> None:
    """The check above can hold: with no event dropped, the entries and so the map's word are the same."""
    proof = parse_proof(log.proof("B-3", Audience.FULL))
    verdict = log.verdict(print_proof(resigned(proof, *log_key(log))))
    assert verdict.check("complete").result is Result.VALID
    assert failed(verdict) == {"anchor": "anchored_missing"}
