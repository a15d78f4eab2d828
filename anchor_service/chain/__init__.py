"""The only door to web3 and py-evm."""

import os

# Five times as fast as what eth_hash would choose; it looks once, when it is first imported.
os.environ.setdefault("ETH_HASH_BACKEND", "pysha3")
