"""Cases of orders that are well, under policies and nodes that settle more or less of it."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from scripts.vectors.case import VALID, Case, good, only, unknown
from scripts.vectors.orders import PRIVATE, Document
from scripts.vectors.world import EARLY_BLOCK, World, first_world

if TYPE_CHECKING:
    from collections.abc import Iterator

ORDER = "A-1001"


def cases() -> Iterator[Case]:
    """Every case of this module."""
    world = first_world()
    proof, policy = world.proof(ORDER, hide=PRIVATE), world.policy()
    yield from _trust(world, proof, policy)
    yield from _nodes(world, proof, policy)


def _trust(world: World, proof: Document, policy: Document) -> Iterator[Case]:
    """What a policy or the verifier's user does not settle."""
    yield good(
        "block_untrusted",
        "The policy lists no block and nobody was asked.",
        proof,
        policy | {"blocks": []},
        "could_not_check",
        checks={"block": unknown("block_untrusted"), "dated": unknown("not_before_untrusted")},
    )
    yield good(
        "block_one_untrusted",
        "The policy lists the newest anchor's block alone: the older event's is not trusted.",
        proof,
        policy | {"blocks": policy["blocks"][2:]},
        "could_not_check",
        checks={"block": unknown("block_untrusted"), "dated": unknown("not_before_untrusted")},
    )
    yield good(
        "block_listed_twice",
        "The policy lists two hashes for the block's number, one of them this one.",
        proof,
        policy | {"blocks": [{"number": 1_012, "hash": "0x" + "ab" * 32}, *policy["blocks"]]},
    )
    yield good(
        "not_before_untrusted",
        "The block that the seal names is in nobody's hands; the rest holds.",
        proof,
        policy | {"blocks": policy["blocks"][1:]},
        checks={"dated": unknown("not_before_untrusted")},
    )
    yield good(
        "tenant_unknown",
        "The policy does not name the tenant.",
        proof,
        policy | {"tenants": {"other": "Other Shop"}},
        "could_not_check",
        checks={"stream": unknown("tenant_unknown")},
    )
    yield good("tenant_any", "The policy takes any tenant.", proof, policy | {"tenants": None})
    yield good(
        "withheld",
        "The second event's time is hidden, which no view may.",
        _hiding(world, "occurred_at"),
        policy,
        "could_not_check",
        checks={"complete": unknown("withheld")},
    )
    yield good("label", "A label names this very stream.", proof, policy, inputs={"stream": world.stream(ORDER).hex()})
    key = policy["log_keys"][0]
    yield good(
        "log_key_ranges",
        "The log key's range ends at the newest checkpoint, where the next key's begins.",
        proof,
        policy | {"log_keys": [key | {"from": 12}, key | {"from": 1, "until": 11}]},
    )
    newest = world.anchors[-1].block.timestamp
    yield good(
        "max_age_met",
        "The newest anchor's block is exactly as old as the policy allows.",
        proof,
        policy | {"max_age": 3_600},
        inputs={"now": (newest + 3_600) * 1_000},
    )
    yield good(
        "too_old",
        "The newest anchor's block is a millisecond older than the policy allows.",
        proof,
        policy | {"max_age": 3_600},
        "could_not_check",
        checks={"fresh": unknown("too_old")},
        inputs={"now": (newest + 3_600) * 1_000 + 1},
    )
    yield good(
        "max_age_without_now",
        "The policy limits the age, and the time is not known.",
        proof,
        policy | {"max_age": 1},
        inputs={},
    )


def _hiding(world: World, name: str) -> Document:
    proof, hidden = deepcopy(world.proof(ORDER, hide=PRIVATE)), world.proof(ORDER, hide=[*PRIVATE, name])
    proof["events"][1] = hidden["events"][1]
    return proof


