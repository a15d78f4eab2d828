"""Several nodes as one: reading asks the first that has an answer, sending tells all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from web3.providers.base import JSONBaseProvider
from web3.types import RPCEndpoint

from anchor_service.chain.jsonrpc import parse_bytes, parse_quantity, print_bytes, reverted
from anchor_service.ports import CallFailed, ChainRefused, ChainUnavailable
from anchor_service.protocol.errors import Malformed


@contextmanager
def understood() -> Iterator[None]:
    """Around reading an answer: one that is not what it should be leaves the state unknown."""
    try:
        yield
    except Malformed as problem:
        raise ChainUnavailable("node_nonsense", problem.message) from problem


class Rpc:
    """The nodes, in the order of preference."""

    def __init__(self, providers: Sequence[JSONBaseProvider]) -> None:
        if not providers:
            raise ValueError("a chain needs at least one node")
        self._providers = tuple(providers)

    def read(self, method: str, params: Sequence[object]) -> object:
        """Return the first answer that is not null; null where all that answer say so.

        CallFailed where the contract reverts, or where the call fails at every node that answers; ChainUnavailable
        where none answers.
        """
        failure: CallFailed | ChainUnavailable | None = None
        answered = False
        for provider in self._providers:
            try:
                answer = _ask(provider, method, params)
            except CallFailed as problem:
                if reverted(problem):
                    raise
                failure = problem
            except ChainUnavailable as problem:
                failure = failure or problem
            else:
                if answer is not None:
                    return answer
                answered = True
        if answered or failure is None:
            return None
        raise failure

    def read_all(self, method: str, params: Sequence[object]) -> list[object]:
        """Return what every node that answers says, but null; ChainUnavailable or CallFailed where none answers."""
        answers: list[object] = []
        failure: CallFailed | ChainUnavailable | None = None
        for provider in self._providers:
            try:
                answers.append(_ask(provider, method, params))
            except (CallFailed, ChainUnavailable) as problem:
                failure = problem
        if not answers and failure is not None:
            raise failure
        return [answer for answer in answers if answer is not None]

    def tell(self, method: str, params: Sequence[object]) -> list[object | CallFailed | ChainUnavailable]:
        """Ask every node, and return what became of it, node by node."""
        outcomes: list[object | CallFailed | ChainUnavailable] = []
        for provider in self._providers:
            try:
                outcomes.append(_ask(provider, method, params))
            except (CallFailed, ChainUnavailable) as problem:
                outcomes.append(problem)
        return outcomes

    def call(self, sender: bytes, to: bytes, data: bytes) -> bytes:
        """Run a contract in the newest block, changing nothing; CallFailed where it reverts."""
        call = {"from": print_bytes(sender), "to": print_bytes(to), "data": print_bytes(data)}
        with understood():
            return parse_bytes(self.read("eth_call", [call, "latest"]), "eth_call")


def _ask(provider: JSONBaseProvider, method: str, params: Sequence[object]) -> object:
    answer = provider.make_request(RPCEndpoint(method), list(params))
    error: object = answer.get("error")
    if error is None:
        return answer.get("result")
    if not isinstance(error, dict):
        raise CallFailed(0, str(error)[:500])
    number, message = error.get("code"), error.get("message")
    return _fail(number if isinstance(number, int) else 0, str(message)[:500], error.get("data"))


def _fail(number: int, message: str, data: object) -> object:
    """Raise CallFailed; the reason is in `data`, or one object deeper, as nodes please."""
    while isinstance(data, dict):
        data = data.get("data")
    try:
        reason = parse_bytes(data, "error data")
    except Malformed:
        reason = b""
    raise CallFailed(number, message, reason)


@contextmanager
def calls_answered() -> Iterator[None]:
    """Around what should not fail: a node that refuses such a call leaves the state unknown."""
    try:
        yield
    except CallFailed as problem:
        raise ChainUnavailable("node_refused", problem.message) from problem


def check_chain_id(rpc: Rpc, chain_id: int) -> None:
    """ChainRefused where a node that answers is of another chain."""
    with calls_answered(), understood():
        found = {parse_quantity(answer, "eth_chainId") for answer in rpc.read_all("eth_chainId", [])}
    if found != {chain_id}:
        raise ChainRefused("chain_id", f"the nodes are of chain {sorted(found)}, not {chain_id}")
