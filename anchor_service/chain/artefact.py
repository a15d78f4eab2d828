"""The compiled registry, as `AnchorRegistry.json` beside this file holds it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from anchor_service.chain.jsonrpc import parse_bytes


@dataclass(frozen=True, slots=True)
class Artefact:
    """The registry's ABI and code, and where the deterministic factory puts it on every chain."""

    abi: list[dict[str, Any]]
    bytecode: bytes
    runtime: bytes
    factory: bytes
    factory_code: bytes
    salt: bytes
    address: bytes


@cache
def read_artefact() -> Artefact:
    """Read the file; an exception here is our own bug."""
    document = json.loads(files("anchor_service.chain").joinpath("AnchorRegistry.json").read_bytes())
    create2 = document["create2"]
    return Artefact(
        abi=document["abi"],
        bytecode=parse_bytes(document["bytecode"], "bytecode"),
        runtime=parse_bytes(document["runtime"], "runtime"),
        factory=parse_bytes(create2["factory"], "factory", 20),
        factory_code=parse_bytes(create2["factory_code"], "factory_code"),
        salt=parse_bytes(create2["salt"], "salt", 32),
        address=parse_bytes(create2["address"], "address", 20),
    )
