"""A real node for tests: anvil, from the root npm tree, on a free port."""

from __future__ import annotations

import platform
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anchor_service.chain.providers import HttpProvider

ROOT = Path(__file__).resolve().parent.parent
_MACHINE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
# The program itself: the script in `.bin` needs Node, and leaves it running when the script is stopped.
BINARY = ROOT / "node_modules" / "@foundry-rs" / f"anvil-{sys.platform}-{_MACHINE}" / "bin" / "anvil"


@dataclass(frozen=True, slots=True)
class Anvil:
    """A running anvil; `keys` are private keys of funded accounts."""

    url: str
    chain_id: int
    provider: HttpProvider
    keys: tuple[bytes, ...]

    def call(self, method: str, *params: object) -> Any:
        """Ask; AssertionError with what the node said where it refuses."""
        answer = self.provider.make_request(method, list(params))  # type: ignore[arg-type]
        assert "error" not in answer, answer
        return answer["result"]


# The accounts of anvil's well-known mnemonic.
KEYS = tuple(
    bytes.fromhex(key)
    for key in (
        "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
        "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
        "5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
        "7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6",
    )
)


@contextmanager
def run_anvil(chain_id: int, *options: str, hardfork: str = "prague") -> Iterator[Anvil]:
    """Start anvil, wait until it answers, and stop it in the end."""
    assert BINARY.exists(), f"{BINARY} is missing: npm ci in {ROOT}"
    port = _free_port()
    arguments: Sequence[str] = [
        str(BINARY), "--hardfork", hardfork, "--chain-id", str(chain_id), "--port", str(port), "--silent", *options,
    ]  # fmt: skip
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    provider = HttpProvider(f"http://127.0.0.1:{port}", timeout=20)
    try:
        for _ in range(300):
            if provider.is_connected():
                break
            assert process.poll() is None, process.stdout.read().decode() if process.stdout else ""
            time.sleep(0.05)
        yield Anvil(f"http://127.0.0.1:{port}", chain_id, provider, KEYS)
    finally:
        provider.close()
        process.terminate()
        process.communicate()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
