"""Commands as an operator types them."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import sqlite3
import stat
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from tests.cli.program import free_port, program, running, sealtrail

EVENT = {
    "event_id": "c-1",
    "order_id": "A/1 订单",
    "type": "placed",
    "occurred_at": "2026-05-01T09:30:00+08:00",
    "actor": {"role": "brand", "name": "Acme"},
    "parties": {"recipient": {"name": "Wang Fang"}},
}


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log with a tenant."""
    data = tmp_path_factory.mktemp("cli") / "log"
    made = sealtrail("init", "--data", data, "--public-url", "https://shop.example", "--name", "shop.example/log")
    assert made.returncode == 0, made.stderr
    assert "shop.example/log/" in made.stdout
    assert sealtrail("tenant", "add", "acme", "--name", "Acme Inc.", "--data", data).returncode == 0
    return data


def test_what_init_makes_is_private(log: Path) -> None:
    assert stat.S_IMODE(log.stat().st_mode) == 0o700
    for key in (log / "keys").iterdir():
        assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_init_never_creates_twice(log: Path) -> None:
    before = {path: path.read_bytes() for path in (log / "keys").iterdir()}
    again = sealtrail("init", "--data", log, "--public-url", "https://other.example")
    assert again.returncode == 4
    assert len(again.stderr.splitlines()) == 1
    assert {path: path.read_bytes() for path in (log / "keys").iterdir()} == before
    assert "shop.example" in (log / "sealtrail.toml").read_text()


@pytest.mark.parametrize("command", ["serve", "status", "policy"])
def test_opening_never_creates(tmp_path: Path, command: str) -> None:
    done = sealtrail(command, "--data", tmp_path / "none")
    assert done.returncode == 4
    assert "sealtrail init" in done.stderr
    assert not (tmp_path / "none").exists()


def test_a_damaged_database_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "sealtrail.db").write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    done = sealtrail("status", "--data", tmp_path)
    assert done.returncode == 4
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such-command"],
        ["status", "--no-such-option"],
        ["proof"],
        ["serve", "--port", "70000"],
        ["page", "--out", "x"],
    ],
)
def test_wrong_usage_is_2(arguments: list[str]) -> None:
    assert sealtrail(*arguments).returncode == 2


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--name", "two words"), "name"),
        (("--name", "https://shop.example/x"), "without its scheme"),
        (("--public-url", "nonsense"), "https://"),
        (("--public-url", "ftp://shop.example"), "https://"),
        (("--finality", "banana"), "or "),
    ],
)
def test_settings_are_checked(log: Path, given: tuple[str, str], said: str) -> None:
    done = sealtrail("init", "--data", log.parent / "other", *given)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert given[0].strip("-").replace("-", "_") in done.stderr
    assert said in done.stderr
    assert not (log.parent / "other").exists()


@pytest.mark.parametrize("text", [b"colour = [", b"port = 'x'", b"colour = 1", b"\xff"])
def test_a_wrong_file_of_settings_is_one_line(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "sealtrail.toml").write_bytes(text)
    done = sealtrail("status", "--data", tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "fault" not in done.stderr


def test_a_wrong_variable_is_one_line(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEALTRAIL_RPC_URLS", "http://127.0.0.1:1")
    done = sealtrail("status", "--data", log)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "rpc_urls" in done.stderr


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--url", "http://127.0.0.1:1"), "--key"),
        (("--url", "nonsense", "--key", "k"), "--url"),
        (("--url", "http://127.0.0.1:1", "--key", "ké"), "--key"),
        (("--tenant", "ghost"), "there is no tenant 'ghost'"),
    ],
)
def test_an_import_says_what_it_lacks(log: Path, tmp_path: Path, given: tuple[str, ...], said: str) -> None:
    (tmp_path / "orders.csv").write_text("order,when\nA-1,2026-05-01T09:30:00+08:00\n")
    (tmp_path / "mapping.yaml").write_text(
        'version: 1\norder_id: "{order}"\nevents:\n  placed: {at: "{when}", actor: {role: brand}}\n'
    )
    mapping = ("--mapping", tmp_path / "mapping.yaml", "--data", log)
    done = sealtrail("import", tmp_path / "orders.csv", *mapping, *given)
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr
    assert "Traceback" not in done.stderr


