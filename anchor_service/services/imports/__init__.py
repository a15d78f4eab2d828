"""Import: rows of a brand's own tables become events, by rules that a mapping declares (docs/import.md)."""

from anchor_service.services.imports.chunks import Here, rows_of
from anchor_service.services.imports.mapping import Mapping, load_mapping
from anchor_service.services.imports.rows import Built, RowRefused
from anchor_service.services.imports.run import Import, Report

__all__ = ["Built", "Here", "Import", "Mapping", "Report", "RowRefused", "load_mapping", "rows_of"]
