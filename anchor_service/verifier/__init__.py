"""The verifier: the protocol and the standard library."""
