"""Keys, labels and attachments: shown once, bound to a tenant, whole or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from anchor_service.ports import AlreadyThere, Audience, NotFound, StoreRefused
from anchor_service.protocol.errors import Malformed
from anchor_service.services.keys import Scope
from anchor_service.services.label import label_link, png, svg
from anchor_service.settings import Settings
from tests.services.log import OpenLog, event

PNG = b"\x89PNG\r\n\x1a\n" + bytes(200)


def test_a_key_is_shown_once_and_stored_hashed(log: OpenLog, settings: Settings) -> None:
    keys = log.service.keys
    plaintext = keys.create("acme", [Scope.READ, Scope.INGEST])
    access = keys.check(plaintext)
    assert access is not None
    assert access.tenant == "acme"
    assert access.scopes == {Scope.READ, Scope.INGEST}
    secret = plaintext.removeprefix("sealtrail_").encode()
    for file in settings.data.iterdir():
        if file.is_file():
            assert secret not in file.read_bytes()
    for other in ("", "x", plaintext[:-1], plaintext + "x", plaintext.lower(), "\ud800"):
        assert keys.check(other) is None
    line = keys.list("acme")[0]
    assert line.key_id == access.key_id
    with pytest.raises(NotFound):
        keys.revoke("other", line.key_id)
    keys.revoke("acme", line.key_id)
    assert keys.check(plaintext) is None
    assert keys.list("acme")[0].revoked is not None


def test_tenants_are_named_once(log: OpenLog) -> None:
    keys = log.service.keys
    with pytest.raises(AlreadyThere):
        keys.create_tenant("acme", "Another")
    with pytest.raises(Malformed):
        keys.create_tenant("a\x00b", "x")
    with pytest.raises(NotFound):
        keys.create("nobody", [Scope.READ])
    with pytest.raises(NotFound):
        keys.disclose("nobody", Audience.COURT, [])
    with pytest.raises(Malformed):
        keys.disclose("acme", Audience.COURT, ["Recipient Name"])
    assert [tenant.id for tenant in keys.tenants()] == ["acme"]
    assert log.service.policy().tenants == {"acme": "Acme Goods"}


def test_a_label_is_bound_to_its_stream(log: OpenLog) -> None:
    labels = log.service.labels
    with pytest.raises(NotFound):
        labels.create("acme", "A-1")
    stream = log.accept(event("e1"))[0].stream
    first, second = labels.create("acme", "A-1"), labels.create("acme", "A-1")
    assert first.token != second.token
    assert len(first.token) == 22
    assert labels.resolve(first.token) == first
    assert first.stream == stream
    for other in ("", first.token[:-1], first.token + "x", first.token.swapcase(), "x" * 22):
        assert labels.resolve(other) is None
    assert label_link("https://x.example/", first) == f"https://x.example/v/{first.token}#{stream.hex()}"
    with pytest.raises(NotFound):
        labels.create("other", "A-1")


def test_the_code_has_its_quiet_zone() -> None:
    link = "https://x.example/v/" + "x" * 22 + "#" + "ab" * 32
    image = Image.open(BytesIO(png(link))).convert("L")
    width = image.width
    assert width % 10 == 0
    margin = image.crop((0, 0, width, 40)), image.crop((0, 0, 40, width))
    assert all(part.getextrema() == (255, 255) for part in margin)
    assert image.getpixel((45, 45)) == 0  # the first module of the finder pattern
    assert svg(link).startswith(b"<?xml")
    assert b"<path" in svg(link)


def test_a_file_is_stored_once_and_hashed_again(log: OpenLog, settings: Settings) -> None:
    attachments = log.service.attachments
    stored = attachments.put("acme", iter([PNG[:5], PNG[5:9], PNG[9:]]), "image/png")
    assert stored == attachments.put("acme", [PNG], "image/png")
    assert stored.sha256 == hashlib.sha256(PNG).digest()
    assert attachments.open("acme", stored.sha256) == (stored, PNG)
    log.service.keys.create_tenant("other", "Other")
    with pytest.raises(NotFound):
        attachments.open("other", stored.sha256)
    with pytest.raises(NotFound):
        attachments.put("nobody", [PNG], "image/png")
    file = next(path for path in (settings.data / "attachments").rglob("*") if path.is_file())
    file.write_bytes(PNG[:-1] + b"x")
    with pytest.raises(StoreRefused, match="not what it was"):
        attachments.open("acme", stored.sha256)
    file.unlink()
    with pytest.raises(NotFound):
        attachments.open("acme", stored.sha256)


@pytest.mark.parametrize(
    ("data", "media_type", "code"),
    [
        ([], "image/png", "attachment_size"),
        ([b""], "image/png", "attachment_size"),
        ([PNG, bytes(9_000_000)], "image/png", "attachment_size"),
        ([PNG], "image/gif", "attachment_media_type"),
        ([PNG], "image/jpeg", "attachment_media_type"),
        ([b"RIFF1234WEBX" + PNG], "image/webp", "attachment_media_type"),
        ([b"%PD"], "application/pdf", "attachment_media_type"),
        ([b"<svg onload=alert(1)>"], "image/png", "attachment_media_type"),
    ],
)
def test_what_is_no_such_file_is_not_kept(
    log: OpenLog, settings: Settings, data: list[bytes], media_type: str, code: str
) -> None:
    with pytest.raises(Malformed) as caught:
        log.service.attachments.put("acme", data, media_type)
    assert caught.value.code == code
    assert [path for path in (settings.data / "attachments").rglob("*") if path.is_file()] == []


def test_a_client_that_goes_away_leaves_nothing(log: OpenLog, settings: Settings) -> None:
    def parts() -> Iterator[bytes]:
        yield PNG
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        log.service.attachments.put("acme", parts(), "image/png")
    assert [path for path in Path(settings.data / "attachments").rglob("*") if path.is_file()] == []