def test_help_says_what_the_exit_codes_mean() -> None:
    text = sealtrail("--help").stdout
    for command in ("init", "serve", "demo", "verify", "import", "bundle", "tenant", "key"):
        assert f"  {command} " in text
    assert "Exit codes: 0 done" in text
    assert program("--version").stdout.startswith("sealtrail ")
    assert "--policy" in sealtrail("verify", "--help").stdout


def test_tenants_and_keys(log: Path) -> None:
    assert sealtrail("tenant", "add", "acme", "--data", log).returncode == 2
    assert sealtrail("tenant", "add", "a\nb", "--data", log).returncode == 2
    assert "Acme Inc." in sealtrail("tenant", "list", "--data", log).stdout
    made = sealtrail("key", "add", "--tenant", "acme", "--scope", "read", "--data", log)
    (key,) = made.stdout.split()
    listed = sealtrail("key", "list", "--tenant", "acme", "--data", log).stdout
    assert key not in listed
    key_id = next(line.split("│")[1].strip() for line in listed.splitlines() if "read" in line and "ingest" not in line)
    assert sealtrail("key", "revoke", key_id, "--tenant", "acme", "--data", log).returncode == 0
    assert sealtrail("key", "revoke", "nothing", "--tenant", "acme", "--data", log).returncode == 2
    assert sealtrail("key", "add", "--tenant", "nobody", "--data", log).returncode == 2
    assert sealtrail("key", "list", "--tenant", "nobody", "--data", log).returncode == 2
    stored = b"".join(path.read_bytes() for path in log.rglob("*") if path.is_file())
    assert key.encode() not in stored


@dataclass
class Served:
    data: Path
    url: str
    key: str


def test_what_an_audience_sees(log: Path) -> None:
    carrier = ("--audience", "carrier", "--data", log)
    shown = sealtrail("tenant", "disclose", "acme", *carrier, "--field", "recipient.phone")
    assert shown.returncode == 0, shown.stderr
    assert "recipient.phone" in shown.stdout
    unknown = sealtrail("tenant", "disclose", "nobody", *carrier)
    assert (unknown.returncode, len(unknown.stderr.splitlines())) == (2, 1)
    for field in ("Recipient!", "recipient.fone"):
        wrong = sealtrail("tenant", "disclose", "acme", *carrier, "--field", field)
        assert (wrong.returncode, len(wrong.stderr.splitlines())) == (2, 1)
        assert field in wrong.stderr


def test_an_upgrade_of_what_is_new_changes_nothing(log: Path) -> None:
    before = (log / "sealtrail.db").read_bytes()
    done = sealtrail("upgrade", "--data", log)
    assert done.returncode == 0, done.stderr
    assert (log / "sealtrail.db").read_bytes() == before


