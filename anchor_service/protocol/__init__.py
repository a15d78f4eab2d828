"""The protocol core: bytes in, values out; no I/O, no clock, no randomness, no framework.  SPEC.md lies beside it."""
