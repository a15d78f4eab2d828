"""Answers that are put together as text are those that a JSON printer makes of their members."""

from __future__ import annotations

import orjson

from anchor_service.api.wire import all_outcomes, outcome_members, tally
from anchor_service.protocol.errors import Malformed
from anchor_service.protocol.hashes import Hash, LogId, StreamId
from anchor_service.protocol.receipt import CommitGroup, ReceiptLeaf, print_receipt_leaf
from anchor_service.services.ingest import Accepted, Outcome, Refused

NAMES = ('e"1\\', "单号 1/é", "😀\u2028\u007f", "</script>", "plain")


def outcomes(count: int) -> list[Outcome]:
    stream = StreamId(bytes(range(32)))
    names = [f"{NAMES[place % len(NAMES)]}-{place}" for place in range(count)]
    leaf = ReceiptLeaf(LogId(bytes(32)), stream, "", Hash(bytes(32)), 5, 7)
    group = CommitGroup(
        [print_receipt_leaf(ReceiptLeaf(leaf.log, stream, name, leaf.commitment, 5, 7)) for name in names]
    )
    note = "origin/receipts\n3\n\n— origin/receipts abc+/=\n"
    receipts = group.receipts(note)
    assert receipts == [group.receipt(place, note) for place in range(count)]
    return [
        Accepted(name, f"order {name}", stream, receipt, known=place % 3 == 0)
        for place, (name, receipt) in enumerate(zip(names, receipts, strict=True))
    ]


def test_several_outcomes_are_printed_as_their_members() -> None:
    for count in (*range(1, 34), 255, 256):
        given: list[Outcome] = [*outcomes(count), Refused(count, 'id"', Malformed("json_syntax", 'no "JSON"'))]
        for part in (given, given[:-1]):
            counts = tally(part)
            answer = all_outcomes(part, counts)
            assert answer.body == orjson.dumps({**counts, "results": [outcome_members(one) for one in part]})
            assert answer.status_code == (207 if part is given else 200)
            assert answer.headers["content-type"] == "application/json"
