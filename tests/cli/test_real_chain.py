"""A log on a chain that is not embedded: settings of init, and a verdict without "test data"."""

from __future__ import annotations

import json
import signal
import time
import tomllib
from pathlib import Path

import httpx2

from tests.anvil import run_anvil
from tests.cli.program import free_port, program, running, sealtrail

CHAIN_ID = 424_242


def test_from_init_to_verified_on_a_node_of_its_own(tmp_path: Path) -> None:
    data, proof, policy = tmp_path / "log", tmp_path / "proof.json", tmp_path / "policy.json"
    with run_anvil(CHAIN_ID) as anvil:
        for name, secret in zip(("owner", "publisher"), anvil.keys[:2], strict=True):
            (tmp_path / name).write_text(secret.hex())
        chain = ("--rpc", anvil.url, "--chain-id", CHAIN_ID, "--chain-name", "Anvil", "--finality", "0")
        keys = ("--owner-key", tmp_path / "owner", "--publisher-key", tmp_path / "publisher")
        made = sealtrail("init", "--data", data, *chain, *keys, "--verifier-rpc", anvil.url)
        assert made.returncode == 0, made.stderr
        kept = tomllib.loads((data / "sealtrail.toml").read_text())
        assert (kept["rpc_urls"], kept["finality"], kept["chain_id"]) == ([anvil.url], 0, CHAIN_ID)
        assert not (data / "chain.db").exists()

        sealtrail("tenant", "add", "acme", "--data", data)
        key = sealtrail("key", "add", "--tenant", "acme", "--data", data).stdout.strip()
        port = free_port()
        with running(port, "serve", "--data", data) as process:
            event = {
                "event_id": "1",
                "order_id": "A-1",
                "type": "placed",
                "occurred_at": "2026-05-01T09:30:00Z",
                "actor": {"role": "brand"},
            }
            (tmp_path / "events").write_text(json.dumps(event))
            assert (
                sealtrail("send", tmp_path / "events", "--key", key, "--url", f"http://127.0.0.1:{port}").returncode
                == 0
            )
            embedded = httpx2.post(f"http://127.0.0.1:{port}/rpc", json={}, trust_env=False)
            assert (embedded.status_code, embedded.json()["code"]) == (404, "not_embedded")
            limit = time.monotonic() + 90
            while sealtrail("proof", "A-1", "--tenant", "acme", "--data", data, "--out", proof).returncode == 3:
                assert time.monotonic() < limit
                time.sleep(0.2)
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
        sealtrail("policy", "--data", data, "--out", policy)
        page = (data / "page/index.html").read_text()
        assert f"connect-src 'self' {anvil.url};" in page
        done = program("verify", proof, "--policy", policy, "--rpc", anvil.url)
        assert done.returncode == 0
        assert done.stdout.splitlines()[-1].startswith("verified: this record has not changed since ")
    # The node is gone, and nobody says that anything was altered.
    done = program("verify", proof, "--policy", policy, "--rpc", anvil.url)
    assert done.returncode == 3


def test_a_chain_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    done = sealtrail("init", "--data", tmp_path / "log", "--rpc", f"http://127.0.0.1:{free_port()}", "--chain-id", 1)
    assert (done.returncode, done.stderr.count("sealtrail:")) == (3, 1)
    assert not (tmp_path / "log/sealtrail.db").exists()
