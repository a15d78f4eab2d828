"""The road of an order: accepted, sealed, anchored, proven, verified."""

from __future__ import annotations

import hashlib
import json
from importlib.resources import files

import pytest

from anchor_service.ports import Audience, NotFound
from anchor_service.protocol.errors import Malformed, SealtrailError
from anchor_service.protocol.proof import parse_proof
from anchor_service.protocol.receipt import verify_receipt
from anchor_service.protocol.verdict import State
from anchor_service.services.prove import EventState, NotYet
from anchor_service.settings import Settings
from tests.services.log import OpenLog, event, open_log

SAMPLES = ["rice", "bag", "medicine"]


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_sample_order_from_placed_to_signed_verifies(log: OpenLog, sample: str) -> None:
    folder = files("anchor_service").joinpath("samples")
    events = json.loads(folder.joinpath(f"{sample}.json").read_bytes())
    image = folder.joinpath(f"{sample}-signature.png").read_bytes()
    stored = log.service.attachments.put("acme", [image], "image/png")
    assert stored.sha256 == hashlib.sha256(image).digest()
    log.accept(*events)
    log.settle()
    order_id = events[0]["order_id"]
    for audience in Audience:
        verdict = log.verdict(log.proof(order_id, audience))
        assert verdict.state is State.TEST_DATA
        assert verdict.lifecycle == "signed"
        assert len(verdict.steps) == len(events)
    view = log.service.prove.order("acme", order_id)
    assert [item.seq for item in view.events] == list(range(1, len(events) + 1))
    assert {item.state for item in view.events} == {EventState.FINAL}
    assert stored.sha256 in log.service.prove.files("acme", order_id, Audience.CONSUMER)
    log.check()


def test_states_on_the_way(log: OpenLog) -> None:
    prove = log.service.prove
    outcome = log.accept(event("e1"))[0]
    policy = log.service.policy()
    leaf = verify_receipt(outcome.receipt, policy.origin, policy.receipt_keys)
    assert (leaf.event_id, leaf.stream) == ("e1", outcome.stream)
    assert prove.order("acme", "A-1").events[0].state is EventState.ACCEPTED
    assert prove.proof("acme", "A-1", Audience.FULL) == NotYet(leaf.accepted, leaf.deadline)
    assert prove.checkpoint() is None
    assert prove.tile(0, 0, 1) is None

    assert log.service.seal.run_once() is not None
    assert prove.order("acme", "A-1").events[0].state is EventState.SEALED
    assert isinstance(prove.proof("acme", "A-1", Audience.FULL), NotYet)
    assert prove.tile(0, 0, 2) is not None
    assert prove.tile(0, 0, 3) is None

    log.settle()
    assert prove.order("acme", "A-1").events[0].state is EventState.FINAL
    first = log.proof("A-1")

    # A newer event is pending, with the receipt that was given for it; then a second anchor covers it.
    newer = log.accept(event("e2", kind="paid"))[0]
    pending = parse_proof(log.proof("A-1")).pending
    assert [item.receipt for item in pending] == [newer.receipt]
    assert log.verdict(log.proof("A-1")).state is State.TEST_DATA
    assert log.verdict(first).state is State.TEST_DATA
    log.settle()
    assert len(parse_proof(log.proof("A-1")).anchors) == 2
    log.check()


def test_what_a_view_hides(log: OpenLog) -> None:
    log.accept(event("e1", note="gift", parties={"recipient": {"name": "王芳", "phone": "1"}}))
    log.settle()

    def names(audience: Audience) -> set[str]:
        return set(parse_proof(log.proof("A-1", audience)).events[0].view.fields)

    public = {"type", "occurred_at", "actor.role", "actor.name", "recipient.masked"}
    assert names(Audience.CONSUMER) == public
    assert names(Audience.COURT) == public | {"note", "recipient.name", "recipient.phone"}
    log.service.keys.disclose("acme", Audience.CARRIER, ["recipient.phone"])
    assert names(Audience.CARRIER) == public | {"recipient.phone"}
    assert names(Audience.CONSUMER) == public


def test_an_order_that_no_proof_can_hold_is_said_so(log: OpenLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """SPEC 14: A proof has at most 16 MiB.  Ingest reckons with it; were it wrong, a view that shows less is given."""
    monkeypatch.setattr("anchor_service.protocol.weight.MAX_PROOF", 10**9)
    log.accept(*(event(f"e{number}", data={"x": "y" * 60_000}) for number in range(300)))
    log.settle()
    with pytest.raises(Malformed, match="16777216") as refused:
        log.service.prove.proof("acme", "A-1", Audience.FULL)
    assert refused.value.code == "proof_size"
    assert len(parse_proof(log.proof("A-1")).events) == 300


def test_pending_events_of_several_commit_groups_have_their_own_receipts(log: OpenLog) -> None:
    log.accept(event("e0"))
    log.settle()
    given = []
    for turn in range(3):
        given += log.accept(*(event(f"{turn}-{number}", kind="arrived") for number in range(300)))
    pending = parse_proof(log.proof("A-1")).pending
    assert [item.receipt for item in pending] == [item.receipt for item in given]
    first = log.service.prove.order("acme", "A-1", receipts=True)
    second = log.service.prove.order("acme", "A-1", first.next, receipts=True)
    assert [item.receipt for item in (*first.events[1:], *second.events)] == [item.receipt for item in given]
    assert second.next is None


def test_pages_and_what_is_not_there(log: OpenLog) -> None:
    prove = log.service.prove
    for number in range(5):
        log.accept(event(f"e{number}", f"A-{number}"))
        log.settle()
    seen = []
    cursor = None
    while True:
        page = prove.orders("acme", cursor, 2)
        seen += [line.order_id for line in page.items]
        cursor = page.next
        if cursor is None:
            break
    assert seen == ["A-4", "A-3", "A-2", "A-1", "A-0"]
    assert [batch.batch for batch in prove.batches(None, 3).items] == [5, 4, 3]
    assert [batch.batch for batch in prove.batches(prove.batches(None, 3).next, 3).items] == [2, 1]
    assert [anchor.size for anchor in prove.anchors().items] == [10, 8, 6, 4, 2]
    assert prove.batch(2).anchor == 4
    assert prove.anchor(4).previous_size == 2
    log.service.keys.create_tenant("other", "Other")
    assert prove.orders("other").items == ()
    for call in (
        lambda: prove.order("other", "A-1"),
        lambda: prove.proof("other", "A-1", Audience.FULL),
        lambda: prove.batch(6),
        lambda: prove.anchor(3),
        lambda: prove.receipt("other", "e1"),
    ):
        with pytest.raises(NotFound):
            call()
    with pytest.raises(SealtrailError, match="cursor"):
        prove.orders("acme", "x")


def test_a_log_survives_being_closed(settings: Settings) -> None:
    with open_log(settings) as log:
        log.accept(event("e1"))
        log.settle()
    with open_log(settings) as log:
        assert log.accept(event("e1"))[0].known
        log.accept(event("e2", kind="paid"))
        log.settle()
        assert len(parse_proof(log.proof("A-1")).events) == 2
        log.check()
