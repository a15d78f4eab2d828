"""Ingest: takes events, stores them durably in commit groups, and gives receipts."""

from anchor_service.services.ingest.ingest import Ingest
from anchor_service.services.ingest.outcomes import Accepted, Outcome, Refused

__all__ = ["Accepted", "Ingest", "Outcome", "Refused"]
