"""Labels: the QR code on a parcel, bound to a stream (SPEC 17)."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Final

import qrcode
from qrcode.constants import ERROR_CORRECT_Q
from qrcode.image.base import BaseImage
from qrcode.image.pil import PilImage
from qrcode.image.svg import SvgPathFillImage

from anchor_service.ports import LabelRow, NotFound, TenantStore
from anchor_service.protocol.hashes import StreamId

TOKEN_BYTES: Final = 16
_TOKEN_LENGTH: Final = 22
_QUIET_ZONE: Final = 4
"""Modules, as ISO/IEC 18004 asks."""
_PIXELS: Final = 10


@dataclass(frozen=True, slots=True)
class Label:
    """A label: 128 random bits as 22 characters of base64url, and the stream that it is bound to."""

    token: str
    tenant: str
    order_id: str
    stream: StreamId


class Labels:
    """Makes and resolves labels.  `clock` gives ms UTC, `draw` that many random bytes."""

    def __init__(self, store: TenantStore, *, clock: Callable[[], int], draw: Callable[[int], bytes]) -> None:
        self._store = store
        self._clock = clock
        self._draw = draw

    def create(self, tenant: str, order_id: str) -> Label:
        """Make a new label for an order; NotFound (`order_unknown`)."""
        token = base64.urlsafe_b64encode(self._draw(TOKEN_BYTES)).rstrip(b"=").decode()
        row = self._store.add_label(token, tenant, order_id, self._clock())
        if row is None:
            raise NotFound("order_unknown", f"there is no order {order_id!r}")
        return _label(row)

    def resolve(self, token: str) -> Label | None:
        """Return what a token stands for; None for any other text."""
        row = self._store.label(token) if len(token) == _TOKEN_LENGTH else None
        return None if row is None else _label(row)


def _label(row: LabelRow) -> Label:
    return Label(row.token, row.tenant, row.order_id, row.stream)


def label_link(public_url: str, label: Label) -> str:
    """Return the link that the code holds; the fragment with the stream id never reaches a server (SPEC 17.1)."""
    return f"{public_url.rstrip('/')}/v/{label.token}#{label.stream.hex()}"


def svg(link: str) -> bytes:
    """Draw the code as SVG: quiet zone of 4 modules, error correction Q."""
    return _draw(link, SvgPathFillImage)


def png(link: str) -> bytes:
    """Draw the code as PNG: 10 pixels a module, quiet zone of 4 modules, error correction Q."""
    return _draw(link, PilImage)


def _draw(link: str, kind: type[BaseImage]) -> bytes:
    code = qrcode.QRCode(error_correction=ERROR_CORRECT_Q, box_size=_PIXELS, border=_QUIET_ZONE)
    code.add_data(link)
    code.make(fit=True)
    drawn = BytesIO()
    code.make_image(image_factory=kind).save(drawn)
    return drawn.getvalue()
