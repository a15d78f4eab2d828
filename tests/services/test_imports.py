"""Imports: from a brand's tables to events, by a mapping; the sink is a list that answers as ingest does."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Sequence
from concurrent.futures import Future
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest

from anchor_service.protocol.errors import Malformed, SealtrailError
from anchor_service.protocol.model import parse_event
from anchor_service.services.imports import Here, Import, Report, load_mapping, rows_of
from anchor_service.services.imports.chunks import Apart

ORDERS = """number,customer,bought,sent,state
A-1,c1,2025-03-01 10:00:00,2025-03-02 09:00:00,sent
A-2,c2,2025-03-01 11:00:00,,new
A-3,c9,2025-03-01 12:00:00,2025-02-01 12:00:00,odd
"""
LINES = """order,sku,count
A-1,rice,2
A-1,tea,1
A-3,rice,5
"""
CUSTOMERS = """id,name
c1,王芳
c2,Maria da Silva
"""
MAPPING = """
version: 1
order_id: "{number}"
time: {format: "%Y-%m-%d %H:%M:%S", zone: Asia/Shanghai}
joins:
  lines: {file: lines.csv, match: {order: number}}
  buyer: {file: customers.csv, match: {id: customer}}
events:
  placed:
    at: "{bought}"
    actor: {role: brand, name: Golden Harvest}
    parties: {recipient: {name: "{buyer.name}"}}
    items: {each: lines, name: "{lines.sku}", quantity: "{lines.count}"}
    private: {customer: "{customer}"}
  shipped:
    at: "{sent}"
    actor: {role: carrier}
    data: {state: {from: "{state}", words: {sent: handed over}}}
