"""Cases of parts of other proofs, logs and chains, each of them good where it comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scripts.vectors.case import Case, altered, invalid, unknown
from scripts.vectors.damaged_records import Damaged
from scripts.vectors.good import told
from scripts.vectors.orders import PLACED, PRIVATE, Document
from scripts.vectors.world import World, first_world

if TYPE_CHECKING:
    from collections.abc import Iterator


ORDER = "A-1001"


def cases() -> Iterator[Case]:
    """Every case of this module."""
    yield from _mixed(first_world())


def _mixed(world: World) -> Iterator[Case]:
    """Parts of other proofs, logs and chains, each of them good where it comes from."""
    damaged = Damaged(world.proof(ORDER, hide=PRIVATE), world.policy(tenants=None))
    two = first_world()
    two_orders = two.proof("other-0")

    def event_of_another(proof: Document) -> None:
        proof["events"].insert(0, two_orders["events"][0])

    yield damaged(
        "mix_event_of_another_order",
        "An event of another order is put before the first.",
        event_of_another,
        stream=invalid("stream_opening"),
        sequence=invalid("sequence"),
        complete=invalid("left_out"),
    )
    yield damaged(
        "mix_opening_of_another_order",
        "The opening of another order of the same tenant.",
        lambda p: p.update(stream=two_orders["stream"]),
        stream=invalid("stream_opening"),
    )
    yield damaged(
        "mix_checkpoint_of_older_anchor",
        "The newest anchor's block with the older checkpoint's.",
        lambda p: p["anchors"][0].update(block=p["anchors"][1]["block"]),
        anchor=invalid("anchored_missing"),
    )
    other = first_world("another world")
    foreign = {
        "events": invalid("entry_log"),
        "checkpoint": invalid("origin"),
        "inclusion": invalid("seal"),
        "anchor": invalid("anchored_missing"),
    }
    blocks = [*other.policy()["blocks"]]
    proof = other.proof(ORDER, hide=PRIVATE)
    yield altered(
        "other_log", "A good proof of another log of the same operator.", proof, world.policy(blocks=blocks), foreign
    )
    yield altered(
        "other_log_blocks_untrusted",
        "A good proof of another log, in blocks that the policy does not list.",
        proof,
        world.policy(blocks=[]),
        foreign | {"block": unknown("block_untrusted"), "dated": unknown("not_before_untrusted")},
    )
    chain = first_world(chain_id=1)
    yield altered(
        "other_chain",
        "The same orders, logged under the same keys on another chain.",
        chain.proof(ORDER, hide=PRIVATE),
        world.policy(blocks=chain.policy()["blocks"]),
        foreign,
    )
    contract = first_world()
    policy = contract.policy()
    policy["chain"]["registry"] = "0x" + "11" * 20
    yield altered(
        "other_registry",
        "Another contract than the policy's registry recorded the log.",
        contract.proof(ORDER, hide=PRIVATE),
        policy,
        {"anchor": invalid("anchored_missing")},
    )
    yield altered(
        "other_tenant_policy",
        "A good proof of a tenant, its opening changed to the one that the policy names.",
        _retold(told(PLACED, tenant="rival").proof(ORDER, tenant="rival")),
        told(PLACED, tenant="rival").policy(),
        {"stream": invalid("stream_opening")},
    )


def _retold(proof: Document) -> Document:
    proof["stream"]["tenant"] = "demo"
    return proof
