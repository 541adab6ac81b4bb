"""Tools that start real services for tests."""
