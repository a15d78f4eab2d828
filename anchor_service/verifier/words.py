"""What the report says, in English and Chinese."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from anchor_service.protocol.checks import VALID

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Words:
    """One language; texts with braces take what they name."""

    checks: Mapping[str, str]
    results: Mapping[str, str]
    states: Mapping[str, str]
    order: str
    shown_as: str
    lifecycle: str
    checked: str
    events: str
    given: str
    reported: str
    signed: str
    pending: str
    hidden: str
    flags: Mapping[str, str]
    block: str
    whole: str
    unproven: str
    not_proven: tuple[str, ...]
    hint_blocks: str
    hint_block: str
    test_absent: str


ENGLISH: Final = Words(
    checks=VALID | {"complete": "nothing was left out", "fresh": "this is the newest that the registry holds"},
    results={"VALID": "valid", "INVALID": "INVALID", "UNKNOWN": "unknown", "SKIPPED": "skipped"},
    states={
        "verified": "verified: this record has not changed since {date}",
        "verified_pending": "verified: this record has not changed since {date}; newest events not yet anchored",
        "withdrawn": "withdrawn: this record has not changed since {date}, and the order is {lifecycle}",
        "test_data": "verified on a development chain: test data",
        "altered": "altered ({why}): what was given does not agree with what was recorded",
        "malformed": "malformed: this is no proof, and nothing can be said of what it claims",
        "could_not_check": "could not check ({why}): this says nothing about the order, neither good nor bad",
        "unknown_code": "unknown code: as of {date}, this code was never in the log",
    },
    order="Order",
    shown_as="of",
    lifecycle="now",
    checked="Checked",
    events="Story",
    given="What was given, and does not hold or was not checked",
    reported="reported by {who}",
    signed="signed by {who}",
    pending="promised, not anchored yet",
    hidden="hidden: {names}",
    flags={"unexpected": "not expected at this point", "late": "earlier than an event before it"},
    block="block {number}, {date}",
    whole="Nothing was left out: as of block {number}, {date}, the log held exactly these {count} events of the order",
    unproven="What this does not prove",
    not_proven=(
        "that what was reported really happened",
        "that the thing in your hand is this thing: a label can be copied",
        "that everybody was shown this same history at all times: for that, auditors replay the log",
    ),
    test_absent="test data: on a development chain, as of {date}, this code was never in the log",
    hint_blocks=(
        "To settle it, look these blocks up in an explorer of {chain} that you trust. "
        "If number and hash agree, run again with:"
    ),
    hint_block="--block {number}:{hash}",
)

CHINESE: Final = Words(
    checks={
        "format": "证明的格式正确",
        "stream": "条目属于此订单",
        "events": "每个事件都与当初承诺的一致",
        "sequence": "事件自第一个起前后相接",
        "checkpoint": "日志的密钥已签名",
        "inclusion": "每个条目都在日志中应在的位置",
        "anchor": "登记合约已记录该日志",
        "block": "区块是您信任的区块",
        "complete": "没有遗漏任何内容",
        "absent": "日志中没有此编码的任何内容",
        "signatures": "参与方的签名有效",
        "attachments": "文件与当初承诺的一致",
        "pending": "较新的事件有回执承诺",
        "dated": "封存晚于封条所指的区块",
        "fresh": "这是登记合约中的最新状态",
    },
    results={"VALID": "有效", "INVALID": "无效", "UNKNOWN": "未知", "SKIPPED": "跳过"},
    states={
        "verified": "已验证：此记录自 {date} 起未被改动",
        "verified_pending": "已验证：此记录自 {date} 起未被改动；最新事件尚未上链",
        "withdrawn": "已撤下：此记录自 {date} 起未被改动，订单状态为 {lifecycle}",
        "test_data": "已在开发链上验证：测试数据",
        "altered": "已被改动（{why}）：所给内容与当时的记录不符",
        "malformed": "格式错误：这不是证明，对其内容无法作出任何判断",
        "could_not_check": "无法核验（{why}）：这既不说明订单有问题，也不说明没有问题",
        "unknown_code": "未知编码：截至 {date}，此编码从未出现在该日志中",
    },
    order="订单",
    shown_as="品牌",
    lifecycle="状态",
    checked="核验",
    events="经过",
    given="所给内容（与记录不符，或未经核验）",
    reported="由 {who} 报告",
    signed="由 {who} 签名",
    pending="已承诺，尚未上链",
    hidden="未披露：{names}",
    flags={"unexpected": "此处不应出现", "late": "早于之前的事件"},
    block="区块 {number}，{date}",
    whole="没有遗漏：截至区块 {number}（{date}），日志中此订单的事件恰好是这 {count} 个",
    unproven="这不能证明",
    not_proven=(
        "所报告的事情确实发生过",
        "您手中的物品就是这件物品：标签可以被复制",
        "所有人在任何时候看到的都是同一份历史：这需要审计方重放日志",
    ),
    test_absent="测试数据：在开发链上，截至 {date}，此编码从未出现在该日志中",
    hint_blocks="若要判定，请在您信任的 {chain} 浏览器中查找下列区块；编号与哈希一致时，加上以下选项再运行：",
    hint_block="--block {number}:{hash}",
)
