"""Accepting: what is decided and stored in the store's turn, so that other processes decide before or after."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple

from anchor_service.ports import AlreadyThere, EventStore, NewEvent, StoredEvent, Stream, Turn
from anchor_service.protocol.errors import Malformed, SealtrailError
from anchor_service.protocol.event import stream_id
from anchor_service.protocol.hashes import HASH_SIZE, Hash, LogId
from anchor_service.protocol.weight import Room
from anchor_service.services.ingest.checking import problems_of
from anchor_service.services.ingest.outcomes import Accepted
from anchor_service.services.ingest.receipts import Given, Promises
from anchor_service.services.ingest.requests import Item


class Decided(NamedTuple):
    """What was decided of events; what it says is accepted is durable."""

    accepted: list[tuple[Item, Accepted]]
    known: list[tuple[Item, StoredEvent]]
    """Events of an id that was stored before."""
    refused: list[tuple[Item, SealtrailError]]
    followers: list[tuple[Item, Item]]
    """Events of an id that came together with another's before, each with that."""


class Accepting:
    """Stores events and gives their outcomes.  `clock` gives ms UTC, `draw` that many random bytes."""

    def __init__(
        self,
        store: EventStore,
        promises: Promises,
        *,
        log: LogId,
        clock: Callable[[], int],
        draw: Callable[[int], bytes],
    ) -> None:
        self._store = store
        self._promises = promises
        self._log = log
        self._clock = clock
        self._draw = draw

    def probe(self) -> None:
        """Find out whether anything can be stored; Busy where nothing can."""
        self._store.probe()

    def store(self, gather: Callable[[], list[Item]]) -> Decided:
        """Store what is new and right of all that `gather` gives when it is our turn; durable when this returns.

        It may be asked twice, and gives no less then.
        """
        # First as if every id were new, since nearly all are; the database says where one is not.
        decided = self._take_turn(gather, look=False) or self._take_turn(gather, look=True)
        if decided is None:
            raise AssertionError("an event is known and was not found")
        return decided

    def answer(self, decided: Decided) -> None:
        """Give all their outcomes."""
        for item, accepted in decided.accepted:
            item.outcome = accepted
        given = Given(self._store, self._log)
        for item, stored in decided.known:
            _answer_known(item, stored, given)
        for item, problem in decided.refused:
            item.refuse(problem)
        for item, leader in decided.followers:
            _follow(item, leader)

    def _take_turn(self, gather: Callable[[], list[Item]], *, look: bool) -> Decided | None:
        """Store what is new; None where some may be known, and nothing was stored.

        `look`: first look for those that are known.
        """
        try:
            with self._store.turn() as turn:
                items = gather()
                turn.find({item.order for item in items})
                known = turn.known({item.key for item in items}) if look else {}
                fresh = [item for item in items if item.key not in known] if known else items
                problems = problems_of(turn, self._log, fresh)
                wrong = {id(item) for item, _ in problems}
                room = Room({order: found.weight for order, found in turn.streams.items()})
                sound = [item for item in fresh if id(item) not in wrong] if wrong else fresh
                leaders, followers, too_many = _lead(sound, room)
                if (problems or too_many) and not look:
                    return None
                accepted = self._accept(turn, leaders)
        except AlreadyThere:
            if look:
                raise
            return None
        # If we crash here, all is stored and nobody was told: the same request again is answered from what is stored.
        answered = [(item, known[item.key]) for item in items if item.key in known] if known else []
        return Decided(accepted, answered, problems + too_many, followers)

    def _accept(self, turn: Turn, items: Collection[Item]) -> list[tuple[Item, Accepted]]:
        """Store new events and return their outcomes, which hold once the turn has ended."""
        if not items:
            return []
        # Acceptance never goes back in time, whatever the clocks of this machine and of others do.
        accepted = max(self._clock(), turn.newest)
        found = {order: weighed.stream for order, weighed in turn.streams.items()}
        new_streams = self._open_streams({item.order: None for item in items if item.order not in found})
        found |= new_streams
        events = [
            NewEvent(found[item.order], item.event_id, item.secret, item.commitment, item.disclosures, item.added)
            for item in items
        ]
        groups, receipts = self._promises.give(events, accepted)
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


def _lead(
    items: Iterable[Item], room: Room
) -> tuple[Collection[Item], list[tuple[Item, Item]], list[tuple[Item, SealtrailError]]]:
    """Return those that can be stored, of several with one id the first; the others, each with that; what has no room.

    Those that can be stored have what they add to their order then.
    """
    leaders: dict[tuple[str, str], Item] = {}
    followers: list[tuple[Item, Item]] = []
    too_many: list[tuple[Item, SealtrailError]] = []
    for item in items:
        if item.key in leaders:
            followers.append((item, leaders[item.key]))
            continue
        try:
            item.added = room.take(item.order, item.weight)
        except Malformed as problem:
            too_many.append((item, problem))
        else:
            leaders[item.key] = item
    return leaders.values(), followers, too_many


def _answer_known(item: Item, stored: StoredEvent, given: Given) -> None:
    """Give an event that was stored before the receipt that it got then."""
    stream = stored.stream
    if item.same_as((stream.tenant, stream.order_id), stored.secret, stored.commitment):
        receipt = given.receipt(stored.number)
        item.outcome = Accepted(item.event_id, stream.order_id, stream.id, receipt, known=True)
    else:
        item.refuse_conflict()


def _follow(item: Item, leader: Item) -> None:
    """Give the second of two events with one id, that came together, what it would have got a moment later."""
    match leader.outcome:
        case Accepted() as accepted if item.same_as(leader.order, leader.secret, leader.commitment):
            item.outcome = accepted._replace(known=True)
        case _:
            item.refuse_conflict()
