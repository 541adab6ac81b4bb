"""The whole app on SQLite and PostgreSQL, as the edge tests use it, and a client that speaks tus."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from tests.server.edge.conftest import app, person  # noqa: F401 - fixtures
from tests.server.edge.people import Client, Person
from tests.server.files.tus_client import Tus


@pytest.fixture
def signed_in(person: Person) -> Callable[[str], Tus]:  # noqa: F811
    """Signs a user in on a device of his own and gives its tus client."""
    return lambda username: Tus(person(username))


@pytest.fixture
def tus(signed_in: Callable[[str], Tus]) -> Tus:
    """A patroller's tus client."""
    return signed_in("patroller")


__all__ = ["Client", "Flask"]
