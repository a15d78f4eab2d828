"""Puts the parts together: the only place that names adapters."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from anchor_service.chain.deploy import deploy
from anchor_service.chain.embedded import DEVELOPMENT_CHAIN_ID, EmbeddedChain, create_chain, open_chain
from anchor_service.chain.providers import HttpProvider, NodeProvider
from anchor_service.chain.registry import RegistryChain
from anchor_service.chain.sender import FeeLimits, address_of
from anchor_service.chain.serving import EmbeddedNode, ReadOnlyNode
from anchor_service.ports import ChainUnavailable, Nodes, StoreRefused
from anchor_service.protocol.anchor import parse_address, print_address
from anchor_service.protocol.checkpoint import origin_of
from anchor_service.protocol.errors import SealtrailError
from anchor_service.protocol.hashes import ZERO, LogId, parse_hash
from anchor_service.protocol.note import VerifierKey
from anchor_service.protocol.policy import ChainPolicy, LogKey, NodePolicy, Policy
from anchor_service.protocol.receipt import receipts_origin
from anchor_service.services.anchor import Anchor
from anchor_service.services.attachments import Attachments
from anchor_service.services.ingest import Ingest
from anchor_service.services.keys import Keys
from anchor_service.services.label import Labels
from anchor_service.services.prepare import PrepareApart, prepare_here
from anchor_service.services.prove import Prove
from anchor_service.services.seal import Seal, Signer
from anchor_service.settings import Settings
from anchor_service.storage.anchors import Anchors
from anchor_service.storage.database import Database, create_database, upgrade_database
from anchor_service.storage.events import Events
from anchor_service.storage.files import AttachmentFiles, DirectoryLock, SignerFile, replace_file
from anchor_service.storage.log import Log
from anchor_service.storage.reading import Reading
from anchor_service.storage.tenants import Tenants
from anchor_service.workers.loop import Loop

DATABASE: Final = "sealtrail.db"
CHAIN: Final = "chain.db"
SIGNER: Final = "signer.json"
ATTACHMENTS: Final = "attachments"
KEYS: Final = "keys"
_NODE_TIMEOUT: Final = 20.0
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Health:
    """How the service is.  Times in ms UTC; counts are numbers of events or entries.

    `ready`: it takes events, and the newest could be stored, or one could be since.
    `problems`: what stands still for now or for good, in words; alarms first.
    """

    ready: bool
    problems: tuple[str, ...]
    queued: int
    waiting: int
    oldest_waiting: int | None
    size: int
    batch: int
    sealed: int | None
    anchored_size: int
    final_size: int


# --- keys -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Key:
    """An Ed25519 key with its name."""

    secret: Ed25519PrivateKey
    verifier: VerifierKey

    def sign(self, message: bytes) -> bytes:
        return self.secret.sign(message)


def _read_key(path: Path) -> bytes:
    try:
        text = path.read_text().strip().removeprefix("0x")
    except FileNotFoundError:
        raise StoreRefused("key_missing", f"{path} is not there") from None
    try:
        return bytes(parse_hash(text, str(path)))
    except SealtrailError as problem:
        raise StoreRefused("key_syntax", problem.message) from None


def _make_key(path: Path) -> bytes:
    """Return the key in this file, after making one where there is none."""
    if not path.exists():
        replace_file(path, secrets.token_hex(32).encode() + b"\n")
    return _read_key(path)


def _named(seed: bytes, name: str) -> _Key:
    secret = Ed25519PrivateKey.from_private_bytes(seed)
    return _Key(secret, VerifierKey(name, secret.public_key().public_bytes_raw()))


def _publisher_file(settings: Settings) -> Path:
    return settings.publisher_key_file or settings.data / KEYS / "publisher.key"


# --- the chain --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Nodes:
    """The nodes of the chain, and the embedded chain itself where it is that one."""

    providers: Sequence[NodeProvider | HttpProvider]
    chain_id: int
    embedded: EmbeddedChain | None


def _open_nodes(settings: Settings, opened: ExitStack) -> _Nodes:
    if not settings.rpc_urls:
        chain = opened.enter_context(open_chain(settings.data / CHAIN, time.time))
        return _Nodes([NodeProvider(EmbeddedNode(chain))], chain.chain_id, chain)
    if settings.chain_id is None:
        raise StoreRefused("settings", "chain_id: it says which chain the nodes of rpc_urls must be of")
    providers = [opened.enter_context(closing(HttpProvider(url, _NODE_TIMEOUT))) for url in settings.rpc_urls]
    return _Nodes(providers, settings.chain_id, None)


def _registry(settings: Settings, nodes: _Nodes, registry: bytes, first_block: int) -> RegistryChain:
    return RegistryChain(
        nodes.providers,
        chain_id=nodes.chain_id,
        registry=registry,
        key=_read_key(_publisher_file(settings)),
        finality=0 if nodes.embedded else settings.finality,
        limits=_fees(settings),
        first_block=first_block,
    )


def _fees(settings: Settings) -> FeeLimits:
    return FeeLimits(max_fee=int(settings.max_fee_gwei * 10**9))


def _now() -> int:
    return time.time_ns() // 1_000_000


# --- creating ---------------------------------------------------------------------------------------------------------


def create(settings: Settings) -> None:
    """Create a log in `settings.data`: keys, embedded chain, registry, database.  StoreRefused (`log_exists`).

    Each step finds what an interrupted attempt has left, and the database comes last: while it is not there, there
    is no log.
    """
    data = settings.data
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with ExitStack() as opened:
        opened.enter_context(closing(DirectoryLock(data)))
        if (data / DATABASE).exists():
            raise StoreRefused("log_exists", f"there is a log in {data} already")
        memory = SignerFile(data / SIGNER)
        if (data / SIGNER).exists() and memory.load()[0]:
            raise StoreRefused("log_exists", f"{data / SIGNER}: a log was signed here, and its database is gone")
        (data / KEYS).mkdir(mode=0o700, exist_ok=True)
        owner = _make_key(settings.owner_key_file or data / KEYS / "owner.key")
        publisher = _make_key(_publisher_file(settings))
        log_seed, receipt_seed = _make_key(data / KEYS / "log.key"), _make_key(data / KEYS / "receipt.key")
        if not settings.rpc_urls and not (data / CHAIN).exists():
            chain_id = settings.chain_id or DEVELOPMENT_CHAIN_ID
            create_chain(data / CHAIN, [owner, publisher], time.time, chain_id)
        nodes = _open_nodes(settings, opened)
        made = deploy(
            nodes.providers,
            chain_id=nodes.chain_id,
            owner_key=owner,
            publisher=address_of(publisher),
            # The same log key finds the same log, however often this was interrupted.
            salt=_named(log_seed, "salt").verifier.public,
            sleep=time.sleep,
            limits=_fees(settings),
        )
        if _registry(settings, nodes, made.registry, made.first_block).head(made.log).size:
            raise StoreRefused("log_exists", "this log was anchored before, and its database is gone")
        origin = origin_of(settings.name, made.log)
        memory.store(0, ZERO)
        facts = {
            "chain_id": str(made.chain_id),
            "first_block": str(made.first_block),
            "log": made.log.hex(),
            "log_key": _named(log_seed, origin).verifier.public.hex(),
            "origin": origin,
            "receipt_key": _named(receipt_seed, receipts_origin(origin)).verifier.public.hex(),
            "registry": print_address(made.registry),
        }
        create_database(data / DATABASE, facts, _now())


def upgrade(settings: Settings) -> None:
    """Bring the database to this program's schema, whole or not at all; StoreRefused (`log_missing`, `locked`)."""
    if not (settings.data / DATABASE).exists():
        raise StoreRefused("log_missing", f"there is no log in {settings.data}: create one first (sealtrail init)")
    with closing(DirectoryLock(settings.data)):
        upgrade_database(settings.data / DATABASE)


