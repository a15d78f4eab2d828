"""Ingest: takes events, stores them durably in commit groups, and gives receipts.

Requests of any size queue up for one thread, which stores all that wait in one transaction: the more there is to do,
the cheaper each event gets.  An answer is given only for what is durable.

    submit ─ parse, draw the secret, disclose, commit ─▶ queue ─▶ streams, receipts, one transaction ─▶ outcomes
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Final, NamedTuple, TypeAlias

import structlog

from anchor_service.ports import (
    AlreadyThere,
    Busy,
    EventStore,
    File,
    GroupMember,
    NewEvent,
    NotFound,
    Prepared,
    Preparer,
    Preparing,
    Problem,
    ReceiptGroup,
    StoredEvent,
    Stream,
    Turn,
    WeighedStream,
)
from anchor_service.protocol.errors import Altered, Malformed, SealtrailError
from anchor_service.protocol.event import commit, disclose, parse_disclosure, stream_id
from anchor_service.protocol.hashes import HASH_SIZE, Hash, LogId, StreamId
from anchor_service.protocol.model import parse_event
from anchor_service.protocol.note import VerifierKey
from anchor_service.protocol.receipt import CommitGroup, Receipt, ReceiptLeaf, print_receipt_leaf, print_receipt_leaves
from anchor_service.protocol.signature import verify_actor
from anchor_service.protocol.weight import Room, weight

_TRANSACTION: Final = 4_000
"""Events stored at once, about; a request is never torn apart."""
_GROUP: Final = 256
"""Most receipts under one signature: a path has 8 hashes at most."""
_PATIENCE: Final = 0.05
_RETRY: Final = 1.0
"""Seconds between two attempts to write, after one has failed."""
_log = structlog.get_logger(__name__)


class Accepted(NamedTuple):
    """The event is durable.  `known`: it was already, and this is the receipt that was given then."""

    event_id: str
    order_id: str
    stream: StreamId
    receipt: Receipt
    known: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing of the event at this place (from 0) of the request was stored; `problem` says why.

    Codes: those of the model and of strict JSON; `event_id_missing`; `event_conflict` (the same id with another body);
    `attachment_unknown` (a file that was not uploaded before, or with another size or media type); `actor_signature`;
    `order_full` (no proof of the order could hold it).
    """

    place: int
    event_id: str | None
    problem: SealtrailError


Outcome: TypeAlias = "Accepted | Refused"


class _Item:
    """An event on its way; one of a request's, at `place`."""

    __slots__ = (
        *(
            "added",
            "commitment",
            "disclosures",
            "event_id",
            "given",
            "key",
            "looked_at",
            "order",
            "outcome",
            "place",
            "raw",
        ),
        *("secret", "weight"),
    )

    def __init__(self, tenant: str, place: int, raw: bytes, prepared: Prepared) -> None:
        self.place = place
        self.raw = raw
        self.event_id = prepared.event_id
        self.key = tenant, prepared.event_id
        self.order = tenant, prepared.order_id
        self.secret = prepared.secret
        self.given = prepared.given
        self.commitment = Hash(prepared.commitment)
        self.disclosures = prepared.disclosures
        self.looked_at = prepared.looked_at
        self.weight = weight(prepared.disclosures)
        self.added = 0
        self.outcome: Outcome | None = None

    def same_as(self, order: tuple[str, str], secret: bytes, commitment: Hash) -> bool:
        """Say whether this has the body that was committed with that secret.

        The commitment is a hash of the body under the secret, so no other hash of the body need be kept; once the
        secret is erased, nobody can tell any more.
        """
        if self.order != order or not secret or (self.given and self.secret != secret):
            return False
        return commit(disclose(secret, parse_event(self.raw).fields)) == commitment


class _Request:
    __slots__ = ("future", "items", "outcomes")

    def __init__(self, count: int) -> None:
        self.outcomes: list[Outcome | None] = [None] * count
        self.items: list[_Item] = []
        self.future: Future[list[Outcome]] = Future()
        self.future.set_running_or_notify_cancel()  # what was submitted is stored, whoever stops waiting for it

    def take(
        self, tenant: str, items: Sequence[bytes], keys: Sequence[str | None], prepared: Iterable[Prepared | Problem]
    ) -> None:
        for place, (raw, event) in enumerate(zip(items, prepared, strict=True)):
            if isinstance(event, Problem):
                key = keys[place] if place < len(keys) else None
                self.outcomes[place] = Refused(place, key, Malformed(*event))
            else:
                self.items.append(_Item(tenant, place, raw, event))

    def answer(self) -> None:
        for item in self.items:
            self.outcomes[item.place] = item.outcome
        whole = [outcome for outcome in self.outcomes if outcome is not None]
        if len(whole) != len(self.outcomes):
            raise AssertionError("an event without an outcome")
        self.future.set_result(whole)


