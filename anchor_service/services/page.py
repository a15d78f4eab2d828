"""The page behind the QR code: writes the prebuilt page with a policy baked in.  No Node, no template language.

The page is `index.html` and `assets/`; it is served at `/v/{token}`, its assets at `/v/assets/…`.  What it trusts is in
its own bytes, so whoever copies the directory to another host has a verifier with the same trust.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from anchor_service.protocol.errors import Malformed, SealtrailError
from anchor_service.protocol.policy import Policy, parse_policy

INDEX: Final = "index.html"
ASSETS: Final = "assets"

# Both stand in the prebuilt index.html exactly once.
_POLICY: Final = b'<script type="application/json" id="policy"></script>'
_CONNECT: Final = b"connect-src 'self';"

# A host as a content security policy can name it, with its port.
_HOST: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?", re.ASCII)


def bake(source: Traversable | Path, policy: bytes, out: Path) -> None:
    """Write the page in `source` to the directory `out`, trusting `policy`.

    The policy's bytes are kept but for `<`, which becomes its JSON escape, so that no text of it can end the script
    element.  Malformed if the policy is, or if a content security policy cannot name one of its nodes; SealtrailError
    `page_not_built` if `source` holds no such page.

    Readers of `out` see the old page or the new one: assets have their content's hash in their names and are written
    first, then `index.html` is replaced in one step, then assets that it no longer names go.
    """
    html = bake_html(_read(source, INDEX), policy)
    assets = {asset.name: asset.read_bytes() for asset in source.joinpath(ASSETS).iterdir() if asset.is_file()}
    directory = out / ASSETS
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in assets.items():
        _replace(directory / name, content)
    _replace(out / INDEX, html)
    for stale in directory.iterdir():
        if stale.name not in assets:
            shutil.rmtree(stale) if stale.is_dir() else stale.unlink()


def bake_html(index: bytes, policy: bytes) -> bytes:
    """Return `index.html` with the policy and the origins that it lets the page ask.  Errors as for `bake`."""
    origins = " ".join(["'self'", *_origins(parse_policy(policy))])
    escaped = policy.strip().replace(b"<", b"\\u003c")
    for place in (_POLICY, _CONNECT):
        if index.count(place) != 1:
            raise SealtrailError("page_not_built", f"the page has no place for a policy: {place.decode()}")
    baked = index.replace(_CONNECT, f"connect-src {origins};".encode())
    return baked.replace(_POLICY, _POLICY.replace(b"><", b">" + escaped + b"<"))


def _origins(policy: Policy) -> list[str]:
    """Return the origins of the nodes on other hosts, each once, in the policy's order."""
    origins: dict[str, None] = {}
    for node in policy.rpc:
        if node.url.startswith("/"):
            continue
        parts = urlsplit(node.url)
        if not _HOST.fullmatch(parts.netloc):
            raise Malformed(
                "url_syntax", f"rpc: the page cannot ask {node.url!r}: a host name or IPv4 address is needed"
            )
        origins[f"{parts.scheme}://{parts.netloc}"] = None
    return list(origins)


def _read(source: Traversable | Path, name: str) -> bytes:
    try:
        return source.joinpath(name).read_bytes()
    except FileNotFoundError:
        raise SealtrailError("page_not_built", f"{source} holds no {name}: the page has not been built") from None


def _replace(path: Path, content: bytes) -> None:
    """Write a file whole: under another name first, then renamed, so that a crash leaves the old one."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), 0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
