"""Shared by all tests."""

import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.postgres import Postgres, run_postgres

_RECURSION_LIMIT = sys.getrecursionlimit()

# Speed belongs in benches: a machine that stands still for a moment is no failure.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


def pytest_collection_finish() -> None:
    # eth-tester, which some tests import, raises the limit a hundredfold, and deep input would end the process. The
    # service itself puts it back (anchor_service.chain), so all tests run under the limit that the service has.
    sys.setrecursionlimit(_RECURSION_LIMIT)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A private PostgreSQL server, without the waiting for the disk."""
    with run_postgres("-c", "fsync=off") as server:
        yield server