@pytest.fixture(scope="module")
def served(log: Path) -> Iterator[Served]:
    """The log, served by a process of its own until the tests are done; then stopped by SIGTERM."""
    port = free_port()
    with running(port, "serve", "--data", log) as process:
        key = sealtrail("key", "add", "--tenant", "acme", "--data", log).stdout.strip()
        yield Served(log, f"http://127.0.0.1:{port}", key)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def test_commands_work_beside_the_service(served: Served, tmp_path: Path) -> None:
    events = tmp_path / "events.ndjson"
    events.write_text(json.dumps(EVENT) + "\n\n" + json.dumps(EVENT | {"event_id": "c-2", "type": "teleported"}) + "\n")
    for counts in ("1 accepted, 0 known, 1 refused", "0 accepted, 1 known, 1 refused"):
        sent = sealtrail("send", events, "--key", served.key, "--url", served.url)
        assert counts in sent.stdout
        assert sent.returncode == 2
        assert "event 2: type: expected one of" in sent.stderr
    assert sealtrail("send", events, "--key", "wrong", "--url", served.url).returncode == 2

    proof, policy, bundle = tmp_path / "proof.json", tmp_path / "policy.json", tmp_path / "bundle.zip"
    about = ("A/1 订单", "--tenant", "acme", "--data", served.data)
    limit = time.monotonic() + 60
    while (done := sealtrail("proof", *about, "--out", proof)).returncode == 3:
        assert "is under a final anchor yet" in done.stderr
        assert time.monotonic() < limit
    assert done.returncode == 0
    assert sealtrail("policy", "--data", served.data, "--out", policy).returncode == 0
    assert sealtrail("bundle", *about, "--out", bundle).returncode == 0
    assert sealtrail("proof", *about).stdout.encode() == proof.read_bytes()

    asked = program("verify", proof, "--policy", policy, "--rpc", f"{served.url}/rpc")
    assert (asked.returncode, asked.stdout.splitlines()[-1]) == (0, "verified on a development chain: test data")
    headers = {"Authorization": f"Bearer {served.key}"}
    anchors = httpx2.get(f"{served.url}/v1/anchors", headers=headers, trust_env=False).json()["items"]
    blocks = [word for item in anchors for word in ("--block", f"{item['block']['number']}:{item['block']['hash']}")]
    assert sealtrail("verify", bundle, "--policy", policy, *blocks).returncode == 0
    assert sealtrail("verify", bundle, "--policy", policy).returncode == 3

    link = sealtrail("label", *about).stdout.strip()
    assert link.startswith("https://shop.example/v/")
    token = link.partition("/v/")[2].partition("#")[0]
    seen = httpx2.get(f"{served.url}/v1/labels/{token}/proof", trust_env=False)
    assert b"Wang Fang" not in seen.content
    shown = sealtrail("status", "--data", served.data).stdout
    assert "FINAL" in shown


def test_a_second_process_cannot_serve_the_same_log(served: Served) -> None:
    done = sealtrail("serve", "--data", served.data, "--port", free_port())
    assert done.returncode == 4
    assert "in use" in done.stderr


def test_a_port_in_use_is_one_clear_line(served: Served, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for arguments in (["serve", "--data", served.data], ["demo", "--data", tmp_path / "demo"]):
            done = sealtrail(*arguments, "--port", port)
            assert done.returncode == 3
            assert f"port {port} is in use" in done.stderr
            assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "demo").exists()


def test_fsck_says_what_is_whole_what_is_damaged_and_what_could_not_be_checked(log: Path, tmp_path: Path) -> None:
    copy = tmp_path / "log"
    shutil.copytree(log, copy)
    done = sealtrail("fsck", "--data", copy)
    assert done.returncode == 0, done.stderr
    assert "whole" in done.stdout
    database = copy / "sealtrail.db"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("insert into map_buckets values (0, 0, 7, 1, zeroblob(32), zeroblob(72))")
        connection.commit()
    done = sealtrail("fsck", "--data", copy)
    assert done.returncode == 1
    assert "map bucket 0 of depth 0, batch 7" in done.stdout
    done = sealtrail("fsck", "--json", "--data", copy)
    assert done.returncode == 1
    (damage,) = json.loads(done.stdout)["damage"]
    assert damage == {"where": "map bucket 0 of depth 0, batch 7", "problem": "it is beyond the newest batch"}
    database.write_bytes(b"not a database" * 100)
    for left in ("-wal", "-shm"):
        Path(f"{database}{left}").unlink(missing_ok=True)
    done = sealtrail("fsck", "--data", copy)
    assert done.returncode == 3
    assert "could not check" in done.stderr


def test_a_page_with_a_policy_baked_in(log: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy.json"
    assert sealtrail("policy", "--data", log, "--out", policy).returncode == 0
    assert sealtrail("page", "--policy", policy, "--out", tmp_path / "page").returncode == 0
    assert json.loads(policy.read_bytes())["origin"] in (tmp_path / "page/index.html").read_text()
    policy.write_text("{}")
    assert sealtrail("page", "--policy", policy, "--out", tmp_path / "page2").returncode == 2
    assert not (tmp_path / "page2").exists()
