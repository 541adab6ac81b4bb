"""A seeded world of handhelds, a bad wire and the real server ledger, checked against an oracle (protocol section 9)."""
