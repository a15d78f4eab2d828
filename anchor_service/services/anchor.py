"""Anchor: records the newest checkpoint in the registry, follows it to finality, and keeps the evidence."""

from __future__ import annotations


class Anchor:
    """The only sender of anchors."""

    alarm: str | None
    """Why anchoring of this log has stopped for good, in words; None while it goes on."""
    waiting: str | None
    """What keeps an anchor from going on for now (no funds, fees too high, no node), in words."""

    def run_once(self) -> bool:
        """Take every anchor one step further; say whether something changed."""
        raise NotImplementedError
