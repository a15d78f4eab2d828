"""Sealtrail: a blockchain-anchored order traceability service."""

__version__ = "0.1.0"
