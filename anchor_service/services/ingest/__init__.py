"""Ingest: takes events, stores them durably in commit groups, and gives receipts."""

from anchor_service.services.ingest.accepting import Accepting
from anchor_service.services.ingest.ingest import Ingest
from anchor_service.services.ingest.outcomes import Accepted, Outcome, Refused
from anchor_service.services.ingest.receipts import Promises

__all__ = ["Accepted", "Accepting", "Ingest", "Outcome", "Promises", "Refused"]
