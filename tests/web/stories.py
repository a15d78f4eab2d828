"""Orders to show on the page: a bag from placed to signed, and one told by somebody hostile."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import Any

from scripts.vectors.keys import actor, signing_key
from scripts.vectors.world import EARLY_BLOCK, World
from tests.web.node import Node
from tests.web.site import Answer, Site

SIGNATURE = (resources.files("anchor_service") / "samples" / "bag-signature.png").read_bytes()
CARRIER_KEY = "the carrier's key"
HIDDEN = ("buyer.name", "recipient.name", "recipient.phone", "location.address")

BAG: Mapping[str, Any] = {
    "name": "手工缝制手提包 “Rivage”, calf leather",
    "gtin": "9520002000644",
    "serial": "AL-RV-004127",
    "quantity": "1",
    "unit": "件",
}


def file(content: bytes, role: str, media_type: str, name: str) -> dict[str, Any]:
    """An attachment as the record names it."""
    return {
        "media_type": media_type,
        "name": name,
        "role": role,
        "sha256": sha256(content).hexdigest(),
        "size": len(content),
    }


PLACED = {
    "type": "placed",
    "occurred_at": "2026-04-28T09:12:00+08:00",
    "actor.role": "brand",
    "actor.name": "Atelier Lune",
    "items": [BAG],
    "buyer.name": "王芳",
    "source.channel": "wechat-mini-shop",
}
SHIPPED = {
    "type": "shipped",
    "occurred_at": "2026-04-30T07:55:00+02:00",
    "actor.role": "carrier",
    "actor.name": "DHL Express",
    "location.name": "Lyon Saint-Exupéry",
    "location.country": "FR",
    "sensor": [{"kind": "temperature", "time": "2026-04-30T08:00:00+02:00", "unit": "°C", "value": "18.4"}],
}
CUSTOMS = {
    "type": "customs",
    "occurred_at": "2026-04-29T21:05:00+08:00",
    "actor.role": "customs",
    "location.name": "上海浦东国际机场",
    "location.country": "CN",
    "location.address": "hidden street 1",
}
SIGNED = {
    "type": "signed",
    "occurred_at": "2026-05-03T14:05:00+08:00",
    "actor.role": "carrier",
    "actor.name": "顺丰速运",
    "actor.reference": "SF1390024681357",
    "location.name": "上海静安",
    "location.country": "CN",
    "recipient.name": "王芳",
    "recipient.phone": "13900000000",
    "recipient.masked": "王*",
    "device": "handheld-17",
    "attachments": [file(SIGNATURE, "signature", "image/png", "signature.png")],
}


@dataclass(frozen=True, slots=True)
class Story:
    """A proof with what stands around it."""

    world: World
    order: str
    proof: bytes
    policy: dict[str, Any]
    files: Mapping[str, bytes]

    @property
    def stream(self) -> str:
        """The id that the label names."""
        return self.world.stream(self.order).hex()

    def node(self) -> Node:
        """A node that has every block of this chain, the newest of them final."""
        blocks = {EARLY_BLOCK.number: f"0x{EARLY_BLOCK.hash.hex()}"}
        blocks |= {anchored.block.number: f"0x{anchored.block.hash.hex()}" for anchored in self.world.anchors}
        newest = self.world.anchors[-1]
        return Node(self.world.chain_id, max(blocks), blocks, (newest.size, newest.root.hex()))

    def put(self, site: Site) -> None:
        """Answer as an honest server and an honest node would."""
        site.proof(Answer(200, self.proof))
        for name, content in self.files.items():
            site.attachment(name, Answer(200, content, "application/octet-stream"))
        site.routes["/node"] = self.node()


def tell(*events: Mapping[str, Any], files: tuple[bytes, ...] = (), **policy: Any) -> Story:
    """One order of these events; the first is under an anchor of its own, the rest under a second one."""
    world = World()
    order = "ME-2026-000417"
    world.noise(1)
    for at, event in enumerate(events):
        world.tell(order, event, signer=actor(CARRIER_KEY) if event["type"] == "signed" else None)
        if at == 0:
            world.seal()
            world.anchor(1_000)
    world.noise(2)
    world.seal()
    world.anchor(1_012)
    return story(world, order, files, **policy)


def story(world: World, order: str, files: tuple[bytes, ...] = (SIGNATURE,), **policy: Any) -> Story:
    """What a world says of one order, with a policy that trusts no blocks by itself but asks a node."""
    proof = json.dumps(world.proof(order, hide=HIDDEN), ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    key = signing_key(CARRIER_KEY).public_key().public_bytes_raw().hex()
    trusted = {
        "actors": {key: "顺丰速运 SF Express"},
        "blocks": [],
        "rpc": [{"operator": False, "url": "/node"}],
        "tenants": {"demo": "Atelier Lune 月庐"},
    }
    document = world.policy(**(trusted | policy))
    return Story(world, order, proof.encode(), document, {sha256(one).hexdigest(): one for one in files})


def bag(**policy: Any) -> Story:
    """The bag, from placed to signed."""
    return tell(PLACED, SHIPPED, CUSTOMS, SIGNED, files=(SIGNATURE,), **policy)


def write_policy(path: Path, story: Story) -> None:
    """Write a story's policy."""
    path.write_text(json.dumps(story.policy, ensure_ascii=False))