# --- opening ----------------------------------------------------------------------------------------------------------


def build(settings: Settings) -> Service:
    """Open a log that was created.

    StoreRefused: `log_missing`, `locked` (another process has it open), `schema` (upgrade it first), `log_other` (the
    keys or the chain are another log's), `log_behind` (an old backup), `key_missing`.  ChainRefused where the chain is
    not the one that it was created on.  Nodes that do not answer are no reason to refuse.
    """
    if not (settings.data / DATABASE).exists():
        raise StoreRefused("log_missing", f"there is no log in {settings.data}: create one first (sealtrail init)")
    with ExitStack() as opened:
        opened.enter_context(closing(DirectoryLock(settings.data)))
        database = opened.enter_context(closing(Database(settings.data / DATABASE)))
        service = Service(settings, database, _open_nodes(settings, opened))
        service.check()
        service.closing = opened.pop_all()
        return service


def look(settings: Settings) -> Desk:
    """Open a log beside the process that serves it; StoreRefused: `log_missing`, `schema`."""
    if not (settings.data / DATABASE).exists():
        raise StoreRefused("log_missing", f"there is no log in {settings.data}: create one first (sealtrail init)")
    with ExitStack() as opened:
        desk = Desk(settings, opened.enter_context(closing(Database(settings.data / DATABASE))))
        desk.closing = opened.pop_all()
        return desk


