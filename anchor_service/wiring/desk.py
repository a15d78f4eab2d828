"""A log for reading and proving: what every process has open."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace

from anchor_service.ports import StoreRefused
from anchor_service.protocol.anchor import parse_address
from anchor_service.protocol.errors import SealtrailError
from anchor_service.protocol.hashes import LogId, parse_hash
from anchor_service.protocol.note import VerifierKey
from anchor_service.protocol.policy import ChainPolicy, LogKey, NodePolicy, Policy
from anchor_service.protocol.receipt import receipts_origin
from anchor_service.protocol.shape import VERSION
from anchor_service.services.attachments import Attachments
from anchor_service.services.fsck import Finding, fsck
from anchor_service.services.keys import Keys
from anchor_service.services.label import Labels
from anchor_service.services.prove import Prove
from anchor_service.settings import Settings
from anchor_service.storage.database import Database
from anchor_service.storage.files import AttachmentFiles
from anchor_service.storage.lease import read_lease
from anchor_service.storage.reading import Reading
from anchor_service.storage.tenants import Tenants
from anchor_service.wiring.clock import now
from anchor_service.wiring.health import Health, Said
from anchor_service.wiring.places import ATTACHMENTS


class Desk:
    """A log's tenants, orders and proofs, without its lock, its chain and its writers.

    Any number of processes may have one open, beside the one that has the `Service`.
    """

    def __init__(self, settings: Settings, database: Database) -> None:
        facts = database.facts
        if facts["format"] != str(VERSION):
            raise StoreRefused("format", f"the log is of format version {facts['format']}, not {VERSION}")
        self.settings = settings
        self.log = LogId(parse_hash(facts["log"], "log"))
        self.origin = facts["origin"]
        self.registry = parse_address(facts["registry"], "registry")
        self.closing = ExitStack()
        """Closes what was opened for this."""
        self._chain_id = int(facts["chain_id"])
        self._log_key = VerifierKey(self.origin, bytes.fromhex(facts["log_key"]))
        self._receipt_key = VerifierKey(receipts_origin(self.origin), bytes.fromhex(facts["receipt_key"]))
        self._database = database
        self._reading = Reading(database)
        tenants = Tenants(database)
        self.keys = Keys(tenants, clock=now, draw=os.urandom)
        self.labels = Labels(tenants, clock=now, draw=os.urandom)
        self.attachments = Attachments(
            tenants,
            AttachmentFiles(settings.data / ATTACHMENTS),
            clock=now,
            most_bytes=settings.attachment_bytes,
        )
        self.prove = Prove(self._reading, log=self.log, policy=lambda: replace(self.policy(), tenants=None))

    @property
    def _embedded(self) -> bool:
        return not self.settings.rpc_urls

    def policy(self) -> Policy:
        """Return what the operator claims a verifier should trust: log, keys, chain, nodes, tenants; no blocks.

        A policy that was written before a tenant was created does not know that tenant.
        """
        settings = self.settings
        embedded = self._embedded
        return Policy(
            origin=self.origin,
            log=self.log,
            log_keys=(LogKey(self._log_key, 1, None),),
            receipt_keys=(self._receipt_key,),
            tenants={tenant.id: tenant.name for tenant in self.keys.tenants()},
            actors={},
            chain=ChainPolicy(
                id=self._chain_id,
                name=settings.chain_name or ("embedded development chain" if embedded else f"{self._chain_id}"),
                registry=self.registry,
                finality=0 if embedded else settings.finality,
                test=embedded or settings.test_chain,
            ),
            blocks=(),
            rpc=(NodePolicy("/rpc", operator=True),)
            if embedded
            else tuple(NodePolicy(url, operator=False) for url in settings.verifier_rpc_urls),
            max_age=None,
        )

    def fsck(self, note: Callable[[int, int], None]) -> list[Finding]:
        """Recompute what is stored and name every row that does not agree; `note` is told how far it is."""
        return fsck(self._reading, self.policy(), now(), note)

    def health(self) -> Health:
        """Say how far the log is, from a few indexed reads; `ready`: it can be read."""
        try:
            with self._reading.snapshot() as snapshot:
                head = snapshot.head()
                waiting, oldest = snapshot.waiting()
                anchored, final = snapshot.mined_size(), snapshot.final_size()
            said = self._said()
        except SealtrailError as problem:
            return Health(ready=False, problems=(f"{problem.code}: {problem.message}",))
        return Health(
            ready=said.over is None,
            problems=said.problems,
            waiting=waiting,
            oldest_waiting=oldest,
            size=head.size,
            batch=head.batch,
            sealed=head.sealed if head.batch else None,
            anchored_size=anchored,
            final_size=final,
        )

    def _said(self) -> Said:
        """Return what the process that seals and anchors says of itself; nothing where that is this one's to say."""
        if not self._database.shared:
            return Said(None, ())
        row = read_lease(self._database)
        if not row.live:
            return Said(None, ("sealing and anchoring wait: no worker is running (sealtrail worker)",))
        return Said.parse(row.said)

    def stop(self) -> None:
        """Close everything."""
        self.closing.close()
