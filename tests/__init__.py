"""Tests. Whatever opens a database here without `create_app` seals with the key of development, as `make run` does."""

from server.seal import seal
from server.settings import DEV_DATA_KEY

seal.init([DEV_DATA_KEY])
