"""What importing the service leaves behind in its process."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["anchor_service.cli.main", "anchor_service.wiring", "anchor_service.api.app"])
def test_the_chains_libraries_leave_the_recursion_limit_and_take_the_fast_keccak(module: str) -> None:
    """A raised limit would let deeply nested input overflow the stack; eth_hash chooses once, at its first import."""
    program = f"""
import sys
before = sys.getrecursionlimit()
import {module}, anchor_service.wiring, anchor_service.chain.embedded
assert sys.getrecursionlimit() == before, sys.getrecursionlimit()
from eth_hash.auto import keccak
keccak(b"")
assert "eth_hash.backends.pysha3" in sys.modules
assert "eth_hash.backends.pycryptodome" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
