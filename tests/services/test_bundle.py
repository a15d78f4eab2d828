"""Bundles as the service makes them: whole, the same each time, and verified by who gets them."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from anchor_service.ports import Audience, File, NotFound
from anchor_service.protocol.bundle import parse_bundle
from anchor_service.protocol.canonical import print_json
from anchor_service.protocol.hashes import Hash
from anchor_service.protocol.policy import parse_policy
from anchor_service.protocol.verdict import Inputs, State
from anchor_service.protocol.verify import verify
from anchor_service.services.bundle import assemble_bundle
from scripts.vectors.case import pretty
from scripts.vectors.orders import PLACED, PRIVATE, SIGNED, Document
from scripts.vectors.world import World

CONTENT = b"\x89PNG a drawn signature"
FILE = Hash(hashlib.sha256(CONTENT).digest())
MISSING = Hash(hashlib.sha256(b"never given").digest())


class Proofs:
    """Orders' proofs, by tenant and order."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.asked: list[Audience] = []

    def proof(self, tenant: str, order_id: str, audience: Audience) -> bytes | str:
        self.asked.append(audience)
        if order_id == "young":
            return "not yet"
        hide = () if audience is Audience.COURT else PRIVATE
        return print_json(self.world.proof(order_id, tenant=tenant, hide=hide))


class Files:
    """The files of one tenant."""

    def open(self, tenant: str, sha256: Hash) -> tuple[File, bytes]:
        if (tenant, sha256) != ("demo", FILE):
            raise NotFound("attachment_unknown", "no such file")
        return File(sha256, len(CONTENT), "image/png"), CONTENT


def world_with(attachments: list[Document], order: str = "A-1001") -> World:
    world = World("bundles")
    world.tell(order, PLACED | {"attachments": attachments})
    world.seal(not_before=None)
    world.anchor(1_000)
    world.tell(order, SIGNED)
    world.seal()
    world.anchor(1_010)
    world.await_anchor(order, SIGNED | {"type": "returned"})
    return world


def assembled(world: World, order: str = "A-1001", chain: Document | None = None, **options: Any) -> bytes | str:
    changes = {} if chain is None else {"chain": chain}
    policy = parse_policy(pretty(world.policy(blocks=[], **changes)))
    return assemble_bundle(Proofs(world), Files(), policy, tenant="demo", order_id=order, **options)


def test_a_bundle_holds_proof_policy_and_files() -> None:
    world = world_with([{"sha256": FILE.hex()}])
    raw = assembled(world)
    assert isinstance(raw, bytes)
    assert raw == assembled(world_with([{"sha256": FILE.hex()}]))
    bundle = parse_bundle(raw)
    assert bundle.attachments == {FILE.hex(): CONTENT}
    assert parse_policy(bundle.policy) == parse_policy(pretty(world.policy(blocks=[])))
    verdict = verify(bundle.proof, parse_policy(pretty(world.policy())), Inputs(attachments=bundle.found))
    assert verdict.state is State.VERIFIED_PENDING
    assert verdict.check("attachments").result == "VALID"


def test_a_court_sees_everything_and_others_what_is_theirs() -> None:
    world = world_with([])
    world.pending.clear()  # these vectors' pending events hide nothing
    court, consumer = assembled(world), assembled(world, audience=Audience.CONSUMER)
    assert isinstance(court, bytes)
    assert isinstance(consumer, bytes)
    assert b"Wang Fang" in court
    assert b"Wang Fang" not in consumer


def test_an_order_without_a_proof_has_no_bundle() -> None:
    assert assembled(world_with([]), "young") == "not yet"


def test_a_file_that_was_never_given_is_named_as_missing() -> None:
    raw = assembled(world_with([{"sha256": FILE.hex()}, {"sha256": MISSING.hex()}]))
    assert isinstance(raw, bytes)
    bundle = parse_bundle(raw)
    assert set(bundle.attachments) == {FILE.hex()}
    assert f"never given to the operator: {MISSING.hex()}" in bundle.readme.decode()


def test_the_readme_says_how_to_check() -> None:
    world = world_with([])
    raw = assembled(world)
    assert isinstance(raw, bytes)
    readme = parse_bundle(raw).readme.decode()
    first, second = (anchored.block for anchored in world.anchors)
    blocks = f"--block 1000:0x{first.hash.hex()} --block 1010:0x{second.hash.hex()}"
    assert readme.count(f"sealtrail verify BUNDLE.zip --policy POLICY.json {blocks}") == 2  # in two languages
    for told in ("A-1001 of Demo Shop", world.origin, "Example chain (chain id 560048)", f"0x{world.registry.hex()}"):
        assert told in readme
    assert "3. 2026-05-03T14:05:00+08:00  returned, carrier  (pending)" in readme
    assert "运营方" in readme
    assert "Wang Fang" not in readme
    assert readme.count(f"verify.mjs proof.json --policy POLICY.json {blocks}") == 2
    assert "left out" not in readme  # what it does not prove: that is proven
    assert "TEST DATA" not in readme


def test_the_readme_of_a_test_chain_says_so() -> None:
    world = world_with([])
    raw = assembled(world, chain={**world.policy()["chain"], "test": True})
    assert isinstance(raw, bytes)
    readme = parse_bundle(raw).readme.decode()
    assert "TEST DATA" in readme
    assert "测试数据" in readme


@pytest.mark.parametrize("order", ["A\u202e1", "{order}", "A-1 %s"])
def test_hostile_names_stay_in_their_line(order: str) -> None:
    world = world_with([], order)
    raw = assembled(world, order)
    assert isinstance(raw, bytes)
    readme = parse_bundle(raw).readme.decode()
    assert "\u202e" not in readme
    shown = order.replace("\u202e", "\\u{202e}")
    assert readme.splitlines()[0] == f"Sealtrail bundle: order {shown} of Demo Shop"
