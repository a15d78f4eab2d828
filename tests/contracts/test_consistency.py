"""The registry's consistency check says what the RFC's text says, for good and for damaged proofs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from random import Random
from urllib.request import Request, urlopen

from anchor_service.protocol.errors import Altered
from anchor_service.protocol.hashes import Hash
from anchor_service.protocol.merkle import verify_consistency
from tests.contracts.chains import CREATE2, Chain
from tests.contracts.reference import Case, cases, consistent, grow, mth, prove

BATCH = 500
# The others may be right: a root does not say of how many entries it is, so a proof to size n may be one to n + 1.
FATAL = {"old root", "new root", "an element", "one more", "one less", "one twice", "no proof", "from nothing"}


def ask(case: Case) -> tuple[int, bytes, int, bytes, tuple[bytes, ...]]:
    return case.m, case.m_root, case.n, case.n_root, case.proof


def solidity(anvil: Chain, asked: Sequence[Case]) -> list[bool]:
    """What `verifyConsistency` says, asked in one request."""
    calls = (
        {"to": CREATE2["address"], "data": anvil.registry.encode_abi("verifyConsistency", ask(case))} for case in asked
    )
    requests = [
        {"jsonrpc": "2.0", "id": at, "method": "eth_call", "params": [call, "latest"]} for at, call in enumerate(calls)
    ]
    headers = {"Content-Type": "application/json"}
    with urlopen(Request(anvil.url, json.dumps(requests).encode(), headers), timeout=60) as response:
        answers = {answer["id"]: int(answer["result"], 16) for answer in json.load(response)}
    assert set(answers.values()) <= {0, 1}
    return [answers[at] == 1 for at in range(len(asked))]


def ours(case: Case) -> bool:
    """What the protocol core says of the same."""
    proof = [Hash(each) for each in case.proof]
    try:
        verify_consistency(case.m, case.n, proof, Hash(case.m_root), Hash(case.n_root))
    except Altered:
        return False
    return True


def test_solidity_reference_and_protocol_agree(anvil: Chain) -> None:
    asked = list(cases(seed=1, pairs=700))
    verdicts = [consistent(*ask(case)) for case in asked]
    assert [ours(case) for case in asked] == verdicts
    chained = [verdict for at in range(0, len(asked), BATCH) for verdict in solidity(anvil, asked[at : at + BATCH])]
    assert [case for case, one, two in zip(asked, verdicts, chained, strict=True) if one != two] == []
    # Every good proof is true, whatever the sizes; and what hurts it must make it false.
    for case, verdict in zip(asked, verdicts, strict=True):
        assert verdict or case.damage, case
        assert not verdict or case.damage not in FATAL, case
    assert sum(not verdict for verdict in verdicts) > 2000


def test_py_evm_agrees(py_evm: Chain) -> None:
    for case in cases(seed=2, pairs=60):
        verdict = py_evm.registry.functions.verifyConsistency(*ask(case)).call()
        assert verdict == consistent(*ask(case)), case


def test_the_recipe_is_the_definition() -> None:
    """`grow` makes what trees of leaves have: as many elements, and roots that the definition gives too."""
    random = Random(3)
    for n in range(1, 40):
        leaves = [random.randbytes(32) for _ in range(n)]
        for m in range(1, n + 1):
            proof = prove(m, leaves)
            assert consistent(m, mth(leaves[:m]), n, mth(leaves), proof)
            assert len(grow(m, n, random)[2]) == len(proof)
