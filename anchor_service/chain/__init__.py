"""The only door to web3 and py-evm."""

import os
import sys
from typing import Final

# Five times as fast as what eth_hash would choose; it looks once, when it is first imported.
os.environ.setdefault("ETH_HASH_BACKEND", "pysha3")

RECURSION_LIMIT: Final = sys.getrecursionlimit()
"""The interpreter's limit, before py-evm raises it a hundredfold for the deepest calls of contracts."""
