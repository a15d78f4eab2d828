"""A small client of a running service, as an integrator would write it."""

from __future__ import annotations

import re
import time
from typing import Any, Final, Self
from urllib.parse import quote

import httpx2

from anchor_service.cli.console import BAD_INPUT, COULD_NOT, Failure
from anchor_service.settings import BASE_URL

_BUSY: Final = 503
_PATIENCE: Final = 30
"""How often a busy service is asked."""


class Client:
    """Speaks to the service at `url` with a tenant's API key.  Failure says what the service refused."""

    def __init__(self, url: str, key: str) -> None:
        if not BASE_URL.fullmatch(url):
            raise Failure(f"--url: expected http:// or https:// and a host, not {url!r}", BAD_INPUT)
        if not re.fullmatch(r"[\x21-\x7e]+", key):
            raise Failure("--key (or SEALTRAIL_KEY): expected an API key of the service", BAD_INPUT)
        self._http = httpx2.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {key}"},
            timeout=60,
            trust_env=False,
            follow_redirects=False,
        )

    def __enter__(self) -> Self:
        """Use it in a `with` statement."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close its connections."""
        self._http.close()

    def put_file(self, data: bytes, media_type: str) -> str:
        """Upload a file and return its SHA-256."""
        answer = self._ask("PUT", "/v1/attachments", data, media_type)
        return str(answer.json()["sha256"])

    def send(self, body: bytes, media_type: str = "application/json") -> dict[str, Any]:
        """Send several events and return the counts and the results."""
        answer = self._ask("POST", "/v1/events", body, media_type)
        document: dict[str, Any] = answer.json()
        return document

    def order(self, order_id: str) -> dict[str, Any]:
        """Return an order with its events."""
        document: dict[str, Any] = self._ask("GET", _order(order_id)).json()
        return document

    def label(self, order_id: str) -> dict[str, Any]:
        """Make a label."""
        document: dict[str, Any] = self._ask("POST", f"{_order(order_id)}/labels").json()
        return document

    def proof(self, order_id: str) -> bytes:
        """Return the order's proof with every field."""
        return self._ask("GET", f"{_order(order_id)}/proof?view=full").content

    def bundle(self, order_id: str) -> bytes:
        """Return the order's bundle."""
        return self._ask("GET", f"{_order(order_id)}/bundle").content

    def anchor(self, size: int) -> dict[str, Any]:
        """Return an anchor."""
        document: dict[str, Any] = self._ask("GET", f"/v1/anchors/{size}").json()
        return document

    def _ask(self, method: str, path: str, body: bytes | None = None, media_type: str | None = None) -> httpx2.Response:
        answer = self._once(method, path, body, media_type)
        for _ in range(_PATIENCE):
            if answer.status_code != _BUSY:
                break
            # Every request here may be sent again without harm.
            time.sleep(min(int(answer.headers.get("retry-after", "1")), 10))
            answer = self._once(method, path, body, media_type)
        if answer.is_success:
            return answer
        code = BAD_INPUT if answer.status_code < 500 else COULD_NOT
        try:
            detail = answer.json()["detail"]
        except (ValueError, KeyError, TypeError):
            detail = "no problem document"
        raise Failure(f"{method} {path.partition('?')[0]} was answered {answer.status_code}: {detail}", code)

    def _once(self, method: str, path: str, body: bytes | None, media_type: str | None) -> httpx2.Response:
        headers = {} if media_type is None else {"Content-Type": media_type}
        try:
            return self._http.request(method, path, content=body, headers=headers)
        except httpx2.TransportError as error:
            raise Failure(f"{self._http.base_url} did not answer: {type(error).__name__}") from None


def _order(order_id: str) -> str:
    return f"/v1/orders/{quote(order_id, safe='')}"