class Ingest:
    """The only writer of events.  Any thread may submit; one thread of its own stores them in commit groups.

    `clock` gives ms UTC, `draw` that many random bytes, `sign` an Ed25519 signature with `key`'s secret; `promise` is
    in ms, `most_queued` in events; `over` says why no receipt could be honoured any more, None while they can;
    `prepare` is given the requests in their order, and may take its time.
    """

    def __init__(
        self,
        store: EventStore,
        *,
        log: LogId,
        key: VerifierKey,
        sign: Callable[[bytes], bytes],
        clock: Callable[[], int],
        draw: Callable[[int], bytes],
        promise: int,
        most_queued: int,
        over: Callable[[], str | None],
        prepare: Preparer,
    ) -> None:
        self._store = store
        self._log = log
        self._key = key
        self._sign = sign
        self._clock = clock
        self._draw = draw
        self._promise = promise
        self._most_queued = most_queued
        self._over = over
        self._prepare = prepare
        self.problem: str | None = None
        """Why the newest write failed, in words; None where it was stored, or one since could be."""
        self._queue: SimpleQueue[_Request | None] = SimpleQueue()
        self._queued = 0
        self._turn = threading.Lock()  # guards `_queued` and `_open`
        self._open = False
        self._thread: threading.Thread | None = None

    # --- the caller's thread ------------------------------------------------------------------------------------------

    def submit(self, tenant: str, items: Sequence[bytes], keys: Sequence[str | None] = ()) -> Future[list[Outcome]]:
        """Take the JSON bytes of events and return, later, one outcome for each, in order.

        `keys[i]` (an Idempotency-Key) stands for a missing event_id of `items[i]`.  Raises Busy where the queue is
        full; the future raises Busy where the disk or database is full or locked, and NotFound for an unknown
        tenant.  After Busy the whole request may be sent again.
        """
        self._enter(len(items))
        request = _Request(len(items))

        def prepared(done: Preparing) -> None:
            try:
                request.take(tenant, items, keys, done.result())
            except Exception as problem:  # noqa: BLE001 - whoever waits must hear of it
                self._leave(len(items))
                request.future.set_exception(problem)
                return
            if request.items:
                self._queue.put(request)
            else:
                self._leave(len(items))
                request.answer()

        try:
            preparing = self._prepare(items, keys, self._draw(32 * len(items)))
        except BaseException:
            self._leave(len(items))
            raise
        preparing.add_done_callback(prepared)
        return request.future

    def _enter(self, count: int) -> None:
        reason = self._over()
        if reason is not None:
            raise Busy(f"this log takes no more events: {reason}", retry_after=60)
        with self._turn:
            if not self._open:
                raise Busy("the service is stopping", retry_after=5)
            if self._queued and self._queued + count > self._most_queued:
                raise Busy(f"{self._queued} events are waiting to be stored")
            self._queued += count

    def _leave(self, count: int) -> None:
        with self._turn:
            self._queued -= count

    @property
    def queued(self) -> int:
        """How many events wait to be stored."""
        return self._queued

    def start(self) -> None:
        """Start storing."""
        self._thread = threading.Thread(target=self._run, name="ingest")
        self._open = True
        self._thread.start()

    def stop(self) -> None:
        """Store what was submitted, then stop; later submissions raise Busy."""
        with self._turn:
            self._open = False
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None

    # --- the storing thread -------------------------------------------------------------------------------------------

    def _run(self) -> None:
        going = True
        while going:
            request = self._next()
            requests = []
            count = 0
            while request is not None:
                requests.append(request)
                count += len(request.items)
                if count >= _TRANSACTION or self._queue.empty():
                    break
                request = self._queue.get()
            going = request is not None
            if requests:
                self._store_requests(requests)
                self._leave(sum(len(request.outcomes) for request in requests))
        # The door is closed; who was let in before may still be at work on a request.
        while self._queued:
            with suppress(Empty):
                if (late := self._queue.get(timeout=_PATIENCE)) is not None:
                    self._store_requests([late])
                    self._leave(len(late.outcomes))

    def _next(self) -> _Request | None:
        # Who is told that nothing can be stored sends nothing more, so that we try by ourselves.
        while self.problem is not None:
            try:
                return self._queue.get(timeout=_RETRY)
            except Empty:
                self._try()
        return self._queue.get()

    def _try(self) -> None:
        try:
            self._store.probe()
        except Exception as problem:  # noqa: BLE001 - whatever it is, the next request shall be tried
            self.problem = str(problem)
        else:
            self.problem = None

    def _store_requests(self, requests: list[_Request]) -> None:
        try:
            self._store_items([item for request in requests for item in request.items])
            for request in requests:
                request.answer()
        except NotFound as problem:
            if len(requests) == 1:
                requests[0].future.set_exception(problem)
                return
            for request in requests:  # one tenant that is unknown must not harm the others
                self._store_requests([request])
        except Exception as problem:  # noqa: BLE001 - whoever waits must hear of it, and the next request is another
            if isinstance(problem, Busy):
                self.problem = problem.message
            else:
                _log.exception("ingest_failed", events=sum(len(request.items) for request in requests))
            for request in requests:
                if not request.future.done():
                    request.future.set_exception(problem)

    def _store_items(self, items: list[_Item]) -> None:
        # First as if every id were new, since nearly all are; the database says where one is not.
        if not self._take_turn(items, look=False) and not self._take_turn(items, look=True):
            raise AssertionError("an event is known and was not found")

    def _take_turn(self, items: list[_Item], *, look: bool) -> bool:
        """Store what is new and give all outcomes; False where some may be known, and nothing was stored.

        `look`: first look for those that are known.  Everything that is decided here is decided in the store's turn, so
        that other processes that accept decide before or after.
        """
        try:
            with self._store.turn() as turn:
                known = turn.known({item.key for item in items}) if look else {}
                fresh = [item for item in items if item.key not in known] if known else items
                streams = turn.streams({item.order for item in fresh})
                problems = self._problems(turn, fresh, streams)
                refused = {id(item) for item, _ in problems}
                room = Room({order: found.weight for order, found in streams.items()})
                sound = [item for item in fresh if id(item) not in refused] if refused else fresh
                leaders, followers, too_many = _lead(sound, room)
                if (problems or too_many) and not look:
                    return False
                accepted = self._accept(turn, list(leaders.values()), streams)
        except AlreadyThere:
            if look:
                raise
            return False
        # If we crash here, all is stored and nobody was told: the same request again is answered from what is stored.
        self.problem = None
        for item, outcome in accepted:
            item.outcome = outcome
        if known:
            self._answer_known([(item, known[item.key]) for item in items if item.key in known])
        for item, problem in problems + too_many:
            item.outcome = Refused(item.place, item.event_id, problem)
        for item in followers:
            _follow(item, leaders[item.key])
        return True

    def _problems(
        self, turn: Turn, items: list[_Item], streams: dict[tuple[str, str], WeighedStream]
    ) -> list[tuple[_Item, SealtrailError]]:
        """Return what only the store's state can tell is wrong."""
        named: dict[str, set[Hash]] = {}
        with_files = [item for item in items if "attachments" in item.looked_at]
        for item in with_files:
            named.setdefault(item.order[0], set()).update(file.sha256 for file in _files(item))
        files = {tenant: turn.files(tenant, hashes) for tenant, hashes in named.items()}
        problems: list[tuple[_Item, SealtrailError]] = []
        for item in with_files:
            for file in _files(item):
                if files[item.order[0]].get(file.sha256) != file:
                    detail = f"attachments: no file {file.sha256} of {file.size} bytes and {file.media_type} was put"
                    problems.append((item, Malformed("attachment_unknown", detail)))
                    break
        for item in items:
            if "signature" in item.looked_at:
                try:
                    self._verify_actor(item, streams.get(item.order))
                except Altered as problem:
                    problems.append((item, Malformed(problem.code, f"signature: {problem.message}")))
        return problems

    def _verify_actor(self, item: _Item, weighed: WeighedStream | None) -> None:
        if weighed is None:
            raise Altered("actor_signature", "the order has no stream yet that could have been signed over")
        fields = [parse_disclosure(raw.decode()) for raw in item.disclosures.split(b"\n")]
        digests = {field.name: field.digest for field in fields}
        verify_actor(item.looked_at["signature"], digests, self._log, weighed.stream.id)

    def _accept(
        self, turn: Turn, items: list[_Item], streams: dict[tuple[str, str], WeighedStream]
    ) -> list[tuple[_Item, Accepted]]:
        """Store new events and return their outcomes, which hold once the turn has ended."""
        if not items:
            return []
        # Acceptance never goes back in time, whatever the clocks of this machine and of others do.
        accepted = max(self._clock(), turn.newest())
        deadline = accepted + self._promise
        found = {order: weighed.stream for order, weighed in streams.items()}
        new_streams = self._open_streams({item.order: None for item in items if item.order not in found})
        found |= new_streams
        events = [
            NewEvent(found[item.order], item.event_id, item.secret, item.commitment, item.disclosures, item.added)
            for item in items
        ]
        promised = [(event.event_id, event.stream.id, event.commitment) for event in events]
        leaves = print_receipt_leaves(self._log, accepted, deadline, promised)
        groups, receipts = [], []
        for first in range(0, len(leaves), _GROUP):
            group = CommitGroup(leaves[first : first + _GROUP])
            note = group.sign(self._key, self._sign)
            groups.append(ReceiptGroup(first, len(group.leaves), deadline, note))
            receipts += group.receipts(note)
        turn.accept(list(new_streams.values()), events, groups, accepted)
        return [
            (item, Accepted(item.event_id, item.order[1], event.stream.id, receipt, known=False))
            for item, event, receipt in zip(items, events, receipts, strict=True)
        ]

    def _open_streams(self, orders: Collection[tuple[str, str]]) -> dict[tuple[str, str], Stream]:
        salts = self._draw(HASH_SIZE * len(orders))
        opened = {}
        for place, order in enumerate(orders):
            salt = Hash(salts[HASH_SIZE * place : HASH_SIZE * (place + 1)])
            opened[order] = Stream(stream_id(salt, *order), salt, *order)
        return opened

    def _answer_known(self, found: Iterable[tuple[_Item, StoredEvent]]) -> None:
        groups: dict[int, tuple[ReceiptGroup, CommitGroup]] = {}
        for item, stored in found:
            stream = stored.stream
            if not item.same_as((stream.tenant, stream.order_id), stored.secret, stored.commitment):
                item.outcome = _conflict(item)
                continue
            if stored.number not in groups:
                group, members = self._store.group_of(stored.number)
                rebuilt = CommitGroup([_leaf(self._log, member, group.deadline) for member in members])
                groups.update(dict.fromkeys(range(group.first, group.first + group.length), (group, rebuilt)))
            group, rebuilt = groups[stored.number]
            receipt = rebuilt.receipt(stored.number - group.first, group.note)
            item.outcome = Accepted(item.event_id, stream.order_id, stream.id, receipt, known=True)


