"""The only door to web3 and py-evm."""
