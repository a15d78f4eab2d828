"""What ingest does with events before it looks at any state: read, disclose, commit.  Any process can do it."""

from anchor_service.services.prepare.apart import PrepareApart, prepare, prepare_here, prepare_strictly

__all__ = ["PrepareApart", "prepare", "prepare_here", "prepare_strictly"]
