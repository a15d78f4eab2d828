"""Shared by all tests."""

import sys

_RECURSION_LIMIT = sys.getrecursionlimit()


def pytest_collection_finish() -> None:
    # eth-tester, which some tests import, raises the limit a hundredfold, and deep input would end the process. The
    # service itself puts it back (anchor_service.chain), so all tests run under the limit that the service has.
    sys.setrecursionlimit(_RECURSION_LIMIT)
