"""Puts the parts together: the only place that names adapters."""

from __future__ import annotations

import json
import os
import secrets
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, nullcontext
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
from anchor_service.protocol.shape import VERSION
from anchor_service.services.anchor import Anchor
from anchor_service.services.attachments import Attachments
from anchor_service.services.fsck import Finding, fsck
from anchor_service.services.ingest import Ingest
from anchor_service.services.keys import Keys
from anchor_service.services.label import Labels
from anchor_service.services.prepare import PrepareApart, prepare_here
from anchor_service.services.prove import Prove
from anchor_service.services.seal import Seal, Signer
from anchor_service.settings import Settings
from anchor_service.storage.anchors import Anchors
from anchor_service.storage.database import Database, Place, create_database, database_exists, upgrade_database
from anchor_service.storage.events import Events
from anchor_service.storage.files import AttachmentFiles, DirectoryLock, SignerFile, replace_file
from anchor_service.storage.lease import Leases, read_lease
from anchor_service.storage.log import Log
from anchor_service.storage.reading import Reading
from anchor_service.storage.tenants import Tenants
from anchor_service.workers.keeper import Keeper
from anchor_service.workers.loop import Loop

DATABASE: Final = "sealtrail.db"
CHAIN: Final = "chain.db"
SIGNER: Final = "signer.json"
ATTACHMENTS: Final = "attachments"
KEYS: Final = "keys"
_NODE_TIMEOUT: Final = 20.0
_LISTEN: Final = 2.0
"""Seconds between two looks at what the worker says of itself."""
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


def _place(settings: Settings) -> Place:
    return settings.database or settings.data / DATABASE


def _check_exists(settings: Settings) -> None:
    if not database_exists(_place(settings)):
        where = f"{settings.data} and its database" if settings.database else f"{settings.data}"
        raise StoreRefused("log_missing", f"there is no log in {where}: create one first (sealtrail init)")


def _lock(settings: Settings) -> AbstractContextManager[object]:
    """Keep other processes out of the data directory, where they cannot share the database."""
    return nullcontext() if settings.database else closing(DirectoryLock(settings.data))


def _check_shared(settings: Settings) -> None:
    if not settings.database:
        raise StoreRefused(
            "one_process",
            "several processes need PostgreSQL: set SEALTRAIL_DATABASE (`database` in sealtrail.toml) to its URL, or "
            "let one process do it all (sealtrail serve)",
        )


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
        if database_exists(_place(settings)):
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
            "format": str(VERSION),
            "log": made.log.hex(),
            "log_key": _named(log_seed, origin).verifier.public.hex(),
            "origin": origin,
            "receipt_key": _named(receipt_seed, receipts_origin(origin)).verifier.public.hex(),
            "registry": print_address(made.registry),
        }
        create_database(_place(settings), facts, _now())


def upgrade(settings: Settings) -> None:
    """Bring the database to this program's schema, whole or not at all; StoreRefused (`log_missing`, `locked`)."""
    _check_exists(settings)
    with _lock(settings):
        upgrade_database(_place(settings))


# --- opening ----------------------------------------------------------------------------------------------------------


def build(settings: Settings) -> Service:
    """Open a log that was created.

    StoreRefused: `log_missing`, `locked` (another process has it open), `schema` (upgrade it first), `log_other` (the
    keys or the chain are another log's), `log_behind` (an old backup), `key_missing`.  ChainRefused where the chain is
    not the one that it was created on.  Nodes that do not answer are no reason to refuse.
    """
    _check_exists(settings)
    with ExitStack() as opened:
        opened.enter_context(_lock(settings))
        database = opened.enter_context(closing(Database(_place(settings))))
        service = Service(settings, database, _open_nodes(settings, opened))
        service.check()
        service.closing = opened.pop_all()
        return service


def build_front(settings: Settings) -> Front:
    """Open a log for taking events and for reading, beside others; a worker seals and anchors.

    StoreRefused: `one_process` (on SQLite), `log_missing`, `schema`, `log_other`, `key_missing`.
    """
    _check_shared(settings)
    _check_exists(settings)
    with ExitStack() as opened:
        front = Front(settings, opened.enter_context(closing(Database(_place(settings)))))
        front.closing = opened.pop_all()
        return front


def build_worker(settings: Settings) -> Worker:
    """Open a log for sealing and anchoring, or for standing by; StoreRefused and ChainRefused as by `build`."""
    _check_shared(settings)
    _check_exists(settings)
    with ExitStack() as opened:
        database = opened.enter_context(closing(Database(_place(settings))))
        worker = Worker(settings, database, _open_nodes(settings, opened))
        worker.check()
        worker.closing = opened.pop_all()
        return worker


