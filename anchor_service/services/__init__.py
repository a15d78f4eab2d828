"""Use cases, a file or a package each; none calls another."""
