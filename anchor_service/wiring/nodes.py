"""The nodes of the chain, and the registry on it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import Final

from anchor_service.chain.embedded import EmbeddedChain, open_chain
from anchor_service.chain.providers import HttpProvider, NodeProvider
from anchor_service.chain.registry import RegistryChain
from anchor_service.chain.sender import FeeLimits
from anchor_service.chain.serving import EmbeddedNode, ReadOnlyNode
from anchor_service.ports import StoreRefused
from anchor_service.settings import Settings
from anchor_service.wiring.keys import read_key
from anchor_service.wiring.opened import OpenChain, RegistryPlace
from anchor_service.wiring.places import CHAIN, publisher_file

_NODE_TIMEOUT: Final = 20.0


@dataclass(frozen=True, slots=True)
class ChainNodes:
    """The nodes of the chain, and the embedded chain itself where it is that one."""

    providers: Sequence[NodeProvider | HttpProvider]
    chain_id: int
    embedded: EmbeddedChain | None


def open_nodes(settings: Settings, opened: ExitStack) -> ChainNodes:
    """Open the nodes that the settings name, or the embedded chain; `opened` closes them.  StoreRefused: `settings`."""
    if not settings.rpc_urls:
        chain = opened.enter_context(open_chain(settings.data / CHAIN, time.time))
        return ChainNodes([NodeProvider(EmbeddedNode(chain))], chain.chain_id, chain)
    if settings.chain_id is None:
        raise StoreRefused("settings", "chain_id: it says which chain the nodes of rpc_urls must be of")
    providers = [opened.enter_context(closing(HttpProvider(url, _NODE_TIMEOUT))) for url in settings.rpc_urls]
    return ChainNodes(providers, settings.chain_id, None)


@contextmanager
def open_registry(settings: Settings, place: RegistryPlace) -> Iterator[OpenChain]:
    """Open the chain and a log's registry on it until the block ends; raises as `open_nodes` and `read_key`."""
    with ExitStack() as opened:
        nodes = open_nodes(settings, opened)
        registry = registry_chain(settings, nodes, place)
        public = ReadOnlyNode(nodes.embedded, place.address) if nodes.embedded else None
        yield OpenChain(lambda: nodes.chain_id, registry, public)


def registry_chain(settings: Settings, nodes: ChainNodes, place: RegistryPlace) -> RegistryChain:
    """Return the registry at this address, for the publisher; StoreRefused as by `read_key`."""
    return RegistryChain(
        nodes.providers,
        chain_id=nodes.chain_id,
        registry=place.address,
        key=read_key(publisher_file(settings)),
        finality=0 if nodes.embedded else settings.finality,
        limits=fee_limits(settings),
        first_block=place.first_block,
    )


def fee_limits(settings: Settings) -> FeeLimits:
    """Return what a transaction may cost at most."""
    return FeeLimits(max_fee=int(settings.max_fee_gwei * 10**9))
