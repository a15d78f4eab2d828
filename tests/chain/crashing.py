"""Sends transactions to an embedded chain without an end, and says after each that it was taken: to be killed.

python -m tests.chain.crashing FOLDER
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from anchor_service.chain.contract import RegistryCodec
from anchor_service.chain.embedded import DEVELOPMENT_CHAIN_ID, create_chain, open_chain
from anchor_service.chain.providers import NodeProvider
from anchor_service.chain.rpc import Rpc
from anchor_service.chain.sender import FeeLimits, Sender
from anchor_service.chain.serving import EmbeddedNode
from tests.chain.world import OWNER, PUBLISHER, address_of, world_on


def main(path: Path) -> None:
    print("imported", flush=True)
    if not path.exists():
        create_chain(path, [OWNER, PUBLISHER], time.time)
    with open_chain(path, time.time) as chain:
        provider = NodeProvider(EmbeddedNode(chain))
        registry = world_on(provider, DEVELOPMENT_CHAIN_ID).place.registry
        sender = Sender(Rpc([provider]), PUBLISHER, DEVELOPMENT_CHAIN_ID, FeeLimits())
        print("open", flush=True)
        while True:
            nonce = chain.nonce(sender.address, chain.head().header)
            salt = nonce.to_bytes(32, "big")
            sender.send(sender.prepare(registry, RegistryCodec().create_log(salt, address_of(PUBLISHER))))
            print(nonce, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
