"""Labels: the QR code on a parcel, bound to a stream (SPEC 17)."""

from __future__ import annotations

from dataclasses import dataclass

from anchor_service.protocol.hashes import StreamId


@dataclass(frozen=True, slots=True)
class Label:
    """A label: 128 random bits as 22 characters of base64url, and the stream that it is bound to."""

    token: str
    tenant: str
    order_id: str
    stream: StreamId


class Labels:
    """Makes and resolves labels."""

    def create(self, tenant: str, order_id: str) -> Label:
        """Make a new label for an order; NotFound (`order_unknown`)."""
        raise NotImplementedError

    def resolve(self, token: str) -> Label | None:
        """Return what a token stands for; None for any other text."""
        raise NotImplementedError


def label_link(public_url: str, label: Label) -> str:
    """Return the link that the code holds; the fragment with the stream id never reaches a server (SPEC 17.1)."""
    return f"{public_url.rstrip('/')}/v/{label.token}#{label.stream.hex()}"


def svg(link: str) -> bytes:
    """Draw the code as SVG: quiet zone of 4 modules, error correction Q."""
    raise NotImplementedError


def png(link: str) -> bytes:
    """Draw the code as PNG: 10 pixels a module, quiet zone of 4 modules, error correction Q."""
    raise NotImplementedError
