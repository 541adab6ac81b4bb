"""The ledger: op log, fold to rows, feed counter, snapshots, quarantine, conflicts.

Owns every table of records and the only code that writes them. Services here know no Flask request.
Invariants: the op log is append-only and holds each line byte for byte; records, typed rows, conflicts and digests are a
cache of the fold; ops, state, verdicts and `acked` commit in one transaction; the feed counter moves last.
"""
