"""Nodes: a hub is this same server on SQLite, with a name and an epoch of its own, that meets the centre when there is a link (P-60).

Owns the meeting of two nodes: ops by version vector, then files by hash, and the accounts a hub needs to let people sign in.
The hub always calls; the centre only answers. What a device may do on a hub is what the centre said when they last met.
"""
