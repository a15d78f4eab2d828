"""Samples, QR codes, files, and the one line that an error becomes."""

from __future__ import annotations

import ipaddress
import json
import stat
from io import BytesIO
from pathlib import Path

import pytest
import qrcode
from PIL import Image
from qrcode.constants import ERROR_CORRECT_M
from rich.table import Table

from anchor_service.cli import demo
from anchor_service.cli.console import BAD_INPUT, COULD_NOT, OUR_BUG, REFUSED, Failure, guarded, out
from anchor_service.cli.files import write_whole
from anchor_service.cli.qr import terminal_qr
from anchor_service.cli.running import lan_address, leads_here
from anchor_service.cli.samples import Sample, read_samples
from anchor_service.ports import Busy, NotFound, StoreRefused
from anchor_service.protocol.errors import Malformed
from anchor_service.protocol.model import PUBLIC, parse_event
from anchor_service.protocol.story import flag_events
from anchor_service.settings import Settings


@pytest.mark.parametrize("sample", read_samples(), ids=lambda sample: str(sample.name))
def test_a_sample_goes_from_placed_to_signed(sample: Sample) -> None:
    drafts = [parse_event(json.dumps(event).encode()) for event in json.loads(sample.body)]
    assert 8 <= len(drafts) == sample.events <= 12
    assert {draft.order_id for draft in drafts} == {sample.order_id}
    assert len({draft.event_id for draft in drafts}) == len(drafts)
    state, flags = flag_events([draft.fields for draft in drafts])
    assert (drafts[0].fields["type"], drafts[-1].fields["type"], state) == ("placed", "signed", "signed")
    late = [draft.fields["type"] for draft, flag in zip(drafts, flags, strict=True) if flag]
    assert late == (["excursion"] if sample.name == "medicine" else [])
    private = set().union(*(draft.fields.keys() for draft in drafts)) - PUBLIC
    assert {"recipient.name", "recipient.phone", "recipient.address", "data"} <= private


@pytest.mark.parametrize("sample", read_samples(), ids=lambda sample: str(sample.name))
def test_a_samples_signature_is_the_file_that_its_last_event_names(sample: Sample) -> None:
    (named,) = json.loads(sample.body)[-1]["attachments"]
    assert named == {
        "sha256": sample.signature_hash,
        "size": len(sample.signature),
        "media_type": "image/png",
        "role": "signature",
        "name": "signature.png",
    }
    assert len(sample.signature) < 10_000
    with Image.open(BytesIO(sample.signature)) as image:
        dark = sum(image.convert("L").histogram()[:128])
        assert 0.005 < dark / (image.width * image.height) < 0.2


def test_a_code_in_the_terminal_is_the_code() -> None:
    link = f"http://192.168.1.20:8000/v/{'A' * 22}#{'ab' * 32}"
    code = qrcode.QRCode(error_correction=ERROR_CORRECT_M, border=4)
    code.add_data(link)
    code.make()
    rows = []
    for line in terminal_qr(link, colour=False).splitlines():
        rows.append([cell in "▀█" for cell in line])
        rows.append([cell in "▄█" for cell in line])
    matrix = [list(map(bool, row)) for row in code.get_matrix()]
    assert rows[: len(matrix)] == matrix
    assert not any(map(any, rows[:4] + rows[len(matrix) - 4 :]))
    assert not any(row[place] for row in rows for place in (0, 1, 2, 3, -4, -3, -2, -1))
    coloured = terminal_qr(link, colour=True).splitlines()
    assert all(line.startswith("\x1b[38;5;16;48;5;231m") and line.endswith("\x1b[0m") for line in coloured)


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "deep/file"
    write_whole(place, b"one", 0o600)
    assert (place.read_bytes(), stat.S_IMODE(place.stat().st_mode)) == (b"one", 0o600)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(place, b"two")
    assert [path.name for path in place.parent.iterdir()] == ["file"]
    assert place.read_bytes() == b"one"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Failure("could not"), COULD_NOT),
        (Failure("bad", BAD_INPUT), BAD_INPUT),
        (Malformed("x", "bad [bold]"), BAD_INPUT),
        (NotFound("order_unknown", "none"), BAD_INPUT),
        (StoreRefused("schema", "old"), REFUSED),
        (Busy("full"), COULD_NOT),
        (OSError(28, "No space left on device", "/x"), COULD_NOT),
        (KeyboardInterrupt(), 130),
        (KeyError("Wang Fang"), OUR_BUG),
    ],
)
def test_every_error_is_one_line_and_a_code(
    error: BaseException, code: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SEALTRAIL_TRACEBACK", raising=False)

    def command() -> None:
        raise error

    assert guarded(command) == code
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
    assert said.err.startswith("sealtrail: ")
    assert "Traceback" not in said.err
    assert "Wang Fang" not in said.err
    if isinstance(error, Malformed):
        assert "bad [bold]" in said.err


@pytest.mark.parametrize(
    ("url", "leads"),
    [
        ("http://192.168.1.20:8000", True),
        ("http://laptop.local:8000/", True),
        ("http://127.0.0.1:8000", False),
        ("http://localhost:8000", False),
        ("https://shop.example:8000", False),
        ("http://shop.example", False),
        ("http://[", False),
        ("http://a:port", False),
    ],
)
def test_a_public_address_that_leads_here_opens_the_port(url: str, leads: bool) -> None:
    assert leads_here(url, 8000) is leads


def test_the_lan_address_is_none_of_this_machine_alone() -> None:
    try:
        found = lan_address()
    except Failure as problem:  # a machine without any network
        found = str(problem)
    assert "--public-url" in found or not ipaddress.ip_address(found).is_loopback


def test_labels_lead_to_the_port_that_is_served(tmp_path: Path) -> None:
    assert Settings(data=tmp_path).link_base == "http://127.0.0.1:8000"
    assert Settings(data=tmp_path, port=8123).link_base == "http://127.0.0.1:8123"
    assert Settings(data=tmp_path, port=8123, public_url="https://a.example").link_base == "https://a.example"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"key": 1}', '{"other": 1}'])
def test_what_the_demo_kept_may_be_damaged(tmp_path: Path, text: str) -> None:
    (tmp_path / "demo.json").write_text(text)
    assert demo._kept(tmp_path) == demo.Kept("", {})


def test_a_table_in_a_pipe_is_whole(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    hashes = ["0x" + digit * 64 for digit in "ab"]
    table = Table("one", "other")
    table.add_row(*hashes)
    out().print(table)
    printed = capsys.readouterr().out
    assert all(found in printed for found in hashes)
