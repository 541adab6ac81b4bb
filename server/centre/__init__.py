"""The town centre's read side: figures, lists, map, history, review and exports.

Reads the ledger's rows and log; never writes a record except by appending ops through the ledger.
Invariants: every query is limited to what the reader may see; every answer that is a figure or a list says how complete
it is; personal values leave this package masked unless an audited unmasking asked for them.
"""
