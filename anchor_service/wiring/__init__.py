"""Puts the parts together: the only place that names adapters.

Import what is needed from where it is: the chain's adapter takes a second, and not every process needs it.
"""
