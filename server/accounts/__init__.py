"""Accounts: who people, posts and devices are, and what they may do."""
