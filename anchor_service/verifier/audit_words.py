"""What the report of an audit says, in English and Chinese; texts with braces take what they name.

Messages of findings and problems are technical and stay as they are, as in the report on a proof.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class AuditWords:
    """One language.  `checked` are the results of checks by their key, `checks` the checks' names."""

    checks: Mapping[str, str]
    checked: Mapping[str, str]
    fork: str
    earlier: str
    found: str
    at: str
    more: str
    unchecked: str
    evidence: str
    contradicted: str
    broken: str
    could_not_check: str
    consistent: str


ENGLISH: Final = AuditWords(
    checks={name: name for name in ("checkpoint", "history", "entries", "batches", "anchors", "block")},
    checked={
        "checkpoint": "size {size}, signed by the log's key",
        "history_first": "the first that is seen",
        "history": "extends the {count} seen before, up to size {size}",
        "entries": "{count} replayed, {size} in all, {streams} streams",
        "batches": "{count} checkpoints of batches have the root of their entries",
        "anchors": "{count} final ones are recorded by the registry as signed, the newest of size {size}",
        "block": "block {number} with the anchor of size {size} is one that you trust",
    },
    fork="FORK",
    earlier="{said} (found earlier)",
    found="FOUND",
    at="{code} at index {index}: {message}",
    more="and {count} more",
    unchecked="unchecked",
    evidence="evidence",
    contradicted="contradicted: the operator signed two stories; the evidence stands alone: "
    "sealtrail verify FILE --policy …",
    broken="contradicted: what the operator signed breaks the rules; the evidence names the entries",
    could_not_check="could not check ({code}): this says nothing about the log, neither good nor bad",
    consistent="consistent: nothing is wrong with the {size} entries of this log",
)

CHINESE: Final = AuditWords(
    checks={
        "checkpoint": "检查点",
        "history": "历史",
        "entries": "条目",
        "batches": "批次",
        "anchors": "锚定",
        "block": "区块",
    },
    checked={
        "checkpoint": "大小 {size}，由日志密钥签名",
        "history_first": "首次见到此日志",
        "history": "延续此前见过的 {count} 个检查点，最大的大小为 {size}",
        "entries": "重放 {count} 个，共 {size} 个，{streams} 个事件流",
        "batches": "{count} 个批次的检查点与其条目的根一致",
        "anchors": "{count} 个最终锚定由登记合约按所签内容记录，最新的大小为 {size}",
        "block": "大小 {size} 的锚定位于区块 {number}，这是您信任的区块",
    },
    fork="分叉",
    earlier="{said}（此前已发现）",
    found="发现",
    at="{code}，位置 {index}：{message}",
    more="另有 {count} 项",
    unchecked="未核验",
    evidence="证据",
    contradicted="自相矛盾：运营方签署了两份不同的历史；证据可独立成立：sealtrail verify 文件 --policy …",
    broken="违反规则：运营方签署的内容不合规则；证据中列出了相关条目",
    could_not_check="无法核验（{code}）：这既不说明日志有问题，也不说明没有问题",
    consistent="一致：此日志的 {size} 个条目没有问题",
)