def _nodes(world: World, proof: Document, policy: Document) -> Iterator[Case]:
    """What nodes answered."""
    blank = policy | {"blocks": []}
    honest = node(world)
    without = only(fresh=unknown("as_of"))
    untrusted = only(dated=unknown("not_before_untrusted"))

    def asked(name: str, sentence: str, *nodes: Document, state: str = "could_not_check", **checks: Any) -> Case:
        return good(name, sentence, proof, blank, state, checks=checks, inputs={"nodes": list(nodes)})

    yield asked(
        "nodes_agree",
        "Two nodes have the blocks, final, and this head.",
        honest,
        honest | {"url": "https://two.example"},
        state="verified",
        fresh=VALID,
    )
    yield asked(
        "node_one", "One node suffices where no other speaks against it.", honest, state="verified", fresh=VALID
    )
    yield asked(
        "node_one_answers",
        "One node answers, two do not, one is of another chain, one is the operator's: the one counts.",
        silent(),
        honest | {"url": "https://chain.example", "chain_id": 1, "blocks": wrong(world)},
        honest,
        honest | {"url": "https://operator.example", "operator": True, "blocks": wrong(world)},
        silent(),
        state="verified",
        fresh=VALID,
    )
    yield asked(
        "nodes_silent",
        "Nodes were asked and none answered.",
        silent(),
        silent(),
        block=unknown("nodes_silent"),
        **untrusted,
    )
    yield asked(
        "nodes_behind",
        "A node answers and has none of the blocks.",
        honest | {"blocks": dict.fromkeys(honest["blocks"]), "final": 1, "head": None},
        block=unknown("nodes_silent"),
        **untrusted,
    )
    yield asked(
        "nodes_other_chain",
        "The only node that answered is of another chain.",
        honest | {"chain_id": 1},
        block=unknown("nodes_silent"),
        **untrusted,
    )
    yield asked(
        "nodes_disagree",
        "Two nodes have different blocks at the same number.",
        honest,
        honest | {"url": "https://two.example", "blocks": wrong(world)},
        block=unknown("nodes_disagree"),
        fresh=VALID,
        **untrusted,
    )
    yield asked(
        "block_not_final",
        "The node has the newest block and does not call it final yet.",
        honest | {"final": 1_011},
        block=unknown("block_not_final"),
        fresh=VALID,
    )
    yield asked(
        "block_finality_unknown",
        "The node has the blocks and does not say what is final.",
        honest | {"final": None},
        block=unknown("block_not_final"),
        fresh=VALID,
        **untrusted,
    )
    yield asked(
        "operator_node",
        "Only a node that the operator runs was asked.",
        honest | {"operator": True},
        block=unknown("operator_node"),
        **untrusted,
    )
    yield asked(
        "operator_node_and_silent",
        "The operator's node answered, another did not.",
        honest | {"operator": True},
        silent(),
        block=unknown("nodes_silent"),
        **untrusted,
    )
    yield good(
        "operator_node_on_test_chain",
        "On a test chain the operator's node counts.",
        proof,
        blank | {"chain": blank["chain"] | {"test": True}},
        "test_data",
        checks={"fresh": VALID},
        inputs={"nodes": [honest | {"operator": True}]},
    )
    yield asked(
        "log_grown",
        "The registry has a larger head: this is the record as of the block named.",
        honest | {"head": {"size": 50, "root": "ab" * 32}},
        state="verified",
        fresh=unknown("log_grown"),
    )
    yield asked(
        "log_grown_one_behind",
        "One node has this head and another a larger one.",
        honest,
        honest | {"head": {"size": 50, "root": "ab" * 32}},
        state="verified",
        fresh=unknown("log_grown"),
    )
    yield asked(
        "head_behind",
        "The node's head is smaller than the newest checkpoint: it is behind.",
        honest | {"head": {"size": 4, "root": world.anchors[0].root.hex()}},
        state="verified",
        fresh=unknown("as_of"),
    )
    yield asked(
        "head_unknown", "The node does not say what the head is.", honest | {"head": None}, state="verified", **without
    )
    yield asked(
        "heads_disagree",
        "One node has this head, another has another root for the same size.",
        honest,
        honest | {"head": {"size": 11, "root": "ab" * 32}},
        state="verified",
        fresh=unknown("nodes_disagree"),
    )
    yield good(
        "listed_beats_nodes",
        "The policy lists the blocks, so nodes that have others do not matter.",
        proof,
        policy,
        inputs={"nodes": [honest | {"blocks": wrong(world), "head": None}]},
    )


def node(world: World) -> Document:
    """A node's honest answer about a world."""
    blocks = [EARLY_BLOCK.number, *(anchored.block.number for anchored in world.anchors)]
    hashes = [EARLY_BLOCK.hash, *(anchored.block.hash for anchored in world.anchors)]
    newest = world.anchors[-1]
    return {
        "url": "https://one.example",
        "operator": False,
        "error": None,
        "chain_id": world.chain_id,
        "final": newest.block.number,
        "blocks": {str(number): f"0x{digest.hex()}" for number, digest in zip(blocks, hashes, strict=True)},
        "head": {"size": newest.size, "root": newest.root.hex()},
    }


def wrong(world: World) -> Document:
    """Other hashes at the same numbers."""
    return dict.fromkeys(node(world)["blocks"], "0x" + "cd" * 32)


def silent() -> Document:
    """A node that did not answer."""
    return {
        "url": "https://silent.example",
        "operator": False,
        "error": "timed out",
        "chain_id": None,
        "final": None,
        "blocks": {},
        "head": None,
    }