"""


class Sink:
    """Answers as ingest does, and can break off after so many requests."""

    def __init__(self, breaks_after: int | None = None) -> None:
        self.stored: dict[str, bytes] = {}
        self.requests = 0
        self.breaks_after = breaks_after

    def submit(self, items: Sequence[bytes]) -> Future[list[str | SealtrailError]]:
        if self.breaks_after is not None and self.requests >= self.breaks_after:
            raise ConnectionError("the service went away")
        self.requests += 1
        done: Future[list[str | SealtrailError]] = Future()
        done.set_result([self._store(item) for item in items])
        return done

    def _store(self, raw: bytes) -> str | SealtrailError:
        try:
            draft = parse_event(raw)
        except SealtrailError as problem:
            return problem
        assert draft.event_id is not None
        if draft.event_id in self.stored:
            return "known" if self.stored[draft.event_id] == raw else Malformed("event_conflict", "another body")
        self.stored[draft.event_id] = raw
        return "accepted"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in (("orders", ORDERS), ("lines", LINES), ("customers", CUSTOMERS)):
        (tmp_path / f"{name}.csv").write_text(text)
    return tmp_path


def importing(folder: Path, sink: Sink, mapping: str = MAPPING) -> Import:
    table = folder / "orders.csv"
    return Import(table, Here(table, load_mapping(mapping.encode(), table)), sink.submit, folder / "state.json")


def events(sink: Sink) -> dict[str, Any]:
    return {name: json.loads(raw) for name, raw in sink.stored.items()}


def test_a_row_becomes_an_event_a_step_with_what_is_joined_to_it(folder: Path) -> None:
    sink = Sink()
    report = importing(folder, sink).run()
    stored = events(sink)
    assert stored["A-1/placed"] == {
        "event_id": "A-1/placed",
        "order_id": "A-1",
        "type": "placed",
        "occurred_at": "2025-03-01T10:00:00+08:00",
        "actor": {"role": "brand", "name": "Golden Harvest"},
        "parties": {"recipient": {"name": "王芳"}},
        "items": [{"name": "rice", "quantity": "2"}, {"name": "tea", "quantity": "1"}],
        "data": {"customer": "c1"},
    }
    assert stored["A-1/shipped"]["data"] == {"state": "handed over"}
    assert "items" not in stored["A-2/placed"], "nothing is joined, so nothing is said"
    assert "parties" not in stored["A-3/placed"]
    assert "A-2/shipped" not in stored, "no time, no event"
    assert (report.rows, report.accepted, report.steps) == (3, 4, {"placed": 3, "shipped": 1})
    assert [(refused.line, refused.step, refused.code) for refused in report.refused] == [
        (4, "shipped", "unknown_word")
    ]
    assert "'odd'" in report.refused[0].reason


def test_disorder_stays_as_it_was_reported(folder: Path) -> None:
    sink = Sink()
    importing(folder, sink, MAPPING.replace("{sent: handed over}", "{sent: handed over, odd: odd}")).run()
    assert events(sink)["A-3/shipped"]["occurred_at"] == "2025-02-01T12:00:00+08:00"


def test_a_second_run_changes_nothing(folder: Path) -> None:
    sink = Sink()
    importing(folder, sink).run()
    before = dict(sink.stored)
    report = importing(folder, sink).run()
    assert (report.accepted, report.known) == (0, 4)
    assert sink.stored == before


def test_a_dry_run_stores_nothing_and_shows_the_first(folder: Path) -> None:
    sink = Sink()
    report = importing(folder, sink).dry_run(2)
    assert sink.requests == 0
    assert [json.loads(raw)["event_id"] for raw in report.first] == ["A-1/placed", "A-1/shipped"]
    assert report.steps == {"placed": 3, "shipped": 1}
    assert len(report.refused) == 1


def test_a_run_that_was_cut_off_goes_on_where_everything_was_acknowledged(folder: Path) -> None:
    rows = [f"B-{number},c1,2025-03-01 10:00:00,,new" for number in range(9_000)]
    (folder / "orders.csv").write_text("\n".join(["number,customer,bought,sent,state", *rows]) + "\n")
    sink = Sink(breaks_after=6)
    with pytest.raises(ConnectionError):
        importing(folder, sink).run()
    assert len(sink.stored) == 6_000
    sink.breaks_after = None
    report = importing(folder, sink).run()
    assert len(sink.stored) == 9_000
    assert report.resumed_after == 3_000, "requests that were under way are sent again"
    assert (report.known, report.accepted) == (3_000, 3_000)
    assert importing(folder, sink).run().resumed_after == 0


@pytest.fixture
def large(folder: Path) -> Path:
    """A table of 60,000 rows, and in it what is refused: no time, no such word, too narrow, no CSV."""
    rows = [f'B-{number},c{number % 3},2025-03-01 10:00:00,,"new,\n {number}"' for number in range(60_000)]
    rows[7] = "B-7,c1,2025-03-01 10:00:00,2025-03-01 10:00:00,odd"
    rows[2_500] = "B-2500,c1,yesterday,,new"
    rows[2_501] = "B-2501"
    rows[2_502] = 'B-2502,"c1"x,2025-03-01 10:00:00,,new'
    (folder / "orders.csv").write_text("\n".join(["number,customer,bought,sent,state", *rows]) + "\n")
    return folder


def readers() -> list[BaseProcess]:
    """The processes that read tables; other tests of this process may have left theirs."""
    return [child for child in multiprocessing.active_children() if child.name == "reader"]


def running(folder: Path, sink: Sink, mapping: bytes = MAPPING.encode()) -> Report:
    table = folder / "orders.csv"
    with rows_of(table, mapping) as rows:
        assert isinstance(rows, Apart)
        return Import(table, rows, sink.submit, folder / "state.json").run()


def test_a_large_table_is_read_apart_with_the_same_result(large: Path) -> None:
    here, apart = Sink(), Sink()
    expected = importing(large, here).run()
    assert [refused.code for refused in expected.refused] == ["unknown_word", "time", "csv_width", "csv_syntax"]
    assert running(large, apart) == expected
    assert apart.stored == here.stored
    assert apart.requests == here.requests
    assert not readers()


def test_what_is_read_apart_goes_on_where_everything_was_acknowledged(large: Path) -> None:
    sink = Sink(breaks_after=6)
    with pytest.raises(ConnectionError):
        running(large, sink)
    assert not readers()
    sink.breaks_after = None
    report = running(large, sink)
    assert (report.resumed_after, report.known) == (3_002, 3_000), "two rows among them became no event"
    assert len(sink.stored) == 59_997


def test_where_the_reading_process_is_killed_the_next_run_goes_on(large: Path) -> None:
    sink = Sink()
    table = large / "orders.csv"
    with rows_of(table, MAPPING.encode()) as rows:
        (child,) = readers()

        def submit(items: Sequence[bytes]) -> Future[list[str | SealtrailError]]:
            if sink.requests == 6:
                child.kill()
            return sink.submit(items)

        with pytest.raises(SealtrailError) as caught:
            Import(table, rows, submit, large / "state.json").run()
    assert caught.value.code == "import_reader"
    assert 6_000 < len(sink.stored) < 59_997
    assert running(large, sink).resumed_after >= 3_000
    assert len(sink.stored) == 59_997


def test_a_wrong_mapping_of_a_large_table_says_where(large: Path) -> None:
    with pytest.raises(Malformed) as caught:
        running(large, Sink(), MAPPING.replace("{buyer.name}", "{buyer.nam}").encode())
    assert "there is no column 'buyer.nam'" in caught.value.message
    assert not readers()


def test_a_large_table_that_is_not_in_its_encoding(large: Path) -> None:
    with (large / "orders.csv").open("ab") as file:
        file.write(b"\xff,c1,2025-03-01 10:00:00,,new\n")
    with pytest.raises(Malformed) as caught:
        running(large, Sink())
    assert caught.value.code == "csv_encoding"


def test_another_file_starts_from_its_beginning(folder: Path) -> None:
    (folder / "state.json").write_text(json.dumps({"of": ["another", 1, 1], "rows": 2}))
    assert importing(folder, Sink()).run().rows == 3


@pytest.mark.parametrize(
    ("written", "rule", "read", "flagged"),
    [
        ("2018-02-17 23:30:00", "earlier", "2018-02-17T23:30:00-02:00", True),
        ("2018-02-17 23:30:00", "later", "2018-02-17T23:30:00-03:00", True),
        ("2017-10-15 00:30:00", "earlier", "2017-10-15T00:30:00-03:00", True),
        ("2017-10-16 00:30:00", "earlier", "2017-10-16T00:30:00-02:00", False),
    ],
)
def test_local_times_that_are_not_certain_are_flagged(
    folder: Path, written: str, rule: str, read: str, flagged: bool
) -> None:
    (folder / "orders.csv").write_text(f"number,customer,bought,sent,state\nA-1,c1,{written},,new\n")
    sink = Sink()
    report = importing(folder, sink, MAPPING.replace("Asia/Shanghai", f"America/Sao_Paulo, ambiguous: {rule}")).run()
    event = events(sink)["A-1/placed"]
    assert event["occurred_at"] == read
    assert ("time" in event["data"]) is flagged
    assert bool(report.notes) is flagged


def test_an_ambiguous_time_can_be_refused(folder: Path) -> None:
    (folder / "orders.csv").write_text("number,customer,bought,sent,state\nA-1,c1,2018-02-17 23:30:00,,new\n")
    mapping = MAPPING.replace("Asia/Shanghai", "America/Sao_Paulo, ambiguous: refuse")
    report = importing(folder, Sink(), mapping).run()
    assert [refused.code for refused in report.refused] == ["time"]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("A-1,c1,yesterday,,new", "time"),
        ("A-1,c1", "csv_width"),
        (",c1,2025-03-01 10:00:00,,new", "missing_field"),
        ("A\x01,c1,2025-03-01 10:00:00,,new", "name_syntax"),
    ],
)
def test_a_bad_row_is_refused_with_its_line_and_harms_no_other(folder: Path, line: str, code: str) -> None:
    text = f"number,customer,bought,sent,state\n{line}\nA-2,c2,2025-03-01 11:00:00,,new\n"
    (folder / "orders.csv").write_text(text)
    sink = Sink()
    report = importing(folder, sink).run()
    assert [(refused.line, refused.code) for refused in report.refused] == [(2, code)]
    assert set(sink.stored) == {"A-2/placed"}


def test_one_row_an_event_with_status_words(folder: Path) -> None:
    (folder / "orders.csv").write_text(
        "waybill,seq,time,status\nW1,1,2025-03-01T10:00:00Z,已发货\nW1,2,2025-03-03T10:00:00+08:00,已签收\nW1,3,2025-03-04T10:00:00Z,?\n"
    )
    mapping = """
