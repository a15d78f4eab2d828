"""What RPC nodes' answers are worth: which of them count, and whether a block is trusted (SPEC 15.8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anchor_service.protocol.errors import Altered, Unproven

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anchor_service.protocol.event import BlockId
    from anchor_service.protocol.policy import Policy
    from anchor_service.protocol.verdict import NodeAnswer


def trust_block(block: BlockId, policy: Policy, nodes: Sequence[NodeAnswer]) -> None:
    """Decide whether a block is trusted (SPEC 15.8, 1 to 4); Altered or Unproven where it is not."""
    # SPEC 15.8: The policy lists its number with its hash: trusted.
    listed = {known.hash for known in policy.blocks if known.number == block.number}
    if block.hash in listed:
        return
    where = f"block {block.number} (0x{block.hash.hex()})"
    if listed:
        raise Altered("block_other", f"{where} is not the block of that number that the policy trusts")
    answers = answers_that_count(policy, nodes)
    same = [node for node in answers if node.blocks.get(block.number) == block.hash]
    final = [node for node in same if node.final is not None and block.number <= node.final]
    other = [node for node in answers if node.blocks.get(block.number) not in (None, block.hash)]
    if other and same:
        raise Unproven("nodes_disagree", f"the nodes asked disagree on {where}")
    if other:
        raise Altered("block_other", f"{other[0].url} has another block than {where} at that number")
    if final:
        return
    if same:
        raise Unproven("block_not_final", f"{where} is not final yet")
    if nodes and all(node.operator for node in nodes) and not policy.chain.test:
        raise Unproven("operator_node", "only a node that the log's operator runs was asked")
    if nodes:
        raise Unproven("nodes_silent", f"no node could be asked for {where}")
    raise Unproven("block_untrusted", f"nobody was asked whether {where} is on the chain")


def answers_that_count(policy: Policy, nodes: Sequence[NodeAnswer]) -> list[NodeAnswer]:
    """Return the nodes' answers that count (SPEC 15.8, 2)."""
    chain = policy.chain
    return [
        node for node in nodes if node.error is None and node.chain_id == chain.id and (chain.test or not node.operator)
    ]