def look(settings: Settings) -> Desk:
    """Open a log beside the process that serves it; StoreRefused: `log_missing`, `schema`."""
    _check_exists(settings)
    with ExitStack() as opened:
        desk = Desk(settings, opened.enter_context(closing(Database(_place(settings)))))
        desk.closing = opened.pop_all()
        return desk


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

    def fsck(self, note: Callable[[int, int], None]) -> list[Finding]:
        """Recompute what is stored and name every row that does not agree; `note` is told how far it is."""
        return fsck(self._reading, self.policy(), _now(), note)

    def health(self) -> Health:
        """Say how far the log is, from a few indexed reads; `ready`: it can be read."""
        try:
            with self._reading.snapshot() as snapshot:
                head = snapshot.head()
                waiting, oldest = snapshot.waiting()
                anchored, final = snapshot.mined_size(), snapshot.final_size()
            said = self._said()
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
            ready=said.over is None,
            problems=said.problems,
            queued=0,
            waiting=waiting,
            oldest_waiting=oldest,
            size=head.size,
            batch=head.batch,
            sealed=head.sealed if head.batch else None,
            anchored_size=anchored,
            final_size=final,
        )

    def _said(self) -> _Said:
        """Return what the process that seals and anchors says of itself; nothing where that is this one's to say."""
        if not self._database.shared:
            return _Said(None, ())
        row = read_lease(self._database)
        if not row.live:
            return _Said(None, ("sealing and anchoring wait: no worker is running (sealtrail worker)",))
        return _Said.parse(row.said)

    def stop(self) -> None:
        """Close everything."""
        self.closing.close()


class Front(Desk):
    """A log that takes events: `start` lets them in, `stop` stores what was let in and closes everything."""

    def __init__(self, settings: Settings, database: Database) -> None:
        super().__init__(settings, database)
        receipt_key = _named(_read_key(settings.data / KEYS / "receipt.key"), receipts_origin(self.origin))
        if receipt_key.verifier != self._receipt_key:
            raise StoreRefused("log_other", "the receipt key is not the one that this log was created with")
        self.nodes: Nodes | None = None
        """The embedded chain for `/rpc`, where this process has it open; None on any other chain."""
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
            over=self._over,
            prepare=self._apart or prepare_here,
        )
        self._heard: str | None = None
        self._listen_loop = Loop("listen", self._listen, _LISTEN)
        self._open = False

    def _over(self) -> str | None:
        """Say why no receipt could be honoured any more, from memory."""
        return self._heard

    def _listen(self) -> bool:
        self._heard = self._said().over
        return False

    def start(self) -> None:
        """Let events in."""
        self.ingest.start()
        if self._database.shared:
            self._listen_loop.start()
        self._open = True

    def stop(self) -> None:
        """Store what was submitted, then close everything."""
        self._open = False
        self.ingest.stop()
        if self._apart is not None:
            self._apart.stop()
        self._listen_loop.stop()
        super().stop()

    def health(self) -> Health:
        """Say how the service is, from memory and a few indexed reads."""
        stored = super().health()
        storing = () if self.ingest.problem is None else (f"storing waits: {self.ingest.problem}",)
        return replace(
            stored,
            ready=self._open and stored.ready and self.ingest.problem is None,
            problems=(*stored.problems, *storing),
            queued=self.ingest.queued,
        )