def _lead(
    items: list[_Item], room: Room
) -> tuple[dict[tuple[str, str], _Item], list[_Item], list[tuple[_Item, SealtrailError]]]:
    """Return those that can be stored, of several with one id the first; the others of that id; and what has no room.

    Those that can be stored have what they add to their order then.
    """
    leaders: dict[tuple[str, str], _Item] = {}
    followers: list[_Item] = []
    problems: list[tuple[_Item, SealtrailError]] = []
    for item in items:
        if item.key in leaders:
            followers.append(item)
            continue
        try:
            item.added = room.take(item.order, item.weight)
        except Malformed as problem:
            problems.append((item, problem))
        else:
            leaders[item.key] = item
    return leaders, followers, problems


def _leaf(log: LogId, member: GroupMember, deadline: int) -> str:
    leaf = ReceiptLeaf(log, member.stream, member.event_id, member.commitment, member.accepted, deadline)
    return print_receipt_leaf(leaf)


def _follow(item: _Item, leader: _Item) -> None:
    """Give the second of two events with one id, that came together, what it would have got a moment later."""
    match leader.outcome:
        case Accepted() as accepted if item.same_as(leader.order, leader.secret, leader.commitment):
            item.outcome = Accepted(accepted.event_id, accepted.order_id, accepted.stream, accepted.receipt, known=True)
        case _:
            item.outcome = _conflict(item)


def _conflict(item: _Item) -> Refused:
    problem = SealtrailError("event_conflict", f"event_id: {item.event_id!r} was sent before with another body")
    return Refused(item.place, item.event_id, problem)


def _files(item: _Item) -> list[File]:
    """Return the files that an event names; the model has checked their form."""
    listed = item.looked_at.get("attachments")
    files = []
    for named in listed if isinstance(listed, list) else []:
        match named:
            case {"sha256": str(sha256), "size": int(size), "media_type": str(media_type)}:
                files.append(File(Hash(bytes.fromhex(sha256)), size, media_type))
    return files
