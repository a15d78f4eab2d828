"""The whole service with the sample orders in it: sent over HTTP, sealed, anchored, with a label for each."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anchor_service.api.app import create_app
from anchor_service.api.server import HttpServer
from anchor_service.cli.client import Client
from anchor_service.cli.samples import Sample, read_samples
from anchor_service.protocol.policy import print_policy
from anchor_service.services.keys import Scope
from anchor_service.services.page import bake
from anchor_service.settings import Settings
from anchor_service.wiring.creating import create
from anchor_service.wiring.opening import build
from anchor_service.wiring.serving import Service
from tests.anvil import KEYS, Anvil
from tests.web.site import HOST

TENANT = "demo"
BRAND = "Sealtrail demo"


@dataclass(frozen=True, slots=True)
class Road:
    """A running service; `labels` are each sample's token and stream, by the sample's name."""

    service: Service
    url: str
    page: Path
    samples: dict[str, Sample]
    labels: dict[str, tuple[str, str]]

    def link(self, name: str) -> str:
        """Return what the code on this sample's parcel holds."""
        token, stream = self.labels[name]
        return f"{self.url}/v/{token}#{stream}"

    def bake(self, built: Path, **policy: Any) -> None:
        """Bake the page anew, members of its policy replaced."""
        document = json.loads(print_policy(self.service.policy())) | policy
        bake(built, json.dumps(document, ensure_ascii=False).encode(), self.page)


@contextmanager
def road(data: Path, built: Path, anvil: Anvil | None) -> Iterator[Road]:
    """Run a service on the embedded chain, or on anvil as on any chain of others, until the block ends."""
    with HttpServer("127.0.0.1", 0) as server:
        url = f"http://{HOST}:{server.port}"
        settings = Settings.model_validate(
            {"data": data, "public_url": url, "seal_interval": 0.2, "anchor_interval": 0.2, "poll_interval": 0.3}
            | ({} if anvil is None else _on_anvil(data, anvil))
        )
        create(settings)
        service = build(settings)
        try:
            service.start()
            server.start(create_app(service))
            service.keys.create_tenant(TENANT, BRAND)
            key = service.keys.create(TENANT, [Scope.INGEST, Scope.READ])
            with Client(f"http://127.0.0.1:{server.port}", key) as client:
                samples = {sample.name: sample for sample in read_samples()}
                labels = _send(client, samples)
            travelled = Road(service, url, data / "page", samples, labels)
            travelled.bake(built)
            yield travelled
        finally:
            server.stop()
            service.stop()


def _on_anvil(data: Path, anvil: Anvil) -> dict[str, Any]:
    """Settings for a chain that is not ours.  Readers ask its node by another name than the service's."""
    keys = {}
    for role, key in (("owner", KEYS[0]), ("publisher", KEYS[1])):
        file = data.with_name(f"{data.name}-{role}.key")
        file.write_text(key.hex())
        keys[f"{role}_key_file"] = file
    return keys | {
        "rpc_urls": (anvil.url,),
        "verifier_rpc_urls": (anvil.url.replace("127.0.0.1", "node.test"),),
        "chain_id": anvil.chain_id,
        "chain_name": "Example chain",
        "finality": 2,
    }


def _send(client: Client, samples: dict[str, Sample]) -> dict[str, tuple[str, str]]:
    labels = {}
    for sample in samples.values():
        client.put_file(sample.signature, "image/png")
        assert client.send(sample.body)["refused"] == 0
    for sample in samples.values():
        wait_until_final(client, sample.order_id)
        label = client.label(sample.order_id)
        labels[sample.name] = (label["token"], label["stream"])
    return labels


def wait_until_final(client: Client, order_id: str) -> None:
    """Wait until every event of the order is under a final anchor."""
    states = set()
    for _ in range(600):
        states = {event["state"] for event in client.order(order_id)["events"]}
        if states == {"final"}:
            return
        time.sleep(0.1)
    raise AssertionError(f"{order_id} is not final: {states}")