class Service(Front):
    """A log that is open for everything: `start` runs its workers, `stop` stops them and closes everything."""

    def __init__(self, settings: Settings, database: Database, nodes: _Nodes) -> None:
        super().__init__(settings, database)
        self._work = _Work(self, database, nodes)
        self.seal, self.anchor = self._work.seal, self._work.anchor
        if nodes.embedded:
            self.nodes = ReadOnlyNode(nodes.embedded, self.registry)

    def check(self) -> None:
        """Refuse to go on with a log that its signer, its tiles or its registry contradict."""
        self._work.check()

    def start(self) -> None:
        """Start ingest, sealing and anchoring."""
        super().start()
        self._work.start()

    def stop(self) -> None:
        """Stop gracefully: what was submitted is stored, what was begun is finished, everything is closed."""
        self._open = False
        self.ingest.stop()
        self._work.stop()
        super().stop()

    def _over(self) -> str | None:
        return self._work.over if self._work.held else super()._over()

    def _said(self) -> _Said:
        return self._work.said() if self._work.held else super()._said()

    def _seal_once(self) -> bool:
        return self._work.seal_once()

    def settle(self, timeout: float) -> bool:
        """Seal and anchor now, and wait until everything accepted is under a final anchor; False after `timeout` s."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            health = self.health()
            if not health.queued and not health.waiting and health.final_size == health.size:
                return True
            self._work.wake()
            time.sleep(0.05)
        return False


class Worker(Desk):
    """A log that this process seals and anchors, or stands by to do so; others take its events."""

    def __init__(self, settings: Settings, database: Database, nodes: _Nodes) -> None:
        super().__init__(settings, database)
        self._work = _Work(self, database, nodes)

    def check(self) -> None:
        """Refuse to go on with a log that its signer, its tiles or its registry contradict."""
        self._work.check()

    def start(self) -> None:
        """Take the lease, or stand by until it can be had."""
        self._work.start()

    def stop(self) -> None:
        """Finish what was begun, let another take over, close everything."""
        self._work.stop()
        super().stop()

    def _said(self) -> _Said:
        return self._work.said() if self._work.held else super()._said()


@dataclass(frozen=True, slots=True)
class _Said:
    """What the process that seals and anchors says of itself: why the log is over, if it is; and what stands still."""

    over: str | None
    problems: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> _Said:
        if not text:  # it has only just begun
            return cls(None, ())
        said = json.loads(text)
        return cls(said["over"], tuple(said["problems"]))

    def print(self) -> str:
        return json.dumps({"over": self.over, "problems": self.problems})


class _Work:
    """Sealing and anchoring in threads of their own, under the lease where several processes might."""

    def __init__(self, desk: Desk, database: Database, nodes: _Nodes) -> None:
        settings, facts = desk.settings, database.facts
        log_key = _named(_read_key(settings.data / KEYS / "log.key"), desk.origin)
        if (str(nodes.chain_id), log_key.verifier.public.hex()) != (facts["chain_id"], facts["log_key"]):
            raise StoreRefused("log_other", "the keys or the chain are not those that this log was created with")
        self._most_events = settings.seal_events
        self.anchor = Anchor(
            Anchors(database),
            _registry(settings, nodes, desk.registry, int(facts["first_block"])),
            log=desk.log,
            registry=desk.registry,
            clock=_now,
            interval=_ms(settings.anchor_interval),
            resend=_ms(settings.resend_interval),
            replace=_ms(settings.replace_interval),
        )
        self.seal = Seal(
            Log(database),
            Signer(log_key.verifier, log_key.sign, SignerFile(settings.data / SIGNER)),
            log=desk.log,
            clock=_now,
            newest_final=self.anchor.newest_final,
            most_events=settings.seal_events,
            heartbeat=_ms(settings.heartbeat),
        )
        self._seal_loop = Loop("seal", self.seal_once, settings.seal_interval)
        self._anchor_loop = Loop("anchor", self._anchor_once, settings.poll_interval)
        self.keeper: Keeper | None = None
        if database.shared:
            leases = Leases(database, f"{socket.gethostname()}:{os.getpid()}", _ms(settings.lease))
            # What others have sealed and anchored until now is looked at anew.
            self.keeper = Keeper(leases, length=settings.lease, begin=self.check, said=lambda: self.said().print())
            self._keep_loop = Loop("lease", self.keeper.run_once, settings.lease / 4)

    @property
    def held(self) -> bool:
        """Whether this process is the one that seals and anchors."""
        return self.keeper is None or self.keeper.held

    @property
    def over(self) -> str | None:
        """Why nothing that is accepted could be anchored any more; None while it can."""
        return self.anchor.alarm if self.anchor.over else None

    def check(self) -> None:
        """Refuse to go on with a log that its signer, its tiles or its registry contradict."""
        self.seal.check()
        try:
            self.anchor.check()
        except ChainUnavailable as problem:
            _log.warning("chain_unavailable", code=problem.code, reason=problem.message)

    def start(self) -> None:
        """Start sealing and anchoring."""
        if self.keeper is not None:
            self._keep_loop.start()
        self._seal_loop.start()
        self._anchor_loop.start()

    def stop(self) -> None:
        """Finish what was begun."""
        self._seal_loop.stop()
        self._anchor_loop.stop()
        if self.keeper is not None:
            self._keep_loop.stop()
            self.keeper.stop()

    def wake(self) -> None:
        """Seal and anchor now."""
        self._seal_loop.wake()
        self._anchor_loop.wake()

    def seal_once(self) -> bool:
        """Seal what waits, if that is ours to do; say whether there is more."""
        if not self.held:
            return False
        # The signer's memory may be as old as a backup of the database; the registry is not.  What would be sealed upon
        # an old backup is a second history, so it waits until the registry has been seen once; receipts do not.
        if not self.anchor.agreed:
            raise ChainUnavailable("registry_unseen", "the registry has not been seen since the start")
        # What the registry contradicts must not grow.
        if self.anchor.over:
            return False
        sealed = self.seal.run_once()
        more = self.seal.prune()
        if sealed is None:
            return more
        _log.info("sealed", batch=sealed.batch, size=sealed.size, events=sealed.events)
        self._anchor_loop.wake()
        return more or sealed.events == self._most_events

    def _anchor_once(self) -> bool:
        return self.held and self.anchor.run_once()

    def said(self) -> _Said:
        """Say what stands still, alarms first."""
        alarm = self.anchor.alarm
        stopped = "anchoring, sealing and taking events have" if self.anchor.over else "anchoring has"
        problems = [] if alarm is None else [f"{stopped} stopped: {alarm}"]
        for name, problem in (
            ("sealing", self._seal_loop.problem),
            ("anchoring", self._anchor_loop.problem or self.anchor.waiting),
            ("the lease", self.keeper and self.keeper.problem),
        ):
            if problem is not None:
                problems.append(f"{name} waits: {problem}")
        return _Said(self.over, tuple(problems))


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
