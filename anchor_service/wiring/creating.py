"""Creates a log, and brings an old one to this program's schema."""

from __future__ import annotations

import time
from contextlib import ExitStack, closing

from anchor_service.chain.deploy import deploy
from anchor_service.chain.embedded import DEVELOPMENT_CHAIN_ID, create_chain
from anchor_service.chain.sender import address_of
from anchor_service.ports import StoreRefused
from anchor_service.protocol.anchor import print_address
from anchor_service.protocol.checkpoint import origin_of
from anchor_service.protocol.hashes import ZERO
from anchor_service.protocol.receipt import receipts_origin
from anchor_service.protocol.shape import VERSION
from anchor_service.settings import Settings
from anchor_service.storage.database import create_database, database_exists, upgrade_database
from anchor_service.storage.files import DirectoryLock, SignerFile
from anchor_service.wiring.access import check_exists, lock
from anchor_service.wiring.clock import now
from anchor_service.wiring.keys import make_key, named_key
from anchor_service.wiring.nodes import fee_limits, open_nodes, registry_chain
from anchor_service.wiring.opened import RegistryPlace
from anchor_service.wiring.places import CHAIN, KEYS, SIGNER, database_place, publisher_file


def create(settings: Settings) -> None:
    """Create a log in `settings.data`: keys, embedded chain, registry, database.  StoreRefused (`log_exists`).

    Each step finds what an interrupted attempt has left, and the database comes last: while it is not there, there
    is no log.
    """
    data = settings.data
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with ExitStack() as opened:
        opened.enter_context(closing(DirectoryLock(data)))
        if database_exists(database_place(settings)):
            raise StoreRefused("log_exists", f"there is a log in {data} already")
        memory = SignerFile(data / SIGNER)
        if (data / SIGNER).exists() and memory.load()[0]:
            raise StoreRefused("log_exists", f"{data / SIGNER}: a log was signed here, and its database is gone")
        (data / KEYS).mkdir(mode=0o700, exist_ok=True)
        owner = make_key(settings.owner_key_file or data / KEYS / "owner.key")
        publisher = make_key(publisher_file(settings))
        log_seed, receipt_seed = make_key(data / KEYS / "log.key"), make_key(data / KEYS / "receipt.key")
        if not settings.rpc_urls and not (data / CHAIN).exists():
            chain_id = settings.chain_id or DEVELOPMENT_CHAIN_ID
            create_chain(data / CHAIN, [owner, publisher], time.time, chain_id)
        nodes = open_nodes(settings, opened)
        made = deploy(
            nodes.providers,
            chain_id=nodes.chain_id,
            owner_key=owner,
            publisher=address_of(publisher),
            # The same log key finds the same log, however often this was interrupted.
            salt=named_key(log_seed, "salt").verifier.public,
            sleep=time.sleep,
            limits=fee_limits(settings),
        )
        if registry_chain(settings, nodes, RegistryPlace(made.registry, made.first_block)).head(made.log).size:
            raise StoreRefused("log_exists", "this log was anchored before, and its database is gone")
        origin = origin_of(settings.name, made.log)
        memory.store(0, ZERO)
        facts = {
            "chain_id": str(made.chain_id),
            "first_block": str(made.first_block),
            "format": str(VERSION),
            "log": made.log.hex(),
            "log_key": named_key(log_seed, origin).verifier.public.hex(),
            "origin": origin,
            "receipt_key": named_key(receipt_seed, receipts_origin(origin)).verifier.public.hex(),
            "registry": print_address(made.registry),
        }
        create_database(database_place(settings), facts, now())


def upgrade(settings: Settings) -> None:
    """Bring the database to this program's schema, whole or not at all; StoreRefused (`log_missing`, `locked`)."""
    check_exists(settings)
    with lock(settings):
        upgrade_database(database_place(settings))
