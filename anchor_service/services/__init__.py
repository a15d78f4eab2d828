"""Use cases, one a file; none calls another."""
