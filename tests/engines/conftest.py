"""The engines that are started once."""

from collections.abc import Iterator

import pytest
from postgres import Server, running_server


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A PostgreSQL of its own, in a time zone other than UTC; stopped at the end."""
    with running_server() as server:
        yield server