version: 1
order_id: "{waybill}"
events:
  scan:
    event_id: "{waybill}-{seq}"
    type: {from: "{status}", words: {已发货: shipped, 已签收: delivered, 无效: null}}
    at: "{time}"
    actor: {role: carrier}
"""
    sink = Sink()
    report = importing(folder, sink, mapping).run()
    stored = events(sink)
    assert {name: event["type"] for name, event in stored.items()} == {"W1-1": "shipped", "W1-2": "delivered"}
    assert stored["W1-1"]["occurred_at"] == "2025-03-01T10:00:00+00:00"
    assert [refused.line for refused in report.refused] == [4]


def test_gb18030_and_semicolons(folder: Path) -> None:
    (folder / "orders.csv").write_bytes("单号;时间\nX1;2025-03-01T10:00:00+08:00\n".encode("gb18030"))
    mapping = """
version: 1
encoding: gb18030
delimiter: ";"
order_id: "{单号}"
events: {placed: {at: "{时间}", actor: {role: brand}}}
"""
    sink = Sink()
    importing(folder, sink, mapping).run()
    assert set(sink.stored) == {"X1/placed"}


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("version: 1", "version: 2", "version"),
        ("{number}", "{nummer}", "there is no column 'nummer'"),
        ("{buyer.name}", "{buyer.nam}", "there is no column 'buyer.nam'"),
        ("{buyer.name}", "{seller.name}", "no join 'seller'"),
        ("lines.csv", "nothing.csv", "nothing.csv"),
        ("Asia/Shanghai", "Asia/Shanghigh", "time.zone"),
        ("each: lines", "each: line", "there is no join 'line'"),
        ("actor: {role: carrier}", "aktor: {role: carrier}", "'aktor' is not one of"),
        ("events:", "evnets:", "'evnets' is not one of"),
        ("  placed:", "  placed: {}\n  placed:", "stands twice"),
        ("version: 1", "version: [", "not YAML"),
    ],
)
def test_a_wrong_mapping_says_where(folder: Path, old: str, new: str, says: str) -> None:
    with pytest.raises(Malformed) as caught:
        importing(folder, Sink(), MAPPING.replace(old, new, 1))
    assert says in caught.value.message


def test_the_documented_mapping_reads_its_tables(tmp_path: Path) -> None:
    """Tables of our own with Olist's columns: what the example in the docs makes of one row."""
    tables = {
        "orders": "order_id,customer_id,order_status,order_purchase_timestamp,order_approved_at,"
        "order_delivered_carrier_date,order_delivered_customer_date,order_estimated_delivery_date\n"
        "o1,c1,canceled,2018-01-02 10:00:00,2018-01-02 11:00:00,,,2018-01-20 00:00:00\n",
        "order_items": "order_id,order_item_id,product_id,seller_id,shipping_limit_date,price,freight_value\n"
        "o1,1,p1,s1,2018-01-05 00:00:00,12.50,3.00\n",
        "products": "product_id,product_category_name\np1,\n",
        "sellers": "seller_id,seller_zip_code_prefix,seller_city,seller_state\ns1,01000,sao paulo,SP\n",
        "order_payments": "order_id,payment_sequential,payment_type,payment_installments,payment_value\n"
        "o1,1,boleto,1,15.50\n",
        "customers": "customer_id,customer_unique_id,customer_zip_code_prefix,customer_city,customer_state\n"
        "c1,u1,02000,campinas,SP\n",
    }
    for name, text in tables.items():
        (tmp_path / f"olist_{name}_dataset.csv").write_text(text)
    table = tmp_path / "olist_orders_dataset.csv"
    example = Path(__file__).parents[2] / "docs/examples/olist.yaml"
    sink = Sink()
    rows = Here(table, load_mapping(example.read_bytes(), table))
    report: Report = Import(table, rows, sink.submit, tmp_path / "state").run()
    stored = events(sink)
    assert report.refused == []
    assert set(stored) == {"o1/placed", "o1/paid", "o1/cancelled"}
    assert stored["o1/placed"]["items"] == [{"name": "product without a category", "serial": "p1", "quantity": "1"}]
    assert stored["o1/placed"]["occurred_at"] == "2018-01-02T10:00:00-02:00"
    assert stored["o1/cancelled"]["occurred_at"] == "2018-01-02T11:00:00-02:00"