class Desk:
    """A log's tenants, orders and proofs, without its lock, its chain and its writers.

    Any number of processes may have one open, beside the one that has the `Service`.
    """

    def __init__(self, settings: Settings, database: Database) -> None:
        facts = database.facts
        self.settings = settings
        self.log = LogId(parse_hash(facts["log"], "log"))
        self.origin = facts["origin"]
        self.registry = parse_address(facts["registry"], "registry")
        self.closing = ExitStack()
        """Closes what was opened for this."""
        self._chain_id = int(facts["chain_id"])
        self._log_key = VerifierKey(self.origin, bytes.fromhex(facts["log_key"]))
        self._receipt_key = VerifierKey(receipts_origin(self.origin), bytes.fromhex(facts["receipt_key"]))
        self._reading = Reading(database)
        tenants = Tenants(database)
        self.keys = Keys(tenants, clock=_now, draw=os.urandom)
        self.labels = Labels(tenants, clock=_now, draw=os.urandom)
        self.attachments = Attachments(
            tenants,
            AttachmentFiles(settings.data / ATTACHMENTS),
            clock=_now,
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

    def health(self) -> Health:
        """Say how far the log is, from a few indexed reads; `ready`: it can be read."""
        try:
            with self._reading.snapshot() as snapshot:
                head = snapshot.head()
                waiting, oldest = snapshot.waiting()
                anchored, final = snapshot.mined_size(), snapshot.final_size()
        except SealtrailError as problem:
            return Health(
                ready=False,
                problems=(f"{problem.code}: {problem.message}",),
                queued=0,
                waiting=0,
                oldest_waiting=None,
                size=0,
                batch=0,
                sealed=None,
                anchored_size=0,
                final_size=0,
            )
        return Health(
            ready=True,
            problems=(),
            queued=0,
            waiting=waiting,
            oldest_waiting=oldest,
            size=head.size,
            batch=head.batch,
            sealed=head.sealed if head.batch else None,
            anchored_size=anchored,
            final_size=final,
        )

    def stop(self) -> None:
        """Close everything."""
        self.closing.close()


class Service(Desk):
    """A log that is open for writing: `start` runs its workers, `stop` stops them and closes everything."""

    def __init__(self, settings: Settings, database: Database, nodes: _Nodes) -> None:
        super().__init__(settings, database)
        facts = database.facts
        log_key = _named(_read_key(settings.data / KEYS / "log.key"), self.origin)
        receipt_key = _named(_read_key(settings.data / KEYS / "receipt.key"), receipts_origin(self.origin))
        if (nodes.chain_id, log_key.verifier, receipt_key.verifier) != (
            self._chain_id, self._log_key, self._receipt_key
        ):  # fmt: skip
            raise StoreRefused("log_other", "the keys or the chain are not those that this log was created with")
        self.nodes: Nodes | None = ReadOnlyNode(nodes.embedded, self.registry) if nodes.embedded else None
        """The embedded chain for `/rpc`; None on any other chain."""
        self._apart = PrepareApart() if settings.prepare_process else None
        self.ingest = Ingest(
            Events(database),
            log=self.log,
            key=receipt_key.verifier,
            sign=receipt_key.sign,
            clock=_now,
            draw=os.urandom,
            promise=_ms(settings.receipt_deadline),
            most_queued=settings.queue_events,
            over=lambda: self.anchor.alarm if self.anchor.over else None,
            prepare=self._apart or prepare_here,
        )
        self.anchor = Anchor(
            Anchors(database),
            _registry(settings, nodes, self.registry, int(facts["first_block"])),
            log=self.log,
            registry=self.registry,
            clock=_now,
            interval=_ms(settings.anchor_interval),
            resend=_ms(settings.resend_interval),
            replace=_ms(settings.replace_interval),
        )
        self.seal = Seal(
            Log(database),
            Signer(log_key.verifier, log_key.sign, SignerFile(settings.data / SIGNER)),
            log=self.log,
            clock=_now,
            newest_final=self.anchor.newest_final,
            most_events=settings.seal_events,
            heartbeat=_ms(settings.heartbeat),
        )
        self._seal_loop = Loop("seal", self._seal_once, settings.seal_interval)
        self._anchor_loop = Loop("anchor", self.anchor.run_once, settings.poll_interval)
        self._open = False

    def check(self) -> None:
        """Refuse to go on with a log that its signer, its tiles or its registry contradict."""
        self.seal.check()
        try:
            self.anchor.check()
        except ChainUnavailable as problem:
            _log.warning("chain_unavailable", code=problem.code, reason=problem.message)

    def start(self) -> None:
        """Start ingest, sealing and anchoring."""
        self.ingest.start()
        self._seal_loop.start()
        self._anchor_loop.start()
        self._open = True

    def stop(self) -> None:
        """Stop gracefully: what was submitted is stored, what was begun is finished, everything is closed."""
        self._open = False
        self.ingest.stop()
        if self._apart is not None:
            self._apart.stop()
        self._seal_loop.stop()
        self._anchor_loop.stop()
        super().stop()

    def _seal_once(self) -> bool:
        # The signer's memory may be as old as a backup of the database; the registry is not.  What would be sealed upon
        # an old backup is a second history, so it waits until the registry has been seen once; receipts do not.
        if not self.anchor.agreed:
            raise ChainUnavailable("registry_unseen", "the registry has not been seen since the start")
        # What the registry contradicts must not grow.
        sealed = None if self.anchor.over else self.seal.run_once()
        if sealed is None:
            return False
        _log.info("sealed", batch=sealed.batch, size=sealed.size, events=sealed.events)
        self._anchor_loop.wake()
        return sealed.events == self.settings.seal_events

    def health(self) -> Health:
        """Say how the service is, from memory and a few indexed reads."""
        alarm = self.anchor.alarm
        stopped = "anchoring, sealing and taking events have" if self.anchor.over else "anchoring has"
        problems = [] if alarm is None else [f"{stopped} stopped: {alarm}"]
        for name, problem in (
            ("storing", self.ingest.problem),
            ("sealing", self._seal_loop.problem),
            ("anchoring", self._anchor_loop.problem or self.anchor.waiting),
        ):
            if problem is not None:
                problems.append(f"{name} waits: {problem}")
        stored = super().health()
        return replace(
            stored,
            ready=self._open and stored.ready and not self.anchor.over and self.ingest.problem is None,
            problems=(*problems, *stored.problems),
            queued=self.ingest.queued,
        )

    def settle(self, timeout: float) -> bool:
        """Seal and anchor now, and wait until everything accepted is under a final anchor; False after `timeout` s."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            health = self.health()
            if not health.queued and not health.waiting and health.final_size == health.size:
                return True
            self._seal_loop.wake()
            self._anchor_loop.wake()
            time.sleep(0.05)
        return False


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
