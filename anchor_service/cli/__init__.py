"""The command `sealtrail`."""
