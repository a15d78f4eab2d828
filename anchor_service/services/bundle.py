"""Bundle: all that a dispute needs about one order in one zip: proof, policy, files, and how to check it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from anchor_service.ports import Audience, File, NotFound
from anchor_service.protocol.anchor import print_address
from anchor_service.protocol.bundle import Bundle, print_bundle
from anchor_service.protocol.evidence import read_header
from anchor_service.protocol.hashes import Hash
from anchor_service.protocol.policy import print_policy
from anchor_service.protocol.proof import parse_proof
from anchor_service.protocol.verify import attachment_hashes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anchor_service.protocol.evidence import BlockHeader
    from anchor_service.protocol.policy import Policy
    from anchor_service.protocol.proof import Proof

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")


class Proofs(Protocol[T_co]):
    """Where proofs come from; an order that has none yet answers with something else than bytes."""

    def proof(self, tenant: str, order_id: str, audience: Audience) -> bytes | T_co:
        """Return the order's proof for this audience."""


class Files(Protocol):
    """Where attachments come from."""

    def open(self, tenant: str, sha256: Hash) -> tuple[File, bytes]:
        """Return a file and its bytes, hashed again."""


def assemble_bundle(
    proofs: Proofs[T], files: Files, policy: Policy, *, tenant: str, order_id: str, audience: Audience = Audience.COURT
) -> bytes | T:
    """Return the order's bundle (SPEC 16), or what `proofs` says in place of a proof.

    The same proof, policy and files give the same bytes.  It holds every file that the proof names to this audience and
    that was ever given to us; README.txt names the others.
    """
    raw = proofs.proof(tenant, order_id, audience)
    if not isinstance(raw, bytes):
        return raw
    proof = parse_proof(raw)
    views = [event.view for event in proof.events] + [pending.view for pending in proof.pending]
    attachments: dict[str, bytes] = {}
    missing = []
    for name in sorted(set().union(*map(attachment_hashes, views))):
        try:
            attachments[name] = files.open(tenant, Hash(bytes.fromhex(name)))[1]
        except NotFound:
            missing.append(name)
    readme = print_readme(proof, policy, missing)
    return print_bundle(Bundle(readme.encode(), print_policy(policy), raw, attachments))


def print_readme(proof: Proof, policy: Policy, missing: Sequence[str] = ()) -> str:
    """Print what README.txt says, from what the proof discloses and the policy claims; `missing` are files not here."""
    headers = [read_header(anchor.evidence.header) for anchor in proof.anchors]
    values = {
        "order": _line(proof.opening.order_id),
        "tenant": _line((policy.tenants or {}).get(proof.opening.tenant, proof.opening.tenant)),
        "chain": _line(f"{policy.chain.name} (chain id {policy.chain.id})"),
        "registry": print_address(policy.chain.registry),
        "origin": policy.origin,
        "test": _TEST if policy.chain.test else "",
        "test_zh": _TEST_ZH if policy.chain.test else "",
        "events": "\n".join(_events(proof, headers)),
        "missing": "".join(
            f"\n                 not here, since it was never given to the operator: {name}" for name in missing
        ),
        "blocks": "\n".join(f"  block {header.number}: 0x{header.hash.hex()}" for header in headers),
        "options": " ".join(f"--block {header.number}:0x{header.hash.hex()}" for header in headers),
    }
    return _README.format_map(values)


def _events(proof: Proof, headers: list[BlockHeader]) -> list[str]:
    lines = []
    views = [(event.view, headers[event.anchor].timestamp) for event in proof.events]
    for place, (view, seconds) in enumerate([*views, *((pending.view, None) for pending in proof.pending)], start=1):
        told = [_line(str(view.fields.get(name, "?"))) for name in ("occurred_at", "type", "actor.role")]
        anchored = "pending" if seconds is None else f"anchored {_date(seconds)}"
        lines.append(f"  {place}. {told[0]}  {told[1]}, {told[2]}  ({anchored})")
    return lines


def _date(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _line(text: str) -> str:
    """Keep a text from breaking out of its line or turning it round."""
    return "".join(character if character.isprintable() else f"\\u{{{ord(character):x}}}" for character in text)


_TEST: Final = """
TEST DATA: its chain is a development chain, which whoever runs it can make anew. This proves nothing about a real
order, and no explorer knows its blocks.
"""
_TEST_ZH: Final = """
测试数据：所用的链是开发链，运行者可以随时重建。本证据包不能证明任何真实订单，也没有浏览器能查到其区块。
"""
_README: Final = """\
Sealtrail bundle: order {order} of {tenant}
{test}
This zip holds the record of one order and all that is needed to check it without trusting anyone who had it in hands.

  proof.json     the events of the order, with the evidence that each was logged and recorded on a chain
  policy.json    what the operator says should be trusted. It is a claim: compare it with what you know from elsewhere
  attachments/   the files that the events name (signatures, photos), each under its SHA-256{missing}
  manifest.json  size and SHA-256 of every other file

Events
{events}

How to check it, offline
1. Install Sealtrail's verifier from its source, not from whoever gave you this file: docs/verifiers.md there says how
   (Python 3.11 or newer, or Node 22 or newer; no network is needed to verify).
2. Compare policy.json with what the operator published elsewhere, and keep the copy that you trust:
     log       {origin}
     chain     {chain}
     registry  {registry}
3. Look these blocks up in an explorer of that chain which the operator does not run, and compare number and hash:
{blocks}
4. sealtrail verify BUNDLE.zip --policy POLICY.json {options}
   Exit code 0: verified. 1: altered. 2: not a bundle. 3: could not be checked.
   The second verifier, which shares no code with the first, checks the proof without the files (unzip it first):
   node verifier_web/bin/verify.mjs proof.json --policy POLICY.json {options}

What this does not prove: that what was reported really happened; that a thing in hand is this thing; that
nothing else happened, which nobody reported.

----------------------------------------------------------------------------------------------------------------------

Sealtrail 证据包：{tenant} 的订单 {order}
{test_zh}
本压缩包包含一个订单的记录，以及核验它所需的一切，无需信任任何经手人。

  proof.json     订单的各个事件，以及每个事件已入日志并记录在链上的证据
  policy.json    运营方声称应当信任的内容。这只是一项声明：请与您从别处得知的内容比对
  attachments/   事件所指的文件（签名、照片），以各自的 SHA-256 命名
  manifest.json  其他每个文件的大小与 SHA-256

离线核验方法
1. 从 Sealtrail 的源代码（而非从给您此文件的人处）安装核验程序，方法见其中的 docs/verifiers.md
   （需 Python 3.11 或 Node 22 以上；核验无需联网）。
2. 将 policy.json 与运营方在别处公布的内容比对，保留您信任的那一份（日志、链、登记合约见上文第 2 步）。
3. 在非运营方运行的区块链浏览器中查找上文第 3 步所列的区块，比对编号与哈希。
4. sealtrail verify BUNDLE.zip --policy POLICY.json {options}
   退出码 0：已验证；1：已被改动；2：不是证据包；3：无法核验。
   另一个核验程序与前者不共用任何代码，只核验证明而不核验文件（请先解压）：
   node verifier_web/bin/verify.mjs proof.json --policy POLICY.json {options}

这不能证明：所报告的事情确实发生过；您手中的物品就是这件物品；除所报告的事情外没有发生过别的事情。
"""
