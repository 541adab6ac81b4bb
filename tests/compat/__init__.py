"""The frozen past: what every released version wrote, and today's code on it (tests/compat/README.md)."""
