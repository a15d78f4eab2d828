"""Build hook of sdist and wheel: what is shipped beside the code must be there, or there is no build."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SHIPPED = (
    "protocol/SPEC.md",
    "chain/AnchorRegistry.json",
    "storage/migrations/versions/*.py",
    "page/index.html",
)


class ShippedFiles(BuildHookInterface):  # type: ignore[type-arg]  # its parameter is the builder's own configuration
    """Refuses to build a package that would lack one of SHIPPED."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002  # the hook's fixed signature
        """Raise FileNotFoundError if a file is missing; a development install (`editable`) may come before the page."""
        if version == "editable":
            return
        package = Path(self.root) / "anchor_service"
        missing = [pattern for pattern in SHIPPED if not any(package.glob(pattern))]
        if missing:
            raise FileNotFoundError(
                f"anchor_service lacks {', '.join(missing)}: build with scripts/wheel, which makes the page first"
            )
