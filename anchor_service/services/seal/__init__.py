"""Seal: the only writer of the log."""

from anchor_service.services.seal.sealing import CROWDED, Seal, Sealed, Signer

__all__ = ["CROWDED", "Seal", "Sealed", "Signer"]
